//! How each fault is caused and mended.

use std::time::Duration;

use anyhow::{Context, Result};
use testbed::{Exchange, Role};
use tokio::time::Instant;
use tokio_postgres::NoTls;

use super::cases::Fault;
use super::prometheus::Prometheus;
use crate::http::{Question, ask};

/// Settings that keep limits out of the way: one address asks for everything here.
pub const SETTINGS: [(&str, &str); 4] = [
    ("TRADE_ENGINE_LIMITS__FAILED_LOGINS_PER_MINUTE", "100000"),
    ("TRADE_ENGINE_LIMITS__ADDRESS_REQUESTS_PER_SECOND", "100000"),
    ("TRADE_ENGINE_LIMITS__ADDRESS_BURST", "100000"),
    ("TRADE_ENGINE_AUDITOR__INTERVAL", "2s"),
];
/// How long a fault that is made of many small ones goes on before somebody looks.
const LASTS: Duration = Duration::from_secs(75);
/// PostgreSQL stands still for so long, and goes on for so long.
const STILL: Duration = Duration::from_millis(400);
const GOES: Duration = Duration::from_millis(300);
/// From one takeover of the shard to the next.
const BETWEEN_KILLS: Duration = Duration::from_secs(8);
const KILLS: u32 = 5;
/// Between two tokens that are tried.
const BETWEEN_TOKENS: Duration = Duration::from_millis(60);
/// The balance that is changed: alice's of a market in which nobody trades.
const CHANGE: &str = "UPDATE wallets SET available_balance = available_balance + $1::text::numeric \
    WHERE user_id = '00000000-0000-4000-8000-0000000000a1' AND asset = 'ETH'";
const GARBAGE: &str = "INSERT INTO commands (id, shard, kind, body, created_at) \
    VALUES ('00000000-0000-7000-8000-000000000001', 0, 'cancel_all', '\\x01ff', now())";

/// Brings the fault about. Those that are made of many small ones are over when this returns.
///
/// # Errors
/// It cannot be done.
pub async fn cause(fault: Fault, exchange: &mut Exchange, prometheus: &Prometheus) -> Result<()> {
    match fault {
        Fault::OneGateway => exchange.member("gateway-2")?.kill(),
        Fault::Gateways => kill(exchange, Role::Gateway)?,
        Fault::StandBy => exchange.member("matcher-2")?.kill(),
        Fault::Matchers => kill(exchange, Role::Matcher)?,
        Fault::Wallet => kill(exchange, Role::Wallet)?,
        Fault::Auditor => kill(exchange, Role::Auditor)?,
        Fault::Owners => kill_owners(exchange).await?,
        Fault::Broker => exchange.rabbitmq.as_mut().context("RabbitMQ")?.stop().await?,
        Fault::Redis => exchange.redis.as_mut().context("Redis")?.stop().await?,
        Fault::Database => exchange.postgres.as_mut().context("PostgreSQL")?.stop().await?,
        Fault::SlowDatabase => stutter(exchange, prometheus).await?,
        Fault::Balance => change(exchange, "1").await?,
        Fault::Garbage => sql(exchange, GARBAGE, &[]).await?,
        Fault::Tokens => try_tokens(exchange).await?,
    }
    Ok(())
}

/// Takes the fault away.
///
/// # Errors
/// It cannot be done.
pub async fn mend(fault: Fault, exchange: &mut Exchange) -> Result<()> {
    match fault {
        Fault::OneGateway => exchange.member("gateway-2")?.start().await?,
        Fault::StandBy => exchange.member("matcher-2")?.start().await?,
        Fault::Gateways => start(exchange, Role::Gateway).await?,
        Fault::Matchers => start(exchange, Role::Matcher).await?,
        Fault::Wallet => start(exchange, Role::Wallet).await?,
        Fault::Auditor => start(exchange, Role::Auditor).await?,
        Fault::Broker => {
            exchange
                .rabbitmq
                .as_mut()
                .context("RabbitMQ")?
                .start_again()
                .await?
        }
        Fault::Redis => exchange.redis.as_mut().context("Redis")?.start_again().await?,
        Fault::Database => {
            exchange
                .postgres
                .as_mut()
                .context("PostgreSQL")?
                .start_again()
                .await?
        }
        Fault::Balance => change(exchange, "-1").await?,
        // It is over; what was set aside stays for a person to look at.
        Fault::Owners | Fault::SlowDatabase | Fault::Garbage | Fault::Tokens => {}
    }
    Ok(())
}

fn names(exchange: &Exchange, role: Role) -> Vec<String> {
    exchange.of(role).map(|member| member.name().to_owned()).collect()
}

fn kill(exchange: &mut Exchange, role: Role) -> Result<()> {
    for name in names(exchange, role) {
        exchange.member(&name)?.kill();
    }
    Ok(())
}

async fn start(exchange: &mut Exchange, role: Role) -> Result<()> {
    for name in names(exchange, role) {
        exchange.member(&name)?.start().await?;
    }
    Ok(())
}

/// Kills one matcher after the other; the other one takes the shard over each time, if it was the owner.
async fn kill_owners(exchange: &mut Exchange) -> Result<()> {
    for _ in 0..KILLS {
        for name in names(exchange, Role::Matcher) {
            exchange.member(&name)?.kill();
            tokio::time::sleep(BETWEEN_KILLS / 2).await;
            exchange.member(&name)?.start().await?;
        }
    }
    Ok(())
}

/// Lets PostgreSQL stand still again and again, until somebody is called.
async fn stutter(exchange: &mut Exchange, prometheus: &Prometheus) -> Result<()> {
    let postgres = exchange.postgres.as_mut().context("PostgreSQL")?;
    let until = Instant::now() + LASTS * 2;
    while Instant::now() < until && !prometheus.firing().await?.contains("HighOrderLatency") {
        postgres.pause()?;
        tokio::time::sleep(STILL).await;
        postgres.resume()?;
        tokio::time::sleep(GOES).await;
    }
    Ok(())
}

async fn change(exchange: &Exchange, by: &str) -> Result<()> {
    sql(exchange, CHANGE, &[&by]).await
}

async fn sql(
    exchange: &Exchange,
    statement: &str,
    values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(exchange.postgres_url(), NoTls).await?;
    let driver = tokio::spawn(connection);
    let changed = client.execute(statement, values).await?;
    anyhow::ensure!(changed == 1, "{changed} rows instead of one");
    drop(client);
    Ok(driver.await??)
}

/// Asks with tokens of nobody, faster than the alert allows.
async fn try_tokens(exchange: &mut Exchange) -> Result<()> {
    let port = exchange.member("gateway-1")?.port();
    let until = Instant::now() + LASTS;
    while Instant::now() < until {
        let question = Question {
            port,
            method: "GET",
            path: "/api/v1/balances",
            token: "no.such.token",
            body: "",
        };
        drop(ask(question).await);
        tokio::time::sleep(BETWEEN_TOKENS).await;
    }
    Ok(())
}
