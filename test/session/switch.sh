# The dead man's switch: all orders are cancelled unless the caller says in time that it still lives
# shellcheck shell=bash disable=SC2154,SC2034

clear_book alice bob carol
arm() { # arm WHO MILLISECONDS
  ask "$1" POST /api/v1/cancel-all-after "{\"timeout_ms\":$2}"
  asked="$1: cancel all after $2 ms"
}
place alice BUY LIMIT quantity=1 price=95
alices=$order
place bob BUY LIMIT quantity=1 price=94
bobs=$order
arm alice 60000
expect 200 cancel_at!=null cancel_at!=
arm alice 0
expect 200 cancel_at=null
arm alice 1000
expect 200 cancel_at!=null
sleep 2
look alice "$alices" 'the switch ran out'
expect 200 status=CANCELLED reject_reason=dead_mans_switch
look bob "$bobs" 'he has none'
expect 200 status=OPEN
for wrong in 1 999 86400001 -1 1.5 '"1000"' null; do
  arm alice "$wrong"
  expect 400 code=invalid_field
done
arm nobody 1000
expect 401 code=unauthenticated
plain_user switch_reader read
arm switch_reader 1000
expect 403 code=forbidden
clear_book bob
