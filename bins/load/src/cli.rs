//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::flow::Mix;
use crate::schedule::Arrivals;
use crate::{book_run, echo, fanout, private_run, run};

/// Puts load on a running gateway, through its public API alone, and checks what came of it.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Orders at a rate, open loop; then every order and every unit of money is looked for
    Run(RunArgs),
    /// Many readers of a public channel while orders are placed
    Fanout(FanoutArgs),
    /// Keeps a book from the depth channel through disconnects and compares it with the API's
    Book(BookArgs),
    /// Keeps orders, fills and balances from the private channels through disconnects and compares them
    Private(PrivateArgs),
    /// A bare server that sends back what it gets: the measure for this machine
    Echo(EchoArgs),
}

/// Where the gateway is and how to sign in to it.
#[derive(Debug, Clone, Args, Serialize)]
pub struct Target {
    /// The public listener
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// The operators' listener: deposits, tiers, metrics
    #[arg(long, default_value = "http://127.0.0.1:9090")]
    pub(crate) admin_url: String,
    /// The WebSocket
    #[arg(long, default_value = "ws://127.0.0.1:8081/ws")]
    pub(crate) ws_url: String,
    /// The secret that signs tokens; without it the development secret
    #[arg(long, default_value = runtime::settings::AuthSettings::DEVELOPMENT_SECRET, hide_default_value = true)]
    #[serde(skip)]
    pub(crate) jwt_secret: String,
    /// The issuer that tokens name
    #[arg(long, default_value = "trade-engine")]
    pub(crate) jwt_issuer: String,
    /// The audience that tokens name
    #[arg(long, default_value = "trade-engine-api")]
    pub(crate) jwt_audience: String,
    /// The same seed gives the same users and the same flow
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where the report goes, as JSON
    #[arg(long)]
    pub(crate) report: Option<PathBuf>,
}

/// How orders are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Over HTTP/1.1, one request at a time a connection
    Http,
    /// Over WebSocket, many requests at a time a connection
    Ws,
    /// Half and half
    Both,
}

/// What `run` can be told.
#[derive(Debug, Clone, Args, Serialize)]
pub struct RunArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// How orders are sent
    #[arg(long, value_enum, default_value_t = Protocol::Http)]
    pub(crate) protocol: Protocol,
    /// Requests a second in all; with --saturate where the search begins
    #[arg(long, default_value_t = 500.0)]
    pub(crate) rate: f64,
    /// How arrivals are spread
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson)]
    pub(crate) arrivals: Arrivals,
    /// How long is measured; with --saturate at each rate
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub(crate) duration: Duration,
    /// How long before that is not measured
    #[arg(long, default_value = "3s", value_parser = duration)]
    pub(crate) warmup: Duration,
    /// How many users trade
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) users: u32,
    /// Connections of each protocol
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) connections: u32,
    /// Only these markets: BTC-USDT,ETH-USDT
    #[arg(long, value_delimiter = ',')]
    pub(crate) markets: Vec<String>,
    /// Cancel the orders of all others on these markets first
    #[arg(long)]
    pub(crate) empty_books: bool,
    /// Shares of the operations
    #[arg(long, default_value = "place=80,cancel=15,amend=5")]
    pub(crate) mix: Mix,
    /// The share of places that cross the book
    #[arg(long, default_value_t = 0.4)]
    pub(crate) taker: f64,
    /// The most requests that wait for an answer or a connection; what arrives beyond is counted as not sent
    #[arg(long, default_value_t = 2_000)]
    pub(crate) in_flight: usize,
    /// The most requests that wait for an answer on one WebSocket
    #[arg(long, default_value_t = 20)]
    pub(crate) ws_window: usize,
    /// How long an answer may take before its outcome counts as unknown
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Look for the highest rate: doubled, then bisected, while p99 keeps the limit and nothing is refused
    #[arg(long)]
    pub(crate) saturate: bool,
    /// The limit of --saturate, from the time an order was due
    #[arg(long, default_value = "50ms", value_parser = duration)]
    pub(crate) p99_limit: Duration,
    /// Measure a bare echo server in the same run with the same client
    #[arg(long)]
    pub(crate) compare_echo: bool,
    /// Look up the orders of so many users only; 0 = of all
    #[arg(long, default_value_t = 0)]
    pub(crate) check_sample: usize,
    /// Check nothing at the end
    #[arg(long)]
    pub(crate) no_check: bool,
    /// How long lists and balances may take to show what was acknowledged
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub(crate) settle: Duration,
}

/// What `fanout` can be told.
#[derive(Debug, Clone, Args, Serialize)]
pub struct FanoutArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// How many connections read
    #[arg(long, default_value_t = 200)]
    pub(crate) readers: usize,
    /// What they read
    #[arg(long, default_value = "depth:BTC-USDT")]
    pub(crate) channel: String,
    /// How long
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub(crate) duration: Duration,
    /// Orders a second
    #[arg(long, default_value_t = 100.0)]
    pub(crate) rate: f64,
}

/// What `book` can be told.
#[derive(Debug, Clone, Args, Serialize)]
pub struct BookArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The market
    #[arg(long, default_value = "BTC-USDT")]
    pub(crate) market: String,
    /// How long
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub(crate) duration: Duration,
    /// The time between two disconnects is drawn from this range
    #[arg(long, default_value = "1s..5s", value_parser = range)]
    pub(crate) disconnect_every: Between,
    /// Orders a second
    #[arg(long, default_value_t = 50.0)]
    pub(crate) rate: f64,
    /// Fewer comparisons than these count as a failure
    #[arg(long, default_value_t = 10)]
    pub(crate) min_comparisons: u64,
}

/// What `private` can be told.
#[derive(Debug, Clone, Args, Serialize)]
pub struct PrivateArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The market
    #[arg(long, default_value = "BTC-USDT")]
    pub(crate) market: String,
    /// How long
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub(crate) duration: Duration,
    /// The time between two disconnects is drawn from this range
    #[arg(long, default_value = "1s..5s", value_parser = range)]
    pub(crate) disconnect_every: Between,
    /// Orders a second of the two users together
    #[arg(long, default_value_t = 40.0)]
    pub(crate) rate: f64,
}

/// What `echo` can be told.
#[derive(Debug, Clone, Args)]
pub struct EchoArgs {
    /// The port; 0 = a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// How many threads serve
    #[arg(long, default_value_t = 2)]
    pub(crate) workers: usize,
}

/// A range of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Between {
    pub(crate) least: Duration,
    pub(crate) most: Duration,
}

impl Between {
    /// A time in the range; `unit` lies between 0 and 1.
    pub(crate) fn at(self, unit: f64) -> Duration {
        self.least + self.most.saturating_sub(self.least).mul_f64(unit.clamp(0.0, 1.0))
    }
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// The gateway cannot be reached or set up, or a check does not hold.
    pub fn execute(self) -> anyhow::Result<()> {
        if let Command::Echo(arguments) = &self.command {
            return echo::serve(arguments);
        }
        // One thread: the gateway needs the processors more.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the asynchronous runtime does not start")?;
        let work = async move {
            match self.command {
                Command::Run(arguments) => run::run(arguments).await,
                Command::Fanout(arguments) => fanout::run(arguments).await,
                Command::Book(arguments) => book_run::run(arguments).await,
                Command::Private(arguments) => private_run::run(arguments).await,
                Command::Echo(_) => Ok(()),
            }
        };
        tokio::task::LocalSet::new().block_on(&runtime, work)
    }
}

/// `500ms`, `30s`, `5m` or `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("`{text}` is no duration like 30s"))?;
    let millis = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        unit => return Err(format!("`{unit}` is none of ms, s, m, h")),
    };
    let millis = number
        .checked_mul(millis)
        .ok_or_else(|| format!("`{text}` is too long"))?;
    Ok(Duration::from_millis(millis))
}

/// `1s..5s`, or one duration for both ends.
fn range(text: &str) -> Result<Between, String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let (least, most) = (duration(least)?, duration(most)?);
    if least > most || most.is_zero() {
        return Err(format!("`{text}` is no range like 1s..5s"));
    }
    Ok(Between { least, most })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        for words in [
            &["load", "run"][..],
            &[
                "load",
                "run",
                "--saturate",
                "--compare-echo",
                "--markets",
                "BTC-USDT,ETH-USDT",
            ],
            &["load", "fanout", "--readers", "5"],
            &["load", "book", "--disconnect-every", "1s..5s"],
            &["load", "private"],
            &["load", "echo", "--port", "1"],
        ] {
            Cli::try_parse_from(words).unwrap();
        }
        assert!(Cli::try_parse_from(["load"]).is_err());
        assert!(Cli::try_parse_from(["load", "run", "--users", "0"]).is_err());
    }

    #[test]
    fn durations_and_ranges_are_read_or_refused() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "1d",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert!(duration(text).is_err(), "{text:?}");
        }
        let between = range("1s..3s").unwrap();
        assert_eq!(between.at(0.5), Duration::from_secs(2));
        for text in ["3s..1s", "0s", "1s..", "a..b"] {
            assert!(range(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_report_never_holds_the_secret() {
        let cli = Cli::try_parse_from(["load", "run", "--jwt-secret", "hush-hush"]).unwrap();
        let Command::Run(arguments) = cli.command else {
            panic!("another command");
        };
        assert!(!serde_json::to_string(&arguments).unwrap().contains("hush"));
    }
}
