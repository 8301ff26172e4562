//! Short-lived things that one gateway keeps and any may take, once: tickets, signatures that were seen.

use std::time::Duration;

use super::{Redis, RedisError};

/// Values under names of one kind.
#[derive(Debug, Clone)]
pub struct Kept {
    redis: Redis,
    kind: &'static str,
}

impl Kept {
    /// Values of this kind in this Redis.
    pub const fn new(redis: Redis, kind: &'static str) -> Self {
        Self { redis, kind }
    }

    /// Keeps a value for a while, unless there is one; whether it was kept. Asked once only: the second time would find the
    /// value of the first.
    ///
    /// # Errors
    /// Redis does not answer: it may be kept.
    pub async fn put(&self, name: &str, value: &[u8], life: Duration) -> Result<bool, RedisError> {
        let mut set = redis::cmd("SET");
        set.arg(self.redis.key(self.kind, name)).arg(value);
        set.arg("NX").arg("PX").arg(life.as_millis().max(1).to_string());
        let answer: Option<String> = self.redis.ask_once(&set).await?;
        Ok(answer.is_some())
    }

    /// Takes a value out: only one of those who ask at once gets it. Asked once only: the second time would find none.
    ///
    /// # Errors
    /// Redis does not answer: it may be gone.
    pub async fn take(&self, name: &str) -> Result<Option<Vec<u8>>, RedisError> {
        let mut take = redis::cmd("GETDEL");
        take.arg(self.redis.key(self.kind, name));
        self.redis.ask_once(&take).await
    }
}
