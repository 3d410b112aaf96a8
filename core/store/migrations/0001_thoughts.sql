-- The truth about every thought. `attempts` is the fence: a result is stored only by the newest claim.
-- No index may speak of a column that a claim changes (status, attempts, claimed_until), not even in its predicate:
-- so a claim stays a heap-only update and costs no index writes.
create table thoughts (
  id uuid primary key, -- version 7: its order is the order of creation
  user_id text not null,
  text text not null,
  context text,
  status text not null default 'pending' check (status in ('pending', 'processing', 'completed', 'failed')),
  attempts int not null default 0,
  attempts_forgiven int not null default 0, -- by a redrive; these count no more against the limit
  claimed_until timestamptz,
  queued_at timestamptz not null default now(),
  result jsonb,
  error text,
  idempotency_key text,
  request_hash text,
  traceparent text,
  created_at timestamptz not null default now(),
  finished_at timestamptz
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

create index thoughts_by_user on thoughts (user_id, id desc);
create index thoughts_waiting on thoughts (id) where finished_at is null;
create index thoughts_given_up on thoughts (id) where finished_at is not null and result is null;
create unique index thoughts_idempotency on thoughts (user_id, idempotency_key) where idempotency_key is not null;

-- Messages to send, written in the transaction that makes them true, deleted in the one that sends them.
create table outbox (
  available_at timestamptz not null default now(),
  id bigint generated always as identity,
  topic text not null,
  key text not null,
  value text not null,
  reason text,
  traceparent text,
  primary key (available_at, id)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
