# Bad numbers: refused, no order, nothing reserved
# shellcheck shell=bash disable=SC2154,SC2034

clear_book alice
orders_of() { # orders_of WHO: how many
  ask "$1" GET '/api/v1/orders?limit=1000'
  printf '%s' "$body" | grep -o '"order_id"' | wc -l | tr -d ' '
}
before=$(orders_of alice)
balance alice USDT
money=$body
bad=('' -1 0 0.0 1e400 NaN Infinity 1e3 ' 1' '1 ' +1 .5 1. "1,5" 1_000 0x10 9223372036854775808
  123456789012345678901234567890123456789 1.000000001 92233720368.54775808 '１' '١' "1'" '1;drop')
for field_name in price quantity display_quantity; do
  for number in "${bad[@]}"; do
    case $field_name in
      price) given="quantity=1" ;;
      quantity) given="price=100" ;;
      *) given="quantity=1 price=100" ;;
    esac
    # shellcheck disable=SC2086
    place alice BUY LIMIT $given "$field_name=$number"
    expect 400 code=invalid_field "field=$field_name"
  done
done
for number in "${bad[@]}"; do
  place alice BUY MARKET "quote_quantity=$number"
  expect 400 code=invalid_field field=quote_quantity
  place alice BUY STOP quantity=1 "stop_price=$number"
  expect 400 code=invalid_field field=stop_price
done
place alice BUY LIMIT quantity=1 price=100.001
expect 400 code=invalid_field field=price '+multiple of the tick 0.01'
place alice BUY LIMIT quantity=1.0001 price=100
expect 400 code=invalid_field field=quantity '+multiple of the lot 0.001'
for number in 100 -1 1e400 1.5 true null '[]' '{}' '["1"]'; do
  ask alice POST /api/v1/orders \
    "{\"symbol\":\"$symbol\",\"side\":\"BUY\",\"order_type\":\"LIMIT\",\"quantity\":\"1\",\"price\":$number}"
  asked="alice: price $number without quotes"
  case $number in
    1e400) expect 400 ;;
    *) expect 400 code=invalid_field field=price ;;
  esac
done
same 'no order came of bad numbers' "$before" "$(orders_of alice)"
balance alice USDT
same 'nothing was reserved for bad numbers' "$money" "$body"
# The largest numbers of the grid are read, and refused by the market.
place alice BUY LIMIT quantity=1000 price=150
expect 422 code=insufficient_balance
place alice BUY LIMIT quantity=92233720368.547 price=100
expect 422 code=quantity_too_large
place alice BUY LIMIT quantity=1 price=42949672.95
expect 422 code=price_too_high
place alice BUY LIMIT quantity=92233720368.547 price=42949672.95
expect 422
place alice BUY LIMIT quantity=1 price=42949672.96
expect 400 code=invalid_field field=price
place alice BUY MARKET quote_quantity=92233720368.54775807
expect 422 code=insufficient_balance
balance alice USDT
same 'nor for the largest ones' "$(field available_balance)" "$(printf '%s' "$money" | sed 's/.*"available_balance":"\([^"]*\)".*/\1/')"
