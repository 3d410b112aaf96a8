-- The gate before each model, one row for all workers. Times are the database's; one that lies beyond the horizon
-- (core/store/clock_skew.ts) was written before the clock went back, and counts as past.
create table model_gates (
  provider text not null,
  model text not null,
  closed_at timestamptz, -- null: open
  reason text check (reason in ('outage', 'rate', 'quota', 'credentials')),
  detail text, -- what the endpoint said, cut; no thought text
  closures bigint not null default 0, -- the fence: a probe of an earlier closure opens nothing
  probe_at timestamptz, -- when the next probe may begin; while one is under way, when it is given up
  probes bigint not null default 0, -- the number of the newest probe
  probing boolean not null default false,
  failed_probes int not null default 0, -- of this closure
  blocked_until timestamptz, -- after a 429; only grows
  requests_left float8 not null default 0, -- buckets of the limits per minute, as they stood at refilled_at
  tokens_left float8 not null default 0,
  refilled_at timestamptz not null default 'epoch',
  primary key (provider, model)
) with (fillfactor = 50);

-- What language models cost, by day of UTC and over all models: a bill knows no difference between them.
create table model_spend (
  day date primary key,
  reserved_usd float8 not null default 0, -- spent, or promised to analyses under way
  spent_usd float8 not null default 0
) with (fillfactor = 50);

-- What a worker knows of its gate, for the live page.
alter table workers
  add column gate_status text not null default 'open',
  add column gate_reason text,
  add column gate_since timestamptz;
