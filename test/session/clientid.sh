# client_order_id: the same body again is the same order, another body is a conflict
# shellcheck shell=bash disable=SC2154,SC2034

clear_book alice bob
name=$run-one
place alice SELL LIMIT quantity=1 price=100 "client_order_id=$name"
expect 201 status=OPEN "client_order_id=$name"
mine=$order
place alice SELL LIMIT quantity=1 price=100 "client_order_id=$name"
expect 200 status=OPEN "order_id=$mine"
place alice SELL LIMIT quantity=1.000 price=100.00 time_in_force=GTC "client_order_id=$name"
expect 200 "order_id=$mine"
for other_body in 'quantity=2 price=100' 'quantity=1 price=101' 'quantity=1 price=100 post_only=true' \
  'quantity=1 price=100 time_in_force=IOC' 'quantity=1 price=100 self_trade_prevention=NONE'; do
  # shellcheck disable=SC2086
  place alice SELL LIMIT $other_body "client_order_id=$name"
  expect 409 code=client_order_id_conflict "order_id=$mine" field=client_order_id
done
place bob SELL LIMIT quantity=1 price=100 "client_order_id=$name"
expect 201 status=OPEN order_id!="$mine"
clear_book bob
ask alice GET "/api/v1/orders/by-client-id/$name"
expect 200 "order_id=$mine"
ask alice PATCH "/api/v1/orders/by-client-id/$name" '{"quantity":"0.5"}'
expect 200 "order_id=$mine" quantity=0.5
place alice SELL LIMIT quantity=1 price=100 "client_order_id=$name"
expect 200 "order_id=$mine" quantity=0.5
ask bob DELETE "/api/v1/orders/by-client-id/$run-none"
expect 404 code=unknown_order
ask carol DELETE "/api/v1/orders/by-client-id/$name"
expect 404 code=unknown_order
ask alice DELETE "/api/v1/orders/by-client-id/$name"
expect 200 status=CANCELLED "order_id=$mine"
ask alice DELETE "/api/v1/orders/by-client-id/$name"
expect 409 code=order_ended "order_id=$mine"
place alice SELL LIMIT quantity=1 price=100 "client_order_id=$name"
expect 200 status=CANCELLED "order_id=$mine"

# A refused order keeps its name, and gives the same refusal again.
place alice SELL LIMIT quantity=1 price=900 "client_order_id=$run-two"
expect 422 code=price_out_of_band
mine=$(field order_id)
place alice SELL LIMIT quantity=1 price=900 "client_order_id=$run-two"
expect 422 code=price_out_of_band "order_id=$mine"
place alice SELL LIMIT quantity=1 price=100 "client_order_id=$run-two"
expect 409 code=client_order_id_conflict "order_id=$mine"
# What was refused for its shape has no order and keeps no name.
place alice SELL LIMIT quantity=1 price=0 "client_order_id=$run-three"
expect 400 code=invalid_field field=price
place alice SELL LIMIT quantity=1 price=100 "client_order_id=$run-three"
expect 201 status=OPEN
clear_book alice
for wrong in '' 'a b' 'a/b' "$(printf 'x%.0s' $(seq 101))"; do
  place alice SELL LIMIT quantity=1 price=100 "client_order_id=$wrong"
  expect 400 code=invalid_field field=client_order_id
done
