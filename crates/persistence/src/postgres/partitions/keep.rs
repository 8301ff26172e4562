//! The job that keeps partitions: makes them ahead every hour, and rotates the old ones out where it may.

use std::time::Duration;

use runtime::settings::DatabaseSettings;
use runtime::{Clock, Shutdown};

use super::{Ahead, NotRotated, Rotation, ahead, make, rotate};
use crate::postgres::{PgError, connect_directly};

/// How often.
const EVERY: Duration = Duration::from_secs(3_600);
/// How soon after a failure.
const AGAIN: Duration = Duration::from_secs(60);

/// What one round did.
#[derive(Debug)]
pub struct Kept {
    /// Partitions that were made.
    pub made: u32,
    /// How long rows can go on to be written: to be watched, an alert must come long before it is nothing.
    pub ahead: Ahead,
    /// What was rotated; none: nothing is to be rotated, another program does, or this one may not.
    pub rotation: Option<Rotation>,
}

/// Keeps partitions until it is told to stop. Any number of programs may do so at once. `tell` hears of every round; one
/// that failed is logged and tried again after a minute.
pub async fn keep(
    settings: &DatabaseSettings,
    program: &str,
    clock: &Clock,
    shutdown: &Shutdown,
    tell: impl Fn(&Kept),
) {
    loop {
        let pause = match round(settings, program, clock).await {
            Ok(kept) => {
                tell(&kept);
                EVERY
            }
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

async fn round(settings: &DatabaseSettings, program: &str, clock: &Clock) -> Result<Kept, PgError> {
    let mut connection = connect_directly(settings, program).await?;
    let made = make(&mut connection, clock, &settings.partitions).await?;
    let ahead = ahead(&mut connection, clock).await?;
    if made > 0 {
        tracing::info!(made, ?ahead, "partitions were made ahead");
    }
    let mut rotation = None;
    if !settings.partitions.keep_trades.is_zero() {
        match rotate(&mut connection, clock, &settings.partitions).await {
            Ok(rotated) => {
                for refusal in &rotated.refused {
                    tracing::warn!(partition = refusal.name, reason = refusal.reason, "kept");
                }
                rotation = Some(rotated);
            }
            Err(NotRotated::Postgres(error)) => return Err(error),
            // Rotation is another's job.
            Err(NotRotated::Busy | NotRotated::NotOwner) => {}
            Err(error @ NotRotated::Clock(_)) => tracing::error!(%error, "nothing was rotated"),
        }
    }
    Ok(Kept {
        made,
        ahead,
        rotation,
    })
}
