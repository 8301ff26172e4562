//! The auditor of an embedded exchange: looks again and again whether everything holds in the fold, and lets markets of what
//! does not take cancels only.

use std::sync::Arc;
use std::time::Duration;

use domain::MarketState;
use embedded::Embedded;
use exchange::{Fault, Touched};
use http::{AuditEntry, AuditLog, Credential};
use runtime::{Clock, Shutdown};
use serde_json::json;
use tokio::time::Instant;
use trading::{MarketView, Operations as _, Queries as _};
use uuid::Uuid;

/// Who acts, in the audit file.
const ACTOR: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_a0d1);
/// The writer walks everything meanwhile: looks take at most one part in so many of its time.
const SHARE: u32 = 100;

/// Whether a fault that touches this touches that market.
fn touches(touched: Touched, view: &MarketView) -> bool {
    let symbol = view.market.symbol();
    match touched {
        Touched::Asset(asset) => symbol.base == asset || symbol.quote == asset,
        Touched::Market(number) => view.market.number() == number,
        Touched::All => true,
    }
}

/// Looks until the program stops.
pub(crate) async fn watch(
    exchange: Arc<Embedded>,
    log: Arc<AuditLog>,
    interval: Duration,
    shutdown: Shutdown,
) {
    let mut auditor = Auditor::new(exchange, log);
    show(&[]);
    metrics::gauge!("audit_last_success_timestamp_seconds").set(0.0);
    loop {
        let begun = Instant::now();
        match auditor.exchange.audit().await {
            Ok(audit) => {
                show(&audit.faults);
                auditor.react(audit.faults).await;
                metrics::gauge!("audit_last_success_timestamp_seconds").set(seconds());
            }
            Err(error) => tracing::warn!(%error, "nothing could be audited"),
        }
        let pause = interval.max(begun.elapsed() * SHARE);
        tokio::select! {
            () = shutdown.wait() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// What the auditor acts with, and what it has acted on.
struct Auditor {
    exchange: Arc<Embedded>,
    log: Arc<AuditLog>,
    /// The faults of the last look whose markets were taken back.
    told: Vec<Fault>,
}

impl Auditor {
    const fn new(exchange: Arc<Embedded>, log: Arc<AuditLog>) -> Self {
        Self {
            exchange,
            log,
            told: Vec::new(),
        }
    }

    /// Acts on the faults that were not told yet. What could not be done is tried again at the next look; a market that an
    /// operator opened again in spite of a fault stays open for as long as that fault is the same.
    async fn react(&mut self, faults: Vec<Fault>) {
        let before = std::mem::take(&mut self.told);
        for fault in faults {
            if before.contains(&fault) || self.stop_markets_of(&fault).await {
                self.told.push(fault);
            }
        }
    }

    /// Lets the markets that a fault touches take cancels only; whether that was done.
    async fn stop_markets_of(&self, fault: &Fault) -> bool {
        let (invariant, touched) = fault.touched();
        tracing::error!(invariant, what = %fault, "the books differ: markets go to cancel_only");
        let markets = self.exchange.markets();
        let mut all_done = true;
        for view in markets.all().iter().filter(|view| touches(touched, view)) {
            if matches!(view.state, MarketState::Open | MarketState::PostOnly) {
                all_done &= self
                    .cancel_only(view, &format!("the auditor: {invariant}; {fault}"))
                    .await;
            }
        }
        all_done
    }

    /// Lets a market take cancels only, as an operator would, and writes it down; whether it was done.
    async fn cancel_only(&self, view: &MarketView, reason: &str) -> bool {
        let number = view.market.number();
        let outcome = self
            .exchange
            .set_market_state(number, MarketState::CancelOnly)
            .await;
        let symbol = view.market.symbol().to_string();
        if let Err(error) = &outcome {
            tracing::error!(symbol, ?error, "the market still takes orders");
        }
        let entry = AuditEntry {
            at: now_text(),
            actor: ACTOR,
            credential: Credential::Token,
            address: None,
            action: "market.state".into(),
            target: symbol,
            before: json!(view.state.word()),
            after: json!({ "state": MarketState::CancelOnly.word(), "reason": reason }),
            outcome: if outcome.is_ok() { "done" } else { "not done" }.into(),
            request_id: String::new(),
        };
        if let Err(error) = self.log.append(entry).await {
            tracing::error!(%error, "the audit file cannot be written");
        }
        outcome.is_ok()
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "metrics are floats, and there are few faults"
)]
fn show(faults: &[Fault]) {
    for invariant in Fault::INVARIANTS {
        let of_kind = faults.iter().filter(|fault| fault.touched().0 == invariant);
        metrics::gauge!("ledger_difference", "invariant" => invariant).set(of_kind.count() as f64);
    }
}

/// The time, as the audit file has it.
fn now_text() -> String {
    let micros = i64::try_from(Clock::System.wall_us()).ok();
    let time = micros.and_then(chrono::DateTime::from_timestamp_micros);
    time.unwrap_or(chrono::DateTime::UNIX_EPOCH)
        .to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

/// The time, as metrics have it.
#[allow(
    clippy::cast_precision_loss,
    reason = "metrics are floats, and a microsecond more or less does not matter"
)]
fn seconds() -> f64 {
    Clock::System.wall_us() as f64 / 1_000_000.0
}

#[cfg(test)]
mod tests;
