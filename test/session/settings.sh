# Settings that are changed while the exchange runs: one that is refused, and fewer failed logins
# shellcheck shell=bash disable=SC2154,SC2034

reload() { # reload [SED EXPRESSION]: with the settings changed so, or as they were
  sed "${1:-}" "$scratch/settings" >"$SETTINGS"
  admin operator POST /reload
  asked="operator: reload${1:+ with $1}"
}
stranger() { ask "$1" GET /api/v1/balances '' --interface 127.0.0.2; }

settings_change() {
  cp "$SETTINGS" "$scratch/settings"
  reload 's/failed_logins_per_minute: [0-9]*/failed_logins_per_minute: none/'
  expect 422 code=settings_refused '+"errors":['
  ask alice GET /api/v1/balances
  asked='alice: all is as it was'
  expect 200
  # Failed logins count by address: another one than the session's own, which goes on.
  stranger alice
  if [ "$status" = 200 ]; then
    # More than the session itself has tried by now.
    reload 's/failed_logins_per_minute: [0-9]*/failed_logins_per_minute: 200/'
    expect 200 '+failed_logins'
    token_mallory=x.y.z
    curl -s --interface 127.0.0.2 -H 'Authorization: Bearer x.y.z' "$PUBLIC/api/v1/balances?[1-200]" >/dev/null
    stranger mallory
    asked='mallory: after too many bad tokens'
    expect 429 code=too_many_failed_logins '^retry-after: '
    stranger alice
    asked='alice: a good token from that address waits, too'
    expect 429 code=too_many_failed_logins
    ask alice GET /api/v1/balances
    asked='alice: from elsewhere she goes on'
    expect 200
  else
    skip 'too many failed logins' 'there is no second address to come from'
  fi
  reload
  expect 200
}

if [ -n "${SETTINGS-}" ] && [ -w "$SETTINGS" ]; then
  settings_change
else
  skip 'changing settings' 'SETTINGS names no file'
fi
