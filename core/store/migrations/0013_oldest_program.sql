-- The oldest program that works with the schema of a version, by the newest version it knows: a program that was rolled
-- back starts on a newer schema. Null: only programs that know the version.
alter table schema_migrations add column if not exists oldest_program int
