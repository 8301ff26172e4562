//! Cached books: the newest wins, whoever writes last. A market's sequence has no gap and goes on wherever the market
//! moves, so it alone says which book is the newest; a shard's epoch would not.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use super::{Redis, RedisError};

/// Writes unless what is there is newer; what is as new lives on. Numbers come padded, so that they compare as text.
static PUT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local known = redis.call('HGET', KEYS[1], 'seq')
if known and known > ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if known == ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'seq', ARGV[1], 'book', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
",
    )
});

/// The largest book that is kept, in bytes.
const LARGEST: usize = 1 << 20;

/// A book as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedBook {
    /// The market's sequence that it shows.
    pub seq: u64,
    /// The book, as its writer encoded it.
    pub book: Vec<u8>,
}

/// The cache of books.
#[derive(Debug, Clone)]
pub struct BookCache {
    redis: Redis,
    life: Duration,
}

impl BookCache {
    /// Books in this Redis; one that nobody renews is forgotten after `life`.
    pub const fn new(redis: Redis, life: Duration) -> Self {
        Self { redis, life }
    }

    /// Keeps a book unless a newer one is there; whether it was kept.
    ///
    /// # Errors
    /// Redis does not answer, or the book is larger than 1 MiB.
    pub async fn put(&self, market: &str, book: &CachedBook) -> Result<bool, RedisError> {
        if book.book.len() > LARGEST {
            return Err(RedisError(format!(
                "the book of {market} is larger than {LARGEST} bytes"
            )));
        }
        let seq = format!("{:020}", book.seq);
        let life = self.life.as_millis().to_string();
        let key = self.redis.key("book", market);
        let arguments: [&[u8]; 3] = [seq.as_bytes(), &book.book, life.as_bytes()];
        let kept: u8 = self.redis.run(&PUT, &[&key], &arguments).await?;
        Ok(kept == 1)
    }

    /// The newest book of a market.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn get(&self, market: &str) -> Result<Option<CachedBook>, RedisError> {
        let key = self.redis.key("book", market);
        let mut ask = redis::cmd("HMGET");
        ask.arg(key).arg("seq").arg("book");
        let (seq, book): (Option<String>, Option<Vec<u8>>) = self.redis.ask(&ask).await?;
        let seq = seq.and_then(|seq| seq.parse().ok());
        Ok(seq.zip(book).map(|(seq, book)| CachedBook { seq, book }))
    }
}
