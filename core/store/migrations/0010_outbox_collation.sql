-- Flows and users are compared with each other only, in no language's order: bytes are compared at a fraction of the cost.
alter table outbox
  alter column flow type text collate "C",
  alter column user_id type text collate "C";
