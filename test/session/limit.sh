# LIMIT: good till cancelled, immediate or cancel, fill or kill, day, good till date; limits and band
# shellcheck shell=bash disable=SC2154,SC2034

# Before the first trade there is no price to protect a market order with, and none to band a limit with.
place alice BUY MARKET quantity=1
expect 422 code=no_reference_price
place alice BUY MARKET quote_quantity=100
expect 422 code=no_reference_price
place alice BUY LIMIT quantity=1 price=5
expect 201 status=OPEN
cancel alice "$order"
expect 200 status=CANCELLED
place alice BUY LIMIT quantity=1 price=5 "symbol=$other"
expect 422 code=price_out_of_band

# GTC
place alice SELL LIMIT quantity=1 price=100
expect 201 status=OPEN time_in_force=GTC self_trade_prevention=EXPIRE_TAKER post_only=false filled_quantity=0 \
  remaining_quantity=1 average_price=null expires_at=null filled_at=null cancelled_at=null client_order_id=null \
  reject_reason=null "user_id=$(id_of alice)" "symbol=$symbol" "^ocation: /api/v1/orders/$order"
resting=$order
balance alice "$base"
expect 200 available_balance=999 reserved_balance=1
depth
expect 200 '+"bids":[],"asks":[["100","1"]]'
place bob BUY LIMIT quantity=0.4 price=100
expect 201 status=FILLED filled_quantity=0.4 filled_quote_quantity=40 average_price=100 fee=0.0008 "fee_asset=$base" \
  filled_at!=null remaining_quantity=0
look alice "$resting" 'partly filled'
expect 200 status=PARTIALLY_FILLED filled_quantity=0.4 remaining_quantity=0.6 fee=0.04 fee_asset=USDT
place bob BUY LIMIT quantity=1 price=101.5
expect 201 status=PARTIALLY_FILLED filled_quantity=0.6 average_price=100
bid=$order
look alice "$resting" 'filled'
expect 200 status=FILLED filled_quantity=1 filled_at!=null cancelled_at=null fee=0.1
balance bob USDT
expect 200 available_balance=99859.4 reserved_balance=40.6
cancel bob "$bid"
expect 200 status=CANCELLED filled_quantity=0.6 reject_reason=requested cancelled_at!=null filled_at=null
balance bob USDT
expect 200 available_balance=99900 reserved_balance=0
balance bob "$base"
expect 200 available_balance=1000.998 reserved_balance=0

# IOC
place alice SELL LIMIT quantity=1 price=100
place bob BUY LIMIT quantity=2 price=100 time_in_force=IOC
expect 201 status=EXPIRED filled_quantity=1 reject_reason=immediate time_in_force=IOC
place bob BUY LIMIT quantity=2 price=100 time_in_force=IOC
expect 201 status=EXPIRED filled_quantity=0
place alice SELL LIMIT quantity=1 price=100
place bob BUY LIMIT quantity=1 price=100 time_in_force=IOC
expect 201 status=FILLED

# FOK
place alice SELL LIMIT quantity=1 price=100
resting=$order
place bob BUY LIMIT quantity=1.001 price=100 time_in_force=FOK
expect 201 status=EXPIRED filled_quantity=0 reject_reason=fill_or_kill
look alice "$resting" 'untouched'
expect 200 status=OPEN
place bob BUY LIMIT quantity=1 price=100 time_in_force=FOK
expect 201 status=FILLED

# DAY and GTD
place bob BUY LIMIT quantity=1 price=90 time_in_force=DAY
expect 201 status=OPEN time_in_force=DAY '+T00:00:00.000000Z","post_only"'
cancel bob "$order"
expect 200 status=CANCELLED
soon=$(utc $(($(date +%s) + 3)))
place bob BUY LIMIT quantity=1 price=90 time_in_force=GTD "expires_at=$soon"
expect 201 status=OPEN time_in_force=GTD "expires_at=${soon%Z}.000000Z"
dated=$order
place bob BUY LIMIT quantity=1 price=90 time_in_force=GTD expires_at=2099-12-31T23:59:59.5Z
expect 201 status=OPEN expires_at=2099-12-31T23:59:59.500000Z
cancel bob "$order"
expect 200 status=CANCELLED
place bob BUY LIMIT quantity=1 price=90 time_in_force=GTD expires_at=2000-01-01T00:00:00Z
expect 201 status=EXPIRED reject_reason=time_in_force
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  look bob "$dated" 'its time has come'
  [ "$(field status)" = OPEN ] || break
  sleep 0.5
done
expect 200 status=EXPIRED reject_reason=time_in_force filled_at=null cancelled_at=null
place bob BUY LIMIT quantity=1 price=90 time_in_force=GTD
expect 400 code=invalid_field field=expires_at
place bob BUY LIMIT quantity=1 price=90 time_in_force=GTC expires_at=2099-01-01T00:00:00Z
expect 400 code=invalid_field field=expires_at
place bob BUY LIMIT quantity=1 price=90 time_in_force=GTD expires_at=tomorrow
expect 400 code=invalid_field field=expires_at

# deadline
place bob BUY LIMIT quantity=1 price=90 deadline=2000-01-01T00:00:00Z
expect 201 status=EXPIRED reject_reason=too_late
place bob BUY LIMIT quantity=1 price=90 deadline=2099-01-01T00:00:00Z
expect 201 status=OPEN deadline=2099-01-01T00:00:00.000000Z
cancel bob "$order"
expect 200 status=CANCELLED
place bob BUY LIMIT quantity=1 price=90 deadline=12:00
expect 400 code=invalid_field field=deadline

# limits and band; the last price is 100. What the market refuses exists as REJECTED.
place bob BUY LIMIT quantity=0.009 price=100
expect 422 code=quantity_too_small order_id!=
look bob "$(field order_id)" 'rejected orders exist'
expect 200 status=REJECTED reject_reason=quantity_too_small filled_quantity=0 cancelled_at=null
cancel bob "$(field order_id)"
expect 409 code=order_ended order_status=REJECTED
place bob BUY LIMIT quantity=1000.001 price=50
expect 422 code=quantity_too_large
place bob BUY LIMIT quantity=1 price=1000.01
expect 422 code=price_too_high
place bob BUY LIMIT quantity=0.015 price=66
expect 422 code=notional_too_small
place bob BUY LIMIT quantity=1 price=150.01
expect 422 code=price_out_of_band
place bob BUY LIMIT quantity=1 price=49.99
expect 422 code=price_out_of_band
place bob BUY LIMIT quantity=1 price=50
expect 201 status=OPEN
cancel bob "$order"
place bob SELL LIMIT quantity=1 price=150
expect 201 status=OPEN
cancel bob "$order"
place poor BUY LIMIT quantity=1 price=100
expect 422 code=insufficient_balance
place poor SELL LIMIT quantity=1 price=100
expect 422 code=insufficient_balance
place bob SELL LIMIT quantity=1000 price=100
expect 201 status=OPEN
place bob SELL LIMIT quantity=50 price=100
expect 422 code=insufficient_balance
cancel bob "$order"
expect 200 status=CANCELLED
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  place bob BUY LIMIT quantity=0.02 price=60
done
expect 201 status=OPEN
place bob BUY LIMIT quantity=0.02 price=60
expect 422 code=too_many_orders
ask bob GET '/api/v1/orders?status=open'
same 'bob has twenty live orders' 20 "$(printf '%s' "$body" | grep -o '"order_id"' | wc -l | tr -d ' ')"
ask bob DELETE "/api/v1/orders?symbol=$dashed"
expect 200 cancelled=20
