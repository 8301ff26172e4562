//! Sessions: connections at whose end the orders of their user are cancelled.

use crate::script::{check, check_all};

#[test]
fn a_session_is_open_until_it_is_closed() {
    check_all(&[
        (
            "open s by x; open r by y; open t by x; sessions; close s; sessions",
            "opened s; opened r; opened t; sessions r s t; cancelled-all 0; sessions r t",
        ),
        ("close s; sessions", "cancelled-all 0; sessions"),
        ("buy b 1 @ 90 by x; close s cancel", "cancelled-all 0; bid 1 @ 90"),
        (
            "open s by x; close s cancel; close s cancel; sessions",
            "opened s; cancelled-all 0; cancelled-all 0; sessions",
        ),
        // the same id again is answered as if it were opened, and stays its first user's
        (
            "buy b 1 @ 90 by x; buy c 1 @ 91 by y; open s by x; open s by x; open s by y; sessions; close s cancel; sessions",
            "opened s; opened s; opened s; sessions s; cancelled b disconnected; cancelled-all 1; sessions; bid 1 @ 91",
        ),
    ]);
}

#[test]
fn the_end_of_a_session_cancels_all_orders_of_its_user_if_asked() {
    let book = "buy b 1 @ 90 by x; sell c 2 @ 110 by x in side; buy d 1 stop 120 by x; buy e 1 @ 90 by y; open s by x; ";
    let gone = "opened s; cancelled b disconnected; cancelled d disconnected; cancelled c disconnected; cancelled-all 3";
    check(
        &format!("{book} close s"),
        "opened s; cancelled-all 0; bid 2 @ 90; ask 2 @ 110; waits d",
    );
    check(&format!("{book} close s cancel"), &format!("{gone}; bid 1 @ 90"));
    for state in ["post_only", "cancel_only", "halted"] {
        check(
            &format!("{book} state {state}; state {state} in side; close s cancel"),
            &format!("{gone}; bid 1 @ 90"),
        );
    }
    // one of two sessions ends: all orders of the user end, the other session stays
    check(
        &format!("{book} open t by x; close s cancel; sessions"),
        &format!(
            "{} sessions t; bid 1 @ 90",
            gone.replace("opened s;", "opened s; opened t;") + ";"
        ),
    );
    check("open s by z; close s cancel", "opened s; cancelled-all 0");
}

#[test]
fn what_has_expired_or_whose_switch_ran_out_is_not_counted() {
    check(
        "buy b 1 @ 90 by x; buy c 1 @ 91 by x gtd 12:00:30; open s by x; after x 30000; at 12:00:30; close s cancel",
        "opened s; armed x 12:00:30; expired c time_in_force; cancelled b dead_mans_switch; cancelled-all 0",
    );
    // the switch of a user whose session ends stays
    check(
        "buy b 1 @ 90 by x; open s by x; after x 30000; close s cancel; switch x",
        "opened s; armed x 12:00:30; cancelled b disconnected; cancelled-all 1; switch x 12:00:30",
    );
}

#[test]
fn a_user_has_at_most_a_hundred_sessions() {
    check(
        "100 times open s{} by x; -; open t by x; open s7 by x; open u by y; -; close s7; open t by x; open v by x",
        "100 x opened s#; -; refused t shape cancel_on_disconnect; opened s7; opened u; -; cancelled-all 0; opened t; \
         refused v shape cancel_on_disconnect",
    );
}

#[test]
fn thousands_of_orders_end_in_chunks() {
    let many = "2500 times buy b{} 1 @ 90 by x; open s by x; close s cancel; ";
    let first = "opened s; 1000 x cancelled b# disconnected; cancelled-all 2500; ";
    check(
        &format!("{many} -; sessions; tick; -; restart; tick"),
        &format!("{first} -; sessions; 1000 x cancelled b# disconnected; -; 500 x cancelled b# disconnected"),
    );
    check(
        &format!("{many} buy c 1 @ 91 by x"),
        &format!("{first} 1500 x cancelled b# disconnected; bid 1 @ 91"),
    );
}
