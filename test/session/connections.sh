# Ways to sign in to the WebSocket, and the codes with which connections are closed
# shellcheck shell=bash disable=SC2154,SC2034

ws_is() { # ws_is STATUS: looks at her own things: 200 where the connection is signed in
  ws_say '{"id":"own","op":"subscribe","channels":["orders"]}'
  ws_want '"id":"own"' "\"status\":$1"
}
ws_refused() { # ws_refused WHY STATUS QUERY [TOKEN]: the handshake is answered so
  ws_connect nobody "$3" "${4-}"
  asked="nobody: ws $1"
  ws_want "refused $2"
  ws_close
}

ws_ways_in() {
  ask carol POST /api/v1/ws-ticket
  expect 201 ticket!= expires_at!=
  ticket=$(field ticket)
  private "$ticket"
  ws_connect carol "?ticket=$ticket"
  ws_is 200
  ws_close
  ws_refused 'a ticket is good once' 401 "?ticket=$ticket"
  ask nobody POST /api/v1/ws-ticket
  expect 401 code=unauthenticated
  ws_connect carol "?token=$(token_of carol)"
  ws_is 200
  ws_close
  ws_refused 'a bad token in the address' 401 '?token=x.y.z'
  ws_refused 'a bad token in the header' 401 '' x.y.z
  ws_refused 'two ways at once' 400 "?token=$(token_of carol)" "$(token_of carol)"
  ws_refused 'another parameter' 400 '?user=carol'

  ws_open
  ws_is 401
  ws_say "{\"id\":1,\"op\":\"auth\",\"token\":\"$(token_of carol)\"}"
  ws_want '"id":1' '"op":"auth"' '"status":200' "$(id_of carol)"
  ws_is 200
  ws_say "{\"id\":2,\"op\":\"auth\",\"token\":\"$(token_of bob)\"}"
  ws_want '"id":2' '"status":403' forbidden
  ws_say "{\"id\":3,\"op\":\"auth\",\"token\":\"$(token_of carol)\"}"
  ws_want '"id":3' '"status":200'
  ws_close
}

ws_codes() {
  ws_open
  ws_say '{"id":1,"op":"auth","token":"x.y.z"}'
  ws_want 'closed 4001'
  ws_close
  # A token that has run out already: it counts for the few seconds by which clocks may differ, then no more.
  token=$("$GATEWAY" token "$(id_of carol)" --hours 0)
  ws_connect carol '' "$token"
  asked='carol: ws her token has expired'
  ws_want 'closed 4004'
  ws_close
  for frame in '{"op":"dance"}' '[]' 'no JSON' '{"id":1}'; do
    ws_open
    ws_say "$frame"
    ws_want 'closed 4000'
    ws_close
  done
  ws_open
  ws_say '!binary'
  ws_want 'closed 1003'
  ws_close
  ws_open
  ws_say "$(head -c 70000 /dev/zero | tr '\0' ' ')"
  asked='nobody: ws a frame of 70 kB'
  ws_want 'closed 1009'
  ws_close
  ws_open
  asked='nobody: ws 150 frames at once'
  for _ in $(seq 150); do echo '{"op":"ping"}'; done >&"$ws_in"
  ws_want 'closed 4029'
  ws_close
  ws_open
  asked='nobody: ws asks for nothing for 5 s'
  ws_want 'closed 4002'
  ws_close
}

if ws_here 'signing in to the WebSocket, and its close codes'; then
  ws_ways_in
  ws_codes
fi
