# The money at the end: what was deposited is there, but for the fees
# shellcheck shell=bash disable=SC2154,SC2034

clear_book alice bob carol
for name in alice bob carol; do
  send "$name" DELETE "$PUBLIC/api/v1/orders"
  ask "$name" GET '/api/v1/orders?status=open'
  expect 200 '+"orders":[]'
done
depth
expect 200 '+"bids":[],"asks":[]'

sum_of() { # sum_of ASSET: of the balances of all, in units of 1e-8; nothing may be reserved
  local name sum=0
  for name in alice bob carol; do
    balance "$name" "$1"
    [ "$(field reserved_balance)" = 0 ] || echo "$name has $1 reserved" >&2
    sum=$((sum + $(units "$(field available_balance)")))
  done
  echo "$sum"
}
# Fees from the public trades: takers pay 0.2 %, makers 0.1 %, of what they receive, rounded up to 1e-8.
fee() { echo $((($1 * $2 + 999) / 1000)); } # fee UNITS PER_MILLE
base_fees=0
quote_fees=0
traded=0
ask nobody GET "/api/v1/markets/$dashed/trades?limit=1000"
printf '%s\n' "$body" | tr '{' '\n' |
  sed -n 's/.*"quantity":"\([^"]*\)","quote_quantity":"\([^"]*\)","is_buyer_maker":\([a-z]*\).*/\1 \2 \3/p' >"$scratch/trades"
while read -r quantity quote buyer_is_maker; do
  traded=$((traded + 1))
  case $buyer_is_maker in false) buyer=2 seller=1 ;; *) buyer=1 seller=2 ;; esac
  base_fees=$((base_fees + $(fee "$(units "$quantity")" "$buyer")))
  quote_fees=$((quote_fees + $(fee "$(units "$quote")" "$seller")))
done <"$scratch/trades"
# The same from the orders.
orders_base_fees=0
orders_quote_fees=0
for name in alice bob carol; do
  ask "$name" GET '/api/v1/orders?limit=1000'
  printf '%s\n' "$body" | tr '{' '\n' |
    sed -n 's/.*"fee":"\([^"]*\)","fee_asset":"\([^"]*\)".*/\1 \2/p' >"$scratch/fees"
  while read -r amount asset; do
    case $asset in
      "$base") orders_base_fees=$((orders_base_fees + $(units "$amount"))) ;;
      USDT) orders_quote_fees=$((orders_quote_fees + $(units "$amount"))) ;;
    esac
  done <"$scratch/fees"
done
same "the fees of $traded trades in $base, by trades and by orders" "$base_fees" "$orders_base_fees"
same "the fees of $traded trades in USDT, by trades and by orders" "$quote_fees" "$orders_quote_fees"
same "$base: deposits are balances and fees, in units of 1e-8" "$deposited_base" "$(($(sum_of "$base") + base_fees))"
same 'USDT: deposits less withdrawals are balances and fees' "$deposited_quote" "$(($(sum_of USDT) + quote_fees))"
same 'the other markets are as they were' "$markets_before" "$(other_markets)"
