//! The replay: reads a flow, applies it as often as asked, and reports.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use domain::Side;

use crate::flow::Flow;
use crate::pace::{self, Pass};
use crate::report::Report;
use crate::tally::FillRow;
use crate::target::{BookRow, Core, Target};
use crate::whole::Whole;

/// How a replay is asked for.
#[derive(Debug, clap::Args)]
pub struct ReplayArguments {
    /// The flow: CSV with the columns seq,kind,order_id,user_id,side,type,tif,price,qty.
    pub flow: PathBuf,
    /// Write every fill to this file: taker_order_id,maker_order_id,price,qty.
    #[arg(long, value_name = "OUT")]
    pub fills: Option<PathBuf>,
    /// Write the book at the end to this file: side,price,qty,orders.
    #[arg(long, value_name = "OUT")]
    pub book: Option<PathBuf>,
    /// How many runs, each on a new book; the figures are those of the median run.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeat: u32,
    /// Run it through the whole exchange: reservations, settlement, fees, events and digest beside the matching.
    #[arg(long)]
    pub with_ledger: bool,
}

/// Replays a flow through the matching core or the whole exchange.
pub(crate) fn replay(arguments: &ReplayArguments) -> anyhow::Result<Report> {
    let name = arguments.flow.display();
    let file = File::open(&arguments.flow).with_context(|| format!("cannot open {name}"))?;
    let flow = Flow::read(BufReader::with_capacity(1 << 20, file)).with_context(|| name.to_string())?;
    if arguments.with_ledger {
        replay_through::<Whole>(&flow, arguments)
    } else {
        replay_through::<Core>(&flow, arguments)
    }
    .with_context(|| name.to_string())
}

fn replay_through<T: Target>(flow: &Flow, arguments: &ReplayArguments) -> anyhow::Result<Report> {
    let report = measure::<T>(flow, arguments.repeat)?;
    if arguments.fills.is_some() || arguments.book.is_some() {
        let mut fills = Vec::new();
        let target: T = pace::apply(flow, &mut fills)?;
        if let Some(path) = &arguments.fills {
            write_fills(path, &fills).with_context(|| format!("cannot write {}", path.display()))?;
        }
        if let Some(path) = &arguments.book {
            write_book(path, &target.book()).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(report)
}

/// Runs a flow so many times, each time once as a whole and once command by command.
fn measure<T: Target>(flow: &Flow, repeat: u32) -> anyhow::Result<Report> {
    let mut runs = Vec::new();
    for _ in 0..repeat {
        let Pass {
            target,
            tally,
            seconds,
        } = pace::whole::<T>(flow)?;
        let (open_orders, levels) = (target.open_orders(), target.book().len());
        drop(target);
        let (again, latency_ns) = pace::each::<T>(flow)?;
        ensure!(
            tally == again,
            "two passes over the same flow differ: {tally:?}, {again:?}"
        );
        let commands = flow.steps.len();
        runs.push(Report {
            commands,
            seconds,
            commands_per_second: commands as f64 / seconds,
            latency_ns,
            trades: tally.trades,
            volume: tally.volume,
            hash: format!("{:016x}", tally.hash),
            open_orders,
            levels,
            unknown_cancels: tally.unknown,
        });
    }
    runs.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    let same = runs
        .iter()
        .all(|run| run.hash == runs[0].hash && run.trades == runs[0].trades);
    ensure!(same, "two runs of the same flow differ");
    Ok(runs.swap_remove(runs.len() / 2))
}

fn write_fills(path: &Path, fills: &[FillRow]) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(out, "taker_order_id,maker_order_id,price,qty")?;
    for FillRow {
        taker,
        maker,
        price,
        quantity,
    } in fills
    {
        writeln!(out, "{taker},{maker},{},{}", price.ticks(), quantity.lots().0)?;
    }
    out.flush()
}

fn write_book(path: &Path, rows: &[BookRow]) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(out, "side,price,qty,orders")?;
    for BookRow {
        side,
        price,
        quantity,
        orders,
    } in rows
    {
        let side = match side {
            Side::Buy => 'B',
            Side::Sell => 'S',
        };
        writeln!(out, "{side},{},{},{orders}", price.ticks(), quantity.0)?;
    }
    out.flush()
}
