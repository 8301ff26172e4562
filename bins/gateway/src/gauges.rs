//! Figures of the exchange for `/metrics`, looked up once a second.

use std::time::Duration;

use http::Connections;
use runtime::Shutdown;

use crate::shape::Shape;

/// How often they are looked up.
const EVERY: Duration = Duration::from_secs(1);

/// Looks the figures up until the program stops.
pub(crate) async fn watch(shape: Shape, connections: Connections, shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = shutdown.wait() => return,
            _ = ticks.tick() => look(&shape, &connections),
        }
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "metrics are floats, and none of these passes 2^53"
)]
fn look(shape: &Shape, connections: &Connections) {
    shape.measure();
    metrics::gauge!("http_connections_open").set(connections.open() as f64);
}
