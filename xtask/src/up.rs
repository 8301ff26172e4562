//! `cargo xtask up`: the whole distributed exchange on this machine, until it is told to stop.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use testbed::{Exchange, ExchangeOptions, Role};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::shell;

/// Between two looks whether all programs still run.
const LOOK: Duration = Duration::from_millis(500);
/// The programs of an exchange.
const PROGRAMS: [&str; 3] = ["gateway", "matcher", "wallet-service"];

/// What `cargo xtask up` can be told.
#[derive(clap::Args)]
pub struct Options {
    /// An existing database: postgres://user:password@host:port/name; else a PostgreSQL of its own
    #[arg(long)]
    postgres: Option<String>,
    /// Gateways and wallet reach a PostgreSQL of its own through the PgBouncer of this folder (test/pgbouncer.sh)
    #[arg(long, conflicts_with = "postgres")]
    pgbouncer: Option<PathBuf>,
    /// A running Redis: redis://:password@host:port/0; else one of its own
    #[arg(long)]
    redis: Option<String>,
    /// A running RabbitMQ: amqp://user:password@host:port/; else one of its own
    #[arg(long)]
    rabbitmq: Option<String>,
    /// Where logs and the servers' data lie; `cargo xtask up` goes on with what it finds there [default: data/up]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Builds without optimisation
    #[arg(long)]
    debug: bool,
    /// The programs lie here; nothing is built
    #[arg(long)]
    programs: Option<PathBuf>,
    /// How many gateways
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=16))]
    gateways: u32,
    /// How many matchers
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=16))]
    matchers: u32,
}

/// Builds and starts everything, says where it is, and stops it in good order on Ctrl-C or SIGTERM.
pub fn run(options: &Options) -> Result<()> {
    let programs = match &options.programs {
        Some(programs) => shell::root().join(programs),
        None => build(options.debug)?,
    };
    let dir = match &options.dir {
        Some(dir) => shell::root().join(dir),
        None => usual_dir(&shell::root().join("data/up")),
    };
    let mut exchange = ExchangeOptions::new(programs)
        .dir(dir)
        .gateways(options.gateways)
        .matchers(options.matchers)
        .auditors(1)
        .usual_ports(true);
    if let Some(url) = &options.postgres {
        exchange = exchange.postgres(url);
    }
    if let Some(program) = &options.pgbouncer {
        exchange = exchange.pooled(shell::root().join(program));
    }
    if let Some(url) = &options.redis {
        exchange = exchange.redis(url);
    }
    if let Some(url) = &options.rabbitmq {
        exchange = exchange.rabbitmq(url);
    }
    // Whoever starts it may change every setting, as with a gateway alone.
    for (name, value) in std::env::vars().filter(|(name, _)| name.starts_with("TRADE_ENGINE_")) {
        exchange = exchange.setting(name, value);
    }
    Runtime::new()?.block_on(until_told(exchange))
}

/// The folder, or one that PostgreSQL's account can enter where it cannot enter this one.
fn usual_dir(dir: &Path) -> PathBuf {
    if testbed::servers::may_hold_postgres(dir) {
        return dir.to_owned();
    }
    let other = std::env::temp_dir().join("trade-engine-up");
    println!(
        "PostgreSQL does not run as root and its own account cannot enter {}: the data lie in {}",
        dir.display(),
        other.display()
    );
    other
}

async fn until_told(options: ExchangeOptions) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let told = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(told);
    println!("starting servers, wallet, matchers and gateways ...");
    let mut exchange = tokio::select! {
        () = &mut told => bail!("stopped while it started"),
        exchange = Exchange::start(options) => exchange?,
    };
    greet(&exchange)?;
    let fallen = tokio::select! {
        () = &mut told => None,
        fallen = until_one_falls(&mut exchange) => Some(fallen),
    };
    println!("stopping ...");
    exchange.stop().await?;
    match fallen {
        Some(fallen) => bail!("{fallen}"),
        None => Ok(()),
    }
}

async fn until_one_falls(exchange: &mut Exchange) -> String {
    loop {
        if let Some(fallen) = exchange.fallen() {
            return fallen;
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn greet(exchange: &Exchange) -> Result<()> {
    let first = exchange.of(Role::Gateway).next().context("there is no gateway")?;
    let token = shell::output(&mut first.command(&["token", "alice"]))?;
    println!("\n  Trade engine, distributed, in development.");
    for member in exchange.members() {
        let (name, url, metrics) = (member.name(), member.url(), member.metrics_url());
        match member.role() {
            Role::Gateway => {
                let websocket = member.websocket_url();
                println!("  {name:<12}{url}/api/v1   {websocket}   (operators: {metrics}/api/v1/admin)");
            }
            Role::Matcher | Role::Auditor => println!("  {name:<12}{metrics}/metrics"),
            Role::Wallet => println!("  {name:<12}{url}/api/v1/wallets   {metrics}/metrics"),
        }
    }
    println!(
        "  PostgreSQL  {}\n  Redis       {}\n  RabbitMQ    {}\n  Logs        {}/*.log",
        without_password(exchange.postgres_url()),
        without_password(exchange.redis_url()),
        without_password(exchange.rabbitmq_url()),
        exchange.dir().display(),
    );
    println!(
        "\n  Place an order as alice:\n\n\
         curl -i {}/api/v1/orders -H 'Content-Type: application/json' \\\n  \
         -H 'Authorization: Bearer {}' \\\n  \
         -d '{{\"symbol\":\"BTC/USDT\",\"side\":\"BUY\",\"order_type\":\"LIMIT\",\"price\":\"60000.00\",\"quantity\":\"0.01\"}}'\n\n  \
         Ctrl-C stops everything; the data stay.\n",
        first.url(),
        token.trim()
    );
    Ok(())
}

/// `postgres://user:***@host/name`.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.rsplit_once('@') {
        Some((credentials, place)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:***@{place}"),
            None => url.to_owned(),
        },
        None => url.to_owned(),
    }
}

/// Builds the programs and returns their folder.
pub fn build(debug: bool) -> Result<PathBuf> {
    let mut words = vec!["build"];
    for program in PROGRAMS {
        words.extend(["--package", program]);
    }
    if !debug {
        words.push("--release");
    }
    shell::run(&mut shell::cargo(&words))?;
    folder(if debug { "debug" } else { "release" })
}

/// As [`build`], out of what the tests of the workspace are built of, so that nothing is compiled twice.
pub fn build_for_tests() -> Result<PathBuf> {
    shell::run(&mut shell::cargo(&[
        "build",
        "--workspace",
        "--lib",
        "--bins",
        "--tests",
        "--examples",
    ]))?;
    folder("debug")
}

/// Where cargo puts the programs of a profile.
fn folder(profile: &str) -> Result<PathBuf> {
    Ok(shell::target()?.join(profile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        for (url, printed) in [
            (
                "postgres://me:se@cret@host:1/name",
                "postgres://me:***@host:1/name",
            ),
            ("redis://:secret@host:1/0", "redis://:***@host:1/0"),
            (
                "postgres://postgres@host:1/name",
                "postgres://postgres@host:1/name",
            ),
            ("redis://host:1/0", "redis://host:1/0"),
        ] {
            assert_eq!(without_password(url), printed);
        }
    }
}
