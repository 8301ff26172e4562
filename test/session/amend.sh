# Amendments: less keeps its place, more and a new price go to the back, a crossing one trades, what is refused
# shellcheck shell=bash disable=SC2154,SC2034

clear_book alice bob carol
place alice SELL LIMIT quantity=2 price=100
first=$order
place carol SELL LIMIT quantity=1 price=100
second=$order
amend alice "$first" quantity=1
expect 200 status=OPEN quantity=1 remaining_quantity=1 "order_id=$first"
balance alice "$base"
expect 200 reserved_balance=1
place bob BUY LIMIT quantity=1 price=100
look alice "$first" 'less kept its place'
expect 200 status=FILLED
look carol "$second" 'still behind'
expect 200 status=OPEN

place alice SELL LIMIT quantity=1 price=100
first=$order
amend carol "$second" quantity=2
expect 200 status=OPEN quantity=2
place bob BUY LIMIT quantity=1 price=100
look alice "$first" 'the other one asked for more'
expect 200 status=FILLED
look carol "$second" 'more went to the back'
expect 200 status=OPEN filled_quantity=0

place alice SELL LIMIT quantity=1 price=100
first=$order
amend carol "$second" price=101
expect 200 price=101 quantity=2
amend carol "$second" price=100.00
expect 200 price=100
place bob BUY LIMIT quantity=1 price=100
look alice "$first" 'the other one changed its price'
expect 200 status=FILLED
look carol "$second" 'a new price went to the back'
expect 200 status=OPEN
amend carol "$second" quantity=2 price=100
expect 200 status=OPEN quantity=2 price=100

# crossing
place bob BUY LIMIT quantity=0.5 price=99
bid=$order
amend bob "$bid" price=100
expect 200 status=FILLED average_price=100
look carol "$second" 'traded with the amended one'
expect 200 status=PARTIALLY_FILLED filled_quantity=0.5
# more, price and quantity at once
amend carol "$second" quantity=3 price=101
expect 200 status=PARTIALLY_FILLED quantity=3 remaining_quantity=2.5 price=101
# refused; the order is as it was
amend carol "$second" price=160
expect 422 code=price_out_of_band
amend carol "$second" quantity=2000
expect 422 code=quantity_too_large
amend carol "$second" price=2000
expect 422 code=price_too_high
amend carol "$second" quantity=1000
expect 422 code=insufficient_balance
amend carol "$second" price=101.001
expect 400 code=invalid_field field=price
amend carol "$second" quantity=-1
expect 400 code=invalid_field field=quantity
amend carol "$second" quantity=0
expect 400 code=invalid_field field=quantity
amend carol "$second"
expect 400 code=invalid_field field=price
amend carol "$second" side=BUY
expect 400 code=invalid_field field=side
amend carol "$second" stop_price=100
expect 400 code=invalid_field field=stop_price
amend alice "$second" quantity=1
expect 404 code=unknown_order
amend carol "$(uuid)" quantity=1
expect 404 code=unknown_order
amend carol x quantity=1
expect 400 code=invalid_field field=order_id
look carol "$second" 'as it was'
expect 200 status=PARTIALLY_FILLED quantity=3 remaining_quantity=2.5 price=101 filled_quantity=0.5
# to or below what is filled
amend carol "$second" quantity=0.4
expect 200 status=CANCELLED filled_quantity=0.5 reject_reason=amended
amend carol "$second" quantity=5
expect 409 code=order_ended "order_id=$second" order_status=CANCELLED
balance carol "$base"
expect 200 reserved_balance=0

# post-only, iceberg, stops
place alice SELL LIMIT quantity=1 price=101
place bob BUY LIMIT quantity=1 price=99 post_only=true
bid=$order
amend bob "$bid" price=101
expect 422 code=post_only_would_take
look bob "$bid" 'as it was'
expect 200 status=OPEN price=99
amend bob "$bid" price=100
expect 200 status=OPEN price=100 post_only=true
clear_book alice bob
place alice SELL LIMIT quantity=3 price=101 display_quantity=1
amend alice "$order" quantity=0.5
expect 200 quantity=0.5 display_quantity=0.5
clear_book alice
place bob BUY STOP_LIMIT quantity=1 stop_price=105 price=106
amend bob "$order" price=107 quantity=2
expect 200 status=OPEN price=107 quantity=2 stop_price=105 triggered_at=null
balance bob USDT
expect 200 reserved_balance=214
place bob BUY STOP quantity=1 stop_price=105
amend bob "$order" price=100
expect 400 code=invalid_field field=price
amend bob "$order" quantity=0.5
expect 200 quantity=0.5
place bob BUY STOP quote_quantity=100 stop_price=105
amend bob "$order" quantity=1
expect 400 code=invalid_field field=quantity
clear_book bob
