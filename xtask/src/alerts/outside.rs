//! Faults in what stands around an exchange, or is taken from it by its surroundings: rights, memory, readers.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use testbed::{Exchange, Role};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::faults::names;
use super::pages::{arguments, mitigation};
use super::sql::batch;
use super::surroundings::Surroundings;
use crate::shell;

/// More than a replica may lack.
const MUCH: &str =
    "SELECT pg_logical_emit_message(true, 'much', repeat('x', 1000000)) FROM generate_series(1, 90)";
const MAY_NOT_MAKE: &str =
    "REVOKE EXECUTE ON FUNCTION make_partitions(TIMESTAMPTZ, TIMESTAMPTZ, TEXT[]) FROM trade_matcher";
const MAY_MAKE: &str =
    "GRANT EXECUTE ON FUNCTION make_partitions(TIMESTAMPTZ, TIMESTAMPTZ, TEXT[]) TO trade_matcher";
/// What lies more than three days ahead goes.
const FEW_DAYS: &str = "DO $$ DECLARE day TEXT; BEGIN
    FOR day IN SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'trades'::regclass
        AND inhrelid::regclass::text > 'trades_' || to_char(now() AT TIME ZONE 'UTC' + interval '3 days', 'YYYY_MM_DD')
    LOOP EXECUTE format('DROP TABLE %s', day); END LOOP; END $$";
/// Gateways read seven batches a second, and others as always.
const READ_SLOWLY: &str = "ALTER TABLE shard_log ENABLE ROW LEVEL SECURITY;
    CREATE POLICY slow ON shard_log TO trade_gateway USING (pg_sleep(0.14) IS NOT NULL);
    CREATE POLICY others ON shard_log TO trade_matcher, trade_auditor USING (true) WITH CHECK (true)";
/// As before.
pub const READ_FAST: &str = "DROP POLICY slow ON shard_log; DROP POLICY others ON shard_log;
    ALTER TABLE shard_log DISABLE ROW LEVEL SECURITY";
/// For so long a gateway stands still: the broker drops it and its news, and far more happens than it reads in a while.
const STILL: Duration = Duration::from_secs(60);
/// Until the broker has told of its reader, and Prometheus has asked it.
const SEEN: Duration = Duration::from_secs(15);

/// The replica replays nothing, and lacks much.
///
/// # Errors
/// One of them does not answer.
pub async fn hold_replica(exchange: &Exchange, around: &Surroundings) -> Result<()> {
    replica(around, "SELECT pg_wal_replay_pause()").await?;
    batch(exchange, MUCH).await
}

/// It goes on.
///
/// # Errors
/// It does not answer.
pub async fn release_replica(around: &Surroundings) -> Result<()> {
    replica(around, &mitigation("ReplicaBehind", "SELECT ")?).await
}

/// Redis may use what it uses, or as much as it likes.
///
/// # Errors
/// It does not answer.
pub fn limit_redis(exchange: &Exchange, limited: bool) -> Result<()> {
    let redis = |words: &[&str]| {
        let mut command = Command::new("redis-cli");
        shell::output(command.args(["-u", exchange.redis_url()]).args(words))
    };
    let info = redis(&["info", "memory"])?;
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    let most = if limited {
        used.context("used_memory")?.trim()
    } else {
        "0"
    };
    let set = mitigation("RedisNearlyFull", "CONFIG SET ")?;
    let words: Vec<&str> = set.split(' ').chain([most]).collect();
    redis(&words).map(drop)
}

/// Somebody reads the trades for a while, and is gone.
///
/// # Errors
/// The broker does not answer.
pub async fn read_and_leave(exchange: &Exchange, around: &mut Surroundings) -> Result<()> {
    around.read_trades(exchange)?;
    tokio::time::sleep(SEEN).await;
    around.leave_trades();
    Ok(())
}

/// The matchers may make no partitions, have few days left, and start anew.
///
/// # Errors
/// It cannot be done.
pub async fn run_out(exchange: &mut Exchange) -> Result<()> {
    batch(exchange, MAY_NOT_MAKE).await?;
    batch(exchange, FEW_DAYS).await?;
    for name in names(exchange, Role::Matcher) {
        let matcher = exchange.member(&name)?;
        matcher.stop().await?;
        matcher.start().await?;
    }
    Ok(())
}

/// As the runbook says: made by hand, and the matchers may again.
///
/// # Errors
/// It cannot be done.
pub async fn make_partitions(exchange: &Exchange) -> Result<()> {
    let gateway = exchange.of(Role::Gateway).next().context("there is no gateway")?;
    let make = mitigation("PartitionsRunOut", "gateway ")?;
    shell::output(&mut gateway.command(&arguments(&make)))?;
    batch(exchange, MAY_MAKE).await
}

/// The broker is away, and gateways may not read the log.
///
/// # Errors
/// It cannot be done.
pub async fn deafen(exchange: &mut Exchange) -> Result<()> {
    exchange.rabbitmq.as_mut().context("RabbitMQ")?.stop().await?;
    batch(exchange, "REVOKE SELECT ON shard_log FROM trade_gateway").await
}

/// The log comes slowly, and a gateway lacks a large piece of it. News of what comes after do not help.
///
/// # Errors
/// It cannot be done.
pub async fn slow_log(exchange: &mut Exchange) -> Result<()> {
    batch(exchange, READ_SLOWLY).await?;
    let gateway = exchange.member("gateway-2")?;
    gateway.pause()?;
    tokio::time::sleep(STILL).await;
    gateway.resume()
}

/// Both are back.
///
/// # Errors
/// It cannot be done.
pub async fn listen_again(exchange: &mut Exchange) -> Result<()> {
    batch(exchange, "GRANT SELECT ON shard_log TO trade_gateway").await?;
    exchange
        .rabbitmq
        .as_mut()
        .context("RabbitMQ")?
        .start_again()
        .await
}

async fn replica(around: &Surroundings, statement: &str) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(&around.replica.url(), NoTls).await?;
    let driver = tokio::spawn(connection);
    let _: Vec<SimpleQueryMessage> = client.simple_query(statement).await?;
    drop(client);
    Ok(driver.await??)
}
