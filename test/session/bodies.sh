# Bodies, queries and paths that are not ours
# shellcheck shell=bash disable=SC2154,SC2034

good="{\"symbol\":\"$symbol\",\"side\":\"BUY\",\"order_type\":\"LIMIT\",\"quantity\":\"1\",\"price\":\"90\""
for member in '"status":"FILLED"' '"filled_quantity":"1"' "\"user_id\":\"$(id_of bob)\"" '"fee_rate":"0"' \
  '"order_id":"x"' '"Price":"1"'; do
  ask alice POST /api/v1/orders "$good,$member}"
  expect 400 code=invalid_field "field=$(echo "$member" | cut -d'"' -f2)"
done
ask alice POST /api/v1/orders "$good,\"price\":\"91\"}"
expect 400 code=invalid_field field=price
for wrong in "$good" '' '{' 'null x' "$good} x" "$good,\"client_order_id\":\"\\ud800\"}" \
  "$good,\"client_order_id\":\"$(printf '\001')\"}"; do
  printf '%s' "$wrong" >"$scratch/wrong"
  ask alice POST /api/v1/orders '' -H 'Content-Type: application/json' --data-binary "@$scratch/wrong"
  asked="alice: POST /api/v1/orders ${wrong:0:80}" asked=${asked//$'\001'/.}
  expect 400
done
for wrong in '[]' '7' '"order"' null '{}'; do
  ask alice POST /api/v1/orders "$wrong"
  expect 400 code=invalid_field
done
ask alice POST /api/v1/orders "$good,\"client_order_id\":\"\\u0000\"}"
expect 400 code=invalid_json
nested=$(printf '[%.0s' $(seq 2000))
ask alice POST /api/v1/orders "$nested"
expect 400
printf '%s,"client_order_id":"\xff"}' "$good" >"$scratch/wrong"
ask alice POST /api/v1/orders '' -H 'Content-Type: application/json' --data-binary "@$scratch/wrong"
asked='alice: POST /api/v1/orders with bytes that are no UTF-8'
expect 400

printf '%s}' "$good" >"$scratch/wrong"
for kind in 'text/plain' 'application/x-www-form-urlencoded' 'application/xml' ''; do
  ask alice POST /api/v1/orders '' -H "Content-Type:${kind:+ $kind}" --data-binary "@$scratch/wrong"
  asked="alice: POST /api/v1/orders as '$kind'"
  expect 415 code=unsupported_media_type
done
ask alice POST /api/v1/orders '' -H 'Content-Type: application/json' -H 'Content-Encoding: gzip' \
  --data-binary "@$scratch/wrong"
asked='alice: POST /api/v1/orders in gzip'
expect 415 code=unsupported_media_type
head -c 16385 /dev/zero | tr '\0' ' ' >"$scratch/wrong"
ask alice POST /api/v1/orders '' -H 'Content-Type: application/json' --data-binary "@$scratch/wrong"
asked='alice: POST /api/v1/orders with 16385 bytes'
expect 413 code=body_too_large
ask alice POST /api/v1/orders '' -H 'Content-Type: application/json' -H 'Transfer-Encoding: chunked' \
  --data-binary "@$scratch/wrong"
asked='alice: POST /api/v1/orders with 16385 bytes in chunks'
expect 413 code=body_too_large
{ printf '%s' "$good"; head -c 15000 /dev/zero | tr '\0' ' '; printf '}'; } >"$scratch/wrong"
ask alice POST /api/v1/orders '' -H 'Content-Type: application/json; charset=utf-8' --data-binary "@$scratch/wrong"
asked='alice: POST /api/v1/orders with 15 kB'
expect 201 status=OPEN
clear_book alice

for query in 'limit=0' 'limit=1001' 'limit=x' 'limit=-1' 'status=Open' 'status=live' 'side=buy' \
  "user_id=$(id_of bob)" 'symbol=' 'symbol=x' 'limit=1&limit=2'; do
  ask alice GET "/api/v1/orders?$query"
  expect 400 code=invalid_field
done
ask alice GET '/api/v1/orders?symbol=NO-SUCH'
expect 400 code=unknown_symbol
for query in 'limit=0' 'limit=1001' 'levels=5'; do
  ask nobody GET "/api/v1/markets/$dashed/depth?$query"
  expect 400 code=invalid_field
  ask nobody GET "/api/v1/markets/$dashed/trades?$query"
  expect 400 code=invalid_field
done
ask nobody GET /api/v1/nothing
expect 404 code=not_found '^content-type: application/problem+json'
ask alice PUT /api/v1/orders '{}'
expect 405 code=method_not_allowed
ask alice POST /api/v1/balances '{}'
expect 405 code=method_not_allowed
ask nobody DELETE /health
expect 405 code=method_not_allowed
ask nobody GET '/api/v1/markets/..%2f..%2fetc/depth'
expect 404
