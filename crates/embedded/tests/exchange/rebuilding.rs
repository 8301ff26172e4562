//! History is made from the log: deleted, foreign, damaged or old, it comes out the same.

use std::fs;

use domain::{EntryType, Side};
use embedded::Embedded;
use journal::Snapshots;
use trading::{Caller, EntryFilter, OrderFilter, Queries};

use crate::house::{ALICE, House, fund, limit, placed, until, user};
use crate::past::{Stuck, caught_up, dump, file, lines, sums_hold, trade};

fn users() -> Vec<Caller> {
    (1..=4).map(user).collect()
}

fn open(house: &House) -> (Embedded, embedded::Opened) {
    house.open_with(|options| options.journal.segment_bytes = 2_048)
}

/// A house after some days of trading, with snapshots, an archive and a history that was stopped cleanly.
async fn lived_in() -> House {
    let house = House::new();
    for day in 0..4 {
        let (exchange, _) = open(&house);
        if day == 0 {
            fund(&exchange, &users()).await;
        }
        trade(&exchange, &users(), day).await;
        house.clock.advance(std::time::Duration::from_secs(3_600));
        exchange.stop();
    }
    house
}

/// Takes history away, as it is.
fn remove_history(house: &House) {
    for suffix in ["", "-wal", "-shm"] {
        let path = house.path().join(format!("history.sqlite{suffix}"));
        if path.exists() {
            fs::remove_file(path).unwrap();
        }
    }
}

#[tokio::test]
async fn a_deleted_history_is_made_again_the_same() {
    let house = lived_in().await;
    let before = dump(house.path());
    assert!(before.len() > 300, "there is something to lose: {}", before.len());
    for with_snapshots in [true, false] {
        remove_history(&house);
        if !with_snapshots {
            fs::remove_dir_all(house.path().join("snapshots")).unwrap();
        }
        let (exchange, opened) = open(&house);
        assert_eq!(opened.history, 0);
        caught_up(&exchange).await;
        sums_hold(&exchange, &house, &users()).await;
        drop(exchange);
        assert_eq!(dump(house.path()), before);
    }
}

#[tokio::test]
async fn history_goes_on_where_it_was_when_it_is_older_than_the_log() {
    let house = lived_in().await;
    let old = fs::read(file(house.path())).unwrap();
    let (exchange, opened) = open(&house);
    let offset = opened.history;
    for round in 10..13 {
        trade(&exchange, &users(), round).await;
    }
    drop(exchange);
    let after = dump(house.path());
    fs::write(file(house.path()), &old).unwrap();
    let (exchange, opened) = open(&house);
    assert_eq!(opened.history, offset, "as it was before");
    caught_up(&exchange).await;
    drop(exchange);
    assert_eq!(dump(house.path()), after);
    // Without the snapshot that it would go on from, it walks the whole log.
    fs::remove_dir_all(house.path().join("snapshots")).unwrap();
    fs::write(file(house.path()), &old).unwrap();
    drop(open(&house).0);
    let (exchange, _) = open(&house);
    caught_up(&exchange).await;
    drop(exchange);
    assert_eq!(dump(house.path()), after);
}

#[tokio::test]
async fn a_history_that_cannot_be_this_logs_is_moved_aside_and_made_again() {
    let house = lived_in().await;
    let before = dump(house.path());
    let other = House::new();
    other.clock.advance(std::time::Duration::from_secs(77));
    let mut foreign = Vec::new();
    for rounds in [1, 20] {
        let (exchange, _) = open(&other);
        if rounds == 1 {
            fund(&exchange, &users()).await;
        }
        for round in 0..rounds {
            trade(&exchange, &users(), round).await;
        }
        exchange.stop();
        drop(exchange);
        foreign.push(fs::read(file(other.path())).unwrap());
    }
    let ahead = foreign.pop().unwrap();
    let behind = foreign.pop().unwrap();
    let garbage = "no database at all, but a text ".repeat(400).into_bytes();
    for (what, contents) in [("garbage", garbage), ("ahead", ahead), ("behind", behind)] {
        remove_history(&house);
        fs::write(file(house.path()), &contents).unwrap();
        let (exchange, opened) = open(&house);
        assert_eq!(opened.history, 0, "{what}");
        caught_up(&exchange).await;
        sums_hold(&exchange, &house, &users()).await;
        drop(exchange);
        assert_eq!(dump(house.path()), before, "{what}");
        let aside = house.path().join("history.sqlite.unusable");
        assert_eq!(
            fs::metadata(aside).unwrap().len(),
            contents.len() as u64,
            "{what}"
        );
    }
}

#[tokio::test]
async fn where_the_log_has_lost_its_beginning_history_begins_with_the_oldest_snapshot() {
    let house = lived_in().await;
    let kept = Snapshots::new(house.path()).list().unwrap();
    assert_eq!(kept.len(), 2);
    let (exchange, _) = open(&house);
    let all = OrderFilter {
        limit: 1_000,
        ..OrderFilter::default()
    };
    let orders = exchange.orders(ALICE, all).await.unwrap();
    drop(exchange);
    remove_history(&house);
    // What only the oldest snapshot has seen is gone; what comes after it is still in the archive.
    let mut archived: Vec<_> = fs::read_dir(house.path().join("archive"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    archived.sort();
    let first_seq = |path: &std::path::Path| -> u64 {
        let digits: String = path
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        digits.parse().unwrap()
    };
    let needed = archived
        .iter()
        .rposition(|path| first_seq(path) <= kept[0] + 1)
        .unwrap();
    assert!(needed > 0, "{archived:?} {kept:?}");
    for path in &archived[..needed] {
        fs::remove_file(path).unwrap();
    }
    let (exchange, opened) = open(&house);
    assert_eq!(opened.history, 0);
    caught_up(&exchange).await;
    sums_hold(&exchange, &house, &users()).await;
    let filter = EntryFilter {
        limit: 1_000,
        ..EntryFilter::default()
    };
    let oldest = exchange.ledger(ALICE, filter).await.unwrap().pop().unwrap();
    assert_eq!((oldest.seq, oldest.entry_type), (kept[0], EntryType::Adjustment));
    assert_eq!(
        exchange.orders(ALICE, all).await.unwrap(),
        orders,
        "no list misses an order that the snapshot still has"
    );
    let ended = orders.iter().filter(|order| order.state.is_final()).count();
    let query = format!(
        "SELECT '' || count(*) AS line FROM orders WHERE hex(user_id) = '{:032X}'",
        ALICE.user_id.as_u128()
    );
    assert_eq!(lines(house.path(), &query), [ended.to_string()]);
    trade(&exchange, &users(), 20).await;
    exchange.stop();
    drop(exchange);
    let (exchange, opened) = open(&house);
    assert_eq!(
        opened.history,
        exchange.audit().await.unwrap().seq,
        "and it goes on"
    );
    sums_hold(&exchange, &house, &users()).await;
}

#[tokio::test]
async fn the_archive_keeps_what_history_has_not() {
    let house = House::new();
    let (exchange, _) = house.open_with(|options| {
        options.journal.segment_bytes = 1_024;
        options.snapshot_every = 20;
        options.archive_keep_bytes = Some(0);
    });
    fund(&exchange, &users()).await;
    caught_up(&exchange).await;
    let stuck = Stuck::new(house.path());
    let had = exchange.history_lag().seq;
    let snapshots = Snapshots::new(house.path());
    let newest = || snapshots.list().unwrap().last().copied().unwrap_or(0);
    for round in 0..4 {
        trade(&exchange, &users(), round).await;
        let before = newest();
        until("a snapshot is made", || newest() > before).await;
    }
    let kept_from = |seq| {
        let read = journal::ReadOptions {
            to_seq: None,
            include_archive: true,
        };
        journal::Reader::open(house.path(), seq, read).is_ok()
    };
    assert_eq!(exchange.history_lag().seq, had, "history is stuck");
    assert!(kept_from(had + 1), "it can go on from where it is");
    let oldest = snapshots.list().unwrap()[0];
    assert!(
        oldest <= had || kept_from(1),
        "it has a state to go on from: {oldest}"
    );
    stuck.release();
    caught_up(&exchange).await;
    for round in 4.. {
        trade(&exchange, &users(), round).await;
        let before = newest();
        until("a snapshot is made", || newest() > before).await;
        if !kept_from(had + 1) {
            break;
        }
    }
    sums_hold(&exchange, &house, &users()).await;
    placed(&exchange, ALICE, limit(Side::Buy, 1, 50)).await;
    exchange.stop();
    let seq = exchange.audit().await;
    assert!(seq.is_err(), "it has stopped");
    drop(exchange);
    let (exchange, _) = house.open();
    sums_hold(&exchange, &house, &users()).await;
}
