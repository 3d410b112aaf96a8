#!/bin/sh
# Starts Alertmanager. With an address in dead_mans_switch, the Watchdog goes there too: the lines behind
# `#switch:` in alertmanager.yml are part of the configuration then, which is written to /tmp, since an
# address of this kind is a secret. An unusable one is left out, with a message: the alerts are worth more
# than the switch.
set -eu
config=${ALERTMANAGER_CONFIG:-/etc/alertmanager/alertmanager.yml}
secret=${DEAD_MANS_SWITCH_FILE:-/run/secrets/alertmanager/dead_mans_switch}
own=${TMPDIR:-/tmp}/alertmanager.yml

url=$(cat "$secret" 2>/dev/null || true)

# Whether Alertmanager accepts the configuration with that address.
make_config() {
  case $url in http://* | https://*) ;; *) return 1 ;; esac
  umask 077
  escaped=$(printf %s "$url" | sed 's/[&|\\]/\\&/g')
  sed "/#switch: /{s|#switch: ||;s|{URL}|$escaped|;}" "$config" >"$own" 2>/dev/null || return 1
  amtool check-config "$own" >/dev/null 2>&1
}

if [ -n "$url" ]; then
  if make_config; then
    config=$own
  else
    rm -f "$own"
    echo 'level=warn msg="DEAD_MANS_SWITCH_URL is no address that can be called: there is no dead man'"'"'s switch"' >&2
  fi
fi
exec alertmanager --config.file="$config" "$@"
