//! Bugs that other engines have had, by name, and the classes of bugs that come back in them.

use crate::script::check_all;

#[test]
fn liquibook_23_the_stop_comparison_was_inverted() {
    check_all(&[
        (
            "buy s 1 stop 105; sell a 1 @ 95; buy b 1 @ 95",
            "trade a b 1 @ 95; waits s",
        ),
        (
            "sell s 1 stop 95; sell a 1 @ 105; buy b 1 @ 105",
            "trade a b 1 @ 105; waits s",
        ),
        (
            "buy s 1 stop 105; sell a 1 @ 105; buy b 1 @ 105",
            "trade a b 1 @ 105; trigger s; expired s immediate",
        ),
        (
            "sell s 1 stop 95; sell a 1 @ 95; buy b 1 @ 95",
            "trade a b 1 @ 95; trigger s; expired s immediate",
        ),
    ]);
}

#[test]
fn liquibook_25_and_29_an_untriggered_stop_could_not_be_cancelled() {
    check_all(&[
        (
            "deposit s 5 ABC; sell s 5 stop 95; cancel s; balance s; buy a 1 @ 95; sell b 1 @ 95",
            "cancelled s requested; s has 5 ABC; trade a b 1 @ 95",
        ),
        (
            "buy s 5 stop 105 @ 106; cancel s; cancel s",
            "cancelled s requested; refused s ended CANCELLED",
        ),
    ]);
}

#[test]
fn cpptrader_8_the_wrong_side_triggered_stops() {
    check_all(&[(
        "buy s 1 stop 105; sell t 1 stop 95; buy a 9 @ 110; sell c 9 @ 111; cancel a; cancel c; sell d 1 @ 104; buy e 1 @ 104",
        "cancelled a requested; cancelled c requested; trade d e 1 @ 104; waits s; waits t",
    )]);
}

#[test]
fn cpptrader_31_stops_worked_once_only() {
    check_all(&[(
        "buy s 1 stop 105; sell a 9 @ 105; buy b 1 @ 105; sell c 1 @ 100 by a; cancel a; buy d 1 @ 100; \
         buy t 1 stop 105; sell e 9 @ 105; buy f 1 @ 105",
        "trade a b 1 @ 105; trigger s; trade a s 1 @ 105; cancelled a requested; trade c d 1 @ 100; \
         trade e f 1 @ 105; trigger t; trade e t 1 @ 105; ask 7 @ 105",
    )]);
}

#[test]
fn cpptrader_42_an_order_was_modified_through_a_stale_handle_after_it_matched_again() {
    check_all(&[
        // the amendment matches in full: the order is gone, and so is every way to it
        (
            "sell a 5 @ 105; buy b 5 @ 100 id one by x; amend b @ 105; amend b 7; cancel #one by x",
            "amended b 5 @ 105; trade a b 5 @ 105; refused b ended FILLED; refused #one ended FILLED",
        ),
        // it matches in part and rests again: the next amendment finds what rests now
        (
            "sell a 3 @ 105; buy b 5 @ 100; amend b @ 105; amend b 4; amend b @ 90; cancel b; order b",
            "amended b 5 @ 105; trade a b 3 @ 105; amended b 4 @ 105; amended b 4 @ 90; cancelled b requested; b CANCELLED 3/4",
        ),
        // another order takes the freed place in memory
        (
            "buy a 5 @ 100; cancel a; buy b 6 @ 101; cancel a; amend a 3",
            "cancelled a requested; refused a ended CANCELLED; refused a ended CANCELLED; bid 6 @ 101",
        ),
    ]);
}

#[test]
fn melin_2_a_stop_triggered_by_another_stop_fired_one_message_late() {
    check_all(&[(
        "buy s 1 stop 105; buy t 1 stop 106; buy u 1 stop 107; sell a 1 @ 105; sell c 1 @ 106; sell d 1 @ 107; sell e 1 @ 108; buy b 1 @ 105",
        "trade a b 1 @ 105; trigger s; trade c s 1 @ 106; trigger t; trade d t 1 @ 107; trigger u; trade e u 1 @ 108",
    )]);
}

#[test]
fn orderbook_rs_88_a_partly_filled_maker_lost_its_place() {
    check_all(&[
        (
            "sell a 5 @ 100; sell b 5 @ 100; buy c 2 @ 100; buy d 4 @ 100",
            "trade a c 2 @ 100; trade a d 3 @ 100; trade b d 1 @ 100; ask 4 @ 100",
        ),
        (
            "sell a 5 @ 100; sell b 5 @ 100; buy c 2 @ 100; restart; buy d 4 @ 100",
            "trade a c 2 @ 100; trade a d 3 @ 100; trade b d 1 @ 100; ask 4 @ 100",
        ),
        // so did one that was reduced
        (
            "sell a 5 @ 100; sell b 5 @ 100; buy c 2 @ 100; amend a 4; buy d 3 @ 100",
            "trade a c 2 @ 100; amended a 4 @ 100; trade a d 2 @ 100; trade b d 1 @ 100; ask 4 @ 100",
        ),
    ]);
}

#[test]
fn parity_122_filled_orders_never_left_the_map() {
    check_all(&[
        (
            "sell a 5 @ 100; buy b 5 @ 100; cancel a; cancel b",
            "trade a b 5 @ 100; refused a ended FILLED; refused b ended FILLED",
        ),
        (
            "define max_open_orders=1; sell a 1 @ 100 by x; buy b 1 @ 100; sell c 1 @ 100 by x; buy d 1 @ 100; sell e 1 @ 100 by x; book off",
            "trade a b 1 @ 100; trade c d 1 @ 100",
        ),
    ]);
}

#[test]
fn parity_139_market_orders_need_their_funds() {
    check_all(&[
        (
            "define market_band=1000; deposit b 109 USD; sell a 1 @ 100; buy b 1",
            "rejected b insufficient_balance; ask 1 @ 100",
        ),
        (
            "define market_band=1000; deposit b 110 USD; sell a 1 @ 100; buy b 1; balance b",
            "trade a b 1 @ 100; b has 1 ABC, 10 USD",
        ),
        (
            "deposit b 0.99999999 ABC; buy a 1 @ 100; sell b 1",
            "rejected b insufficient_balance; bid 1 @ 100",
        ),
    ]);
}

#[test]
fn peers_lacked_self_trade_prevention_and_post_only_in_amendments_too() {
    check_all(&[
        (
            "sell a 5 @ 105 by x; buy b 5 @ 100 by x stp both; amend b @ 105",
            "amended b 5 @ 105; cancelled a self_trade; cancelled b self_trade",
        ),
        (
            "sell a 5 @ 105; buy b 5 @ 100 post; amend b 6 @ 105",
            "refused b post_only_would_take; bid 5 @ 100; ask 5 @ 105",
        ),
    ]);
}

#[test]
fn matching_core_kept_a_link_to_an_order_that_was_gone() {
    check_all(&[(
        "sell a 1 @ 100; sell b 1 @ 101; sell c 1 @ 102; buy d 1 @ 100; cancel b; buy e 1 @ 101; buy f 1 @ 102; sell g 1 @ 99",
        "trade a d 1 @ 100; cancelled b requested; trade c f 1 @ 102; trade e g 1 @ 101",
    )]);
}

#[test]
fn matchcore_traded_through_a_limit() {
    check_all(&[
        (
            "sell a 3 @ 100; sell b 3 @ 102; buy c 5 @ 101",
            "trade a c 3 @ 100; bid 2 @ 101; ask 3 @ 102",
        ),
        (
            "buy a 3 @ 100; buy b 3 @ 98; sell c 5 @ 99",
            "trade a c 3 @ 100; bid 3 @ 98; ask 2 @ 99",
        ),
        (
            "sell a 3 @ 100; buy s 5 stop 101 @ 100; sell d 1 @ 101; buy e 4 @ 101",
            "trade a e 3 @ 100; trade d e 1 @ 101; trigger s; bid 5 @ 100",
        ),
    ]);
}

#[test]
fn class_stale_or_leaking_ids() {
    check_all(&[
        // an id that a client uses again after its window finds the new order only
        (
            "buy a 5 @ 100 id one by x; cancel a; at 2d+00:00; buy b 6 @ 100 id one by x; amend #one 3 by x; cancel #one by x",
            "cancelled a requested; amended b 3 @ 100; cancelled b requested",
        ),
        // a mass cancel leaves no id behind
        (
            "buy a 5 @ 100 id one by x; cancel-all by x; cancel #one by x",
            "cancelled a mass_cancel; cancelled-all 1; refused #one ended CANCELLED",
        ),
        // an expired one neither
        (
            "buy a 5 @ 100 gtd 12:30 id one by x; at 13:00; cancel #one by x",
            "expired a time_in_force; refused #one ended EXPIRED",
        ),
    ]);
}

#[test]
fn class_lost_place_in_the_queue() {
    check_all(&[
        // a cancel in the middle leaves the others in order
        (
            "sell a 1 @ 100; sell b 1 @ 100; sell c 1 @ 100; cancel b; buy d 2 @ 100",
            "cancelled b requested; trade a d 1 @ 100; trade c d 1 @ 100",
        ),
        // so does a restart
        (
            "sell a 1 @ 100; sell b 1 @ 100; sell c 1 @ 100; restart; cancel a; restart; buy d 2 @ 100",
            "cancelled a requested; trade b d 1 @ 100; trade c d 1 @ 100",
        ),
        // an amendment away and back is at the back
        (
            "sell a 1 @ 100; sell b 1 @ 100; amend a @ 101; amend a @ 100; buy d 1 @ 100",
            "amended a 1 @ 101; amended a 1 @ 100; trade b d 1 @ 100; ask 1 @ 100",
        ),
        // refills keep their turns over a restart
        (
            "sell a 4 @ 100 show 2; sell b 4 @ 100 show 2; buy c 3 @ 100; restart; buy d 4 @ 100",
            "trade a c 2 @ 100; trade b c 1 @ 100; trade b d 1 @ 100; trade a d 2 @ 100; trade b d 1 @ 100; ask 1 @ 100",
        ),
    ]);
}

#[test]
fn class_phantom_levels() {
    check_all(&[
        (
            "buy a 5 @ 100; buy b 5 @ 99; cancel a; sell c 1 @ 100",
            "cancelled a requested; bid 5 @ 99; ask 1 @ 100",
        ),
        (
            "sell a 5 @ 100; buy b 5 @ 100; buy c 5 @ 99; sell d 1 @ 101",
            "trade a b 5 @ 100; bid 5 @ 99; ask 1 @ 101",
        ),
        (
            "buy a 5 @ 100; amend a @ 98; sell c 1 @ 99",
            "amended a 5 @ 98; bid 5 @ 98; ask 1 @ 99",
        ),
        (
            "sell o 5 @ 100 by x; buy b 5 @ 100 by x stp both; buy c 1 @ 101",
            "cancelled o self_trade; cancelled b self_trade; bid 1 @ 101",
        ),
        (
            "buy a 5 @ 10000; cancel a; sell b 1 @ 1; buy c 1 @ 1",
            "cancelled a requested; trade b c 1 @ 1",
        ),
    ]);
}

#[test]
fn class_the_takers_price_instead_of_the_makers() {
    check_all(&[
        (
            "sell a 1 @ 90; buy b 1 @ 110; tape",
            "trade a b 1 @ 90; tape 1@90",
        ),
        (
            "buy a 1 @ 110; sell b 1 @ 90; tape",
            "trade a b 1 @ 110; tape 1@110",
        ),
        (
            "sell a 1 @ 90; buy b 1 @ 80; amend b @ 110; tape",
            "amended b 1 @ 110; trade a b 1 @ 90; tape 1@90",
        ),
        (
            "buy s 1 stop 105 @ 120; sell a 1 @ 105; sell c 1 @ 106; buy b 1 @ 105; tape",
            "trade a b 1 @ 105; trigger s; trade c s 1 @ 106; tape 1@106 1@105",
        ),
    ]);
}

#[test]
fn class_what_is_left_of_immediate_orders() {
    check_all(&[
        (
            "sell a 3 @ 100; buy b 5 @ 100 ioc; sell c 5 @ 100",
            "trade a b 3 @ 100; expired b immediate; ask 5 @ 100",
        ),
        (
            "deposit b 500 USD; sell a 3 @ 100; buy b 5 @ 100 ioc; balance b",
            "trade a b 3 @ 100; expired b immediate; b has 3 ABC, 200 USD",
        ),
        (
            "sell a 5 @ 100; buy b 5 @ 100 fok; buy c 1 @ 100",
            "trade a b 5 @ 100; bid 1 @ 100",
        ),
        (
            "sell a 3 @ 100 by x; sell c 2 @ 100; buy b 5 @ 100 ioc by x stp decrement",
            "prevent a 3; cancelled a self_trade; prevent b 3; trade c b 2 @ 100; cancelled b self_trade",
        ),
    ]);
}

#[test]
fn class_capacity_ceilings_with_silent_drops() {
    let orders = "1200 times buy b{} 1 @ {} by x; ";
    crate::script::check(
        &format!("define max_open_orders=1200; deposit x 100000000 USD; {orders} buy c 1 @ 5 by x; book off"),
        "rejected c too_many_orders",
    );
}

#[test]
fn a_binary_float_would_have_rounded() {
    check_all(&[(
        "define maker_fee=100000 taker_fee=100000; deposit a 3 ABC; deposit b 300.3 USD; sell a 3 @ 100; buy b 3 @ 100; balance a; balance b",
        "trade a b 3 @ 100; a has 299.7 USD; b has 2.997 ABC, 0.3 USD",
    )]);
}
