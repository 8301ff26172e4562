//! Rates that all gateways count together: one call of one script.

use std::sync::LazyLock;

use redis::Script;

use super::{Redis, RedisError};

/// A leaky bucket as one number, the moment at which it is full again (GCRA), by the server's clock.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local each = 1000000 / tonumber(ARGV[1])
local burst = tonumber(ARGV[2])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local after = full + tonumber(ARGV[3]) * each
local wait = after - burst * each - now
if wait > 0.5 then
  return {0, math.floor(burst - (full - now) / each + 0.000001), math.ceil(full - now), math.ceil(wait)}
end
redis.call('SET', KEYS[1], string.format('%.3f', after), 'PX', math.ceil((after - now) / 1000) + 1)
return {1, math.floor(burst - (after - now) / each + 0.000001), math.ceil(after - now), 0}
",
    )
});

/// What became of a request to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// Whether it was paid. All or nothing is.
    pub paid: bool,
    /// What the bucket holds now.
    pub remaining: u32,
    /// Microseconds until it is full again.
    pub full_after_micros: u64,
    /// Microseconds until what was refused can be paid.
    pub retry_after_micros: u64,
}

/// Buckets in Redis.
#[derive(Debug, Clone)]
pub struct SharedRates(Redis);

impl SharedRates {
    /// Buckets in this Redis.
    pub const fn new(redis: Redis) -> Self {
        Self(redis)
    }

    /// Takes `cost` out of the bucket of this name, which fills at `rate_per_second` up to `burst`. A cost above the burst
    /// can never be paid: the caller looks before.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn take(
        &self,
        name: &str,
        rate_per_second: u32,
        burst: u32,
        cost: u32,
    ) -> Result<Spent, RedisError> {
        let key = self.0.key("rate", name);
        let arguments = [rate_per_second.max(1), burst.max(1), cost].map(|number| number.to_string());
        let arguments = arguments.each_ref().map(|text| text.as_bytes());
        let (paid, remaining, full, retry): (u8, i64, u64, u64) =
            self.0.run(&TAKE, &[&key], &arguments).await?;
        Ok(Spent {
            paid: paid == 1,
            remaining: u32::try_from(remaining.max(0)).unwrap_or(u32::MAX),
            full_after_micros: full,
            retry_after_micros: retry,
        })
    }
}
