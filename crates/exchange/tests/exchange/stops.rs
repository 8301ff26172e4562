//! Stops: when they trigger, in which order they enter, and what they do then.

use crate::script::check_all;

#[test]
fn a_stop_waits_until_the_last_price_reaches_it() {
    check_all(&[
        ("buy s 1 stop 105", "waits s"),
        ("sell s 1 stop 95", "waits s"),
        // buys trigger at or above, sells at or below
        (
            "buy s 1 stop 105; sell a 1 @ 104; buy b 1 @ 104",
            "trade a b 1 @ 104; waits s",
        ),
        (
            "buy s 1 stop 105; sell a 2 @ 105; buy b 1 @ 105",
            "trade a b 1 @ 105; trigger s; trade a s 1 @ 105",
        ),
        (
            "buy s 1 stop 105; sell a 2 @ 106; buy b 1 @ 106",
            "trade a b 1 @ 106; trigger s; trade a s 1 @ 106",
        ),
        (
            "sell s 1 stop 95; buy a 2 @ 96; sell b 1 @ 96",
            "trade a b 1 @ 96; bid 1 @ 96; waits s",
        ),
        (
            "sell s 1 stop 95; buy a 2 @ 95; sell b 1 @ 95",
            "trade a b 1 @ 95; trigger s; trade a s 1 @ 95",
        ),
        (
            "sell s 1 stop 95; buy a 2 @ 94; sell b 1 @ 94",
            "trade a b 1 @ 94; trigger s; trade a s 1 @ 94",
        ),
        // quotes alone do not trigger
        (
            "buy s 1 stop 105; buy a 5 @ 110; sell b 5 @ 120",
            "bid 5 @ 110; ask 5 @ 120; waits s",
        ),
        // a trade in the other market does not
        (
            "buy s 1 stop 105; sell a 1 @ 110 in side; buy b 1 @ 110 in side",
            "trade a b 1 @ 110; waits s",
        ),
    ]);
}

#[test]
fn a_stop_whose_condition_holds_already_is_refused() {
    check_all(&[
        ("buy s 1 stop 100", "rejected s stop_already_triggered"),
        ("buy s 1 stop 99", "rejected s stop_already_triggered"),
        ("buy s 1 stop 101", "waits s"),
        ("sell s 1 stop 100", "rejected s stop_already_triggered"),
        ("sell s 1 stop 101", "rejected s stop_already_triggered"),
        ("sell s 1 stop 99", "waits s"),
        ("buy s 1 stop 99 @ 98", "rejected s stop_already_triggered"),
        (
            "sell a 1 @ 110; buy b 1 @ 110; buy s 1 stop 105",
            "trade a b 1 @ 110; rejected s stop_already_triggered",
        ),
        (
            "sell a 1 @ 110; buy b 1 @ 110; sell s 1 stop 105",
            "trade a b 1 @ 110; waits s",
        ),
        // without any price there is nothing that could hold
        (
            "define initial_price=0; buy s 1 stop 5; sell t 1 stop 500",
            "waits s; waits t",
        ),
        (
            "define initial_price=0; buy s 1 stop 5; sell t 1 stop 500; sell a 1 @ 100; buy b 1 @ 100",
            "trade a b 1 @ 100; trigger s; trigger t; expired s immediate; expired t immediate",
        ),
    ]);
}

#[test]
fn a_triggered_stop_enters_as_its_type_says() {
    check_all(&[
        // a stop is a market order, protected by its stop price
        (
            "define market_band=1000; buy s 5 stop 105; sell a 1 @ 105; sell c 1 @ 115; sell d 1 @ 116; buy b 1 @ 105; order s",
            "trade a b 1 @ 105; trigger s; trade c s 1 @ 115; expired s immediate; s EXPIRED 1/5 protected 115; ask 1 @ 116",
        ),
        // a stop limit rests at its limit
        (
            "buy s 5 stop 105 @ 104; sell a 1 @ 105; buy b 1 @ 105",
            "trade a b 1 @ 105; trigger s; bid 5 @ 104",
        ),
        (
            "buy s 5 stop 105 @ 106; sell a 1 @ 105; sell c 2 @ 106; buy b 1 @ 105",
            "trade a b 1 @ 105; trigger s; trade c s 2 @ 106; bid 3 @ 106",
        ),
        (
            "buy s 5 stop 105 @ 104 ioc; sell a 1 @ 105; buy b 1 @ 105",
            "trade a b 1 @ 105; trigger s; expired s immediate",
        ),
        (
            "buy s 5 stop 105 @ 104 show 2; sell a 1 @ 105; buy b 1 @ 105",
            "trade a b 1 @ 105; trigger s; bid 2 @ 104",
        ),
        // fill-or-kill is decided when it enters
        (
            "buy s 3 stop 105 @ 106 fok; sell a 1 @ 105; sell c 2 @ 106; buy b 1 @ 105",
            "trade a b 1 @ 105; trigger s; expired s fill_or_kill; ask 2 @ 106",
        ),
        (
            "buy s 3 stop 105 @ 106 fok; sell a 1 @ 105; sell c 3 @ 106; buy b 1 @ 105",
            "trade a b 1 @ 105; trigger s; trade c s 3 @ 106",
        ),
        // a stop by budget
        (
            "buy s $500 stop 105; sell a 1 @ 105; sell c 9 @ 110; buy b 1 @ 105; balance s",
            "trade a b 1 @ 105; trigger s; trade c s 4 @ 110; spent s; \
             s has 1000004 ABC, 999560 USD, 1000000 XYZ; ask 5 @ 110",
        ),
        // self-trade prevention rules for it too
        (
            "buy s 5 stop 105 by x; sell a 1 @ 105; sell c 2 @ 106 by x; buy b 1 @ 105",
            "trade a b 1 @ 105; trigger s; cancelled s self_trade; ask 2 @ 106",
        ),
        (
            "buy s 5 stop 105 post @ 106; sell a 1 @ 105; sell c 2 @ 106; buy b 1 @ 105",
            "trade a b 1 @ 105; trigger s; trade c s 2 @ 106; bid 3 @ 106",
        ),
    ]);
}

#[test]
fn stops_reserve_when_they_are_placed() {
    check_all(&[
        (
            "define market_band=1000; deposit s 550 USD; buy s 5 stop 105",
            "rejected s insufficient_balance",
        ),
        (
            "define market_band=1000; deposit s 600 USD; buy s 5 stop 105; balance s; cancel s; balance s",
            "s has 25+575 USD; cancelled s requested; s has 600 USD",
        ),
        (
            "deposit s 5 ABC; sell s 5 stop 95; balance s",
            "s has 0+5 ABC; waits s",
        ),
        (
            "deposit s 500 USD; buy s 5 stop 105 @ 100; balance s",
            "s has 0+500 USD; waits s",
        ),
        (
            "deposit s 500 USD; buy s $500 stop 105; balance s",
            "s has 0+500 USD; waits s",
        ),
    ]);
}

#[test]
fn triggered_stops_enter_by_distance_from_the_old_price_then_by_rank() {
    check_all(&[
        // one sweep from 100 to 110 triggers all three: 103, 105, 107, whatever the order of entry
        (
            "buy s7 1 stop 107; buy s3 1 stop 103; buy s5 1 stop 105; sell a 1 @ 110; buy b 1 @ 110",
            "trade a b 1 @ 110; trigger s3; trigger s5; trigger s7; expired s3 immediate; expired s5 immediate; expired s7 immediate",
        ),
        // same price: by rank
        (
            "buy s 1 stop 105; buy t 1 stop 105; sell a 2 @ 105; buy b 1 @ 105",
            "trade a b 1 @ 105; trigger s; trigger t; trade a s 1 @ 105; expired t immediate",
        ),
        // falling: the highest sell stop first
        (
            "sell s1 1 stop 91; sell s2 1 stop 95; sell s3 1 stop 93; buy a 1 @ 90; sell b 1 @ 90",
            "trade a b 1 @ 90; trigger s2; trigger s3; trigger s1; expired s2 immediate; expired s3 immediate; expired s1 immediate",
        ),
        // stops that others trigger come behind them
        (
            "buy s 1 stop 105; buy t 1 stop 105; buy u 1 stop 108; sell a 1 @ 105; sell c 1 @ 108; sell d 1 @ 109; buy b 1 @ 105",
            "trade a b 1 @ 105; trigger s; trigger t; trade c s 1 @ 108; trigger u; trade d t 1 @ 109; expired u immediate",
        ),
        // a buy stop that triggers a sell stop by its own trade
        (
            "buy s 1 stop 105; sell a 1 @ 105; sell c 1 @ 90 stop 92; buy b 1 @ 105",
            "trade a b 1 @ 105; trigger s; expired s immediate; waits c",
        ),
        // the price goes through and comes back within one command: both directions
        (
            "sell a 1 @ 110; buy b 1 @ 110; sell s 5 stop 105; buy c 1 @ 104; buy d 9 @ 103; sell e 1 @ 104",
            "trade a b 1 @ 110; trade c e 1 @ 104; trigger s; trade d s 5 @ 103; bid 4 @ 103",
        ),
    ]);
}

#[test]
fn a_trade_on_the_way_triggers_even_if_the_last_one_does_not() {
    check_all(&[
        // the sweep trades at 101 and 106; the stop at 103 lies between
        (
            "sell a 1 @ 101; sell c 2 @ 106; buy s 1 stop 103; buy b 2 @ 106",
            "trade a b 1 @ 101; trade c b 1 @ 106; trigger s; trade c s 1 @ 106",
        ),
    ]);
}

#[test]
fn waiting_stops_are_cancelled_amended_and_expire() {
    check_all(&[
        (
            "buy s 1 stop 105; cancel s; sell a 1 @ 105; buy b 1 @ 105",
            "cancelled s requested; trade a b 1 @ 105",
        ),
        (
            "buy s 1 stop 105; cancel-all by s",
            "cancelled s mass_cancel; cancelled-all 1",
        ),
        (
            "buy s 1 stop 105 gtd 12:30; at 12:30; tick",
            "expired s time_in_force",
        ),
        (
            "buy s 1 stop 105 day; at 1d+00:00; tick",
            "expired s time_in_force",
        ),
        (
            "buy s 5 stop 105; amend s 3; sell a 9 @ 105; buy b 1 @ 105",
            "amended s 3; trade a b 1 @ 105; trigger s; trade a s 3 @ 105; ask 5 @ 105",
        ),
        (
            "buy s 5 stop 105; amend s 7; sell a 9 @ 105; buy b 1 @ 105",
            "amended s 7; trade a b 1 @ 105; trigger s; trade a s 7 @ 105; ask 1 @ 105",
        ),
        (
            "buy s 5 stop 105; amend s @ 107",
            "refused s shape price; waits s",
        ),
        (
            "buy s $500 stop 105; amend s 7",
            "refused s shape quantity; waits s",
        ),
        (
            "buy s 5 stop 105 @ 106; amend s @ 104; sell a 1 @ 105; buy b 1 @ 105",
            "amended s 5 @ 104; trade a b 1 @ 105; trigger s; bid 5 @ 104",
        ),
        // an amendment of a waiting stop never trades
        (
            "sell a 5 @ 101; buy s 5 stop 105 @ 100; amend s @ 110",
            "amended s 5 @ 110; ask 5 @ 101; waits s",
        ),
        (
            "deposit s 500 USD; buy s 5 stop 105 @ 100; amend s @ 101; balance s; amend s 4; balance s",
            "refused s insufficient_balance; s has 0+500 USD; amended s 4 @ 100; s has 100+400 USD; waits s",
        ),
        // an amended stop limit that has triggered is an order like any other
        (
            "buy s 5 stop 105 @ 104; sell a 1 @ 105; buy b 1 @ 105; amend s 6 @ 103",
            "trade a b 1 @ 105; trigger s; amended s 6 @ 103; bid 6 @ 103",
        ),
    ]);
}

#[test]
fn an_amendment_that_trades_triggers_stops() {
    check_all(&[(
        "sell a 2 @ 105; buy s 1 stop 105; buy b 1 @ 99; amend b @ 105",
        "amended b 1 @ 105; trade a b 1 @ 105; trigger s; trade a s 1 @ 105",
    )]);
}
