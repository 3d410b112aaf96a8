-- Keys that may expire, found without reading the thoughts that have none.
create index thoughts_keyed on thoughts (id) where idempotency_key is not null;

-- Analyses to take out of the cache, since a thought that led to them was deleted. Every worker reads them, so they stay
-- for some minutes.
create table cache_evictions (
  at timestamptz not null default clock_timestamp(),
  subject text not null, -- the hash by which the cache finds an analysis (core/subject.ts)
  primary key (at, subject)
);
