#!/bin/bash
# The logins of the programs, made when PostgreSQL starts for the first time (docs/database.md, "Roles"). Migrations give the
# roles their rights. The limits stand at the logins, since no session says them through PgBouncer.
#
# From the environment: POSTGRES_USER, POSTGRES_DB, GATEWAY_DB_PASSWORD, MATCHER_DB_PASSWORD, WALLET_DB_PASSWORD,
# AUDITOR_DB_PASSWORD, MONITOR_DB_PASSWORD
set -euo pipefail

export GATEWAY_DB_PASSWORD MATCHER_DB_PASSWORD WALLET_DB_PASSWORD AUDITOR_DB_PASSWORD MONITOR_DB_PASSWORD
for program in gateway matcher wallet auditor monitor; do
  variable=${program^^}_DB_PASSWORD
  : "${!variable:?}"
  role=trade_$program make="CREATE ROLE trade_$program NOLOGIN;"
  # postgres_exporter: statistics, and no table.
  [ "$program" != monitor ] || role=pg_monitor make=
  # In the script and not among the arguments, which everybody on the machine can read.
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<EOF
\set password \`printenv $variable\`
$make
CREATE ROLE $program LOGIN PASSWORD :'password' IN ROLE $role;
ALTER ROLE $program SET statement_timeout = '10s';
ALTER ROLE $program SET lock_timeout = '5s';
ALTER ROLE $program SET idle_in_transaction_session_timeout = '10s';
EOF
done
