//! Prints how many orders a second PostgreSQL takes, each with its client id, in transactions of 1, 50 and 500, beside COPY
//! of the same rows and the bare rate of commits: `insert_speed [ROWS] [RUNS]`. The server is that of the tests
//! (`TEST_POSTGRES_URL`), with `synchronous_commit = on`; the database is made for it and dropped.
#![allow(clippy::print_stdout, reason = "it is a command that prints")]

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use domain::{
    Amount, FeeRate, Lots, Market, MarketDefinition, MarketNumber, OrderId, Place, Price, Quantity,
    SelfTradePrevention, Side, Stamp, Terms, TimeInForce, UserId,
};
use futures_util::SinkExt as _;
use persistence::postgres::intake::{Claim, StoreOrder, Stored, store_orders};
use persistence::postgres::orders::{FeeRates, MarketGrids, NewOrder};
use persistence::postgres::{Connection, connect};
use runtime::Clock;
use secrecy::SecretString;
use testbed::Database;
use tokio_postgres::{Client, NoTls};

const BATCHES: [usize; 3] = [1, 50, 500];

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (rows, runs): (usize, usize) = (number(20_000)?, number(5)?);
    ensure!(rows >= 500 && runs > 0, "at least 500 rows and one run");
    let database = Database::create().await?;
    let mut bench = Bench::new(&database).await?;
    println!("{rows} rows a run, {runs} runs: median (lowest to highest) of orders a second");
    for batch in BATCHES {
        // One at a time is slow enough.
        let rows = if batch == 1 {
            rows / 10
        } else {
            rows / batch * batch
        };
        let mut found = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..runs {
            found[0].push(bench.stored(rows, batch).await?);
            found[1].push(bench.copied(rows, batch).await?);
            found[2].push(bench.commits(rows / batch).await? * batch as f64);
        }
        let [stored, copied, bare] = found.map(middle);
        println!(
            "{batch:>4} a transaction: {stored}; COPY {copied}: {:.2} of it; \
             if a commit cost all: {bare}",
            stored.median / copied.median
        );
    }
    Ok(())
}

/// The middle of several runs.
struct Middle {
    median: f64,
    lowest: f64,
    highest: f64,
}

impl std::fmt::Display for Middle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            median,
            lowest,
            highest,
        } = self;
        write!(f, "{median:.0} ({lowest:.0} to {highest:.0})")
    }
}

fn middle(mut runs: Vec<f64>) -> Middle {
    runs.sort_by(f64::total_cmp);
    Middle {
        median: runs[runs.len() / 2],
        lowest: runs[0],
        highest: runs[runs.len() - 1],
    }
}

/// A database, and who writes into it.
struct Bench {
    ours: Connection,
    plain: Client,
    markets: MarketGrids,
    clock: Clock,
    made: u64,
}

impl Bench {
    async fn new(database: &Database) -> Result<Self> {
        let ours = connect(&SecretString::from(database.url())).await?;
        let (plain, connection) = tokio_postgres::connect(&database.url(), NoTls).await?;
        tokio::spawn(connection);
        plain
            .batch_execute("SET synchronous_commit = on; CREATE TABLE bare (x int)")
            .await?;
        let how = plain.query_one(
            "SELECT current_setting('synchronous_commit') || ', fsync ' || current_setting('fsync')",
            &[],
        );
        println!("synchronous_commit {}", how.await?.get::<_, String>(0));
        let market = MarketDefinition {
            number: MarketNumber(1),
            symbol: "BTC/USDT".parse()?,
            tick: Amount::parse("0.01").context("a tick")?,
            lot: Amount::parse("0.000001").context("a lot")?,
            min_quantity: Lots(1),
            max_quantity: Lots(1_000_000_000),
            max_price: Price::from_ticks(1_000_000).context("a price")?,
            min_notional: Amount::ZERO,
            market_band: None,
            limit_band: None,
            initial_price: None,
            maker_fee: FeeRate(100_000),
            taker_fee: FeeRate(100_000),
            max_open_orders: 200,
        };
        let market = Market::new(market).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
        Ok(Self {
            ours,
            plain,
            markets: MarketGrids::new([std::sync::Arc::new(market)]),
            clock: Clock::System,
            made: 0,
        })
    }

    /// As the gateway stores orders.
    async fn stored(&mut self, rows: usize, batch: usize) -> Result<f64> {
        let places = self.places(rows)?;
        let market = self.markets.numbered(MarketNumber(1)).context("the market")?;
        let market = market.clone();
        let fees = FeeRates {
            maker: FeeRate(100_000),
            taker: FeeRate(100_000),
        };
        let begin = self.clock.monotonic();
        for some in places.chunks(batch) {
            let orders: Vec<StoreOrder<'_>> = some
                .iter()
                .map(|place| StoreOrder {
                    row: NewOrder {
                        place,
                        market: &market,
                        fees,
                    },
                    claim: place.client_order_id.clone().map(|name| Claim {
                        user_id: place.user_id,
                        client_order_id: name,
                        order_id: place.order_id,
                        body_hash: self.made,
                    }),
                    command: None,
                })
                .collect();
            let told = store_orders(&mut self.ours, &orders, Stamp::FIRST, false, &self.markets).await?;
            ensure!(told.iter().all(|told| *told == Stored::Now), "not stored");
        }
        Ok(rate(rows, self.clock.monotonic() - begin))
    }

    /// The same rows by COPY, in transactions of the same size.
    async fn copied(&mut self, rows: usize, batch: usize) -> Result<f64> {
        let places = self.places(rows)?;
        let texts: Vec<(Bytes, Bytes)> = places.chunks(batch).map(lines).collect::<Result<_>>()?;
        let begin = self.clock.monotonic();
        for (orders, names) in texts {
            let transaction = self.plain.transaction().await?;
            for (columns, text) in [
                (
                    "client_order_ids (user_id, client_order_id, order_id, body_hash)",
                    names,
                ),
                (
                    "orders (order_id, user_id, symbol, side, order_type, quantity, price, client_order_id, created_at, \
                     updated_at, self_trade_prevention, maker_fee, taker_fee, deadline)",
                    orders,
                ),
            ] {
                let sink = transaction.copy_in(&format!("COPY {columns} FROM STDIN")).await?;
                let mut sink = std::pin::pin!(sink);
                sink.send(text).await?;
                sink.finish().await?;
            }
            transaction.commit().await?;
        }
        Ok(rate(rows, self.clock.monotonic() - begin))
    }

    /// Commits of one small row each.
    async fn commits(&mut self, commits: usize) -> Result<f64> {
        let insert = self.plain.prepare("INSERT INTO bare VALUES (1)").await?;
        let begin = self.clock.monotonic();
        for _ in 0..commits {
            self.plain.execute(&insert, &[]).await?;
        }
        Ok(rate(commits, self.clock.monotonic() - begin))
    }

    /// Orders that nobody has made before, of 1,000 users.
    fn places(&mut self, rows: usize) -> Result<Vec<Place>> {
        let now = Stamp::from_micros(self.clock.wall_us());
        let mut places = Vec::with_capacity(rows);
        for _ in 0..rows {
            self.made += 1;
            places.push(Place {
                order_id: OrderId::at(now, self.made),
                user_id: UserId::from_u128(u128::from(self.made % 1_000)),
                institution_id: None,
                market: MarketNumber(1),
                side: Side::ALL[usize::from(self.made.is_multiple_of(2))],
                terms: Terms::Limit {
                    price: Price::from_ticks(1_000 + u32::try_from(self.made % 1_000)?).context("a price")?,
                    quantity: Quantity::from_lots(Lots(1 + self.made % 100)).context("a quantity")?,
                    display: None,
                    post_only: false,
                },
                time_in_force: TimeInForce::Gtc,
                self_trade_prevention: SelfTradePrevention::ExpireTaker,
                client_order_id: Some(format!("order-{}", self.made).parse()?),
                received_at: now,
                deadline: None,
                protection_price: None,
            });
        }
        Ok(places)
    }
}

/// The rows of `orders` and of `client_order_ids` as COPY reads them.
fn lines(places: &[Place]) -> Result<(Bytes, Bytes)> {
    let (mut orders, mut names) = (String::new(), String::new());
    for place in places {
        let name = place.client_order_id.as_ref().context("a name")?.as_str();
        let at = chrono::DateTime::from_timestamp_millis(i64::try_from(place.received_at.millis())?);
        let at = at.context("a time")?.to_rfc3339();
        let id = uuid::Uuid::from_u128(place.order_id.as_u128());
        let user = uuid::Uuid::from_u128(place.user_id.as_u128());
        writeln!(
            orders,
            "{id}\t{user}\tBTC/USDT\t{}\tLIMIT\t0.000007\t12.34\t{name}\t{at}\t{at}\tEXPIRE_TAKER\t0.001\t0.001\t{at}",
            place.side.word()
        )?;
        writeln!(names, "{user}\t{name}\t{id}\t7")?;
    }
    Ok((orders.into(), names.into()))
}

fn rate(rows: usize, time: Duration) -> f64 {
    rows as f64 / time.as_secs_f64()
}
