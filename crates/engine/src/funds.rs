//! What the engine asks of balances. The embedded exchange answers from its ledger; elsewhere the answers were recorded.

use domain::{Merge, OrderId, Release, Reserve, Settle};

/// Where an order's reservation stands; made by whoever keeps the balances, opaque to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FundsSlot(pub u32);

/// Keeper of balances. Every call but `reserve` must succeed: the engine never asks for more than was reserved, so a
/// failure is a fault in the program and the implementation panics.
pub trait Funds {
    /// Reserves for an order or for an amendment; none when the available balance does not cover it.
    fn reserve(&mut self, reserve: &Reserve) -> Option<FundsSlot>;
    /// How many releases the reservation that was made last for an order has had already: of what was reserved too
    /// much. The engine counts on from there.
    fn released(&self) -> u32 {
        0
    }
    /// Settles a trade between two reservations.
    fn settle(&mut self, settle: &Settle, buyer: FundsSlot, seller: FundsSlot);
    /// Gives back a part of a reservation; with `last`, all that is left, and the slot is free.
    fn release(&mut self, release: &Release, slot: FundsSlot);
    /// Adds an amendment's reservation to its order's; the amendment's slot is free.
    fn merge(&mut self, merge: &Merge, amendment: FundsSlot, order: FundsSlot);
    /// An order ended with nothing left of its reservation; the slot is free.
    fn close(&mut self, order_id: OrderId, slot: FundsSlot);
}
