-- The table that every peer keeps its thoughts in: what their measurement reads.
create table thoughts (
  id uuid primary key,
  user_id text not null,
  text text not null,
  created_at timestamptz not null default now(),
  result jsonb,
  finished_at timestamptz
);
