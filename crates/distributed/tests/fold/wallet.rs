//! A wallet for tests: a ledger that does what a shard's money instructions say, at once.

use std::collections::HashMap;

use distributed::Funding;
use domain::{
    Amount, Asset, MoneyInstruction, OrderId, RequestId, Reserve, SettleLeg, Stamp, Transfer, TransferKind,
    UserId,
};
use ledger::{Ledger, Posting, Postings, ReservationSlot, TransferAnswer};
use wallet_client::UserBalance;

/// Nobody wants to know.
struct Nobody;

impl Postings for Nobody {
    fn post(&mut self, _: Posting) {}
}

type Key = (OrderId, Option<RequestId>);

pub struct Purse {
    pub ledger: Ledger,
    slots: HashMap<Key, ReservationSlot>,
}

impl Purse {
    pub fn new() -> Self {
        Self {
            ledger: Ledger::new(5),
            slots: HashMap::new(),
        }
    }

    pub fn deposit(&mut self, transfer: &Transfer, at: Stamp) {
        assert_eq!(transfer.kind, TransferKind::Deposit);
        let answer = self.ledger.transfer(transfer, at, &mut Nobody);
        assert!(matches!(answer, TransferAnswer::Done(_)), "{answer:?}");
    }

    fn balance(&self, user_id: UserId, asset: Asset) -> UserBalance {
        let balance = self.ledger.balance(user_id, asset).unwrap_or_default();
        UserBalance {
            user_id,
            asset,
            available: balance.available,
            reserved: balance.reserved,
            version: balance.version,
        }
    }

    /// Reserves what is needed and, where the balance covers it, something beyond it.
    pub fn reserve(&mut self, needed: &Reserve, extra: u64) -> Funding {
        for amount in [Amount(needed.amount.0 + extra), needed.amount] {
            let reserve = Reserve {
                amount,
                ..needed.clone()
            };
            if let Ok(slot) = self.ledger.reserve(&reserve, &mut Nobody) {
                self.slots.insert((reserve.order_id, reserve.request_id), slot);
                let balance = self.balance(reserve.user_id, reserve.asset);
                return Funding::Granted { amount, balance };
            }
        }
        Funding::Refused
    }

    pub fn settle(&mut self, money: &[MoneyInstruction]) {
        for instruction in money {
            self.instruct(instruction);
        }
    }

    fn instruct(&mut self, instruction: &MoneyInstruction) {
        match instruction {
            MoneyInstruction::Reserve(reserve) => panic!("a shard reserves nothing: {reserve:?}"),
            MoneyInstruction::Settle(settle) => {
                let slot = |leg: &SettleLeg| self.slots[&(leg.order_id, None)];
                let (buyer, seller) = (slot(&settle.buyer), slot(&settle.seller));
                self.ledger.settle(settle, buyer, seller, &mut Nobody).unwrap();
            }
            MoneyInstruction::Release(release) => {
                let slot = self.slots[&(release.order_id, release.request_id)];
                self.ledger.release(release, slot, &mut Nobody).unwrap();
                if release.last {
                    self.slots.remove(&(release.order_id, release.request_id));
                }
            }
            MoneyInstruction::Merge(merge) => {
                let amendment = self
                    .slots
                    .remove(&(merge.order_id, Some(merge.request_id)))
                    .unwrap();
                let order = self.slots[&(merge.order_id, None)];
                self.ledger.merge(merge, amendment, order, &mut Nobody).unwrap();
            }
        }
    }

    /// An order has ended: nothing of it is held any more.
    pub fn close(&mut self, order_id: OrderId) {
        if let Some(slot) = self.slots.remove(&(order_id, None)) {
            self.ledger.close(order_id, slot).unwrap();
        }
    }

    /// What is held for an order.
    pub fn held(&self, order_id: OrderId) -> Amount {
        let slot = self.slots.get(&(order_id, None));
        slot.map_or(Amount::ZERO, |slot| self.ledger.reserved(*slot))
    }

    /// How many reservations there are.
    pub fn reservations(&self) -> usize {
        self.ledger.reservation_count()
    }
}
