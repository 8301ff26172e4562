//! One case's own market, assets and users, short ways to act on them, and the questions at the end.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use domain::{
    Amount, Asset, Band, ClientOrderId, FeeRate, Lots, Market, MarketDefinition, MarketNumber, Order,
    OrderRef, Price, Quantity, RejectReason, SelfTradePrevention, Side, Size, Symbol, Terms, TimeInForce,
    Trade, TransferKey, TransferKind, UserId,
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::behaviour::Venue;
use crate::{Caller, EntryError, Feeds, NewOrder, Operations, OrderEntry, Placed, Queries, Update};

/// How long an event may take; far more than any machine needs.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// More orders and trades than any case makes.
pub(super) const MANY: usize = 1_000;
/// Units of 1e-8 in one.
pub(super) const ONE: u64 = 100_000_000;

/// A market of whole ticks and whole lots (1 each) around a price of 100, and who trades in it.
///
/// Market orders trade between 90 and 110, limits lie between 50 and 150 and never above 1,000. Orders have 2 to 10,000
/// lots and are worth 150 at least. Makers pay 0.1 %, takers 0.2 %. A user may have 20 live orders.
pub(super) struct Stage<'a, V: Venue> {
    pub venue: &'a V,
    pub market: Arc<Market>,
    pub(super) users: Mutex<Vec<Caller>>,
    /// What came in less what went out, by asset, in units.
    pub(super) inside: Mutex<BTreeMap<Asset, i128>>,
    updates: tokio::sync::Mutex<Receiver<Arc<Update>>>,
}

pub(super) fn price(ticks: u32) -> Price {
    Price::from_ticks(ticks).expect("a case names prices above zero")
}

pub(super) fn lots(lots: u64) -> Quantity {
    Quantity::from_lots(Lots(lots)).expect("a case names quantities above zero")
}

pub(super) const fn whole(number: u64) -> Amount {
    Amount(number * ONE)
}

pub(super) fn client(text: &str) -> Option<ClientOrderId> {
    Some(text.parse().expect("a case names good client ids"))
}

/// An order in a few words: `PARTIALLY_FILLED 2/5`, `EXPIRED 0/5 immediate`.
pub(super) fn told(order: &Order) -> String {
    let (status, filled, all) = (order.state.status().word(), order.filled().0, order.quantity.0);
    match order.state.reason_code() {
        Some(reason) => format!("{status} {filled}/{all} {reason}"),
        None => format!("{status} {filled}/{all}"),
    }
}

/// Waits for all of them, each making progress while the others wait.
pub(super) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, output) in waiting.iter_mut().zip(&mut done) {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if done.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

impl<'a, V: Venue> Stage<'a, V> {
    /// A new market, open, with nothing in it.
    pub async fn open(venue: &'a V) -> Self {
        Self::with(venue, |_| {}).await
    }

    /// A new market whose usual definition is changed first.
    pub async fn with(venue: &'a V, change: impl FnOnce(&mut MarketDefinition)) -> Self {
        let updates = venue.exchange().updates();
        let mut definition = usual_definition(venue.fresh());
        change(&mut definition);
        let market = Market::new(definition.clone()).expect("a case's market keeps the rules");
        let defined = venue.exchange().define_market(definition).await;
        assert_eq!(defined, Ok(()), "a good market is defined");
        Self {
            venue,
            market: Arc::new(market),
            users: Mutex::default(),
            inside: Mutex::default(),
            updates: tokio::sync::Mutex::new(updates),
        }
    }

    pub fn exchange(&self) -> &'a V::Exchange {
        self.venue.exchange()
    }

    pub fn number(&self) -> MarketNumber {
        self.market.number()
    }

    pub fn base(&self) -> Asset {
        self.market.symbol().base
    }

    pub fn quote(&self) -> Asset {
        self.market.symbol().quote
    }

    /// A new user with so many whole base and quote.
    pub async fn user(&self, base: u64, quote: u64) -> Caller {
        let user = Caller {
            user_id: UserId::from_u128(u128::from(self.venue.fresh())),
            institution_id: None,
        };
        self.users
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(user);
        for (asset, amount) in [(self.base(), base), (self.quote(), quote)] {
            if amount > 0 {
                let key = self.key();
                let done = self
                    .transfer(TransferKind::Deposit, &key, user, asset, whole(amount))
                    .await;
                assert!(done.is_ok(), "a deposit is taken: {done:?}");
            }
        }
        user
    }

    /// A transfer key that was never used.
    pub fn key(&self) -> TransferKey {
        let key = format!("key-{}", self.venue.fresh());
        key.parse().expect("the key is short and plain")
    }

    /// Deposits or withdraws under a new key, and counts it.
    pub async fn transfer(
        &self,
        kind: TransferKind,
        key: &TransferKey,
        user: Caller,
        asset: Asset,
        amount: Amount,
    ) -> Result<domain::TransferReceipt, EntryError> {
        let receipt = self
            .exchange()
            .transfer(kind, key.clone(), user.user_id, asset, amount)
            .await?;
        let signed = match kind {
            TransferKind::Deposit => i128::from(amount.0),
            TransferKind::Withdrawal => -i128::from(amount.0),
        };
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        *inside.entry(asset).or_insert(0) += signed;
        Ok(receipt)
    }

    /// An order of these terms, good till cancelled.
    pub fn order(&self, side: Side, terms: Terms) -> NewOrder {
        NewOrder {
            market: self.number(),
            side,
            terms,
            time_in_force: TimeInForce::Gtc,
            self_trade_prevention: SelfTradePrevention::ExpireTaker,
            client_order_id: None,
            deadline: None,
        }
    }

    /// A limit order, good till cancelled.
    pub fn limit(&self, side: Side, quantity: u64, at: u32) -> NewOrder {
        let terms = Terms::Limit {
            price: price(at),
            quantity: lots(quantity),
            display: None,
            post_only: false,
        };
        self.order(side, terms)
    }

    /// A market order, immediate or cancel.
    pub fn at_market(&self, side: Side, size: Size) -> NewOrder {
        NewOrder {
            time_in_force: TimeInForce::Ioc,
            ..self.order(side, Terms::Market { size })
        }
    }

    pub async fn place(&self, user: Caller, order: NewOrder) -> Result<Placed, EntryError> {
        self.exchange().place(user, order).await
    }

    /// Places an order that must be taken as new.
    pub async fn placed(&self, user: Caller, order: NewOrder) -> Order {
        match self.place(user, order.clone()).await {
            Ok(Placed::New(order)) => Arc::unwrap_or_clone(order),
            other => panic!("expected a new order from {order:?}, got {other:?}"),
        }
    }

    /// Places a limit order that must be taken as new.
    pub async fn limits(&self, user: Caller, side: Side, quantity: u64, at: u32) -> Order {
        self.placed(user, self.limit(side, quantity, at)).await
    }

    /// Places an order that must be rejected; why it was.
    pub async fn rejected(&self, user: Caller, order: NewOrder) -> RejectReason {
        match self.place(user, order.clone()).await {
            Err(EntryError::Rejected(rejected)) => match rejected.state {
                domain::OrderState::Rejected(reason) => reason,
                other => panic!("a rejected order is in state {other:?}"),
            },
            other => panic!("expected a rejection of {order:?}, got {other:?}"),
        }
    }

    /// How an order stands now, in a few words.
    pub async fn stands(&self, user: Caller, order: &Order) -> String {
        told(&self.look(user, order).await)
    }

    /// An order as it is now.
    pub async fn look(&self, user: Caller, order: &Order) -> Order {
        let found = self.exchange().order(user, OrderRef::Id(order.order_id)).await;
        found.unwrap_or_else(|error| panic!("an order that was placed is found: {error}"))
    }

    /// What a user has: `base 5 + 2 reserved, quote 100 + 0 reserved`.
    pub async fn has(&self, user: Caller) -> String {
        let of = |balances: &[crate::AccountBalance], asset| {
            let found = balances.iter().find(|balance| balance.asset == asset);
            let (available, reserved) = found.map_or_else(Default::default, |b| (b.available, b.reserved));
            format!("{available} + {reserved}")
        };
        let balances = self.exchange().balances(user).await.expect("balances are told");
        let (base, quote) = (of(&balances, self.base()), of(&balances, self.quote()));
        format!("base {base}, quote {quote}")
    }

    /// The book, best first: `bids 5@99 2@98 asks 3@101`.
    pub async fn book(&self) -> String {
        let depth = self
            .exchange()
            .depth(self.number(), MANY)
            .await
            .expect("the depth is told");
        let side = |levels: &[crate::LevelView]| -> String {
            let level = |l: &crate::LevelView| format!(" {}@{}", l.quantity.0, l.price.ticks());
            levels.iter().map(level).collect()
        };
        format!("bids{} asks{}", side(&depth.bids), side(&depth.asks))
    }

    pub async fn trades(&self) -> Vec<Trade> {
        self.exchange()
            .trades(self.number(), MANY)
            .await
            .expect("the trades are told")
    }

    /// The next update; none where the case had so many that this receiver fell behind.
    pub async fn next_update(&self) -> Option<Arc<Update>> {
        let mut updates = self.updates.lock().await;
        let next = tokio::time::timeout(PATIENCE, updates.recv()).await;
        let next = next.expect("updates of what was answered arrive");
        match next {
            Ok(update) => Some(update),
            Err(RecvError::Lagged(_)) => None,
            Err(RecvError::Closed) => panic!("the exchange stopped"),
        }
    }
}

/// The usual definition for this fresh number.
pub(super) fn usual_definition(number: u32) -> MarketDefinition {
    let asset = |letter| {
        format!("{letter}{number}")
            .parse()
            .expect("a letter and at most 7 digits")
    };
    MarketDefinition {
        number: MarketNumber(number),
        symbol: Symbol {
            base: asset('B'),
            quote: asset('Q'),
        },
        tick: whole(1),
        lot: whole(1),
        min_quantity: Lots(2),
        max_quantity: Lots(10_000),
        max_price: price(1_000),
        min_notional: whole(150),
        market_band: Some(Band(1_000)),
        limit_band: Some(Band(5_000)),
        initial_price: Some(price(100)),
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(200_000),
        max_open_orders: 20,
    }
}
