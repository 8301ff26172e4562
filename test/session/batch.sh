# Batches: each item is answered as if it had come alone
# shellcheck shell=bash disable=SC2154,SC2034

state open
clear_book alice bob carol
batch() { # batch WHO ITEMS
  ask "$1" POST /api/v1/orders/batch "{\"items\":[$2]}"
  asked="$1: batch ${2:0:60}"
}
placing() { # placing [NAME=VALUE...]: an item that places a bid
  echo "{\"op\":\"place\",\"order\":$(json "symbol=$symbol" side=BUY order_type=LIMIT quantity=1 "$@")}"
}
statuses() { # of the items, in their order
  printf '%s' "$body" | tr '{' '\n' | sed -n 's/^"status":\([0-9]*\).*/\1/p' | tr '\n' ' '
}

# Items do not wait for one another, so one of each batch reserves money: the ledger has the same lines in each session.
batch alice "$(placing price=95 "client_order_id=$run-b1"),$(placing price=95000)"
expect 200 '+"code":"price_too_high"' "+$run-b1"
same 'each item has its own status' '201 422 ' "$(statuses)"
batch alice "$(placing price=95 "client_order_id=$run-b1"),$(placing price=94)"
expect 200
same 'the same item again is the same order' '200 201 ' "$(statuses)"
depth
expect 200 '+"bids":[["95","1"],["94","1"]]'
batch alice "{\"op\":\"amend\",\"client_order_id\":\"$run-b1\",\"quantity\":\"0.5\"},{\"op\":\"cancel\",\"client_order_id\":\"$run-b1\"}"
expect 200 '+"status":"CANCELLED"' '+"quantity":"0.5"'
same 'items about one order keep their order' '200 200 ' "$(statuses)"
batch alice "{\"op\":\"cancel\",\"order_id\":\"$(uuid)\"},{\"op\":\"cancel\"}"
expect 200 '+"code":"unknown_order"'
same 'what cannot be cancelled is told alone' '404 400 ' "$(statuses)"
depth
expect 200 '+"bids":[["94","1"]]'

batch alice ''
expect 400 code=invalid_field field=items
many=$(placing price=90)
for _ in $(seq 50); do many="$many,$(placing price=90)"; done
batch alice "$many"
expect 400 code=invalid_field field=items
batch alice '{"op":"destroy"}'
expect 400 code=invalid_field
batch alice "{\"op\":\"cancel\",\"order_id\":\"$(uuid)\",\"note\":\"x\"}"
expect 400 code=invalid_field
batch nobody "$(placing price=90)"
expect 401 code=unauthenticated
plain_user batch_reader read
batch batch_reader "$(placing price=90)"
expect 403 code=forbidden
clear_book alice
depth
expect 200 '+"bids":[]'
