#!/usr/bin/env bash
# Runs once, when the database is created. Nobody comes in over the network as superuser: the application owns its
# database and nothing else, the exporter reads statistics. The superuser is left to `docker compose exec db psql`.
set -eo pipefail # no -u: where the file is not executable, the entrypoint reads it into itself
psql -v ON_ERROR_STOP=1 --username postgres --dbname thoughts \
  -v app="$(cat /run/secrets/postgres/password)" -v exporter="$(cat /run/secrets/exporter/password)" <<'SQL'
create role thoughts login password :'app';
alter database thoughts owner to thoughts;
alter schema public owner to thoughts;
create role exporter login password :'exporter' connection limit 5 in role pg_monitor;
alter role postgres password null;
SQL
