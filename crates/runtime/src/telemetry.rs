//! Logs: one line per event as JSON or text, with a level that can change while running.

use std::{fmt, io};

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::settings::{LogFormat, LogOutput, LoggingSettings};
use crate::trace;

/// Changes the level of the logs while the program runs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LevelHandle {
    filter: reload::Handle<EnvFilter, Registry>,
}

impl LevelHandle {
    /// Sets the level (`debug`) or filter (`info,embedded=debug`) from now on.
    ///
    /// # Errors
    /// When the text is no filter; the old one stays.
    pub fn set(&self, level: &str) -> Result<(), TelemetryError> {
        let filter = parse(level)?;
        self.filter.reload(filter).map_err(|_| TelemetryError::Gone)
    }
}

/// Why logs cannot be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Not a level or filter.
    #[error("`{level}` is not a log level or filter")]
    Level {
        /// What was asked for.
        level: String,
    },
    /// Logs were set up before in this process.
    #[error("logs are set up already")]
    Twice,
    /// The subscriber that the handle belongs to is gone.
    #[error("the logs that this handle belongs to are gone")]
    Gone,
}

/// Sets up the logs of this process. Call it once, first thing.
///
/// # Errors
/// When the level is no filter, or logs are set up already.
pub fn init(settings: &LoggingSettings) -> Result<LevelHandle, TelemetryError> {
    let writer = match settings.output {
        LogOutput::Stdout => BoxMakeWriter::new(io::stdout),
        LogOutput::Stderr => BoxMakeWriter::new(io::stderr),
    };
    let (subscriber, handle) = subscriber(settings, writer)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| TelemetryError::Twice)?;
    Ok(handle)
}

/// The subscriber that [`init`] installs, writing to `writer`; for tests and for programs that add layers.
///
/// # Errors
/// When the level is no filter.
pub fn subscriber<W>(
    settings: &LoggingSettings,
    writer: W,
) -> Result<
    (
        impl Subscriber + for<'span> LookupSpan<'span> + Send + Sync + use<W>,
        LevelHandle,
    ),
    TelemetryError,
>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(parse(&settings.level)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match settings.format {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .map_event_format(Traced)
            .boxed(),
        LogFormat::Text => lines.with_ansi(false).boxed(),
    };
    Ok((
        Registry::default().with(filter).with(lines),
        LevelHandle { filter: handle },
    ))
}

/// Puts a trace's id into each JSON line: the request's that the work belongs to, else the process's own.
struct Traced<F>(F);

impl<S, N, F> FormatEvent<S, N> for Traced<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(trace) = trace::of_line() else {
            return self.0.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match line.strip_prefix('{') {
            Some(rest) => write!(writer, "{{\"trace_id\":\"{}\",{rest}", trace.trace_id()),
            None => writer.write_str(&line),
        }
    }
}

fn parse(level: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(level).map_err(|_| TelemetryError::Level {
        level: level.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::trace::TraceContext;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
        }
    }

    fn capture(format: LogFormat, level: &str) -> (impl Subscriber + Send + Sync, LevelHandle, Lines) {
        let lines = Lines::default();
        let writer = lines.clone();
        let settings = LoggingSettings {
            level: level.to_owned(),
            format,
            output: LogOutput::Stdout,
        };
        let (subscriber, handle) = subscriber(&settings, move || writer.clone()).unwrap();
        (subscriber, handle, lines)
    }

    #[test]
    fn a_json_line_has_its_fields_at_the_top() {
        let (subscriber, _handle, lines) = capture(LogFormat::Json, "info");
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("request", request_id = "r1").entered();
            tracing::info!(market = "BTC/USDT", sequence = 7, "order accepted");
        });
        let line: serde_json::Value = serde_json::from_str(&lines.take()).unwrap();
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "order accepted");
        assert_eq!(
            (&line["market"], &line["sequence"]),
            (&"BTC/USDT".into(), &7.into())
        );
        assert_eq!(line["span"]["request_id"], "r1");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn each_json_line_has_a_trace_id_at_the_top_that_of_its_request_or_the_process_s_own() {
        let (subscriber, _handle, lines) = capture(LogFormat::Json, "info");
        let context = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
        tracing::subscriber::with_default(subscriber, || {
            trace::within_sync(context, || {
                tracing::info!(market = "BTC/USDT", "order \"accepted\"")
            });
            tracing::info!("of itself");
            trace::within_sync(None, || tracing::info!("of itself too"));
        });
        let text = lines.take();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines[0]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(
            (&lines[0]["message"], &lines[0]["market"]),
            (&"order \"accepted\"".into(), &"BTC/USDT".into())
        );
        let own = lines[1]["trace_id"].as_str().unwrap();
        assert_eq!(own.len(), 32);
        assert_ne!(lines[1]["trace_id"], lines[0]["trace_id"]);
        assert_eq!(lines[1]["trace_id"], lines[2]["trace_id"]);
        assert_eq!(trace::current(), None, "it is not handed on");
    }

    #[test]
    fn the_level_changes_while_running_and_a_bad_one_changes_nothing() {
        let (subscriber, handle, lines) = capture(LogFormat::Text, "warn");
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("first");
            handle.set("info").unwrap();
            tracing::info!("second");
            assert!(handle.set("no=such=level").is_err());
            tracing::info!("third");
        });
        let text = lines.take();
        assert!(
            !text.contains("first") && text.contains("second") && text.contains("third"),
            "{text}"
        );
    }
}
