#!/usr/bin/env bash
# Prints the statements that create the roles, one per line; they change nothing where the roles are right.
# Nobody can log in over the network as superuser: the application owns its database and nothing else, the
# exporter reads statistics. The superuser is left to `docker compose exec db psql -U postgres`.
set -euo pipefail

secret() { # a password as an SQL literal
  printf "'%s'" "$(sed "s/'/''/g" "/run/secrets/$1/password")"
}

create() {
  echo "do \$\$ begin if not exists (select from pg_roles where rolname = '$1') then create role $1; end if; end \$\$;"
}

create thoughts
echo "alter role thoughts login password $(secret postgres);"
echo "alter database thoughts owner to thoughts;"
echo "alter schema public owner to thoughts;"
create exporter
echo "alter role exporter login password $(secret exporter) connection limit 5;"
echo "grant pg_monitor to exporter;"
echo "alter role postgres password null;"
