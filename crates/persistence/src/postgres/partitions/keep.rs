//! The job that keeps partitions: makes them ahead every hour, and rotates the old ones out where it may.

use std::time::Duration;

use runtime::settings::DatabaseSettings;
use runtime::{Clock, Shutdown};

use super::{Ahead, NotRotated, ahead, make, rotate};
use crate::postgres::{PgError, connect_directly};

/// How often.
const EVERY: Duration = Duration::from_secs(3_600);
/// How soon after a failure.
const AGAIN: Duration = Duration::from_secs(60);

/// Keeps partitions until it is told to stop. Any number of programs may do so at once. A round that failed is logged and
/// tried again after a minute. `tell` hears how long rows can go on to be written, also where nothing could be made: it is
/// to be watched, and an alert must come long before it is nothing.
pub async fn keep(
    settings: &DatabaseSettings,
    program: &str,
    clock: &Clock,
    shutdown: &Shutdown,
    tell: impl Fn(&Ahead),
) {
    loop {
        let pause = match round(settings, program, clock, &tell).await {
            Ok(()) => EVERY,
            Err(error) => {
                tracing::error!(%error, "partitions could not be kept");
                AGAIN
            }
        };
        tokio::select! {
            () = shutdown.wait() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn round(
    settings: &DatabaseSettings,
    program: &str,
    clock: &Clock,
    tell: &impl Fn(&Ahead),
) -> Result<(), PgError> {
    let mut connection = connect_directly(settings, program).await?;
    let made = make(&mut connection, clock, &settings.partitions).await;
    let ahead = ahead(&mut connection, clock).await;
    if let Ok(ahead) = &ahead {
        tell(ahead);
    }
    let (made, ahead) = (made?, ahead?);
    if made > 0 {
        tracing::info!(made, ?ahead, "partitions were made ahead");
    }
    if !settings.partitions.keep_trades.is_zero() {
        match rotate(&mut connection, clock, &settings.partitions).await {
            Ok(rotated) => {
                for refusal in &rotated.refused {
                    tracing::warn!(partition = refusal.name, reason = refusal.reason, "kept");
                }
            }
            Err(NotRotated::Postgres(error)) => return Err(error),
            // Rotation is another's job.
            Err(NotRotated::Busy | NotRotated::NotOwner) => {}
            Err(error @ NotRotated::Clock(_)) => tracing::error!(%error, "nothing was rotated"),
        }
    }
    Ok(())
}
