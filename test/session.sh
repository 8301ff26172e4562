#!/usr/bin/env bash
# A trading session against a running gateway, with curl: every order type and time in force, every refusal.
#
#   TRADE_ENGINE_LIMITS__FAILED_LOGINS_PER_MINUTE=1000 cargo run --release          # in one terminal: it tries bad tokens
#   test/session.sh              # in another
#
# It trades in markets and with users of its own, so it can run again and again against the same exchange. It prints a
# line per step and ends with the counts; the exit code is 0 only if every step was as expected.
#
# Some codes no script can provoke; docs/errors.md names the tests that show them.
#
# From the environment:
#   PUBLIC   where the API listens              http://localhost:8080
#   ADMIN    where operators' calls are taken   http://localhost:9090
#   GATEWAY  the program, which makes tokens    target/release/gateway, else target/debug/gateway
#            It reads the same settings as the server: TRADE_ENGINE_CONFIG and the other variables are passed on.
#   DATA     the gateway's data directory, to read its audit file; left out where it is not given
#   SETTINGS the gateway's settings file, to change it, reload and change it back; left out where it is not given
#   PRIVATE  a file that gets the session's tokens, secrets and tickets, for looking whether a log holds one
#   WS       the client for WebSockets: `cargo build --release --example ws` makes it. Without WS it is looked for beside
#            GATEWAY; where it is not there, what needs it is left out, and said to be, or with CI=true the session fails
#   WS_URL   where WebSockets are taken         PUBLIC with ws for http, and /ws
#   ALSO_PUBLIC  another gateway of the same exchange: requests and connections go to one and the other in turn
#   ALSO_ADMIN   where its operators' calls are taken
#   ALSO_WS_URL  where it takes WebSockets      ALSO_PUBLIC with ws for http, and /ws
#   BALANCED     anything where PUBLIC is a balancer, which refuses some requests itself: they are left out
#   TRANSCRIPT   a file that gets every request and answer, and every frame that was waited for; without names that were
#                made up, times and secrets. `cargo xtask session` compares two of them
#   PARTS    which parts to run                 all of them; definition, money and conservation always run
set -u
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
parts=$root/test/session
PUBLIC=${PUBLIC:-http://localhost:8080}
ADMIN=${ADMIN:-http://localhost:9090}
GATEWAY=${GATEWAY:-$root/target/release/gateway}
[ -x "$GATEWAY" ] || GATEWAY=$root/target/debug/gateway
PARTS=${PARTS:-limit market stop special prevention amend cancel clientid states numbers bodies rights public
  batch switch past accounts keys limits operators settings stream resume connections}
WS=${WS:-$(dirname "$GATEWAY")/examples/ws}
WS_URL=${WS_URL:-ws${PUBLIC#http}/ws}

for program in curl od date base64; do
  command -v "$program" >/dev/null || { echo "session: $program is missing" >&2; exit 2; }
done
[ -x "$GATEWAY" ] || { echo "session: build the gateway first, or name it in GATEWAY" >&2; exit 2; }
if ! [ -x "$WS" ] && [ "${CI-}" = true ]; then
  echo "session: there is no client $WS: cargo build --example ws" >&2
  exit 2
fi
scratch=$(mktemp -d) || exit 2

# shellcheck source=session/words.sh
. "$parts/words.sh"
# shellcheck source=session/sockets.sh
. "$parts/sockets.sh"

leave() { # The markets of this session are left empty and halted, whatever happened.
  local market
  for market in ${opened:-}; do
    send operator POST "$ADMIN/api/v1/admin/orders/cancel" "{\"symbol\":\"$market\"}"
    send operator PUT "$ADMIN/api/v1/admin/markets/${market/\//-}/state" '{"state":"halted"}'
  done
  rm -rf "$scratch"
}
trap leave EXIT
trap 'exit 130' INT TERM

if ! curl -s -o /dev/null "$PUBLIC/health"; then
  echo "session: nobody answers at $PUBLIC" >&2
  exit 2
fi

for part in definition money $PARTS conservation; do
  [ -r "$parts/$part.sh" ] || { echo "session: there is no part $part" >&2; exit 2; }
  echo "# $(sed -n '1s/^# //p' "$parts/$part.sh")"
  # shellcheck source=/dev/null
  . "$parts/$part.sh"
done

[ -z "$left_out" ] || echo "LEFT OUT: $left_out"
# shellcheck disable=SC2154
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
