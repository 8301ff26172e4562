# Tiers, fees, and what operators see of a user
# shellcheck shell=bash disable=SC2154,SC2034,SC2089,SC2090

tier_body() { # tier_body ORDERS_PER_SECOND MAKER_FEE TAKER_FEE
  echo "{\"name\":\"gold-$run\",\"orders_per_second\":$1,\"maker_fee\":$2,\"taker_fee\":$3}"
}
asks_until() { # asks_until HEADER: dora asks until her tier has come to every gateway, which takes a second at most
  for _ in $(seq 20); do
    ask dora GET /api/v1/balances
    printf '%s\n' "$headers" | grep -q "^$1" && break
    sleep 0.1
  done
  expect 200 "^$1"
}

plain_user dora
plain_user auditor admin:read
account="/accounts/$(id_of dora)"

admin operator PUT "$account" "$(json "tier=gold-$run")"
expect 422 code=unknown_tier field=tier
admin operator POST /tiers "$(tier_body 500 '"0"' '"0.0005"')"
expect 200 "name=gold-$run" orders_per_second=500 maker_fee=0 taker_fee=0.0005
admin auditor GET /tiers
expect 200 "+gold-$run" "+\"$tier\""
for wrong in "0 null null" "1.5 null null" '1 "1" null' '1 null "-0.1"' '1 0.1 null'; do
  # shellcheck disable=SC2086
  admin operator POST /tiers "$(tier_body $wrong)"
  expect 400
done
admin operator GET "$account"
expect 200 tier=null '+"balances":[]'
admin operator PUT "$account" "$(json "tier=gold-$run")"
expect 200 "tier=gold-$run" "user_id=$(id_of dora)"
asks_until 'ratelimit-limit: 500'
admin operator POST /tiers "$(tier_body 700 null null)"
expect 200 maker_fee=null
asks_until 'ratelimit-limit: 700'
admin operator PUT "$account" '{"tier":null}'
expect 200 tier=null

for path in orders trades ledger; do
  ask alice GET "/api/v1/$path?limit=3"
  alices=$body
  admin auditor GET "/accounts/$(id_of alice)/$path?limit=3"
  expect 200
  same "an operator sees her $path as she does" "$alices" "$body"
done
for who in nobody:401 alice:403 funds_operator:403 markets_operator:403; do
  admin "${who%:*}" GET "/accounts/$(id_of alice)"
  expect "${who#*:}"
  admin "${who%:*}" GET "/accounts/$(id_of alice)/ledger"
  expect "${who#*:}"
  admin "${who%:*}" POST /tiers "$(tier_body 1 null null)"
  expect "${who#*:}"
done
admin auditor PUT "$account" "$(json "tier=gold-$run")"
expect 403 code=forbidden
admin operator GET /accounts/alice
expect 400 code=invalid_field field=user_id

fees() { admin "$1" PUT "/markets/$dashed/fees" "{\"maker_fee\":$2,\"taker_fee\":$3}"; }
fees markets_operator '"0.0005"' '"0.0015"'
expect 200 maker_fee=0.0005 taker_fee=0.0015
ask nobody GET "/api/v1/markets/$dashed"
expect 200 maker_fee=0.0005 taker_fee=0.0015
fees markets_operator '"0.001"' '"0.002"'
expect 200 maker_fee=0.001 taker_fee=0.002
for wrong in '"1" "0"' '"0" "-1"' '0 0' '"0" "0.000000001"'; do
  # shellcheck disable=SC2086
  fees markets_operator ${wrong% *} ${wrong#* }
  expect 400
done
fees funds_operator '"0"' '"0"'
expect 403 code=forbidden
