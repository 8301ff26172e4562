//! The embedded exchange and a shard with a wallet, side by side.

use std::collections::BTreeMap;

use distributed::fold::{Output, ShardFold, ShardRows};
use distributed::{Funding, PlaceOrder, ShardCommand, Told};
use domain::{
    Amend, Amount, Asset, Cancel, CancelAll, CancelReason, Command, DefineMarket, DefineTier, FeeRate, Lots,
    MarketDefinition, MarketNumber, Order, OrderId, OrderRef, Outcome, Place, Price, Quantity, RequestId,
    Reserve, Selection, SetAccountTier, SetMarketState, Stamp, Tier, Transfer, TransferKind, UserId,
};
use engine::{LiveMarket, OwnFees};
use exchange::Exchange;
use persistence::postgres::orders::StoredOrder;

use crate::moves::{MARKETS, Move, USERS, Wish};
use crate::wallet::Purse;
use crate::wishes::{definition, user, wished};

const ASSETS: [&str; 3] = ["ABC", "XYZ", "USD"];

pub struct Twins {
    pub exchange: Exchange,
    pub fold: ShardFold,
    pub purse: Purse,
    pub now: Stamp,
    /// The shard's tables.
    pub orders: BTreeMap<OrderId, StoredOrder>,
    pub markets: BTreeMap<MarketNumber, LiveMarket>,
    pub last_rank: u64,
    pub digest: u128,
    placed: Vec<(OrderId, UserId, MarketNumber)>,
    commands: u64,
}

impl Twins {
    /// Two markets, and so much of every asset for every user.
    pub fn open(units: u64) -> Self {
        let mut twins = Self {
            exchange: Exchange::new(1),
            fold: ShardFold::new(2),
            purse: Purse::new(),
            now: Stamp::from_micros(1_790_000_000_000_000),
            orders: BTreeMap::new(),
            markets: BTreeMap::new(),
            last_rank: 0,
            digest: 0,
            placed: Vec::new(),
            commands: 0,
        };
        for number in 0..MARKETS {
            twins.define(definition(number));
        }
        for number in 0..USERS {
            for asset in ASSETS {
                twins.fund(user(number), asset.parse().unwrap(), Amount(units));
            }
        }
        twins
    }

    fn fund(&mut self, user_id: UserId, asset: Asset, amount: Amount) {
        let transfer = Transfer {
            kind: TransferKind::Deposit,
            key: format!("{user_id}-{asset}").parse().unwrap(),
            user_id,
            asset,
            amount,
        };
        let mut out = exchange::Output::default();
        self.exchange
            .apply(self.now, &Command::Transfer(transfer.clone()), &mut out);
        self.purse.deposit(&transfer, self.now);
    }

    fn define(&mut self, definition: MarketDefinition) {
        let define = DefineMarket { definition };
        self.both(
            &Command::DefineMarket(define.clone()),
            &ShardCommand::DefineMarket(Box::new(define)),
        );
    }

    pub fn step(&mut self, step: &Move) {
        self.commands += 1;
        match step {
            Move::Place(wish) => self.place(wish),
            Move::Cancel { order } => self.cancel(*order),
            Move::Amend {
                order,
                price,
                lots,
                extra,
            } => self.amend(*order, *price, *lots, *extra),
            Move::CancelAll {
                user: number,
                market,
                side,
                by_operator,
            } => {
                let selection = Selection {
                    user_id: number.map(user),
                    market: market.map(MarketNumber),
                    side: *side,
                };
                self.cancel_all(selection, *by_operator);
            }
            Move::Wait { seconds } => self.now = self.now.plus_micros(seconds * 1_000_000),
            Move::State { market, state } => {
                let set = SetMarketState {
                    market: MarketNumber(*market),
                    state: *state,
                };
                self.both(&Command::SetMarketState(set), &ShardCommand::SetMarketState(set));
            }
            Move::Fees { market, maker, taker } => self.define(MarketDefinition {
                maker_fee: FeeRate(*maker),
                taker_fee: FeeRate(*taker),
                ..definition(*market)
            }),
            Move::Reload { hash_seed } => self.reload(*hash_seed),
        }
    }

    fn place(&mut self, wish: &Wish) {
        let Some(mut place) = wished(self.now, self.commands, wish) else {
            return;
        };
        self.exchange.prepare(&mut place);
        let fees = self.tier(place.user_id, wish.fees);
        self.placed.push((place.order_id, place.user_id, place.market));
        let funding = self.funding(&place, wish.extra);
        let order = PlaceOrder {
            place: place.clone(),
            fees,
            funding,
        };
        self.both(&Command::Place(place), &ShardCommand::Place(Box::new(order)));
    }

    /// Puts a user into a tier with these fees; the register is a table in the distributed exchange.
    fn tier(&mut self, user_id: UserId, fees: Option<u32>) -> OwnFees {
        let rate = fees.map(FeeRate);
        let tier = Tier {
            name: "own".parse().unwrap(),
            orders_per_second: None,
            maker_fee: rate,
            taker_fee: rate,
        };
        let name = rate.map(|_| tier.name.clone());
        let mut out = exchange::Output::default();
        let tier = Command::DefineTier(DefineTier { tier });
        self.exchange.apply(self.now, &tier, &mut out);
        let join = Command::SetAccountTier(SetAccountTier { user_id, tier: name });
        self.exchange.apply(self.now, &join, &mut out);
        OwnFees {
            maker: rate,
            taker: rate,
        }
    }

    /// What a gateway would ask of the wallet, and its answer.
    fn funding(&mut self, place: &Place, extra: u64) -> Funding {
        let market = self.fold.engine().market(place.market).unwrap().clone();
        let Some(worst) = place.terms.price().or(place.protection_price) else {
            return Funding::None;
        };
        let Some(amount) = market.reservation_of_any(place.side, place.terms.size(), worst) else {
            return Funding::Refused;
        };
        let (asset, receives) = market.symbol().paid_and_received(place.side);
        let reserve = Reserve {
            order_id: place.order_id,
            request_id: None,
            user_id: place.user_id,
            asset,
            receives,
            amount,
        };
        self.purse.reserve(&reserve, extra)
    }

    fn chosen(&self, order: usize) -> Option<(OrderId, UserId, MarketNumber)> {
        let at = self.placed.len().checked_sub(1 + order)?;
        Some(self.placed[at])
    }

    fn cancel(&mut self, order: usize) {
        let Some((order_id, user_id, market)) = self.chosen(order) else {
            return;
        };
        let command = ShardCommand::Cancel {
            user_id,
            order_id,
            market,
            received_at: self.now,
        };
        let order = OrderRef::Id(order_id);
        self.both(&Command::Cancel(Cancel { user_id, order }), &command);
    }

    fn amend(&mut self, order: usize, price: Option<u32>, lots: Option<u64>, extra: u64) {
        let Some((order_id, user_id, market)) = self.chosen(order) else {
            return;
        };
        let amend = Amend {
            request_id: RequestId::at(self.now, self.commands),
            user_id,
            order: OrderRef::Id(order_id),
            price: price.and_then(Price::from_ticks),
            quantity: lots.and_then(|lots| Quantity::from_lots(Lots(lots))),
        };
        let command = ShardCommand::Amend {
            funding: self.amend_funding(order_id, &amend, extra),
            amend: amend.clone(),
            market,
            received_at: self.now,
        };
        self.both(&Command::Amend(amend), &command);
    }

    fn amend_funding(&mut self, order_id: OrderId, amend: &Amend, extra: u64) -> Funding {
        let Some(live) = self.fold.engine().live_order(order_id) else {
            return Funding::None;
        };
        let order: &Order = &live.order;
        let market = self.fold.engine().market(order.market).unwrap().clone();
        let Ok(terms) = order.terms.amended(amend.price, amend.quantity) else {
            return Funding::None;
        };
        let quantity = market.lots(terms.size());
        if quantity <= order.quantity - order.remaining() {
            return Funding::None;
        }
        let resized = order.resized(&terms, quantity).unwrap();
        let needed = market.still_needed_of_any(&resized);
        let missing = needed.and_then(|needed| needed.checked_sub(live.reserved));
        let (asset, receives) = market.symbol().paid_and_received(order.side);
        match missing {
            Some(amount) if !amount.is_zero() => {
                let reserve = Reserve {
                    order_id,
                    request_id: Some(amend.request_id),
                    user_id: order.user_id,
                    asset,
                    receives,
                    amount,
                };
                self.purse.reserve(&reserve, extra)
            }
            _ => Funding::None,
        }
    }

    fn cancel_all(&mut self, selection: Selection, by_operator: bool) {
        let command = ShardCommand::CancelAll {
            selection,
            reason: if by_operator {
                CancelReason::Operator
            } else {
                CancelReason::MassCancel
            },
            by_operator,
            received_before: Stamp::FIRST,
        };
        let all = CancelAll {
            selection,
            by_operator,
        };
        self.both(&Command::CancelAll(all), &command);
    }

    /// One command in both, and what is due then; they must tell the same.
    fn both(&mut self, command: &Command, shard: &ShardCommand) {
        let (mut events, mut out) = (exchange::Output::default(), Output::default());
        while self.exchange.engine().is_due(self.now) {
            self.exchange.apply(self.now, &Command::Tick, &mut events);
            self.fold.apply(self.now, &ShardCommand::Tick, 0, &mut out);
        }
        let outcome = self.exchange.apply(self.now, command, &mut events);
        let told = self.fold.apply(self.now, shard, 0, &mut out).told.unwrap();
        compare(&outcome, &told);
        assert_eq!(events.events, out.events, "{command:?}");
        assert_eq!(out.unplaceable, []);
        self.commit(&out);
    }

    /// What an owner would write, and what the wallet does of it.
    pub fn commit(&mut self, out: &Output) {
        let changes = self.fold.changes(out);
        self.purse.settle(&out.money);
        for stored in changes.orders {
            if stored.order.state.is_final() {
                self.purse.close(stored.order.order_id);
            }
            self.orders.insert(stored.order.order_id, stored);
        }
        for market in changes.markets {
            self.markets.insert(market.definition.number, market);
        }
        self.last_rank = changes.last_rank;
        self.digest = changes.digest;
        self.fold.engine().check().unwrap();
    }

    pub fn rows(&self) -> ShardRows {
        let live = self
            .orders
            .values()
            .filter(|stored| !stored.order.state.is_final());
        ShardRows {
            last_rank: self.last_rank,
            last: self.fold.last(),
            markets: self.markets.values().cloned().collect(),
            orders: live.cloned().collect(),
            cutoffs: Vec::new(),
        }
    }

    pub fn reload(&mut self, hash_seed: u64) {
        let mut loaded = ShardFold::load(self.rows(), hash_seed).unwrap();
        assert_eq!(loaded.digest(), self.digest);
        self.fold = loaded;
    }

    /// Orders, reservations, balances and fees are the same in both.
    pub fn compare(&self) {
        for (id, stored) in &self.orders {
            assert_eq!(*self.exchange.order(*id).unwrap(), stored.order);
            assert_eq!(self.purse.held(*id), stored.fold.reserve_left);
        }
        assert_eq!(self.purse.reservations(), self.fold.engine().live_orders());
        for number in 0..USERS {
            let balances = |ledger: &ledger::Ledger| -> Vec<_> {
                let balances = ledger.balances(user(number));
                let plain = balances
                    .iter()
                    .map(|(asset, b)| (*asset, b.available, b.reserved));
                plain.collect()
            };
            assert_eq!(balances(&self.purse.ledger), balances(self.exchange.ledger()));
        }
        for asset in ASSETS {
            let asset: Asset = asset.parse().unwrap();
            assert_eq!(self.purse.ledger.fees(asset), self.exchange.ledger().fees(asset));
        }
        self.exchange.check().unwrap();
        self.purse.ledger.check().unwrap();
    }
}

/// What both answer.
fn compare(outcome: &Outcome, told: &Told) {
    match (outcome, told) {
        (Outcome::Placed(one), Told::Placed(other))
        | (Outcome::Cancelled(one), Told::Cancelled(other))
        | (Outcome::Amended(one), Told::Amended(other)) => assert_eq!(one, other),
        (Outcome::CancelledAll(one), Told::CancelledAll(other)) => assert_eq!(one, other),
        (Outcome::Done, Told::Done) | (Outcome::Refused(_), Told::Refused(_)) => {}
        other => panic!("{other:?}"),
    }
}
