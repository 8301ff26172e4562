//! What operators keep: the fees of tiers, and API keys.

use crate::script::{check, check_all};

/// Maker 0.1 %, taker 0.2 %; `a` has what it sells, `b` what it pays with. `gold` has 0 and 0.05 %.
const MARKET: &str = "define maker_fee=100000 taker_fee=200000; deposit a 10 ABC; deposit b 1000 USD; \
                      tier gold maker=0 taker=50000; ";

#[test]
fn a_tiers_fees_are_its_users_fees() {
    for (before, script, expected) in [
        ("", "sell a 5 @ 100; buy b 5 @ 100; ", ["499.5", "4.99"]),
        (
            "join a gold; ",
            "sell a 5 @ 100; buy b 5 @ 100; ",
            ["500", "4.99"],
        ),
        (
            "join b gold; ",
            "sell a 5 @ 100; buy b 5 @ 100; ",
            ["499.5", "4.9975"],
        ),
        (
            "join a gold; ",
            "buy b 5 @ 100; sell a 5 @ 100; ",
            ["499.75", "4.995"],
        ),
        (
            "join a gold; join b gold; ",
            "buy b 5 @ 100; sell a 5 @ 100; ",
            ["499.75", "5"],
        ),
        // what a tier does not say is the market's
        (
            "tier gold taker=0; join a gold; ",
            "sell a 5 @ 100; buy b 5 @ 100; ",
            ["499.5", "4.99"],
        ),
        (
            "tier gold maker=0; join b gold; ",
            "sell a 5 @ 100; buy b 5 @ 100; ",
            ["499.5", "4.99"],
        ),
        (
            "tier gold; join a gold; ",
            "sell a 5 @ 100; buy b 5 @ 100; ",
            ["499.5", "4.99"],
        ),
        // who has left it, or was never let in, pays the market's
        (
            "join a gold; join a none; ",
            "sell a 5 @ 100; buy b 5 @ 100; ",
            ["499.5", "4.99"],
        ),
        (
            "join c gold; ",
            "sell a 5 @ 100; buy b 5 @ 100; ",
            ["499.5", "4.99"],
        ),
        // a fee may be higher than the market's, up to nearly all
        (
            "tier gold taker=99999999; join b gold; ",
            "sell a 5 @ 100; buy b 5 @ 100; ",
            ["499.5", "0.00000005"],
        ),
        // a change of a tier is one for all its users
        (
            "join a gold; tier gold maker=1000000; ",
            "sell a 5 @ 100; buy b 5 @ 100; ",
            ["495", "4.99"],
        ),
    ] {
        let [usd, abc] = expected;
        let (trade, parties) = if script.starts_with("sell") {
            ("trade a b 5 @ 100", ["a", "b"])
        } else {
            ("trade b a 5 @ 100", ["a", "b"])
        };
        check(
            &format!("{MARKET} {before} {script} balance a; balance b"),
            &format!(
                "{trade}; {} has 5 ABC, {usd} USD; {} has {abc} ABC, 500 USD",
                parties[0], parties[1]
            ),
        );
    }
}

#[test]
fn an_order_keeps_the_fees_of_its_placement() {
    let first = "trade a b 5 @ 100; ";
    for (script, expected) in [
        (
            "sell a 5 @ 100; join a gold; buy b 5 @ 100; balance a",
            "a has 5 ABC, 499.5 USD",
        ),
        (
            "join a gold; sell a 5 @ 100; join a none; buy b 5 @ 100; balance a",
            "a has 5 ABC, 500 USD",
        ),
        (
            "join a gold; sell a 5 @ 100; tier gold maker=1000000; buy b 5 @ 100; balance a",
            "a has 5 ABC, 500 USD",
        ),
        // an amendment keeps them too, even one that goes to the back
        (
            "join a gold; sell a 5 @ 101; join a none; amend a @ 100; buy b 5 @ 100; balance a",
            "a has 5 ABC, 500 USD",
        ),
    ] {
        let amended = if script.contains("amend") {
            "amended a 5 @ 100; "
        } else {
            ""
        };
        check(
            &format!("{MARKET} {script}"),
            &format!("{amended}{first}{expected}"),
        );
    }
    // between two fills of one order
    check(
        &format!("{MARKET} sell a 10 @ 100; buy b 5 @ 100; join a gold; buy c 5 @ 100; balance a"),
        "trade a b 5 @ 100; trade a c 5 @ 100; a has 999 USD",
    );
    // a stop's fees are those of its placement, not of its trigger
    check(
        &format!(
            "{MARKET} join b gold; buy b 5 @ 110 stop 105; join b none; sell a 5 @ 106; sell c 1 @ 105; buy d 1 @ 105; order b; balance b"
        ),
        "trade c d 1 @ 105; trigger b; trade a b 5 @ 106; b FILLED 5/5; b has 4.9975 ABC, 470 USD",
    );
}

#[test]
fn fees_change_no_reservation() {
    check_all(&[
        (
            "deposit b 500 USD; tier t maker=99999999 taker=99999999; join b t; buy b 5 @ 100; balance b",
            "b has 0+500 USD; bid 5 @ 100",
        ),
        (
            "deposit b 500 USD; tier t maker=0 taker=0; join b t; buy b 5 @ 100; balance b",
            "b has 0+500 USD; bid 5 @ 100",
        ),
        (
            "deposit a 5 ABC; tier t maker=99999999; join a t; sell a 5 @ 100; balance a",
            "a has 0+5 ABC; ask 5 @ 100",
        ),
    ]);
}

#[test]
fn a_tier_that_is_unknown_or_makes_no_sense_is_refused() {
    check_all(&[
        ("join x gold", "refused x unknown_tier"),
        ("join x none", ""),
        (
            "tier t taker=100000000; join x t",
            "refused t shape taker_fee; refused x unknown_tier",
        ),
        ("tier t maker=4294967295", "refused t shape maker_fee"),
        ("tier t rate=0", "refused t shape orders_per_second"),
        // a refused change leaves the tier, and a refused move its user, as they were
        (
            "define maker_fee=100000; deposit a 5 ABC; tier t maker=0; join a t; tier t maker=100000000; join a nowhere; \
             sell a 5 @ 100; buy b 5 @ 100; balance a",
            "refused t shape maker_fee; refused a unknown_tier; trade a b 5 @ 100; a has 500 USD",
        ),
        (
            "1000 times tier t{}; -; tier u; tier t1 rate=5",
            "-; refused u shape name",
        ),
    ]);
}

#[test]
fn an_api_key_is_kept_with_the_times_of_its_commands() {
    check_all(&[
        ("key k by x; keys x; keys y", "keys k@12:00:00; keys"),
        (
            "key k by x; at 12:05; key l by x; revoke k; at 12:06; revoke k; keys x",
            "keys k@12:00:00-12:05:00 l@12:05:00",
        ),
        ("revoke k", "refused k unknown_key"),
        // an id is one key's for ever, whoever's it is and whether it is revoked or not
        (
            "key k by x; key k by x; key k by y; keys y",
            "refused k key_taken; refused k key_taken; keys",
        ),
        (
            "key k by x; revoke k; key k by x; keys x",
            "refused k key_taken; keys k@12:00:00-12:00:00",
        ),
    ]);
    let long = "x".repeat(101);
    check(
        &format!("key k by x label={long}; keys x"),
        "refused k shape label; keys",
    );
    check(
        &format!("key k by x scope={long}; keys x"),
        "refused k shape scope; keys",
    );
}

#[test]
fn a_users_keys_are_bounded() {
    check(
        "50 times key k{} by x; key l by x; key m by y; revoke k7; key l by x; key n by x",
        "refused l shape user_id; refused n shape user_id",
    );
    let rounds: String = (0..20)
        .map(|round| format!("50 times key r{round}k{{}} by x; 50 times revoke r{round}k{{}}; "))
        .collect();
    check(
        &format!("{rounds} key l by x; key m by y"),
        "refused l shape user_id",
    );
}
