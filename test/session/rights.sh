# Tokens and scopes
# shellcheck shell=bash disable=SC2154,SC2034

user reader read
user stranger ''
token_expired=$("$GATEWAY" token "$(id_of alice)" --hours 0)
made_at=$(date +%s)
base64url() { base64 | tr -d '=\n' | tr '/+' '_-'; }
claims="{\"sub\":\"$(id_of alice)\",\"exp\":4102444800,\"iss\":\"trade-engine\",\"aud\":\"trade-engine-api\",\"scope\":\"trade read\"}"
token_garbage=garbage
token_empty=''
token_dots=..
token_unsigned="$(printf '{"alg":"none","typ":"JWT"}' | base64url).$(printf '%s' "$claims" | base64url)."
token_forged="$(printf '{"alg":"HS256","typ":"JWT"}' | base64url).$(printf '%s' "$claims" | base64url).$(printf 'x%.0s' $(seq 43))"
alices=$(token_of alice)
token_cut=${alices%?}
token_other_claims="${alices%%.*}.$(printf '%s' "$claims" | base64url).${alices##*.}"
token_long=$(printf 'x%.0s' $(seq 5000))

ask nobody GET /api/v1/orders '' -H 'X-Request-Id: session'
expect 401 code=unauthenticated '^www-authenticate: Bearer'
refusal=$body
for who in garbage empty dots unsigned forged cut other_claims long; do
  ask "$who" GET /api/v1/orders '' -H 'X-Request-Id: session'
  expect 401 code=unauthenticated
  same "the $who token is told no more than none" "$refusal" "$body"
done
for header in "Authorization: $alices" "Authorization: Basic $alices" "Authorization: Bearer" \
  "Authorization: Bearer  $alices" "X-Authorization: Bearer $alices"; do
  ask nobody GET /api/v1/orders '' -H "$header"
  asked="nobody: ${header:0:30}..."
  expect 401 code=unauthenticated
done
if [ -z "${BALANCED:-}" ]; then # else the balancer says so itself
  ask alice GET /api/v1/orders '' -H "Authorization: Bearer $alices"
  asked='alice: two Authorization headers'
  expect 401 code=unauthenticated
fi
ask nobody GET "/api/v1/orders?access_token=$alices"
asked='nobody: a token in the query'
expect 401 code=unauthenticated
for route in 'POST /api/v1/orders' 'DELETE /api/v1/orders' "GET /api/v1/orders/$(uuid)" "PATCH /api/v1/orders/$(uuid)" \
  "DELETE /api/v1/orders/$(uuid)" 'GET /api/v1/orders/by-client-id/x' 'GET /api/v1/balances'; do
  # shellcheck disable=SC2086
  ask nobody $route '{}'
  expect 401 code=unauthenticated
done

ask reader GET /api/v1/orders
expect 200 '+"orders":[]'
place reader BUY LIMIT quantity=1 price=100
expect 403 code=forbidden
cancel reader "$(uuid)"
expect 403 code=forbidden
amend reader "$(uuid)" quantity=1
expect 403 code=forbidden
ask reader DELETE /api/v1/orders
expect 403 code=forbidden
for path in /api/v1/orders /api/v1/balances; do
  ask stranger GET "$path"
  expect 403 code=forbidden
  ask funds_operator GET "$path"
  expect 403 code=forbidden
done
place operator BUY LIMIT quantity=1 price=100
expect 403 code=forbidden

deposit_body=$(json key=k "user_id=$(id_of alice)" asset=USDT amount=1)
for route in /deposits /withdrawals; do
  admin nobody POST "$route" "$deposit_body"
  expect 401 code=unauthenticated
  admin alice POST "$route" "$deposit_body"
  expect 403 code=forbidden
  admin markets_operator POST "$route" "$deposit_body"
  expect 403 code=forbidden
done
admin nobody POST /markets "$(definition)"
expect 401 code=unauthenticated
admin alice POST /markets "$(definition)"
expect 403 code=forbidden
admin funds_operator POST /markets "$(definition)"
expect 403 code=forbidden
admin markets_operator POST /markets "$(definition)"
expect 200
admin nobody POST /orders/cancel "$(json "symbol=$symbol")"
expect 401 code=unauthenticated

# The operators' routes are not public, unless server.admin_on_public says so; and the public ones are not theirs.
ask operator POST /api/v1/admin/deposits '{}'
if [ "$status" = 400 ]; then
  asked="$asked (server.admin_on_public is set)"
  expect 400 code=invalid_field
else
  expect 404 code=not_found
fi
send alice GET "$ADMIN/api/v1/orders"
asked='alice: her orders at the operators'\'' address'
[ "$ADMIN" = "$PUBLIC" ] || expect 404 code=not_found

wait_s=$((made_at + 7 - $(date +%s)))
[ "$wait_s" -le 0 ] || sleep "$wait_s"
ask expired GET /api/v1/orders '' -H 'X-Request-Id: session'
expect 401 code=unauthenticated
same 'the expired token is told no more than none' "$refusal" "$body"
