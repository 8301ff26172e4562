//! The command line: run the gateway, make tokens, look into the journal, check the settings.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use runtime::settings::{Environment, ServerSettings, Variables, find_file};
use runtime::{Settings, Shutdown, telemetry, trace};

use crate::audit_command::AuditCommand;
use crate::journal_command::JournalCommand;
use crate::migrate::{MigrateCommand, PartitionsCommand};
use crate::reload::Source;
use crate::token::TokenCommand;

/// The trade engine's gateway. Without a command it runs.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// The settings file; else config/config.yaml where there is one.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Lets made-up users trade in every market, for demonstrations. Not in production.
    #[arg(long)]
    demo: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the gateway (the default).
    Run,
    /// Asks the gateway on this machine whether it is ready; the exit code tells.
    Healthcheck,
    /// Makes a token for a user. Not in production: there an identity provider makes them.
    Token(TokenCommand),
    /// Looks into the journal; nothing is changed.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Looks into the audit file; nothing is changed.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Brings the database's schema forward or back, or says how it stands (distributed).
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// The months of orders and the days of trades in the database (distributed).
    #[command(subcommand)]
    Partitions(PartitionsCommand),
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
    /// Settings, journal or network are not as they must be.
    pub fn execute(self) -> anyhow::Result<()> {
        let variables = Variables::of_process();
        let file = find_file(self.config, &variables);
        // Not every command needs them.
        let settings = || load(file.as_deref(), &variables, self.demo);
        match self.command.unwrap_or(Command::Run) {
            Command::Run => serve(settings()?, file, variables),
            Command::Healthcheck => healthcheck(&settings()?.server),
            Command::Token(token) => token.execute(&settings()?),
            Command::Journal(journal) => journal.execute(&settings()?),
            Command::Audit(audit) => audit.execute(&settings()?),
            Command::Migrate(migrate) => migrate.execute(&settings()?),
            Command::Partitions(partitions) => partitions.execute(&settings()?),
            Command::Openapi => say(&format!("{:#}", api::openapi(env!("CARGO_PKG_VERSION")))),
            Command::Config(ConfigCommand::Check) => {
                for warning in settings()?.warnings {
                    say(&format!("warning: {warning}"))?;
                }
                say("the settings are right")
            }
            Command::Config(ConfigCommand::Show) => say(&settings()?.show()),
        }
    }
}

fn load(file: Option<&Path>, variables: &Variables, demo: bool) -> anyhow::Result<Settings> {
    let mut settings = Settings::load(file, variables)?;
    if demo {
        if settings.environment == Environment::Production {
            bail!("--demo: made-up users do not trade in production");
        }
        settings.demo.enabled = true;
    }
    Ok(settings)
}

fn serve(settings: Settings, file: Option<PathBuf>, variables: Variables) -> anyhow::Result<()> {
    let level = telemetry::init(&settings.logging)?;
    let _traces = trace::init(&settings.monitoring, "gateway").map_err(anyhow::Error::msg)?;
    for warning in &settings.warnings {
        tracing::warn!(%warning, "the settings");
    }
    let source = Source {
        file,
        variables,
        level: Some(Arc::new(level)),
    };
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let tokio = tokio.context("the asynchronous runtime does not start")?;
    tokio.block_on(async {
        let shutdown = Shutdown::new();
        shutdown
            .listen_for_signals()
            .context("signals cannot be listened to")?;
        crate::run(settings, Some(source), shutdown).await
    })
}

fn healthcheck(server: &ServerSettings) -> anyhow::Result<()> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tokio = tokio.context("the asynchronous runtime does not start")?;
    tokio.block_on(http::healthcheck(&server.host, server.http_port))?;
    say("ready")
}

/// Prints a line for a person or a script. A reader that has gone (`| head`) is no error.
///
/// # Errors
/// Standard output cannot be written to.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
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
            let _ = writeln!(std::io::stderr(), "gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}
