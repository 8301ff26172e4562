//! Opening the exchange, binding the listeners, and stopping in order.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::Method;
use actix_web::{App, HttpServer};
use anyhow::Context;
use api::{ApiState, StreamOptions, Streams, WsLimits};
use http::{Metrics, TokenVerifier};
use runtime::settings::Environment;
use runtime::{Clock, Ids, Settings, Shutdown};

use crate::edge::{Guards, jwt, secret_box};
use crate::populate::populate;
use crate::reload::{Reloader, Source};
use crate::shape::Shape;
use crate::{auditor, development, gauges, reload};

/// How long a client may take to send its headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest wait for connections to end after they were told to.
const STREAMS_PATIENCE: Duration = Duration::from_secs(5);
/// Alerts look at how many placements are taken, and how many fail.
const PLACEMENT_STATUSES: [u16; 6] = [200, 201, 202, 500, 503, 504];
/// The longest wait for a body.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// A gateway that listens.
pub struct Gateway {
    /// Where the public API listens.
    pub public: SocketAddr,
    /// Where `/ws` listens besides; none where `websocket_port` is 0.
    pub websocket: Option<SocketAddr>,
    /// Where operators' calls are taken; none where `metrics_port` is 0.
    pub admin: Option<SocketAddr>,
    shape: Shape,
    guards: Guards,
    state: ApiState,
    metrics: Metrics,
    servers: Vec<Server>,
    patience: Duration,
    audit_every: Duration,
}

/// Runs a gateway until it is told to stop.
///
/// # Errors
/// The exchange cannot be opened, or an address is taken.
pub async fn run(settings: Settings, source: Option<Source>, shutdown: Shutdown) -> anyhow::Result<()> {
    let gateway = start(&settings, source).await?;
    populate(&settings, &gateway.shape, &shutdown).await?;
    if settings.environment == Environment::Development {
        development::greet(&settings, gateway.public, gateway.admin)?;
    }
    gateway.run(shutdown).await
}

/// Where the listeners are.
#[derive(Debug)]
struct Listeners {
    public: TcpListener,
    websocket: Option<TcpListener>,
    admin: Option<TcpListener>,
}

impl Listeners {
    fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let listener = |port| {
            let address = (settings.server.host.as_str(), port);
            TcpListener::bind(address)
                .with_context(|| format!("cannot listen on {}:{port}", settings.server.host))
        };
        let optional = |port| match port {
            0 => Ok(None),
            port => listener(port).map(Some),
        };
        Ok(Self {
            public: listener(settings.server.http_port)?,
            websocket: optional(settings.server.websocket_port)?,
            admin: optional(settings.server.metrics_port)?,
        })
    }

    /// A server on each.
    fn serve(
        self,
        settings: &Settings,
        state: &ApiState,
        guards: &Guards,
        metrics: &Metrics,
    ) -> anyhow::Result<Vec<Server>> {
        let serve = |listener, faces| server(settings, listener, state, guards, metrics, faces);
        let public = Faces {
            public: true,
            admin: settings.server.admin_on_public,
            ..Faces::default()
        };
        let mut servers = vec![serve(self.public, public)?];
        if let Some(listener) = self.websocket {
            let faces = Faces {
                websocket: true,
                ..Faces::default()
            };
            servers.push(serve(listener, faces)?);
        }
        if let Some(listener) = self.admin {
            let faces = Faces {
                admin: true,
                metrics: settings.monitoring.prometheus_enabled,
                ..Faces::default()
            };
            servers.push(serve(listener, faces)?);
        }
        Ok(servers)
    }
}

/// What the handlers share.
async fn state(
    settings: &Settings,
    source: Option<Source>,
    shape: &Shape,
    guards: &Guards,
    verifier: Arc<TokenVerifier>,
) -> anyhow::Result<ApiState> {
    let reloader = Reloader::new(settings, source, guards, &verifier, shape);
    let ids = Ids::new(Clock::System);
    Ok(ApiState {
        exchange: shape.exchange(),
        verifier,
        limits: Arc::clone(&guards.rates),
        audit: Arc::new(shape.audit(settings).await?),
        secrets: Arc::new(secret_box(settings)?),
        tickets: Arc::new(shape.tickets(&ids)),
        addresses: Arc::clone(&guards.addresses),
        origins: Arc::new(guards.origins.clone()),
        streams: streams(settings, shape).await?,
        batch_bytes: settings.server.max_batch_bytes,
        ws: ws_limits(settings),
        demo: settings.demo.enabled,
        reload: Arc::new(reloader),
        ids,
        clock: Clock::System,
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// Opens the exchange and binds the listeners. `source` says where the settings can be read again.
///
/// # Errors
/// The exchange cannot be opened, or an address is taken.
pub async fn start(settings: &Settings, source: Option<Source>) -> anyhow::Result<Gateway> {
    let verifier = Arc::new(TokenVerifier::new(&jwt(settings))?);
    let listeners = Listeners::bind(settings)?;
    let metrics = Metrics::of(Shape::program(settings), env!("CARGO_PKG_VERSION"));
    for route in ["/api/v1/orders", "/api/v1/orders/batch"] {
        http::expect_requests(&Method::POST, route, &PLACEMENT_STATUSES);
    }
    let shape = Shape::open(settings).await?;
    let guards = Guards::new(settings, &shape)?;
    let state = state(settings, source, &shape, &guards, verifier).await?;
    let public = listeners.public.local_addr()?;
    let address = |listener: &Option<TcpListener>| listener.as_ref().map(TcpListener::local_addr).transpose();
    let (websocket, admin) = (address(&listeners.websocket)?, address(&listeners.admin)?);
    let servers = listeners.serve(settings, &state, &guards, &metrics)?;
    tracing::info!(
        %public,
        websocket = websocket.map(tracing::field::display),
        admin = admin.map(tracing::field::display),
        "listening"
    );
    Ok(Gateway {
        public,
        websocket,
        admin,
        shape,
        guards,
        state,
        metrics,
        servers,
        patience: settings.server.shutdown_timeout,
        audit_every: settings.auditor.interval,
    })
}

impl Gateway {
    /// Serves until it is told to stop; then readiness fails, running requests finish, and an embedded exchange writes a
    /// snapshot.
    ///
    /// # Errors
    /// A listener fails.
    pub async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let Self {
            shape,
            guards,
            state,
            metrics,
            servers,
            patience,
            audit_every,
            ..
        } = self;
        reload::listen(Arc::clone(&state.reload), shutdown.clone())?;
        let connections = guards.connections.clone();
        let gauges = tokio::spawn(gauges::watch(
            shape.clone(),
            connections,
            metrics,
            shutdown.clone(),
        ));
        let auditor = shape.embedded().map(|exchange| {
            let watched = auditor::watch(exchange, Arc::clone(&state.audit), audit_every, shutdown.clone());
            tokio::spawn(watched)
        });
        let keys = state.verifier.jwks_refresher().map(|refresher| {
            let until = shutdown.clone();
            tokio::spawn(refresher.run(async move { until.wait().await }))
        });
        let streams = tokio::spawn(Arc::clone(&state.streams).run());
        let handles: Vec<ServerHandle> = servers.iter().map(Server::handle).collect();
        let announced = shape.clone();
        let (followed, goodbye) = (Arc::clone(&state.streams), patience.min(STREAMS_PATIENCE));
        let stopper = tokio::spawn(async move {
            shutdown.wait().await;
            announced.announce_stop();
            tracing::info!("stopping: running requests are finished first");
            followed.stop(goodbye).await;
            for handle in handles {
                handle.stop(true).await;
            }
        });
        let served = futures_util::future::try_join_all(servers).await;
        for task in [Some(stopper), Some(gauges), Some(streams), keys, auditor]
            .into_iter()
            .flatten()
        {
            task.abort();
        }
        shape.stop(patience).await?;
        tracing::info!("stopped");
        served.map(|_| ()).context("a listener failed")
    }
}

async fn streams(settings: &Settings, shape: &Shape) -> anyhow::Result<Arc<Streams>> {
    let options = StreamOptions {
        depth_interval: settings.websocket.depth_interval,
        queue_frames: settings.websocket.queue_frames,
        ..StreamOptions::default()
    };
    Ok(Streams::start(shape.exchange(), options, Clock::System).await)
}

fn ws_limits(settings: &Settings) -> WsLimits {
    let of = &settings.websocket;
    WsLimits {
        heartbeat: of.heartbeat,
        idle: of.idle_timeout,
        max_frame: of.max_frame_bytes,
        subscriptions: of.subscriptions,
        connections_per_user: of.connections_per_user,
        // Each is a connection of a listener, and those are counted together.
        connections: usize::MAX,
        messages_per_second: of.messages_per_second,
        in_flight: of.requests_in_flight,
        ..WsLimits::default()
    }
}

/// What a listener shows.
#[derive(Debug, Clone, Copy, Default)]
struct Faces {
    public: bool,
    websocket: bool,
    admin: bool,
    metrics: bool,
}

fn server(
    settings: &Settings,
    listener: TcpListener,
    state: &ApiState,
    guards: &Guards,
    metrics: &Metrics,
    faces: Faces,
) -> anyhow::Result<Server> {
    let on_connect = guards.connections.on_connect();
    let docs = settings.server.docs_enabled;
    let (state, guards, metrics) = (state.clone(), guards.clone(), metrics.clone());
    let server = HttpServer::new(move || {
        http::count_runtime();
        App::new()
            .wrap(guards.api_keys.clone())
            .wrap(guards.origins.cors())
            .wrap(guards.edge.clone())
            .app_data(actix_web::web::Data::new(metrics.clone()))
            .configure(|config| {
                if faces.public {
                    api::configure(config, &state);
                    if docs {
                        api::configure_docs(config, state.version);
                    }
                } else if faces.websocket {
                    api::configure_ws(config, &state);
                }
                if faces.admin {
                    api::configure_admin(config, &state);
                }
                if faces.metrics {
                    http::metrics_route(config);
                }
            })
    });
    let server = server
        .disable_signals()
        .on_connect(on_connect)
        .client_request_timeout(HEADERS_TIMEOUT)
        .shutdown_timeout(settings.server.shutdown_timeout.as_secs())
        .listen(listener)?;
    Ok(server.run())
}
