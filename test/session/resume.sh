# WebSocket connections that end: what happens to the orders, and what a new connection is told
# shellcheck shell=bash disable=SC2154,SC2034

ws_leaving() { # ws_leaving ID ENABLED: says what shall happen at the end
  ws_say "{\"id\":$1,\"op\":\"cancel_on_disconnect\",\"enabled\":$2}"
  ws_want "\"id\":$1" '"status":200'
}

ws_ends() {
  clear_book alice bob carol
  ws_open carol
  ws_leaving 1 true
  place carol BUY LIMIT quantity=1 price=70
  left=$order
  ws_close
  for _ in $(seq 50); do
    look carol "$left" 'after the connection ended'
    [ "$(field status)" = CANCELLED ] && break
    sleep 0.2
  done
  expect 200 status=CANCELLED reject_reason=disconnected

  ws_open carol
  ws_leaving 2 true
  ws_leaving 3 false
  place carol BUY LIMIT quantity=1 price=70
  left=$order
  ws_close
  sleep 1
  look carol "$left" 'she had switched it off again'
  expect 200 status=OPEN
  cancel carol "$left"
  expect 200 status=CANCELLED
}

ws_fills() { # ws_fills ID TRADE: subscribes to the fills after a trade; body is the snapshot
  ws_say "{\"id\":$1,\"op\":\"subscribe\",\"channels\":[\"fills\"],\"fills_after\":\"$2\"}"
  ws_want '"channel":"fills"' '"type":"snapshot"' '"complete":true'
}
trades_in() { printf '%s' "$body" | grep -o '"trade_id":"[^"]*"' | cut -d'"' -f4 | tr '\n' ' '; }

ws_resumes() {
  ask carol GET '/api/v1/trades?limit=1'
  last=$(field trade_id)
  ws_open carol
  ws_fills 4 "$last"
  same 'carol: nothing was filled since her last trade' '' "$(trades_in)"
  ws_close
  place carol BUY LIMIT quantity=0.5 price=90
  place alice SELL LIMIT quantity=0.5 price=90
  ask carol GET '/api/v1/trades?limit=1'
  expect 200 trade_id!= "trade_id!=$last" quantity=0.5
  missed=$(field trade_id)
  ws_open carol
  ws_fills 5 "$last"
  same 'carol: exactly the fill made meanwhile' "$missed " "$(trades_in)"
  place carol BUY LIMIT quantity=0.25 price=90
  place alice SELL LIMIT quantity=0.25 price=90
  asked='carol: ws fills go on behind it'
  ws_want '"channel":"fills"' '"type":"update"' '"quantity":"0.25"'
  ws_close
}

if ws_here 'WebSocket connections that end'; then
  ws_ends
  ws_resumes
fi
