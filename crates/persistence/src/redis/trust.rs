//! Whether Redis is asked at present: where it does not answer, callers go on without it, and one of them tries again from
//! time to time.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use runtime::Clock;

use super::RedisError;

/// How long Redis is left alone after it did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// What all who ask one Redis know of it. After a failure it is left alone for a second; then one question goes out, and
/// all others go on without until that is answered.
#[derive(Debug)]
pub struct Trust {
    clock: Clock,
    /// The moment of the monotonic clock, in milliseconds, from which one may try again; 0: it answers.
    again_at: AtomicU64,
}

impl Trust {
    /// In the beginning it is trusted.
    pub const fn new(clock: Clock) -> Self {
        Self {
            clock,
            again_at: AtomicU64::new(0),
        }
    }

    fn pause(&self) -> u64 {
        let until = self.clock.monotonic() + PAUSE;
        u64::try_from(until.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Whether a question may go out; one that may although Redis has failed is a trial, and the only one of its pause.
    fn admits(&self) -> bool {
        let again_at = self.again_at.load(Ordering::Acquire);
        if again_at == 0 {
            return true;
        }
        let is_time = self.clock.monotonic().as_millis() >= u128::from(again_at);
        let (mine, order) = (self.pause(), Ordering::AcqRel);
        is_time
            && (self.again_at)
                .compare_exchange(again_at, mine, order, Ordering::Relaxed)
                .is_ok()
    }

    /// Asks, unless Redis is left alone at present. None: there is no answer; what is wrong is told once.
    pub async fn ask<T>(
        &self,
        what: &'static str,
        question: impl Future<Output = Result<T, RedisError>>,
    ) -> Option<T> {
        if !self.admits() {
            return None;
        }
        match question.await {
            Ok(answer) => {
                if self.again_at.swap(0, Ordering::AcqRel) != 0 {
                    tracing::info!(what, "Redis answers again");
                }
                Some(answer)
            }
            Err(error) => {
                if self.again_at.swap(self.pause(), Ordering::AcqRel) == 0 {
                    tracing::warn!(what, %error, "this program goes on without Redis");
                }
                None
            }
        }
    }
}
