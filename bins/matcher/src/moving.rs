//! The operator's command that moves a market to another shard.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use distributed::News;
use distributed::shard::{Moved, move_market};
use runtime::Settings;
use tokio::time::timeout;

use crate::setup;
use crate::worker::FAREWELL;

/// How long the broker may take to answer before gateways are left to find out by themselves.
const BROKER: Duration = Duration::from_secs(5);

/// Which market, and where to.
#[derive(Debug, Args)]
pub struct MoveArguments {
    /// The settings file; else config/config.yaml where there is one.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The market, such as `BTC-USDT`.
    #[arg(long)]
    market: String,
    /// The shard in which it is to live.
    #[arg(long)]
    to: u32,
    /// For how many seconds what its shard has committed may take to be settled; its markets stand still meanwhile.
    #[arg(long, default_value_t = 30)]
    patience: u64,
}

/// Moves the market and says what was done.
///
/// # Errors
/// It has not moved, and why.
pub(crate) fn run(arguments: &MoveArguments, out: &mut impl Write) -> anyhow::Result<()> {
    let settings = setup::settings(arguments.config.clone())?;
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let tokio = tokio.context("the asynchronous runtime does not start")?;
    tokio.block_on(work(&settings, arguments, out))
}

async fn work(settings: &Settings, arguments: &MoveArguments, out: &mut impl Write) -> anyhow::Result<()> {
    let shards = settings.distributed.shards;
    if arguments.to >= shards {
        bail!(
            "--to: there is no shard {}: distributed.shards is {shards}",
            arguments.to
        );
    }
    setup::check_database(settings).await.context("database")?;
    let link = setup::link(settings)?;
    let options = setup::options(settings, &link)?;
    let symbol = arguments.market.replace('-', "/");
    let patience = Duration::from_secs(arguments.patience);
    let moved = move_market(&options, &symbol, arguments.to, patience).await;
    let told = match &moved {
        Ok(_) => {
            let up = timeout(BROKER, link.until_up()).await.is_ok();
            options.outlet.news(News::Markets);
            up
        }
        Err(_) => false,
    };
    link.close(FAREWELL).await;
    let Moved { from, settled } = moved.with_context(|| format!("{symbol} has not moved"))?;
    writeln!(
        out,
        "{symbol} lives in shard {} now, not in {from} any more; {settled} batches were settled before",
        arguments.to
    )?;
    if told {
        writeln!(out, "the gateways were told")?;
    } else {
        writeln!(
            out,
            "RabbitMQ does not answer: gateways find out by themselves, and shard {from} passes on what still comes to it"
        )?;
    }
    Ok(())
}
