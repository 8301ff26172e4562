//! Matching as traders see it: priority, prices, types, times in force, and what comes back.

use crate::script::check_all;

#[test]
fn the_better_price_first_then_the_earlier_order_at_the_makers_price() {
    check_all(&[
        ("buy a 5 @ 100", "bid 5 @ 100"),
        ("sell a 5 @ 100", "ask 5 @ 100"),
        ("buy a 5 @ 100; sell b 3 @ 101", "bid 5 @ 100; ask 3 @ 101"),
        (
            "buy a 5 @ 99; buy b 2 @ 100; buy c 1 @ 98",
            "bid 2 @ 100; bid 5 @ 99; bid 1 @ 98",
        ),
        (
            "sell a 5 @ 101; sell b 5 @ 100; buy c 7 @ 101",
            "trade b c 5 @ 100; trade a c 2 @ 101; ask 3 @ 101",
        ),
        (
            "buy a 5 @ 100; buy b 5 @ 101; sell c 7 @ 100",
            "trade b c 5 @ 101; trade a c 2 @ 100; bid 3 @ 100",
        ),
        (
            "sell a 5 @ 100; sell b 5 @ 100; buy c 6 @ 100",
            "trade a c 5 @ 100; trade b c 1 @ 100; ask 4 @ 100",
        ),
        ("sell a 5 @ 100; buy b 8 @ 100", "trade a b 5 @ 100; bid 3 @ 100"),
        (
            "sell a 5 @ 100; sell b 1 @ 102; buy c 8 @ 101",
            "trade a c 5 @ 100; bid 3 @ 101; ask 1 @ 102",
        ),
        ("sell a 1 @ 1; buy b 1 @ 10000", "trade a b 1 @ 1"),
        (
            "sell a 5 @ 100; sell b 5 @ 100 in side; buy c 9 @ 100 in side",
            "trade b c 5 @ 100; ask 5 @ 100; bid 4 @ 100",
        ),
    ]);
}

#[test]
fn a_fill_at_a_better_price_releases_the_difference() {
    check_all(&[
        (
            "sell a 5 @ 90; deposit b 1000 USD; buy b 10 @ 100; balance b",
            "trade a b 5 @ 90; b has 5 ABC, 50+500 USD; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100; deposit b 5 ABC; sell b 5 @ 90; balance b",
            "trade a b 5 @ 100; b has 500 USD",
        ),
        (
            "deposit b 500 USD; buy b 5 @ 100; balance b; cancel b; balance b",
            "b has 0+500 USD; cancelled b requested; b has 500 USD",
        ),
        (
            "deposit b 500 USD; buy b 5 @ 101",
            "rejected b insufficient_balance",
        ),
        (
            "deposit b 4.99999999 ABC; sell b 5 @ 101",
            "rejected b insufficient_balance",
        ),
        // a market buy reserves up to its protection price, and gets the rest back
        (
            "define market_band=1000; sell a 5 @ 100; deposit b 550 USD; buy b 5; balance b",
            "trade a b 5 @ 100; b has 5 ABC, 50 USD",
        ),
        (
            "define market_band=1000; sell a 5 @ 100; deposit b 549 USD; buy b 5; balance b",
            "rejected b insufficient_balance; b has 549 USD; ask 5 @ 100",
        ),
    ]);
}

#[test]
fn market_and_immediate_orders_take_what_is_there_and_never_rest() {
    check_all(&[
        ("buy a 5", "expired a immediate"),
        ("sell a 5", "expired a immediate"),
        ("buy a 5 @ 100 ioc", "expired a immediate"),
        (
            "sell a 3 @ 100; buy b 5",
            "trade a b 3 @ 100; expired b immediate",
        ),
        ("sell a 3 @ 100; buy b 3", "trade a b 3 @ 100"),
        (
            "sell a 3 @ 100; sell b 9 @ 101; buy c 5",
            "trade a c 3 @ 100; trade b c 2 @ 101; ask 7 @ 101",
        ),
        (
            "buy a 3 @ 100; buy b 9 @ 99; sell c 5",
            "trade a c 3 @ 100; trade b c 2 @ 99; bid 7 @ 99",
        ),
        (
            "sell a 3 @ 100; buy b 5 @ 100 ioc; order b",
            "trade a b 3 @ 100; expired b immediate; b EXPIRED 3/5",
        ),
        (
            "sell a 3 @ 100; buy b 5 @ 99 ioc",
            "expired b immediate; ask 3 @ 100",
        ),
        ("buy a 5 gtc", "refused a shape time_in_force"),
        ("buy a 5 day", "refused a shape time_in_force"),
        ("buy a 5 gtd 13:00", "refused a shape time_in_force"),
    ]);
}

#[test]
fn a_market_order_never_trades_beyond_its_protection_price() {
    check_all(&[
        (
            "define market_band=1000; sell a 1 @ 110; sell b 1 @ 111; buy c 2; order c",
            "trade a c 1 @ 110; expired c immediate; c EXPIRED 1/2 protected 110; ask 1 @ 111",
        ),
        (
            "define market_band=1000; buy a 1 @ 90; buy b 1 @ 89; sell c 2; order c",
            "trade a c 1 @ 90; expired c immediate; c EXPIRED 1/2 protected 90; bid 1 @ 89",
        ),
        // measured from the last trade
        (
            "define market_band=1000; sell a 1 @ 120; buy b 1 @ 120; sell d 2 @ 132; sell e 1 @ 133; buy c 3; order c",
            "trade a b 1 @ 120; trade d c 2 @ 132; expired c immediate; c EXPIRED 2/3 protected 132; ask 1 @ 133",
        ),
        // rounded to the inside
        (
            "define market_band=999; sell a 1 @ 110; buy b 1; order b",
            "expired b immediate; b EXPIRED 0/1 protected 109; ask 1 @ 110",
        ),
        (
            "define market_band=999; buy a 1 @ 90; sell b 1; order b",
            "expired b immediate; b EXPIRED 0/1 protected 91; bid 1 @ 90",
        ),
        // without a band as far as the highest price, and to one tick
        (
            "define max_price=1000; sell a 1 @ 1000; buy b 1; order b",
            "trade a b 1 @ 1000; b FILLED 1/1 protected 1000",
        ),
        (
            "buy a 1 @ 1; sell b 1; order b",
            "trade a b 1 @ 1; b FILLED 1/1 protected 1",
        ),
        // the band's end above the highest price
        (
            "define max_price=105 market_band=1000; sell a 1 @ 105; buy b 1; order b",
            "trade a b 1 @ 105; b FILLED 1/1 protected 105",
        ),
        // no price to measure from
        (
            "define initial_price=0; sell a 1 @ 100; buy b 1",
            "rejected b no_reference_price; ask 1 @ 100",
        ),
        (
            "define initial_price=0; sell a 2 @ 100; buy b 1 @ 100; buy c 1",
            "trade a b 1 @ 100; trade a c 1 @ 100",
        ),
    ]);
}

#[test]
fn a_budget_buys_whole_lots_until_less_than_one_can_be_had() {
    check_all(&[
        (
            "sell a 9 @ 100; deposit b 500 USD; buy b $500; balance b",
            "trade a b 5 @ 100; spent b; b has 5 ABC; ask 4 @ 100",
        ),
        (
            "sell a 9 @ 100; deposit b 550 USD; buy b $550; balance b; order b",
            "trade a b 5 @ 100; spent b; b has 5 ABC, 50 USD; b FILLED 5/550 protected 10000; ask 4 @ 100",
        ),
        // the book is exhausted first
        (
            "sell a 3 @ 100; deposit b 500 USD; buy b $500; balance b",
            "trade a b 3 @ 100; expired b immediate; b has 3 ABC, 200 USD",
        ),
        (
            "define market_band=1000; sell a 3 @ 100; sell d 3 @ 111; buy b $500",
            "trade a b 3 @ 100; expired b immediate; ask 3 @ 111",
        ),
        ("buy b $500", "expired b immediate"),
        // several prices, each rounded down to lots
        (
            "sell a 2 @ 100; sell c 1 @ 110; sell d 5 @ 120; buy b $500",
            "trade a b 2 @ 100; trade c b 1 @ 110; trade d b 1 @ 120; spent b; ask 4 @ 120",
        ),
        // less than one lot from the start
        ("sell a 9 @ 100; buy b $99", "expired b immediate; ask 9 @ 100"),
        (
            "sell a 9 @ 100; buy b $0.00000001",
            "expired b immediate; ask 9 @ 100",
        ),
        (
            "sell a 9 @ 100; buy b $100 fok",
            "trade a b 1 @ 100; spent b; ask 8 @ 100",
        ),
        ("sell a 9 @ 100; buy b $950 fok", "trade a b 9 @ 100; spent b"),
        (
            "sell a 9 @ 100; buy b $1000 fok",
            "expired b fill_or_kill; ask 9 @ 100",
        ),
        (
            "sell a 9 @ 100; buy b $99 fok",
            "expired b fill_or_kill; ask 9 @ 100",
        ),
        (
            "deposit b 499 USD; sell a 9 @ 100; buy b $500",
            "rejected b insufficient_balance; ask 9 @ 100",
        ),
        ("sell b $500", "refused b shape quote_quantity"),
        ("buy b $0", "refused b shape quote_quantity"),
        (
            "buy b $500 stp decrement",
            "refused b shape self_trade_prevention",
        ),
        (
            "sell a 9 @ 100 by x; sell c 9 @ 100; buy b $500 by x",
            "cancelled b self_trade; ask 18 @ 100",
        ),
        (
            "sell a 9 @ 100 by x; sell c 9 @ 100; buy b $500 by x stp maker",
            "cancelled a self_trade; trade c b 5 @ 100; spent b; ask 4 @ 100",
        ),
    ]);
}

#[test]
fn a_budget_buys_no_more_than_the_largest_quantity() {
    check_all(&[
        (
            "define max_quantity=10; sell a 10 @ 5; sell c 10 @ 5; deposit b 1000 USD; buy b $1000; order b; balance b",
            "trade a b 10 @ 5; b FILLED 10/10 protected 10000; b has 10 ABC, 950 USD; ask 10 @ 5",
        ),
        (
            "define max_quantity=10; sell a 4 @ 5; sell c 4 @ 6; sell d 4 @ 7; buy b $1000 fok; order b",
            "trade a b 4 @ 5; trade c b 4 @ 6; trade d b 2 @ 7; b FILLED 10/10 protected 10000; ask 2 @ 7",
        ),
        (
            "define max_quantity=10; sell a 4 @ 5; sell c 4 @ 6; buy b $1000 fok",
            "expired b fill_or_kill; ask 4 @ 5; ask 4 @ 6",
        ),
        (
            "define max_quantity=10; sell a 4 @ 5; sell c 4 @ 6; buy b $1000",
            "trade a b 4 @ 5; trade c b 4 @ 6; expired b immediate",
        ),
        // an own order that only seems cheap decides nothing
        (
            "define max_quantity=10; sell o 1 @ 1 by x; sell a 10 @ 1000; buy b $500 fok by x stp maker",
            "expired b fill_or_kill; ask 1 @ 1; ask 10 @ 1000",
        ),
        // both ends at once: the budget goes first
        (
            "define max_quantity=10; sell a 8 @ 5; sell c 4 @ 9; buy b $50",
            "trade a b 8 @ 5; trade c b 1 @ 9; spent b; ask 3 @ 9",
        ),
        (
            "define max_quantity=10; sell a 4 @ 5 by x; sell c 4 @ 6; sell d 10 @ 6; buy b $1000 by x stp maker",
            "cancelled a self_trade; trade c b 4 @ 6; trade d b 6 @ 6; ask 4 @ 6",
        ),
        (
            "define max_quantity=10; sell a 4 @ 5; sell c 4 @ 6 by x; sell d 9 @ 6; buy b $1000 by x stp both",
            "trade a b 4 @ 5; cancelled c self_trade; cancelled b self_trade; ask 9 @ 6",
        ),
        (
            "define max_quantity=10; buy s $5000 stop 105; sell a 9 @ 105; sell c 9 @ 106; buy b 1 @ 105; order s",
            "trade a b 1 @ 105; trigger s; trade a s 8 @ 105; trade c s 2 @ 106; s FILLED 10/10 protected 10000; ask 7 @ 106",
        ),
    ]);
}

#[test]
fn fill_or_kill_fills_at_once_or_changes_nothing() {
    check_all(&[
        ("sell a 5 @ 100; buy b 5 @ 100 fok", "trade a b 5 @ 100"),
        ("sell a 5 @ 100; buy b 6 @ 100 fok", "expired b fill_or_kill; ask 5 @ 100"),
        ("sell a 5 @ 100; sell c 5 @ 101; buy b 6 @ 100 fok", "expired b fill_or_kill; ask 5 @ 100; ask 5 @ 101"),
        ("sell a 5 @ 100; sell c 5 @ 101; buy b 6 @ 101 fok", "trade a b 5 @ 100; trade c b 1 @ 101; ask 4 @ 101"),
        ("sell a 5 @ 100; buy b 5 fok", "trade a b 5 @ 100"),
        ("define market_band=1000; sell a 3 @ 100; sell c 3 @ 111; buy b 5 fok", "expired b fill_or_kill; ask 3 @ 100; ask 3 @ 111"),
        // hidden quantity counts
        ("sell a 9 @ 100 show 1; buy b 9 @ 100 fok", "9 lots"),
        ("sell a 9 @ 100 show 1; buy b 10 @ 100 fok", "expired b fill_or_kill; ask 1 @ 100"),
        // what is due to expire does not
        ("sell a 5 @ 100 gtd 12:30; at 12:30; buy b 5 @ 100 fok", "expired a time_in_force; expired b fill_or_kill"),
        // the killed order's funds come back, and it was never in the book
        (
            "deposit b 1000 USD; sell a 5 @ 100; buy b 6 @ 100 fok; balance b; order b",
            "expired b fill_or_kill; b has 1000 USD; b EXPIRED 0/6; ask 5 @ 100",
        ),
    ].map(|(script, expected)| match expected {
        "9 lots" => (script, "trade a b 1 @ 100; trade a b 1 @ 100; trade a b 1 @ 100; trade a b 1 @ 100; trade a b 1 @ 100; trade a b 1 @ 100; trade a b 1 @ 100; trade a b 1 @ 100; trade a b 1 @ 100"),
        _ => (script, expected),
    }));
}

#[test]
fn post_only_is_rejected_where_it_would_take() {
    check_all(&[
        ("sell a 5 @ 100; buy b 5 @ 99 post", "bid 5 @ 99; ask 5 @ 100"),
        (
            "sell a 5 @ 100; buy b 5 @ 100 post",
            "rejected b post_only_would_take; ask 5 @ 100",
        ),
        ("buy a 5 @ 100; sell b 5 @ 101 post", "bid 5 @ 100; ask 5 @ 101"),
        (
            "buy a 5 @ 100; sell b 5 @ 99 post",
            "rejected b post_only_would_take; bid 5 @ 100",
        ),
        // also where it would meet an order of its own
        (
            "sell a 5 @ 100 by x; buy b 5 @ 100 post by x stp maker",
            "rejected b post_only_would_take; ask 5 @ 100",
        ),
        (
            "deposit b 500 USD; sell a 5 @ 100; buy b 5 @ 100 post; balance b",
            "rejected b post_only_would_take; b has 500 USD; ask 5 @ 100",
        ),
        ("buy b 5 @ 100 post ioc", "refused b shape post_only"),
        ("buy b 5 @ 100 post fok", "refused b shape post_only"),
        ("buy b 5 @ 100 post day", "bid 5 @ 100"),
    ]);
}

#[test]
fn an_iceberg_shows_a_part_and_each_refill_goes_to_the_back() {
    check_all(&[
        ("sell a 9 @ 100 show 2", "ask 2 @ 100"),
        ("sell a 9 @ 100 show 9", "ask 9 @ 100"),
        ("sell a 9 @ 100 show 10", "refused a shape display_quantity"),
        // a hundred parts at the most: each is a fill of its own
        ("sell a 100 @ 100 show 1", "ask 1 @ 100"),
        ("sell a 101 @ 100 show 1", "refused a shape display_quantity"),
        (
            "sell a 100 @ 100 show 1; amend a 101",
            "refused a shape display_quantity; ask 1 @ 100",
        ),
        ("sell a 9 @ 100 show 2 ioc", "refused a shape display_quantity"),
        (
            "sell a 5 @ 100 show 2; sell b 2 @ 100; buy c 4 @ 100",
            "trade a c 2 @ 100; trade b c 2 @ 100; ask 2 @ 100",
        ),
        (
            "sell a 5 @ 100 show 2; sell b 2 @ 100; buy c 1 @ 100; buy d 2 @ 100",
            "trade a c 1 @ 100; trade a d 1 @ 100; trade b d 1 @ 100; ask 3 @ 100",
        ),
        (
            "sell a 5 @ 100 show 2; sell b 2 @ 100; buy c 9 @ 100",
            "trade a c 2 @ 100; trade b c 2 @ 100; trade a c 2 @ 100; trade a c 1 @ 100; bid 2 @ 100",
        ),
        (
            "sell a 4 @ 100 show 2; sell b 4 @ 100 show 2; buy c 7 @ 100",
            "trade a c 2 @ 100; trade b c 2 @ 100; trade a c 2 @ 100; trade b c 1 @ 100; ask 1 @ 100",
        ),
        // as a taker it trades with all it has, then rests as an iceberg
        (
            "sell a 5 @ 100; buy b 9 @ 100 show 2",
            "trade a b 5 @ 100; bid 2 @ 100",
        ),
        (
            "sell a 8 @ 100; buy b 9 @ 100 show 2",
            "trade a b 8 @ 100; bid 1 @ 100",
        ),
        ("sell a 9 @ 100 show 2; cancel a", "cancelled a requested"),
    ]);
}

#[test]
fn self_trade_prevention_goes_by_the_takers_mode() {
    check_all(&[
        (
            "sell a 5 @ 100 by x; buy b 3 @ 100 by x stp none",
            "trade a b 3 @ 100; ask 2 @ 100",
        ),
        (
            "sell a 5 @ 100 by x; buy b 3 @ 100 by x",
            "cancelled b self_trade; ask 5 @ 100",
        ),
        (
            "sell a 5 @ 100 by x; buy b 3 @ 100 by x stp maker",
            "cancelled a self_trade; bid 3 @ 100",
        ),
        (
            "sell a 5 @ 100 by x; buy b 3 @ 100 by x stp both",
            "cancelled a self_trade; cancelled b self_trade",
        ),
        (
            "sell a 5 @ 100 by x; buy b 3 @ 100 by x stp decrement",
            "prevent a 3; prevent b 3; cancelled b self_trade; ask 2 @ 100",
        ),
        (
            "sell a 3 @ 100 by x; buy b 5 @ 100 by x stp decrement",
            "prevent a 3; cancelled a self_trade; prevent b 3; bid 2 @ 100",
        ),
        (
            "sell a 3 @ 100 by x; buy b 3 @ 100 by x stp decrement",
            "prevent a 3; cancelled a self_trade; prevent b 3; cancelled b self_trade",
        ),
        // the maker's mode plays no part
        (
            "sell a 5 @ 100 by x stp none; buy b 3 @ 100 by x stp taker",
            "cancelled b self_trade; ask 5 @ 100",
        ),
        // what stands before an own order still trades
        (
            "sell a 2 @ 100; sell o 5 @ 100 by x; sell c 2 @ 101; buy b 6 @ 101 by x; order b",
            "trade a b 2 @ 100; cancelled b self_trade; b CANCELLED 2/6; ask 5 @ 100; ask 2 @ 101",
        ),
        (
            "sell a 2 @ 100; sell o 5 @ 100 by x; sell c 2 @ 101; buy b 6 @ 101 by x stp maker",
            "trade a b 2 @ 100; cancelled o self_trade; trade c b 2 @ 101; bid 2 @ 101",
        ),
        (
            "sell a 2 @ 100; sell o 3 @ 100 by x; sell c 2 @ 101; buy b 7 @ 101 by x stp decrement; order b; order o",
            "trade a b 2 @ 100; prevent o 3; cancelled o self_trade; prevent b 3; trade c b 2 @ 101; cancelled b self_trade; \
             b CANCELLED 4/7 prevented 3; o CANCELLED 0/3 prevented 3",
        ),
        // an iceberg is met part by part
        (
            "sell o 5 @ 100 show 2 by x; buy b 4 @ 100 by x stp decrement",
            "prevent o 2; prevent b 2; prevent o 2; prevent b 2; cancelled b self_trade; ask 1 @ 100",
        ),
        // funds of what was prevented come back
        (
            "deposit x 1000 USD; deposit x 5 ABC; sell a 5 @ 100 by x; buy b 3 @ 110 by x stp decrement; balance x",
            "prevent a 3; prevent b 3; cancelled b self_trade; x has 3+2 ABC, 1000 USD; ask 2 @ 100",
        ),
        (
            "deposit x 1000 USD; deposit x 5 ABC; buy a 5 @ 100 by x; sell b 3 @ 90 by x stp decrement; balance x",
            "prevent a 3; prevent b 3; cancelled b self_trade; x has 5 ABC, 800+200 USD; bid 2 @ 100",
        ),
        // a trade of a user with itself moves nothing but fees
        (
            "deposit x 1000 USD; deposit x 5 ABC; sell a 5 @ 100 by x; buy b 5 @ 110 by x stp none; balance x",
            "trade a b 5 @ 100; x has 5 ABC, 1000 USD",
        ),
        // an order by another user in between
        (
            "sell o 1 @ 100 by x; sell a 1 @ 100; buy b 1 @ 100 by y",
            "trade o b 1 @ 100; ask 1 @ 100",
        ),
    ]);
}

#[test]
fn fill_or_kill_sees_own_orders_as_its_mode_does() {
    check_all(&[
        (
            "sell o 3 @ 100 by x; sell a 5 @ 100; buy b 5 @ 100 fok by x",
            "expired b fill_or_kill; ask 8 @ 100",
        ),
        (
            "sell o 3 @ 100 by x; sell a 5 @ 100; buy b 5 @ 100 fok by x stp both",
            "expired b fill_or_kill; ask 8 @ 100",
        ),
        (
            "sell o 3 @ 100 by x; sell a 5 @ 100; buy b 5 @ 100 fok by x stp decrement",
            "expired b fill_or_kill; ask 8 @ 100",
        ),
        (
            "sell o 3 @ 100 by x; sell a 5 @ 100; buy b 5 @ 100 fok by x stp maker",
            "cancelled o self_trade; trade a b 5 @ 100",
        ),
        (
            "sell o 3 @ 100 by x; sell a 5 @ 100; buy b 6 @ 100 fok by x stp maker",
            "expired b fill_or_kill; ask 8 @ 100",
        ),
        (
            "sell o 3 @ 100 by x; sell a 5 @ 100; buy b 8 @ 100 fok by x stp none",
            "trade o b 3 @ 100; trade a b 5 @ 100",
        ),
        // an own order behind the last lot needed does not matter
        (
            "sell a 5 @ 100; sell o 3 @ 100 by x; buy b 5 @ 100 fok by x",
            "trade a b 5 @ 100; ask 3 @ 100",
        ),
        (
            "sell a 5 @ 100; sell o 3 @ 100 by x; buy b 5 @ 100 fok by x stp decrement",
            "trade a b 5 @ 100; ask 3 @ 100",
        ),
        (
            "sell a 5 @ 100; sell o 3 @ 100 by x; buy b 6 @ 100 fok by x stp both",
            "expired b fill_or_kill; ask 8 @ 100",
        ),
        // hidden lots queue behind the own order
        (
            "sell a 5 @ 100 show 2; sell o 3 @ 100 by x; buy b 3 @ 100 fok by x",
            "expired b fill_or_kill; ask 5 @ 100",
        ),
        (
            "sell a 5 @ 100 show 2; sell o 3 @ 100 by x; buy b 2 @ 100 fok by x",
            "trade a b 2 @ 100; ask 5 @ 100",
        ),
        (
            "sell a 5 @ 100 show 2; sell o 3 @ 100 by x; buy b 5 @ 100 fok by x stp maker",
            "trade a b 2 @ 100; cancelled o self_trade; trade a b 2 @ 100; trade a b 1 @ 100",
        ),
        (
            "sell o 3 @ 100 by x; sell a 9 @ 100; buy b $500 fok by x",
            "expired b fill_or_kill; ask 12 @ 100",
        ),
        (
            "sell o 3 @ 100 by x; sell a 9 @ 100; buy b $500 fok by x stp maker",
            "cancelled o self_trade; trade a b 5 @ 100; spent b; ask 4 @ 100",
        ),
    ]);
}
