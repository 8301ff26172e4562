#!/bin/sh
# Starts PgBouncer with the users of the exchange, whose passwords come from the environment.
#
#   docker/pgbouncer/start.sh [PGBOUNCER.INI]
#
# From the environment: GATEWAY_DB_PASSWORD, WALLET_DB_PASSWORD
set -eu
umask 077
quoted() { printf '%s' "$1" | sed 's/"/""/g'; }
cat >/tmp/users.txt <<EOF
"gateway" "$(quoted "${GATEWAY_DB_PASSWORD:?}")"
"wallet" "$(quoted "${WALLET_DB_PASSWORD:?}")"
EOF
exec pgbouncer "${1:-/etc/pgbouncer/pgbouncer.ini}"
