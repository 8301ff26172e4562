# What comes over the WebSocket: every request and every channel
# shellcheck shell=bash disable=SC2154,SC2034

WS=${WS:-}
for candidate in "$root/target/release/examples/ws" "${CARGO_TARGET_DIR:-$root/target}/debug/examples/ws" "$root/target/debug/examples/ws"; do
  [ -n "$WS" ] || { [ -x "$candidate" ] && WS=$candidate; }
done
WS_URL=${WS_URL:-ws${PUBLIC#http}/ws}

ws_open() { # ws_open [WHO]: a connection, signed in where WHO is given
  local token=''
  [ $# -eq 0 ] || token=$(token_of "$1")
  ws_who=${1:-nobody}
  coproc SOCKET { "$WS" "$WS_URL" ${token:+"$token"} 2>&1; }
  ws_in=${SOCKET[1]} ws_out=${SOCKET[0]}
}
ws_say() { asked="$ws_who: ws ${1:0:90}"; printf '%s\n' "$1" >&"$ws_in"; }
ws_want() { # ws_want TEXT...: reads frames until one holds every text; one step
  local frame want missing
  while IFS= read -r -t 10 frame <&"$ws_out"; do
    missing=''
    for want in "$@"; do [[ $frame == *"$want"* ]] || missing=yes; done
    [ -n "$missing" ] || { body=$frame; verdict '' ''; return; }
    [[ $frame != closed* && $frame != refused* && $frame != broken* ]] || break
  done
  body=${frame:-}
  verdict " want a frame with $*;" ''
}
ws_close() { exec {ws_in}>&-; wait "$SOCKET_PID" 2>/dev/null; }

if [ -z "$WS" ]; then
  echo 'session: build the client first: cargo build --example ws; skipped'
else
  clear_book alice bob carol
  ws_open
  ws_say '{"id":1,"op":"ping"}'
  ws_want '"id":1' '"op":"ping"' '"status":200' '"time"'
  ws_say "{\"id\":\"a\",\"op\":\"subscribe\",\"channels\":[\"depth:$dashed\",\"trades:$dashed\",\"ticker:$dashed\",\"candles:$dashed:1m\"]}"
  ws_want '"channel":"depth:' '"type":"snapshot"' '"last_seq"' '"bids":[],"asks":[]'
  place bob BUY LIMIT quantity=1 price=95
  asked='nobody: ws depth goes on'
  ws_want '"type":"delta"' '"first_seq"' '"bids":[["95","1"]]'
  place alice SELL LIMIT quantity=0.5 price=95
  asked='nobody: ws trades as they happen'
  ws_want '"channel":"trades:' '"type":"update"' '"price":"95"' '"quantity":"0.5"'
  asked='nobody: ws ticker and candles follow'
  ws_want '"type":"update"' '95'
  ws_say '{"op":"subscriptions"}'
  ws_want '"op":"subscriptions"' "depth:$dashed"
  ws_say "{\"op\":\"unsubscribe\",\"channels\":[\"trades:$dashed\"]}"
  ws_want '"op":"unsubscribe"' '"status":200'
  ws_say '{"op":"subscribe","channels":["orders"]}'
  ws_want '"op":"subscribe"' '"error"'
  ws_say '{"op":"dance"}'
  ws_want 'closed 4000'
  ws_close

  ws_open carol
  ws_say '{"id":2,"op":"subscribe","channels":["orders","fills","balances"]}'
  ws_want '"channel":"balances"' '"type":"snapshot"' '"available_balance"'
  ws_say "{\"id\":3,\"op\":\"place\",\"order\":{\"symbol\":\"$symbol\",\"side\":\"BUY\",\"order_type\":\"LIMIT\",\"quantity\":\"2\",\"price\":\"90\",\"client_order_id\":\"ws-$run\"}}"
  ws_want '"id":3' '"status":201' '"status":"OPEN"'
  ws_say "{\"id\":4,\"op\":\"amend\",\"client_order_id\":\"ws-$run\",\"quantity\":\"1\"}"
  ws_want '"id":4' '"status":200' '"quantity":"1"'
  place alice SELL LIMIT quantity=0.25 price=90 time_in_force=IOC
  ws_say "{\"id\":5,\"op\":\"place\",\"order\":{\"symbol\":\"$symbol\",\"side\":\"BUY\",\"order_type\":\"LIMIT\",\"quantity\":\"2\",\"price\":90}}"
  ws_want '"id":5' '"status":400' '"field":"price"'
  ws_say "{\"id\":6,\"op\":\"cancel\",\"client_order_id\":\"ws-$run\"}"
  ws_want '"id":6' '"status":200' '"status":"CANCELLED"'
  ws_say "{\"id\":7,\"op\":\"batch\",\"items\":[{\"op\":\"place\",\"order\":{\"symbol\":\"$symbol\",\"side\":\"BUY\",\"order_type\":\"LIMIT\",\"quantity\":\"1\",\"price\":\"80\"}},{\"op\":\"cancel\",\"client_order_id\":\"ws-$run\"}]}"
  ws_want '"id":7' '"status":201' 'order_ended'
  ws_say '{"id":8,"op":"cancel_all"}'
  ws_want '"id":8' '"cancelled":1'
  ws_say '{"id":9,"op":"cancel_all_after","timeout_ms":60000}'
  ws_want '"id":9' '"cancel_at":"'
  ws_say '{"id":10,"op":"cancel_all_after","timeout_ms":0}'
  ws_want '"id":10' '"cancel_at":null'
  ws_say '{"id":11,"op":"cancel_on_disconnect","enabled":true}'
  ws_want '"id":11' '"status":200'
  place carol BUY LIMIT quantity=1 price=70
  left=$order
  ws_close
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    look carol "$left" 'after the connection ended'
    [ "$(field status)" = CANCELLED ] && break
    sleep 0.2
  done
  expect 200 status=CANCELLED reject_reason=disconnected

  ask carol POST /api/v1/ws-ticket
  expect 201 ticket!= expires_at!=
fi
