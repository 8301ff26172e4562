//! A ledger on a stage: short ways to say what happens, and postings that are checked after every step.
#![allow(dead_code, reason = "each test file uses its own part of the stage")]

use std::collections::BTreeMap;

use domain::{
    Amount, Asset, Merge, OrderId, Release, RequestId, Reserve, Settle, SettleLeg, Stamp, Symbol, TradeId,
    Transfer, TransferKind, UserId,
};
use ledger::{Ledger, LedgerFault, Posting, ReservationSlot, ReserveError, TransferAnswer};

pub const ALICE: UserId = UserId::from_u128(1);
pub const BOB: UserId = UserId::from_u128(2);

pub fn asset(code: &str) -> Asset {
    code.parse().unwrap()
}

pub fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

pub fn order(number: u128) -> OrderId {
    OrderId::from_u128(number)
}

pub fn symbol() -> Symbol {
    "BTC/USDT".parse().unwrap()
}

pub fn transfer(kind: TransferKind, key: &str, user_id: UserId, code: &str, units: Amount) -> Transfer {
    Transfer {
        kind,
        key: key.parse().unwrap(),
        user_id,
        asset: asset(code),
        amount: units,
    }
}

pub fn reserve(id: u128, user_id: UserId, pays: &str, receives: &str, units: &str) -> Reserve {
    Reserve {
        order_id: order(id),
        request_id: None,
        user_id,
        asset: asset(pays),
        receives: asset(receives),
        amount: amount(units),
    }
}

pub fn leg(id: u128, user_id: UserId, fee: &str, release: &str) -> SettleLeg {
    SettleLeg {
        order_id: order(id),
        user_id,
        fee: amount(fee),
        release: amount(release),
    }
}

pub fn settle(base: &str, quote: &str, buyer: SettleLeg, seller: SettleLeg) -> Settle {
    Settle {
        trade_id: TradeId::from_u128(9),
        symbol: symbol(),
        base: amount(base),
        quote: amount(quote),
        buyer,
        seller,
    }
}

pub fn release(id: u128, user_id: UserId, code: &str, units: &str, last: bool) -> Release {
    Release {
        order_id: order(id),
        request_id: None,
        user_id,
        number: 1,
        asset: asset(code),
        amount: amount(units),
        last,
    }
}

/// A ledger that checks itself and its postings after every step.
pub struct Stage {
    pub ledger: Ledger,
    pub postings: Vec<Posting>,
    keys: u32,
}

impl Stage {
    pub fn new() -> Self {
        Self {
            ledger: Ledger::new(1),
            postings: Vec::new(),
            keys: 0,
        }
    }

    /// Takes a step, and checks that what it posts sums to zero per asset and that the ledger holds.
    pub fn step<T>(&mut self, step: impl FnOnce(&mut Ledger, &mut Vec<Posting>) -> T) -> T {
        self.postings.clear();
        let answer = step(&mut self.ledger, &mut self.postings);
        let mut sums: BTreeMap<Asset, i128> = BTreeMap::new();
        for posting in &self.postings {
            assert_ne!(posting.delta, 0, "{posting:?}");
            *sums.entry(posting.asset).or_default() += posting.delta;
        }
        assert!(sums.values().all(|sum| *sum == 0), "{:?}", self.postings);
        self.ledger.check().unwrap();
        answer
    }

    /// Takes a step that must be a fault, and checks that nothing changed and nothing was posted.
    pub fn fault<T, E>(&mut self, step: impl FnOnce(&mut Ledger, &mut Vec<Posting>) -> Result<T, E>) -> E
    where
        T: std::fmt::Debug,
    {
        let before = self.ledger.snapshot();
        let fault = match self.step(step) {
            Ok(answer) => panic!("no fault, but {answer:?}"),
            Err(fault) => fault,
        };
        assert_eq!(self.ledger.snapshot(), before);
        assert!(self.postings.is_empty());
        fault
    }

    pub fn fund(&mut self, user_id: UserId, code: &str, units: &str) {
        self.keys += 1;
        let deposit = transfer(
            TransferKind::Deposit,
            &format!("fund-{}", self.keys),
            user_id,
            code,
            amount(units),
        );
        let answer = self.transfer(&deposit);
        assert!(matches!(answer, TransferAnswer::Done(_)), "{answer:?}");
    }

    pub fn transfer(&mut self, t: &Transfer) -> TransferAnswer {
        self.step(|ledger, postings| ledger.transfer(t, Stamp::from_micros(5), postings))
    }

    pub fn reserve(&mut self, r: &Reserve) -> Result<ReservationSlot, ReserveError> {
        self.step(|ledger, postings| ledger.reserve(r, postings))
    }

    pub fn settle(
        &mut self,
        s: &Settle,
        buyer: ReservationSlot,
        seller: ReservationSlot,
    ) -> Result<(), LedgerFault> {
        self.step(|ledger, postings| ledger.settle(s, buyer, seller, postings))
    }

    pub fn release(&mut self, r: &Release, slot: ReservationSlot) -> Result<(), LedgerFault> {
        self.step(|ledger, postings| ledger.release(r, slot, postings))
    }

    /// What a user has: available and reserved.
    pub fn has(&self, user_id: UserId, code: &str) -> (String, String) {
        let balance = self.ledger.balance(user_id, asset(code)).unwrap_or_default();
        (balance.available.to_string(), balance.reserved.to_string())
    }

    #[track_caller]
    pub fn assert_has(&self, user_id: UserId, code: &str, available: &str, reserved: &str) {
        assert_eq!(
            self.has(user_id, code),
            (available.to_owned(), reserved.to_owned()),
            "{code} of {user_id}"
        );
    }
}

pub fn merge(id: u128, request: u128, user_id: UserId, code: &str, units: &str) -> Merge {
    Merge {
        request_id: RequestId::from_u128(request),
        order_id: order(id),
        user_id,
        asset: asset(code),
        amount: amount(units),
    }
}
