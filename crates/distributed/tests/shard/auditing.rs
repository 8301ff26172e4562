//! The auditor loads every shard from its tables, and compares it with the last batch of its log.

use distributed::audit::{Findings, audit};
use domain::{Side, Status};

use crate::bed::Bed;
use crate::digest::lively;

const RULE: &str = "the tables hold the state of the log";

async fn findings(bed: &Bed) -> Findings {
    audit(&mut bed.connect().await).await.unwrap()
}

/// What is told of states; the wallet of this test has no tables, so the rules of money do not count.
fn differing(findings: &Findings) -> Vec<&str> {
    let states = findings.broken.iter().filter(|broken| broken.rule == RULE);
    states.map(|broken| broken.what.as_str()).collect()
}

/// A shard in which something has happened, and that nobody owns any more.
async fn left() -> Bed {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    lively(&bed).await;
    running.stop().await;
    bed
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_hold_what_the_log_says_are_told_to_agree_and_each_that_was_touched_is_named() {
    let bed = left().await;
    let found = findings(&bed).await;
    assert_eq!((differing(&found), found.states_compared), (vec![], 2));
    assert!(found.states_unclear.is_empty(), "{found:?}");
    for touch in [
        "UPDATE market_state SET turn = turn + 1 WHERE symbol = 'ABC/USD'",
        "UPDATE orders SET maker_fee = maker_fee + 0.0001 WHERE order_id = (SELECT min(order_id::text)::uuid FROM orders WHERE status = 'OPEN')",
        "UPDATE market_state SET defined = false WHERE symbol = 'ABC/USD'",
    ] {
        bed.sql.batch_execute(touch).await.unwrap();
        let found = findings(&bed).await;
        let told = differing(&found);
        assert_eq!((told.len(), found.states_compared), (1, 1), "{touch}: {found:?}");
        assert!(told[0].starts_with("shard 0: "), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_compared_over_a_change_of_owners_and_after_a_move_from_the_next_batch_on() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    lively(&bed).await;
    running.kill().await;
    let [one, two] = [0, 1].map(|shard| bed.start(bed.options(), shard));
    bed.until_number("SELECT count(*) FROM shards WHERE lease_until > now()", 2)
        .await;
    let found = findings(&bed).await;
    assert_eq!((differing(&found), found.states_compared), (vec![], 2));

    let patience = std::time::Duration::from_secs(60);
    let moved = distributed::shard::move_market(&bed.options(), "ABC/USD", 1, patience).await;
    assert_eq!(moved.unwrap().from, 0);
    let found = findings(&bed).await;
    assert_eq!(differing(&found), Vec::<&str>::new());
    assert_eq!(found.states_unclear.len(), 1, "{found:?}");

    let order = bed.place(0, Side::Sell, 130, 1).await;
    bed.until(order, |order| order.state.status() == Status::Open)
        .await;
    bed.until_quiet().await;
    for running in [one, two] {
        running.stop().await;
    }
    let found = findings(&bed).await;
    assert_eq!(differing(&found), Vec::<&str>::new());
    bed.sql
        .batch_execute("UPDATE market_state SET turn = turn + 1 WHERE symbol = 'ABC/USD'")
        .await
        .unwrap();
    assert_eq!(differing(&findings(&bed).await).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_cannot_be_read_is_damage_and_one_of_a_later_format_is_not() {
    let bed = left().await;
    let last = "WHERE shard = 0 AND seq = (SELECT max(seq) FROM shard_log WHERE shard = 0)";
    // The first byte is the format.
    for (events, differs, is_unclear) in [
        ("\\x63", false, true),
        ("\\x", true, false),
        ("\\x01ff", true, false),
    ] {
        let change = format!("UPDATE shard_log SET events = '{events}' {last}");
        bed.sql.batch_execute(&change).await.unwrap();
        let found = findings(&bed).await;
        assert_eq!(
            differing(&found).len(),
            usize::from(differs),
            "{events}: {found:?}"
        );
        assert_eq!(
            found.states_unclear.is_empty(),
            !is_unclear,
            "{events}: {found:?}"
        );
    }
}
