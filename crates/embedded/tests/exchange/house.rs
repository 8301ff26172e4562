//! A directory, a clock and a record of fatal faults, in which exchanges are opened, stopped and opened again.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{
    Amount, Band, FeeRate, Lots, MarketDefinition, MarketNumber, Order, Price, Quantity, SelfTradePrevention,
    Side, Terms, TimeInForce, TransferKind, UserId,
};
use embedded::{Embedded, Fatal, HistoryLimits, OpenError, Opened, Options};
use exchange::{Exchange, LogEntry, Output};
use runtime::ManualClock;
use tempfile::TempDir;
use trading::{Caller, EntryError, NewOrder, Operations, OrderEntry, Placed};

/// 2027-01-15T08:00:00Z.
pub const MORNING_US: u64 = 1_800_000_000_000_000;
/// A condition that a test waits for may take this long; far more than any machine needs.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct House {
    pub dir: TempDir,
    pub clock: ManualClock,
    faults: Arc<Mutex<Vec<String>>>,
}

impl House {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            clock: ManualClock::at(MORNING_US),
            faults: Arc::default(),
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Options with the manual clock, long waits, and a fatal hook that takes notes.
    pub fn options(&self) -> Options {
        let faults = Arc::clone(&self.faults);
        Options {
            clock: self.clock.clone().into(),
            answer_timeout: PATIENCE,
            min_free_bytes: 0,
            // A test that lets a day pass must not find that history waits since yesterday.
            history: HistoryLimits {
                age: Duration::MAX,
                ..HistoryLimits::default()
            },
            fatal: Fatal::new(move |reason| faults.lock().unwrap().push(reason.to_owned())),
            ..Options::new(self.path().to_path_buf())
        }
    }

    /// What the fatal hook was told.
    pub fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap().clone()
    }

    pub fn open(&self) -> (Embedded, Opened) {
        self.open_with(|_| {})
    }

    pub fn open_with(&self, change: impl FnOnce(&mut Options)) -> (Embedded, Opened) {
        self.try_open(change).unwrap()
    }

    pub fn try_open(&self, change: impl FnOnce(&mut Options)) -> Result<(Embedded, Opened), OpenError> {
        let mut options = self.options();
        change(&mut options);
        Embedded::open(options, vec![market("BTC/USDT")])
    }
}

/// The number of the first market.
pub const BTC: MarketNumber = MarketNumber(1);

/// A market of whole ticks and lots without bands, fees of 0.1 %, and room for many orders.
pub fn market(symbol: &str) -> MarketDefinition {
    MarketDefinition {
        number: MarketNumber(0),
        symbol: symbol.parse().unwrap(),
        tick: whole(1),
        lot: whole(1),
        min_quantity: Lots(1),
        max_quantity: Lots(10_000),
        max_price: price(10_000),
        min_notional: whole(1),
        market_band: Some(Band(1_000)),
        limit_band: None,
        initial_price: Some(price(100)),
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(100_000),
        max_open_orders: 10_000,
    }
}

pub fn price(ticks: u32) -> Price {
    Price::from_ticks(ticks).unwrap()
}

pub fn lots(number: u64) -> Quantity {
    Quantity::from_lots(Lots(number)).unwrap()
}

pub const fn whole(number: u64) -> Amount {
    Amount(number * 100_000_000)
}

pub const fn user(number: u128) -> Caller {
    Caller {
        user_id: UserId::from_u128(number),
        institution_id: None,
    }
}

pub const ALICE: Caller = user(1);
pub const BOB: Caller = user(2);

/// A limit order in the first market, good till cancelled.
pub fn limit(side: Side, quantity: u64, at: u32) -> NewOrder {
    NewOrder {
        market: BTC,
        side,
        terms: Terms::Limit {
            price: price(at),
            quantity: lots(quantity),
            display: None,
            post_only: false,
        },
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        client_order_id: None,
        deadline: None,
    }
}

/// Gives users plenty of both assets.
pub async fn fund(exchange: &Embedded, users: &[Caller]) {
    for user in users {
        for asset in ["BTC", "USDT"] {
            let key = format!("{asset}-{}", user.user_id).parse().unwrap();
            let kind = TransferKind::Deposit;
            let done = exchange.transfer(kind, key, user.user_id, asset.parse().unwrap(), whole(1_000_000));
            done.await.unwrap();
        }
    }
}

/// Places an order that must be taken as new.
pub async fn placed(exchange: &Embedded, caller: Caller, order: NewOrder) -> Order {
    match exchange.place(caller, order).await {
        Ok(Placed::New(order)) => Arc::unwrap_or_clone(order),
        other => panic!("expected a new order, got {other:?}"),
    }
}

/// Whether something was not done, for now, for this reason.
pub fn is_unavailable<T>(answer: &Result<T, EntryError>, why: &str) -> bool {
    matches!(answer, Err(EntryError::Unavailable { reason, .. }) if reason.contains(why))
}

/// Waits until it holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let rounds = PATIENCE.as_millis() / 5;
    for _ in 0..rounds {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain until {what}");
}

/// The exchange made again from the whole log, archive and journal.
pub fn replayed(dir: &Path) -> Exchange {
    let mut exchange = Exchange::new(7);
    let everything = journal::ReadOptions {
        to_seq: None,
        include_archive: true,
    };
    let mut reader = journal::Reader::open(dir, 1, everything).unwrap();
    let mut out = Output::default();
    while let Some((_, bytes)) = reader.next_entry().unwrap() {
        exchange
            .replay(&LogEntry::decode(bytes).unwrap(), &mut out)
            .unwrap();
    }
    exchange.check().unwrap();
    exchange
}
