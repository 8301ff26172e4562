# STOP and STOP_LIMIT: both directions, triggered, a cascade
# shellcheck shell=bash disable=SC2154,SC2034

# The last price becomes 100.
place alice SELL LIMIT quantity=1 price=100
place bob BUY LIMIT quantity=1 price=100
expect 201 status=FILLED

place bob BUY STOP quantity=0.5 stop_price=105
expect 201 status=OPEN stop_price=105 price=null protection_price=115.5 triggered_at=null filled_quantity=0
rising=$order
place bob BUY STOP_LIMIT quantity=0.5 stop_price=105 price=104
expect 201 status=OPEN stop_price=105 price=104 triggered_at=null
rising_limit=$order
place bob SELL STOP quantity=0.5 stop_price=95
expect 201 status=OPEN triggered_at=null protection_price=85.5
falling=$order
place bob SELL STOP_LIMIT quantity=0.5 stop_price=95 price=96
expect 201 status=OPEN triggered_at=null
falling_limit=$order
balance bob USDT
expect 200 reserved_balance=109.75
balance bob "$base"
expect 200 reserved_balance=1
depth
expect 200 '+"bids":[],"asks":[]'
place bob BUY STOP quantity=1 stop_price=100
expect 422 code=stop_already_triggered
place bob SELL STOP_LIMIT quantity=1 stop_price=100 price=100
expect 422 code=stop_already_triggered
place bob BUY STOP_LIMIT quantity=1 stop_price=105 price=160
expect 422 code=price_out_of_band
place bob BUY STOP quantity=1 stop_price=1000.01
expect 422 code=price_too_high
place poor BUY STOP quantity=1 stop_price=105
expect 422 code=insufficient_balance
place bob BUY STOP quantity=1
expect 400 code=invalid_field field=stop_price
place bob BUY STOP quantity=1 stop_price=105 price=105
expect 400 code=invalid_field field=price
place bob BUY STOP_LIMIT quantity=1 stop_price=105 price=105 post_only=true
expect 400 code=invalid_field field=post_only

# a rise to 106
place alice SELL LIMIT quantity=1 price=104
place alice SELL LIMIT quantity=2 price=106
ask_order=$order
place carol BUY LIMIT quantity=1.5 price=106
expect 201 status=FILLED average_price=104.66666667
look bob "$rising" 'the rise triggered it'
expect 200 status=FILLED filled_quantity=0.5 average_price=106 triggered_at!=null order_type=STOP
look bob "$rising_limit" 'triggered too, and waits at its limit'
expect 200 status=OPEN filled_quantity=0 triggered_at!=null
depth
expect 200 '+"bids":[["104","0.5"]],"asks":[["106","1"]]'
look bob "$falling" 'not triggered'
expect 200 status=OPEN triggered_at=null
cancel bob "$rising_limit"
expect 200 status=CANCELLED
cancel alice "$ask_order"
expect 200 status=CANCELLED filled_quantity=1

# a fall to 94; the stop sells what bids there are, the stop limit waits at 96
place alice BUY LIMIT quantity=2 price=94
place carol SELL LIMIT quantity=1 price=94
expect 201 status=FILLED average_price=94
look bob "$falling" 'the fall triggered it'
expect 200 status=FILLED average_price=94 triggered_at!=null
look bob "$falling_limit" 'triggered, and waits at its limit'
expect 200 status=OPEN triggered_at!=null
depth
expect 200 '+"bids":[["94","0.5"]],"asks":[["96","0.5"]]'
cancel bob "$falling_limit"
expect 200 status=CANCELLED
clear_book alice

# a cascade upwards from 94: one trade triggers three stops one after the other
place alice SELL LIMIT quantity=1 price=97
place alice SELL LIMIT quantity=1 price=98
place alice SELL LIMIT quantity=1 price=99
place bob BUY STOP quantity=1 stop_price=97
one=$order
place carol BUY STOP quote_quantity=99 stop_price=98
expect 201 status=OPEN quote_quantity=99
two=$order
place bob BUY STOP_LIMIT quantity=1 stop_price=99 price=98.5
three=$order
place bob BUY STOP quantity=1 stop_price=99.5
four=$order
place carol BUY LIMIT quantity=1 price=97
expect 201 status=FILLED
look bob "$one" 'first of the cascade'
expect 200 status=FILLED average_price=98 triggered_at!=null
look carol "$two" 'second'
expect 200 status=FILLED average_price=99 triggered_at!=null
look bob "$three" 'third, waits at its limit'
expect 200 status=OPEN triggered_at!=null
look bob "$four" 'not reached'
expect 200 status=OPEN triggered_at=null
ask nobody GET "/api/v1/markets/$dashed/trades?limit=3"
same 'the cascade traded in order' '99 98 97' \
  "$(printf '%s' "$body" | tr '{' '\n' | sed -n 's/.*"price":"\([^"]*\)".*/\1/p' | tr '\n' ' ' | sed 's/ $//')"
ask bob DELETE "/api/v1/orders?symbol=$dashed"
expect 200 cancelled=2

# a cascade downwards from 99
place alice BUY LIMIT quantity=1 price=96
place alice BUY LIMIT quantity=1 price=95
place bob SELL STOP quantity=1 stop_price=96
one=$order
place carol SELL STOP_LIMIT quantity=1 stop_price=95 price=95
two=$order
place carol SELL LIMIT quantity=1 price=96
expect 201 status=FILLED
look bob "$one" 'first of the cascade'
expect 200 status=FILLED average_price=95
look carol "$two" 'second, waits at its limit'
expect 200 status=OPEN triggered_at!=null
cancel carol "$two"
expect 200 status=CANCELLED

# a triggered stop that finds nothing expires; so does a fill or kill that cannot fill; the last price is 95
place bob BUY STOP quantity=1 stop_price=97
one=$order
place bob BUY STOP_LIMIT quantity=2 stop_price=97 price=97.5 time_in_force=FOK
two=$order
place bob BUY STOP_LIMIT quantity=2 stop_price=97 price=97.5 time_in_force=IOC
three=$order
place alice SELL LIMIT quantity=1 price=97
place carol BUY LIMIT quantity=1 price=97
expect 201 status=FILLED
look bob "$one" 'triggered into an empty book'
expect 200 status=EXPIRED filled_quantity=0 triggered_at!=null reject_reason=immediate
look bob "$two" 'triggered, fill or kill'
expect 200 status=EXPIRED reject_reason=fill_or_kill
look bob "$three" 'triggered, immediate or cancel'
expect 200 status=EXPIRED reject_reason=immediate
for name in bob carol alice; do
  balance "$name" USDT
  expect 200 reserved_balance=0
done
