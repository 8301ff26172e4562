//! The database's schema and partitions, from the command line. Connects past a pooler, as the owner of the tables.

use anyhow::{Context, bail};
use clap::Subcommand;
use persistence::postgres::migrate::{self, MIGRATIONS};
use persistence::postgres::partitions::{self, Partition, PartitionState, Rotation};
use persistence::postgres::{Connection, connect_directly};
use runtime::settings::Environment;
use runtime::{Clock, Settings};

use crate::cli::say;

/// What the database lists these connections under.
const PROGRAM: &str = "trade-engine-migrate";

/// What to do with the schema.
#[derive(Debug, Subcommand)]
pub enum MigrateCommand {
    /// Runs the migrations that the database lacks, and makes partitions ahead.
    Up,
    /// Takes the last migrations back: what their tables held is lost.
    Down {
        /// How many.
        #[arg(long, default_value_t = 1)]
        steps: usize,
        /// Outside of development: yes, lose it.
        #[arg(long)]
        lose_data: bool,
    },
    /// Lists the migrations that the database has and those that it lacks.
    Status,
}

/// What to do with partitions.
#[derive(Debug, Subcommand)]
pub enum PartitionsCommand {
    /// Makes what is missing, as far ahead as the settings say.
    Make,
    /// Lists all of them.
    List,
    /// Takes out what is older than the settings keep, and drops what was taken out long enough ago.
    Rotate,
}

impl MigrateCommand {
    pub(crate) fn execute(self, settings: &Settings) -> anyhow::Result<()> {
        if let Self::Down { lose_data: false, .. } = self
            && settings.environment != Environment::Development
        {
            bail!("migrate down loses data: outside of development it needs --lose-data");
        }
        on_runtime(async {
            let mut connection = connect_directly(&settings.database, PROGRAM).await?;
            match self {
                Self::Up => up(&mut connection, settings).await,
                Self::Down { steps, .. } => {
                    for name in migrate::down(&mut connection, steps).await? {
                        say(&format!("{name} was taken back"))?;
                    }
                    Ok(())
                }
                Self::Status => status(&mut connection).await,
            }
        })
    }
}

impl PartitionsCommand {
    pub(crate) fn execute(self, settings: &Settings) -> anyhow::Result<()> {
        on_runtime(async {
            let mut connection = connect_directly(&settings.database, PROGRAM).await?;
            match self {
                Self::Make => make(&mut connection, settings).await,
                Self::List => {
                    for partition in partitions::list(&mut connection).await? {
                        say(&line(&partition))?;
                    }
                    Ok(())
                }
                Self::Rotate => {
                    let kept = &settings.database.partitions;
                    let rotation = partitions::rotate(&mut connection, &Clock::System, kept).await?;
                    tell(&rotation)
                }
            }
        })
    }
}

fn on_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    tokio
        .context("the asynchronous runtime does not start")?
        .block_on(work)
}

async fn up(connection: &mut Connection, settings: &Settings) -> anyhow::Result<()> {
    for name in migrate::up(connection).await? {
        say(&format!("{name} was run"))?;
    }
    let newest = MIGRATIONS.last().map_or("none", |migration| migration.name);
    say(&format!("the schema is at {newest}"))?;
    make(connection, settings).await
}

async fn make(connection: &mut Connection, settings: &Settings) -> anyhow::Result<()> {
    let made = partitions::make(connection, &Clock::System, &settings.database.partitions).await?;
    let ahead = partitions::ahead(connection, &Clock::System).await?;
    let days = |time: std::time::Duration| time.as_secs() / 86_400;
    say(&format!(
        "{made} partitions were made; they reach {} days ahead for orders, {} for trades",
        days(ahead.orders),
        days(ahead.trades)
    ))
}

async fn status(connection: &mut Connection) -> anyhow::Result<()> {
    let status = migrate::status(connection).await?;
    for (name, run_on) in &status.applied {
        let known = if status.unknown.contains(name) {
            ", unknown to this program"
        } else {
            ""
        };
        say(&format!("{name}: applied {run_on}{known}"))?;
    }
    for name in &status.pending {
        say(&format!("{name}: pending"))?;
    }
    Ok(())
}

fn line(partition: &Partition) -> String {
    let Partition {
        parent: _,
        name,
        begins_at,
        ends_at,
        state,
        rows,
        bytes,
    } = partition;
    let state = match state {
        PartitionState::Attached => "attached".to_owned(),
        PartitionState::Detaching => "being taken out".to_owned(),
        PartitionState::Detached(drop_after) => {
            format!("taken out, dropped after {}", drop_after.to_rfc3339())
        }
    };
    let (from, to) = (begins_at.to_rfc3339(), ends_at.to_rfc3339());
    format!("{name}: {from} to {to}, {state}, about {rows} rows, {bytes} bytes")
}

fn tell(rotation: &Rotation) -> anyhow::Result<()> {
    for name in &rotation.detached {
        say(&format!("{name}: taken out"))?;
    }
    for name in &rotation.dropped {
        say(&format!("{name}: dropped"))?;
    }
    for refusal in &rotation.refused {
        say(&format!("{}: kept: {}", refusal.name, refusal.reason))?;
    }
    if *rotation == Rotation::default() {
        say("nothing is old enough to go")?;
    }
    Ok(())
}
