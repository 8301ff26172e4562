//! What gateways share through Redis: rates and tickets. Where Redis does not answer, each gateway goes on alone.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use http::{LocalRates, RateKey, RateStore, RateStoreError, SignatureStore, Standing, TicketStore};
use persistence::redis::{Addresses, Kept, Redis, RedisOptions, SharedRates, Spent};
use runtime::Clock;
use runtime::settings::RedisSettings;

/// The longest wait for Redis: a request must not wait for it long.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long Redis is left alone after it did not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// Stands before every key.
const PREFIX: &str = "trade-engine:";

/// Redis as the settings describe it; it connects when it is first asked.
///
/// # Errors
/// An address makes no sense, or the file of root certificates cannot be read.
pub(crate) fn redis(settings: &RedisSettings) -> anyhow::Result<Redis> {
    let urls = |nodes| {
        settings
            .urls_of(nodes)
            .context("redis: must be a list of host:port")
    };
    let addresses = if !settings.cluster_nodes.is_empty() {
        Addresses::Cluster(urls(&settings.cluster_nodes)?)
    } else if settings.sentinels.is_empty() {
        Addresses::One(settings.connection_url())
    } else {
        Addresses::Sentinels {
            sentinels: urls(&settings.sentinels)?,
            master: settings.sentinel_master.clone(),
            pattern: settings.connection_url(),
        }
    };
    let roots = settings.root_certificate.as_ref();
    let read = |path: &PathBuf| {
        std::fs::read(path).with_context(|| format!("redis.root_certificate: {}", path.display()))
    };
    let options = RedisOptions {
        addresses,
        pool_size: usize::try_from(settings.pool_size)?,
        patience: PATIENCE,
        root_certificates: roots.map(read).transpose()?,
        prefix: PREFIX.to_owned(),
    };
    Ok(Redis::new(&options)?)
}

/// Whether Redis is asked at present. After a failure it is left alone for a second, so that not every request waits.
#[derive(Debug)]
struct Trust {
    clock: Clock,
    /// Not before this moment of the monotonic clock, in milliseconds.
    not_before: AtomicU64,
}

impl Trust {
    fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            not_before: AtomicU64::new(0),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    fn is_good(&self) -> bool {
        self.now() >= self.not_before.load(Ordering::Relaxed)
    }

    /// An answer, or none; what is wrong is told once a pause.
    fn answer<T>(&self, what: &'static str, answer: Result<T, persistence::redis::RedisError>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                let until = self.now() + u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX);
                if self.not_before.swap(until, Ordering::Relaxed) < self.now() {
                    tracing::warn!(what, %error, "this gateway goes on without Redis");
                }
                metrics::counter!("redis_fallbacks_total", "what" => what).increment(1);
                None
            }
        }
    }
}

/// Rates that all gateways count together; where Redis does not answer, this one counts alone.
pub(crate) struct GatewayRates {
    shared: SharedRates,
    alone: LocalRates,
    trust: Arc<Trust>,
}

impl GatewayRates {
    pub(crate) fn new(redis: Redis, clock: Clock) -> Self {
        Self {
            shared: SharedRates::new(redis),
            alone: LocalRates::new(clock.clone()),
            trust: Trust::new(clock),
        }
    }
}

#[async_trait]
impl RateStore for GatewayRates {
    async fn take(
        &self,
        key: RateKey,
        rate_per_second: u32,
        burst: u32,
        cost: u32,
    ) -> Result<Standing, RateStoreError> {
        if cost > burst {
            return Err(RateStoreError::AboveBurst { burst });
        }
        if self.trust.is_good() {
            let name = format!("{}:{}", key.user, key.bucket.name());
            let spent = self.shared.take(&name, rate_per_second, burst, cost).await;
            if let Some(spent) = self.trust.answer("rates", spent) {
                return Ok(standing(spent, burst));
            }
        }
        self.alone.take(key, rate_per_second, burst, cost).await
    }
}

fn standing(spent: Spent, burst: u32) -> Standing {
    let seconds = |micros: u64| u32::try_from(micros.div_ceil(1_000_000)).unwrap_or(u32::MAX);
    Standing {
        limit: burst,
        remaining: spent.remaining,
        reset_secs: seconds(spent.full_after_micros),
        retry_after: (!spent.paid).then(|| seconds(spent.retry_after_micros).max(1)),
    }
}

/// Tickets that every gateway finds.
pub(crate) struct GatewayTickets {
    kept: Kept,
    trust: Arc<Trust>,
}

impl GatewayTickets {
    pub(crate) fn new(redis: Redis, clock: Clock) -> Self {
        Self {
            kept: Kept::new(redis, "ticket"),
            trust: Trust::new(clock),
        }
    }
}

#[async_trait]
impl TicketStore for GatewayTickets {
    async fn keep(&self, name: &str, contents: &[u8], life: Duration) -> bool {
        if !self.trust.is_good() {
            return false;
        }
        let kept = self.kept.put(name, contents, life).await;
        self.trust.answer("tickets", kept).unwrap_or(false)
    }

    async fn take(&self, name: &str) -> Option<Vec<u8>> {
        if !self.trust.is_good() {
            return None;
        }
        let taken = self.kept.take(name).await;
        self.trust.answer("tickets", taken).flatten()
    }
}

/// Signatures that any gateway has taken.
pub(crate) struct GatewaySignatures {
    kept: Kept,
    trust: Arc<Trust>,
}

impl GatewaySignatures {
    pub(crate) fn new(redis: Redis, clock: Clock) -> Self {
        Self {
            kept: Kept::new(redis, "signature"),
            trust: Trust::new(clock),
        }
    }
}

#[async_trait]
impl SignatureStore for GatewaySignatures {
    async fn is_first(&self, name: &str, life: Duration) -> Option<bool> {
        if !self.trust.is_good() {
            return None;
        }
        let kept = self.kept.put(name, b"", life).await;
        self.trust.answer("signatures", kept)
    }
}
