# The past: own trades, the ledger, candles, right after what they tell of
# shellcheck shell=bash disable=SC2154,SC2034

clear_book alice bob carol
place alice SELL LIMIT quantity=1 price=100
maker=$order
place bob BUY LIMIT quantity=1 price=100
taker=$order
ask bob GET '/api/v1/trades?limit=1'
expect 200 "order_id=$taker" "symbol=$symbol" side=BUY role=TAKER price=100 quantity=1 quote_quantity=100 fee=0.002 \
  "fee_asset=$base"
trade=$(field trade_id)
ask alice GET '/api/v1/trades?limit=1'
expect 200 "trade_id=$trade" "order_id=$maker" side=SELL role=MAKER fee=0.1 fee_asset=USDT
ask bob GET "/api/v1/trades?order_id=$taker"
expect 200 "trade_id=$trade" next_cursor=null
ask alice GET "/api/v1/trades?order_id=$taker"
expect 200 '+"trades":[]'
ask bob GET "/api/v1/trades?symbol=$dashed&limit=2"
expect 200 "trade_id=$trade" next_cursor!=null
ask bob GET "/api/v1/trades?before=$trade&limit=1"
expect 200 "trade_id!=$trade" trade_id!=
ask bob GET "/api/v1/trades?after=$trade"
expect 200 '+"trades":[]'
for wrong in limit=0 limit=1001 limit=x before=x order_id=x 'symbol=NO-SUCH' page=2; do
  ask bob GET "/api/v1/trades?$wrong"
  expect 400
done
ask nobody GET /api/v1/trades
expect 401 code=unauthenticated
ask poor GET /api/v1/trades
expect 200 '+"trades":[]'

ledger_sums() { # ledger_sums WHO ASSET: of all lines, available and reserved, in units of 1e-8
  local cursor='' available=0 reserved=0 changes line sign digits
  while :; do
    send "$1" GET "$PUBLIC/api/v1/ledger?asset=$2&limit=1000$cursor"
    changes=$(printf '%s' "$body" | tr '{' '\n' |
      sed -n 's/.*"available_change":"\([^"]*\)","reserved_change":"\([^"]*\)".*/\1 \2/p')
    while read -r line digits; do
      [ -n "$line" ] || continue
      case $line in -*) sign=-1 ;; *) sign=1 ;; esac
      available=$((available + sign * $(units "${line#-}")))
      case $digits in -*) sign=-1 ;; *) sign=1 ;; esac
      reserved=$((reserved + sign * $(units "${digits#-}")))
    done <<<"$changes"
    [ "$(field next_cursor)" != null ] || break
    cursor="&before=$(field next_cursor)"
  done
  echo "$available $reserved"
}
for name in alice bob; do
  for asset in "$base" USDT; do
    sums=$(ledger_sums "$name" "$asset")
    balance "$name" "$asset"
    same "the lines of $name in $asset sum to the balance" "$sums" \
      "$(units "$(field available_balance)") $(units "$(field reserved_balance)")"
  done
done
ask bob GET "/api/v1/ledger?limit=1"
expect 200 entry_id!= next_cursor!=null
newest=$(field entry_id)
ask bob GET "/api/v1/ledger?before=$newest&limit=1"
expect 200 "entry_id!=$newest"
for wrong in limit=0 limit=1001 before=x before=1 asset=b page=2; do
  ask bob GET "/api/v1/ledger?$wrong"
  expect 400
done
ask nobody GET /api/v1/ledger
expect 401 code=unauthenticated

ask nobody GET "/api/v1/markets/$dashed/candles?limit=1"
expect 200 "symbol=$symbol" interval=1m close=100
for interval in 1m 5m 15m 1h 4h 1d; do
  ask nobody GET "/api/v1/markets/$dashed/candles?interval=$interval&limit=1000"
  expect 200 "interval=$interval" '+"opened_at":"'
done
ask nobody GET "/api/v1/markets/$dashed/candles?from=2100-01-01T00:00:00Z"
expect 200 '+"candles":[]'
for wrong in interval=2m interval=1M limit=0 limit=1001 from=yesterday to=1; do
  ask nobody GET "/api/v1/markets/$dashed/candles?$wrong"
  expect 400 code=invalid_field
done
ask nobody GET /api/v1/markets/NO-SUCH/candles
expect 404 code=unknown_symbol
