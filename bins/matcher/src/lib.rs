//! The matcher: owns shards of the distributed exchange, moves markets between them, audits them, and replays recorded
//! order flows.

mod audit;
mod auditor;
mod flow;
mod listener;
mod moving;
mod pace;
mod replay;
mod report;
mod setup;
mod tally;
mod target;
mod whole;
mod worker;

use std::io::Write;

pub use audit::AuditArguments;
pub use auditor::AuditorArguments;
pub use flow::{Action, Flow, FlowError, Lifetime, Step};
pub use moving::MoveArguments;
pub use replay::ReplayArguments;
pub use report::{LatencyReport, Report};
pub use tally::{FillRow, Listener, Tally};
pub use target::{BookRow, Core, StillRests, Target};
pub use whole::Whole;
pub use worker::{HealthArguments, RunArguments};

/// What the matcher is asked to do.
#[derive(Debug, clap::Parser)]
#[command(name = "matcher", version, about = "The matcher of the trade engine")]
pub struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, clap::Subcommand)]
enum Task {
    /// Own shards of the distributed exchange, or stand by for them, until a signal comes.
    Run(RunArguments),
    /// Ask the matcher that runs on this machine whether it is ready; the exit code tells.
    Healthcheck(HealthArguments),
    /// Move a market of the distributed exchange to another shard, once all that its shard has committed is settled.
    Move(MoveArguments),
    /// Run a recorded order flow through the matching core, or through the whole exchange; print one JSON object with figures and totals.
    Replay(ReplayArguments),
    /// Look whether everything holds in the tables of the distributed exchange; print one JSON object. Fails where
    /// something does not.
    Audit(AuditArguments),
    /// Look again and again, show it at /metrics, and have markets of what does not hold take cancels only, until a signal
    /// comes.
    Auditor(AuditorArguments),
}

/// Does what it is asked to do and writes the answer to `out`.
///
/// # Errors
/// The flow cannot be read or is not a flow, or an output cannot be written.
pub fn run(arguments: Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    match arguments.task {
        Task::Replay(arguments) => {
            let report = replay::replay(&arguments)?;
            serde_json::to_writer(&mut *out, &report)?;
            writeln!(out)?;
        }
        Task::Run(arguments) => worker::run(&arguments)?,
        Task::Healthcheck(arguments) => worker::healthcheck(arguments, out)?,
        Task::Move(arguments) => moving::run(&arguments, out)?,
        Task::Audit(arguments) => audit::audit(&arguments, out)?,
        Task::Auditor(arguments) => auditor::run(&arguments)?,
    }
    Ok(())
}
