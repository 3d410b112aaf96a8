#!/bin/sh
# Starts Prometheus. For each job named in LEFT_OUT_JOBS, separated by spaces, it records target:left_out: what was
# left out on purpose is not missed (TargetDown, JobAbsent).
set -eu
rules=${TMPDIR:-/tmp}/left_out.yml

rm -f "$rules"
if [ -n "${LEFT_OUT_JOBS:-}" ]; then
  printf 'groups:\n  - name: left-out\n    rules:\n' >"$rules"
  for job in $LEFT_OUT_JOBS; do
    printf '      - { record: "target:left_out", labels: { job: "%s" }, expr: vector(1) }\n' "$job" >>"$rules"
  done
fi
exec prometheus "$@"
