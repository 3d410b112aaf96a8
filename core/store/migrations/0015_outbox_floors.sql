-- Where a search for a flow's lowest rank begins: nothing waits below. A snapshot that is held, as by a backup, keeps in
-- the index what was deleted there since, and each search from the start would walk over all of it.
create table outbox_floors (
  flow text collate "C" primary key,
  floor bigint not null default 0,
  next_floor bigint not null default 0, -- the lowest rank when it was last looked up: the floor after the next time
  seen_at timestamptz not null default 'epoch'
) with (fillfactor = 50);

insert into outbox_floors (flow) select distinct flow from outbox
