//! What can be wrong: a reserve that the balance does not cover, and faults of the program that asks.

use domain::{Amount, Asset, OrderId, RequestId, UserId};

use crate::ReservationSlot;

/// Why nothing was reserved. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReserveError {
    /// The available balance does not cover the amount: the caller's to hear.
    #[error("only {available} is available")]
    InsufficientBalance {
        /// What is available.
        available: Amount,
    },
    /// The instruction makes no sense: the program's fault.
    #[error(transparent)]
    Fault(#[from] LedgerFault),
}

/// An instruction or a snapshot that cannot be right: a fault in the program, never a caller's input. Nothing was
/// changed by the instruction that it answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerFault {
    /// A reserve of nothing.
    #[error("the reserve for order {order_id} is of nothing")]
    SenselessReserve {
        /// The order.
        order_id: OrderId,
    },
    /// There are 2^32 reservations.
    #[error("there is no room for another reservation")]
    Full,
    /// The slot holds no reservation, or another order's, or an amendment's where an order's is meant.
    #[error("slot {slot:?} does not hold the reservation of order {order_id} (amendment: {request_id:?})")]
    OtherReservation {
        /// The slot.
        slot: ReservationSlot,
        /// The order that was meant.
        order_id: OrderId,
        /// The amendment that was meant.
        request_id: Option<RequestId>,
    },
    /// The reservation is another user's.
    #[error("the reservation of order {order_id} is not user {user_id}'s")]
    OtherUser {
        /// The order.
        order_id: OrderId,
        /// The user that was meant.
        user_id: UserId,
    },
    /// The reservation pays or receives another asset.
    #[error("the reservation of order {order_id} has nothing to do with {asset} on that side")]
    OtherAsset {
        /// The order.
        order_id: OrderId,
        /// The asset that was meant.
        asset: Asset,
    },
    /// More was to be taken than is reserved.
    #[error("order {order_id} has {reserved} reserved, which does not cover the instruction")]
    ReservationTooSmall {
        /// The order.
        order_id: OrderId,
        /// What is reserved for it.
        reserved: Amount,
    },
    /// The order has ended, or its amendment was merged, and something would stay reserved.
    #[error("order {order_id} has ended with {reserved} reserved")]
    ReservationLeft {
        /// The order.
        order_id: OrderId,
        /// What would stay reserved.
        reserved: Amount,
    },
    /// A fee is above what the party receives.
    #[error("the fee of order {order_id} is above what it receives")]
    FeeTooLarge {
        /// The order.
        order_id: OrderId,
    },
    /// An account would pass 2^63 - 1 units. Cannot happen while all money of an asset came in through transfers.
    #[error("an account in {asset} would pass 2^63 - 1 units")]
    AccountTooLarge {
        /// The asset.
        asset: Asset,
    },
    /// The accounts of an asset do not sum to zero.
    #[error("the accounts in {asset} sum to {sum} units")]
    Unbalanced {
        /// The asset.
        asset: Asset,
        /// What they sum to.
        sum: i128,
    },
    /// What an account has reserved is not what its orders have reserved.
    #[error("user {user_id} has {reserved} {asset} reserved, but orders hold {held} units of it")]
    ReservedMismatch {
        /// The user.
        user_id: UserId,
        /// The asset.
        asset: Asset,
        /// What the account says.
        reserved: Amount,
        /// What the orders' reservations sum to, in units of 1e-8.
        held: u128,
    },
    /// A record of a snapshot is out of order, appears twice, or names an account or asset that the snapshot lacks.
    #[error("the snapshot's {records} do not fit together at record {index}")]
    BadSnapshot {
        /// Which records.
        records: &'static str,
        /// The record, counted from 0.
        index: usize,
    },
}
