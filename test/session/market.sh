# MARKET: by quantity and by quote_quantity, filled, expired, protected; the last price is 100
# shellcheck shell=bash disable=SC2154,SC2034

place bob BUY MARKET quantity=1
expect 201 status=EXPIRED filled_quantity=0 average_price=null reject_reason=immediate
place alice SELL LIMIT quantity=1 price=100
place alice SELL LIMIT quantity=1 price=105
place alice SELL LIMIT quantity=1 price=120
far=$order
place bob BUY MARKET quantity=1.5
expect 201 status=FILLED filled_quantity=1.5 filled_quote_quantity=152.5 average_price=101.66666667 price=null \
  protection_price=110 time_in_force=IOC
place bob BUY MARKET quantity=2
expect 201 status=EXPIRED filled_quantity=0.5 protection_price=115.5
look alice "$far" 'beyond the protection price'
expect 200 status=OPEN
place bob BUY MARKET quantity=2 time_in_force=FOK
expect 201 status=EXPIRED filled_quantity=0 reject_reason=fill_or_kill
cancel alice "$far"
balance bob USDT
expect 200 reserved_balance=0

# by quote_quantity; the last price is 105
place alice SELL LIMIT quantity=2 price=100
place bob BUY MARKET quote_quantity=150
expect 201 status=FILLED filled_quantity=1.5 filled_quote_quantity=150 quantity=null remaining_quantity=null \
  quote_quantity=150
place bob BUY MARKET quote_quantity=10.05
expect 201 status=FILLED filled_quantity=0.1 filled_quote_quantity=10
place bob BUY MARKET quote_quantity=100
expect 201 status=EXPIRED filled_quantity=0.4 filled_quote_quantity=40 reject_reason=immediate
place bob BUY MARKET quote_quantity=100
expect 201 status=EXPIRED filled_quantity=0
balance bob USDT
expect 200 reserved_balance=0
place bob BUY MARKET quote_quantity=0.99
expect 422 code=notional_too_small
place bob BUY MARKET quote_quantity=200000
expect 422 code=insufficient_balance
place alice SELL LIMIT quantity=1 price=100
resting=$order
place bob BUY MARKET quote_quantity=100.1 time_in_force=FOK
expect 201 status=EXPIRED filled_quantity=0 reject_reason=fill_or_kill
place bob BUY MARKET quote_quantity=50 time_in_force=FOK
expect 201 status=FILLED filled_quantity=0.5
cancel alice "$resting"
expect 200 status=CANCELLED filled_quantity=0.5

# selling
place bob BUY LIMIT quantity=1 price=99
place alice SELL MARKET quantity=0.4
expect 201 status=FILLED filled_quantity=0.4 average_price=99 fee=0.0792 fee_asset=USDT protection_price=90
place alice SELL MARKET quantity=1
expect 201 status=EXPIRED filled_quantity=0.6
place poor SELL MARKET quantity=1
expect 422 code=insufficient_balance

# what does not go together
place bob SELL MARKET quote_quantity=100
expect 400 code=invalid_field field=quote_quantity
place bob BUY MARKET quantity=1 quote_quantity=100
expect 400 code=invalid_field field=quote_quantity
place bob BUY MARKET
expect 400 code=invalid_field field=quantity
place bob BUY MARKET quantity=1 price=100
expect 400 code=invalid_field field=price
place bob BUY MARKET quantity=1 time_in_force=GTC
expect 400 code=invalid_field field=time_in_force
place bob BUY MARKET quantity=1 post_only=true
expect 400 code=invalid_field field=post_only
place bob BUY MARKET quantity=1 display_quantity=1
expect 400 code=invalid_field field=display_quantity
place bob BUY MARKET quantity=1 stop_price=100
expect 400 code=invalid_field field=stop_price
place bob BUY LIMIT quantity=1
expect 400 code=invalid_field field=price
place bob BUY LIMIT price=100
expect 400 code=invalid_field field=quantity
place bob BUY LIMIT price=100 quote_quantity=100
expect 400 code=invalid_field field=quote_quantity
place bob HOLD LIMIT quantity=1 price=100
expect 400 code=invalid_field field=side
place bob BUY TRAILING quantity=1 price=100
expect 400 code=invalid_field field=order_type
place bob BUY LIMIT quantity=1 price=100 time_in_force=FOREVER
expect 400 code=invalid_field field=time_in_force

# a market with an initial price takes market orders before its first trade
place bob BUY MARKET quantity=1 "symbol=$other"
expect 422 code=insufficient_balance
place bob SELL MARKET quantity=1 "symbol=$other"
expect 201 status=EXPIRED filled_quantity=0 protection_price=0.01
