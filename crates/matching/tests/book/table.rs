//! What each order type and each rule does, as tables.

use crate::script::check_all;

#[test]
fn orders_that_do_not_meet_rest_side_by_side() {
    check_all(&[
        ("buy a 5 @ 100", "bid 5 @ 100"),
        ("sell a 5 @ 100", "ask 5 @ 100"),
        ("buy a 5 @ 100; sell b 3 @ 101", "bid 5 @ 100; ask 3 @ 101"),
        ("buy a 5 @ 100; buy b 2 @ 100", "bid 7 @ 100"),
        (
            "buy a 5 @ 99; buy b 2 @ 100; buy c 1 @ 98",
            "bid 2 @ 100; bid 5 @ 99; bid 1 @ 98",
        ),
        (
            "sell a 5 @ 99; sell b 2 @ 100; sell c 1 @ 98",
            "ask 1 @ 98; ask 5 @ 99; ask 2 @ 100",
        ),
        (
            "buy a 1 @ 1; sell b 1 @ 4294967295",
            "bid 1 @ 1; ask 1 @ 4294967295",
        ),
    ]);
}

#[test]
fn the_better_price_first_then_the_earlier_order_and_the_makers_price() {
    check_all(&[
        (
            "sell a 5 @ 101; sell b 5 @ 100; buy c 7 @ 101",
            "trade b c 5 @ 100; trade a c 2 @ 101; ask 3 @ 101",
        ),
        (
            "buy a 5 @ 100; buy b 5 @ 101; sell c 7 @ 100",
            "trade b c 5 @ 101; trade a c 2 @ 100; bid 3 @ 100",
        ),
        (
            "sell a 5 @ 100; sell b 5 @ 100; buy c 5 @ 100",
            "trade a c 5 @ 100; ask 5 @ 100",
        ),
        (
            "buy a 2 @ 100; buy b 2 @ 100; sell c 3 @ 90",
            "trade a c 2 @ 100; trade b c 1 @ 100; bid 1 @ 100",
        ),
        ("sell a 5 @ 100; buy b 5 @ 250", "trade a b 5 @ 100"),
        ("buy a 5 @ 100; sell b 5 @ 1", "trade a b 5 @ 100"),
        ("sell a 5 @ 100; buy b 8 @ 100", "trade a b 5 @ 100; bid 3 @ 100"),
        (
            "sell a 5 @ 100; sell b 1 @ 102; buy c 8 @ 101",
            "trade a c 5 @ 100; bid 3 @ 101; ask 1 @ 102",
        ),
        ("sell a 1 @ 1; buy b 1 @ 4294967295", "trade a b 1 @ 1"),
        (
            "buy a 1 @ 4294967295; sell b 1 @ 4294967295",
            "trade a b 1 @ 4294967295",
        ),
        (
            "buy a 18446744073709551615 @ 1; sell b 18446744073709551615 @ 1",
            "trade a b 18446744073709551615 @ 1",
        ),
    ]);
}

#[test]
fn market_and_ioc_take_what_is_there_and_never_rest() {
    check_all(&[
        ("buy a 5 @ market", "drop a 5"),
        ("buy a 5 @ 100 ioc", "drop a 5"),
        ("sell a 3 @ 100; buy b 5 @ market", "trade a b 3 @ 100; drop b 2"),
        ("sell a 3 @ 100; buy b 3 @ market", "trade a b 3 @ 100"),
        ("sell a 3 @ 100; buy b 5 @ 100 ioc", "trade a b 3 @ 100; drop b 2"),
        ("sell a 3 @ 100; buy b 5 @ 99 ioc", "drop b 5; ask 3 @ 100"),
        (
            "buy a 1 @ 5; buy b 1 @ 3; sell c 9 @ 4 ioc",
            "trade a c 1 @ 5; drop c 8; bid 1 @ 3",
        ),
        (
            "buy a 1 @ 100; buy b 1 @ 90; buy c 1 @ 1; sell d 9 @ market",
            "trade a d 1 @ 100; trade b d 1 @ 90; trade c d 1 @ 1; drop d 6",
        ),
    ]);
}

#[test]
fn fok_is_filled_in_full_or_not_at_all() {
    check_all(&[
        ("buy a 5 @ 100 fok", "kill a"),
        ("sell a 3 @ 100; buy b 5 @ 100 fok", "kill b; ask 3 @ 100"),
        ("sell a 3 @ 100; buy b 3 @ 100 fok", "trade a b 3 @ 100"),
        (
            "sell a 3 @ 100; sell b 3 @ 101; buy c 5 @ 100 fok",
            "kill c; ask 3 @ 100; ask 3 @ 101",
        ),
        (
            "sell a 3 @ 100; sell b 3 @ 101; buy c 5 @ 101 fok",
            "trade a c 3 @ 100; trade b c 2 @ 101; ask 1 @ 101",
        ),
        ("sell a 3 @ 100; buy b 4 @ market fok", "kill b; ask 3 @ 100"),
        (
            "sell a 10 @ 100 show 1; buy b 10 @ 100 fok",
            &["trade a b 1 @ 100"; 10].join("; "),
        ),
        (
            "sell a 10 @ 100 show 1; buy b 11 @ 100 fok",
            "kill b; ask 1+9 @ 100",
        ),
    ]);
}

#[test]
fn fok_looks_past_own_orders_or_stops_at_them_as_its_mode_says() {
    let book = "sell a 3 @ 100; sell o 5 @ 100 by x; sell b 3 @ 100";
    let kept = "ask 11 @ 100";
    let rows = [
        (
            "6 @ 100 fok by x stp EXPIRE_MAKER",
            "trade a c 3 @ 100; expire o 5; trade b c 3 @ 100".to_owned(),
        ),
        ("7 @ 100 fok by x stp EXPIRE_MAKER", format!("kill c; {kept}")),
        (
            "11 @ 100 fok by x",
            "trade a c 3 @ 100; trade o c 5 @ 100; trade b c 3 @ 100".to_owned(),
        ),
        (
            "3 @ 100 fok by x stp EXPIRE_TAKER",
            "trade a c 3 @ 100; ask 8 @ 100".to_owned(),
        ),
        ("4 @ 100 fok by x stp EXPIRE_TAKER", format!("kill c; {kept}")),
        (
            "3 @ 100 fok by x stp EXPIRE_BOTH",
            "trade a c 3 @ 100; ask 8 @ 100".to_owned(),
        ),
        ("4 @ 100 fok by x stp EXPIRE_BOTH", format!("kill c; {kept}")),
        (
            "3 @ 100 fok by x stp DECREMENT",
            "trade a c 3 @ 100; ask 8 @ 100".to_owned(),
        ),
        ("4 @ 100 fok by x stp DECREMENT", format!("kill c; {kept}")),
    ];
    for (taker, expected) in rows {
        check_all(&[(&format!("{book}; buy c {taker}"), &expected)]);
    }
    check_all(&[
        // What is hidden ahead of an own order queues behind it.
        (
            "sell a 9 @ 100 show 2; sell o 5 @ 100 by x; buy c 3 @ 100 fok by x stp EXPIRE_TAKER",
            "kill c; ask 7+7 @ 100",
        ),
        (
            "sell a 9 @ 100 show 2; sell o 5 @ 100 by x; buy c 2 @ 100 fok by x stp EXPIRE_TAKER",
            "trade a c 2 @ 100; ask 7+5 @ 100",
        ),
        (
            "sell a 4 @ 100 show 2; sell o 5 @ 101 by x; buy c 4 @ 101 fok by x stp EXPIRE_BOTH",
            "trade a c 2 @ 100; trade a c 2 @ 100; ask 5 @ 101",
        ),
        (
            "sell a 4 @ 100 show 2; sell o 5 @ 101 by x; buy c 5 @ 101 fok by x stp EXPIRE_BOTH",
            "kill c; ask 2+2 @ 100; ask 5 @ 101",
        ),
    ]);
}

#[test]
fn a_budget_buys_whole_lots_until_it_is_spent() {
    check_all(&[
        ("buy a $100 @ market", "drop a $100"),
        (
            "sell a 10 @ 10; buy b $50 @ market",
            "trade a b 5 @ 10; spent b $0; ask 5 @ 10",
        ),
        (
            "sell a 10 @ 10; buy b $59 @ market",
            "trade a b 5 @ 10; spent b $9; ask 5 @ 10",
        ),
        ("sell a 10 @ 10; buy b $9 @ market", "spent b $9; ask 10 @ 10"),
        (
            "sell a 2 @ 10; sell b 2 @ 15; buy c $40 @ market",
            "trade a c 2 @ 10; trade b c 1 @ 15; spent c $5; ask 1 @ 15",
        ),
        (
            "sell a 2 @ 10; sell b 2 @ 30; buy c $40 @ market",
            "trade a c 2 @ 10; spent c $20; ask 2 @ 30",
        ),
        (
            "sell a 2 @ 10; buy b $45 @ market",
            "trade a b 2 @ 10; drop b $25",
        ),
        (
            "sell a 2 @ 10; buy b $25 @ market",
            "trade a b 2 @ 10; spent b $5",
        ),
        (
            "sell a 2 @ 10; sell b 9 @ 20; buy c $60 @ 15 ioc",
            "trade a c 2 @ 10; drop c $40; ask 9 @ 20",
        ),
        ("sell a 2 @ 10; buy b $45 @ market fok", "kill b; ask 2 @ 10"),
        (
            "sell a 2 @ 10; buy b $25 @ market fok",
            "trade a b 2 @ 10; spent b $5",
        ),
        ("sell a 2 @ 10; buy b $9 @ market fok", "kill b; ask 2 @ 10"),
        (
            "sell a 2 @ 10; sell b 9 @ 20; buy c $60 @ 15 fok",
            "kill c; ask 2 @ 10; ask 9 @ 20",
        ),
        (
            "sell o 2 @ 10 by x; sell b 9 @ 20; buy c $60 @ market by x stp DECREMENT",
            "decrement o c 2; trade b c 2 @ 20; spent c $0; ask 7 @ 20",
        ),
        (
            "sell o 2 @ 10 by x; sell b 9 @ 20; buy c $60 @ market by x stp EXPIRE_MAKER",
            "expire o 2; trade b c 3 @ 20; spent c $0; ask 6 @ 20",
        ),
    ]);
}

#[test]
fn post_only_is_refused_exactly_when_it_would_take() {
    check_all(&[
        ("sell a 5 @ 100; buy b 1 @ 100 post", "refuse b; ask 5 @ 100"),
        ("sell a 5 @ 100; buy b 1 @ 101 post", "refuse b; ask 5 @ 100"),
        ("sell a 5 @ 100; buy b 1 @ 99 post", "bid 1 @ 99; ask 5 @ 100"),
        ("buy a 5 @ 100; sell b 1 @ 100 post", "refuse b; bid 5 @ 100"),
        ("buy a 5 @ 100; sell b 1 @ 101 post", "bid 5 @ 100; ask 1 @ 101"),
        (
            "sell a 5 @ 100 by x; buy b 1 @ 100 post by x stp EXPIRE_MAKER",
            "refuse b; ask 5 @ 100",
        ),
        ("buy b 1 @ 100 post", "bid 1 @ 100"),
    ]);
}

#[test]
fn an_iceberg_shows_a_part_and_each_refill_goes_to_the_back() {
    check_all(&[
        ("sell a 10 @ 100 show 3", "ask 3+7 @ 100"),
        ("sell a 3 @ 100 show 3", "ask 3 @ 100"),
        ("sell a 2 @ 100 show 3", "ask 2 @ 100"),
        (
            "sell a 10 @ 100 show 3; buy b 2 @ 100",
            "trade a b 2 @ 100; ask 1+7 @ 100",
        ),
        (
            "sell a 10 @ 100 show 3; buy b 3 @ 100",
            "trade a b 3 @ 100; ask 3+4 @ 100",
        ),
        (
            "sell a 10 @ 100 show 3; sell b 4 @ 100; buy c 5 @ 100",
            "trade a c 3 @ 100; trade b c 2 @ 100; ask 5+4 @ 100",
        ),
        (
            "sell a 10 @ 100 show 3; sell b 4 @ 100; buy c 5 @ 100; buy d 3 @ 100",
            "trade a c 3 @ 100; trade b c 2 @ 100; trade b d 2 @ 100; trade a d 1 @ 100; ask 2+4 @ 100",
        ),
        (
            "sell a 5 @ 100 show 2; sell b 4 @ 100 show 2; buy c 9 @ 100",
            "trade a c 2 @ 100; trade b c 2 @ 100; trade a c 2 @ 100; trade b c 2 @ 100; trade a c 1 @ 100",
        ),
        (
            "sell a 3 @ 100; buy b 10 @ 100 show 2; sell c 3 @ 100",
            "trade a b 3 @ 100; trade b c 2 @ 100; trade b c 1 @ 100; bid 1+3 @ 100",
        ),
        ("sell a 10 @ 100 show 3; cancel a", ""),
        ("sell a 10 @ 100 show 3; sell b 1 @ 100; cancel a", "ask 1 @ 100"),
        (
            "sell a 10 @ 100 show 3; buy b 3 @ 100; cancel a",
            "trade a b 3 @ 100",
        ),
    ]);
}

#[test]
fn self_trade_prevention_does_what_the_takers_mode_says() {
    let book = "sell a 2 @ 100; sell o 5 @ 100 by x; sell b 4 @ 101";
    let rows = [
        (
            "NONE",
            "trade a c 2 @ 100; trade o c 5 @ 100; trade b c 1 @ 101; ask 3 @ 101",
        ),
        (
            "EXPIRE_TAKER",
            "trade a c 2 @ 100; stop c 6; ask 5 @ 100; ask 4 @ 101",
        ),
        (
            "EXPIRE_MAKER",
            "trade a c 2 @ 100; expire o 5; trade b c 4 @ 101; bid 2 @ 101",
        ),
        (
            "EXPIRE_BOTH",
            "trade a c 2 @ 100; expire o 5; stop c 6; ask 4 @ 101",
        ),
        (
            "DECREMENT",
            "trade a c 2 @ 100; decrement o c 5; trade b c 1 @ 101; ask 3 @ 101",
        ),
    ];
    for (mode, expected) in rows {
        check_all(&[(&format!("{book}; buy c 8 @ 101 by x stp {mode}"), expected)]);
        // An order of another owner is never one's own.
        check_all(&[(&format!("{book}; buy c 8 @ 101 by y stp {mode}"), rows[0].1)]);
    }
    check_all(&[
        (
            "sell o 9 @ 100 by x; buy c 4 @ 100 by x stp DECREMENT",
            "decrement o c 4; ask 5 @ 100",
        ),
        (
            "sell o 4 @ 100 by x; buy c 9 @ 100 by x stp DECREMENT",
            "decrement o c 4; bid 5 @ 100",
        ),
        (
            "sell o 4 @ 100 by x; buy c 4 @ 100 by x stp DECREMENT",
            "decrement o c 4",
        ),
        (
            "sell o 9 @ 100 show 2 by x; sell b 1 @ 100; buy c 4 @ 100 by x stp DECREMENT",
            "decrement o c 2; trade b c 1 @ 100; decrement o c 1; ask 1+5 @ 100",
        ),
        (
            "sell o 9 @ 100 show 2 by x; buy c 4 @ 100 by x stp EXPIRE_BOTH",
            "expire o 9; stop c 4",
        ),
        (
            "sell o 9 @ 100 show 2 by x; buy c 4 @ 100 by x stp EXPIRE_MAKER",
            "expire o 9; bid 4 @ 100",
        ),
        (
            "sell o 9 @ 101 by x; buy c 4 @ 100 by x stp EXPIRE_TAKER",
            "bid 4 @ 100; ask 9 @ 101",
        ),
        // The maker's own mode plays no part.
        (
            "sell o 4 @ 100 by x stp EXPIRE_MAKER; buy c 4 @ 100 by x",
            "trade o c 4 @ 100",
        ),
    ]);
}

#[test]
fn a_smaller_quantity_keeps_its_place() {
    check_all(&[
        (
            "sell a 5 @ 100; sell b 5 @ 100; reduce a 2; buy c 3 @ 100",
            "trade a c 2 @ 100; trade b c 1 @ 100; ask 4 @ 100",
        ),
        ("sell a 5 @ 100; reduce a 5", "unknown a; ask 5 @ 100"),
        ("sell a 5 @ 100; reduce a 6", "unknown a; ask 5 @ 100"),
        ("sell a 5 @ 100; reduce a 0", ""),
        (
            "sell a 5 @ 100; sell b 1 @ 100; reduce a 0; reduce a 0",
            "unknown a; ask 1 @ 100",
        ),
        ("sell a 10 @ 100 show 3; reduce a 8", "ask 3+5 @ 100"),
        ("sell a 10 @ 100 show 3; reduce a 3", "ask 3 @ 100"),
        ("sell a 10 @ 100 show 3; reduce a 2", "ask 2 @ 100"),
        (
            "sell a 10 @ 100 show 3; reduce a 4; buy b 3 @ 100",
            "trade a b 3 @ 100; ask 1 @ 100",
        ),
    ]);
}

#[test]
fn a_cancelled_order_is_gone_wherever_it_stood() {
    check_all(&[
        (
            "buy a 1 @ 100; buy b 2 @ 100; buy c 4 @ 100; cancel a",
            "bid 6 @ 100",
        ),
        (
            "buy a 1 @ 100; buy b 2 @ 100; buy c 4 @ 100; cancel b",
            "bid 5 @ 100",
        ),
        (
            "buy a 1 @ 100; buy b 2 @ 100; buy c 4 @ 100; cancel c",
            "bid 3 @ 100",
        ),
        (
            "buy a 1 @ 100; buy b 2 @ 100; buy c 4 @ 100; cancel c; buy d 8 @ 100; sell e 11 @ 100",
            { "trade a e 1 @ 100; trade b e 2 @ 100; trade d e 8 @ 100" },
        ),
        ("buy a 1 @ 100; cancel a; cancel a", "unknown a"),
        ("cancel a", "unknown a"),
        (
            "buy a 1 @ 100; sell b 1 @ 100; cancel a",
            "trade a b 1 @ 100; unknown a",
        ),
    ]);
}
