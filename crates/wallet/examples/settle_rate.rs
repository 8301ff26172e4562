//! How many reserves and settlements a wallet does in a second, and how long each takes, alone and beside one another,
//! and the bare commits of the same server. Takes the server of `TEST_POSTGRES_URL`, a database of its own, and about two
//! minutes.
//!
//! `RATE_ONLY=together` leaves out all but the settlements beside reserves; `RATE_WORKERS` is the number of transactions at
//! once; `RATE_SETTLEMENTS` how many come in a second (500), for slower machines; `RATE_SQL` is done first, to try a schema.
#![allow(clippy::print_stdout, reason = "it reports to whoever runs it")]

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use domain::{Amount, OrderId, Reserve, TradeId, Transfer, TransferKind, UserId};
use persistence::postgres::{Pool, PoolOptions};
use runtime::{Clock, Ids};
use testbed::Database;
use tokio::task::JoinSet;
use wallet::{PgWallet, WalletOptions};
use wallet_client::{Instruction, SettleTrade, TradeParty, Wallet as _};

/// People who trade with one another.
const PEOPLE: u128 = 1_000;
/// How long each figure is measured.
const TIME: Duration = Duration::from_secs(8);
/// What everybody has, and holds for one order of each side.
const PLENTY: Amount = Amount(1_000_000_000_000);

#[tokio::main]
async fn main() -> Result<()> {
    let database = Database::create().await?;
    if let Ok(sql) = std::env::var("RATE_SQL") {
        let (client, connection) = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute(&sql).await?;
    }
    let all = std::env::var_os("RATE_ONLY").is_none();
    if all {
        for connections in [1, 16] {
            let rate = bare_commits(&database, connections).await?;
            println!("bare commits of one row, {connections} connections: {rate:.0}/s");
        }
    }
    let pool = Pool::new(&PoolOptions {
        url: database.url().into(),
        max_size: 4,
        wait: Duration::from_secs(5),
    })?;
    let (clock, ids) = (Clock::System, Ids::new(Clock::System));
    let workers = std::env::var("RATE_WORKERS")
        .ok()
        .and_then(|count| count.parse().ok());
    let usual = WalletOptions::default();
    let options = WalletOptions {
        workers: workers.unwrap_or(usual.workers),
        ..usual
    };
    let wallet = Arc::new(PgWallet::start(pool, clock, ids, options));
    prepare(&wallet).await?;
    together(&wallet).await?;
    if all {
        alone(&wallet).await?;
    }
    let counts = wallet.counts();
    println!("conflicts {}, failures {}", counts.conflicts, counts.failures);
    Ok(())
}

/// Reserves without settlements, and settlements without reserves.
async fn alone(wallet: &Arc<PgWallet>) -> Result<()> {
    let settle: fn(u128) -> Instruction = settle;
    for (name, make) in [
        ("reserve", reserve as fn(u128) -> Instruction),
        ("settle-trade", settle),
    ] {
        for (callers, size) in [(1, 1), (100, 1), (500, 1), (1, 100), (1, 500)] {
            let before = wallet.counts();
            let mut took = run(wallet, make, callers, size).await?;
            let after = wallet.counts();
            let done = after.answered - before.answered;
            took.sort_unstable();
            let part = |percent| part(&took, percent);
            println!(
                "{name}: {callers} callers with {size} in a call: {:.0}/s, a call takes {:.2} ms (p50), {:.2} ms (p99), \
                 {:.1} in a transaction",
                done as f64 / TIME.as_secs_f64(),
                part(50),
                part(99),
                done as f64 / (after.transactions - before.transactions) as f64,
            );
        }
    }
    Ok(())
}

/// That part of sorted times, in milliseconds.
fn part(took: &[Duration], percent: usize) -> f64 {
    took[(took.len() - 1) * percent / 100].as_secs_f64() * 1_000.0
}

/// 500 trades a second, settled by one caller with up to 500 in a call, while reserves come at 1,000 and 2,000 a second;
/// once as they come, and once behind 3,000 trades that wait since a stall.
async fn together(wallet: &Arc<PgWallet>) -> Result<()> {
    let settlements = std::env::var("RATE_SETTLEMENTS").ok();
    let settlements: u64 = settlements.map_or(Ok(500), |text| text.parse())?;
    let many = u128::from(settlements);
    for (reserves, waiting) in [(2 * many, 0), (4 * many, 0), (2 * many, 6 * many)] {
        let before = wallet.counts();
        let reserving = tokio::spawn(reserve_steadily(Arc::clone(wallet), reserves));
        let mut settled = settle_steadily(wallet, settlements, waiting).await?;
        let mut reserved = reserving.await??;
        let after = wallet.counts();
        settled.sort_unstable();
        reserved.sort_unstable();
        println!(
            "{} settlements ({waiting} of them at once) beside {} reserves in {} s: a trade is settled after {:.2} ms (p50), \
             {:.2} ms (p99), a reserve takes {:.2} ms (p50), {:.2} ms (p99), {:.1} in a transaction",
            settled.len(),
            reserved.len(),
            TIME.as_secs(),
            part(&settled, 50),
            part(&settled, 99),
            part(&reserved, 50),
            part(&reserved, 99),
            (after.answered - before.answered) as f64 / (after.transactions - before.transactions) as f64,
        );
    }
    Ok(())
}

/// So many reserves a second, each a call of its own, whether those before it are answered or not.
async fn reserve_steadily(wallet: Arc<PgWallet>, per_second: u128) -> Result<Vec<Duration>> {
    let clock = Clock::System;
    let (start, first) = (clock.monotonic(), u128::from(clock.wall_us()) << 20);
    let mut running = JoinSet::new();
    let mut sent = 0;
    while clock.monotonic() - start < TIME {
        let due = (clock.monotonic() - start).as_millis() * per_second / 1_000;
        for number in sent..due {
            let (wallet, clock) = (Arc::clone(&wallet), clock.clone());
            running.spawn(async move {
                let begun = clock.monotonic();
                let answers = wallet.instruct(0, vec![reserve(first + number)]).await?;
                answers.into_iter().next().context("an answer")??;
                anyhow::Ok(clock.monotonic() - begun)
            });
        }
        sent = due;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut took = Vec::new();
    while let Some(done) = running.join_next().await {
        took.push(done??);
    }
    Ok(took)
}

/// So many trades a second behind those that wait already; how long each waited until it was settled.
async fn settle_steadily(wallet: &Arc<PgWallet>, per_second: u64, waiting: u128) -> Result<Vec<Duration>> {
    let clock = Clock::System;
    let (start, first) = (clock.monotonic(), u128::from(clock.wall_us()) << 20);
    // Trade number n, those that wait aside, comes about after n parts of a second.
    let came = |number: u128| {
        let behind = u64::try_from(number.saturating_sub(waiting)).unwrap_or(u64::MAX);
        start + Duration::from_micros(behind * (1_000_000 / per_second))
    };
    let mut took = Vec::new();
    let mut next = 0;
    while clock.monotonic() - start < TIME {
        let now = clock.monotonic();
        let batch: Vec<u128> = (next..next + 500)
            .take_while(|number| came(*number) <= now)
            .collect();
        if batch.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        next += batch.len() as u128;
        let instructions = batch.iter().map(|number| settle(first + number)).collect();
        for answer in wallet.instruct(0, instructions).await? {
            answer?;
        }
        let now = clock.monotonic();
        took.extend(batch.iter().map(|number| now - came(*number)));
    }
    Ok(took)
}

fn user(number: u128) -> UserId {
    // Ids that do not stand in the order of the numbers.
    UserId::from_u128((number % PEOPLE + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// Funds everybody, and reserves for one large order of each side.
async fn prepare(wallet: &Arc<PgWallet>) -> Result<()> {
    let mut running = JoinSet::new();
    for number in 0..PEOPLE {
        let wallet = Arc::clone(wallet);
        running.spawn(async move {
            for (asset, side) in [("BTC", 0), ("USDT", 1)] {
                let deposit = Transfer {
                    kind: TransferKind::Deposit,
                    key: format!("{asset}-{number}").parse()?,
                    user_id: user(number),
                    asset: asset.parse()?,
                    amount: Amount(2 * PLENTY.0),
                };
                wallet.transfer(deposit).await??;
                let reserve = Reserve {
                    order_id: OrderId::from_u128(2 * number + side),
                    request_id: None,
                    user_id: user(number),
                    asset: asset.parse()?,
                    receives: if side == 0 { "USDT" } else { "BTC" }.parse()?,
                    amount: PLENTY,
                };
                let answers = wallet.instruct(0, vec![Instruction::Reserve(reserve)]).await?;
                answers.into_iter().next().context("an answer")??;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(())
}

fn reserve(number: u128) -> Instruction {
    let (asset, receives) = if number.is_multiple_of(2) {
        ("BTC", "USDT")
    } else {
        ("USDT", "BTC")
    };
    Instruction::Reserve(Reserve {
        order_id: OrderId::from_u128(1 << 64 | number),
        request_id: None,
        user_id: user(number * 7_919),
        asset: asset.parse().unwrap_or_else(|_| unreachable!("a good code")),
        receives: receives.parse().unwrap_or_else(|_| unreachable!("a good code")),
        amount: Amount(1),
    })
}

fn settle(number: u128) -> Instruction {
    let (buys, sells) = (number * 7_919 % PEOPLE, (number * 104_729 + 1) % PEOPLE);
    let party = |of: u128, side: u128| TradeParty {
        user_id: user(of),
        order_id: Some(OrderId::from_u128(2 * of + side)),
        fee: Amount(1),
        release: Amount(0),
    };
    Instruction::Settle(SettleTrade {
        trade_id: TradeId::from_u128(1 << 64 | number),
        symbol: "BTC/USDT"
            .parse()
            .unwrap_or_else(|_| unreachable!("a good symbol")),
        base: Amount(1_000),
        quote: Amount(1_000),
        buyer: party(buys, 1),
        seller: party(sells, 0),
    })
}

/// Lets so many callers ask without a pause, each for so many at once; how long each call took.
async fn run(
    wallet: &Arc<PgWallet>,
    make: fn(u128) -> Instruction,
    callers: u128,
    size: u128,
) -> Result<Vec<Duration>> {
    let clock = Clock::System;
    let (start, first) = (clock.monotonic(), u128::from(clock.wall_us()) << 20);
    let mut running = JoinSet::new();
    for caller in 0..callers {
        let (wallet, clock) = (Arc::clone(wallet), clock.clone());
        running.spawn(async move {
            let mut took = Vec::new();
            for call in 0.. {
                let begun = clock.monotonic();
                if begun - start >= TIME {
                    break;
                }
                let number = first + (call * callers + caller) * size;
                let instructions = (number..number + size).map(make).collect();
                for answer in wallet.instruct(0, instructions).await? {
                    answer?;
                }
                took.push(clock.monotonic() - begun);
            }
            anyhow::Ok(took)
        });
    }
    let mut all = Vec::new();
    while let Some(took) = running.join_next().await {
        all.extend(took??);
    }
    Ok(all)
}

/// Commits of one inserted row in a second.
async fn bare_commits(database: &Database, connections: usize) -> Result<f64> {
    let clock = Clock::System;
    let start = clock.monotonic();
    let time = Duration::from_secs(3);
    let mut running = JoinSet::new();
    for number in 0..connections {
        let (client, connection) = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        let clock = clock.clone();
        running.spawn(async move {
            let table = format!("bare_{connections}_{number}");
            client
                .batch_execute(&format!("CREATE TABLE {table} (number BIGINT)"))
                .await?;
            let insert = client
                .prepare(&format!("INSERT INTO {table} VALUES ($1)"))
                .await?;
            let mut done = 0_i64;
            while clock.monotonic() - start < time {
                client.execute(&insert, &[&done]).await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut total = 0;
    while let Some(done) = running.join_next().await {
        total += done??;
    }
    Ok(total as f64 / time.as_secs_f64())
}
