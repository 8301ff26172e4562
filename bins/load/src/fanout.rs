//! `load fanout`: many readers of a public channel while orders are placed.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api::Api;
use crate::cli::FanoutArgs;
use crate::decimal;
use crate::latency::{empty, figures, micros};
use crate::output::{Failed, Progress, say};
use crate::parallel;
use crate::report::{self, Check};
use crate::writer::{Answers, Writer};
use crate::ws::Socket;
use crate::ws_lanes::number;

/// Readers that connect at a time.
const AT_A_TIME: usize = 16;
/// After the last order its frames still come.
const AFTER: Duration = Duration::from_millis(500);

/// What the readers found.
struct Seen {
    frames: Vec<u64>,
    bytes: u64,
    latency: Histogram<u64>,
    /// Trades whose frame came before the answer to their order.
    early: u64,
    gaps: Check,
    connected: Check,
}

/// Does it.
///
/// # Errors
/// The gateway cannot be reached, a sequence has a gap, or a reader was thrown out.
pub(crate) async fn run(arguments: FanoutArgs) -> anyhow::Result<()> {
    let mut report = report::head("fanout", &arguments)?;
    let api = Rc::new(Api::new(&arguments.target)?);
    let parts: Vec<&str> = arguments.channel.split(':').collect();
    let market = parts.get(1).context("--channel must be like depth:BTC-USDT")?;
    let writer = Writer::new(&api, &arguments.target, market).await?;
    let seen = Rc::new(RefCell::new(Seen {
        frames: vec![0; arguments.readers],
        bytes: 0,
        latency: empty()?,
        early: 0,
        gaps: Check::new("no reader's sequence has a gap"),
        connected: Check::new("readers stay connected"),
    }));
    let trades = format!("trades:{}", writer.market.dashed());
    let readers = connect(&arguments, &trades).await?;
    let mut tasks = Vec::new();
    for (index, (socket, frames)) in readers.into_iter().enumerate() {
        let reader = Reader {
            index,
            last_seq: None,
            seen: Rc::clone(&seen),
            answers: Rc::clone(&writer.answers),
        };
        tasks.push(tokio::task::spawn_local(reader.read(socket, frames)));
    }
    let start = Instant::now();
    let writing = writer.work(arguments.rate, arguments.duration);
    let written = with_progress(&arguments, &seen, writing).await?;
    tokio::time::sleep(AFTER).await;
    let seconds = start.elapsed().as_secs_f64();
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    report["written"] = serde_json::to_value(&written)?;
    let failed = tell(&mut report, &seen.borrow(), seconds)?;
    report::write(arguments.target.report.as_deref(), &report)?;
    if failed > 0 {
        return Err(Failed(failed).into());
    }
    Ok(())
}

async fn with_progress<T>(
    arguments: &FanoutArgs,
    seen: &RefCell<Seen>,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut progress = Progress::new("fanout", arguments.duration.as_secs());
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    let mut second = 0;
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = seconds.tick() => {
                progress.at(second, || format!("{} frames", seen.borrow().frames.iter().sum::<u64>()));
                second += 1;
            }
        }
    }
}

/// The readers of the channel, and one more of the trades.
async fn connect(arguments: &FanoutArgs, trades: &str) -> anyhow::Result<Vec<(Socket, Vec<Value>)>> {
    let mut channels = vec![arguments.channel.as_str(); arguments.readers];
    channels.push(trades);
    let url = arguments.target.ws_url.as_str();
    parallel::each(channels, AT_A_TIME, |channel| async move {
        let mut socket = Socket::connect(url, None).await?;
        let frames = socket.subscribe(&[channel], None).await?;
        Ok((socket, frames))
    })
    .await
}

/// Prints and reports; how many checks do not hold.
fn tell(report: &mut Value, seen: &Seen, seconds: f64) -> anyhow::Result<usize> {
    let total: u64 = seen.frames.iter().sum();
    let rate = |frames: u64| frames as f64 / seconds;
    let least = rate(seen.frames.iter().min().copied().unwrap_or(0));
    let most = rate(seen.frames.iter().max().copied().unwrap_or(0));
    let mean = rate(total) / seen.frames.len().max(1) as f64;
    let latency = figures(&seen.latency);
    say(&format!(
        "fanout: {:.0} frames/s, {mean:.1} a reader ({least:.1} to {most:.1}), {:.2} MB/s",
        rate(total),
        seen.bytes as f64 / seconds / 1e6
    ));
    say(&format!(
        "  order answer to trade frame: {} ({} frames, {} before the answer)",
        report::figures(&latency),
        latency.count,
        seen.early
    ));
    report["frames_per_second"] =
        json!({"all": rate(total), "reader_mean": mean, "reader_least": least, "reader_most": most});
    report["answer_to_trade_frame"] = serde_json::to_value(latency)?;
    report["before_the_answer"] = seen.early.into();
    let checks = [&seen.gaps, &seen.connected];
    checks.iter().for_each(|check| check.print());
    report["checks"] = serde_json::to_value(checks)?;
    Ok(checks.iter().filter(|check| check.failed > 0).count())
}

struct Reader {
    index: usize,
    last_seq: Option<u64>,
    seen: Rc<RefCell<Seen>>,
    answers: Answers,
}

impl Reader {
    async fn read(mut self, mut socket: Socket, first: Vec<Value>) {
        self.seen.borrow_mut().connected.look();
        for frame in first {
            self.frame(frame.to_string().as_str());
        }
        loop {
            match socket.next().await {
                Ok(frame) => self.frame(frame.as_str()),
                Err(error) => {
                    let what = format!("reader {}: {error:#}", self.index);
                    self.seen.borrow_mut().connected.differs(what);
                    return;
                }
            }
        }
    }

    fn frame(&mut self, frame: &str) {
        let mut seen = self.seen.borrow_mut();
        if let Some(count) = seen.frames.get_mut(self.index) {
            *count += 1;
            seen.bytes += frame.len() as u64;
        }
        // Two hundred readers cannot read all of every frame.
        if frame.contains("\"channel\":\"depth:") {
            let first = number(frame.as_bytes(), "first_seq");
            let last = number(frame.as_bytes(), "last_seq");
            seen.gaps.look();
            if let (Some(first), Some(known)) = (first, self.last_seq)
                && first != known + 1
            {
                let what = format!("reader {}: {first} comes after {known}", self.index);
                seen.gaps.differs(what);
            }
            self.last_seq = last;
        } else if frame.contains("\"channel\":\"trades:") && frame.contains("\"type\":\"update\"") {
            let now = Instant::now();
            let frame: Value = serde_json::from_str(frame).unwrap_or_default();
            for trade in frame["trades"].as_array().into_iter().flatten() {
                let quantity = trade["quantity"].as_str().unwrap_or_default();
                let quantity = decimal::parse(quantity).unwrap_or_default();
                match self.answers.borrow().get(&quantity) {
                    Some(Some(answered)) => {
                        let waited = now.saturating_duration_since(*answered);
                        seen.latency.saturating_record(micros(waited));
                    }
                    Some(None) => {
                        seen.early += 1;
                        seen.latency.saturating_record(0);
                    }
                    // A trade of others.
                    None => {}
                }
            }
        }
    }
}
