#!/usr/bin/env bash
# Starts PostgreSQL once its roles are as they should be. The image makes a new database only in an empty
# volume; the statements of roles.sh, run before each start, repair one that failed halfway and set passwords
# that have changed since.
set -euo pipefail
data=${PGDATA:-/var/lib/postgresql/data}

single_user() { # reads statements, one a line
  postgres --single -D "$data" "$1" >/dev/null
}

if [ -s "$data/PG_VERSION" ]; then
  if ! single_user thoughts </dev/null 2>/dev/null; then
    echo 'create database thoughts' | single_user postgres
  fi
  bash /etc/thoughts/roles.sh | single_user thoughts
fi

exec docker-entrypoint.sh "$@"
