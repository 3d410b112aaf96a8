-- An operator's hold on all workers: one row while they are paused, none while they are not.
create table pauses (
  only_one boolean primary key default true check (only_one),
  author text not null, -- the name of the API key, or who asked on the command line
  reason text not null,
  since timestamptz not null default now()
);
