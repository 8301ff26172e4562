//! Figures of the exchange for `/metrics`, looked up once a second.

use std::sync::Arc;
use std::time::Duration;

use embedded::Embedded;
use http::Connections;
use runtime::Shutdown;
use trading::{HistoryLag, Queries};

/// How often they are looked up.
const EVERY: Duration = Duration::from_secs(1);

/// Looks the figures up until the program stops.
pub(crate) async fn watch(exchange: Arc<Embedded>, connections: Connections, shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = shutdown.wait() => return,
            _ = ticks.tick() => look(&exchange, &connections),
        }
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "metrics are floats, and none of these passes 2^53"
)]
fn look(exchange: &Embedded, connections: &Connections) {
    let HistoryLag {
        seq,
        records,
        bytes,
        millis,
    } = exchange.history_lag();
    metrics::gauge!("history_seq").set(seq as f64);
    metrics::gauge!("history_lag_records").set(records as f64);
    metrics::gauge!("history_lag_bytes").set(bytes as f64);
    metrics::gauge!("history_lag_seconds").set(millis as f64 / 1_000.0);
    metrics::gauge!("log_seq").set((seq + records) as f64);
    metrics::gauge!("writer_queue_jobs").set(exchange.waiting() as f64);
    metrics::gauge!("http_connections_open").set(connections.open() as f64);
}
