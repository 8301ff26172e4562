//! Figures of the exchange for `/metrics` that one has to look up: most of them once a second, health less often.

use std::sync::Arc;
use std::time::Duration;

use api::Exchange;
use http::{Connections, Metrics, tell_ready};
use runtime::Shutdown;
use trading::Markets;

use crate::shape::Shape;

/// How often figures are looked up.
const EVERY: Duration = Duration::from_secs(1);
/// How often health is, which asks others.
const HEALTH_EVERY: Duration = Duration::from_secs(5);

/// Looks the figures up until the program stops.
pub(crate) async fn watch(shape: Shape, connections: Connections, metrics: Metrics, shutdown: Shutdown) {
    tokio::select! {
        () = shutdown.wait() => {}
        () = watch_figures(&shape, &connections, &metrics) => {}
        () = watch_health(shape.exchange()) => {}
    }
}

async fn watch_figures(shape: &Shape, connections: &Connections, metrics: &Metrics) {
    let mut ticks = tokio::time::interval(EVERY);
    let exchange = shape.exchange();
    let mut shown: Option<Arc<Markets>> = None;
    loop {
        ticks.tick().await;
        let markets = exchange.markets();
        if shown.as_ref().is_none_or(|shown| !Arc::ptr_eq(shown, &markets)) {
            api::show_figures(&markets);
            shown = Some(markets);
        }
        look(shape, connections);
        metrics.tidy();
    }
}

async fn watch_health(exchange: Arc<dyn Exchange>) {
    let mut ticks = tokio::time::interval(HEALTH_EVERY);
    loop {
        ticks.tick().await;
        let needs = exchange.health().await.dependencies;
        tell_ready(needs.iter().map(|(name, trouble)| (*name, trouble.is_none())));
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "metrics are floats, and none of these passes 2^53"
)]
fn look(shape: &Shape, connections: &Connections) {
    shape.measure();
    metrics::gauge!("http_connections_open").set(connections.open() as f64);
    metrics::gauge!("intake_capacity").set(shape.capacity() as f64);
}
