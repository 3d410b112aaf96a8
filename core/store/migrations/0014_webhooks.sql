-- Where the thoughts of an API key are reported once they end. Without keys there is one flow, the empty name.
create table webhooks (
  flow text collate "C" primary key,
  user_id text, -- whom the key belongs to; null: every user
  url text not null,
  secret text not null, -- base64
  secret_before text, -- signs as well until then, so that a receiver can change over
  secret_before_until timestamptz,
  created_at timestamptz not null default now()
);

-- Events that a receiver has not accepted yet: written by the statement that ends the thought, deleted once accepted.
create table webhook_deliveries (
  id uuid primary key default gen_random_uuid(), -- the webhook-id, the same in every attempt
  flow text collate "C" not null,
  thought_id uuid not null,
  user_id text not null,
  status text not null check (status in ('completed', 'failed')),
  accepted_at timestamptz not null, -- the thought
  ended_at timestamptz not null, -- the thought
  traceparent text,
  attempts int not null default 0,
  due_at timestamptz default now(), -- the next attempt; while one is under way, when it counts as lost; null once given up
  given_up_at timestamptz,
  error text -- what the last attempt ran into
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

create index webhook_deliveries_due on webhook_deliveries (flow, due_at) where due_at is not null;
create index webhook_deliveries_given_up on webhook_deliveries (flow, given_up_at) where given_up_at is not null;
create index webhook_deliveries_by_thought on webhook_deliveries (thought_id)
