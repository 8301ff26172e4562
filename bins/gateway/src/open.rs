//! Opening the embedded exchange as the settings say.

use anyhow::Context;
use embedded::{Embedded, HistoryLimits, Opened, Options};
use runtime::{Clock, Ids, Settings};

use crate::markets;

/// Opens the exchange of these settings, and says what the start found.
///
/// # Errors
/// The exchange cannot be opened.
pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Embedded> {
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
        history: HistoryLimits {
            bytes: settings.history.max_lag_bytes,
            orders: settings.history.max_lag_orders,
            age: settings.history.max_lag,
        },
        history_connections: settings.history.connections as usize,
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
        history,
        sessions,
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
    tracing::info!(
        snapshot,
        replayed,
        history,
        sessions,
        ?halted,
        "opened the exchange"
    );
    Ok(exchange)
}
