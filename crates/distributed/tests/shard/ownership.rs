//! Who has the shard: fences, leases, takeovers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use distributed::ShardCommand;
use distributed::shard::{ShardOptions, ShardState};
use domain::{Side, Status};
use persistence::postgres::shard::end_blocker;

use crate::bed::Bed;

const LAST_SEQ: &str = "SELECT last_seq FROM shards WHERE shard = 0";
const EPOCH: &str = "SELECT epoch FROM shards WHERE shard = 0";

/// Options under which the first placement hangs until the sender is dropped.
fn hanging(bed: &Bed) -> (ShardOptions, mpsc::Sender<()>) {
    let (release, held) = mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let hung = AtomicBool::new(false);
    let rehearsal = move |command: &ShardCommand| {
        if matches!(command, ShardCommand::Place(_)) && !hung.swap(true, Ordering::SeqCst) {
            // The error is what it waits for.
            let _ = held.lock().unwrap().recv();
        }
    };
    let options = ShardOptions {
        rehearsal: Some(Arc::new(rehearsal)),
        ..bed.options()
    };
    (options, release)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_slept_through_its_lease_writes_nothing() {
    let bed = Bed::new().await;
    let (options, release) = hanging(&bed);
    let zombie = bed.start(options, 0);
    bed.until_quiet().await;
    let order = bed.place(0, Side::Sell, 100, 10).await;
    let successor = bed.start(bed.options(), 0);
    bed.until(order, |order| order.state.status() == Status::Open)
        .await;
    let (seq, epoch) = (bed.number(LAST_SEQ).await, bed.number(EPOCH).await);
    drop(release);
    // The zombie stands by: it has found out.
    loop {
        let now = zombie.status.now();
        if matches!(now.state, ShardState::StandBy { .. }) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(
        (bed.number(LAST_SEQ).await, bed.number(EPOCH).await),
        (seq, epoch)
    );
    let log = bed.log(0).await;
    assert!(log.iter().zip(1..).all(|(batch, seq)| batch.seq == seq));
    assert_eq!(log.last().unwrap().epoch, 2);
    zombie.stop().await;
    successor.stop().await;
    assert_eq!(
        bed.number("SELECT count(*) FROM orders WHERE status = 'OPEN'")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_epoch_alone_keeps_an_old_owner_out_while_the_new_one_has_written_nothing_yet() {
    let bed = Bed::new().await;
    let (first, release_first) = hanging(&bed);
    let (second, release_second) = hanging(&bed);
    let zombie = bed.start(first, 0);
    bed.until_quiet().await;
    let order = bed.place(0, Side::Sell, 100, 10).await;
    let seq = bed.number(LAST_SEQ).await;
    let successor = bed.start(second, 0);
    bed.until_number(EPOCH, 2).await;
    drop(release_first);
    loop {
        if matches!(zombie.status.now().state, ShardState::StandBy { .. }) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(bed.number(LAST_SEQ).await, seq, "nothing was written");
    // While the successor hangs, its lease passes too: somebody takes over in the end.
    drop(release_second);
    bed.until(order, |order| order.state.status() == Status::Open)
        .await;
    bed.until_quiet().await;
    let log = bed.log(0).await;
    assert!(
        log.iter()
            .all(|batch| batch.epoch != 1 || batch.seq <= seq.unsigned_abs())
    );
    zombie.stop().await;
    successor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stand_by_takes_over_when_the_lease_of_a_dead_owner_has_passed() {
    let bed = Bed::new().await;
    let first = bed.start(bed.options(), 0);
    let order = bed.place(0, Side::Sell, 100, 10).await;
    bed.until(order, |order| order.state.status() == Status::Open)
        .await;
    first.kill().await;
    let second = bed.start(bed.options(), 0);
    let buy = bed.place(1, Side::Buy, 100, 10).await;
    bed.until(buy, |order| order.state.status() == Status::Filled)
        .await;
    assert_eq!(bed.number(EPOCH).await, 2);
    bed.until_quiet().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_is_asked_to_stop_gives_the_shard_up_at_once() {
    let bed = Bed::new().await;
    let long = || ShardOptions {
        lease: Duration::from_secs(3_600),
        ..bed.options()
    };
    let first = bed.start(long(), 0);
    let order = bed.place(0, Side::Sell, 100, 10).await;
    bed.until(order, |order| order.state.status() == Status::Open)
        .await;
    first.stop().await;
    // With the lease of an hour it would wait for that long.
    let second = bed.start(long(), 0);
    let buy = bed.place(1, Side::Buy, 100, 10).await;
    bed.until(buy, |order| order.state.status() == Status::Filled)
        .await;
    second.stop().await;
    assert_eq!(
        bed.number("SELECT count(*) FROM shards WHERE lease_until > now()")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_hangs_in_its_transaction_is_ended_by_the_successor() {
    let bed = Bed::new().await;
    let hung = bed.connect().await;
    let (client, driver) = tokio_postgres::connect(&bed.database.url(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(driver);
    client
        .batch_execute("BEGIN; UPDATE shards SET owner = 'hung' WHERE shard = 0")
        .await
        .unwrap();
    let running = bed.start(bed.options(), 0);
    let order = bed.place(0, Side::Sell, 100, 10).await;
    bed.until(order, |order| order.state.status() == Status::Open)
        .await;
    assert!(client.batch_execute("COMMIT").await.is_err());
    drop(hung);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_means_a_new_epoch_and_the_same_state() {
    let bed = Bed::new().await;
    // Every fifth row of the log is refused; a sequence is not rolled back.
    bed.sql
        .batch_execute(
            "CREATE SEQUENCE tries;
             CREATE FUNCTION fail_at_times() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF nextval('tries') % 5 = 0 THEN RAISE EXCEPTION 'a test'; END IF; RETURN NEW; END $$;
             CREATE TRIGGER fail_at_times BEFORE INSERT ON shard_log FOR EACH ROW EXECUTE FUNCTION fail_at_times();",
        )
        .await
        .unwrap();
    let running = bed.start(bed.options(), 0);
    for number in 0..12u32 {
        let order = bed.place((number % 4) as u8, Side::Sell, 100 + number, 1).await;
        bed.until(order, |order| order.state.status() == Status::Open)
            .await;
    }
    bed.until_quiet().await;
    assert!(bed.number(EPOCH).await >= 3, "it started over");
    let log = bed.log(0).await;
    assert!(log.iter().zip(1..).all(|(batch, seq)| batch.seq == seq));
    assert_eq!(bed.digest(0).await, log.last().unwrap().digest);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_owners_never_have_the_shard_at_once_however_often_they_are_killed() {
    let bed = Bed::new().await;
    let mut owners = vec![bed.start(bed.options(), 0), bed.start(bed.options(), 0)];
    let mut orders = Vec::new();
    for number in 0..24u32 {
        orders.push(
            bed.place((number % 4) as u8, Side::ALL[(number % 2) as usize], 100, 2)
                .await,
        );
        if number % 6 == 5 {
            owners.remove(0).kill().await;
            owners.push(bed.start(bed.options(), 0));
        }
    }
    for order in orders {
        bed.until(order, |order| order.state.status() != Status::Pending)
            .await;
    }
    bed.until_quiet().await;
    for owner in owners {
        owner.stop().await;
    }
    let log = bed.log(0).await;
    assert!(log.iter().zip(1..).all(|(batch, seq)| batch.seq == seq));
    assert!(log.is_sorted_by_key(|batch| batch.epoch));
    bed.purse.ledger.check().unwrap();
    let reserved: i64 = bed
        .number("SELECT (sum(reserve_left) * 100000000)::bigint FROM orders WHERE side = 'SELL'")
        .await;
    let mut held = 0;
    for number in 0..4 {
        held += bed.balance(number, "ABC").await.1;
    }
    assert_eq!(held, reserved.unsigned_abs());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_whose_publisher_has_died_starts_over_and_publishes_all() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    bed.until_quiet().await;
    bed.heard.deadly.store(1, Ordering::SeqCst);
    let order = bed.place(0, Side::Sell, 100, 10).await;
    bed.until(order, |order| order.state.status() == Status::Open)
        .await;
    bed.until_number("SELECT count(*) FROM shards WHERE shard = 0 AND epoch >= 2", 1)
        .await;
    bed.until_quiet().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_at_work_is_not_ended_as_soon_as_its_lease_is_over() {
    let bed = Bed::new().await;
    let hold = || {
        let url = bed.database.url();
        async move {
            let (client, driver) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
                .await
                .unwrap();
            tokio::spawn(driver);
            let slow =
                "BEGIN; UPDATE shards SET owner = 'slow' WHERE shard = 0; SELECT pg_sleep(600); COMMIT";
            client.batch_execute(slow).await
        }
    };
    let over = |ago: &'static str| {
        format!("UPDATE shards SET lease_until = clock_timestamp() - interval '{ago}' WHERE shard = 0")
    };
    bed.sql.batch_execute(&over("1 second")).await.unwrap();
    let slow = tokio::spawn(hold());
    let working = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'
        AND datname = current_database()";
    bed.until_number(working, 1).await;
    let mut other = bed.connect().await;
    assert!(!end_blocker(&mut other, 0).await.unwrap());
    assert_eq!(bed.number(working).await, 1);
    slow.abort();
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'PgSleep'
        AND datname = current_database()";
    assert_eq!(bed.number(end).await, 1);
    bed.until_number(working, 0).await;
    bed.sql.batch_execute(&over("11 seconds")).await.unwrap();
    let slow = tokio::spawn(hold());
    bed.until_number(working, 1).await;
    assert!(end_blocker(&mut other, 0).await.unwrap(), "it was over for long");
    assert!(slow.await.unwrap().is_err());
}
