#!/usr/bin/env bash
# Starts PostgreSQL once its roles are as they should be. The image makes a new database only in an empty volume; where
# that failed half-way, or a password has changed since, the statements of roles.sh make it good before each start.
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
