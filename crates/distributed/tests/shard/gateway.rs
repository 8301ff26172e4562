//! As much of a gateway as a shard needs: orders are stored, funded and handed over.

use std::sync::atomic::Ordering;

use distributed::{Funding, PlaceOrder, ShardCommand};
use domain::{
    Amount, CancelReason, DefineMarket, Lots, MarketNumber, OrderId, Place, Price, Quantity, RequestId,
    Reserve, Selection, SelfTradePrevention, Side, Stamp, Terms, TimeInForce,
};
use engine::OwnFees;
use persistence::postgres::intake::{CommandKind, CommandRow, insert_commands};
use persistence::postgres::orders::{FeeRates, NewOrder, StoredOrder, insert_pending};
use runtime::Clock;
use runtime::trace::TraceContext;
use serde::Serialize;
use uuid::Uuid;
use wallet_client::Instruction;

use crate::bed::{Bed, definition, market, user};

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![1]).unwrap()
}

impl Bed {
    /// A new id, later than all before.
    pub fn id(&self) -> u128 {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        OrderId::at(Stamp::from_micros(Clock::System.wall_us()), number).as_u128()
    }

    pub async fn command(&self, id: u128, shard: u32, order: Option<OrderId>, command: &ShardCommand) {
        self.command_of(None, id, shard, order, command).await;
    }

    /// A command that belongs to a trace.
    async fn command_of(
        &self,
        trace: Option<TraceContext>,
        id: u128,
        shard: u32,
        order: Option<OrderId>,
        command: &ShardCommand,
    ) {
        let kind = match command {
            ShardCommand::Place(_) => CommandKind::Place,
            ShardCommand::Cancel { .. } => CommandKind::Cancel,
            ShardCommand::Amend { .. } => CommandKind::Amend,
            ShardCommand::CancelAll { .. } => CommandKind::CancelAll,
            ShardCommand::DefineMarket(_) => CommandKind::DefineMarket,
            ShardCommand::SetMarketState(_) => CommandKind::MarketState,
            ShardCommand::Tick | ShardCommand::Quarantine { .. } => panic!("only owners make it"),
        };
        let row = CommandRow {
            id: Uuid::from_u128(id),
            shard,
            kind,
            order_id: order,
            body: encode(command),
            at: Stamp::from_micros(Clock::System.wall_us()),
            trace,
        };
        insert_commands(&mut self.connect().await, &[row]).await.unwrap();
    }

    pub async fn define(&self, number: u32, shard: u32) {
        let definition = definition(number);
        let define = ShardCommand::DefineMarket(Box::new(DefineMarket { definition }));
        self.command(self.id(), shard, None, &define).await;
    }

    /// A placement whose order is not stored yet.
    pub fn wish(&self, number: u8, side: Side, price: u32, lots: u64) -> Place {
        let now = Stamp::from_micros(Clock::System.wall_us());
        Place {
            order_id: OrderId::from_u128(self.id()),
            user_id: user(number),
            institution_id: None,
            market: MarketNumber(0),
            side,
            terms: Terms::Limit {
                price: Price::from_ticks(price).unwrap(),
                quantity: Quantity::from_lots(Lots(lots)).unwrap(),
                display: None,
                post_only: false,
            },
            time_in_force: TimeInForce::Gtc,
            self_trade_prevention: SelfTradePrevention::ExpireTaker,
            client_order_id: None,
            received_at: now,
            deadline: None,
            protection_price: None,
        }
    }

    /// Stores an order as PENDING.
    pub async fn store(&self, place: &Place) {
        let market = market(place.market.0);
        let new = NewOrder {
            place,
            market: &market,
            fees: FeeRates::of(&market),
        };
        insert_pending(&mut self.connect().await, &[new]).await.unwrap();
    }

    /// Has the wallet reserve what an order needs.
    pub async fn reserve(&self, place: &Place) -> Funding {
        let market = market(place.market.0);
        let (asset, receives) = market.symbol().paid_and_received(place.side);
        let worst = place.terms.price().or(place.protection_price).unwrap();
        let amount = market.reservation(place.side, place.terms.size(), worst);
        self.ask(Reserve {
            order_id: place.order_id,
            request_id: None,
            user_id: place.user_id,
            asset,
            receives,
            amount,
        })
        .await
    }

    async fn ask(&self, reserve: Reserve) -> Funding {
        let amount = reserve.amount;
        match self.purse.plain(Instruction::Reserve(reserve)).await {
            Ok(answer) => Funding::Granted {
                amount,
                balance: answer.balances[0],
            },
            Err(_) => Funding::Refused,
        }
    }

    /// The command that places an order, with what the wallet says.
    pub async fn funded(&self, place: &Place) -> ShardCommand {
        ShardCommand::Place(Box::new(PlaceOrder {
            place: place.clone(),
            fees: OwnFees::default(),
            funding: self.reserve(place).await,
        }))
    }

    /// An order from its storing to its command.
    pub async fn place(&self, number: u8, side: Side, price: u32, lots: u64) -> OrderId {
        let place = self.wish(number, side, price, lots);
        self.send(&place).await;
        place.order_id
    }

    pub async fn send(&self, place: &Place) {
        self.send_of(None, place).await;
    }

    /// The same as part of a trace.
    pub async fn send_of(&self, trace: Option<TraceContext>, place: &Place) {
        self.store(place).await;
        let command = self.funded(place).await;
        let id = place.order_id;
        self.command_of(trace, id.as_u128(), 0, Some(id), &command).await;
    }

    /// Many sells of one lot, from their storing to their commands, all at once.
    pub async fn place_many(&self, count: u32) {
        let places: Vec<Place> = (0..count)
            .map(|number| self.wish((number % 4) as u8, Side::Sell, 200 + number, 1))
            .collect();
        self.send_all(&places).await;
    }

    /// Many orders, from their storing to their commands, all at once.
    pub async fn send_all(&self, places: &[Place]) {
        let market = market(0);
        let mut rows = Vec::new();
        for place in places {
            let command = self.funded(place).await;
            rows.push(CommandRow {
                id: Uuid::from_u128(place.order_id.as_u128()),
                shard: 0,
                kind: CommandKind::Place,
                order_id: Some(place.order_id),
                body: encode(&command),
                at: place.received_at,
                trace: None,
            });
        }
        let fees = FeeRates::of(&market);
        let new: Vec<NewOrder<'_>> = (places.iter())
            .map(|place| NewOrder {
                place,
                market: &market,
                fees,
            })
            .collect();
        let mut connection = self.connect().await;
        insert_pending(&mut connection, &new).await.unwrap();
        insert_commands(&mut connection, &rows).await.unwrap();
    }

    pub async fn cancel(&self, number: u8, order_id: OrderId) -> u128 {
        let command = ShardCommand::Cancel {
            user_id: user(number),
            order_id,
            market: MarketNumber(0),
            received_at: Stamp::from_micros(Clock::System.wall_us()),
        };
        let id = self.id();
        self.command(id, 0, Some(order_id), &command).await;
        id
    }

    pub async fn amend(&self, order: &StoredOrder, price: u32) {
        let (amend_id, place) = (self.id(), order.place());
        let worst = Price::from_ticks(price).unwrap();
        let market = market(place.market.0);
        let needed = market.reservation(place.side, place.terms.size(), worst);
        let (asset, receives) = market.symbol().paid_and_received(place.side);
        let amount = Amount(needed.0.saturating_sub(order.fold.reserve_left.0));
        let request_id = RequestId::from_u128(amend_id);
        let funding = if amount.is_zero() {
            Funding::None
        } else {
            self.ask(Reserve {
                order_id: place.order_id,
                request_id: Some(request_id),
                user_id: place.user_id,
                asset,
                receives,
                amount,
            })
            .await
        };
        let command = ShardCommand::Amend {
            amend: domain::Amend {
                request_id,
                user_id: place.user_id,
                order: domain::OrderRef::Id(place.order_id),
                price: Some(worst),
                quantity: None,
            },
            market: place.market,
            received_at: place.received_at,
            funding,
        };
        self.command(amend_id, 0, Some(place.order_id), &command).await;
    }

    pub async fn cancel_all(&self, number: Option<u8>) -> u128 {
        let command = ShardCommand::CancelAll {
            selection: Selection {
                user_id: number.map(user),
                ..Selection::default()
            },
            reason: CancelReason::MassCancel,
            by_operator: false,
            received_before: Stamp::from_micros(Clock::System.wall_us()),
        };
        let id = self.id();
        self.command(id, 0, None, &command).await;
        id
    }
}
