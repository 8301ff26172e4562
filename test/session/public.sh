# What everybody sees: markets, depth, trades
# shellcheck shell=bash disable=SC2154,SC2034

clear_book alice bob carol
for price in 95 96 97; do place bob BUY LIMIT quantity=1 "price=$price"; done
place carol BUY LIMIT quantity=0.5 price=97
for price in 103 104; do place alice SELL LIMIT quantity=2 "price=$price"; done
depth
expect 200 "symbol=$symbol" last_seq!= '+"bids":[["97","1.5"],["96","1"],["95","1"]],"asks":[["103","2"],["104","2"]]'
seq_before=$(field last_seq)
depth 1
expect 200 '+"bids":[["97","1.5"]],"asks":[["103","2"]]'
place carol BUY LIMIT quantity=1 price=103
depth
expect 200 '+"asks":[["103","1"],["104","2"]]'
same 'the sequence of the market went on' yes "$([ "$(field last_seq)" -gt "$seq_before" ] && echo yes)"
ask nobody GET "/api/v1/markets/$dashed/trades?limit=1"
expect 200 "symbol=$symbol" price=103 quantity=1 quote_quantity=103 is_buyer_maker=false '-user_id' '-order_id'
place carol SELL LIMIT quantity=1 price=97
ask nobody GET "/api/v1/markets/$dashed/trades?limit=1"
expect 200 price=97 is_buyer_maker=true
ask carol GET '/api/v1/orders?limit=2'
same 'orders come newest first' 'SELL BUY' \
  "$(printf '%s' "$body" | tr '{' '\n' | sed -n 's/.*"side":"\([^"]*\)".*/\1/p' | tr '\n' ' ' | sed 's/ $//')"
ask bob GET "/api/v1/orders?status=open&symbol=${base}%2FUSDT"
expect 200 '+"status":"OPEN"' '-"status":"FILLED"'
ask bob GET "/api/v1/orders?status=closed&symbol=$other"
expect 200 '-"status":"OPEN"'
ask nobody GET "/api/v1/markets/$dashed/ticker"
expect 200 "symbol=$symbol" last_price=97 best_bid!=null best_ask=103 volume!=0 trades!=0 '-user_id'
place bob BUY LIMIT quantity=0.5 price=103
ask nobody GET "/api/v1/markets/$dashed/ticker"
expect 200 last_price=103 high_price!=null best_ask_quantity=0.5
ask nobody GET /api/v1/markets/NO-SUCH/ticker
expect 404 code=unknown_symbol
