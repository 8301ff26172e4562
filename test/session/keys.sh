# API keys: requests signed with HMAC-SHA256 or Ed25519, taken once, as they were signed
# shellcheck shell=bash disable=SC2154,SC2034

sign_hmac() { openssl dgst -sha256 -hmac "$secret" | sed 's/^.* //'; }
sign_ed25519() { # with the private key in a file; openssl wants a file to sign, too
  cat >"$scratch/signed" && openssl pkeyutl -sign -rawin -inkey "$scratch/ed25519.pem" -in "$scratch/signed" | base64 | tr -d '\n'
}
sign=sign_hmac
# signed METHOD TARGET [BODY [CURL ARGUMENT...]]: with $key, by $sign with $secret, as of $shift_s seconds from now
signed() {
  local method=$1 target=$2 content=${3-} at signature
  at=$(($(date +%s) + ${shift_s:-0}))$(printf '%03d' $((RANDOM % 1000)))
  signature=$(printf '%s\n5000\n%s\n%s\n%s' "$at" "$method" "$target" "$content" | "$sign")
  given_headers=(-H "X-API-Key: $key" -H "X-API-Timestamp: $at" -H "X-API-Signature: $signature")
  ask nobody "$method" "$target" "$content" "${given_headers[@]}" "${@:4}"
  asked="key: $method $target ${content:0:60}"
}
key_body() { # key_body USER SCOPES [ADDRESSES]
  echo "{\"user_id\":\"$(id_of "$1")\",\"algorithm\":\"HMAC_SHA256\",\"label\":\"bot\",\"scopes\":[$2],\"addresses\":[${3-}]}"
}
make_key() { # make_key USER SCOPES [ADDRESSES]
  admin operator POST /api-keys "$(key_body "$@")"
  asked="operator: an API key of $1 for $2"
  [ "$status" != 201 ] || private "$(field secret)"
}
public_key() { # public_key KEY_IN_BASE64
  echo "{\"user_id\":\"$(id_of alice)\",\"algorithm\":\"ED25519\",\"public_key\":\"$1\",\"scopes\":[\"trade\"]}"
}

if ! command -v openssl >/dev/null; then
  skip 'API keys' 'openssl is missing'
else
  make_key bob '"read"'
  expect 201 algorithm=HMAC_SHA256 key_id!= revoked_at=null
  key=$(field key_id) secret=$(field secret)
  signed GET '/api/v1/balances'
  expect 200 '+"balances":['
  signed DELETE /api/v1/orders
  expect 403 code=forbidden
  make_key alice '"trade"'
  expect 201 "user_id=$(id_of alice)"
  key=$(field key_id) secret=$(field secret)
  bid=$(json "symbol=$symbol" side=BUY order_type=LIMIT quantity=1 price=95)
  signed POST /api/v1/orders "$bid"
  expect 201 status=OPEN
  order=$(field order_id)
  ask nobody POST /api/v1/orders "$bid" "${given_headers[@]}"
  asked='key: the very same request again'
  expect 401
  look alice "$order" 'the key is hers'
  expect 200 status=OPEN
  signed GET "/api/v1/orders?status=open&symbol=$dashed"
  expect 200 "order_id=$order"
  ask nobody GET /api/v1/balances '' "${given_headers[@]}"
  asked='key: a signature of another path'
  expect 401
  ask nobody POST /api/v1/orders "$(json "symbol=$symbol")" "${given_headers[@]}"
  asked='key: a signature of another body'
  expect 401
  for shift_s in -60 60; do
    signed GET /api/v1/balances
    asked="$asked, as of $shift_s s"
    expect 401
  done
  shift_s=0
  right=$secret secret=${secret%?}x
  signed GET /api/v1/balances
  asked='key: a wrong secret'
  expect 401
  secret=$right
  signed DELETE "/api/v1/orders/$order"
  expect 200 status=CANCELLED

  admin operator GET "/api-keys?user_id=$(id_of alice)"
  expect 200 "+$key" "-$secret" '+"label":"bot"'
  admin operator DELETE "/api-keys/$key"
  expect 200 revoked_at!=null "-$secret"
  signed GET /api/v1/balances
  asked='key: a revoked one'
  expect 401

  if openssl genpkey -algorithm ed25519 -out "$scratch/ed25519.pem" 2>/dev/null &&
    printf x | sign_ed25519 >/dev/null 2>&1; then
    public=$(openssl pkey -in "$scratch/ed25519.pem" -pubout -outform DER | tail -c 32 | base64)
    admin operator POST /api-keys "$(public_key "$public")"
    asked='operator: a public key of alice'
    expect 201 algorithm=ED25519 secret=null
    key=$(field key_id) sign=sign_ed25519
    signed POST /api/v1/orders "$bid"
    expect 201 status=OPEN
    order=$(field order_id)
    ask nobody POST /api/v1/orders "$bid" "${given_headers[@]}"
    asked='key: the very same request again'
    expect 401
    signed DELETE "/api/v1/orders/$order"
    expect 200 status=CANCELLED
    sign=sign_hmac
    signed GET /api/v1/balances
    asked='key: a signature of the other algorithm'
    expect 401
  else
    skip 'keys with Ed25519' 'openssl cannot sign with them'
  fi
  # The address is that of the connection, whatever a header says.
  make_key alice '"read"' '"203.0.113.9"'
  expect 201
  key=$(field key_id) secret=$(field secret)
  signed GET /api/v1/balances '' -H 'X-Forwarded-For: 203.0.113.9'
  asked='key: from another address, with X-Forwarded-For'
  refused=$status
  same "$asked" yes "$(case $refused in 401 | 403) echo yes ;; *) echo "$refused" ;; esac)"
fi

for wrong in '"admin:funds"' '"everything"' ''; do
  make_key alice "$wrong"
  expect 400 code=invalid_field field=scopes
done
make_key alice '"read"' '"here"'
expect 400 code=invalid_field field=addresses
for wrong in '' x AAAA; do
  admin operator POST /api-keys "$(public_key "$wrong")"
  expect 400 code=invalid_field field=public_key
done
admin operator DELETE /api-keys/nosuchkeynosuchkeynosuch
expect 404 code=unknown_api_key
for who in nobody:401 alice:403 markets_operator:403; do
  admin "${who%:*}" GET "/api-keys?user_id=$(id_of alice)"
  expect "${who#*:}"
  admin "${who%:*}" POST /api-keys "$(key_body alice '"read"')"
  expect "${who#*:}"
done
