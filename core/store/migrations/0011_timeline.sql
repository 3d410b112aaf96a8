-- When a thought reached its stations, beside created_at, queued_at and finished_at: written by the claim and by the
-- completion, which write the row anyway, and in no index. Null in rows of before.
alter table thoughts
  add column published_at timestamptz, -- by the relay that sent its message
  add column claimed_at timestamptz,
  add column analysed_at timestamptz,
  add column from_cache boolean -- whether its analysis was known already
