//! The life of an order: amendments, cancels, ends by time, deadlines, client ids.

use crate::script::check_all;

#[test]
fn an_amendment_to_less_keeps_the_place() {
    check_all(&[
        (
            "buy a 5 @ 100; buy b 5 @ 100; amend a 3; sell c 4 @ 100",
            "amended a 3 @ 100; trade a c 3 @ 100; trade b c 1 @ 100; bid 4 @ 100",
        ),
        (
            "buy a 5 @ 100; amend a 5; sell c 1 @ 100",
            "trade a c 1 @ 100; bid 4 @ 100",
        ),
        (
            "deposit a 500 USD; buy a 5 @ 100; amend a 3; balance a",
            "amended a 3 @ 100; a has 200+300 USD; bid 3 @ 100",
        ),
        (
            "deposit a 5 ABC; sell a 5 @ 100; amend a 3; balance a",
            "amended a 3 @ 100; a has 2+3 ABC; ask 3 @ 100",
        ),
        // the quantity is the new total: two are filled, one stays
        (
            "buy a 5 @ 100; sell b 2 @ 100; amend a 3; order a",
            "trade a b 2 @ 100; amended a 3 @ 100; a PARTIALLY_FILLED 2/3; bid 1 @ 100",
        ),
    ]);
}

#[test]
fn a_new_price_or_more_quantity_goes_to_the_back() {
    check_all(&[
        (
            "buy a 5 @ 100; buy b 5 @ 100; amend a 6; sell c 6 @ 100",
            "amended a 6 @ 100; trade b c 5 @ 100; trade a c 1 @ 100; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100; buy b 5 @ 101; amend a @ 101; sell c 6 @ 100",
            "amended a 5 @ 101; trade b c 5 @ 101; trade a c 1 @ 101; bid 4 @ 101",
        ),
        ("buy a 5 @ 100; amend a 3 @ 99", "amended a 3 @ 99; bid 3 @ 99"),
        (
            "buy a 5 @ 100; buy b 5 @ 100; amend a 3 @ 99; amend a 3 @ 100; sell c 5 @ 100",
            "amended a 3 @ 99; amended a 3 @ 100; trade b c 5 @ 100; bid 3 @ 100",
        ),
        (
            "deposit a 500 USD; buy a 5 @ 100; amend a @ 90; balance a",
            "amended a 5 @ 90; a has 50+450 USD; bid 5 @ 90",
        ),
        (
            "deposit a 600 USD; buy a 5 @ 100; amend a 6; balance a",
            "amended a 6 @ 100; a has 0+600 USD; bid 6 @ 100",
        ),
    ]);
}

#[test]
fn an_amendment_at_or_below_what_is_filled_cancels_the_rest() {
    check_all(&[
        (
            "buy a 5 @ 100; sell b 2 @ 100; amend a 2; order a",
            "trade a b 2 @ 100; cancelled a amended; a CANCELLED 2/5",
        ),
        (
            "buy a 5 @ 100; sell b 2 @ 100; amend a 1",
            "trade a b 2 @ 100; cancelled a amended",
        ),
        (
            "deposit a 500 USD; buy a 5 @ 100; sell b 2 @ 100; amend a 1; balance a",
            "trade a b 2 @ 100; cancelled a amended; a has 2 ABC, 300 USD",
        ),
        // what was prevented counts as used
        (
            "sell o 2 @ 100 by x; buy a 5 @ 100 by x stp decrement; amend a 2; order a",
            "prevent o 2; cancelled o self_trade; prevent a 2; cancelled a amended; a CANCELLED 0/5 prevented 2",
        ),
        (
            "sell o 2 @ 100 by x; buy a 5 @ 100 by x stp decrement; amend a 3; order a",
            "prevent o 2; cancelled o self_trade; prevent a 2; amended a 3 @ 100; a OPEN 0/3 prevented 2; bid 1 @ 100",
        ),
    ]);
}

#[test]
fn an_amendment_that_crosses_trades() {
    check_all(&[
        (
            "sell a 5 @ 105; buy b 5 @ 100; amend b @ 105",
            "amended b 5 @ 105; trade a b 5 @ 105",
        ),
        (
            "sell a 3 @ 105; buy b 5 @ 100; amend b @ 106",
            "amended b 5 @ 106; trade a b 3 @ 105; bid 2 @ 106",
        ),
        (
            "deposit b 530 USD; sell a 3 @ 105; buy b 5 @ 100; amend b @ 106; balance b",
            "amended b 5 @ 106; trade a b 3 @ 105; b has 3 ABC, 3+212 USD; bid 2 @ 106",
        ),
        (
            "deposit b 529 USD; sell a 3 @ 105; buy b 5 @ 100; amend b @ 106; balance b",
            "refused b insufficient_balance; b has 29+500 USD; bid 5 @ 100; ask 3 @ 105",
        ),
        (
            "sell a 5 @ 105; buy b 5 @ 100 post; amend b @ 105",
            "refused b post_only_would_take; bid 5 @ 100; ask 5 @ 105",
        ),
        (
            "sell a 5 @ 105; buy b 5 @ 100 post; amend b @ 104",
            "amended b 5 @ 104; bid 5 @ 104; ask 5 @ 105",
        ),
        (
            "sell a 5 @ 105 by x; buy b 5 @ 100 by x; amend b @ 105",
            "amended b 5 @ 105; cancelled b self_trade; ask 5 @ 105",
        ),
    ]);
}

#[test]
fn a_refused_amendment_leaves_everything_as_it_was() {
    check_all(&[
        ("amend a 5 by x", "refused a unknown_order"),
        (
            "buy a 5 @ 100; amend a 3 by y",
            "refused a unknown_order; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100; cancel a; amend a 3",
            "cancelled a requested; refused a ended CANCELLED",
        ),
        (
            "define max_quantity=10; buy a 5 @ 100; buy b 5 @ 100; amend a 11; sell c 5 @ 100",
            "refused a quantity_too_large; trade a c 5 @ 100; bid 5 @ 100",
        ),
        (
            "define min_quantity=3; buy a 5 @ 100; amend a 2",
            "refused a quantity_too_small; bid 5 @ 100",
        ),
        (
            "define max_price=200; buy a 5 @ 100; amend a @ 201",
            "refused a price_too_high; bid 5 @ 100",
        ),
        (
            "define min_notional=300; buy a 5 @ 100; amend a 2",
            "refused a notional_too_small; bid 5 @ 100",
        ),
        (
            "define limit_band=1000; buy a 5 @ 100; amend a @ 89",
            "refused a price_out_of_band; bid 5 @ 100",
        ),
        (
            "deposit a 500 USD; buy a 5 @ 100; buy b 5 @ 100; amend a 6; balance a; sell c 5 @ 100",
            "refused a insufficient_balance; a has 0+500 USD; trade a c 5 @ 100; bid 5 @ 100",
        ),
        (
            "deposit b 530 USD; sell a 5 @ 105; buy b 5 @ 100 post; amend b @ 106; balance b",
            "refused b post_only_would_take; b has 30+500 USD; bid 5 @ 100; ask 5 @ 105",
        ),
    ]);
}

#[test]
fn an_iceberg_is_amended_hidden_part_first() {
    check_all(&[
        (
            "sell a 9 @ 100 show 3; sell b 1 @ 100; amend a 5; buy c 4 @ 100",
            "amended a 5 @ 100; trade a c 3 @ 100; trade b c 1 @ 100; ask 2 @ 100",
        ),
        (
            "sell a 9 @ 100 show 3; amend a 2",
            "amended a 2 @ 100; ask 2 @ 100",
        ),
        (
            "sell a 9 @ 100 show 3; amend a 2; amend a 9",
            "amended a 2 @ 100; amended a 9 @ 100; ask 2 @ 100",
        ),
        (
            "sell a 9 @ 100 show 3; buy c 2 @ 100; amend a 3",
            "trade a c 2 @ 100; amended a 3 @ 100; ask 1 @ 100",
        ),
        (
            "sell a 9 @ 100 show 3; buy c 2 @ 100; amend a 9 @ 101",
            "trade a c 2 @ 100; amended a 9 @ 101; ask 3 @ 101",
        ),
        (
            "sell a 9 @ 100 show 3; buy c 2 @ 100; amend a 10",
            "trade a c 2 @ 100; amended a 10 @ 100; ask 3 @ 100",
        ),
        (
            "sell a 9 @ 100 show 3; amend a 8; buy b 8 @ 100",
            "amended a 8 @ 100; trade a b 3 @ 100; trade a b 3 @ 100; trade a b 2 @ 100",
        ),
    ]);
}

#[test]
fn a_cancel_takes_one_order_of_its_owner() {
    check_all(&[
        ("buy a 5 @ 100; cancel a", "cancelled a requested"),
        (
            "buy a 5 @ 100; sell b 2 @ 100; cancel a; order a",
            "trade a b 2 @ 100; cancelled a requested; a CANCELLED 2/5",
        ),
        ("cancel a by x", "refused a unknown_order"),
        (
            "buy a 5 @ 100; cancel a by y",
            "refused a unknown_order; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100; cancel a; cancel a",
            "cancelled a requested; refused a ended CANCELLED",
        ),
        (
            "sell a 5 @ 100; buy b 5 @ 100; cancel a",
            "trade a b 5 @ 100; refused a ended FILLED",
        ),
        (
            "buy a 5 @ 100 id one by x; cancel #one by x",
            "cancelled a requested",
        ),
        (
            "buy a 5 @ 100 id one by x; cancel #one by y",
            "refused #one unknown_order; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x; amend #one 4 by x",
            "amended a 4 @ 100; bid 4 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x; cancel a; cancel #one by x",
            "cancelled a requested; refused #one ended CANCELLED",
        ),
    ]);
}

#[test]
fn a_mass_cancel_takes_what_it_selects() {
    let book = "buy a 1 @ 99 by x; sell b 1 @ 101 by x; buy s 1 stop 105 by x; buy c 1 @ 98 by y; buy d 1 @ 50 in side by x; ";
    let rest = |command: &str| format!("{book}{command}");
    for (command, expected) in [
        (
            "cancel-all by x",
            "cancelled a mass_cancel; cancelled b mass_cancel; cancelled s mass_cancel; cancelled d mass_cancel; cancelled-all 4; bid 1 @ 98",
        ),
        (
            "cancel-all by x in main",
            "cancelled a mass_cancel; cancelled b mass_cancel; cancelled s mass_cancel; cancelled-all 3; bid 1 @ 98; bid 1 @ 50",
        ),
        (
            "cancel-all by x buy in main",
            "cancelled a mass_cancel; cancelled s mass_cancel; cancelled-all 2; bid 1 @ 98; ask 1 @ 101; bid 1 @ 50",
        ),
        (
            "cancel-all by x sell",
            "cancelled b mass_cancel; cancelled-all 1; bid 1 @ 99; bid 1 @ 98; bid 1 @ 50; waits s",
        ),
        (
            "cancel-all in main",
            "cancelled a mass_cancel; cancelled c mass_cancel; cancelled s mass_cancel; cancelled b mass_cancel; cancelled-all 4; bid 1 @ 50",
        ),
        (
            "cancel-all in main sell",
            "cancelled b mass_cancel; cancelled-all 1; bid 1 @ 99; bid 1 @ 98; bid 1 @ 50; waits s",
        ),
        (
            "cancel-all operator",
            "cancelled a operator; cancelled c operator; cancelled s operator; cancelled b operator; cancelled d operator; cancelled-all 5",
        ),
        (
            "cancel-all by z",
            "cancelled-all 0; bid 1 @ 99; bid 1 @ 98; ask 1 @ 101; bid 1 @ 50; waits s",
        ),
        (
            "cancel-all in nowhere",
            "refused  unknown_market; bid 1 @ 99; bid 1 @ 98; ask 1 @ 101; bid 1 @ 50; waits s",
        ),
    ] {
        crate::script::check(&rest(command), expected);
    }
}

#[test]
fn day_and_gtd_orders_end_at_their_time() {
    check_all(&[
        // by a tick
        ("buy a 5 @ 100 day; at 23:59:59; tick", "bid 5 @ 100"),
        ("buy a 5 @ 100 day; at 1d+00:00; tick", "expired a time_in_force"),
        ("buy a 5 @ 100 gtd 12:30; at 12:29:59; tick", "bid 5 @ 100"),
        (
            "buy a 5 @ 100 gtd 12:30; at 12:30; tick",
            "expired a time_in_force",
        ),
        // before any command
        (
            "buy a 5 @ 100 gtd 12:30; at 12:30; sell b 5 @ 100",
            "expired a time_in_force; ask 5 @ 100",
        ),
        (
            "buy a 5 @ 100 gtd 12:30; at 12:30; cancel a",
            "expired a time_in_force; refused a ended EXPIRED",
        ),
        (
            "buy a 5 @ 100 gtd 12:30; at 12:30; amend a 4",
            "expired a time_in_force; refused a ended EXPIRED",
        ),
        (
            "buy a 5 @ 100 gtd 12:30; at 12:30; cancel-all by a",
            "expired a time_in_force; cancelled-all 0",
        ),
        (
            "buy a 5 @ 100 gtd 12:30; at 12:30; state halted",
            "expired a time_in_force",
        ),
        (
            "buy a 5 @ 100 gtd 12:30; at 12:30; sell b 5 @ 100 in side",
            "expired a time_in_force; ask 5 @ 100",
        ),
        // on entry
        ("buy a 5 @ 100 gtd 12:00", "expired a time_in_force"),
        ("buy a 5 @ 100 gtd 11:00", "expired a time_in_force"),
        (
            "sell b 5 @ 100; buy a 5 @ 100 gtd 12:00",
            "expired a time_in_force; ask 5 @ 100",
        ),
        // in order of their ends, then of entry
        (
            "buy a 1 @ 100 gtd 12:30; buy b 1 @ 100 gtd 12:20; buy c 1 @ 100 gtd 12:20; at 13:00; tick",
            "expired b time_in_force; expired c time_in_force; expired a time_in_force",
        ),
        // placed at midnight, a day order lasts the day
        (
            "at 1d+00:00; buy a 1 @ 100 day; at 1d+23:59:59; tick; at 2d+00:00; tick",
            "expired a time_in_force",
        ),
        // a part fill and the funds
        (
            "deposit a 500 USD; buy a 5 @ 100 gtd 12:30; sell b 2 @ 100; at 12:30; tick; balance a; order a",
            "trade a b 2 @ 100; expired a time_in_force; a has 2 ABC, 300 USD; a EXPIRED 2/5",
        ),
        // a halted market's orders end too
        (
            "buy a 5 @ 100 gtd 12:30; state halted; at 12:30; tick",
            "expired a time_in_force",
        ),
        // an amended order keeps its end
        (
            "buy a 5 @ 100 gtd 12:30; amend a 6 @ 101; at 12:30; tick",
            "amended a 6 @ 101; expired a time_in_force",
        ),
        // a filled or cancelled order does not expire
        (
            "buy a 5 @ 100 gtd 12:30; cancel a; at 12:30; tick",
            "cancelled a requested",
        ),
        (
            "buy a 5 @ 100 gtd 12:30; sell b 5 @ 100; at 12:30; tick",
            "trade a b 5 @ 100",
        ),
    ]);
}

#[test]
fn what_comes_too_late_expires() {
    check_all(&[
        // five seconds for what trades at once, a minute otherwise
        ("buy a 5 received 11:59:55", "expired a immediate"),
        ("buy a 5 received 11:59:54", "expired a too_late"),
        ("buy a 5 @ 100 ioc received 11:59:54", "expired a too_late"),
        ("buy a 5 @ 100 fok received 11:59:54", "expired a too_late"),
        ("buy a 5 @ 100 post received 11:59:54", "expired a too_late"),
        ("buy a 5 @ 100 received 11:59:54", "bid 5 @ 100"),
        ("buy a 5 @ 100 received 11:59:00", "bid 5 @ 100"),
        ("buy a 5 @ 100 received 11:58:59", "expired a too_late"),
        ("buy a 5 stop 105 received 11:59:00", "waits a"),
        ("buy a 5 stop 105 received 11:58:59", "expired a too_late"),
        // the client's own
        ("buy a 5 @ 100 deadline 12:00", "bid 5 @ 100"),
        ("buy a 5 @ 100 deadline 11:59:59", "expired a too_late"),
        ("buy a 5 @ 100 deadline 12:00 received 11:00", "bid 5 @ 100"),
        (
            "deposit a 500 USD; buy a 5 @ 100 deadline 11:59:59; balance a; order a",
            "expired a too_late; a has 500 USD; a EXPIRED 0/5",
        ),
        // time never runs backwards
        (
            "at 12:10; tick; at 12:00; buy a 5 @ 100 received 12:00",
            "expired a too_late",
        ),
        (
            "at 12:10; tick; at 12:00; buy a 5 @ 100 gtd 12:05 received 12:10",
            "expired a time_in_force",
        ),
    ]);
}

#[test]
fn a_client_id_is_unique_among_live_and_lately_ended_orders() {
    check_all(&[
        (
            "buy a 5 @ 100 id one by x; buy b 5 @ 100 id one by x",
            "same a; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x; buy b 5 @ 100 id one by y",
            "bid 10 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x; buy b 6 @ 100 id one by x",
            "refused b conflict a; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x; buy b 5 @ 101 id one by x",
            "refused b conflict a; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x; sell b 5 @ 100 id one by x",
            "refused b conflict a; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x; buy b 5 @ 100 id one by x in side",
            "refused b conflict a; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x; buy b 5 @ 100 id one by x post",
            "refused b conflict a; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x; buy b 5 @ 100 id one by x show 2",
            "refused b conflict a; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x; buy b 5 @ 100 id one by x day",
            "refused b conflict a; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x; buy b 5 @ 100 id one by x stp none",
            "refused b conflict a; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x; buy b 5 @ 100 stop 105 id one by x",
            "refused b conflict a; bid 5 @ 100",
        ),
        (
            "buy a 5 id one by x; buy b $5 id one by x",
            "expired a immediate; refused b conflict a",
        ),
        (
            "buy a 5 @ 100 gtd 12:30 id one by x; buy b 5 @ 100 gtd 12:31 id one by x",
            "refused b conflict a; bid 5 @ 100",
        ),
        // the repeat is of what was asked for, also after an amendment
        (
            "buy a 5 @ 100 id one by x; amend a 4; buy b 5 @ 100 id one by x",
            "amended a 4 @ 100; same a; bid 4 @ 100",
        ),
        // after the end
        (
            "buy a 5 @ 100 id one by x; cancel a; buy b 5 @ 100 id one by x",
            "cancelled a requested; same a",
        ),
        (
            "buy a 5 @ 100 id one by x; cancel a; at 1d+11:59:59; buy b 5 @ 100 id one by x",
            "cancelled a requested; same a",
        ),
        (
            "buy a 5 @ 100 id one by x; cancel a; at 1d+12:00; buy b 5 @ 100 id one by x",
            "cancelled a requested; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x; cancel a; at 1d+12:00; buy b 6 @ 100 id one by x; cancel #one by x",
            "cancelled a requested; cancelled b requested",
        ),
        // the window begins with the end, not with the start
        (
            "buy a 5 @ 100 id one by x; at 5d+00:00; buy b 5 @ 100 id one by x",
            "same a; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x; at 5d+00:00; cancel a; at 5d+23:59:59; buy b 6 @ 100 id one by x",
            "cancelled a requested; refused b conflict a",
        ),
        // rejected and expired orders use theirs up
        (
            "deposit x 1 USD; buy a 5 @ 100 id one by x; buy b 5 @ 100 id one by x",
            "rejected a insufficient_balance; same a",
        ),
        (
            "deposit x 1 USD; buy a 5 @ 100 id one by x; buy b 1 @ 1 id one by x",
            "rejected a insufficient_balance; refused b conflict a",
        ),
        (
            "buy a 5 @ 100 fok id one by x; buy b 5 @ 100 fok id one by x",
            "expired a fill_or_kill; same a",
        ),
        (
            "buy a 5 @ 100 deadline 11:00 id one by x; buy b 5 @ 100 id one by x",
            "expired a too_late; same a",
        ),
        // what is no order does not
        (
            "buy a 5 gtc id one by x; buy b 5 @ 100 id one by x",
            "refused a shape time_in_force; bid 5 @ 100",
        ),
        (
            "buy a 5 @ 100 id one by x in nowhere; buy b 5 @ 100 id one by x",
            "refused a unknown_market; bid 5 @ 100",
        ),
    ]);
}

#[test]
fn an_amendment_is_held_to_the_limits_of_today() {
    check_all(&[
        // the protection price was fixed under a higher limit: a larger quantity could pass what an amount holds
        (
            "buy a 1 stop 105; define max_price=106; amend a 2",
            "refused a price_too_high; waits a",
        ),
        // once triggered, a stop-limit order is a limit order: its band is measured from the last price
        (
            "define limit_band=1000; buy a 5 stop 102 @ 103; sell x 1 @ 102; buy y 1 @ 102; \
             sell z 1 @ 110; buy w 1 @ 110; amend a @ 120",
            "trade x y 1 @ 102; trigger a; trade z w 1 @ 110; amended a 5 @ 120; bid 5 @ 120",
        ),
        // an order that only shrinks stays where it is, whatever the band says now
        (
            "buy a 5 @ 80; define limit_band=1000; amend a 3",
            "amended a 3 @ 80; bid 3 @ 80",
        ),
    ]);
}
