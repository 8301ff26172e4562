//! Keeps the best levels of every book in Redis, for services that do not want to ask a gateway. Beside everything else:
//! what is not kept in time is kept by the next turn, and nothing waits for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Market, MarketNumber, format_units};
use persistence::redis::{BookCache, CachedBook, Redis, RedisError};
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};
use trading::LevelView;

use super::Board;

/// A changed book is kept at most so often.
const EVERY: Duration = Duration::from_millis(100);
/// The levels of each side.
const LEVELS: usize = 100;
/// A book that nobody renews is forgotten after this time, and renewed after that.
const LIFE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(20));
/// How long Redis is left alone after it did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// A book as it is kept: the body of `GET /api/v1/markets/{symbol}/depth`.
#[derive(Debug, Serialize)]
struct Body {
    symbol: String,
    last_seq: u64,
    bids: Vec<[String; 2]>,
    asks: Vec<[String; 2]>,
}

/// Keeps books for as long as it runs.
pub(crate) struct Keeper {
    board: Arc<Board>,
    cache: BookCache,
    /// The sequence of each book that was kept, and when.
    kept: HashMap<MarketNumber, (u64, Instant)>,
}

impl Keeper {
    pub fn new(board: Arc<Board>, redis: Redis) -> Self {
        Self {
            board,
            cache: BookCache::new(redis, LIFE.0),
            kept: HashMap::new(),
        }
    }

    /// Keeps what has changed, again and again.
    pub async fn run(mut self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = false;
        loop {
            ticks.tick().await;
            match self.keep_changed().await {
                Ok(()) => told = false,
                Err(error) => {
                    metrics::counter!("book_cache_failures_total").increment(1);
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(%error, "books are not kept in Redis");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Keeps the books that have changed since they were kept, and those that would be forgotten.
    async fn keep_changed(&mut self) -> Result<(), RedisError> {
        for view in self.board.markets().all() {
            let number = view.market.number();
            let seq = self.board.seq(number);
            let is_known = |(kept, at): &(u64, Instant)| *kept == seq && at.elapsed() < LIFE.1;
            if self.kept.get(&number).is_some_and(is_known) {
                continue;
            }
            let Some((seq, book)) = self.book(&view.market) else {
                continue;
            };
            let symbol = view.market.symbol().to_string().replace('/', "-");
            let is_new = self.cache.put(&symbol, &CachedBook { seq, book }).await?;
            if is_new {
                metrics::counter!("book_cache_writes_total").increment(1);
            }
            self.kept.insert(number, (seq, Instant::now()));
        }
        Ok(())
    }

    /// A book of now, with its sequence.
    fn book(&self, market: &Market) -> Option<(u64, Vec<u8>)> {
        let depth = self.board.depth(market.number(), LEVELS)?;
        let row = |LevelView { price, quantity }: &LevelView| {
            // All orders of a level together may pass what one amount holds.
            let units = u128::from(quantity.0) * u128::from(market.definition().lot.0);
            [market.price_amount(*price).to_string(), format_units(units)]
        };
        let body = Body {
            symbol: market.symbol().to_string(),
            last_seq: depth.seq,
            bids: depth.bids.iter().map(row).collect(),
            asks: depth.asks.iter().map(row).collect(),
        };
        Some((depth.seq, serde_json::to_vec(&body).ok()?))
    }
}
