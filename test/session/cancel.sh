# Cancels: one, twice, another user's, by market and side, by an operator
# shellcheck shell=bash disable=SC2154,SC2034

clear_book alice bob carol
place alice SELL LIMIT quantity=1 price=100
mine=$order
ask alice GET "/api/v1/orders/$mine" '' -H 'X-Request-Id: session'
expect 200 "order_id=$mine" '^x-request-id: session'
for method in GET DELETE; do
  ask bob "$method" "/api/v1/orders/$mine" '' -H 'X-Request-Id: session'
  expect 404 code=unknown_order request_id=session
  others=$body
  ask bob "$method" "/api/v1/orders/$(uuid)" '' -H 'X-Request-Id: session'
  same "$method: another user's order is as unknown as no order at all" "$body" "$others"
done
ask bob PATCH "/api/v1/orders/$mine" '{"quantity":"0.5"}' -H 'X-Request-Id: session'
same "PATCH: another user's order is as unknown as no order at all" "$body" "$others"
look alice "$mine" 'nobody else touched it'
expect 200 status=OPEN quantity=1
cancel alice "$mine"
expect 200 status=CANCELLED reject_reason=requested
cancel alice "$mine"
expect 409 code=order_ended "order_id=$mine" order_status=CANCELLED
cancel alice not-an-id
expect 400 code=invalid_field field=order_id

# a filled order cannot be cancelled
place alice SELL LIMIT quantity=1 price=100
place bob BUY LIMIT quantity=1 price=100
cancel bob "$order"
expect 409 code=order_ended order_status=FILLED

# by market and side: two buys, one sell, one stop, and a sell in another market
place alice BUY LIMIT quantity=1 price=98
place alice BUY STOP quantity=1 stop_price=105
place alice SELL LIMIT quantity=1 price=102
place bob BUY LIMIT quantity=1 price=97
bobs=$order
place alice SELL LIMIT quantity=1 price=102 "symbol=$other"
expect 201 status=OPEN
ask alice DELETE "/api/v1/orders?symbol=$dashed&side=BUY"
expect 200 cancelled=2
ask alice GET "/api/v1/orders?status=open&symbol=$dashed"
expect 200 '+"side":"SELL"' '-"side":"BUY"'
ask alice DELETE "/api/v1/orders?symbol=${base}%2FUSDT"
expect 200 cancelled=1
ask alice DELETE "/api/v1/orders?symbol=$dashed"
expect 200 cancelled=0
ask alice DELETE '/api/v1/orders?side=SELL'
expect 200 cancelled=1
ask alice GET "/api/v1/orders?limit=1"
expect 200 status=CANCELLED reject_reason=mass_cancel "symbol=$other"
# A filter in a body would be passed over, and everything cancelled.
ask alice DELETE /api/v1/orders "$(json "symbol=$symbol")"
expect 400 code=bad_request
ask alice DELETE /api/v1/orders '' -H 'Transfer-Encoding: chunked' -d x
expect 400 code=bad_request
ask alice DELETE '/api/v1/orders?side=sell'
expect 400 code=invalid_field field=side
ask alice DELETE '/api/v1/orders?symbol=NO-SUCH'
expect 400 code=unknown_symbol
ask alice DELETE "/api/v1/orders?user_id=$(id_of bob)"
expect 400 code=invalid_field
look bob "$bobs" 'not touched by the mass cancels of others'
expect 200 status=OPEN

# operators cancel anybody's
admin operator POST /orders/cancel '{}'
expect 400 code=invalid_field
admin operator POST /orders/cancel "$(json "symbol=$symbol" side=SELL)"
expect 200 cancelled=0
admin operator POST /orders/cancel "$(json "user_id=$(id_of bob)")"
expect 200 cancelled=1
look bob "$bobs" 'the operator did'
expect 200 status=CANCELLED reject_reason=operator
admin alice POST /orders/cancel "$(json "symbol=$symbol")"
expect 403 code=forbidden
