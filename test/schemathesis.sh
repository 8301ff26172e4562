#!/usr/bin/env bash
# The API against its own description: Schemathesis makes requests out of /openapi.json, good and bad ones, and compares
# the answers with it.
#
#   test/schemathesis.sh [GATEWAY]
#
# GATEWAY is the program to test; without it target/debug/gateway is built. It runs on free ports over a folder of its own,
# so nothing that exists is touched. Needs python3 with venv, curl, and a network for pip at the first run.
#
# The exit code is 3 where the Python packages cannot be had, so that nothing was tested.
#
# From the environment:
#   EXAMPLES  made-up requests for each operation     25
#   SEED      of the made-up requests                 1
#   VENV      where the Python packages are kept      a temporary folder, removed at the end
set -eu
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SCHEMATHESIS=4.32.5
VALIDATOR=0.9.0

for program in python3 curl; do
  command -v "$program" >/dev/null || { echo "schemathesis: $program is missing" >&2; exit 3; }
done
gateway=${1:-}
if [ -z "$gateway" ]; then
  (cd "$root" && cargo build --package gateway)
  gateway=${CARGO_TARGET_DIR:-$root/target}/debug/gateway
fi
[ -x "$gateway" ] || { echo "schemathesis: there is no program $gateway" >&2; exit 2; }

scratch=$(mktemp -d)
server=
leave() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
  rm -rf "$scratch"
}
trap leave EXIT
trap 'exit 130' INT TERM

venv=${VENV:-$scratch/venv}
if ! [ -x "$venv/bin/schemathesis" ]; then
  { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check \
    "schemathesis==$SCHEMATHESIS" "openapi-spec-validator==$VALIDATOR"; } || {
    echo "schemathesis: the Python packages cannot be installed" >&2
    exit 3
  }
fi

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# Operators' routes answer on the same port, and no limit is in the way.
export TRADE_ENGINE_DATA_DIR=$scratch/data
export TRADE_ENGINE_SERVER__HTTP_PORT=$port
export TRADE_ENGINE_SERVER__WEBSOCKET_PORT=0
export TRADE_ENGINE_SERVER__METRICS_PORT=0
export TRADE_ENGINE_SERVER__ADMIN_ON_PUBLIC=true
export TRADE_ENGINE_LIMITS__ORDERS_PER_SECOND=1000000
export TRADE_ENGINE_LIMITS__ADDRESS_REQUESTS_PER_SECOND=1000000
export TRADE_ENGINE_LIMITS__ADDRESS_BURST=1000000
export TRADE_ENGINE_LIMITS__FAILED_LOGINS_PER_MINUTE=1000000
export TRADE_ENGINE_LOGGING__LEVEL=warn
url=http://127.0.0.1:$port

cd "$scratch"
"$gateway" >"$scratch/gateway.log" 2>&1 &
server=$!
for _ in $(seq 300); do
  curl -s -o /dev/null "$url/health/ready" && break
  kill -0 "$server" 2>/dev/null || { cat "$scratch/gateway.log" >&2; exit 2; }
  sleep 0.1
done
token=$("$gateway" token alice --scope "trade read admin:markets admin:funds admin:accounts admin:read")

curl -sf -o "$scratch/openapi.json" "$url/openapi.json"
"$venv/bin/openapi-spec-validator" "$scratch/openapi.json"

checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance
checks=$checks,response_schema_conformance,negative_data_rejection,ignored_auth,unsupported_method
# The WebSocket is no request with an answer; it has tests of its own.
"$venv/bin/schemathesis" run "$scratch/openapi.json" \
  --url "$url" \
  --header "Authorization: Bearer $token" \
  --checks "$checks" \
  --exclude-path /ws \
  --continue-on-failure \
  --max-examples "${EXAMPLES:-25}" \
  --seed "${SEED:-1}" \
  --output-truncate false
