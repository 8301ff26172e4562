# Market states: post_only, cancel_only, halted, and open again; the last price is 100
# shellcheck shell=bash disable=SC2154,SC2034

clear_book alice bob carol
place alice SELL LIMIT quantity=1 price=101
resting=$order
place bob BUY STOP quantity=1 stop_price=105
stop=$order

state post_only
expect 200 "symbol=$symbol" state=post_only
ask nobody GET "/api/v1/markets/$dashed"
expect 200 state=post_only
place bob BUY LIMIT quantity=1 price=101
expect 422 code=market_state
look bob "$(field order_id)" 'rejected'
expect 200 status=REJECTED reject_reason=market_state
place bob BUY MARKET quantity=1
expect 422 code=market_state
place bob BUY LIMIT quantity=1 price=100 time_in_force=IOC
expect 422 code=market_state
place bob BUY STOP quantity=1 stop_price=106
expect 422 code=market_state
place bob BUY LIMIT quantity=1 price=99
expect 201 status=OPEN
bid=$order
amend bob "$bid" price=101
expect 422 code=post_only_would_take
amend bob "$bid" price=100
expect 200 status=OPEN price=100
cancel bob "$bid"
expect 200 status=CANCELLED

state cancel_only
expect 200 state=cancel_only
place bob BUY LIMIT quantity=1 price=99
expect 422 code=market_state
amend alice "$resting" quantity=0.5
expect 422 code=market_state market_state=cancel_only
cancel alice "$resting"
expect 200 status=CANCELLED

state halted
expect 200 state=halted
place bob BUY LIMIT quantity=1 price=99
expect 422 code=market_state
cancel bob "$stop"
expect 422 code=market_state market_state=halted
ask bob DELETE '/api/v1/orders'
expect 200 cancelled=0
look bob "$stop" 'stays as it is'
expect 200 status=OPEN
depth
expect 200 '+"asks":[]'
admin operator POST /orders/cancel "$(json "symbol=$symbol")"
expect 200 cancelled=1
look bob "$stop" 'operators are not bound'
expect 200 status=CANCELLED reject_reason=operator

state closed
expect 400 code=invalid_field field=state
admin operator PUT /markets/NO-SUCH/state '{"state":"open"}'
expect 404 code=unknown_symbol
admin alice PUT "/markets/$dashed/state" '{"state":"open"}'
expect 403 code=forbidden
admin funds_operator PUT "/markets/$dashed/state" '{"state":"open"}'
expect 403 code=forbidden
state open
expect 200 state=open
state open
expect 200 state=open
place bob BUY LIMIT quantity=1 price=99
expect 201 status=OPEN
clear_book bob
