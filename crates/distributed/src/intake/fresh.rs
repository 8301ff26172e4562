//! A new order on its way to its shard: what is stored of it, what is reserved for it, and the command that places it. What
//! is reserved follows from its row, so that whoever drives it later asks for the very same.

use std::sync::Arc;

use domain::{ClientOrderId, Digest, Market, Order, OrderId, OrderState, Place, Price, Reserve, TimeInForce};
use engine::OwnFees;
use persistence::postgres::intake::{Claim, CommandKind, CommandRow};
use persistence::postgres::orders::{FeeRates, NewOrder, StoredOrder};
use runtime::trace::{self, TraceContext};
use trading::{Caller, EntryError};
use uuid::Uuid;

use super::moment::Moment;
use crate::{Funding, PlaceOrder, ShardCommand};

/// A new order.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    /// What was asked for.
    pub place: Place,
    /// Its market.
    pub market: Arc<Market>,
    /// Its fees.
    pub fees: FeeRates,
    /// The shard that will turn it away before its funds matter, by a guess: then its command goes with its row, and the wallet
    /// is not asked.
    pub turned_away_by: Option<u32>,
    /// The trace of the request for it.
    pub trace: Option<TraceContext>,
}

impl Fresh {
    /// The order that a caller asks for at this moment; its protection price is fixed when it is stored.
    ///
    /// # Errors
    /// What makes no sense.
    pub fn new(
        caller: Caller,
        order: trading::NewOrder,
        market: Arc<Market>,
        fees: FeeRates,
        moment: Moment,
    ) -> Result<Self, EntryError> {
        let trading::NewOrder {
            market: number,
            side,
            terms,
            time_in_force,
            self_trade_prevention,
            client_order_id,
            deadline,
        } = order;
        let checked = terms.check(side, time_in_force, self_trade_prevention);
        checked.map_err(EntryError::Invalid)?;
        market.check_size(&terms).map_err(EntryError::Invalid)?;
        let mut place = Place {
            order_id: moment.order_id(),
            user_id: caller.user_id,
            institution_id: caller.institution_id,
            market: number,
            side,
            terms,
            time_in_force,
            self_trade_prevention,
            client_order_id,
            received_at: moment.at,
            deadline,
            protection_price: None,
        };
        place.deadline = Some(place.deadline());
        Ok(Self {
            place,
            market,
            fees,
            turned_away_by: None,
            trace: trace::current(),
        })
    }

    /// The order of a row that is PENDING.
    pub fn of_row(stored: &StoredOrder, market: Arc<Market>) -> Self {
        Self {
            place: stored.place(),
            market,
            fees: FeeRates {
                maker: stored.order.maker_fee,
                taker: stored.order.taker_fee,
            },
            turned_away_by: None,
            trace: None,
        }
    }

    /// Its id.
    pub const fn id(&self) -> OrderId {
        self.place.order_id
    }

    /// The id of the command that places it: its own.
    pub fn command_id(&self) -> Uuid {
        place_command(self.id())
    }

    /// Whether the market's price is needed to protect it.
    pub fn needs_reference(&self) -> bool {
        self.place.terms.price().is_none() && self.place.terms.stop_price().is_none()
    }

    /// Fixes the price beyond which it never trades, from the price of the market's last trade.
    pub fn protect(&mut self, last_price: Option<Price>) {
        let reference = last_price.or(self.market.definition().initial_price);
        let protection = self
            .market
            .protection(self.place.side, &self.place.terms, reference);
        self.place.protection_price = protection;
    }

    /// The client id that it takes.
    pub fn claim(&self) -> Option<Claim> {
        let client_order_id: ClientOrderId = self.place.client_order_id.clone()?;
        Some(Claim {
            user_id: self.place.user_id,
            client_order_id,
            order_id: self.id(),
            body_hash: self.body_hash(self.id()),
        })
    }

    /// A hash of what is asked for, keyed by the id of the order that stands for it: nobody knows that key before.
    pub fn body_hash(&self, key: OrderId) -> u64 {
        let mut digest = Digest::default();
        digest.wide(key.as_u128());
        self.place.add_body(&mut digest);
        digest.value() as u64
    }

    /// Its row.
    pub fn row(&self) -> NewOrder<'_> {
        NewOrder {
            place: &self.place,
            market: &self.market,
            fees: self.fees,
        }
    }

    /// What it needs; none: it has no price to say it by, or no balance could cover it, and its shard rejects it.
    pub fn reserve(&self) -> Option<Reserve> {
        let place = &self.place;
        let worst = place.terms.price().or(place.protection_price)?;
        let amount = self
            .market
            .reservation_of_any(place.side, place.terms.size(), worst)?;
        let (asset, receives) = self.market.symbol().paid_and_received(place.side);
        Some(Reserve {
            order_id: place.order_id,
            request_id: None,
            user_id: place.user_id,
            asset,
            receives,
            amount,
        })
    }

    /// The command that places it.
    pub fn command(&self, funding: Funding) -> ShardCommand {
        ShardCommand::Place(Box::new(PlaceOrder {
            place: self.place.clone(),
            fees: OwnFees {
                maker: Some(self.fees.maker),
                taker: Some(self.fees.taker),
            },
            funding,
        }))
    }

    /// The row of that command.
    ///
    /// # Errors
    /// See [`super::encoded`].
    pub fn command_row(&self, shard: u32, funding: Funding) -> Result<CommandRow, EntryError> {
        Ok(CommandRow {
            id: self.command_id(),
            shard,
            kind: CommandKind::Place,
            order_id: Some(self.id()),
            body: super::encoded(&self.command(funding))?,
            at: self.place.received_at,
            trace: self.trace,
        })
    }

    /// The order as it is until its shard has applied it.
    pub fn pending(&self) -> Order {
        let place = &self.place;
        Order {
            order_id: place.order_id,
            user_id: place.user_id,
            institution_id: place.institution_id,
            market: place.market,
            side: place.side,
            terms: place.terms,
            time_in_force: place.time_in_force,
            self_trade_prevention: place.self_trade_prevention,
            client_order_id: place.client_order_id.clone(),
            quantity: self.market.lots(place.terms.size()),
            protection_price: place.protection_price,
            state: OrderState::Pending,
            filled_notional: domain::Amount::ZERO,
            fee: domain::Amount::ZERO,
            maker_fee: self.fees.maker,
            taker_fee: self.fees.taker,
            deadline: place.deadline(),
            expires_at: match place.time_in_force {
                TimeInForce::Gtd(end) => Some(end),
                _ => None,
            },
            created_at: place.received_at,
            updated_at: place.received_at,
            triggered_at: None,
            ended_at: None,
        }
    }
}

/// The id of the command that places an order: the order's own.
pub(crate) const fn place_command(order_id: OrderId) -> Uuid {
    Uuid::from_u128(order_id.as_u128())
}
