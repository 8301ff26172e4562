//! Looking whether everything holds that must: over the tables at one moment, and by replaying the shards' logs.

mod replays;
mod twin;

use std::io::Write;

use anyhow::{Context as _, bail};
use clap::Args;
use persistence::postgres::connect;
use secrecy::SecretString;
use serde::Serialize;

/// How to look.
#[derive(Debug, Args)]
pub struct AuditArguments {
    /// The database, as `postgres://user:password@host:port/name`; the role needs to read everything.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database: SecretString,
    /// Also replay every shard's log: it must give the same digests, trade the same in the embedded exchange, and lead to
    /// the balances of the wallet.
    #[arg(long)]
    replay: bool,
}

#[derive(Debug, Serialize)]
struct BrokenRow {
    /// Which kind of rule, as the metric `ledger_difference` names it.
    invariant: &'static str,
    rule: String,
    what: String,
}

/// What was found.
#[derive(Debug, Serialize)]
struct AuditReport {
    broken: Vec<BrokenRow>,
    is_quiet: bool,
    live_orders: usize,
    outstanding: usize,
    /// Shards whose tables, loaded, have the digest of the last batch in their log; and why others cannot be compared.
    states_compared: usize,
    states_unclear: Vec<String>,
    /// Batches, commands and trades that were replayed.
    replayed: Option<replays::Replayed>,
}

/// Looks, and prints one JSON object.
///
/// # Errors
/// Something does not hold, or the database cannot be read.
pub(crate) fn audit(arguments: &AuditArguments, out: &mut impl Write) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(look(arguments))?;
    serde_json::to_writer(&mut *out, &report)?;
    writeln!(out)?;
    if !report.broken.is_empty() {
        bail!("{} rules or rows do not hold", report.broken.len());
    }
    Ok(())
}

async fn look(arguments: &AuditArguments) -> anyhow::Result<AuditReport> {
    let mut connection = connect(&arguments.database).await?;
    let findings = distributed::audit::audit(&mut connection).await?;
    let mut report = AuditReport {
        broken: findings
            .broken
            .into_iter()
            .map(|broken| BrokenRow {
                invariant: broken.invariant,
                rule: broken.rule,
                what: broken.what,
            })
            .collect(),
        is_quiet: findings.is_quiet,
        live_orders: findings.live_orders,
        outstanding: findings.outstanding,
        states_compared: findings.states_compared,
        states_unclear: findings.states_unclear,
        replayed: None,
    };
    if arguments.replay {
        let (replayed, broken) = replays::replay(&mut connection)
            .await
            .context("replaying the logs")?;
        report.replayed = Some(replayed);
        report.broken.extend(broken);
    }
    Ok(report)
}
