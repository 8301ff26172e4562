//! Snapshots: what is restored is the same ledger, and what does not fit together is refused.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod stage;

use domain::{Amount, RequestId, Reserve};
use ledger::{Ledger, LedgerFault, LedgerSnapshot};
use stage::{ALICE, BOB, Stage, amount, asset, order, release, reserve};

fn busy() -> Stage {
    let mut stage = Stage::new();
    stage.fund(BOB, "BTC", "3");
    stage.fund(ALICE, "USDT", "100");
    stage.fund(ALICE, "ETH", "5");
    stage.reserve(&reserve(9, ALICE, "USDT", "BTC", "40")).unwrap();
    stage.reserve(&reserve(2, BOB, "BTC", "USDT", "1")).unwrap();
    let more = Reserve {
        request_id: Some(RequestId::from_u128(1)),
        ..reserve(2, BOB, "BTC", "USDT", "0.5")
    };
    stage.reserve(&more).unwrap();
    stage
}

#[test]
fn a_snapshot_is_in_order_and_survives_its_encoding() {
    let snapshot = busy().ledger.snapshot();
    let codes: Vec<&str> = snapshot
        .assets
        .iter()
        .map(|record| record.asset.as_str())
        .collect();
    assert_eq!(codes, ["BTC", "ETH", "USDT"]);
    let owners: Vec<_> = snapshot.accounts.iter().map(|record| record.user_id).collect();
    assert_eq!(owners, [ALICE, ALICE, BOB]);
    let orders: Vec<_> = snapshot
        .reservations
        .iter()
        .map(|record| (record.order_id, record.request_id.is_some()))
        .collect();
    assert_eq!(orders, [(order(2), false), (order(2), true), (order(9), false)]);

    let bytes = postcard::to_allocvec(&snapshot).unwrap();
    let read: LedgerSnapshot = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(read, snapshot);
}

#[test]
fn a_restored_ledger_is_the_same_whatever_its_hash_seed() {
    let snapshot = busy().ledger.snapshot();
    for seed in [0, 1, u64::MAX] {
        let (restored, handles) = Ledger::restore(snapshot.clone(), seed).unwrap();
        assert_eq!(restored.snapshot(), snapshot);
        let named: Vec<_> = handles
            .iter()
            .map(|handle| (handle.order_id, handle.request_id))
            .collect();
        let recorded: Vec<_> = snapshot
            .reservations
            .iter()
            .map(|record| (record.order_id, record.request_id))
            .collect();
        assert_eq!(named, recorded);
        for (handle, record) in handles.iter().zip(&snapshot.reservations) {
            assert_eq!(restored.reserved(handle.slot), record.amount);
        }
    }
}

#[test]
fn a_snapshot_that_does_not_fit_together_is_refused() {
    type Damage = fn(&mut LedgerSnapshot);
    let bad = |records, index| LedgerFault::BadSnapshot { records, index };
    let cases: [(&str, Damage, LedgerFault); 11] = [
        ("assets out of order", |s| s.assets.swap(0, 1), bad("assets", 1)),
        (
            "an account twice",
            |s| s.accounts.insert(0, s.accounts[0]),
            bad("accounts", 1),
        ),
        (
            "an account of no asset",
            |s| s.assets.retain(|record| record.asset != asset("ETH")),
            bad("accounts", 0),
        ),
        (
            "a reservation twice",
            |s| s.reservations.push(s.reservations[2]),
            bad("reservations", 3),
        ),
        (
            "a reservation of no account",
            |s| s.accounts.truncate(2),
            bad("reservations", 0),
        ),
        (
            "an order that pays with what it buys",
            |s| s.reservations[0].receives = asset("BTC"),
            bad("reservations", 0),
        ),
        (
            "a transfer twice",
            |s| s.transfers.push(s.transfers[0].clone()),
            bad("transfers", 3),
        ),
        (
            "money from nowhere",
            |s| s.assets[2].fees.0 += 1,
            LedgerFault::Unbalanced {
                asset: asset("USDT"),
                sum: 1,
            },
        ),
        (
            "more held than reserved",
            |s| s.reservations[2].amount.0 += 1,
            LedgerFault::ReservedMismatch {
                user_id: ALICE,
                asset: asset("USDT"),
                reserved: amount("40"),
                held: 4_000_000_001,
            },
        ),
        (
            "less held than reserved",
            |s| s.reservations[2].amount.0 -= 1,
            LedgerFault::ReservedMismatch {
                user_id: ALICE,
                asset: asset("USDT"),
                reserved: amount("40"),
                held: 3_999_999_999,
            },
        ),
        (
            "an account too large",
            |s| s.accounts[0].balance.available = Amount(1 << 63),
            LedgerFault::AccountTooLarge { asset: asset("ETH") },
        ),
    ];
    for (name, damage, fault) in cases {
        let mut snapshot = busy().ledger.snapshot();
        damage(&mut snapshot);
        assert_eq!(Ledger::restore(snapshot, 1).map(|_| ()), Err(fault), "{name}");
    }
}

#[test]
fn a_ledger_of_some_accounts_applies_what_touches_them() {
    let mut part = busy().ledger.snapshot();
    part.accounts.retain(|record| record.user_id == ALICE);
    part.reservations.retain(|record| record.user_id == ALICE);
    part.transfers.clear();
    let (mut some, handles) = Ledger::load(part.clone(), 1).unwrap();
    some.release(&release(9, ALICE, "USDT", "40", true), handles[0].slot, &mut ())
        .unwrap();
    let balance = some.balance(ALICE, asset("USDT")).unwrap();
    assert_eq!(
        (balance.available, balance.reserved),
        (amount("100"), Amount::ZERO)
    );
    assert!(Ledger::restore(part, 1).is_err());
}
