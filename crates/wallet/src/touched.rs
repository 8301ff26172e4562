//! Which rows requests touch, in the order of their keys.

use std::collections::BTreeSet;

use domain::{Asset, Transfer, TransferKind, UserId};
use uuid::Uuid;
use wallet_client::{Instruction, SettleTrade};

use crate::key::reservation_id;
use crate::request::Request;

/// The shard whose house account stands for the world outside.
pub(crate) const OUTSIDE: u32 = 0;

/// The rows that a transaction locks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    /// Users' accounts.
    pub accounts: BTreeSet<(UserId, Asset)>,
    /// Those of them that must exist, as money comes in.
    pub credited: BTreeSet<(UserId, Asset)>,
    /// Reservations by their ids.
    pub reservations: BTreeSet<Uuid>,
    /// Accounts of which all reservations may be drawn on.
    pub payers: BTreeSet<(UserId, Asset)>,
    /// House accounts, where one of them must be known: else fees are only added to them, in the end.
    pub house: BTreeSet<(Asset, u32)>,
}

impl Touched {
    pub fn by<'a>(requests: impl IntoIterator<Item = &'a Request>) -> Self {
        let mut touched = Self::default();
        let mut fees = BTreeSet::new();
        for request in requests {
            match request {
                Request::Instruct { shard, instruction } => {
                    touched.instruction(instruction);
                    if let Instruction::Settle(SettleTrade { symbol, .. }) = instruction {
                        fees.extend([(symbol.base, *shard), (symbol.quote, *shard)]);
                    }
                }
                Request::Transfer(transfer) => touched.transfer(transfer),
            }
        }
        if !touched.house.is_empty() {
            // All at once and in order, or two transactions could wait for each other.
            touched.house.extend(fees);
        }
        touched
    }

    fn instruction(&mut self, instruction: &Instruction) {
        match instruction {
            Instruction::Reserve(r) => {
                self.accounts.insert((r.user_id, r.asset));
                self.reservations.insert(reservation_id(r.order_id, r.request_id));
            }
            Instruction::Release(r) => {
                self.accounts.insert((r.user_id, r.asset));
                self.reservations.insert(reservation_id(r.order_id, r.request_id));
            }
            Instruction::Merge(m) => {
                self.accounts.insert((m.user_id, m.asset));
                self.reservations.insert(reservation_id(m.order_id, None));
                self.reservations
                    .insert(reservation_id(m.order_id, Some(m.request_id)));
            }
            Instruction::Settle(s) => {
                let (base, quote) = (s.symbol.base, s.symbol.quote);
                for (party, pays, receives) in [(&s.buyer, quote, base), (&s.seller, base, quote)] {
                    self.accounts
                        .extend([(party.user_id, pays), (party.user_id, receives)]);
                    self.credited.insert((party.user_id, receives));
                    match party.order_id {
                        Some(order_id) => self.reservations.insert(reservation_id(order_id, None)),
                        None => self.payers.insert((party.user_id, pays)),
                    };
                }
            }
        }
    }

    fn transfer(&mut self, transfer: &Transfer) {
        let account = (transfer.user_id, transfer.asset);
        self.accounts.insert(account);
        if transfer.kind == TransferKind::Deposit {
            self.credited.insert(account);
        }
        self.house.insert((transfer.asset, OUTSIDE));
    }
}
