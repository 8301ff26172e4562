//! The one mapping between the rows of orders and trades and the words of the domain.

mod grids;
mod insert;
mod read;
pub(crate) mod row;
pub(crate) mod trades;
mod update;
pub(crate) mod value;

use domain::{Amount, FeeRate, Lots, Market, Order, Place, RequestId};

pub use grids::MarketGrids;
pub use insert::{NewOrder, insert_pending};
pub use read::{live_of_shard, orders_by_id};
pub use trades::{insert_trades, trades_by_id};
pub use update::update_orders;

/// What a shard's fold knows of an order beside the order itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FoldState {
    /// When it entered, counted over its shard; none: it is PENDING, or never came to life.
    pub rank: Option<u64>,
    /// Its place in the queue of its price, earlier is lower; none: it does not rest.
    pub turn: Option<u64>,
    /// What of it the book shows; none: it does not rest.
    pub shown: Option<Lots>,
    /// What is left of its reservation, in units of the asset that it pays with.
    pub reserve_left: Amount,
    /// How many releases it had.
    pub releases: u32,
    /// The amendment that was applied last.
    pub amendment: Option<RequestId>,
}

/// A row of `orders`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOrder {
    /// The order. Its `created_at` is the stamp at which it was applied; while it is PENDING, the millisecond of its id.
    pub order: Order,
    /// What the fold knows beside it.
    pub fold: FoldState,
    /// What was reserved for it, where the gateway has written that down.
    pub reserved: Option<Amount>,
}

impl StoredOrder {
    /// The placement that made it, as far as its row tells: `received_at` is the millisecond of its id, and the deadline
    /// is written out.
    pub fn place(&self) -> Place {
        let order = &self.order;
        Place {
            order_id: order.order_id,
            user_id: order.user_id,
            institution_id: order.institution_id,
            market: order.market,
            side: order.side,
            terms: order.terms,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            client_order_id: order.client_order_id.clone(),
            received_at: value::id_stamp(order.order_id.as_u128()),
            deadline: Some(order.deadline),
            protection_price: order.protection_price,
        }
    }
}

/// The fee rates that an order has by its market and its owner's tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeRates {
    /// As a maker.
    pub maker: FeeRate,
    /// As a taker.
    pub taker: FeeRate,
}

impl FeeRates {
    /// The market's own.
    pub const fn of(market: &Market) -> Self {
        Self {
            maker: market.definition().maker_fee,
            taker: market.definition().taker_fee,
        }
    }
}
