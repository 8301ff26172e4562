# How much a user may ask: 429 with Retry-After, and cancels that still go through
# shellcheck shell=bash disable=SC2154,SC2034

plain_user flo
ask flo GET /api/v1/balances
expect 200 '^ratelimit-limit:' '^ratelimit-remaining:' '^ratelimit-reset:'
drain() { # a hundred questions over one connection: faster than drops come in, on a slow machine too
  local urls=()
  while [ "${#urls[@]}" -lt 100 ]; do urls+=("$PUBLIC/api/v1/balances"); done
  curl -s --max-time 60 -H "Authorization: Bearer $(token_of flo)" "${urls[@]}" >"$scratch/drained"
}
until_refused() { # until_refused COMMAND...: with an empty bucket; a drop may come in between
  local tries
  for tries in $(seq 20); do
    drain
    "$@"
    [ "$status" = 429 ] && break
  done
}
until_refused ask flo GET /api/v1/balances
asked='flo: asks until the bucket is empty'
expect 429 code=rate_limited '^retry-after: ' '^ratelimit-remaining: 0'
until_refused place flo BUY LIMIT quantity=1 price=95
expect 429 code=rate_limited '^retry-after: '
send flo DELETE "$PUBLIC/api/v1/orders"
asked='flo: cancels all the same'
expect 200 cancelled=0
ask alice GET /api/v1/balances
expect 200
retry=$(printf '%s\n' "$headers" | sed -n 's/^ratelimit-limit: //p')
same 'her tier lets her ask more' yes "$([ "$retry" -ge 1000 ] && echo yes)"
sleep 2
ask flo GET /api/v1/balances
expect 200
