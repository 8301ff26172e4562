//! Faults in the books: a balance or a reservation that somebody changed by hand, and how that is put right.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{Exchange, Role};
use tokio::time::Instant;

use super::faults::names;
use super::operator::Caller;
use super::pages::mitigation;
use super::sql;

/// A market may take so long to open again, asked once in a while.
const PATIENCE: Duration = Duration::from_secs(75);
const LOOK: Duration = Duration::from_secs(8);
/// The balance that is changed: alice's of a market in which nobody trades.
const CHANGE: &str = "UPDATE wallets SET available_balance = available_balance + $1::text::numeric \
    WHERE user_id = '00000000-0000-4000-8000-0000000000a1' AND asset = 'ETH'";
/// What an order has reserved goes back behind the exchange's back.
const TAKE_AWAY: &str = "WITH taken AS (UPDATE reservations SET status = 'closed', left_amount = 0 \
    WHERE order_id = $1::text::uuid RETURNING user_id, asset) \
    UPDATE wallets w SET available_balance = w.available_balance + 1, reserved_balance = w.reserved_balance - 1 \
    FROM taken WHERE w.user_id = taken.user_id AND w.asset = taken.asset";
/// And comes again.
const GIVE_BACK: &str = "WITH given AS (UPDATE reservations SET status = 'held', left_amount = 1 \
    WHERE order_id = (SELECT max(order_id::text)::uuid FROM reservations WHERE asset = 'ETH' AND granted = 1 AND left_amount = 0 \
        AND status = 'closed') RETURNING user_id, asset) \
    UPDATE wallets w SET available_balance = w.available_balance - 1, reserved_balance = w.reserved_balance + 1 \
    FROM given WHERE w.user_id = given.user_id AND w.asset = given.asset";
/// The trade whose settlement was refused.
const REFUSED: &str =
    "SELECT substr(key, 8) FROM ledger_transactions WHERE key LIKE 'settle:%' AND status <> 0";

/// Changes the balance by so much.
///
/// # Errors
/// It cannot be changed.
pub async fn change(exchange: &Exchange, by: &str) -> Result<()> {
    sql::change(exchange, CHANGE, &[&by]).await
}

/// An order that has lost its reservation trades.
///
/// # Errors
/// It is not accepted, or has no reservation.
pub async fn take_reservation(exchange: &Exchange) -> Result<()> {
    let (alice, bob) = (Caller::of(exchange, "alice")?, Caller::of(exchange, "bob")?);
    let order = alice.place("ETH/USDT", "SELL", "2500", "1").await?;
    sql::change(exchange, TAKE_AWAY, &[&order]).await?;
    drop(bob.place("ETH/USDT", "BUY", "2500", "1").await);
    Ok(())
}

/// Puts the reservation back, has the wallet forget its refusal and another matcher settle, and opens the market that the
/// auditor has closed.
///
/// # Errors
/// It cannot be done, or the market is not opened in time.
pub async fn give_reservation(exchange: &mut Exchange) -> Result<()> {
    sql::change(exchange, GIVE_BACK, &[]).await?;
    // The wallet remembers its refusal under the settlement's key, and would answer it for ever.
    let trade = sql::found(exchange, REFUSED).await?;
    let forget = mitigation("SettlementRefused", "DELETE ")?.replace("TRADE_ID", &trade);
    sql::change(exchange, &forget, &[]).await?;
    for name in names(exchange, Role::Matcher) {
        exchange.member(&name)?.stop().await?;
        exchange.member(&name)?.start().await?;
    }
    open_again(exchange).await
}

/// Opens the market that the auditor has closed, once nothing speaks against it.
///
/// # Errors
/// It is not opened in time.
pub async fn open_again(exchange: &Exchange) -> Result<()> {
    let operator = Caller::of(exchange, "operator")?;
    let until = Instant::now() + PATIENCE;
    let open = mitigation("LedgerDifference", "PUT ")?.replace("SYMBOL", "ETH-USDT");
    let (method, path) = open.split_once(' ').context("a method and a path")?;
    let body = r#"{"state":"open","reason":"the books agree again"}"#;
    loop {
        let answer = operator.ask(method, path, body).await;
        if answer.as_ref().is_ok_and(|answer| answer.status == 200) {
            return Ok(());
        }
        ensure!(Instant::now() < until, "the market is not opened: {answer:?}");
        tokio::time::sleep(LOOK).await;
    }
}
