//! How many reserves and settlements a wallet does in a second, and how long each takes, alone and beside one another:
//! called in the library, and through its service over HTTP as gateways and matchers call it; with the bare commits of the
//! same server. Takes the server of `TEST_POSTGRES_URL`, a database of its own for each, and about four minutes.
//!
//! `RATE_ONLY=together` leaves out what they do alone; `RATE_WORKERS` is the number of transactions at once;
//! `RATE_SETTLEMENTS` how many come in a second (500), for slower machines; `RATE_SQL` is done first, to try a schema.
#![allow(clippy::print_stdout, reason = "it reports to whoever runs it")]

mod flow;
mod raw;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use persistence::postgres::{Pool, PoolOptions};
use runtime::settings::WalletSettings;
use runtime::{Clock, Ids, Settings, Shutdown};
use testbed::Database;
use tokio::task::JoinSet;
use wallet::{PgWallet, WalletOptions};
use wallet_client::{HttpWallet, Instruction, Wallet};

use flow::{prepare, reserve, settle};
use raw::bare_commits;

/// How long each figure is measured.
const TIME: Duration = Duration::from_secs(8);
/// A wallet, and how it is called.
struct Measured {
    called: Arc<dyn Wallet>,
    counted: Arc<PgWallet>,
    shutdown: Shutdown,
    // Goes last.
    _database: Database,
}

impl Measured {
    /// A wallet of its own; behind its service over HTTP, or called in the library.
    async fn start(over_http: bool) -> Result<Self> {
        let database = Database::create().await?;
        if let Ok(sql) = std::env::var("RATE_SQL") {
            let (client, connection) =
                tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            client.batch_execute(&sql).await?;
        }
        let pool = Pool::new(&PoolOptions {
            url: database.url().into(),
            max_size: 4,
            wait: Duration::from_secs(5),
        })?;
        let workers = std::env::var("RATE_WORKERS")
            .ok()
            .and_then(|count| count.parse().ok());
        let usual = WalletOptions::default();
        let options = WalletOptions {
            workers: workers.unwrap_or(usual.workers),
            ..usual
        };
        let (clock, ids) = (Clock::System, Ids::new(Clock::System));
        let counted = Arc::new(PgWallet::start(pool, clock, ids, options));
        let shutdown = Shutdown::new();
        let mut called = Arc::<PgWallet>::clone(&counted) as Arc<dyn Wallet>;
        if over_http {
            let mut settings = Settings::default();
            (settings.wallet.port, settings.wallet.metrics_port) = (0, 0);
            let service = wallet_service::start(&settings, called)?;
            let url = format!("http://{}", service.address);
            tokio::spawn(service.run(shutdown.clone()));
            called = Arc::new(HttpWallet::of(&WalletSettings {
                url,
                ..settings.wallet
            })?);
        }
        Ok(Self {
            called,
            counted,
            shutdown,
            _database: database,
        })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let all = std::env::var_os("RATE_ONLY").is_none();
    let database = Database::create().await?;
    for connections in [1, 16] {
        let rate = bare_commits(&database, connections).await?;
        println!("bare commits of one row, {connections} connections: {rate:.0}/s");
    }
    for (name, over_http) in [("in the library", false), ("through the service", true)] {
        println!("{name}:");
        let wallet = Measured::start(over_http).await?;
        prepare(&wallet.called).await?;
        together(&wallet).await?;
        if all {
            alone(&wallet).await?;
        }
        let counts = wallet.counted.counts();
        println!("conflicts {}, failures {}", counts.conflicts, counts.failures);
        wallet.shutdown.trigger();
    }
    Ok(())
}

/// Reserves without settlements, and settlements without reserves.
async fn alone(wallet: &Measured) -> Result<()> {
    let settle: fn(u128) -> Instruction = settle;
    for (name, make) in [
        ("reserve", reserve as fn(u128) -> Instruction),
        ("settle-trade", settle),
    ] {
        for (callers, size) in [(1, 1), (100, 1), (500, 1), (1, 100), (1, 500)] {
            let before = wallet.counted.counts();
            let mut took = run(&wallet.called, make, callers, size).await?;
            let after = wallet.counted.counts();
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
async fn together(wallet: &Measured) -> Result<()> {
    let settlements = std::env::var("RATE_SETTLEMENTS").ok();
    let settlements: u64 = settlements.map_or(Ok(500), |text| text.parse())?;
    let many = u128::from(settlements);
    for (reserves, waiting) in [(2 * many, 0), (4 * many, 0), (2 * many, 6 * many)] {
        let before = wallet.counted.counts();
        let reserving = tokio::spawn(reserve_steadily(Arc::clone(&wallet.called), reserves));
        let mut settled = settle_steadily(&wallet.called, settlements, waiting).await?;
        let mut reserved = reserving.await??;
        let after = wallet.counted.counts();
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
async fn reserve_steadily(wallet: Arc<dyn Wallet>, per_second: u128) -> Result<Vec<Duration>> {
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
async fn settle_steadily(wallet: &Arc<dyn Wallet>, per_second: u64, waiting: u128) -> Result<Vec<Duration>> {
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

/// Lets so many callers ask without a pause, each for so many at once; how long each call took.
async fn run(
    wallet: &Arc<dyn Wallet>,
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
