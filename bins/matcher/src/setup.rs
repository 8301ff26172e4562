//! What every command on the distributed exchange begins with: settings, database, broker, options of ownership.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use distributed::KeepUndecodable;
use distributed::shard::{Broker, Connect, ShardOptions};
use messaging::{Link, Topology, Undecodable};
use persistence::postgres::shard::ensure_shards;
use persistence::postgres::{Pool, check_server, connect_directly};
use runtime::settings::{DatabaseSettings, Mode, Variables, find_file};
use runtime::{Clock, Ids, Settings, Shutdown, telemetry};
use wallet_client::HttpWallet;

/// What servers list this program's connections under.
pub(crate) const PROGRAM: &str = "trade-engine-matcher";

/// The settings of a distributed exchange.
///
/// # Errors
/// They are not as they must be, or are an embedded exchange's.
pub(crate) fn settings(config: Option<PathBuf>) -> anyhow::Result<Settings> {
    let variables = Variables::of_process();
    let file = find_file(config, &variables);
    let settings = Settings::load(file.as_deref(), &variables)?;
    if settings.mode != Mode::Distributed {
        bail!("mode: must be distributed: the embedded exchange matches in its gateway");
    }
    Ok(settings)
}

/// Begins the log of a program that runs for long, with what there is to say of its settings.
///
/// # Errors
/// The settings of the log make no sense.
pub(crate) fn log(settings: &Settings) -> anyhow::Result<telemetry::LevelHandle> {
    let level = telemetry::init(&settings.logging)?;
    for warning in &settings.warnings {
        tracing::warn!(%warning, "the settings");
    }
    Ok(level)
}

/// Does such a program's work, which a signal tells to stop.
///
/// # Errors
/// The system gives it no threads or signals, or the work's own.
pub(crate) fn until_told<W>(work: impl FnOnce(Shutdown) -> W) -> anyhow::Result<()>
where
    W: Future<Output = anyhow::Result<()>>,
{
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let tokio = tokio.context("the asynchronous runtime does not start")?;
    tokio.block_on(async {
        let shutdown = Shutdown::new();
        shutdown
            .listen_for_signals()
            .context("signals cannot be listened to")?;
        work(shutdown).await
    })
}

/// The link to the broker; it connects in the background.
///
/// # Errors
/// The settings lead nowhere.
pub(crate) fn link(settings: &Settings) -> anyhow::Result<Link> {
    let topology = Topology::new(&settings.rabbitmq, settings.distributed.shards, "").context("rabbitmq")?;
    Link::start(&settings.rabbitmq, topology, PROGRAM).context("rabbitmq")
}

/// Keeps messages that cannot be read; it connects when there is one.
///
/// # Errors
/// The settings of the database make no sense.
pub(crate) fn keeper(settings: &Settings) -> anyhow::Result<Arc<dyn Undecodable>> {
    let database = DatabaseSettings {
        max_open_conns: 1,
        ..settings.database.clone()
    };
    let pool = Pool::of(&database, PROGRAM).context("database")?;
    Ok(Arc::new(KeepUndecodable::new(pool, Ids::new(Clock::System))))
}

/// How this process owns shards.
///
/// # Errors
/// The settings of the wallet lead nowhere.
pub(crate) fn options(settings: &Settings, link: &Link) -> anyhow::Result<ShardOptions> {
    let database = Arc::new(settings.database.clone());
    let connect: Connect = Arc::new(move || {
        let database = Arc::clone(&database);
        Box::pin(async move { connect_directly(&database, PROGRAM).await })
    });
    let options = ShardOptions::new(
        connect,
        Arc::new(HttpWallet::of(&settings.wallet).context("wallet")?),
        Arc::new(Broker::over(link, Ids::new(Clock::System), Clock::System)),
        format!("{}@{}", std::process::id(), host_name()),
    );
    Ok(ShardOptions {
        keep_log: settings.distributed.keep_log,
        ..options
    })
}

/// Looks whether the database is as it must be, and makes the rows of shards that are missing.
pub(crate) async fn check_database(settings: &Settings) -> anyhow::Result<()> {
    let mut connection = connect_directly(&settings.database, PROGRAM).await?;
    for warning in &check_server(&mut connection).await?.warnings {
        tracing::warn!(%warning, "the database");
    }
    Ok(ensure_shards(&mut connection, settings.distributed.shards).await?)
}

/// The name of this machine, for people who look at the table of shards.
fn host_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}
