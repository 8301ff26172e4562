//! The engine's money instructions, applied to the ledger at once.

use domain::{Merge, OrderId, Release, Reserve, Settle};
use engine::{Funds, FundsSlot};
use ledger::{Ledger, LedgerFault, Postings, ReservationSlot, ReserveError};

/// The ledger as the engine's keeper of balances.
pub(crate) struct LedgerFunds<'a, P: Postings> {
    pub ledger: &'a mut Ledger,
    pub postings: &'a mut P,
}

/// The engine never asks for more than was reserved: a fault here is a fault in the program, and the command that shows
/// it must not reach the log.
fn sound(result: Result<(), LedgerFault>) {
    if let Err(fault) = result {
        panic!("the ledger refuses what the engine asks: {fault}");
    }
}

const fn ours(slot: FundsSlot) -> ReservationSlot {
    ReservationSlot(slot.0)
}

impl<P: Postings> Funds for LedgerFunds<'_, P> {
    fn reserve(&mut self, reserve: &Reserve) -> Option<FundsSlot> {
        match self.ledger.reserve(reserve, self.postings) {
            Ok(slot) => Some(FundsSlot(slot.0)),
            Err(ReserveError::InsufficientBalance { .. }) => None,
            Err(ReserveError::Fault(fault)) => panic!("the ledger refuses what the engine asks: {fault}"),
        }
    }

    fn settle(&mut self, settle: &Settle, buyer: FundsSlot, seller: FundsSlot) {
        sound(
            self.ledger
                .settle(settle, ours(buyer), ours(seller), self.postings),
        );
    }

    fn release(&mut self, release: &Release, slot: FundsSlot) {
        sound(self.ledger.release(release, ours(slot), self.postings));
    }

    fn merge(&mut self, merge: &Merge, amendment: FundsSlot, order: FundsSlot) {
        sound(
            self.ledger
                .merge(merge, ours(amendment), ours(order), self.postings),
        );
    }

    fn close(&mut self, order_id: OrderId, slot: FundsSlot) {
        sound(self.ledger.close(order_id, ours(slot)));
    }
}
