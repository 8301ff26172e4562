# Post-only and icebergs; the last price is 97 or what came before
# shellcheck shell=bash disable=SC2154,SC2034

clear_book alice bob carol
place alice SELL LIMIT quantity=1 price=100 post_only=true
expect 201 status=OPEN post_only=true
place bob BUY LIMIT quantity=1 price=100 post_only=true
expect 422 code=post_only_would_take
look bob "$(field order_id)" 'rejected'
expect 200 status=REJECTED reject_reason=post_only_would_take
place bob BUY LIMIT quantity=1 price=99.99 post_only=true
expect 201 status=OPEN
place bob BUY LIMIT quantity=1 price=99.99 post_only=true time_in_force=IOC
expect 400 code=invalid_field field=post_only
depth 1
expect 200 '+"bids":[["99.99","1"]],"asks":[["100","1"]]'
clear_book alice bob

place alice SELL LIMIT quantity=3 price=100 display_quantity=1
expect 201 status=OPEN display_quantity=1 quantity=3
iceberg=$order
depth
expect 200 '+"asks":[["100","1"]]'
place carol SELL LIMIT quantity=1 price=100
behind=$order
place bob BUY LIMIT quantity=1 price=100
expect 201 status=FILLED
look alice "$iceberg" 'its first part'
expect 200 status=PARTIALLY_FILLED filled_quantity=1 remaining_quantity=2
look carol "$behind" 'not yet'
expect 200 status=OPEN
depth
expect 200 '+"asks":[["100","2"]]'
place bob BUY LIMIT quantity=1 price=100
look carol "$behind" 'the refill stands behind it'
expect 200 status=FILLED
look alice "$iceberg" 'as before'
expect 200 filled_quantity=1
place bob BUY LIMIT quantity=2 price=100 time_in_force=FOK
expect 201 status=FILLED
look alice "$iceberg" 'hidden quantity counts for fill or kill'
expect 200 status=FILLED filled_quantity=3
place alice SELL LIMIT quantity=1 price=100 display_quantity=1.001
expect 400 code=invalid_field field=display_quantity
place alice SELL LIMIT quantity=1 price=100 display_quantity=0.5 time_in_force=IOC
expect 400 code=invalid_field field=display_quantity
