//! What a start accepts, and what it refuses with a clear word.

use std::fs;
use std::path::{Path, PathBuf};

use domain::{Command, FeeRate, MarketNumber, Side, TransferKind};
use embedded::{Embedded, OpenError};
use exchange::{LogBody, LogEntry};
use journal::{Journal, JournalError, ReadOptions, Reader, Snapshots};
use trading::{Operations, OrderEntry, Queries};

use crate::house::{ALICE, House, fund, limit, market, placed, replayed, whole};

/// The segments of a directory, oldest first.
fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(dir.join("journal"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    names.sort();
    names
}

/// Why a start is refused.
fn refusal(house: &House) -> String {
    match house.try_open(|_| {}) {
        Ok((_, opened)) => panic!("the start must be refused, but found {opened:?}"),
        Err(error) => error.to_string(),
    }
}

/// Writes the log of one house into another, each record as changed; checksums are right again.
fn rewrite(from: &House, to: &House, mut change: impl FnMut(u64, LogEntry) -> LogEntry) {
    let everything = ReadOptions {
        to_seq: None,
        include_archive: true,
    };
    let mut reader = Reader::open(from.path(), 1, everything).unwrap();
    let (mut journal, _) = Journal::open(to.path(), journal::Options::default()).unwrap();
    let mut batch = journal.new_batch();
    while let Some((seq, bytes)) = reader.next_entry().unwrap() {
        let mut changed = Vec::new();
        change(seq, LogEntry::decode(bytes).unwrap())
            .encode(&mut changed)
            .unwrap();
        batch.push(&changed).unwrap();
    }
    journal.append(&batch).unwrap();
}

/// A house with a log of some commands.
async fn with_log(commands: u64) -> House {
    let house = House::new();
    let (exchange, _) = house.open();
    fund(&exchange, &[ALICE]).await;
    for number in 2..commands {
        placed(
            &exchange,
            ALICE,
            limit(Side::Buy, 1 + number % 7, 1 + number as u32 % 90),
        )
        .await;
    }
    drop(exchange);
    house
}

#[tokio::test]
async fn a_directory_in_use_is_refused() {
    let house = House::new();
    let (exchange, _) = house.open();
    let second = house.try_open(|_| {});
    assert!(
        matches!(second, Err(OpenError::Journal(JournalError::Locked { .. }))),
        "{second:?}"
    );
    placed_after_deposit(&exchange).await;
    drop(exchange);
    house.open();
}

async fn placed_after_deposit(exchange: &Embedded) {
    fund(exchange, &[ALICE]).await;
    placed(exchange, ALICE, limit(Side::Buy, 5, 100)).await;
}

#[tokio::test]
async fn damage_in_the_middle_is_refused_by_segment_and_offset() {
    let house = with_log(50).await;
    let segment = segments(house.path()).remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    fs::write(&segment, &bytes).unwrap();
    let told = refusal(&house);
    let name = segment.file_name().unwrap().to_string_lossy().into_owned();
    assert!(
        told.contains("damage") && told.contains(&name) && told.contains("at byte"),
        "{told}"
    );
    assert_eq!(fs::read(&segment).unwrap(), bytes, "nothing was changed");
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_told() {
    let house = with_log(50).await;
    let segment = segments(house.path()).remove(0);
    let bytes = fs::read(&segment).unwrap();
    let whole_log = replayed(house.path()).seq();
    fs::write(&segment, &bytes[..bytes.len() - 3]).unwrap();
    let (exchange, opened) = house.open();
    assert!(opened.torn_tail.is_some());
    assert!(opened.replayed < whole_log);
    let audit = exchange.audit().await.unwrap();
    assert_eq!((audit.seq, audit.faults), (opened.replayed, vec![]));
    assert!(
        exchange.place(ALICE, limit(Side::Buy, 1, 5)).await.is_ok(),
        "and it goes on from there"
    );
}

#[tokio::test]
async fn rules_that_the_program_does_not_contain_are_refused_by_their_version() {
    let house = with_log(20).await;
    let other = House::new();
    rewrite(&house, &other, |seq, entry| LogEntry {
        rules: if seq == 9 { 4_711 } else { entry.rules },
        ..entry
    });
    let told = refusal(&other);
    assert!(told.contains("record 9") && told.contains("4711"), "{told}");
}

#[tokio::test]
async fn a_command_changed_behind_right_checksums_is_caught_by_the_digest() {
    let house = with_log(1_100).await;
    let same = House::new();
    rewrite(&house, &same, |_, entry| entry);
    let (exchange, opened) = same.open();
    assert_eq!(exchange.audit().await.unwrap().seq, opened.replayed);
    let other = House::new();
    rewrite(&house, &other, |seq, mut entry| {
        if let (3, LogBody::Command(Command::Transfer(transfer))) = (seq, &mut entry.body) {
            transfer.amount = whole(2_000_000);
        }
        entry
    });
    let told = refusal(&other);
    assert!(told.contains("record 1001") && told.contains("digest"), "{told}");
}

#[tokio::test]
async fn bytes_that_are_no_record_are_refused() {
    let house = House::new();
    let (mut journal, _) = Journal::open(house.path(), journal::Options::default()).unwrap();
    let mut batch = journal.new_batch();
    batch.push(b"\x01no record of ours").unwrap();
    journal.append(&batch).unwrap();
    drop(journal);
    let told = refusal(&house);
    assert!(told.contains("record 1"), "{told}");
}

#[tokio::test]
async fn a_damaged_snapshot_falls_back_on_the_one_before_it_and_the_archive() {
    let house = House::new();
    let mut audit = None;
    for round in 0..3 {
        let (exchange, _) = house.open_with(|options| options.journal.segment_bytes = 1_024);
        fund(&exchange, &[ALICE]).await;
        for at in 1..20 {
            placed(&exchange, ALICE, limit(Side::Buy, 1, 20 * round + at)).await;
        }
        audit = Some(exchange.audit().await.unwrap());
        exchange.stop();
    }
    let audit = audit.unwrap();
    let kept = Snapshots::new(house.path()).list().unwrap();
    assert_eq!(kept.len(), 2, "the newest, and one to fall back on");
    assert!(fs::read_dir(house.path().join("archive")).unwrap().count() > 0);
    let newest = house
        .path()
        .join(format!("snapshots/snapshot-{:020}.snap", kept[1]));
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, bytes).unwrap();
    let (exchange, opened) = house.open();
    assert_eq!(
        (opened.snapshot, opened.replayed),
        (Some(kept[0]), kept[1] - kept[0])
    );
    assert_eq!(opened.skipped.len(), 1);
    assert_eq!(exchange.audit().await.unwrap(), audit);
    drop(exchange);
    fs::remove_dir_all(house.path().join("snapshots")).unwrap();
    let (exchange, opened) = house.open();
    assert_eq!(
        (opened.snapshot, opened.replayed),
        (None, audit.seq),
        "without any, the whole log is replayed"
    );
    assert_eq!(exchange.audit().await.unwrap(), audit);
    drop(exchange);
    fs::remove_dir_all(house.path().join("archive")).unwrap();
    let told = refusal(&house);
    assert!(told.contains("not kept"), "{told}");
}

#[tokio::test]
async fn markets_are_defined_from_their_definitions_and_changed_by_commands() {
    let house = House::new();
    let open = |definitions| Embedded::open(house.options(), definitions);
    let (exchange, _) = open(vec![market("BTC/USDT"), market("ETH/USDT")]).unwrap();
    let numbers = |exchange: &Embedded| -> Vec<(String, u32)> {
        let markets = exchange.markets();
        markets
            .all()
            .iter()
            .map(|v| (v.market.symbol().to_string(), v.market.number().0))
            .collect()
    };
    assert_eq!(
        numbers(&exchange),
        [("BTC/USDT".to_owned(), 1), ("ETH/USDT".to_owned(), 2)]
    );
    let seq = exchange.audit().await.unwrap().seq;
    drop(exchange);

    // Another order, a new market, a changed fee, and one that is not named any more.
    let mut dearer = market("ETH/USDT");
    dearer.taker_fee = FeeRate(300_000);
    let (exchange, _) = open(vec![market("XRP/USDT"), dearer.clone()]).unwrap();
    let expected = [
        ("BTC/USDT".to_owned(), 1),
        ("ETH/USDT".to_owned(), 2),
        ("XRP/USDT".to_owned(), 3),
    ];
    assert_eq!(numbers(&exchange), expected);
    let markets = exchange.markets();
    let eth = markets.by_number(MarketNumber(2)).unwrap();
    assert_eq!(eth.market.definition().taker_fee, FeeRate(300_000));
    assert_eq!(exchange.audit().await.unwrap().seq, seq + 2, "one command each");
    exchange.stop();
    drop(exchange);

    let (exchange, opened) = open(vec![dearer]).unwrap();
    assert_eq!(opened.replayed, 0);
    assert_eq!(
        exchange.audit().await.unwrap().seq,
        seq + 2,
        "nothing changed, nothing logged"
    );
    drop(exchange);

    let mut other_tick = market("BTC/USDT");
    other_tick.tick = whole(2);
    let told = open(vec![other_tick]).unwrap_err().to_string();
    assert!(
        told.contains("BTC/USDT") && told.contains("tick") && told.contains("never change"),
        "{told}"
    );
    let mut no_lot = market("LTC/USDT");
    no_lot.lot = whole(0);
    let told = open(vec![no_lot]).unwrap_err().to_string();
    assert!(told.contains("LTC/USDT") && told.contains("lot"), "{told}");
    let twice = open(vec![market("LTC/USDT"), market("LTC/USDT")])
        .unwrap_err()
        .to_string();
    assert!(twice.contains("LTC/USDT"), "{twice}");
    let (exchange, _) = open(vec![market("BTC/USDT")]).unwrap();
    assert_eq!(
        numbers(&exchange)[..3],
        expected,
        "refused starts leave it as it was"
    );
}

#[tokio::test]
async fn a_transfer_key_stands_for_ever_also_over_starts() {
    let house = House::new();
    let usdt: domain::Asset = "USDT".parse().unwrap();
    let deposit = |amount| ("once".parse().unwrap(), ALICE.user_id, usdt, whole(amount));
    let mut first = None;
    for with_snapshot in [false, true, false] {
        let (exchange, _) = house.open();
        let (key, user_id, asset, amount) = deposit(7);
        let receipt = exchange
            .transfer(TransferKind::Deposit, key, user_id, asset, amount)
            .await
            .unwrap();
        assert_eq!(*first.get_or_insert(receipt.clone()), receipt, "the first answer");
        let (key, user_id, asset, amount) = deposit(8);
        let other = exchange
            .transfer(TransferKind::Deposit, key, user_id, asset, amount)
            .await;
        assert_eq!(other, Err(trading::EntryError::TransferKeyConflict));
        assert_eq!(exchange.balances(ALICE).await.unwrap()[0].available, whole(7));
        house
            .clock
            .advance(std::time::Duration::from_secs(400 * 24 * 3_600));
        if with_snapshot {
            exchange.stop();
        }
    }
}

#[tokio::test]
async fn what_an_operator_changed_after_the_settings_were_read_again_stays_too() {
    let house = House::new();
    let open = |definitions| Embedded::open(house.options(), definitions).unwrap().0;
    let with_fee = |symbol, fee| domain::MarketDefinition {
        taker_fee: FeeRate(fee),
        ..market(symbol)
    };
    let fee = |exchange: &Embedded, number| {
        let markets = exchange.markets();
        markets
            .by_number(MarketNumber(number))
            .unwrap()
            .market
            .definition()
            .taker_fee
    };
    let exchange = open(vec![with_fee("BTC/USDT", 100_000)]);
    let reread = [with_fee("BTC/USDT", 200_000), with_fee("ETH/USDT", 200_000)];
    for (number, definition) in (1..).zip(&reread) {
        let mut definition = definition.clone();
        definition.number = MarketNumber(number);
        exchange.define_as_said(definition.clone()).await.unwrap();
        definition.taker_fee = FeeRate(300_000);
        exchange.define_market(definition).await.unwrap();
    }
    drop(exchange);
    let exchange = open(reread.to_vec());
    for number in [1, 2] {
        assert_eq!(
            fee(&exchange, number),
            FeeRate(300_000),
            "the settings say nothing new"
        );
    }
}

#[tokio::test]
async fn what_an_operator_changed_stays_until_the_settings_say_something_new() {
    let house = House::new();
    let open = |definition| Embedded::open(house.options(), vec![definition]).unwrap().0;
    let fee = |exchange: &Embedded| {
        let markets = exchange.markets();
        markets
            .by_number(MarketNumber(1))
            .unwrap()
            .market
            .definition()
            .taker_fee
    };
    let mut settings = market("BTC/USDT");
    settings.taker_fee = FeeRate(100_000);
    let exchange = open(settings.clone());
    let mut operator = settings.clone();
    operator.number = MarketNumber(1);
    operator.taker_fee = FeeRate(200_000);
    exchange.define_market(operator).await.unwrap();
    drop(exchange);

    let exchange = open(settings.clone());
    assert_eq!(
        fee(&exchange),
        FeeRate(200_000),
        "the same settings say nothing new"
    );
    drop(exchange);

    settings.taker_fee = FeeRate(300_000);
    let exchange = open(settings.clone());
    assert_eq!(fee(&exchange), FeeRate(300_000), "changed settings win");
    drop(exchange);

    fs::write(house.path().join("markets.json"), "not ours").unwrap();
    assert_eq!(
        fee(&open(settings)),
        FeeRate(300_000),
        "a file that says nothing changes nothing"
    );
}
