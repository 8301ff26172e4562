# How much a user may ask: 429 with Retry-After, and cancels that still go through
# shellcheck shell=bash disable=SC2154,SC2034

plain_user flo
ask flo GET /api/v1/balances
expect 200 '^ratelimit-limit:' '^ratelimit-remaining:' '^ratelimit-reset:'
most=1000
while [ "$status" = 200 ] && [ "$most" -gt 0 ]; do
  most=$((most - 1))
  send flo GET "$PUBLIC/api/v1/balances"
done
asked='flo: asks until the bucket is empty'
expect 429 code=rate_limited '^retry-after: ' '^ratelimit-remaining: 0'
# Asking again and again may meet a drop that came in meanwhile.
for _ in 1 2 3 4 5; do
  place flo BUY LIMIT quantity=1 price=95
  [ "$status" = 429 ] && break
done
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
