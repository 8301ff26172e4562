//! The traits of `trading` for the embedded exchange.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use domain::{
    Amend, Amount, Asset, Cancel, CancelAll, Command, DefineMarket, MarketDefinition, MarketEvent,
    MarketNumber, MarketState, Order, OrderId, OrderRef, Outcome, Place, Refusal, RequestId, Selection,
    SetMarketState, Side, Stamp, Status, Trade, Transfer, TransferKey, TransferKind, TransferReceipt, UserId,
};
use tokio::sync::broadcast;
use trading::{
    AccountBalance, Amendment, Caller, DepthView, EntryError, Feeds, Health, LevelView, Markets, NewOrder,
    Operations, OrderEntry, OrderFilter, Placed, Queries, QueryError,
};

use crate::ask::Weight;
use crate::open::Embedded;

/// The writer puts the real id in its place.
const TO_BE_MADE: u128 = 0;

/// A refusal as callers are told of it.
fn refused(refusal: Refusal) -> EntryError {
    match refusal {
        Refusal::UnknownMarket => EntryError::UnknownMarket,
        Refusal::UnknownOrder => EntryError::UnknownOrder,
        Refusal::OrderEnded(order) => EntryError::OrderEnded(order),
        Refusal::MarketState(state) => EntryError::MarketState(state),
        Refusal::ClientIdConflict(id) => EntryError::ClientIdConflict(id),
        Refusal::Amendment(reason) => EntryError::AmendmentRefused(reason),
        Refusal::Shape(error) => EntryError::Invalid(error),
        Refusal::Definition(errors) => match errors.into_iter().next() {
            Some(error) => EntryError::Invalid(error),
            None => EntryError::OutcomeUnknown,
        },
        Refusal::TransferKeyConflict => EntryError::TransferKeyConflict,
        Refusal::InsufficientBalance => EntryError::InsufficientBalance,
        Refusal::BalanceTooLarge => EntryError::Invalid(domain::FieldError::new(
            "amount",
            "would bring the asset above 92233720368.54775807",
        )),
    }
}

#[async_trait]
impl OrderEntry for Embedded {
    async fn place(&self, caller: Caller, order: NewOrder) -> Result<Placed, EntryError> {
        let place = Place {
            order_id: OrderId::from_u128(TO_BE_MADE),
            user_id: caller.user_id,
            institution_id: caller.institution_id,
            market: order.market,
            side: order.side,
            terms: order.terms,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            client_order_id: order.client_order_id,
            received_at: Stamp::from_micros(self.options.clock.wall_us()),
            deadline: order.deadline,
            protection_price: None,
        };
        match self.command(Command::Place(place), Weight::Ordinary).await? {
            Outcome::Placed(order) if order.state.status() == Status::Rejected => {
                Err(EntryError::Rejected(order))
            }
            Outcome::Placed(order) => Ok(Placed::New(order)),
            Outcome::Repeated(order) => Ok(Placed::Existing(order)),
            Outcome::RepeatedLongAgo(id) => Err(EntryError::AlreadyPlaced(id)),
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
    }

    async fn cancel(&self, caller: Caller, order: OrderRef) -> Result<Order, EntryError> {
        let cancel = Cancel {
            user_id: caller.user_id,
            order,
        };
        match self.command(Command::Cancel(cancel), Weight::Urgent).await? {
            Outcome::Cancelled(order) => Ok(Arc::unwrap_or_clone(order)),
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
    }

    async fn amend(
        &self,
        caller: Caller,
        order: OrderRef,
        amendment: Amendment,
    ) -> Result<Order, EntryError> {
        let amend = Amend {
            request_id: RequestId::from_u128(TO_BE_MADE),
            user_id: caller.user_id,
            order,
            price: amendment.price,
            quantity: amendment.quantity,
        };
        match self.command(Command::Amend(amend), Weight::Ordinary).await? {
            Outcome::Amended(order) => Ok(Arc::unwrap_or_clone(order)),
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
    }

    async fn cancel_all(
        &self,
        caller: Caller,
        market: Option<MarketNumber>,
        side: Option<Side>,
    ) -> Result<u64, EntryError> {
        let selection = Selection {
            user_id: Some(caller.user_id),
            market,
            side,
        };
        self.mass_cancel(CancelAll {
            selection,
            by_operator: false,
        })
        .await
    }
}

impl Embedded {
    async fn mass_cancel(&self, all: CancelAll) -> Result<u64, EntryError> {
        match self.command(Command::CancelAll(all), Weight::Urgent).await? {
            Outcome::CancelledAll(count) => Ok(count),
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
    }

    async fn operate(&self, command: Command) -> Result<(), EntryError> {
        match self.command(command, Weight::Urgent).await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
    }
}

#[async_trait]
impl Queries for Embedded {
    fn markets(&self) -> Arc<Markets> {
        self.gauge.markets()
    }

    async fn order(&self, caller: Caller, order: OrderRef) -> Result<Order, QueryError> {
        let found = self
            .read(move |exchange| exchange.order_of(caller.user_id, &order))
            .await?;
        found.map(Arc::unwrap_or_clone).ok_or(QueryError::NotFound)
    }

    async fn orders(&self, caller: Caller, filter: OrderFilter) -> Result<Vec<Order>, QueryError> {
        let OrderFilter { market, live, limit } = filter;
        let orders = self.read(move |exchange| {
            let wanted = |order: &Order| market.is_none_or(|number| number == order.market);
            let live_ones = exchange.live_orders_of(caller.user_id);
            let ended_ones = exchange.ended_orders_of(caller.user_id).map(|order| &**order);
            // Ids grow in the order in which orders came. Only the newest are copied.
            let mut orders: Vec<&Order> = live_ones
                .filter(|_| live != Some(false))
                .chain(ended_ones.filter(|_| live != Some(true)))
                .filter(|order| wanted(order))
                .collect();
            let newest = |order: &&Order| std::cmp::Reverse(order.order_id);
            if limit < orders.len() {
                orders.select_nth_unstable_by_key(limit, newest);
                orders.truncate(limit);
            }
            orders.sort_unstable_by_key(newest);
            orders.into_iter().cloned().collect()
        });
        orders.await
    }

    async fn balances(&self, caller: Caller) -> Result<Vec<AccountBalance>, QueryError> {
        let balances = self
            .read(move |exchange| exchange.balances(caller.user_id))
            .await?;
        let view = balances.into_iter().map(|(asset, balance)| AccountBalance {
            asset,
            available: balance.available,
            reserved: balance.reserved,
            version: balance.version,
        });
        Ok(view.collect())
    }

    async fn depth(&self, market: MarketNumber, levels: usize) -> Result<DepthView, QueryError> {
        let depth = self
            .read(move |exchange| exchange.engine().depth(market, levels))
            .await?;
        let (seq, bids, asks) = depth.ok_or(QueryError::NotFound)?;
        let view = |levels: Vec<engine::DepthLevel>| {
            levels
                .into_iter()
                .map(|l| LevelView {
                    price: l.price,
                    quantity: l.quantity,
                })
                .collect()
        };
        Ok(DepthView {
            market,
            seq,
            bids: view(bids),
            asks: view(asks),
        })
    }

    async fn trades(&self, market: MarketNumber, limit: usize) -> Result<Vec<Trade>, QueryError> {
        if self.markets().by_number(market).is_none() {
            return Err(QueryError::NotFound);
        }
        self.read(move |exchange| exchange.trades(market).take(limit).copied().collect())
            .await
    }

    async fn health(&self) -> Health {
        let told = |ok: bool, text: &str| (!ok).then(|| text.to_owned());
        let running = !self.gauge.stopped.load(Ordering::Acquire) && self.read(|_| ()).await.is_ok();
        let room = self.gauge.disk_has_room.load(Ordering::Acquire);
        let sane = self.gauge.clock_is_sane.load(Ordering::Acquire);
        let stays = !self.gauge.stopping.load(Ordering::Acquire);
        Health {
            ready: running && room && sane && stays,
            dependencies: vec![
                ("journal", told(running, "does not answer")),
                ("disk", told(room, "nearly full")),
                ("clock", told(sane, "jumped ahead")),
                ("process", told(stays, "is stopping")),
            ],
        }
    }
}

impl Feeds for Embedded {
    fn events(&self) -> broadcast::Receiver<Arc<[MarketEvent]>> {
        self.gauge.events.subscribe()
    }
}

#[async_trait]
impl Operations for Embedded {
    async fn transfer(
        &self,
        kind: TransferKind,
        key: TransferKey,
        user_id: UserId,
        asset: Asset,
        amount: Amount,
    ) -> Result<TransferReceipt, EntryError> {
        let transfer = Transfer {
            kind,
            key,
            user_id,
            asset,
            amount,
        };
        match self.command(Command::Transfer(transfer), Weight::Urgent).await? {
            Outcome::Transferred(receipt) => Ok(receipt),
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
    }

    async fn define_market(&self, definition: MarketDefinition) -> Result<(), EntryError> {
        self.operate(Command::DefineMarket(DefineMarket { definition }))
            .await
    }

    async fn set_market_state(&self, market: MarketNumber, state: MarketState) -> Result<(), EntryError> {
        self.operate(Command::SetMarketState(SetMarketState { market, state }))
            .await
    }

    async fn cancel_selected(&self, selection: Selection) -> Result<u64, EntryError> {
        self.mass_cancel(CancelAll {
            selection,
            by_operator: true,
        })
        .await
    }
}
