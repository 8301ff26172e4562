//! Mass steps go in chunks of a thousand, and are finished before any market takes another command.

use crate::script::check;

const MANY: &str = "2500 times buy b{} 1 @ 90 by x; ";
const STOPS: &str = "deposit x 100000000 USD; sell a 5000 @ 105; 2500 times buy s{} 1 stop 105 by x; ";

#[test]
fn a_mass_cancel_goes_on_by_ticks() {
    check(
        &format!("{MANY} cancel-all by x; tick; restart; tick; tick"),
        "1000 x cancelled b# mass_cancel; cancelled-all 2500; 1500 x cancelled b# mass_cancel",
    );
    check(
        &format!("{MANY} cancel-all in main operator; -; tick; -; tick; tick"),
        "1000 x cancelled b# operator; cancelled-all 2500; -; 1000 x cancelled b# operator; -; 500 x cancelled b# operator",
    );
}

#[test]
fn a_mass_cancel_is_finished_before_any_market_takes_another_command() {
    for command in [
        "sell c 1 @ 90",
        "sell c 1 @ 90 in side",
        "cancel-all by z in side",
        "state halted in side",
        "state halted",
    ] {
        let mut expected =
            "1000 x cancelled b# mass_cancel; cancelled-all 2500; 1500 x cancelled b# mass_cancel".to_owned();
        expected += match command {
            "cancel-all by z in side" => "; cancelled-all 0",
            _ if command.starts_with("sell") => "; ask 1 @ 90",
            _ => "",
        };
        check(&format!("{MANY} cancel-all by x; restart; {command}"), &expected);
    }
    // an order of the same user that comes later stays
    check(
        &format!("{MANY} cancel-all by x; buy c 1 @ 91 by x"),
        "1000 x cancelled b# mass_cancel; cancelled-all 2500; 1500 x cancelled b# mass_cancel; bid 1 @ 91",
    );
    // two mass cancels, one after the other
    check(
        "1500 times buy b{} 1 @ 90 by x; 1500 times sell d{} 1 @ 99 by x; cancel-all by x buy; cancel-all by x; tick; tick",
        "1000 x cancelled b# mass_cancel; cancelled-all 1500; 500 x cancelled b# mass_cancel; \
         1000 x cancelled d# mass_cancel; cancelled-all 1500; 500 x cancelled d# mass_cancel",
    );
    // in several markets
    check(
        "800 times buy b{} 1 @ 90 by x; 800 times buy d{} 1 @ 90 by x in side; cancel-all by x; -; tick",
        "800 x cancelled b# mass_cancel; 200 x cancelled d# mass_cancel; cancelled-all 1600; -; 600 x cancelled d# mass_cancel",
    );
}

#[test]
fn expiries_go_in_chunks() {
    let orders = "2500 times buy b{} 1 @ 90 by x day; at 1d+00:00; ";
    check(
        &format!("{orders} tick; -; tick; -; restart; tick; -; tick"),
        "1000 x expired b# time_in_force; -; 1000 x expired b# time_in_force; -; 500 x expired b# time_in_force; -",
    );
    check(
        &format!("{orders} tick; sell c 1 @ 90 in side"),
        "2500 x expired b# time_in_force; ask 1 @ 90",
    );
    check(
        &format!("{orders} sell c 1 @ 90"),
        "2500 x expired b# time_in_force; ask 1 @ 90",
    );
}

#[test]
fn a_cascade_of_stops_goes_in_chunks() {
    check(
        &format!("{STOPS} buy b 1 @ 105; -; tick; -; restart; tick; tick"),
        "trade a b 1 @ 105; 2500 x trigger s#; 1000 x trade a s# # @ #; -; 1000 x trade a s# # @ #; -; \
         500 x trade a s# # @ #; ask 2499 @ 105",
    );
    check(
        &format!("{STOPS} buy b 1 @ 105; restart; sell c 1 @ 104"),
        "trade a b 1 @ 105; 2500 x trigger s#; 2500 x trade a s# # @ #; ask 1 @ 104; ask 2499 @ 105",
    );
    check(
        &format!("{STOPS} buy b 1 @ 105; cancel-all by x"),
        "trade a b 1 @ 105; 2500 x trigger s#; 2500 x trade a s# # @ #; cancelled-all 0; ask 2499 @ 105",
    );
    // an amendment sets it off too
    check(
        &format!("{STOPS} buy b 1 @ 104; amend b @ 105; sell c 1 @ 104 in side; book off"),
        "amended b 1 @ 105; trade a b 1 @ 105; 2500 x trigger s#; 2500 x trade a s# # @ #",
    );
}

#[test]
fn what_has_expired_takes_no_part_in_the_rest_of_a_cascade() {
    // a maker whose time comes between two chunks
    check(
        "deposit x 100000000 USD; sell a 5000 @ 105 gtd 12:30; 1500 times buy s{} 1 stop 105 by x; buy b 1 @ 105; at 12:30; tick; tick",
        "trade a b 1 @ 105; 1500 x trigger s#; 1000 x trade a s# # @ #; expired a time_in_force; 500 x expired s# immediate",
    );
    check(
        "deposit x 100000000 USD; sell a 5000 @ 105 gtd 12:30; 1500 times buy s{} 1 stop 105 by x; buy b 1 @ 105; at 12:30; cancel-all by y",
        "trade a b 1 @ 105; 1500 x trigger s#; 1000 x trade a s# # @ #; expired a time_in_force; 500 x expired s# immediate; cancelled-all 0",
    );
    // a triggered stop whose own time comes before it enters
    check(
        "deposit x 100000000 USD; sell a 5000 @ 105; 1500 times buy s{} 1 stop 105 by x gtd 12:30; buy b 1 @ 105; restart; at 12:30; tick; tick",
        "trade a b 1 @ 105; 1500 x trigger s#; 1000 x trade a s# # @ #; 500 x expired s# time_in_force; ask 3999 @ 105",
    );
}
