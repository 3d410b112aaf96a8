-- Who works, and how much: each worker writes its line every few seconds. The live page reads it, nothing depends on it.
create table workers (
  id uuid primary key,
  seen_at timestamptz not null default now(),
  active boolean not null, -- a live member of the consumer group
  expected int not null,
  processed bigint not null,
  failed bigint not null,
  cache_hits bigint not null,
  cache_misses bigint not null
) with (fillfactor = 50);
