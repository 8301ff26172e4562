#!/usr/bin/env bash
# Whether a database has the schema of the trade engine, and takes an order. Nothing of the order stays: it is inserted in a
# transaction that is rolled back.
#
#   test/verify-database-schema.sh
#
# It needs psql, and neither Docker nor the program. Every check runs, a line each; the exit code is 0 only if none failed.
#
# From the environment:
#   DATABASE_URL   postgres://user:password@host:port/name   postgres://postgres@localhost:5432/mytrader
#   PGPASSWORD     the password, where the address has none
set -u
export LC_ALL=C PGCONNECT_TIMEOUT=10 PGOPTIONS='-c statement_timeout=30000 -c client_min_messages=warning'
DATABASE_URL=${DATABASE_URL:-postgres://postgres@localhost:5432/mytrader}

if ! command -v psql >/dev/null; then
  echo 'psql is not installed (Debian and Ubuntu: apt-get install postgresql-client)'
  exit 2
fi
# A password among the arguments could be read by everybody on this machine.
case $DATABASE_URL in
  *://*:*@*)
    credentials=${DATABASE_URL#*://}
    credentials=${credentials%%@*}
    password=${credentials#*:}
    PGPASSWORD=$(printf '%b' "${password//%/\\x}")
    export PGPASSWORD
    address="${DATABASE_URL%%://*}://${credentials%%:*}@${DATABASE_URL#*@}"
    ;;
  *) address=$DATABASE_URL ;;
esac

if [ -t 1 ]; then
  green=$'\033[0;32m' red=$'\033[0;31m' plain=$'\033[0m'
else
  green='' red='' plain=''
fi
failed=0
good() { echo "$green✓ $1$plain"; }
bad() { # bad WHAT WHY
  echo "$red✗ $1: $2$plain"
  failed=$((failed + 1))
}
ask() { psql "$address" --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --command "$1" 2>&1; }
same() { # same WHAT SQL EXPECTED
  local found
  if ! found=$(ask "$2"); then
    bad "$1" "$found"
  elif [ "$found" = "$3" ]; then
    good "$1"
  else
    bad "$1" "expected '$3', found '$found'"
  fi
}

echo '=== Database schema verification ==='
if ! found=$(ask 'SELECT version()'); then
  bad "the database at $address" "$found"
  exit 1
fi
good "${found%% on *}"

labels() {
  echo "SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = to_regtype('$1')"
}
same 'order_side_enum' "$(labels order_side_enum)" 'BUY SELL'
same 'order_type_enum' "$(labels order_type_enum)" 'MARKET LIMIT STOP STOP_LIMIT'
same 'order_status_enum' "$(labels order_status_enum)" \
  'PENDING OPEN PARTIALLY_FILLED FILLED CANCELLED REJECTED EXPIRED'
same 'time_in_force_enum' "$(labels time_in_force_enum)" 'GTC IOC FOK DAY GTD'

for table in orders trades markets candles shards market_state shard_log commands client_order_ids amendments \
  cancel_cutoffs dead_man sessions wallets house_accounts reservations ledger_transactions ledger_entries tiers accounts \
  api_keys audit_log detached_partitions; do
  same "table $table" "SELECT to_regclass('public.$table') IS NOT NULL" 't'
done
for index in idx_orders_user_symbol_status idx_orders_symbol_status idx_orders_status_created \
  idx_trades_buyer idx_trades_seller idx_trades_symbol_time; do
  same "index $index" "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('public.$index')" 't'
done
same 'primary keys of orders and trades' "SELECT string_agg(conrelid::regclass || ' ' || pg_get_constraintdef(oid), ', '
    ORDER BY 1) FROM pg_constraint WHERE contype = 'p' AND conrelid IN ('orders'::regclass, 'trades'::regclass)" \
  'orders PRIMARY KEY (order_id), trades PRIMARY KEY (trade_id)'
same 'foreign keys of trades' "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0
    AND conrelid = 'trades'::regclass AND confrelid = 'orders'::regclass" '2'
for role in trade_gateway trade_matcher trade_wallet trade_auditor; do
  same "role $role" "SELECT count(*) FROM pg_roles WHERE rolname = '$role'" '1'
done

has_partition() { # a partition for the moment, by the bounds of its ids
  echo "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = '$1'::regclass
      AND v7_floor($2) >= substring(pg_get_expr(relpartbound, c.oid) FROM 'FROM \(''([0-9a-f-]{36})')::uuid
      AND v7_floor($2) < substring(pg_get_expr(relpartbound, c.oid) FROM 'TO \(''([0-9a-f-]{36})')::uuid"
}
same 'partition of orders for now' "$(has_partition orders 'now()')" '1'
same 'partition of orders for the month after next' "$(has_partition orders "now() + interval '2 months'")" '1'
same 'partition of trades for now' "$(has_partition trades 'now()')" '1'
same 'partition of trades for the week after next' "$(has_partition trades "now() + interval '13 days'")" '1'

insert="INSERT INTO orders (user_id, symbol, side, order_type, quantity, price, status)
  VALUES ('123e4567-e89b-12d3-a456-426614174000', 'BTC/USDT', 'BUY', 'LIMIT', 1.5, 50000.00, 'OPEN')"
same 'an order goes in and is found, and nothing of it stays' \
  "BEGIN; $insert; SELECT user_id, symbol, side, order_type, status, quantity, price, filled_quantity, time_in_force
     FROM orders WHERE user_id = '123e4567-e89b-12d3-a456-426614174000' AND created_at = date_trunc('milliseconds', now());
   ROLLBACK" \
  '123e4567-e89b-12d3-a456-426614174000|BTC/USDT|BUY|LIMIT|OPEN|1.50000000|50000.00000000|0.00000000|GTC'
if found=$(ask "BEGIN; ${insert/1.5/0}; ROLLBACK"); then
  bad 'an order of less than nothing is refused' 'it was taken'
else
  case $found in
    *chk_quantity_positive*) good 'an order of less than nothing is refused' ;;
    *) bad 'an order of less than nothing is refused' "$found" ;;
  esac
fi

if [ "$failed" -gt 0 ]; then
  echo "$red=== $failed checks failed ===$plain"
  exit 1
fi
echo "$green=== Database schema verification complete ===$plain"
