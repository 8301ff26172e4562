# An operator defines markets; nothing else is touched
# shellcheck shell=bash disable=SC2154,SC2034

plain_user operator 'read admin:markets admin:funds admin:accounts admin:read'
send operator POST "$ADMIN/api/v1/admin/tiers" "{\"name\":\"$tier\",\"orders_per_second\":10000}"
user funds_operator 'admin:funds'
user markets_operator 'admin:markets'
for name in alice bob carol poor; do user "$name"; done

ask nobody GET /health
expect 200 status=alive
ask nobody GET /health/live
expect 200 status=alive
ask nobody GET /health/ready
expect 200 status=ready
ask nobody GET /api/v1/status
expect 200 service=trade-engine status=running version!=

base="S$(echo "$run" | tr a-f A-F)"
symbol=$base/USDT
dashed=$base-USDT
other_markets() { # every market but those of this session
  ask nobody GET /api/v1/markets
  printf '%s\n' "$body" | tr '{' '\n' | grep '"symbol"' | grep -v "\"base_asset\":\"$base\"" | tr -d ']},'
}
markets_before=$(other_markets)
definition() { # definition [NAME=VALUE...]: those given last win
  local rules=("symbol=$symbol" tick=0.01 lot=0.001 min_quantity=0.01 max_quantity=1000 max_price=1000 min_notional=1
    market_band=0.1 limit_band=0.5 maker_fee=0.001 taker_fee=0.002 max_open_orders=20)
  local rule given kept=()
  for rule in "${rules[@]}"; do
    for given in "$@"; do [ "${given%%=*}" = "${rule%%=*}" ] && rule=''; done
    [ -z "$rule" ] || kept+=("$rule")
  done
  json "${kept[@]}" "$@" | sed 's/"\(max_open_orders\)":"\([0-9]*\)"/"\1":\2/'
}

ask nobody GET "/api/v1/markets/$dashed"
expect 404 code=unknown_symbol
ask nobody GET "/api/v1/markets/$dashed/depth"
expect 404 code=unknown_symbol
place alice BUY LIMIT quantity=1 price=1
expect 400 code=unknown_symbol field=symbol
for wrong in 'tick=0' 'tick=-1' 'lot=0.0000001' 'min_quantity=0' 'max_quantity=0.001' 'max_price=99999999999' \
  'maker_fee=1' 'taker_fee=2' 'market_band=0' 'limit_band=0.00001' 'max_open_orders=0' 'symbol=USDT/USDT' 'symbol=x' \
  'initial_price=0' 'initial_price=1000.01'; do
  admin operator POST /markets "$(definition "$wrong")"
  asked="operator: define a market with $wrong"
  expect 400 code=invalid_field
done
admin operator POST /markets "$(definition state=open)"
expect 400 code=invalid_field field=state
admin operator POST /markets "$(definition)"
opened=$symbol
expect 201 "symbol=$symbol" state=open tick=0.01 max_open_orders=20 initial_price=null
admin operator POST /markets "$(definition)"
expect 200 "symbol=$symbol"
admin operator POST /markets "$(definition max_quantity=2000)"
expect 200 max_quantity=2000
admin operator POST /markets "$(definition)"
expect 200 max_quantity=1000
admin operator POST /markets "$(definition tick=0.02)"
expect 400 code=invalid_field field=tick
admin operator POST /markets "$(definition lot=0.002)"
expect 400 code=invalid_field

other=$base/EUR
admin operator POST /markets "$(definition "symbol=$other" initial_price=100 market_band=null)"
opened="$opened $other"
expect 201 "symbol=$other" initial_price=100 market_band=null
ask nobody GET "/api/v1/markets/$dashed"
expect 200 "symbol=$symbol" base_asset="$base" quote_asset=USDT state=open lot=0.001 min_quantity=0.01 max_quantity=1000 \
  max_price=1000 min_notional=1 market_band=0.1 limit_band=0.5 maker_fee=0.001 taker_fee=0.002
ask nobody GET /api/v1/markets
expect 200 "+\"symbol\":\"$symbol\"" "+\"symbol\":\"$other\""
depth
expect 200 "symbol=$symbol" '+"bids":[],"asks":[]'
ask nobody GET "/api/v1/markets/$dashed/trades"
expect 200 '+"trades":[]'
