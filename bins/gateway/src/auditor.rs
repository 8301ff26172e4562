//! The auditor of an embedded exchange: looks again and again whether everything holds in the fold, and lets markets of what
//! does not take cancels only.

use std::sync::Arc;
use std::time::Duration;

use api::ApiState;
use domain::MarketState;
use embedded::Embedded;
use exchange::{Fault, Touched};
use http::{AuditEntry, Credential};
use runtime::{Clock, Shutdown};
use serde_json::json;
use tokio::time::Instant;
use trading::MarketView;
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
pub(crate) async fn watch(exchange: Arc<Embedded>, state: ApiState, interval: Duration, shutdown: Shutdown) {
    show(None);
    metrics::gauge!("audit_last_success_timestamp_seconds").set(0.0);
    let mut told = None;
    loop {
        let begun = Instant::now();
        match exchange.audit().await {
            Ok(audit) => {
                show(audit.fault.as_ref());
                told = react(audit.fault, told, &state).await;
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

/// Acts on a fault that was not told yet; what is told by then. What could not be done is tried again at the next look.
async fn react(fault: Option<Fault>, told: Option<Fault>, state: &ApiState) -> Option<Fault> {
    let fault = fault?;
    if told.as_ref() == Some(&fault) {
        return told;
    }
    let (invariant, touched) = fault.touched();
    tracing::error!(invariant, what = %fault, "the books differ: markets go to cancel_only");
    let markets = state.exchange.markets();
    let mut all_done = true;
    for view in markets.all().iter().filter(|view| touches(touched, view)) {
        if matches!(view.state, MarketState::Open | MarketState::PostOnly) {
            all_done &= cancel_only(view, &format!("the auditor: {invariant}; {fault}"), state).await;
        }
    }
    all_done.then_some(fault)
}

/// Lets a market take cancels only, as an operator would, and writes it down; whether it was done.
async fn cancel_only(view: &MarketView, reason: &str, state: &ApiState) -> bool {
    let number = view.market.number();
    let outcome = state
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
    if let Err(error) = state.audit.append(entry).await {
        tracing::error!(%error, "the audit file cannot be written");
    }
    outcome.is_ok()
}

fn show(fault: Option<&Fault>) {
    let broken = fault.map(|fault| fault.touched().0);
    for invariant in Fault::INVARIANTS {
        let count = f64::from(u8::from(broken == Some(invariant)));
        metrics::gauge!("ledger_difference", "invariant" => invariant).set(count);
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
