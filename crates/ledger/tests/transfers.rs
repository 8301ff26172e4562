//! Deposits and withdrawals: once per key, never more than there is, never past the largest amount.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod stage;

use domain::TransferKind::{Deposit, Withdrawal};
use domain::{Amount, Stamp, Transfer};
use ledger::{AccountRef, Balance, EntryType, Receipt, TransferAnswer, TransferRefusal};
use stage::{ALICE, BOB, Stage, amount, asset, reserve, transfer};

fn receipt(available: &str, version: u64) -> Receipt {
    Receipt {
        balance: Balance {
            available: amount(available),
            reserved: Amount::ZERO,
            version,
        },
        at: Stamp::from_micros(5),
    }
}

#[test]
fn money_comes_in_and_goes_out_against_the_external_account() {
    let mut stage = Stage::new();
    let came = transfer(Deposit, "a", ALICE, "USDT", amount("100"));
    assert_eq!(stage.transfer(&came), TransferAnswer::Done(receipt("100", 1)));
    assert_eq!(stage.ledger.external(asset("USDT")), -10_000_000_000);
    assert_eq!(stage.postings[0].account, AccountRef::External);
    assert_eq!(stage.postings[1].entry, EntryType::Deposit);

    let went = transfer(Withdrawal, "b", ALICE, "USDT", amount("40"));
    assert_eq!(stage.transfer(&went), TransferAnswer::Done(receipt("60", 2)));
    assert_eq!(stage.ledger.external(asset("USDT")), -6_000_000_000);
    assert_eq!(stage.postings[1].entry, EntryType::Withdrawal);
}

#[test]
fn the_same_key_gives_the_first_answer_and_moves_nothing() {
    let mut stage = Stage::new();
    let first = transfer(Deposit, "a", ALICE, "USDT", amount("100"));
    let answer = stage.transfer(&first);
    stage.fund(ALICE, "USDT", "1");
    let later = Stamp::from_micros(77);
    let repeat = stage.step(|ledger, to| ledger.transfer(&first, later, to));
    assert_eq!(answer, TransferAnswer::Done(receipt("100", 1)));
    assert_eq!(repeat, TransferAnswer::Repeated(receipt("100", 1)));
    assert!(stage.postings.is_empty());
    stage.assert_has(ALICE, "USDT", "101", "0");
}

#[test]
fn the_same_key_with_another_body_is_a_conflict() {
    let mut stage = Stage::new();
    let first = transfer(Deposit, "a", ALICE, "USDT", amount("100"));
    stage.transfer(&first);
    for other in [
        Transfer {
            kind: Withdrawal,
            ..first.clone()
        },
        Transfer {
            user_id: BOB,
            ..first.clone()
        },
        Transfer {
            asset: asset("BTC"),
            ..first.clone()
        },
        Transfer {
            amount: amount("99"),
            ..first.clone()
        },
    ] {
        assert_eq!(stage.transfer(&other), TransferAnswer::KeyConflict, "{other:?}");
        assert!(stage.postings.is_empty());
    }
    stage.assert_has(ALICE, "USDT", "100", "0");
}

#[test]
fn a_withdrawal_takes_only_what_is_available() {
    let mut stage = Stage::new();
    let lacking = |units: &str| {
        TransferAnswer::Refused(TransferRefusal::InsufficientBalance {
            available: amount(units),
        })
    };
    let withdraw = |key: &str, units: &str| transfer(Withdrawal, key, ALICE, "USDT", amount(units));
    assert_eq!(stage.transfer(&withdraw("w1", "100")), lacking("0"));
    stage.fund(ALICE, "USDT", "100");
    stage.reserve(&reserve(1, ALICE, "USDT", "BTC", "30")).unwrap();
    assert_eq!(stage.transfer(&withdraw("w2", "100")), lacking("70"));
    assert!(matches!(
        stage.transfer(&withdraw("w3", "70")),
        TransferAnswer::Done(_)
    ));
    stage.assert_has(ALICE, "USDT", "0", "30");
}

#[test]
fn a_refusal_is_remembered_under_its_key_as_any_answer_is() {
    let mut stage = Stage::new();
    let refused = transfer(Withdrawal, "w", ALICE, "USDT", amount("100"));
    let answer = stage.transfer(&refused);
    assert!(matches!(answer, TransferAnswer::Refused(_)));
    stage.fund(ALICE, "USDT", "100");
    assert_eq!(
        stage.transfer(&refused),
        answer,
        "who was told no never finds it done"
    );
    let other = Transfer {
        amount: amount("70"),
        ..refused
    };
    assert_eq!(stage.transfer(&other), TransferAnswer::KeyConflict);
    stage.assert_has(ALICE, "USDT", "100", "0");
}

#[test]
fn nothing_is_not_transferred() {
    let mut stage = Stage::new();
    for kind in [Deposit, Withdrawal] {
        let nothing = transfer(kind, "n", ALICE, "USDT", Amount::ZERO);
        assert_eq!(stage.transfer(&nothing), TransferAnswer::Nothing);
    }
    assert_eq!(stage.ledger.snapshot(), ledger::LedgerSnapshot::default());
}

#[test]
fn all_money_of_an_asset_together_stays_within_the_largest_amount() {
    let mut stage = Stage::new();
    let deposit = |key: &str, user, units| transfer(Deposit, key, user, "USDT", units);
    for units in [Amount(1 << 63), Amount(u64::MAX)] {
        assert_eq!(
            stage.transfer(&deposit(&format!("x{units}"), ALICE, units)),
            TransferAnswer::Refused(TransferRefusal::TooLarge)
        );
    }
    stage.fund(ALICE, "USDT", &Amount::MAX.to_string());
    for (key, user) in [("y1", ALICE), ("y2", BOB)] {
        assert_eq!(
            stage.transfer(&deposit(key, user, Amount(1))),
            TransferAnswer::Refused(TransferRefusal::TooLarge)
        );
    }
    assert_eq!(stage.ledger.balance(BOB, asset("USDT")), None);
    // What went out makes room again, and other assets have their own.
    stage.transfer(&transfer(Withdrawal, "z", ALICE, "USDT", Amount(1)));
    assert!(matches!(
        stage.transfer(&deposit("y3", BOB, Amount(1))),
        TransferAnswer::Done(_)
    ));
    stage.fund(ALICE, "BTC", &Amount::MAX.to_string());
}

#[test]
fn a_user_may_have_any_number_of_assets() {
    let mut stage = Stage::new();
    let codes: Vec<String> = (0..40).map(|number| format!("A{:02}", number * 7 % 40)).collect();
    for (code, units) in codes.iter().zip(1u64..) {
        stage.fund(ALICE, code, &Amount(units).to_string());
    }
    let mut expected: Vec<_> = codes
        .iter()
        .map(|code| asset(code))
        .zip((1..).map(Amount))
        .collect();
    expected.sort();
    let balances = stage.ledger.balances(ALICE);
    let found: Vec<_> = balances
        .iter()
        .map(|(asset, balance)| (*asset, balance.available))
        .collect();
    assert_eq!(found, expected);
    for (asset, units) in expected {
        assert_eq!(stage.ledger.balance(ALICE, asset).unwrap().available, units);
    }
    assert_eq!(stage.ledger.balance(ALICE, asset("A40")), None);
    let slot = stage
        .reserve(&reserve(1, ALICE, "A39", "A00", "0.00000001"))
        .unwrap();
    assert_eq!(stage.ledger.reserved(slot), Amount(1));
}
