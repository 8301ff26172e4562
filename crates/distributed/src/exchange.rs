//! The exchange of one gateway: what it is made of, opening it and stopping it. The traits of `trading` are implemented
//! for it next to their parts: order entry, operations and accounts in `intake`, queries and feeds in `queries` and `feeds`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::Symbol;
use messaging::{Consumer, Link};
use persistence::postgres::Pool;
use persistence::postgres::views::MarketSeq;
use persistence::redis::Redis;
use runtime::{Clock, Ids};
use wallet_client::Wallet;

use crate::carrier::Carrier;
use crate::follow::Views;
use crate::health::LastHealth;
use crate::intake::{Intake, IntakeOptions, Neighbours};
use crate::queries::{Gathered, market_seqs};
use crate::sweeper::{self, Background};

/// How a gateway's exchange is set up.
#[derive(Clone)]
pub struct Options {
    /// The database.
    pub pool: Pool,
    /// The wallet.
    pub wallet: Arc<dyn Wallet>,
    /// Where time comes from.
    pub clock: Clock,
    /// Where ids come from.
    pub ids: Ids,
    /// How long a caller waits for an answer.
    pub answer_timeout: Duration,
    /// The most requests of order entry in flight; placements are refused above 80 % of it.
    pub in_flight: usize,
    /// How many updates a slow receiver may lie behind.
    pub updates_kept: usize,
    /// What gateways share besides; none: this one shares nothing.
    pub redis: Option<Redis>,
    /// Whether the books of all markets are kept there, for others to read.
    pub book_cache: bool,
    /// A machine's clock that differs more than this from the database's is not ready.
    pub clock_difference: Duration,
    /// The markets that there should be: its health tells which of them are not there yet.
    pub wanted: Vec<Symbol>,
}

impl Options {
    /// The usual options over these two.
    pub fn new(pool: Pool, wallet: Arc<dyn Wallet>) -> Self {
        Self {
            pool,
            wallet,
            clock: Clock::System,
            ids: Ids::new(Clock::System),
            answer_timeout: Duration::from_secs(2),
            in_flight: 8_192,
            updates_kept: 4_096,
            redis: None,
            book_cache: true,
            clock_difference: Duration::from_secs(1),
            wanted: Vec::new(),
        }
    }
}

/// Why an exchange cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the exchange cannot be opened: {0}")]
pub struct OpenError(pub(crate) String);

/// The distributed exchange as one gateway has it.
pub struct Distributed {
    pub(crate) options: Options,
    pub(crate) views: Views,
    pub(crate) intake: Arc<Intake>,
    /// How far every market has come in the database, for all who ask at the same time.
    pub(crate) market_seqs: Gathered<Vec<MarketSeq>>,
    pub(crate) last_health: LastHealth,
    link: Option<Arc<Link>>,
    /// Hears news for as long as it lives.
    _consumer: Option<Consumer>,
    _background: Background,
    stopping: AtomicBool,
}

impl Distributed {
    /// Opens it: it reads what the database has and follows it from there on.
    ///
    /// # Errors
    /// The database does not answer, or what it has makes no sense.
    pub async fn open(options: Options, carrier: Carrier) -> Result<Self, OpenError> {
        let Carrier {
            notices,
            news,
            link,
            consumer,
        } = carrier;
        let views = Views::open(&options, news).await?;
        let known = views.for_intake();
        let neighbours = Neighbours {
            wallet: Arc::clone(&options.wallet),
            outcomes: known.clone(),
            markets: known,
            notices,
        };
        let intake_options = IntakeOptions {
            pool: options.pool.clone(),
            clock: options.clock.clone(),
            ids: options.ids.clone(),
            answer_timeout: options.answer_timeout,
            capacity: options.in_flight,
            clock_difference: options.clock_difference,
        };
        let intake = Intake::open(intake_options, neighbours).await;
        let intake = intake.map_err(|error| OpenError(error.to_string()))?;
        Ok(Self {
            _background: sweeper::start(&intake, views.register()),
            intake,
            views,
            market_seqs: market_seqs(options.pool.clone()),
            last_health: LastHealth::default(),
            link,
            _consumer: consumer,
            stopping: AtomicBool::new(false),
            options,
        })
    }

    /// Nobody new should come: it says that it is not ready from now on.
    pub fn announce_stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.forget_health();
    }

    /// Takes nothing new, and waits until what was taken is done, at most so long. What is not done by then is done by the
    /// sweepers of other gateways.
    pub async fn stop(&self, patience: Duration) {
        self.announce_stop();
        if tokio::time::timeout(patience, self.intake.admission.close())
            .await
            .is_err()
        {
            let in_flight = self.in_flight();
            tracing::warn!(in_flight, "left to other gateways: what was not done in time");
        }
    }

    /// How many requests of order entry are in flight.
    pub fn in_flight(&self) -> usize {
        self.intake.admission.in_flight()
    }

    /// How many may be.
    pub fn capacity(&self) -> usize {
        self.options.in_flight
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// What is wrong with the link to the broker; none: nothing.
    pub(crate) fn broker_trouble(&self) -> Option<String> {
        self.link.as_ref().and_then(|link| link.trouble())
    }
}
