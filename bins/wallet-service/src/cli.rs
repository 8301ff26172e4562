//! The command line: serve, ask a running service how it is, check or show the settings.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use runtime::settings::{Mode, Variables, WalletSettings, find_file};
use runtime::{Settings, Shutdown, telemetry, trace};

/// The wallet service, which alone changes balances. Without a command it serves.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// The settings file; else config/config.yaml where there is one.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves (the default).
    Serve,
    /// Asks the service on this machine whether it is ready; the exit code tells.
    Healthcheck,
    /// Prints the description of the API in OpenAPI, as `/openapi.json` has it.
    Openapi,
    /// Checks or shows the settings.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Says what is wrong with the settings, all at once.
    Check,
    /// Shows the settings in force, without secrets.
    Show,
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Settings, database or network are not as they must be, or the service is not ready.
    pub fn execute(self) -> anyhow::Result<()> {
        let variables = Variables::of_process();
        let file = find_file(self.config, &variables);
        // Not every command needs them.
        let settings = || Settings::load(file.as_deref(), &variables);
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve(settings()?),
            Command::Healthcheck => on_tokio(healthcheck(&settings()?.wallet)),
            Command::Openapi => say(&crate::openapi().to_pretty_json()?),
            Command::Config(ConfigCommand::Check) => {
                let settings = settings()?;
                check_mode(&settings)?;
                for warning in &settings.warnings {
                    say(&format!("warning: {warning}"))?;
                }
                say("the settings are right")
            }
            Command::Config(ConfigCommand::Show) => say(&settings()?.show()),
        }
    }
}

/// The rules of the wallet's settings hold for the distributed exchange, and only there they were checked.
pub(crate) fn check_mode(settings: &Settings) -> anyhow::Result<()> {
    if settings.mode != Mode::Distributed {
        bail!("mode: must be distributed: the embedded exchange keeps its balances itself");
    }
    Ok(())
}

fn serve(settings: Settings) -> anyhow::Result<()> {
    telemetry::init(&settings.logging)?;
    let _traces = trace::init(&settings.monitoring, "wallet-service").map_err(anyhow::Error::msg)?;
    for warning in &settings.warnings {
        tracing::warn!(%warning, "the settings");
    }
    on_tokio(async {
        let shutdown = Shutdown::new();
        shutdown
            .listen_for_signals()
            .context("signals cannot be listened to")?;
        crate::run(settings, shutdown).await
    })
}

fn on_tokio(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    tokio
        .context("the asynchronous runtime does not start")?
        .block_on(work)
}

async fn healthcheck(wallet: &WalletSettings) -> anyhow::Result<()> {
    http::healthcheck(&wallet.host, wallet.port).await?;
    say("ready")
}

/// Prints a line for a person or a script. A reader that has gone (`| head`) is no error.
fn say(text: &str) -> anyhow::Result<()> {
    use std::io::{ErrorKind, Write};
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Tells on standard error what went wrong, cause by cause.
pub fn exit_code(result: anyhow::Result<()>) -> ExitCode {
    use std::io::Write;
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is closed nobody can be told.
            let _ = writeln!(std::io::stderr(), "wallet-service: {error:#}");
            ExitCode::FAILURE
        }
    }
}
