//! What a gateway says of itself and does while one of the servers that it needs is away.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use testbed::Exchange;
use tokio::time::Instant;

use crate::http::{Answer, Asked, Question, ask};
use crate::shell;

/// The gateway that is asked.
const GATEWAY: &str = "gateway-1";
/// How long a gateway may take to say that a server has gone, or has come back.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions.
const LOOK: Duration = Duration::from_millis(100);
/// An order that rests: the session leaves this market alone, and nobody else trades.
const ORDER: &str =
    r#"{"symbol":"BTC/USDT","side":"BUY","order_type":"LIMIT","price":"50000","quantity":"0.001"}"#;

/// Takes Redis, the wallet service and PostgreSQL away, one after the other: each is named, and only without Redis the
/// gateway is ready and takes orders.
///
/// # Errors
/// Something else is said or done.
pub async fn tried(exchange: &mut Exchange) -> Result<()> {
    let token = token(exchange)?;
    let redis = exchange.redis.as_mut().context("Redis is not ours to stop")?;
    redis.stop().await?;
    until(exchange, "redis", 200).await?;
    placed(exchange, &token).await?;
    let redis = exchange.redis.as_mut().context("Redis is not ours to start")?;
    redis.start_again().await?;
    until_well(exchange).await?;

    exchange.member("wallet-1")?.stop().await?;
    until(exchange, "wallet", 503).await?;
    exchange.member("wallet-1")?.start().await?;
    until_well(exchange).await?;

    let postgres = exchange
        .postgres
        .as_mut()
        .context("PostgreSQL is not ours to stop")?;
    postgres.stop().await?;
    until(exchange, "postgresql", 503).await?;
    let postgres = exchange
        .postgres
        .as_mut()
        .context("PostgreSQL is not ours to start")?;
    postgres.start_again().await?;
    until_well(exchange).await?;
    placed(exchange, &token).await
}

/// A token of a user with money.
fn token(exchange: &mut Exchange) -> Result<String> {
    let mut command = exchange.member(GATEWAY)?.command(&["token", "alice"]);
    Ok(shell::output(&mut command)?.trim().to_owned())
}

async fn asked(exchange: &mut Exchange, token: &str, method: &str, path: &str, body: &str) -> Result<Answer> {
    let question = Question {
        port: exchange.member(GATEWAY)?.port(),
        method,
        path,
        token,
        body,
    };
    match ask(question).await {
        Asked::Answer(answer) => Ok(answer),
        Asked::NotSent | Asked::Unknown => bail!("{GATEWAY} does not answer {method} {path}"),
    }
}

/// An order is taken and rests.
async fn placed(exchange: &mut Exchange, token: &str) -> Result<()> {
    let answer = asked(exchange, token, "POST", "/api/v1/orders", ORDER).await?;
    ensure!(
        answer.status == 201 && answer.text("status") == Some("OPEN"),
        "an order is answered with {} {}",
        answer.status,
        answer.body
    );
    println!("an order is taken: {}", answer.status);
    Ok(())
}

/// Waits until the gateway names what is away, and answers with the status that belongs to it.
async fn until(exchange: &mut Exchange, away: &str, status: u16) -> Result<()> {
    let names = |answer: &Answer| answer.status == status && troubles(&answer.body).contains(&away);
    let answer = until_it_says(exchange, names, &format!("{away} is away: {status}")).await?;
    // What else the gateway needs it has, unless it lies behind what is away.
    ensure!(
        status != 200 || troubles(&answer.body) == [away],
        "without {away}: {}",
        answer.body
    );
    println!("without {away}: {status} {}", answer.body["dependencies"][away]);
    Ok(())
}

/// Waits until the gateway has everything.
async fn until_well(exchange: &mut Exchange) -> Result<()> {
    let well = |answer: &Answer| answer.status == 200 && troubles(&answer.body).is_empty();
    until_it_says(exchange, well, "nothing is away").await.map(drop)
}

async fn until_it_says(
    exchange: &mut Exchange,
    holds: impl Fn(&Answer) -> bool,
    what: &str,
) -> Result<Answer> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = asked(exchange, "", "GET", "/health/ready", "").await?;
        if holds(&answer) {
            return Ok(answer);
        }
        ensure!(
            Instant::now() < deadline,
            "{GATEWAY} never said that {what}; the last was {} {}",
            answer.status,
            answer.body
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// What is not as it should be, by name.
fn troubles(readiness: &Value) -> Vec<&str> {
    let dependencies = readiness["dependencies"].as_object();
    let all = dependencies.into_iter().flatten();
    all.filter(|(_, word)| *word != "ok")
        .map(|(name, _)| name.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_ok_is_a_trouble() {
        let readiness =
            json!({"status": "ready", "dependencies": {"wallet": "ok", "redis": "connection refused"}});
        assert_eq!(troubles(&readiness), ["redis"]);
        assert!(troubles(&json!({"status": "ready", "dependencies": {"wallet": "ok"}})).is_empty());
        assert!(troubles(&Value::Null).is_empty());
    }
}
