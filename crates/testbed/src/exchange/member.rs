//! One program of an exchange: its ports, its settings, and its life.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tokio::time::Instant;

use crate::health;
use crate::ports::Port;
use crate::process::Process;

/// How long a program may take to be ready, or to stop.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at a program that is not ready yet.
const LOOK: Duration = Duration::from_millis(20);
/// What a gateway says, among other things, of markets that it has not got yet.
const MISSING: &str = "not defined yet";
/// Variables of whoever starts the exchange that would change its settings.
const PLAIN_NAMES: [&str; 9] = [
    "DATABASE_URL",
    "REDIS_URL",
    "RABBITMQ_URL",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "RABBITMQ_USER",
    "RABBITMQ_PASSWORD",
    "LOG_LEVEL",
    "SERVER_PORT",
];

/// What a program does in the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The API.
    Gateway,
    /// Owns shards.
    Matcher,
    /// Changes balances.
    Wallet,
    /// Looks whether everything holds.
    Auditor,
}

impl Role {
    /// The program's file and what it is told.
    fn program(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Gateway => ("gateway", &["run"]),
            Self::Matcher => ("matcher", &["run"]),
            Self::Wallet => ("wallet-service", &[]),
            Self::Auditor => ("matcher", &["auditor"]),
        }
    }

    /// The role of the database that has the rights its members need.
    pub(super) fn rights(self) -> &'static str {
        match self {
            Self::Gateway => "trade_gateway",
            Self::Matcher => "trade_matcher",
            Self::Wallet => "trade_wallet",
            Self::Auditor => "trade_auditor",
        }
    }

    /// What its members are called, with a number behind it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Matcher => "matcher",
            Self::Wallet => "wallet",
            Self::Auditor => "auditor",
        }
    }
}

/// A port that is held while this lives, or one that was free a moment ago.
#[derive(Debug)]
enum Listening {
    Held(Port),
    Usual(u16),
}

impl Listening {
    fn free() -> Result<Self> {
        Port::free().map(Self::Held)
    }

    fn usual(number: u16) -> Result<Self> {
        match TcpListener::bind(("127.0.0.1", number)) {
            Ok(_) => Ok(Self::Usual(number)),
            Err(_) => Self::free(),
        }
    }

    fn number(&self) -> u16 {
        match self {
            Self::Held(port) => port.number(),
            Self::Usual(number) => *number,
        }
    }
}

/// A program of an exchange.
#[derive(Debug)]
pub struct Member {
    name: String,
    role: Role,
    dir: PathBuf,
    programs: PathBuf,
    settings: Vec<(String, String)>,
    http: Listening,
    websocket: Listening,
    metrics: Listening,
    process: Option<Process>,
}

impl Member {
    pub(super) fn new(role: Role, number: u32, programs: &Path, dir: &Path, usual: bool) -> Result<Self> {
        let usual = usual && role == Role::Gateway && number == 1;
        let port = |number| {
            if usual {
                Listening::usual(number)
            } else {
                Listening::free()
            }
        };
        Ok(Self {
            name: format!("{}-{number}", role.word()),
            role,
            dir: dir.to_owned(),
            programs: programs.to_owned(),
            settings: Vec::new(),
            http: port(8080)?,
            websocket: port(8081)?,
            metrics: port(9090)?,
            process: None,
        })
    }

    /// A gateway that is a whole exchange by itself and needs no server. Its log and its data lie in the folder.
    ///
    /// # Errors
    /// The folder cannot be made, or no port is free.
    pub fn embedded(programs: &Path, dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        let dir = dir.canonicalize()?;
        let mut gateway = Self::new(Role::Gateway, 1, programs, &dir, false)?;
        gateway.set("TRADE_ENGINE_MODE", "embedded");
        Ok(gateway)
    }

    /// For example `gateway-2`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it does.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Where it answers HTTP.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// The port of 127.0.0.1 at which it answers HTTP.
    pub fn port(&self) -> u16 {
        self.http.number()
    }

    /// Where the gateway answers WebSockets.
    pub fn websocket_url(&self) -> String {
        format!("ws://127.0.0.1:{}/ws", self.websocket.number())
    }

    /// Where it shows its metrics and takes operators' requests.
    pub fn metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.metrics.number())
    }

    /// Where its data lie, if it has any.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join(&self.name)
    }

    /// Where its output goes.
    pub fn log_path(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.name))
    }

    /// What it said since its last start.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    /// How it ended, if it was started and has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut().and_then(Process::ended)
    }

    /// The number of its process, while there is one.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// The command that asks this program for something else than to run, under the same settings.
    pub fn command(&self, words: &[&str]) -> Command {
        self.command_of(&self.programs, words)
    }

    /// The same of the program of this name in another folder.
    pub(super) fn command_of(&self, programs: &Path, words: &[&str]) -> Command {
        let (program, _) = self.role.program();
        let mut command = Command::new(programs.join(program));
        command.args(words).current_dir(&self.dir);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("TRADE_ENGINE_") || PLAIN_NAMES.contains(&text.as_ref()) {
                command.env_remove(name);
            }
        }
        let ports = [
            ("HTTP_PORT", &self.http),
            ("WEBSOCKET_PORT", &self.websocket),
            ("METRICS_PORT", &self.metrics),
        ];
        for (name, port) in ports {
            command.env(format!("TRADE_ENGINE_SERVER__{name}"), port.number().to_string());
        }
        if self.role == Role::Wallet {
            command.env("TRADE_ENGINE_WALLET__PORT", self.http.number().to_string());
            command.env(
                "TRADE_ENGINE_WALLET__METRICS_PORT",
                self.metrics.number().to_string(),
            );
        }
        command.env("TRADE_ENGINE_DATA_DIR", self.data_dir());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Has it log in with no more rights than it needs, where it would log in as the owner of everything.
    pub(super) fn log_in_as(&mut self, login: &str) {
        for name in ["TRADE_ENGINE_DATABASE__URL", "TRADE_ENGINE_DATABASE__DIRECT_URL"] {
            let mut urls = self.settings.iter().rev().filter(|(set, _)| set == name);
            let place = urls.find_map(|(_, url)| url.strip_prefix("postgres://postgres@").map(str::to_owned));
            if let Some(place) = place {
                self.set(name, format!("postgres://{login}@{place}"));
            }
        }
    }

    /// Sets an environment variable for its next start.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.settings.push((name.into(), value.into()));
    }

    /// Starts it and does not wait.
    ///
    /// # Errors
    /// It runs, or cannot be started.
    pub fn spawn(&mut self) -> Result<()> {
        if self
            .process
            .as_mut()
            .is_some_and(|process| process.ended().is_none())
        {
            bail!("{} runs already", self.name);
        }
        let (_, words) = self.role.program();
        let process = Process::spawn(&self.name, self.command(words), &self.log_path())?;
        self.process = Some(process);
        Ok(())
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// It runs, cannot be started, or does not become ready: with the end of what it said.
    pub async fn start(&mut self) -> Result<()> {
        self.spawn()?;
        self.until_ready().await
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// It has ended, or is not ready in time: with the end of what it said.
    pub async fn until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready().await {
            self.running()?.still_running(deadline)?;
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until a gateway has all markets of its settings: they come with the first matcher that takes them up.
    ///
    /// # Errors
    /// It has ended, or it takes too long: with the end of what it said.
    pub(super) async fn until_it_has_its_markets(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.readiness().await.is_none_or(|body| body.contains(MISSING)) {
            self.running()?.still_running(deadline)?;
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Whether it says now that it is ready.
    pub async fn is_ready(&self) -> bool {
        self.readiness().await.is_some()
    }

    /// What it says of what it needs, if it is ready.
    async fn readiness(&self) -> Option<String> {
        let port = match self.role {
            Role::Gateway | Role::Wallet => self.http.number(),
            Role::Matcher | Role::Auditor => self.metrics.number(),
        };
        match health::get(port, "/health/ready").await {
            Ok((200, body)) => Some(body),
            _ => None,
        }
    }

    /// Asks it to stop (SIGTERM) and waits for its end.
    ///
    /// # Errors
    /// It does not run, or did not stop in time and was killed, or ended with an error.
    pub async fn stop(&mut self) -> Result<()> {
        let status = self.running()?.stop(Signal::TERM, PATIENCE).await?;
        if !status.success() {
            bail!("{} ended with {status} when it was asked to stop", self.name);
        }
        Ok(())
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(process) = self.process.as_mut() {
            process.kill();
        }
    }

    /// Freezes it (SIGSTOP).
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&mut self) -> Result<()> {
        self.running()?.pause()
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.running()?.resume()
    }

    fn running(&mut self) -> Result<&mut Process> {
        let name = &self.name;
        self.process
            .as_mut()
            .with_context(|| format!("{name} was not started"))
    }
}
