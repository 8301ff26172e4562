//! What a worker says of itself: how each of its shards stands.

use std::sync::Arc;

use distributed::shard::{ShardState, Status};
use messaging::Link;
use serde_json::{Value, json};

use crate::listener::Readiness;

/// What is asked.
#[derive(Clone)]
pub(super) struct State {
    shards: Arc<Vec<(u32, Status)>>,
    link: Arc<Link>,
}

impl State {
    pub(super) fn new(shards: Vec<(u32, Status)>, link: Arc<Link>) -> Self {
        Self {
            shards: Arc::new(shards),
            link,
        }
    }
}

impl Readiness for State {
    /// Whether every shard is served, by this worker or another; and how each stands.
    fn look(&self) -> (bool, Value) {
        let mut ready = true;
        let shards = self.shards.iter().map(|(shard, status)| {
            let now = status.now();
            let (state, trouble) = match now.state {
                ShardState::StandBy { trouble } => ("stand_by", trouble),
                ShardState::Loading => ("loading", None),
                ShardState::Owned => ("owned", None),
                ShardState::Halted(why) => ("halted", Some(why)),
            };
            ready &= trouble.is_none();
            json!({
                "shard": shard,
                "state": state,
                "trouble": trouble,
                "epoch": now.epoch,
                "seq": now.seq,
                "published": now.published,
                "settled": now.settled,
            })
        });
        let shards: Vec<Value> = shards.collect();
        // Without the broker a worker goes on, slower: it looks by itself.
        let body = json!({
            "status": if ready { "ready" } else { "not_ready" },
            "shards": shards,
            "rabbitmq": self.link.trouble(),
        });
        (ready, body)
    }
}
