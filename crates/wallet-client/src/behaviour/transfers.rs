//! Deposits and withdrawals under their callers' keys.

use domain::{Amount, Transfer, TransferKind, TransferReceipt};

use super::stage::{Stage, amount, together};
use crate::{Instruction, TransferRefused, Wallet};

async fn transfer(stage: &Stage<'_>, transfer: &Transfer) -> Result<TransferReceipt, TransferRefused> {
    let answer = stage.wallet.transfer(transfer.clone()).await;
    answer.expect("the wallet answers")
}

pub(super) async fn a_deposit_is_done_once_per_key_for_ever(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.user();
    let deposit = stage.transfer(TransferKind::Deposit, alice, stage.quote, "100.00000001");
    let first = transfer(&stage, &deposit).await.expect("a deposit is done");
    let expected = TransferReceipt {
        key: deposit.key.clone(),
        kind: TransferKind::Deposit,
        user_id: alice,
        asset: stage.quote,
        amount: deposit.amount,
        available: deposit.amount,
        at: first.at,
    };
    assert_eq!(first, expected);
    stage.fund(alice, stage.quote, "1").await;
    let again = together((0..4).map(|_| transfer(&stage, &deposit))).await;
    assert!(
        again.iter().all(|answer| answer.as_ref() == Ok(&first)),
        "{again:?}"
    );
    stage.assert_has(alice, stage.quote, "101.00000001", "0").await;
    let anew = stage.transfer(TransferKind::Deposit, alice, stage.base, "7");
    let answers = together((0..4).map(|_| transfer(&stage, &anew))).await;
    assert!(
        answers
            .iter()
            .all(|answer| *answer == answers[0] && answer.is_ok()),
        "{answers:?}"
    );
    stage.assert_has(alice, stage.base, "7", "0").await;
}

pub(super) async fn a_key_stands_for_one_transfer(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.user();
    let deposit = stage.transfer(TransferKind::Deposit, alice, stage.quote, "100");
    transfer(&stage, &deposit).await.expect("a deposit is done");
    let others = [
        Transfer {
            amount: amount("101"),
            ..deposit.clone()
        },
        Transfer {
            asset: stage.base,
            ..deposit.clone()
        },
        Transfer {
            user_id: stage.user(),
            ..deposit.clone()
        },
        Transfer {
            kind: TransferKind::Withdrawal,
            ..deposit.clone()
        },
    ];
    for other in others {
        assert_eq!(
            transfer(&stage, &other).await,
            Err(TransferRefused::KeyConflict),
            "{other:?}"
        );
    }
    stage.assert_has(alice, stage.quote, "100", "0").await;
}

pub(super) async fn a_withdrawal_takes_only_what_is_available_and_its_refusal_stays(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "100").await;
    stage
        .done(Instruction::Reserve(stage.reserve(alice, stage.quote, "60")))
        .await;
    let too_much = stage.transfer(TransferKind::Withdrawal, alice, stage.quote, "40.00000001");
    assert_eq!(
        transfer(&stage, &too_much).await,
        Err(TransferRefused::InsufficientBalance)
    );
    let whole = stage.transfer(TransferKind::Withdrawal, alice, stage.quote, "40");
    let receipt = transfer(&stage, &whole).await.expect("it is covered");
    assert_eq!(receipt.available, Amount::ZERO);
    stage.assert_has(alice, stage.quote, "0", "60").await;
    stage.fund(alice, stage.quote, "100").await;
    assert_eq!(
        transfer(&stage, &too_much).await,
        Err(TransferRefused::InsufficientBalance)
    );
    assert_eq!(transfer(&stage, &whole).await, Ok(receipt));
    stage.assert_has(alice, stage.quote, "100", "60").await;
    let stranger = stage.transfer(TransferKind::Withdrawal, stage.user(), stage.quote, "1");
    assert_eq!(
        transfer(&stage, &stranger).await,
        Err(TransferRefused::InsufficientBalance)
    );
}

pub(super) async fn nothing_can_be_neither_deposited_nor_withdrawn(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "1").await;
    for kind in [TransferKind::Deposit, TransferKind::Withdrawal] {
        let nothing = stage.transfer(kind, alice, stage.quote, "0");
        assert_eq!(
            transfer(&stage, &nothing).await,
            Err(TransferRefused::Nothing),
            "{kind:?}"
        );
    }
    stage.assert_has(alice, stage.quote, "1", "0").await;
}

pub(super) async fn a_balance_that_would_become_too_large_is_refused(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let most = Amount::MAX.to_string();
    let alice = stage.funded(stage.quote, &most).await;
    let more = stage.transfer(TransferKind::Deposit, alice, stage.quote, "0.00000001");
    assert_eq!(transfer(&stage, &more).await, Err(TransferRefused::TooLarge));
    stage.assert_has(alice, stage.quote, &most, "0").await;
    let whole = stage.transfer(TransferKind::Withdrawal, alice, stage.quote, &most);
    transfer(&stage, &whole).await.expect("it is covered");
    assert_eq!(
        transfer(&stage, &more).await,
        Err(TransferRefused::TooLarge),
        "its refusal stays"
    );
    stage.assert_has(alice, stage.quote, "0", "0").await;
}
