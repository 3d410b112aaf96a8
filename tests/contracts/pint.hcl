# Cloudflare's linter of rules, without a Prometheus to ask: docs/decisions/0029-linters.md lists what holds the checks
# that need one.
checks {
  # A series of another group is one evaluation old at most, and every alert on one waits longer.
  disabled = ["rule/dependency"]
}

check "promql/regexp" {
  # Routes are paths: `/thoughts.*` is all below one.
  smelly = false
}
