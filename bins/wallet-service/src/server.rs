//! Binding the listeners, serving, and stopping in order.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use anyhow::Context;
use http::{ConnectionCaps, Connections, Edge, EdgeLimits, Metrics, Program, TokenVerifier, TrustedProxies};
use runtime::settings::{Environment, WalletSettings};
use runtime::{Clock, Ids, Settings, Shutdown};
use wallet_client::Wallet;

use crate::state::State;
use crate::{guard, routes};

/// How long a caller may take to send its headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may idle; callers close theirs before.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Callers look whether it is ready at least so often.
const USUAL_DRAIN: Duration = Duration::from_secs(5);
/// The largest body of a single request, in bytes.
const BODY_BYTES: usize = 16 * 1024;
/// Callers are few, and each has a bounded number of connections.
const CONNECTIONS: ConnectionCaps = ConnectionCaps {
    per_address: 2_000,
    total: 10_000,
};

/// A wallet service that listens.
pub struct WalletService {
    /// Where its callers reach it.
    pub address: SocketAddr,
    /// Where `/metrics` is; none where `wallet.metrics_port` is 0.
    pub metrics: Option<SocketAddr>,
    state: State,
    servers: Vec<Server>,
    patience: Duration,
    drain: Duration,
}

/// Binds the listeners in front of a wallet. Ports 0 are any that are free; of metrics it is none.
///
/// # Errors
/// An address is taken, or the settings have no key that can check tokens.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn start(settings: &Settings, wallet: Arc<dyn Wallet>) -> anyhow::Result<WalletService> {
    let of = &settings.wallet;
    let verifier = Arc::new(guard::verifier(of)?);
    let bind = |port: u16| {
        TcpListener::bind((of.host.as_str(), port))
            .with_context(|| format!("cannot listen on {}:{port}", of.host))
    };
    let listener = bind(of.port)?;
    let address = listener.local_addr()?;
    let state = State::new(wallet, of.requests_in_flight);
    let mut servers = vec![serve(settings, listener, &state, &verifier)?];
    let mut metrics = None;
    if of.metrics_port != 0 && settings.monitoring.prometheus_enabled {
        let listener = bind(of.metrics_port)?;
        metrics = Some(listener.local_addr()?);
        servers.push(serve_metrics(settings, listener)?);
    }
    tracing::info!(%address, metrics = metrics.map(tracing::field::display), "listening");
    Ok(WalletService {
        address,
        metrics,
        state,
        servers,
        patience: settings.server.shutdown_timeout,
        drain: drain(settings),
    })
}

impl WalletService {
    /// Serves until it is told to stop; then readiness fails, and once callers had time to notice, what was begun is
    /// finished and nothing else is taken.
    ///
    /// # Errors
    /// A listener fails.
    pub async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let Self {
            state,
            servers,
            patience,
            drain,
            ..
        } = self;
        let handles: Vec<ServerHandle> = servers.iter().map(Server::handle).collect();
        let follower = tokio::spawn(state.clone().follow(shutdown.clone()));
        let stopper = tokio::spawn(async move {
            shutdown.wait().await;
            tracing::info!(?drain, "stopping: not ready any more");
            tokio::time::sleep(drain).await;
            tracing::info!("stopping: running requests are finished first");
            for handle in handles {
                handle.stop(true).await;
            }
        });
        // A server works only while it is polled.
        let running: Vec<_> = servers.into_iter().map(tokio::spawn).collect();
        let mut result = Ok(());
        for server in running {
            let served = server.await?.context("a listener failed");
            result = result.and(served);
        }
        for task in [follower, stopper] {
            task.abort();
        }
        if tokio::time::timeout(patience, state.rest()).await.is_err() {
            tracing::warn!(
                "stopped while requests were worked on: their callers ask again with the same keys"
            );
        }
        tracing::info!("stopped");
        result
    }
}

/// How long a request, and a transaction, may take: less than a try of a caller, so that the caller hears of it.
pub(crate) fn patience(wallet: &WalletSettings) -> Duration {
    wallet.timeout * 3 / 10
}

/// How long it goes on serving while it is not ready any more.
fn drain(settings: &Settings) -> Duration {
    let usual = match settings.environment {
        Environment::Development => Duration::ZERO,
        Environment::Staging | Environment::Production => USUAL_DRAIN,
    };
    settings.wallet.drain.unwrap_or(usual)
}

fn edge(settings: &Settings) -> Edge {
    let limits = EdgeLimits {
        body_bytes: BODY_BYTES,
        body_timeout: BODY_TIMEOUT,
        request_timeout: patience(&settings.wallet),
    };
    let ids = Ids::new(Clock::System);
    Edge::new(limits, move || ids.uuid_v4().to_string()).joining_callers()
}

fn serve(
    settings: &Settings,
    listener: TcpListener,
    state: &State,
    verifier: &Arc<TokenVerifier>,
) -> anyhow::Result<Server> {
    let edge = edge(settings);
    let connections = Connections::new(CONNECTIONS, TrustedProxies::default());
    let (state, verifier) = (state.clone(), Arc::clone(verifier));
    let server = HttpServer::new(move || {
        http::count_runtime();
        App::new()
            .app_data(web::Data::from(Arc::clone(&verifier)))
            .wrap(from_fn(guard::authenticate))
            .wrap(edge.clone())
            .configure(|config| routes::configure(config, &state))
    });
    let server = server
        .disable_signals()
        .on_connect(connections.on_connect())
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEADERS_TIMEOUT)
        .shutdown_timeout(settings.server.shutdown_timeout.as_secs())
        .listen(listener)?;
    Ok(server.run())
}

/// `/metrics`, and nothing else.
fn serve_metrics(settings: &Settings, listener: TcpListener) -> anyhow::Result<Server> {
    let (edge, metrics) = (
        edge(settings),
        Metrics::of(Program::Wallet, env!("CARGO_PKG_VERSION")),
    );
    let server = HttpServer::new(move || {
        http::count_runtime();
        App::new()
            .wrap(edge.clone())
            .app_data(web::Data::new(metrics.clone()))
            .configure(http::metrics_route)
    });
    let server = server
        .workers(1)
        .disable_signals()
        .client_request_timeout(HEADERS_TIMEOUT)
        .shutdown_timeout(1)
        .listen(listener)?;
    Ok(server.run())
}

#[cfg(test)]
mod tests {
    use wallet_client::HttpWalletOptions;

    use super::*;

    #[test]
    fn a_caller_hears_before_it_tries_again_that_a_request_took_too_long() {
        let settings = Settings::default();
        let options = HttpWalletOptions::of(&settings.wallet).unwrap();
        assert!(patience(&settings.wallet) < options.try_timeout);
    }

    #[test]
    fn callers_have_time_to_notice_that_it_stops_but_in_development() {
        let mut settings = Settings::default();
        assert_eq!(drain(&settings), Duration::ZERO);
        settings.environment = Environment::Production;
        assert_eq!(drain(&settings), Duration::from_secs(5));
        settings.wallet.drain = Some(Duration::from_secs(1));
        assert_eq!(drain(&settings), Duration::from_secs(1));
    }
}
