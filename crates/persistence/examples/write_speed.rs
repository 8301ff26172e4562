//! Prints what the history's writer needs for its rows:
//! `write_speed [DIR] [ORDERS] [USERS] [ORDERS PER WRITE] [ORDERS BEFORE]`, the last of which are in the file already.
#![allow(clippy::print_stdout, reason = "it is a command that prints")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::{
    Amount, EntryAccount, EntryType, FeeRate, LedgerEntry, Lots, Market, MarketDefinition, MarketNumber,
    Order, OrderId, OrderState, Price, Progress, Quantity, Reference, SelfTradePrevention, Side, Stamp,
    Terms, TimeInForce, Trade, TradeId, TradeSide, UserId,
};
use persistence::{HistoryBatch, HistoryWriter};
use rustix::time::{ClockId, clock_gettime};

const RUNS: usize = 5;
const MARKETS: u64 = 10;
const LINES_PER_ORDER: u64 = 4;
/// Orders in a batch of the log.
const BATCH: u64 = 100;
/// Microseconds between orders: 10,000 of them a second.
const STEP: u64 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse());
    let load = Load {
        orders: number(200_000)?,
        users: number(500)?.max(1),
        per_write: number(2_000)?.max(BATCH),
        before: number(0)?,
    };
    println!("{RUNS} runs: {load:?}");
    let dir = root.join(format!("write-speed-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let runs = measured(&dir, &load);
    std::fs::remove_dir_all(&dir)?;
    let mut runs = runs?;
    runs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (cpu, wall, bytes) = runs[RUNS / 2];
    // An order, half a trade and its lines.
    let rows = 1.5 + LINES_PER_ORDER as f64;
    println!(
        "median: {cpu:.1} us of CPU an order ({:.1} to {:.1}), {:.0} orders/s and {:.0} rows/s of one core",
        runs[0].0,
        runs[RUNS - 1].0,
        1e6 / cpu,
        rows * 1e6 / cpu,
    );
    println!("{wall:.1} us of time and {bytes:.0} bytes of file an order");
    println!("at 10,000 orders/s: {cpu:.0} % of one core");
    Ok(())
}

/// How many orders, of how many users, in transactions of how many, into a file with how many.
#[derive(Debug)]
struct Load {
    orders: u64,
    users: u64,
    per_write: u64,
    before: u64,
}

/// The runs, each on its own copy of a file that was filled once.
fn measured(dir: &Path, load: &Load) -> Result<Vec<Cost>, Box<dyn Error>> {
    let (filled, path) = (dir.join("filled.db"), dir.join("history.db"));
    write(&filled, 0, load.before, load)?;
    let mut runs = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        std::fs::copy(&filled, &path)?;
        runs.push(write(&path, load.before, load.before + load.orders, load)?);
    }
    Ok(runs)
}

fn micros(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

/// CPU of the writing thread, time, and bytes of the file, for each order.
type Cost = (f64, f64, f64);

/// Writes the orders of these numbers; closing the file is part of it.
fn write(path: &Path, first: u64, end: u64, load: &Load) -> Result<Cost, Box<dyn Error>> {
    let mut writer = HistoryWriter::open(path)?;
    for number in 0..MARKETS {
        writer.define_market(&market(number)?);
    }
    let (mut cpu, mut wall, mut next) = (0.0, 0.0, first);
    while next < end {
        let until = (next + load.per_write).min(end);
        let mut batches = Vec::new();
        while next < until {
            let last = (next + BATCH).min(until);
            batches.push(batch(next, last, load.users)?);
            next = last;
        }
        let begin = (micros(ClockId::ThreadCPUTime), micros(ClockId::Monotonic));
        writer.write(&batches)?;
        cpu += micros(ClockId::ThreadCPUTime) - begin.0;
        wall += micros(ClockId::Monotonic) - begin.1;
    }
    let begin = (micros(ClockId::ThreadCPUTime), micros(ClockId::Monotonic));
    drop(writer);
    cpu += micros(ClockId::ThreadCPUTime) - begin.0;
    wall += micros(ClockId::Monotonic) - begin.1;
    let orders = (end - first) as f64;
    let bytes = std::fs::metadata(path)?.len() as f64 / end as f64;
    Ok((cpu / orders, wall / orders, bytes))
}

fn market(number: u64) -> Result<Market, Box<dyn Error>> {
    let definition = MarketDefinition {
        number: MarketNumber(u32::try_from(number)?),
        symbol: format!("A{number}/USDT").parse()?,
        tick: Amount::parse("0.01")?,
        lot: Amount::parse("0.00001")?,
        min_quantity: Lots(1),
        max_quantity: Lots(100_000_000),
        max_price: Price::from_ticks(50_000_000).ok_or("no price")?,
        min_notional: Amount::ZERO,
        market_band: None,
        limit_band: None,
        initial_price: None,
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(100_000),
        max_open_orders: 200,
    };
    Market::new(definition).map_err(|errors| format!("{errors:?}").into())
}

/// Spreads numbers evenly, so that neighbours are different users' and markets'.
const fn spread(number: u64) -> u64 {
    (number ^ (number >> 7)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20
}

fn user(number: u64, users: u64) -> UserId {
    let number = spread(number) % users;
    UserId::from_u128(u128::from(spread(number)) << 64 | u128::from(number))
}

/// The orders of these numbers: each ends, every other one trades, each causes four lines.
fn batch(first: u64, end: u64, users: u64) -> Result<HistoryBatch, Box<dyn Error>> {
    let mut batch = HistoryBatch {
        first_seq: first + 1,
        last_seq: end,
        at: stamp(end),
        orders: Vec::new(),
        trades: Vec::new(),
        entries: Vec::new(),
    };
    for number in first..end {
        let order = order(number, users)?;
        if number % 2 == 1 {
            batch.trades.push(trade(number, &order, users));
        }
        for line in 0..LINES_PER_ORDER {
            batch.entries.push(entry(number, u32::try_from(line)?, &order)?);
        }
        batch.orders.push(Arc::new(order));
    }
    Ok(batch)
}

fn stamp(number: u64) -> Stamp {
    Stamp::from_micros(1_790_000_000_000_000 + number * STEP)
}

fn order(number: u64, users: u64) -> Result<Order, Box<dyn Error>> {
    // Orders do not end in the order of their ids.
    let id = number.saturating_sub(spread(number) % 64) * 64 + number % 64;
    let quantity = Quantity::from_lots(Lots(1_000 + number % 999)).ok_or("no quantity")?;
    let price = Price::from_ticks(5_000_000 + u32::try_from(number % 997)?).ok_or("no price")?;
    let progress = Progress {
        filled: quantity.lots(),
        ..Progress::default()
    };
    Ok(Order {
        order_id: OrderId::at(stamp(id / 64), id),
        user_id: user(number, users),
        institution_id: None,
        market: MarketNumber(u32::try_from(spread(number + 1) % MARKETS)?),
        side: Side::Buy,
        terms: Terms::Limit {
            price,
            quantity,
            display: None,
            post_only: false,
        },
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        client_order_id: Some(format!("order-{number:012}").parse()?),
        quantity: quantity.lots(),
        protection_price: None,
        state: OrderState::Filled(progress),
        filled_notional: Amount(u64::from(price.ticks()) * quantity.lots().0),
        fee: Amount(quantity.lots().0),
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(100_000),
        deadline: stamp(number + 100_000),
        expires_at: None,
        created_at: stamp(id / 64),
        updated_at: stamp(number),
        triggered_at: None,
        ended_at: Some(stamp(number)),
    })
}

fn trade(number: u64, order: &Order, users: u64) -> Trade {
    let party = |order_id, user_id| TradeSide {
        order_id,
        user_id,
        fee: Amount(1_000),
        remaining: Lots::ZERO,
    };
    Trade {
        trade_id: TradeId::at(stamp(number), order.market, number),
        market: order.market,
        number,
        price: order.terms.price().unwrap_or(Price::ONE_TICK),
        quantity: Quantity::from_lots(order.quantity).unwrap_or(ONE_LOT),
        buyer: party(order.order_id, order.user_id),
        seller: party(
            OrderId::at(stamp(number.saturating_sub(500)), number),
            user(number + 1, users),
        ),
        maker_side: Side::Sell,
        executed_at: stamp(number),
    }
}

const ONE_LOT: Quantity = match Quantity::from_lots(Lots(1)) {
    Some(one) => one,
    None => unreachable!(),
};

fn entry(number: u64, line: u32, order: &Order) -> Result<LedgerEntry, Box<dyn Error>> {
    // Of a taker's lines one in four is the fee account's.
    let account = match line {
        3 if number % 2 == 1 => EntryAccount::Fee,
        _ => EntryAccount::User(order.user_id),
    };
    Ok(LedgerEntry {
        seq: number + 1,
        line,
        account,
        asset: if line.is_multiple_of(2) { "USDT" } else { "BTC" }.parse()?,
        available: -5_000_000_000 + i64::from(line),
        reserved: 5_000_000_000,
        entry_type: EntryType::Reserve,
        reference: Reference::Order(order.order_id),
        at: stamp(number),
    })
}
