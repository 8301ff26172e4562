//! Dead man's switches: armed, renewed, disarmed, and what happens when one runs out.

use crate::script::{check, check_all};

#[test]
fn a_switch_is_armed_renewed_and_disarmed() {
    check_all(&[
        (
            "after x 30000; switch x; switch y",
            "armed x 12:00:30; switch x 12:00:30; switch y none",
        ),
        (
            "after x 30000; at 12:00:20; after x 30000; switch x",
            "armed x 12:00:30; armed x 12:00:50; switch x 12:00:50",
        ),
        (
            "after x 30000; after x 1000; switch x",
            "armed x 12:00:30; armed x 12:00:01; switch x 12:00:01",
        ),
        (
            "buy b 1 @ 90 by x; after x 30000; after x 0; switch x; at 12:01; tick",
            "armed x 12:00:30; disarmed x; switch x none; bid 1 @ 90",
        ),
        ("after x 0", "disarmed x"),
        // a renewed switch runs out at its new moment only, later or sooner
        (
            "buy b 1 @ 90 by x; after x 30000; at 12:00:20; after x 30000; at 12:00:30; tick; -; at 12:00:50; tick",
            "armed x 12:00:30; armed x 12:00:50; -; cancelled b dead_mans_switch",
        ),
        (
            "buy b 1 @ 90 by x; after x 30000; after x 10000; at 12:00:10; tick; buy c 1 @ 91 by x; at 12:00:30; tick",
            "armed x 12:00:30; armed x 12:00:10; cancelled b dead_mans_switch; bid 1 @ 91",
        ),
    ]);
}

#[test]
fn times_that_no_switch_may_have_are_refused_and_change_nothing() {
    for millis in ["1", "999", "86400001", "18446744073709551"] {
        check(
            &format!("after x {millis}; switch x"),
            "refused x shape timeout_ms; switch x none",
        );
        check(
            &format!("after x 30000; after x {millis}; switch x"),
            "armed x 12:00:30; refused x shape timeout_ms; switch x 12:00:30",
        );
    }
    check(
        "after x 1000; after y 86400000",
        "armed x 12:00:01; armed y 1d+12:00:00",
    );
}

#[test]
fn a_switch_runs_out_at_its_moment_and_not_before() {
    check_all(&[
        (
            "buy b 1 @ 90 by x; after x 30000; at 12:00:29.999999; tick; -; at 12:00:30; tick; switch x",
            "armed x 12:00:30; -; cancelled b dead_mans_switch; switch x none",
        ),
        // any command of the engine's finds it run out, a transfer or the register's does not
        (
            "buy b 1 @ 90 by x; after x 30000; at 12:00:30; sell c 1 @ 90",
            "armed x 12:00:30; cancelled b dead_mans_switch; ask 1 @ 90",
        ),
        (
            "buy b 1 @ 90 by x; after x 30000; at 12:00:30; cancel b",
            "armed x 12:00:30; cancelled b dead_mans_switch; refused b ended CANCELLED",
        ),
        (
            "buy b 1 @ 90 by x; after x 30000; at 12:00:30; open s by y",
            "armed x 12:00:30; cancelled b dead_mans_switch; opened s",
        ),
        (
            "buy b 1 @ 90 by x; after x 30000; at 12:00:30; deposit y 5 ABC; tier t; switch x; tick",
            "armed x 12:00:30; switch x 12:00:30; cancelled b dead_mans_switch",
        ),
        // a renewal or a disarming at that very moment comes too late, one a microsecond earlier does not
        (
            "buy b 1 @ 90 by x; after x 30000; at 12:00:30; after x 30000; buy c 1 @ 91 by x; switch x",
            "armed x 12:00:30; cancelled b dead_mans_switch; armed x 12:01:00; switch x 12:01:00; bid 1 @ 91",
        ),
        (
            "buy b 1 @ 90 by x; after x 30000; at 12:00:30; after x 0",
            "armed x 12:00:30; cancelled b dead_mans_switch; disarmed x",
        ),
        (
            "buy b 1 @ 90 by x; after x 30000; at 12:00:29.999999; after x 30000; at 12:00:30; tick",
            "armed x 12:00:30; armed x 12:00:59.999999; bid 1 @ 90",
        ),
        // it runs out once
        (
            "after x 30000; at 12:00:30; tick; buy b 1 @ 90 by x; at 12:10; tick",
            "armed x 12:00:30; bid 1 @ 90",
        ),
        // of a user who never had an order, nothing is cancelled
        (
            "after z 1000; at 12:00:01; tick; switch z",
            "armed z 12:00:01; switch z none",
        ),
    ]);
}

#[test]
fn all_orders_of_the_user_end_in_every_market_and_no_others() {
    check(
        "buy b 1 @ 90 by x; buy c 1 @ 90 by y; sell d 3 @ 110 show 1 by x in side; buy e 2 stop 120 by x; \
         sell f 1 @ 110 by y in side; after x 30000; at 12:00:30; tick; balance x",
        "armed x 12:00:30; cancelled b dead_mans_switch; cancelled e dead_mans_switch; cancelled d dead_mans_switch; \
         x has 1000000 ABC, 1000000 USD, 1000000 XYZ; bid 1 @ 90; ask 1 @ 110",
    );
    // a partly filled order keeps what it has
    check(
        "buy b 5 @ 90 by x; sell c 2 @ 90; after x 30000; at 12:00:30; tick; order b",
        "trade b c 2 @ 90; armed x 12:00:30; cancelled b dead_mans_switch; b CANCELLED 2/5",
    );
    for state in ["open", "post_only", "cancel_only", "halted"] {
        check(
            &format!(
                "buy b 1 @ 90 by x; buy e 2 stop 120 by x; after x 30000; state {state}; at 12:00:30; tick"
            ),
            "armed x 12:00:30; cancelled b dead_mans_switch; cancelled e dead_mans_switch",
        );
    }
}

#[test]
fn at_one_moment_expiries_come_first_then_switches_by_time_and_user() {
    check(
        "buy b 1 @ 90 by x gtd 12:00:30; buy c 1 @ 91 by x; buy d 1 @ 92 by w gtd 12:00:30; after x 30000; \
         at 12:00:30; tick",
        "armed x 12:00:30; expired b time_in_force; expired d time_in_force; cancelled c dead_mans_switch",
    );
    // where the expiries fill a chunk, no switch runs out before the next
    check(
        "1000 times buy b{} 1 @ 90 by x gtd 12:00:30; buy c 1 @ 91 by y; after y 30000; at 12:00:30; tick; switch y; tick; \
         switch y",
        "armed y 12:00:30; 1000 x expired b# time_in_force; switch y 12:00:30; cancelled c dead_mans_switch; switch y none",
    );
    check(
        "buy b 1 @ 90 by w; buy c 1 @ 91 by x; buy d 1 @ 92 by y; after x 30000; after w 30000; after y 20000; \
         at 12:01; tick",
        "armed x 12:00:30; armed w 12:00:30; armed y 12:00:20; cancelled d dead_mans_switch; \
         cancelled b dead_mans_switch; cancelled c dead_mans_switch",
    );
}

#[test]
fn thousands_of_orders_end_in_chunks() {
    let many = "2500 times buy b{} 1 @ 90 by x; buy d 1 @ 80 by y; after x 30000; at 12:00:30; ";
    // a step is spent on the switch itself
    check(
        &format!("{many} tick; switch x; restart; deposit y 5 ABC; -; tick; -; tick; -; tick"),
        "armed x 12:00:30; 999 x cancelled b# dead_mans_switch; switch x none; -; \
         1000 x cancelled b# dead_mans_switch; -; 501 x cancelled b# dead_mans_switch; -; bid 1 @ 80",
    );
    // any other command finishes the rest first; an order that comes later stays
    for command in [
        "sell c 1 @ 90 in side; cancel c",
        "state halted in side",
        "after x 0",
        "open s by y",
        "cancel-all by z",
    ] {
        let answer = match command {
            "after x 0" => "; disarmed x",
            "open s by y" => "; opened s",
            "cancel-all by z" => "; cancelled-all 0",
            "state halted in side" => "",
            _ => "; cancelled c requested",
        };
        check(
            &format!("{many} tick; -; {command}; buy e 1 @ 81 by x"),
            &format!(
                "armed x 12:00:30; 999 x cancelled b# dead_mans_switch; -; \
                 1501 x cancelled b# dead_mans_switch{answer}; bid 1 @ 81; bid 1 @ 80"
            ),
        );
    }
    // many switches at once are steps too
    check(
        "1500 times buy b{} 1 @ 90 by u{}; 1500 times after u{} 30000; at 12:00:30; tick; -; tick; -; restart; tick; tick",
        "1500 x armed u# #:#:#; -; 500 x cancelled b# dead_mans_switch; -; 1000 x cancelled b# dead_mans_switch",
    );
}

#[test]
fn a_triggered_stop_never_trades_after_its_users_switch_ran_out() {
    let cascade = "deposit x 100000000 USD; sell a 5000 @ 105; 1500 times buy s{} 1 stop 105 by x; after x 30000; \
                   buy b 1 @ 105; at 12:00:30; ";
    let first = "armed x 12:00:30; trade a b 1 @ 105; 1500 x trigger s#; 1000 x trade a s# # @ #; ";
    for rest in ["tick", "sell c 1 @ 106; cancel c", "restart; tick"] {
        let last = if rest.starts_with("sell") {
            "; cancelled c requested"
        } else {
            ""
        };
        check(
            &format!("{cascade} {rest}"),
            &format!("{first} 500 x cancelled s# dead_mans_switch{last}; ask 3999 @ 105"),
        );
    }
}
