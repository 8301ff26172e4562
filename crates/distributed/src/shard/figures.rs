//! The figures of one shard in this process: shown from the start, and at 0 while another owns it.

use std::time::Duration;

use metrics::{Gauge, Histogram, counter, gauge, histogram};
use tokio::time::Instant;

use super::lag::Lag;

/// What is counted now and then.
const COUNTED: [&str; 12] = [
    "shard_blockers_ended_total",
    "shard_commit_errors_total",
    "shard_deaths_total",
    "shard_fenced_total",
    "shard_log_trimmed_total",
    "shard_publish_retries_total",
    "shard_repetitions_total",
    "shard_restarts_total",
    "shard_settle_retries_total",
    "shard_settlements_refused_total",
    "shard_takeovers_total",
    "shard_undecodable_total",
];

/// One who follows what is committed: the settler or the publisher.
#[derive(Debug)]
pub(super) struct Follower {
    lag: Lag,
    batches: Gauge,
    seconds: Gauge,
    stage: Histogram,
}

impl Follower {
    fn new(batches: Gauge, seconds: Gauge, stage: &'static str) -> Self {
        batches.set(0.0);
        seconds.set(0.0);
        Self {
            lag: Lag::default(),
            batches,
            seconds,
            stage: histogram!("order_stage_duration_seconds", "stage" => stage),
        }
    }

    fn followed(&mut self, seq: u64, last: u64) {
        self.lag.followed(seq, Instant::now(), |waited| {
            self.stage.record(waited.as_secs_f64());
        });
        self.behind(last.saturating_sub(seq));
    }

    fn behind(&self, batches: u64) {
        self.batches.set(batches as f64);
    }

    fn look(&self) {
        self.seconds.set(self.lag.age(Instant::now()).as_secs_f64());
    }

    fn rest(&mut self) {
        self.lag = Lag::default();
        self.behind(0);
        self.look();
    }
}

/// The figures of one shard.
#[derive(Debug)]
pub(super) struct Figures {
    shard: String,
    state: Gauge,
    epoch: Gauge,
    sequence: Gauge,
    load: Gauge,
    unsettled: Gauge,
    commands: Histogram,
    commit: Histogram,
    stage: Histogram,
    publisher: Follower,
    settler: Follower,
}

impl Figures {
    pub fn new(shard: u32) -> Self {
        let shard = shard.to_string();
        let of = |name: &'static str| {
            let gauge = gauge!(name, "shard" => shard.clone());
            gauge.set(0.0);
            gauge
        };
        for name in COUNTED {
            counter!(name, "shard" => shard.clone()).increment(0);
        }
        Self {
            state: of("shard_lease_state"),
            epoch: of("shard_epoch"),
            sequence: of("shard_sequence"),
            load: of("shard_load_seconds"),
            unsettled: of("shard_trades_unsettled"),
            commands: histogram!("shard_batch_commands", "shard" => shard.clone()),
            commit: histogram!("shard_commit_seconds", "shard" => shard.clone()),
            stage: histogram!("order_stage_duration_seconds", "stage" => "commit"),
            publisher: Follower::new(
                of("shard_publish_lag_batches"),
                of("shard_publish_lag_seconds"),
                "publish",
            ),
            settler: Follower::new(
                of("shard_settle_lag_batches"),
                of("shard_settle_lag_seconds"),
                "settle",
            ),
            shard,
        }
    }

    pub fn count(&self, what: &'static str, by: u64) {
        counter!(what, "shard" => self.shard.clone()).increment(by);
    }

    /// Nobody owns the shard here: what is left of an ownership is another's to tell.
    pub fn rest(&mut self) {
        for gauge in [&self.epoch, &self.sequence, &self.unsettled] {
            gauge.set(0.0);
        }
        self.publisher.rest();
        self.settler.rest();
    }

    pub fn state(&self, number: f64) {
        self.state.set(number);
    }

    /// The shard was taken over; what the owner before has left counts from now on.
    pub fn taken(&mut self, epoch: u64, seq: u64, published: u64, settled: u64) {
        self.epoch.set(epoch as f64);
        self.sequence.set(seq as f64);
        for (follower, done) in [(&mut self.publisher, published), (&mut self.settler, settled)] {
            follower.lag = Lag::default();
            if done < seq {
                follower.lag.committed(seq, 0, Instant::now());
            }
            follower.behind(seq.saturating_sub(done));
        }
    }

    pub fn loaded(&self, took: Duration) {
        self.load.set(took.as_secs_f64());
    }

    pub fn committed(&mut self, seq: u64, commands: usize, trades: u64, took: Duration) {
        self.sequence.set(seq as f64);
        self.commands.record(commands as f64);
        self.commit.record(took.as_secs_f64());
        self.stage.record(took.as_secs_f64());
        let now = Instant::now();
        self.publisher.lag.committed(seq, trades, now);
        self.settler.lag.committed(seq, trades, now);
    }

    pub fn followed(&self, published: u64, settled: u64, last: u64) {
        self.publisher.behind(last.saturating_sub(published));
        self.settler.behind(last.saturating_sub(settled));
    }

    pub fn published(&mut self, seq: u64, last: u64) {
        self.publisher.followed(seq, last);
    }

    pub fn settled(&mut self, seq: u64, last: u64) {
        self.settler.followed(seq, last);
    }

    /// Sets what changes while nothing happens.
    pub fn look(&self) {
        self.publisher.look();
        self.settler.look();
        self.unsettled.set(self.settler.lag.trades() as f64);
    }
}
