# What comes over the WebSocket: every request and every channel
# shellcheck shell=bash disable=SC2154,SC2034

ws_public() {
  clear_book alice bob carol
  ws_open
  ws_say '{"id":1,"op":"ping"}'
  ws_want '"id":1' '"op":"ping"' '"status":200' '"time"'
  ws_say "{\"id\":\"a\",\"op\":\"subscribe\",\"channels\":[\"depth:$dashed\",\"trades:$dashed\",\"ticker:$dashed\",\"candles:$dashed:1m\"]}"
  ws_want '"channel":"depth:' '"type":"snapshot"' '"last_seq"' '"bids":[' '"asks":['
  for channel in trades ticker candles; do
    asked="nobody: ws the $channel so far"
    ws_want "\"channel\":\"$channel:" '"type":"snapshot"'
  done
  asked='nobody: ws subscribed'
  ws_want '"id":"a"' '"status":200'
  place bob BUY LIMIT quantity=1 price=95
  asked='nobody: ws depth goes on'
  ws_want '"channel":"depth:' '"type":"delta"' '"first_seq"' '["95","1"]'
  place alice SELL LIMIT quantity=0.5 price=95
  asked='nobody: ws trades as they happen'
  ws_want '"channel":"trades:' '"type":"update"' '"price":"95"' '"quantity":"0.5"'
  asked='nobody: ws the ticker follows'
  ws_want '"channel":"ticker:' '"type":"update"' '"last_price":"95"' '"best_bid_quantity":"0.5"'
  asked='nobody: ws candles follow'
  ws_want '"channel":"candles:' '"type":"update"' '"interval":"1m"' '"close":"95"'
  ws_say '{"op":"subscriptions"}'
  ws_want '"op":"subscriptions"' "depth:$dashed"
  ws_say "{\"op\":\"unsubscribe\",\"channels\":[\"trades:$dashed\"]}"
  ws_want '"op":"unsubscribe"' '"status":200'
  ws_say '{"op":"subscribe","channels":["orders"]}'
  ws_want '"op":"subscribe"' '"error"' unauthenticated
  ws_close
}

ws_own() {
  ws_open carol
  ws_say '{"id":2,"op":"subscribe","channels":["orders","fills","balances"]}'
  ws_want '"channel":"balances"' '"type":"snapshot"' '"available_balance"'
  ws_say "{\"id\":3,\"op\":\"place\",\"order\":{\"symbol\":\"$symbol\",\"side\":\"BUY\",\"order_type\":\"LIMIT\",\"quantity\":\"2\",\"price\":\"90\",\"client_order_id\":\"ws-$run\"}}"
  ws_want '"id":3' '"status":201' '"status":"OPEN"'
  hers=$(field order_id)
  asked='carol: ws orders: her order is open'
  ws_want '"channel":"orders"' '"type":"update"' "$hers" '"status":"OPEN"' '"n":'
  asked='carol: ws balances: its value is reserved'
  ws_want '"channel":"balances"' '"type":"update"' '"asset":"USDT"' '"reserved_balance":"180"'
  ws_say "{\"id\":4,\"op\":\"amend\",\"client_order_id\":\"ws-$run\",\"quantity\":\"1\"}"
  ws_want '"id":4' '"status":200' '"quantity":"1"'
  ws_say "{\"id\":41,\"op\":\"amend\",\"order_id\":\"$hers\",\"price\":\"91\"}"
  ws_want '"id":41' '"status":200' '"price":"91"'
  clear_book bob
  place alice SELL LIMIT quantity=0.25 price=90 time_in_force=IOC
  asked='carol: ws fills: a fill of hers'
  ws_want '"channel":"fills"' '"type":"update"' "$hers" '"role":"MAKER"' '"quantity":"0.25"' '"price":"91"'
  asked='carol: ws orders: her order is partially filled'
  ws_want '"channel":"orders"' '"type":"update"' "$hers" '"status":"PARTIALLY_FILLED"' '"filled_quantity":"0.25"'
  asked='carol: ws balances: what she bought'
  ws_want '"channel":"balances"' '"type":"update"' "\"asset\":\"$base\""
  ws_say "{\"id\":5,\"op\":\"place\",\"order\":{\"symbol\":\"$symbol\",\"side\":\"BUY\",\"order_type\":\"LIMIT\",\"quantity\":\"2\",\"price\":90}}"
  ws_want '"id":5' '"status":400' '"field":"price"'
  ws_say "{\"id\":6,\"op\":\"cancel\",\"client_order_id\":\"ws-$run\"}"
  ws_want '"id":6' '"status":200' '"status":"CANCELLED"'
  ws_say "$(ws_order 61 90)"
  ws_want '"id":61' '"status":201'
  hers=$(field order_id)
  ws_say "{\"id\":62,\"op\":\"cancel\",\"order_id\":\"$hers\"}"
  ws_want '"id":62' '"status":200' "$hers" '"status":"CANCELLED"'
  ws_say "{\"id\":63,\"op\":\"cancel\",\"order_id\":\"$(uuid)\"}"
  ws_want '"id":63' '"status":404' unknown_order
  ws_say "{\"id\":7,\"op\":\"batch\",\"items\":[{\"op\":\"place\",\"order\":{\"symbol\":\"$symbol\",\"side\":\"BUY\",\"order_type\":\"LIMIT\",\"quantity\":\"1\",\"price\":\"80\"}},{\"op\":\"cancel\",\"client_order_id\":\"ws-$run\"}]}"
  ws_want '"id":7' '"status":201' 'order_ended'
  ws_say '{"id":8,"op":"cancel_all"}'
  ws_want '"id":8' '"cancelled":1'
  ws_say '{"id":9,"op":"cancel_all_after","timeout_ms":60000}'
  ws_want '"id":9' '"cancel_at":"'
  ws_say '{"id":10,"op":"cancel_all_after","timeout_ms":0}'
  ws_want '"id":10' '"cancel_at":null'
  ws_close
}

if ws_here 'channels and requests over the WebSocket'; then
  ws_public
  ws_own
fi
