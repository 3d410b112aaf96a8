-- Fairness is decided in the outbox: messages leave it by rank, flow by flow (docs/decisions/0061-fairness.md).
-- As before, no index speaks of a column that a claim changes.
alter table thoughts
  add column priority text not null default 'interactive' check (priority in ('interactive', 'batch')),
  -- The name of the API key it came with, '' without keys.
  add column flow text not null default '',
  -- Claims in a row whose process ended, cleared when an analysis ends.
  add column crashes int not null default 0;

create index thoughts_waiting_batch on thoughts (id) where finished_at is null and priority = 'batch';

-- What went for good: published on `thoughts.dead`, and deleted in the transaction that publishes it.
create table dead_letters (
  id bigint generated always as identity primary key,
  value text not null, -- a thought's id, or where an unreadable message lay
  reason text not null,
  traceparent text,
  created_at timestamptz not null default now()
);

alter table outbox rename to outbox_before_ranks;
alter table outbox_before_ranks rename constraint outbox_pkey to outbox_before_ranks_pkey;

-- Thoughts to announce to the workers, written in the transaction that makes them wait, deleted in the one that
-- announces them. A thought is announced at most once for each number of claims.
create table outbox (
  thought_id uuid not null,
  attempts int not null,
  flow text not null,
  user_id text not null,
  cost int not null, -- what its turn costs its user: a batch thought's is higher
  rank bigint, -- the lowest leaves first; null until it is due
  available_at timestamptz not null default now(),
  suspect boolean not null default false, -- its worker died with it: it is tried alone, and never announced
  traceparent text,
  primary key (thought_id, attempts)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

create index outbox_by_rank on outbox (flow, rank) where rank is not null;
create index outbox_by_user on outbox (flow, user_id, rank) where rank is not null;
create index outbox_delayed on outbox (available_at) where rank is null and not suspect;
create index outbox_suspects on outbox (available_at) where suspect;

insert into dead_letters (value, reason, traceparent)
  select value, coalesce(reason, 'unknown'), traceparent from outbox_before_ranks where topic = 'thoughts.dead' order by id;

insert into outbox (thought_id, attempts, flow, user_id, cost, rank, available_at, traceparent)
  select t.id, t.attempts, '', t.user_id, 1,
    case when o.available_at <= now() then
      (extract(epoch from now()) * 1000000)::bigint
        + row_number() over (partition by t.user_id, o.available_at <= now() order by o.available_at, o.id)
    end,
    o.available_at, o.traceparent
  from outbox_before_ranks o join thoughts t on t.id::text = o.value
  where o.topic = 'thoughts' and t.status = 'pending'
  on conflict do nothing;

drop table outbox_before_ranks;
