-- What waits, as the leading worker last counted it: a count of a long backlog is not repeated by every worker.
create table waiting (
  only_row boolean primary key default true check (only_row),
  counted_at timestamptz not null,
  total float8 not null,
  batch float8 not null,
  oldest_interactive float8 not null,
  oldest_batch float8 not null,
  outbox float8 not null
) with (fillfactor = 50);
