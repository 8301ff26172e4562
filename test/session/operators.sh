# What operators do stands in the audit file; metrics and settings are theirs alone
# shellcheck shell=bash disable=SC2154,SC2034

send nobody GET "$ADMIN/metrics"
asked='operators: metrics'
expect 200 '+# TYPE' "-$(id_of alice)" '^content-type: text/plain'
send nobody GET "$PUBLIC/metrics"
asked='public: metrics'
[ "$ADMIN" = "$PUBLIC" ] || expect 404 code=not_found

ask nobody GET /openapi.json
expect 200 '^content-type: application/json' '+"openapi":"3.' '+"/api/v1/orders"'
body=''
ask nobody GET /docs/
expect 200 '^content-type: text/html' "^content-security-policy: default-src 'self'" '+swagger'
ask nobody GET /docs/nothing.js
expect 404

admin operator POST /reload
expect 200 '+"applied":[' '+"needs_restart":['
admin alice POST /reload
expect 403 code=forbidden
admin nobody POST /reload
expect 401 code=unauthenticated

if [ -n "${DATA-}" ] && [ -r "$DATA/audit.log" ]; then
  send operator POST "$ADMIN/api/v1/admin/deposits" \
    "$(json "key=$run-audited" "user_id=$(id_of poor)" asset=EUR amount=7)" -H 'X-Forwarded-For: 203.0.113.9'
  asked='operator: a deposit through a stranger'\''s proxy'
  expect 200 amount=7
  body=$(tail -n 1 "$DATA/audit.log")
  asked='the audit file tells of it'
  status=200
  expect 200 "actor=$(id_of operator)" outcome=done '+"amount":"7"' '-203.0.113.9' "-$(token_of operator)"
  admin operator POST /withdrawals "$(json "key=$run-refused-too" "user_id=$(id_of poor)" asset=EUR amount=8)"
  expect 422 code=insufficient_balance
  body=$(tail -n 1 "$DATA/audit.log")
  asked='the audit file tells of what was refused, too'
  status=200
  expect 200 outcome=insufficient_balance
  told=$("$GATEWAY" audit verify "$DATA/audit.log") || told="damaged: $told"
  same 'the audit file is whole' yes "$([[ $told == *"none altered"* ]] && echo yes)"
  admin operator POST /withdrawals "$(json "key=$run-audited-out" "user_id=$(id_of poor)" asset=EUR amount=7)"
  expect 200
fi
