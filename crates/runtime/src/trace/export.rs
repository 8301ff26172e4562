//! Sending spans to a collector: OTLP over HTTP, gathered, and dropped where the collector does not keep up.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};

use crate::settings::MonitoringSettings;

/// Spans that may wait to be sent; more are dropped.
const WAITING: usize = 8_192;
/// How often what waits is sent.
const EVERY: Duration = Duration::from_secs(1);
/// How long the collector may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where collectors take spans.
const PATH: &str = "/v1/traces";

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// What records spans; none: nothing is recorded in this process.
pub(super) fn tracer() -> Option<&'static SdkTracer> {
    TRACER.get()
}

/// Sends spans for as long as it lives; dropped, it sends what is left.
#[derive(Debug)]
pub struct Traces {
    provider: Option<SdkTracerProvider>,
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(provider) = &self.provider
            && let Err(error) = provider.shutdown_with_timeout(PATIENCE)
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Has this process record spans where the settings say so, as this service. Call it once, outside of an asynchronous task.
///
/// # Errors
/// The address makes no sense, or it was called before: words for a person.
pub fn init(settings: &MonitoringSettings, service: &'static str) -> Result<Traces, String> {
    let endpoint = match &settings.jaeger_endpoint {
        Some(endpoint) if settings.jaeger_enabled => endpoint,
        _ => return Ok(Traces { provider: None }),
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(address(endpoint))
        .with_timeout(PATIENCE)
        .build()
        .map_err(|error| format!("monitoring.jaeger_endpoint: {error}"))?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(WAITING)
        .with_scheduled_delay(EVERY)
        .build();
    let processor = BatchSpanProcessor::builder(exporter)
        .with_batch_config(batches)
        .build();
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let ratio = Sampler::TraceIdRatioBased(settings.trace_ratio);
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(Sampler::ParentBased(Box::new(ratio)))
        .with_resource(resource)
        .build();
    let tracer = provider.tracer("trade-engine");
    TRACER
        .set(tracer)
        .map_err(|_| "traces are set up already".to_owned())?;
    tracing::info!(
        endpoint = address(endpoint),
        ratio = settings.trace_ratio,
        "traces are sent"
    );
    Ok(Traces {
        provider: Some(provider),
    })
}

/// Where spans go: the address as it is if it has a path, else the usual path of collectors behind it.
fn address(endpoint: &str) -> String {
    let bare = endpoint.trim_end_matches('/');
    let host = bare.split_once("://").map_or(bare, |(_, rest)| rest);
    if host.contains('/') {
        endpoint.to_owned()
    } else {
        format!("{bare}{PATH}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_path_means_the_usual_one() {
        for (endpoint, sent_to) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
            (
                "https://c.example/otlp/v1/traces",
                "https://c.example/otlp/v1/traces",
            ),
        ] {
            assert_eq!(address(endpoint), sent_to);
        }
    }

    #[test]
    fn nothing_is_recorded_unless_the_settings_say_so() {
        let quiet = init(&MonitoringSettings::default(), "test").unwrap();
        assert!(quiet.provider.is_none());
        let forgotten = MonitoringSettings {
            jaeger_endpoint: Some("http://localhost:4318".to_owned()),
            ..MonitoringSettings::default()
        };
        assert!(init(&forgotten, "test").unwrap().provider.is_none());
    }
}
