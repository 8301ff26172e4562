//! A flow of orders that trade with each other, through all gateways, for as long as it is let.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use testbed::Member;
use tokio::task::JoinSet;

use super::operator::Caller;

/// Between two orders of a task.
const BETWEEN: Duration = Duration::from_millis(150);
/// How many tasks ask one gateway, half of them to buy.
const TASKS: usize = 8;

/// Goes on until it is stopped, whatever the answers.
pub struct Flow {
    over: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    tasks: JoinSet<()>,
}

impl Flow {
    /// Begins.
    ///
    /// # Errors
    /// There are no tokens to be had.
    pub fn start(gateways: &[&Member]) -> Result<Self> {
        let (over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        for gateway in gateways {
            for (user, side) in [("alice", "SELL"), ("bob", "BUY")] {
                let caller = Caller::at(gateway, user)?;
                for _ in 0..TASKS / 2 {
                    let caller = caller.clone();
                    let (over, asked) = (Arc::clone(&over), Arc::clone(&asked));
                    tasks.spawn(async move {
                        while !over.load(Ordering::Relaxed) {
                            // An answer of any kind will do: faults are what this is for.
                            drop(caller.place("BTC/USDT", side, "50000", "0.0001").await);
                            asked.fetch_add(1, Ordering::Relaxed);
                            tokio::time::sleep(BETWEEN).await;
                        }
                    });
                }
            }
        }
        Ok(Self { over, asked, tasks })
    }

    /// Ends it; how many orders were asked for.
    pub async fn stop(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        self.asked.load(Ordering::Relaxed)
    }
}
