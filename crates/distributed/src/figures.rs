//! Figures for `/metrics`: those of the broker, of Redis and of the shards' lists, which one has to look up, and how long the
//! stages of an order take in a gateway.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use messaging::{Link, PublishCounts};
use metrics::{Histogram, gauge, histogram};
use persistence::postgres::ClockDifference;
use persistence::postgres::intake::Waiting;
use persistence::redis::Redis;

/// How long the stages of an order take in a gateway.
#[derive(Debug)]
pub(crate) struct Stages {
    pub store: Histogram,
    pub reserve: Histogram,
    pub hand: Histogram,
    pub outcome: Histogram,
}

impl Default for Stages {
    fn default() -> Self {
        let stage = |name: &'static str| histogram!("order_stage_duration_seconds", "stage" => name);
        Self {
            store: stage("store"),
            reserve: stage("reserve"),
            hand: stage("hand"),
            outcome: stage("outcome"),
        }
    }
}

/// Sets the age of the oldest order that is PENDING.
pub(crate) fn tell_pending(oldest: Option<Duration>) {
    gauge!("orders_pending_oldest_seconds").set(oldest.unwrap_or_default().as_secs_f64());
}

/// The shards whose lists were looked at: one where nothing waits any more is told as that.
#[derive(Debug, Default)]
pub(crate) struct WaitingCommands(Mutex<BTreeSet<u32>>);

impl WaitingCommands {
    /// Shows a shard, whether or not anything waits in its list.
    pub fn show(&self, shard: u32) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.insert(shard) {
            set_waiting(shard, 0, Duration::ZERO);
        }
    }

    /// Sets what waits in each shard's list.
    pub fn tell(&self, waiting: &[Waiting]) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.extend(waiting.iter().map(|of| of.shard));
        for shard in &*shown {
            let found = waiting.iter().find(|of| of.shard == *shard);
            let (count, oldest) = found.map_or((0, Duration::ZERO), |of| (of.count, of.oldest));
            set_waiting(*shard, count, oldest);
        }
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "metrics are floats, and none of these passes 2^53"
)]
fn set_waiting(shard: u32, count: u64, oldest: Duration) {
    let shard = shard.to_string();
    gauge!("commands_waiting", "shard" => shard.clone()).set(count as f64);
    gauge!("commands_oldest_seconds", "shard" => shard).set(oldest.as_secs_f64());
}

/// Sets what became of the messages of a link, and whether it is up.
pub fn measure_broker(link: &Link) {
    let PublishCounts {
        sent,
        confirmed,
        returned,
        nacked,
        unknown,
        dropped,
    } = link.publisher().counts();
    for (outcome, count) in [
        ("confirmed", confirmed),
        ("returned", returned),
        ("nacked", nacked),
        ("unknown", unknown),
        ("dropped", dropped),
    ] {
        metrics::counter!("broker_messages_total", "outcome" => outcome).absolute(count);
    }
    metrics::counter!("broker_messages_sent_total").absolute(sent);
    let is_up = link.trouble().is_none();
    metrics::gauge!("broker_up").set(f64::from(u8::from(is_up)));
}

/// Sets how many connections to Redis are open, and how many of these nobody uses.
#[allow(clippy::cast_precision_loss, reason = "a pool has far fewer than 2^53")]
pub fn measure_redis(redis: &Redis) {
    let (open, idle) = redis.connections();
    metrics::gauge!("redis_connections_open").set(open as f64);
    metrics::gauge!("redis_connections_idle").set(idle as f64);
}

/// Sets how far the database's clock is ahead of this machine's.
#[allow(
    clippy::cast_precision_loss,
    reason = "metrics are floats, and a clock that differs by centuries is no better told exactly"
)]
pub fn measure_clock(difference: &ClockDifference) {
    gauge!("clock_difference_seconds").set(difference.micros as f64 / 1_000_000.0);
}
