//! The metrics of a program: one table of all names, the recorder behind them, and the route that shows them.

mod common;
mod family;
mod gateway;
mod process;
mod runtimes;
mod services;

use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use metrics::{Histogram, counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::{Problem, StatusCode};
pub use family::{Family, Kind, Label};
pub use runtimes::count_runtime;

/// The media type of the text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where images tell the commit that the programs were built from. It is no part of the programs, or each commit would build all
/// of them anew.
const COMMIT: &str = "/etc/trade-engine/commit";

static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();

/// The programs that show metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// A gateway that is a whole exchange.
    EmbeddedGateway,
    /// A gateway of the distributed exchange.
    Gateway,
    /// A matcher.
    Matcher,
    /// A wallet service.
    Wallet,
    /// An auditor of the distributed exchange.
    Auditor,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::EmbeddedGateway,
        Self::Gateway,
        Self::Matcher,
        Self::Wallet,
        Self::Auditor,
    ];

    /// What people call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::EmbeddedGateway => "gateway, embedded",
            Self::Gateway => "gateway, distributed",
            Self::Matcher => "matcher",
            Self::Wallet => "wallet service",
            Self::Auditor => "auditor",
        }
    }

    /// Every metric that it shows.
    pub fn families(self) -> impl Iterator<Item = &'static Family> {
        let tables: &'static [&'static [Family]] = match self {
            Self::EmbeddedGateway => &[
                common::ALL,
                common::SERVERS,
                common::ENGINES,
                gateway::GATEWAYS,
                gateway::EMBEDDED,
                services::AUDITORS,
            ],
            Self::Gateway => &[
                common::ALL,
                common::SERVERS,
                common::MEMBERS,
                common::POOLS,
                common::CALLERS,
                gateway::GATEWAYS,
                gateway::DISTRIBUTED,
            ],
            Self::Matcher => &[
                common::ALL,
                common::MEMBERS,
                common::CALLERS,
                common::ENGINES,
                services::MATCHERS,
            ],
            Self::Wallet => &[
                common::ALL,
                common::SERVERS,
                common::MEMBERS,
                common::POOLS,
                services::WALLETS,
            ],
            Self::Auditor => &[common::ALL, services::AUDITORS],
        };
        tables.iter().copied().flatten()
    }
}

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Collects the metrics of this process from now on; later calls give the same ones.
    pub fn install() -> Self {
        let handle = INSTALLED.get_or_init(|| {
            let recorder = builder().build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!(
                    "another recorder of metrics is installed already; there will be none to show"
                );
            }
            handle
        });
        Self(handle.clone())
    }

    /// As [`Metrics::install`]; shows all that this program has, whose labels are known, at 0 from the start, and counts
    /// the runtime of the caller ([`count_runtime`]).
    pub fn of(program: Program, version: &'static str) -> Self {
        let metrics = Self::install();
        program.families().for_each(Family::begin);
        count_runtime();
        let told = std::fs::read_to_string(COMMIT).unwrap_or_default();
        let commit = match told.trim() {
            "" => "unknown",
            commit => commit,
        };
        gauge!("build_info", "version" => version, "commit" => commit.to_owned()).set(1.0);
        metrics
    }

    /// All metrics in the text format of Prometheus.
    pub fn render(&self) -> String {
        process::look();
        runtimes::look();
        self.tidy();
        self.0.render()
    }

    /// Sums up what was recorded. Once a second, or so: what was not summed up takes memory.
    pub fn tidy(&self) {
        self.0.run_upkeep();
    }
}

/// With the bounds of the table; a histogram that is not there has those of durations.
fn builder() -> PrometheusBuilder {
    let tables = Program::ALL.into_iter().flat_map(Program::families);
    let bounds = tables.filter_map(|family| match family.kind {
        Kind::Histogram(bounds) => Some((family.name, bounds)),
        Kind::Counter | Kind::Gauge => None,
    });
    // They are refused only for no bounds at all.
    bounds.fold(
        with(PrometheusBuilder::new(), |builder| {
            builder.set_buckets(family::DURATIONS)
        }),
        |builder, (name, bounds)| {
            with(builder, |builder| {
                builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds)
            })
        },
    )
}

/// The builder after a step that cannot fail.
fn with<E>(
    builder: PrometheusBuilder,
    step: impl FnOnce(PrometheusBuilder) -> Result<PrometheusBuilder, E>,
) -> PrometheusBuilder {
    step(builder).unwrap_or_else(|_| PrometheusBuilder::new())
}

/// Sets whether what the program needs is there: each thing by its name, and what is wrong with it.
pub fn tell_ready<'a>(needs: impl IntoIterator<Item = (&'a str, bool)>) {
    for (name, good) in needs {
        gauge!("ready", "dependency" => name.to_owned()).set(f64::from(u8::from(good)));
    }
}

/// Adds `GET /metrics`. For a listener that is not public.
pub fn metrics_route(config: &mut web::ServiceConfig) {
    config.service(web::resource("/metrics").route(web::get().to(show)));
}

async fn show() -> Result<HttpResponse, Problem> {
    let handle = INSTALLED
        .get()
        .ok_or_else(|| Problem::of_status(StatusCode::NOT_FOUND))?;
    let text = Metrics(handle.clone()).render();
    Ok(HttpResponse::Ok().content_type(TEXT_FORMAT).body(text))
}

/// Shows the requests of this route at 0 from the start, one series for each status that it may answer with: of one that
/// begins with its first request `rate()` does not see that request.
pub fn expect_requests(method: &Method, route: &'static str, statuses: &[u16]) {
    for status in statuses {
        counter!("http_requests_total", "method" => method_name(method), "route" => route, "status" => status.to_string())
            .increment(0);
    }
}

/// A request was answered.
pub(crate) fn answered(method: &Method, route: &str, status: StatusCode, took: Duration) {
    let method = method_name(method);
    let route = route.to_owned();
    counter!("http_requests_total", "method" => method, "route" => route.clone(), "status" => status.as_str().to_owned())
        .increment(1);
    histogram!("http_request_duration_seconds", "method" => method, "route" => route)
        .record(took.as_secs_f64());
    if status == StatusCode::UNAUTHORIZED {
        counter!("auth_failures_total").increment(1);
    }
}

/// It is known who sent a request: how long that took since its head had come.
pub(crate) fn authenticated(took: Duration) {
    static STAGE: OnceLock<Histogram> = OnceLock::new();
    STAGE
        .get_or_init(|| histogram!("order_stage_duration_seconds", "stage" => "auth"))
        .record(took.as_secs_f64());
}

/// A request was refused by a limit.
pub(crate) fn rate_limited(bucket: &'static str) {
    counter!("rate_limited_total", "bucket" => bucket).increment(1);
}

/// The method; one word for all that are none of the usual, which callers can make up.
pub(crate) fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
