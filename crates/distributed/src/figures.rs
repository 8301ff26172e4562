//! Figures of the broker and of Redis for `/metrics`, which one has to look up.

use messaging::{Link, PublishCounts};
use persistence::redis::Redis;

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
