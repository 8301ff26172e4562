//! Markets and money: states, limits, bands, which refusal wins, fees, transfers.

use crate::script::check_all;

#[test]
fn a_market_takes_what_its_state_allows() {
    check_all(&[
        ("state post_only; buy a 5 @ 100", "bid 5 @ 100"),
        (
            "sell a 5 @ 100; state post_only; buy b 5 @ 100",
            "rejected b market_state; ask 5 @ 100",
        ),
        (
            "sell a 5 @ 100; state post_only; buy b 5 @ 100 post",
            "rejected b market_state; ask 5 @ 100",
        ),
        ("state post_only; buy a 5", "rejected a market_state"),
        ("state post_only; buy a 5 @ 100 ioc", "rejected a market_state"),
        ("state post_only; buy a 5 @ 100 fok", "rejected a market_state"),
        ("state post_only; buy a 5 stop 105", "rejected a market_state"),
        (
            "sell a 5 @ 105; buy b 5 @ 100; state post_only; amend b @ 104",
            "amended b 5 @ 104; bid 5 @ 104; ask 5 @ 105",
        ),
        (
            "sell a 5 @ 105; buy b 5 @ 100; state post_only; amend b @ 105",
            "refused b post_only_would_take; bid 5 @ 100; ask 5 @ 105",
        ),
        (
            "buy a 5 @ 100; state post_only; cancel a",
            "cancelled a requested",
        ),
        ("state cancel_only; buy a 5 @ 100", "rejected a market_state"),
        (
            "buy a 5 @ 100; state cancel_only; amend a 4",
            "refused a state cancel_only; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100; state cancel_only; cancel a",
            "cancelled a requested",
        ),
        (
            "buy a 5 @ 100; state cancel_only; cancel-all by a",
            "cancelled a mass_cancel; cancelled-all 1",
        ),
        ("state halted; buy a 5 @ 100", "rejected a market_state"),
        (
            "buy a 5 @ 100; state halted; cancel a",
            "refused a state halted; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100; state halted; amend a 4",
            "refused a state halted; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100; state halted; cancel-all by a",
            "cancelled-all 0; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100; buy b 5 @ 90 in side by a; state halted; cancel-all by a",
            "cancelled b mass_cancel; cancelled-all 1; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100; state halted; cancel-all by a operator",
            "cancelled a operator; cancelled-all 1",
        ),
        (
            "buy a 5 @ 100; state halted; cancel-all in main operator",
            "cancelled a operator; cancelled-all 1",
        ),
        (
            "buy a 5 @ 100; state halted; state open; sell b 5 @ 100",
            "trade a b 5 @ 100",
        ),
        ("state halted; buy a 5 @ 100 in side", "bid 5 @ 100"),
        ("state halted in nowhere", "refused  unknown_market"),
    ]);
}

#[test]
fn an_order_keeps_to_the_limits_of_its_market() {
    check_all(&[
        (
            "define min_quantity=3; buy a 2 @ 100",
            "rejected a quantity_too_small",
        ),
        ("define min_quantity=3; buy a 3 @ 100", "bid 3 @ 100"),
        (
            "define max_quantity=10; buy a 11 @ 100",
            "rejected a quantity_too_large",
        ),
        ("define max_quantity=10; buy a 10 @ 100", "bid 10 @ 100"),
        ("define max_price=200; buy a 1 @ 201", "rejected a price_too_high"),
        ("define max_price=200; buy a 1 @ 200", "bid 1 @ 200"),
        (
            "define max_price=200; buy a 1 stop 201",
            "rejected a price_too_high",
        ),
        (
            "define max_price=200; buy a 1 stop 150 @ 201",
            "rejected a price_too_high",
        ),
        (
            "define min_notional=500; buy a 4 @ 100",
            "rejected a notional_too_small",
        ),
        ("define min_notional=500; buy a 5 @ 100", "bid 5 @ 100"),
        // a market order is valued at the reference price, a stop at its stop price, a budget as it is
        (
            "define min_notional=500; buy a 4",
            "rejected a notional_too_small",
        ),
        ("define min_notional=500; buy a 5", "expired a immediate"),
        (
            "define min_notional=500; buy a 4 stop 124",
            "rejected a notional_too_small",
        ),
        ("define min_notional=500; buy a 4 stop 125", "waits a"),
        (
            "define min_notional=500; buy a $499.99999999",
            "rejected a notional_too_small",
        ),
        ("define min_notional=500; buy a $500", "expired a immediate"),
        (
            "define limit_band=1000; buy a 1 @ 89",
            "rejected a price_out_of_band",
        ),
        (
            "define limit_band=1000; buy a 1 @ 90; sell b 1 @ 110",
            "bid 1 @ 90; ask 1 @ 110",
        ),
        (
            "define limit_band=1000; sell a 1 @ 111",
            "rejected a price_out_of_band",
        ),
        ("define limit_band=1000; buy a 1 stop 150 @ 165", "waits a"),
        (
            "define limit_band=1000; buy a 1 stop 150 @ 166",
            "rejected a price_out_of_band",
        ),
        ("define limit_band=1000 initial_price=0; buy a 1 @ 5", "bid 1 @ 5"),
        (
            "define limit_band=1000; sell a 1 @ 110; buy b 1 @ 110; sell c 1 @ 121",
            "trade a b 1 @ 110; ask 1 @ 121",
        ),
        (
            "define max_open_orders=2; buy a 1 @ 99 by x; buy b 1 @ 98 by x; buy c 1 @ 97 by x",
            "rejected c too_many_orders; bid 1 @ 99; bid 1 @ 98",
        ),
        (
            "define max_open_orders=2; buy a 1 @ 99 by x; buy b 1 @ 98 by x; cancel a; buy c 1 @ 97 by x",
            "cancelled a requested; bid 1 @ 98; bid 1 @ 97",
        ),
    ]);
}

#[test]
fn the_first_refusal_in_order_wins() {
    let full = "define min_quantity=5 limit_band=1000; deposit x 1 USD; sell o 9 @ 100; buy k 9 @ 90 id one by y; state halted; ";
    for (order, expected) in [
        // shape before all
        (
            "buy a 1 post ioc @ 50 id one by y in main",
            "refused a shape post_only",
        ),
        // then the client id
        ("buy a 1 @ 50 id one by y", "refused a conflict k"),
        // then deadline and state
        ("buy a 1 @ 50 by x", "rejected a market_state"),
        ("buy a 1 @ 50 by x deadline 11:00", "expired a too_late"),
    ] {
        crate::script::check(&format!("{full}{order}; book off"), expected);
    }
    let open = "define min_quantity=5 limit_band=1000; deposit x 1 USD; sell o 9 @ 100; ";
    for (order, expected) in [
        // limits and band before funds
        ("buy a 1 @ 50 by x", "rejected a quantity_too_small"),
        ("buy a 5 @ 50 by x", "rejected a price_out_of_band"),
        // funds before the book
        ("buy a 5 @ 100 post by x", "rejected a insufficient_balance"),
        ("buy a 50 @ 100 fok by x", "rejected a insufficient_balance"),
        ("buy a 5 @ 100 post", "rejected a post_only_would_take"),
    ] {
        crate::script::check(&format!("{open}{order}; book off"), expected);
    }
}

#[test]
fn fees_are_taken_from_what_is_received_and_rounded_up() {
    check_all(&[
        // maker 0.1 %, taker 0.2 %
        (
            "define maker_fee=100000 taker_fee=200000; deposit a 5 ABC; deposit b 500 USD; sell a 5 @ 100; buy b 5 @ 100; \
             balance a; balance b; fees ABC; fees USD",
            "trade a b 5 @ 100; a has 499.5 USD; b has 4.99 ABC; fees 0.01 ABC; fees 0.5 USD",
        ),
        (
            "define maker_fee=100000 taker_fee=200000; deposit a 5 ABC; deposit b 500 USD; buy b 5 @ 100; sell a 5 @ 100; \
             balance a; balance b",
            "trade b a 5 @ 100; a has 499 USD; b has 4.995 ABC",
        ),
        // 1/3 of a percent of 1e-8 rounds up to one unit
        (
            "define maker_fee=1 taker_fee=33333333; deposit a 1 ABC; deposit b 1 USD; sell a 1 @ 1; buy b 1 @ 1; balance a; balance b",
            "trade a b 1 @ 1; a has 0.99999999 USD; b has 0.66666667 ABC",
        ),
        // nearly all
        (
            "define maker_fee=99999999 taker_fee=99999999; deposit a 1 ABC; deposit b 1 USD; sell a 1 @ 1; buy b 1 @ 1; balance a; balance b",
            "trade a b 1 @ 1; a has 0.00000001 USD; b has 0.00000001 ABC",
        ),
        // a user that trades with itself pays both
        (
            "define maker_fee=100000 taker_fee=200000; deposit x 5 ABC; deposit x 500 USD; sell a 5 @ 100 by x; buy b 5 @ 100 by x stp none; balance x",
            "trade a b 5 @ 100; x has 4.99 ABC, 499.5 USD",
        ),
    ]);
}

#[test]
fn fee_rates_are_fixed_when_the_order_enters() {
    check_all(&[
        (
            "define maker_fee=100000 taker_fee=200000; deposit a 10 ABC; sell a 10 @ 100; define maker_fee=0 taker_fee=0; \
             buy b 5 @ 100; balance a; fees ABC",
            "trade a b 5 @ 100; a has 0+5 ABC, 499.5 USD; fees 0 ABC; ask 5 @ 100",
        ),
        // an amendment does not change them
        (
            "define maker_fee=100000 taker_fee=200000; deposit a 5 ABC; sell a 5 @ 100; define maker_fee=0 taker_fee=0; \
             buy b 5 @ 99; amend a @ 99; balance a",
            "amended a 5 @ 99; trade b a 5 @ 99; a has 494.01 USD",
        ),
        // nor does the trigger of a stop
        (
            "define maker_fee=100000 taker_fee=200000; deposit s 5 ABC; sell s 5 stop 95; define maker_fee=0 taker_fee=0; \
             buy a 9 @ 95; sell b 1 @ 95; balance s",
            "trade a b 1 @ 95; trigger s; trade a s 5 @ 95; s has 474.05 USD; bid 3 @ 95",
        ),
    ]);
}

#[test]
fn a_market_keeps_its_grid_and_live_orders_their_meaning() {
    check_all(&[
        ("define tick=2", "refused market definition tick"),
        ("define lot=2", "refused market definition tick"),
        ("define symbol=XYZ/USD", "refused market definition symbol"),
        ("define max_quantity=0", "refused market definition max_quantity"),
        (
            "define maker_fee=100000000",
            "refused market definition maker_fee",
        ),
        // narrower limits leave live orders as they are
        (
            "buy a 50 @ 150; define max_quantity=10 max_price=120; sell b 5 @ 110",
            "trade a b 5 @ 150; bid 45 @ 150",
        ),
        (
            "buy a 50 @ 150; define max_quantity=10 max_price=120; amend a 40",
            "refused a quantity_too_large; bid 50 @ 150",
        ),
        (
            "buy a 50 @ 150; define max_quantity=10 max_price=120; amend a 5 @ 110",
            "amended a 5 @ 110; bid 5 @ 110",
        ),
        (
            "buy a 50 @ 150; define max_quantity=10 max_price=120; cancel a",
            "cancelled a requested",
        ),
        (
            "sell a 1 @ 500; buy b 1 @ 500; define max_price=200; sell c 1 @ 150; buy d 1; order d",
            "trade a b 1 @ 500; trade c d 1 @ 150; d FILLED 1/1 protected 200",
        ),
    ]);
}

#[test]
fn transfers_are_done_once_under_their_key() {
    check_all(&[
        ("deposit a 5 ABC; balance a", "a has 5 ABC"),
        (
            "deposit a 5 ABC key k; deposit a 5 ABC key k; balance a",
            "a has 5 ABC",
        ),
        (
            "deposit a 5 ABC key k; deposit a 6 ABC key k; balance a",
            "refused a key_conflict; a has 5 ABC",
        ),
        (
            "deposit a 5 ABC key k; withdraw a 5 ABC key k; balance a",
            "refused a key_conflict; a has 5 ABC",
        ),
        ("deposit a 5 ABC; withdraw a 2 ABC; balance a", "a has 3 ABC"),
        (
            "deposit a 5 ABC; withdraw a 5.00000001 ABC",
            "refused a insufficient_balance",
        ),
        (
            "deposit a 5 ABC; sell a 3 @ 100; withdraw a 3 ABC; withdraw a 2 ABC; balance a",
            "refused a insufficient_balance; a has 0+3 ABC; ask 3 @ 100",
        ),
        ("deposit a 0 ABC", "refused a shape amount"),
        (
            "deposit a 92233720368.54775807 ABC; deposit b 0.00000001 ABC",
            "refused b balance_too_large",
        ),
    ]);
}

#[test]
fn the_tape_has_the_last_trades_newest_first() {
    check_all(&[(
        "sell a 5 @ 100; buy b 1 @ 100; buy c 2 @ 100; sell d 1 @ 7 in side; buy e 1 @ 7 in side; tape; tape in side; book off",
        "trade a b 1 @ 100; trade a c 2 @ 100; trade d e 1 @ 7; tape 2@100 1@100; tape 1@7",
    )]);
}
