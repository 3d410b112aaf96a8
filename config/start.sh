#!/bin/sh
# start PROGRAM [flags of deno run] Becomes api, worker or api/migrate, allowed to reach what its settings
# name and nothing else. It never prompts, since nobody could answer. --quiet: the log is JSON, and Deno's own
# messages are not.
set -eu
program=${1%%/*}
case $1 in */*) entry=$1.ts ;; *) entry=$1/main.ts ;; esac
shift
hosts=$(deno run --quiet --no-prompt --cached-only -P=start core/reachable_hosts.ts "$program")
exec deno run --quiet --no-prompt --cached-only "$@" -P="$program" --allow-net="$hosts" "$entry"
