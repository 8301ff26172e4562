//! How much a user may ask for: the buckets, and the front that charges them.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::context::RequestContext;
use crate::{Problem, RateKey, RateStore, RateStoreError, Standing, StatusCode};

/// The smallest burst.
const MIN_BURST: u32 = 50;

/// The kinds of requests of a user that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// Everything but cancels.
    Orders,
    /// Cancels, so that whoever ran out of orders can still get out of them.
    Cancels,
}

impl Bucket {
    /// Its name in answers and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Cancels => "cancels",
        }
    }
}

/// Tells the rate of a user, in units per second; 0 stands for the default rate.
pub type RateOf = Arc<dyn Fn(Uuid) -> u32 + Send + Sync>;

/// Charges users for what they ask for.
pub struct RateLimits {
    store: Arc<dyn RateStore>,
    default_rate: AtomicU32,
    rate_of: Option<RateOf>,
}

impl RateLimits {
    /// The default rate of the default settings, in units per second.
    pub const DEFAULT_RATE: u32 = 10;

    /// Everybody has the default rate, counted in this store.
    pub fn new(store: Arc<dyn RateStore>, default_rate: u32) -> Self {
        Self {
            store,
            default_rate: AtomicU32::new(default_rate),
            rate_of: None,
        }
    }

    /// Asks for the rate of each user.
    #[must_use]
    pub fn with_rate_of(mut self, rate_of: RateOf) -> Self {
        self.rate_of = Some(rate_of);
        self
    }

    /// Changes the default rate for the requests to come.
    pub fn set_default_rate(&self, rate_per_second: u32) {
        self.default_rate.store(rate_per_second, Ordering::Relaxed);
    }

    /// Charges a request, and tells its sender in the answer's headers how the bucket stands, whatever the answer is.
    ///
    /// # Errors
    /// As [`RateLimits::charge_user`].
    pub async fn charge(
        &self,
        request: &HttpRequest,
        user: Uuid,
        bucket: Bucket,
        cost: u32,
    ) -> Result<(), Problem> {
        let (standing, charged) = self.take(user, bucket, cost).await;
        if let (Some(context), Some(standing)) = (RequestContext::of(request), standing) {
            context.standing.set(Some(standing));
        }
        charged
    }

    /// Charges what a session asks for.
    ///
    /// # Errors
    /// 429 `rate_limited` with Retry-After when the bucket is too empty; 429 `cost_above_burst` when even a full one is;
    /// 503 when rates cannot be counted, but never for cancels: those go through then.
    pub async fn charge_user(&self, user: Uuid, bucket: Bucket, cost: u32) -> Result<Standing, Problem> {
        let (standing, charged) = self.take(user, bucket, cost).await;
        charged.map(|()| standing.unwrap_or(UNCOUNTED))
    }

    async fn take(&self, user: Uuid, bucket: Bucket, cost: u32) -> (Option<Standing>, Result<(), Problem>) {
        let rate = self.rate_of.as_ref().map_or(0, |rate_of| rate_of(user));
        let rate = match rate {
            0 => self.default_rate.load(Ordering::Relaxed),
            rate => rate,
        };
        let key = RateKey { user, bucket };
        match self.store.take(key, rate, rate.max(MIN_BURST), cost).await {
            Ok(standing) => {
                let charged = match standing.retry_after {
                    None => Ok(()),
                    Some(secs) => Err(refused(bucket, secs)),
                };
                (Some(standing), charged)
            }
            Err(RateStoreError::AboveBurst { burst }) => (None, Err(above_burst(bucket, burst))),
            Err(RateStoreError::Unavailable(reason)) => {
                tracing::warn!(reason, bucket = bucket.name(), "rates cannot be counted");
                let charged = match bucket {
                    Bucket::Orders => Err(Problem::unavailable("rates cannot be counted", 1)),
                    Bucket::Cancels => Ok(()),
                };
                (None, charged)
            }
        }
    }
}

/// The standing of what goes through uncounted.
const UNCOUNTED: Standing = Standing {
    limit: 0,
    remaining: 0,
    reset_secs: 0,
    retry_after: None,
};

fn refused(bucket: Bucket, retry_after_secs: u32) -> Problem {
    let name = bucket.name();
    rate_limited(
        name,
        format!("the bucket of {name} is empty; try again in {retry_after_secs} s"),
        retry_after_secs,
    )
}

fn above_burst(bucket: Bucket, burst: u32) -> Problem {
    let name = bucket.name();
    crate::metrics::rate_limited(name);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "cost_above_burst").detail(format!(
        "this costs more than the bucket of {name} ever holds, which is {burst}; send fewer at once"
    ))
}

/// 429 with the seconds to wait, counted under this bucket.
pub(crate) fn rate_limited(
    bucket: &'static str,
    detail: impl Into<Cow<'static, str>>,
    retry_after_secs: u32,
) -> Problem {
    crate::metrics::rate_limited(bucket);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited")
        .detail(detail)
        .header(header::RETRY_AFTER, HeaderValue::from(retry_after_secs))
}

/// Tells in an answer how the bucket stands.
pub(crate) fn mark(headers: &mut HeaderMap, standing: &Standing) {
    for (name, number) in [
        ("ratelimit-limit", standing.limit),
        ("ratelimit-remaining", standing.remaining),
        ("ratelimit-reset", standing.reset_secs),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(number));
    }
}
