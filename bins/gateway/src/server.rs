//! Opening the exchange, binding the listeners, and stopping in order.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpServer};
use anyhow::{Context, bail};
use api::ApiState;
use domain::Stamp;
use embedded::{Embedded, Opened, Options};
use http::{Edge, EdgeLimits, IssuerSettings, JwtAlgorithm, JwtKeys, JwtSettings, TokenVerifier};
use runtime::settings::{Algorithm, Environment, Mode};
use runtime::{Clock, Ids, Settings, Shutdown};

use crate::{development, markets};

/// How long a client may take to send its headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);
/// How many verified tokens are remembered.
const TOKENS_REMEMBERED: usize = 10_000;
/// The longest wait for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// A gateway that listens.
pub struct Gateway {
    /// Where the public API listens.
    pub public: SocketAddr,
    /// Where operators' calls are taken; none where `metrics_port` is 0.
    pub admin: Option<SocketAddr>,
    exchange: Arc<Embedded>,
    public_server: Server,
    admin_server: Option<Server>,
}

/// Runs a gateway until it is told to stop.
///
/// # Errors
/// The exchange cannot be opened, or an address is taken.
pub async fn run(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    let gateway = start(&settings).await?;
    if settings.environment == Environment::Development {
        development::fund(&*gateway.exchange).await?;
        development::greet(&settings, gateway.public, gateway.admin)?;
    }
    gateway.run(shutdown).await
}

/// Whether this program can run in the mode of the settings.
///
/// # Errors
/// It cannot.
pub(crate) fn check_mode(settings: &Settings) -> anyhow::Result<()> {
    if settings.mode != Mode::Embedded {
        bail!("mode: must be embedded: this program contains no other exchange yet");
    }
    Ok(())
}

/// Opens the exchange and binds the listeners.
///
/// # Errors
/// The exchange cannot be opened, or an address is taken.
pub async fn start(settings: &Settings) -> anyhow::Result<Gateway> {
    check_mode(settings)?;
    let verifier = Arc::new(TokenVerifier::new(&jwt(settings))?);
    let listener = |port| {
        let address = (settings.server.host.as_str(), port);
        TcpListener::bind(address)
            .with_context(|| format!("cannot listen on {}:{port}", settings.server.host))
    };
    let public = listener(settings.server.http_port)?;
    let admin = match settings.server.metrics_port {
        0 => None,
        port => Some(listener(port)?),
    };
    let exchange = Arc::new(open(settings).await?);
    let state = ApiState {
        exchange: Arc::clone(&exchange) as Arc<dyn api::Exchange>,
        verifier,
        now: Arc::new(|| Stamp::from_micros(Clock::System.wall_us())),
        version: env!("CARGO_PKG_VERSION"),
    };
    let public_address = public.local_addr()?;
    let admin_address = admin.as_ref().map(TcpListener::local_addr).transpose()?;
    let both = settings.server.admin_on_public;
    let public_server = server(settings, public, state.clone(), true, both)?;
    let admin_server = admin.map(|admin| server(settings, admin, state, false, true));
    let admin_server = admin_server.transpose()?;
    let admin = admin_address.map(tracing::field::display);
    tracing::info!(public = %public_address, admin, "listening");
    Ok(Gateway {
        public: public_address,
        admin: admin_address,
        exchange,
        public_server,
        admin_server,
    })
}

impl Gateway {
    /// Serves until it is told to stop; then readiness fails, running requests finish, and a snapshot is written.
    ///
    /// # Errors
    /// A listener fails.
    pub async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let Self {
            exchange,
            public_server,
            admin_server,
            ..
        } = self;
        let servers = [Some(&public_server), admin_server.as_ref()];
        let handles: Vec<ServerHandle> = servers.into_iter().flatten().map(Server::handle).collect();
        let announced = Arc::clone(&exchange);
        let stopper = tokio::spawn(async move {
            shutdown.wait().await;
            announced.announce_stop();
            tracing::info!("stopping: running requests are finished first");
            for handle in handles {
                handle.stop(true).await;
            }
        });
        let admin = async {
            match admin_server {
                Some(server) => server.await,
                None => Ok(()),
            }
        };
        let served = tokio::try_join!(public_server, admin);
        stopper.abort();
        tokio::task::spawn_blocking(move || exchange.stop()).await?;
        tracing::info!("stopped");
        served.map(|_| ()).context("a listener failed")
    }
}

async fn open(settings: &Settings) -> anyhow::Result<Embedded> {
    let of = &settings.embedded;
    let ids = Ids::new(Clock::System);
    let options = Options {
        queue_capacity: of.queue_capacity,
        batch_max: of.batch_max,
        snapshot_every: of.snapshot_every_commands,
        journal: journal::Options {
            segment_bytes: of.segment_bytes,
            ..journal::Options::default()
        },
        min_free_bytes: of.min_free_bytes,
        archive_keep_bytes: (of.archive_keep_bytes > 0).then_some(of.archive_keep_bytes),
        answer_timeout: settings.server.answer_timeout,
        hash_seed: u64::from_le_bytes(ids.random_bytes()),
        ..Options::new(settings.data_dir.clone())
    };
    let definitions = markets::definitions(settings)?;
    // The opening waits for its own threads, which an asynchronous thread must not.
    let opened = tokio::task::spawn_blocking(move || Embedded::open(options, definitions)).await?;
    let (exchange, found) =
        opened.with_context(|| format!("the exchange in {}", settings.data_dir.display()))?;
    let Opened {
        snapshot,
        replayed,
        torn_tail,
        skipped,
        halted,
    } = found;
    for (path, reason) in skipped {
        tracing::warn!(path = %path.display(), reason, "a snapshot could not be used");
    }
    if let Some(torn) = torn_tail {
        tracing::warn!(
            segment = %torn.segment.display(),
            offset = torn.offset,
            bytes = torn.bytes,
            fault = %torn.fault,
            "cut an unfinished batch that nobody was told of"
        );
    }
    tracing::info!(snapshot, replayed, ?halted, "opened the exchange");
    Ok(exchange)
}

fn jwt(settings: &Settings) -> JwtSettings {
    let auth = &settings.auth;
    let (algorithm, keys) = match auth.algorithm {
        Algorithm::Hs256 => (JwtAlgorithm::Hs256, JwtKeys::Secret(auth.secret.clone())),
        Algorithm::EdDsa => (
            JwtAlgorithm::EdDsa,
            JwtKeys::Public(auth.public_key.clone().unwrap_or_default()),
        ),
    };
    JwtSettings {
        issuers: vec![IssuerSettings {
            issuer: auth.issuer.clone(),
            audience: auth.audience.clone(),
            algorithm,
            keys,
            leeway_secs: auth.leeway.as_secs(),
        }],
        cache_entries: TOKENS_REMEMBERED,
    }
}

fn server(
    settings: &Settings,
    listener: TcpListener,
    state: ApiState,
    public: bool,
    admin: bool,
) -> anyhow::Result<Server> {
    let limits = EdgeLimits {
        body_bytes: settings.server.max_body_bytes,
        body_timeout: settings.server.read_timeout.min(BODY_TIMEOUT),
        request_timeout: settings.server.write_timeout,
    };
    let ids = Ids::new(Clock::System);
    let edge = Edge::new(limits, move || ids.uuid_v4().to_string());
    let server = HttpServer::new(move || {
        App::new().wrap(edge.clone()).configure(|config| {
            if public {
                api::configure(config, &state);
            }
            if admin {
                api::configure_admin(config, &state);
            }
        })
    });
    let server = server
        .disable_signals()
        .client_request_timeout(HEADERS_TIMEOUT)
        .shutdown_timeout(settings.server.shutdown_timeout.as_secs())
        .listen(listener)?;
    Ok(server.run())
}
