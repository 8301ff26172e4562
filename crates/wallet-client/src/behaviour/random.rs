//! Random instructions to the wallet and to a fresh ledger in memory: both give the same answers.

use std::collections::{BTreeMap, HashMap};

use domain::{LedgerEntry, Transfer, TransferKind};
use runtime::{Clock, ManualClock};

use super::script::Script;
use super::stage::{Stage, amount, shown};
use crate::{Answer, EntryPage, Instruction, LedgerWallet, Refused, UserBalance, Wallet};

/// Instructions of one run.
const STEPS: usize = 600;
/// The most instructions of one call.
const CALL: u64 = 30;

pub(super) async fn random_instructions_are_answered_as_a_fresh_ledger_answers_them(wallet: &dyn Wallet) {
    for seed in 1..=3 {
        seeded_run(wallet, seed, STEPS).await;
    }
}

/// Gives so many random instructions, and transfers between them, to the wallet and to a fresh [`LedgerWallet`]; the same
/// seed makes up the same ones, for users and assets that are new each time.
///
/// Returns how often what was answered in which way, so that a test can ask whether the run met the rare ways.
///
/// # Panics
/// At the first answer that differs. What was asked, and the seed, stand in the message.
pub async fn seeded_run(wallet: &dyn Wallet, seed: u64, steps: usize) -> BTreeMap<String, usize> {
    let stage = Stage::open(wallet);
    let reference = LedgerWallet::new(Clock::from(ManualClock::at(1_700_000_000_000_000)));
    let mut run = Run {
        script: Script::new(&stage, seed),
        seed,
        reference: &reference,
        wallet,
        answered: HashMap::new(),
        transfers: Vec::new(),
        met: BTreeMap::new(),
    };
    run.fund(&stage).await;
    let mut done = 0;
    while done < steps {
        done += run.call().await;
        if run.script.dice().percent(30) {
            run.transfer(&stage).await;
        }
    }
    run.compare_what_is_left().await;
    assert_eq!(reference.check(), Ok(()), "seed {seed}");
    run.met
}

struct Run<'a> {
    script: Script<'a>,
    seed: u64,
    reference: &'a LedgerWallet,
    wallet: &'a dyn Wallet,
    /// What the wallet answered to each instruction at first.
    answered: HashMap<String, Result<Answer, Refused>>,
    transfers: Vec<Transfer>,
    met: BTreeMap<String, usize>,
}

impl Run<'_> {
    async fn fund(&mut self, stage: &Stage<'_>) {
        let people = self.script.people.clone();
        for person in people {
            for asset in self.script.assets {
                let deposit = stage.transfer(TransferKind::Deposit, person.id, asset, "0.03");
                self.transfer_both(deposit).await;
            }
        }
    }

    /// One call with some instructions; how many there were.
    async fn call(&mut self) -> usize {
        let seed = self.seed;
        let mut call: Vec<Instruction> = Vec::new();
        let mut expected: Vec<Result<Answer, Refused>> = Vec::new();
        for _ in 0..=self.script.dice().below(CALL) {
            let instruction = self.script.next(self.reference);
            let answers = self.reference.instruct(0, vec![instruction.clone()]).await;
            let answer = answers.expect("the reference answers").remove(0);
            if let (Instruction::Reserve(reserve), Ok(_)) = (&instruction, &answer) {
                self.script.granted(reserve);
            }
            call.push(instruction);
            expected.push(answer);
        }
        let answers = self
            .wallet
            .instruct(0, call.clone())
            .await
            .expect("the wallet answers");
        assert_eq!(answers.len(), call.len(), "seed {seed}");
        for ((instruction, expected), answer) in call.iter().zip(&expected).zip(answers) {
            let (is, should) = (told(&answer), told(expected));
            assert_eq!(is, should, "seed {seed}: {instruction:?}: {answer:?}");
            *self.met.entry(way(instruction, &answer)).or_default() += 1;
            // A conflict is no answer of the key's.
            if answer != Err(Refused::KeyConflict) {
                let first = self
                    .answered
                    .entry(format!("{instruction:?}"))
                    .or_insert_with(|| answer.clone());
                assert_eq!(answer, *first, "seed {seed}: the first answer to {instruction:?}");
            }
        }
        call.len()
    }

    /// A deposit or withdrawal, at times one that was there before.
    async fn transfer(&mut self, stage: &Stage<'_>) {
        let dice = self.script.dice();
        let before = dice.pick(&self.transfers).filter(|_| dice.percent(25)).cloned();
        let transfer = before.unwrap_or_else(|| {
            let kind = if dice.percent(50) {
                TransferKind::Deposit
            } else {
                TransferKind::Withdrawal
            };
            let person = dice.pick(&self.script.people).expect("there are people").id;
            let asset = *dice.pick(&self.script.assets).expect("there are assets");
            Transfer {
                amount: amount(if dice.percent(20) { "1" } else { "0.001" }),
                ..stage.transfer(kind, person, asset, "1")
            }
        });
        self.transfer_both(transfer).await;
    }

    async fn transfer_both(&mut self, transfer: Transfer) {
        let is = self
            .wallet
            .transfer(transfer.clone())
            .await
            .expect("the wallet answers");
        let should = self.reference.transfer(transfer.clone()).await;
        let should = should.expect("the reference answers");
        let seed = self.seed;
        assert_eq!(
            is.map(|receipt| receipt.available),
            should.map(|receipt| receipt.available),
            "seed {seed}: {transfer:?}"
        );
        self.transfers.push(transfer);
    }

    /// All balances and all lines.
    async fn compare_what_is_left(&self) {
        let seed = self.seed;
        let users: Vec<_> = self.script.people.iter().map(|person| person.id).collect();
        let balances = async |wallet: &dyn Wallet| -> Vec<String> {
            let balances = wallet.balances(users.clone()).await.expect("the wallet answers");
            balances.iter().map(of_balance).collect()
        };
        assert_eq!(
            balances(self.wallet).await,
            balances(self.reference).await,
            "seed {seed}"
        );
        for user_id in &users {
            let page = EntryPage {
                user_id: *user_id,
                asset: None,
                before: None,
                limit: 1_000,
            };
            let lines = async |wallet: &dyn Wallet| -> Vec<String> {
                let lines = wallet.ledger(page).await.expect("the wallet answers");
                lines.iter().map(of_line).collect()
            };
            assert_eq!(
                lines(self.wallet).await,
                lines(self.reference).await,
                "seed {seed}"
            );
        }
    }
}

/// In which way an instruction was answered.
fn way(instruction: &Instruction, answer: &Result<Answer, Refused>) -> String {
    let what = match instruction {
        Instruction::Reserve(reserve) if reserve.request_id.is_some() => "reserve for an amendment",
        Instruction::Reserve(_) => "reserve",
        Instruction::Release(release) if release.number == 0 => "plain release",
        Instruction::Release(_) => "release",
        Instruction::Settle(settle) if settle.buyer.order_id.is_none() => "settle without orders",
        Instruction::Settle(_) => "settle",
        Instruction::Merge(_) => "merge",
    };
    let how = match answer {
        Ok(answer) if answer.entry_ids.is_empty() => "nothing to do",
        Ok(_) => "done",
        Err(Refused::InsufficientBalance { .. }) => "not covered",
        Err(Refused::InvalidReleaseAmount) => "wrong amount",
        Err(Refused::Released) => "released before",
        Err(Refused::NotReserved(_)) => "not reserved",
        Err(Refused::KeyConflict) => "conflict",
        Err(Refused::Invalid { .. }) => "invalid",
        Err(Refused::TooLarge) => "too large",
    };
    format!("{what}: {how}")
}

/// An answer in words, without what every wallet numbers in its own way.
fn told(answer: &Result<Answer, Refused>) -> String {
    match answer {
        Ok(Answer { entry_ids, balances }) => {
            let balances: Vec<_> = balances.iter().map(of_balance).collect();
            format!("{} lines, {balances:?}", entry_ids.len())
        }
        Err(Refused::InsufficientBalance { balance }) => format!("not covered by {}", of_balance(balance)),
        Err(Refused::NotReserved(_)) => "not reserved".to_owned(),
        Err(Refused::Invalid { .. }) => "invalid".to_owned(),
        Err(refused) => format!("{refused:?}"),
    }
}

fn of_balance(balance: &UserBalance) -> String {
    let (available, reserved) = shown(balance);
    format!(
        "{} of {}: {available} and {reserved}",
        balance.asset, balance.user_id
    )
}

fn of_line(line: &LedgerEntry) -> String {
    let LedgerEntry {
        seq: _,
        line: _,
        account,
        asset,
        available,
        reserved,
        entry_type,
        reference,
        at: _,
    } = line;
    format!("{account:?} {asset} {available} {reserved} {entry_type:?} {reference:?}")
}
