//! What gateways share through Redis: rates and tickets. Where Redis does not answer, each gateway goes on alone.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use http::{LocalRates, RateKey, RateStore, RateStoreError, SignatureStore, Standing, TicketStore};
use persistence::redis::{Addresses, Kept, Redis, RedisError, RedisOptions, SharedRates, Spent, Trust};
use runtime::Clock;
use runtime::settings::RedisSettings;

/// The longest wait for Redis: a request must not wait for it long.
const PATIENCE: Duration = Duration::from_millis(100);
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
        max_retries: settings.max_retries,
        root_certificates: roots.map(read).transpose()?,
        prefix: PREFIX.to_owned(),
    };
    Ok(Redis::new(&options)?)
}

/// An answer of Redis; none: this gateway goes on alone.
async fn asked<T>(
    trust: &Trust,
    what: &'static str,
    question: impl Future<Output = Result<T, RedisError>>,
) -> Option<T> {
    let answer = trust.ask(what, question).await;
    if answer.is_none() {
        metrics::counter!("redis_fallbacks_total", "what" => what).increment(1);
    }
    answer
}

/// Rates that all gateways count together; where Redis does not answer, this one counts alone.
pub(crate) struct GatewayRates {
    shared: SharedRates,
    alone: LocalRates,
    trust: Arc<Trust>,
}

impl GatewayRates {
    pub(crate) fn new(redis: Redis, trust: Arc<Trust>) -> Self {
        Self {
            shared: SharedRates::new(redis),
            alone: LocalRates::new(Clock::System),
            trust,
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
        let name = format!("{}:{}", key.user, key.bucket.name());
        let take = self.shared.take(&name, rate_per_second, burst, cost);
        if let Some(spent) = asked(&self.trust, "rates", take).await {
            return Ok(standing(spent, burst));
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
    pub(crate) fn new(redis: Redis, trust: Arc<Trust>) -> Self {
        Self {
            kept: Kept::new(redis, "ticket"),
            trust,
        }
    }
}

#[async_trait]
impl TicketStore for GatewayTickets {
    async fn keep(&self, name: &str, contents: &[u8], life: Duration) -> bool {
        let kept = asked(&self.trust, "tickets", self.kept.put(name, contents, life));
        kept.await.unwrap_or(false)
    }

    async fn take(&self, name: &str) -> Option<Vec<u8>> {
        asked(&self.trust, "tickets", self.kept.take(name))
            .await
            .flatten()
    }
}

/// Signatures that any gateway has taken.
pub(crate) struct GatewaySignatures {
    kept: Kept,
    trust: Arc<Trust>,
}

impl GatewaySignatures {
    pub(crate) fn new(redis: Redis, trust: Arc<Trust>) -> Self {
        Self {
            kept: Kept::new(redis, "signature"),
            trust,
        }
    }
}

#[async_trait]
impl SignatureStore for GatewaySignatures {
    async fn is_first(&self, name: &str, life: Duration) -> Option<bool> {
        asked(&self.trust, "signatures", self.kept.put(name, b"", life)).await
    }
}
