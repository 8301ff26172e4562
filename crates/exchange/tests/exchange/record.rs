//! The log's records and the snapshots as bytes: what is not one of ours is refused, never guessed.

use domain::{Amount, Command, Stamp, Transfer, TransferKind, UserId};
use engine::RULES_VERSION;
use exchange::{DIGEST_EVERY, Exchange, LogBody, LogEntry, LogError, Output, SnapshotError};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::moves::any_move;
use crate::properties::{config, play};

fn deposit(user: u128, key: &str, amount: u64) -> Command {
    Command::Transfer(Transfer {
        kind: TransferKind::Deposit,
        key: key.parse().unwrap(),
        user_id: UserId::from_u128(user),
        asset: "USD".parse().unwrap(),
        amount: Amount(amount),
    })
}

/// The digest that stands in the log after these commands and as many ticks as are needed.
fn digest_after(commands: &[Command]) -> u128 {
    let mut exchange = Exchange::new(1);
    let ticks = std::iter::repeat_n(&Command::Tick, DIGEST_EVERY as usize - commands.len());
    for command in commands.iter().chain(ticks) {
        exchange.apply(Stamp::FIRST, command, &mut Output::default());
    }
    match exchange.digest_due() {
        Some(LogBody::Digest(digest)) => digest,
        other => panic!("a digest is due after {DIGEST_EVERY} commands, not {other:?}"),
    }
}

#[test]
fn the_digest_tells_transfers_apart() {
    let first = digest_after(&[deposit(1, "a", 5)]);
    assert_eq!(first, digest_after(&[deposit(1, "a", 5)]));
    let withdrawal = |amount| {
        let Command::Transfer(mut transfer) = deposit(1, "b", amount) else {
            panic!()
        };
        transfer.kind = TransferKind::Withdrawal;
        Command::Transfer(transfer)
    };
    let mut asset = deposit(1, "a", 5);
    if let Command::Transfer(transfer) = &mut asset {
        transfer.asset = "EUR".parse().unwrap();
    }
    for (what, other) in [
        ("user", vec![deposit(2, "a", 5)]),
        ("key", vec![deposit(1, "b", 5)]),
        ("amount", vec![deposit(1, "a", 6)]),
        ("asset", vec![asset]),
        ("more", vec![deposit(1, "a", 5), deposit(1, "b", 5)]),
        ("withdrawal", vec![deposit(1, "a", 5), withdrawal(1)]),
    ] {
        assert_ne!(first, digest_after(&other), "another {what} gives another digest");
    }
}

#[test]
fn no_digest_is_due_before_its_turn() {
    let mut exchange = Exchange::new(1);
    for _ in 1..DIGEST_EVERY {
        exchange.apply(Stamp::FIRST, &Command::Tick, &mut Output::default());
        assert_eq!(exchange.digest_due(), None);
    }
    exchange.apply(Stamp::FIRST, &Command::Tick, &mut Output::default());
    assert!(exchange.digest_due().is_some());
    assert_eq!(exchange.digest_due(), None, "it is told once");
    assert_eq!(
        exchange.seq(),
        u64::from(DIGEST_EVERY) + 1,
        "the digest is a record of its own"
    );
}

#[test]
fn a_record_survives_its_bytes_and_nothing_else_is_a_record() {
    let body = LogBody::Command(deposit(1, "a", 5));
    let entry = LogEntry {
        rules: RULES_VERSION,
        at: Stamp::from_micros(5),
        body,
    };
    let mut bytes = Vec::new();
    entry.encode(&mut bytes).unwrap();
    assert_eq!(LogEntry::decode(&bytes), Ok(entry));
    assert!(matches!(LogEntry::decode(&[]), Err(LogError::Malformed(_))));
    assert_eq!(LogEntry::decode(&[9, 1, 2]), Err(LogError::UnknownFormat(9)));
    for end in 1..bytes.len() {
        let cut = LogEntry::decode(&bytes[..end]);
        assert!(
            matches!(cut, Err(LogError::Malformed(_))),
            "cut at {end}: {cut:?}"
        );
    }
    bytes.push(0);
    let long = LogEntry::decode(&bytes);
    assert!(
        matches!(long, Err(LogError::Malformed(_))),
        "a byte too many: {long:?}"
    );
}

/// An exchange with a bit of everything in it.
fn filled() -> Exchange {
    let mut runner = TestRunner::new(config(1));
    let sessions = proptest::collection::vec(any_move(), 120..121);
    play(&sessions.new_tree(&mut runner).unwrap().current(), 200).exchange
}

#[test]
fn a_snapshot_is_whole_or_refused() {
    let bytes = filled().snapshot().unwrap();
    assert!(Exchange::restore(&bytes, 1).is_ok());
    assert!(matches!(
        Exchange::restore(&[], 1),
        Err(SnapshotError::Malformed(_))
    ));
    assert!(matches!(
        Exchange::restore(&[7, 7], 1),
        Err(SnapshotError::UnknownFormat(7))
    ));
    for end in 1..bytes.len() {
        assert!(Exchange::restore(&bytes[..end], 1).is_err(), "cut at {end}");
    }
    let long: Vec<u8> = bytes.iter().copied().chain([0]).collect();
    assert!(Exchange::restore(&long, 1).is_err(), "a byte too many");
    let mut newer = bytes;
    newer[1] += 1;
    let rules = RULES_VERSION + 1;
    let refused = Exchange::restore(&newer, 1).map(|_| ());
    assert_eq!(
        refused,
        Err(SnapshotError::UnknownRules {
            found: rules,
            ours: RULES_VERSION
        })
    );
}

#[test]
fn a_damaged_snapshot_is_refused_or_gives_an_exchange_that_holds() {
    let bytes = filled().snapshot().unwrap();
    let mut refused = 0;
    for place in 0..bytes.len() {
        for flip in [1, 0x80] {
            let mut damaged = bytes.clone();
            damaged[place] ^= flip;
            match Exchange::restore(&damaged, 1) {
                Err(_) => refused += 1,
                Ok(exchange) => assert_eq!(exchange.check(), Ok(()), "byte {place} ^ {flip}"),
            }
        }
    }
    assert!(refused > 0);
}
