//! How each fault is caused and mended.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use testbed::{Exchange, Postgres, RabbitMq, Role};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::books;
use super::cases::Fault;
use super::operator::Caller;
use super::outside;
use super::pages::{arguments, mitigation};
use super::prometheus::Prometheus;
use super::readers;
use super::sql::{self, batch};
use super::surroundings::Surroundings;
use crate::http::{Question, ask};

/// Settings that keep limits out of the way: one address asks for everything here.
pub const SETTINGS: [(&str, &str); 9] = [
    ("TRADE_ENGINE_LIMITS__FAILED_LOGINS_PER_MINUTE", "100000"),
    ("TRADE_ENGINE_LIMITS__ADDRESS_REQUESTS_PER_SECOND", "100000"),
    ("TRADE_ENGINE_LIMITS__ADDRESS_BURST", "100000"),
    ("TRADE_ENGINE_LIMITS__ORDERS_PER_SECOND", "100000"),
    // Small enough for a flow of this machine to fill.
    ("TRADE_ENGINE_DISTRIBUTED__IN_FLIGHT", "24"),
    ("TRADE_ENGINE_DATABASE__MAX_OPEN_CONNS", "8"),
    ("TRADE_ENGINE_DATABASE__MAX_IDLE_CONNS", "8"),
    ("TRADE_ENGINE_WEBSOCKET__QUEUE_FRAMES", "16"),
    ("TRADE_ENGINE_AUDITOR__INTERVAL", "2s"),
];
/// How long a fault that is made of many small ones goes on before somebody looks.
const LASTS: Duration = Duration::from_secs(75);
/// PostgreSQL stands still for so long, and goes on for so long.
const STILL: Duration = Duration::from_millis(700);
const GOES: Duration = Duration::from_millis(300);
/// The wallet service stands still for so long, and goes on for so long.
const WALLET_STILL: Duration = Duration::from_millis(1_500);
const WALLET_GOES: Duration = Duration::from_millis(100);
/// How many times the matchers' sessions are ended, and what lies between.
const ENDS: u32 = 5;
const BETWEEN_ENDS: Duration = Duration::from_secs(7);
/// How many callers ask for orders that lie behind a lock.
const WAITING: usize = 40;
/// From one takeover of the shard to the next.
const BETWEEN_KILLS: Duration = Duration::from_secs(8);
const KILLS: u32 = 5;
/// Between two tokens that are tried.
const BETWEEN_TOKENS: Duration = Duration::from_millis(60);
const GARBAGE: &str = "INSERT INTO commands (id, shard, kind, body, created_at) \
    VALUES ('00000000-0000-7000-8000-000000000001', 0, 'cancel_all', '\\x01ff', now())";
const NOBODYS_LEASE: &str = "UPDATE shards SET epoch = epoch + 1, owner = 'nobody', lease_until = now() + interval '1 hour' WHERE shard = 0";
const UNREADABLE: &str = "INSERT INTO orders (order_id, user_id, symbol, side, order_type, quantity, price, created_at) \
    SELECT v7_floor(at), '00000000-0000-4000-8000-0000000000a1', 'NO/MARKET', 'BUY', 'LIMIT', 1, 1, at \
    FROM (SELECT date_trunc('milliseconds', now()) - interval '1 minute' AS at) AS past";
const MAY_NOT_MONITOR: &str = "ALTER ROLE monitor NOLOGIN;
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'monitor'";
const UNREADABLE_ORDER: &str = "SELECT order_id::text FROM orders WHERE symbol = 'NO/MARKET'";
/// Who holds the orders' table.
const HOLDER: &str = "SELECT pid::text FROM pg_locks WHERE relation = 'orders'::regclass AND mode = 'AccessExclusiveLock' AND granted";

/// Brings the fault about. Those that are made of many small ones are over when this returns, or go on with the set that is
/// returned.
///
/// # Errors
/// It cannot be done.
pub async fn cause(
    fault: Fault,
    exchange: &mut Exchange,
    around: &mut Surroundings,
    prometheus: &Prometheus,
) -> Result<JoinSet<()>> {
    match fault {
        Fault::OneGateway => exchange.member("gateway-2")?.kill(),
        Fault::Gateways => kill(exchange, Role::Gateway)?,
        Fault::StandBy => exchange.member("matcher-2")?.kill(),
        Fault::Matchers => kill(exchange, Role::Matcher)?,
        Fault::Wallet => leave_unsettled(exchange).await?,
        Fault::SlowWallet => hesitate(exchange, prometheus).await?,
        Fault::WalletRights => {
            batch(exchange, "REVOKE INSERT ON ledger_transactions FROM trade_wallet").await?
        }
        Fault::Auditor => kill(exchange, Role::Auditor)?,
        Fault::Owners => kill_owners(exchange).await?,
        Fault::Broker => rabbitmq(exchange)?.stop().await?,
        Fault::FrozenBroker => rabbitmq(exchange)?.pause()?,
        Fault::Disk => around.fill_disk()?,
        Fault::Replica => outside::hold_replica(exchange, around).await?,
        Fault::NoReplica => around.replica.kill(),
        Fault::Door => around.door.close().await?,
        Fault::Certificate => around.door.show(true).await?,
        Fault::RedisMemory => outside::limit_redis(exchange, true)?,
        Fault::BrokerMemory => {
            broker(
                exchange,
                &["set_vm_memory_high_watermark", "absolute", "20000000"],
            )
            .await?
        }
        Fault::Reader => outside::read_and_leave(exchange, around).await?,
        Fault::Exporter => around.kill_exporter("node")?,
        Fault::Blind => batch(exchange, MAY_NOT_MONITOR).await?,
        Fault::Partitions => outside::run_out(exchange).await?,
        Fault::Deaf => outside::deafen(exchange).await?,
        Fault::SlowLog => outside::slow_log(exchange).await?,
        Fault::Unread => {
            let policy = [
                "set_policy",
                "short",
                "^wallet\\.service\\.trades$",
                r#"{"max-length":10}"#,
            ];
            broker(exchange, &policy).await?;
        }
        Fault::Redis => exchange.redis.as_mut().context("Redis")?.stop().await?,
        Fault::Database => postgres(exchange)?.stop().await?,
        Fault::SlowDatabase => stutter(exchange, prometheus).await?,
        Fault::Lock => return lock(exchange).await,
        Fault::Lease => sql::change(exchange, NOBODYS_LEASE, &[]).await?,
        Fault::Sessions => end_sessions(exchange).await?,
        Fault::Readers => return readers::start(exchange),
        Fault::Balance => books::change(exchange, "1").await?,
        Fault::Garbage => sql::change(exchange, GARBAGE, &[]).await?,
        Fault::Unreadable => sql::change(exchange, UNREADABLE, &[]).await?,
        Fault::Tokens => try_tokens(exchange).await?,
        Fault::Refused => books::take_reservation(exchange).await?,
    }
    Ok(JoinSet::new())
}

/// Takes the fault away.
///
/// # Errors
/// It cannot be done.
pub async fn mend(fault: Fault, exchange: &mut Exchange, around: &mut Surroundings) -> Result<()> {
    match fault {
        Fault::OneGateway => exchange.member("gateway-2")?.start().await?,
        Fault::StandBy => exchange.member("matcher-2")?.start().await?,
        Fault::Gateways => start(exchange, Role::Gateway).await?,
        Fault::Matchers => start(exchange, Role::Matcher).await?,
        Fault::Wallet => start(exchange, Role::Wallet).await?,
        Fault::WalletRights => batch(exchange, "GRANT INSERT ON ledger_transactions TO trade_wallet").await?,
        Fault::FrozenBroker => rabbitmq(exchange)?.resume()?,
        Fault::Disk => around.disk.clear()?,
        Fault::Replica => outside::release_replica(around).await?,
        Fault::NoReplica => around.replica.start_again().await?,
        Fault::Door => around.door.open_again().await?,
        Fault::Certificate => around.door.show(false).await?,
        Fault::RedisMemory => outside::limit_redis(exchange, false)?,
        Fault::BrokerMemory => control(exchange, &mitigation("BrokerAlarm", "rabbitmqctl ")?).await?,
        Fault::Reader => around.read_trades(exchange)?,
        Fault::Exporter => around.start_exporter("node").await?,
        Fault::Blind => batch(exchange, &mitigation("TargetDown", "ALTER ROLE ")?).await?,
        Fault::Partitions => outside::make_partitions(exchange).await?,
        Fault::Deaf => outside::listen_again(exchange).await?,
        Fault::SlowLog => batch(exchange, outside::READ_FAST).await?,
        Fault::Unread => {
            broker(exchange, &["clear_policy", "short"]).await?;
            control(exchange, &mitigation("DeadLetters", "rabbitmqctl ")?).await?;
        }
        Fault::Lease => {
            let end = mitigation("ShardWithoutOwner", "UPDATE ")?.replace("SHARD", "0");
            sql::change(exchange, &end, &[]).await?;
        }
        Fault::Unreadable => {
            let order = sql::found(exchange, UNREADABLE_ORDER).await?;
            let take_away = mitigation("OrdersUnreadable", "DELETE ")?.replace("ORDER_ID", &order);
            sql::change(exchange, &take_away, &[]).await?;
        }
        Fault::Lock => {
            let holder = sql::found(exchange, HOLDER).await?;
            let end = mitigation("DatabaseConnectionsWaiting", "SELECT ")?.replace("PID", &holder);
            batch(exchange, &end).await?;
        }
        Fault::Refused => books::give_reservation(exchange).await?,
        Fault::Auditor => start(exchange, Role::Auditor).await?,
        Fault::Broker => rabbitmq(exchange)?.start_again().await?,
        Fault::Redis => exchange.redis.as_mut().context("Redis")?.start_again().await?,
        Fault::Database => postgres(exchange)?.start_again().await?,
        Fault::Balance => {
            books::change(exchange, "-1").await?;
            books::open_again(exchange).await?;
        }
        // It is over; what was set aside stays for a person to look at.
        Fault::Owners
        | Fault::SlowDatabase
        | Fault::SlowWallet
        | Fault::Sessions
        | Fault::Readers
        | Fault::Garbage
        | Fault::Tokens => {}
    }
    Ok(())
}

fn rabbitmq(exchange: &mut Exchange) -> Result<&mut RabbitMq> {
    exchange.rabbitmq.as_mut().context("RabbitMQ")
}

fn postgres(exchange: &mut Exchange) -> Result<&mut Postgres> {
    exchange.postgres.as_mut().context("PostgreSQL")
}

pub(super) fn names(exchange: &Exchange, role: Role) -> Vec<String> {
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

/// Lets PostgreSQL stand still again and again, until somebody is called for both of what that sets off.
async fn stutter(exchange: &mut Exchange, prometheus: &Prometheus) -> Result<()> {
    let postgres = postgres(exchange)?;
    let (mut seen, until) = (BTreeSet::new(), Instant::now() + LASTS * 2);
    while Instant::now() < until
        && !["HighOrderLatency", "ShardCommitSlow"]
            .iter()
            .all(|name| seen.contains(*name))
    {
        postgres.pause()?;
        tokio::time::sleep(STILL).await;
        postgres.resume()?;
        tokio::time::sleep(GOES).await;
        seen.extend(prometheus.firing().await?);
    }
    Ok(())
}

/// The same with the wallet service.
async fn hesitate(exchange: &mut Exchange, prometheus: &Prometheus) -> Result<()> {
    let wallets = names(exchange, Role::Wallet);
    let until = Instant::now() + LASTS * 2;
    while Instant::now() < until && !prometheus.firing().await?.contains("WalletCallsSlow") {
        for name in &wallets {
            exchange.member(name)?.pause()?;
        }
        tokio::time::sleep(WALLET_STILL).await;
        for name in &wallets {
            exchange.member(name)?.resume()?;
        }
        tokio::time::sleep(WALLET_GOES).await;
    }
    Ok(())
}

/// Kills the wallet service, and then has an order cancelled: its money waits.
async fn leave_unsettled(exchange: &mut Exchange) -> Result<()> {
    let alice = Caller::of(exchange, "alice")?;
    let order = alice.place("BTC/USDT", "SELL", "60000", "0.001").await?;
    kill(exchange, Role::Wallet)?;
    alice
        .ask("DELETE", &format!("/api/v1/orders/{order}"), "")
        .await?;
    Ok(())
}

/// Ends the matchers' sessions on PostgreSQL, and waits for the shard each time.
async fn end_sessions(exchange: &Exchange) -> Result<()> {
    for _ in 0..ENDS {
        batch(
            exchange,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'trade-engine-matcher%'",
        )
        .await?;
        tokio::time::sleep(BETWEEN_ENDS).await;
    }
    Ok(())
}

/// A transaction that holds the orders until somebody ends its session, and callers who ask for them, who end with the set.
async fn lock(exchange: &Exchange) -> Result<JoinSet<()>> {
    let (client, driver) = sql::session(exchange).await?;
    client.batch_execute("BEGIN; LOCK TABLE orders").await?;
    tokio::spawn(async move {
        let _client = client;
        drop(driver.await);
    });
    let mut tasks = JoinSet::new();
    for at in 0..WAITING {
        let caller = Caller::of(exchange, "alice")?;
        tasks.spawn(async move {
            loop {
                // Half of them look, half of them trade.
                let asked = match at % 2 {
                    0 => caller.ask("GET", "/api/v1/orders", "").await.map(drop),
                    _ => caller
                        .place("BTC/USDT", "SELL", "50000", "0.0001")
                        .await
                        .map(drop),
                };
                drop(asked);
                tokio::time::sleep(BETWEEN_TOKENS).await;
            }
        });
    }
    Ok(tasks)
}

/// A command for RabbitMQ as it is typed.
async fn control(exchange: &Exchange, typed: &str) -> Result<()> {
    broker(exchange, &arguments(typed)).await
}

async fn broker(exchange: &Exchange, words: &[&str]) -> Result<()> {
    exchange
        .rabbitmq
        .as_ref()
        .context("RabbitMQ")?
        .control(words)
        .await
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
