# Self-trade prevention: each mode
# shellcheck shell=bash disable=SC2154,SC2034

clear_book alice bob carol
own() { # own [NAME=VALUE...]: alice sells 1 at 100 and then buys with what is given
  place alice SELL LIMIT quantity=1 price=100
  maker=$order
  place alice BUY LIMIT price=100 "$@"
  taker=$order
}
own quantity=1
expect 201 status=CANCELLED reject_reason=self_trade self_trade_prevention=EXPIRE_TAKER filled_quantity=0 cancelled_at!=null
look alice "$maker" 'the maker stays'
expect 200 status=OPEN
clear_book alice
own quantity=1 self_trade_prevention=EXPIRE_MAKER
expect 201 status=OPEN
look alice "$maker" 'the maker went'
expect 200 status=CANCELLED reject_reason=self_trade
clear_book alice
own quantity=1 self_trade_prevention=EXPIRE_BOTH
expect 201 status=CANCELLED reject_reason=self_trade
look alice "$maker" 'both went'
expect 200 status=CANCELLED reject_reason=self_trade
own quantity=0.4 self_trade_prevention=DECREMENT
expect 201 status=CANCELLED reject_reason=self_trade filled_quantity=0 remaining_quantity=0
look alice "$maker" 'lost as much'
expect 200 status=OPEN filled_quantity=0 remaining_quantity=0.6 quantity=1
balance alice "$base"
expect 200 reserved_balance=0.6
clear_book alice
own quantity=1.5 self_trade_prevention=DECREMENT
expect 201 status=OPEN remaining_quantity=0.5 filled_quantity=0
look alice "$maker" 'used up'
expect 200 status=CANCELLED reject_reason=self_trade
balance alice USDT
expect 200 reserved_balance=50
clear_book alice
own quantity=1 self_trade_prevention=NONE
expect 201 status=FILLED filled_quantity=1
look alice "$maker" 'traded with its owner'
expect 200 status=FILLED

# An order of somebody else before the own one is taken first.
place bob SELL LIMIT quantity=1 price=100
place alice SELL LIMIT quantity=1 price=100
place alice BUY LIMIT quantity=2 price=100
expect 201 status=CANCELLED filled_quantity=1 reject_reason=self_trade
clear_book alice
place alice SELL LIMIT quantity=1 price=100
place bob SELL LIMIT quantity=1 price=100
place alice BUY LIMIT quantity=1 price=100 time_in_force=FOK self_trade_prevention=EXPIRE_MAKER
expect 201 status=FILLED filled_quantity=1
clear_book alice bob
own quantity=1 time_in_force=FOK
expect 201 status=EXPIRED reject_reason=fill_or_kill
clear_book alice
place alice BUY MARKET quote_quantity=100 self_trade_prevention=DECREMENT
expect 400 code=invalid_field field=self_trade_prevention
place alice BUY LIMIT quantity=1 price=100 self_trade_prevention=SOMETIMES
expect 400 code=invalid_field field=self_trade_prevention
