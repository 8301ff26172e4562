# Deposits and withdrawals under the caller's key
# shellcheck shell=bash disable=SC2154,SC2034

balance alice USDT
expect 200 available_balance=0
deposit alice USDT 100000 "$run-alice"
expect 200 "key=$run-alice" kind=DEPOSIT asset=USDT amount=100000 available_balance=100000
first=$body
deposit alice USDT 100000 "$run-alice"
expect 200 available_balance=100000
same 'the same key again gives the first answer' "$first" "$body"
deposit alice USDT 100000.00000000 "$run-alice"
same 'the same amount in other words is the same' "$first" "$body"
deposit alice USDT 1 "$run-alice"
expect 409 code=transfer_key_conflict field=key
deposit bob USDT 100000 "$run-alice"
expect 409 code=transfer_key_conflict
withdraw alice USDT 100000 "$run-alice"
expect 409 code=transfer_key_conflict
for wrong in 0 -1 1e3 NaN '' ' 1' 0.000000001 92233720368.54775808; do
  deposit alice USDT "$wrong"
  expect 400 code=invalid_field field=amount
done
deposit alice USDT 92233720368.54775807
expect 400 code=invalid_field field=amount
deposit alice usdt 1
expect 400 code=invalid_field field=asset
deposit alice USDT 1 'a key'
expect 400 code=invalid_field field=key
deposit alice USDT 1 ''
expect 400 code=invalid_field field=key
withdraw alice USDT 1
expect 200 kind=WITHDRAWAL amount=1 available_balance=99999
deposit alice USDT 1
expect 200 available_balance=100000
admin operator POST /deposits "$(json key=k user_id=alice asset=USDT amount=1)"
expect 400 code=invalid_field field=user_id
admin operator POST /deposits "$(json key=k "user_id=$(id_of alice)" asset=USDT amount=1 note=x)"
expect 400 code=invalid_field field=note

withdraw alice USDT 100000.00000001 "$run-refused"
expect 422 code=insufficient_balance
deposit alice USDT 1
expect 200 available_balance=100001
withdraw alice USDT 100000.00000001 "$run-refused"
asked="$asked, as before" # a refusal is an answer too: it stays, whatever the balance is now
expect 422 code=insufficient_balance
withdraw alice USDT 1 "$run-refused"
expect 409 code=transfer_key_conflict
withdraw alice USDT 1
expect 200 available_balance=100000
withdraw alice EUR 1
expect 422 code=insufficient_balance
withdraw alice USDT 0
expect 400 code=invalid_field field=amount
withdraw alice USDT 0.00000001 "$run-out"
expect 200 available_balance=99999.99999999
withdraw alice USDT 0.00000001 "$run-out"
expect 200 available_balance=99999.99999999
withdraw alice USDT 0.00000002 "$run-out"
expect 409 code=transfer_key_conflict
balance alice USDT
expect 200 available_balance=99999.99999999 reserved_balance=0

deposit alice "$base" 1000
expect 200 available_balance=1000
deposit bob "$base" 1000
expect 200 available_balance=1000
deposit carol "$base" 500
expect 200 available_balance=500
for name in bob carol; do
  deposit "$name" USDT 100000
  expect 200 available_balance=100000
done
# What came in less what went out, in units of 1e-8: the last part compares.
deposited_base=$(units 2500)
deposited_quote=$((3 * $(units 100000) - 1))
