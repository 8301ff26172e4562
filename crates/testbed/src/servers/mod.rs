//! A server of one's own: on a free loopback port, with a data folder of its own, which may be killed and comes back.

mod nginx;
mod options;
mod pgbouncer;
mod postgres;
mod rabbitmq;
mod redis;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::ports::Port;
use crate::process::Process;

pub use nginx::NginxProgram;
pub use options::Options;
pub use pgbouncer::PgBouncerProgram;
pub use postgres::{PostgresProgram, may_hold_postgres};
pub use rabbitmq::RabbitMqProgram;
pub use redis::RedisProgram;

/// A PostgreSQL with durable commits.
pub type Postgres = Server<PostgresProgram>;
/// A Redis with an append-only file.
pub type Redis = Server<RedisProgram>;
/// A PgBouncer in transaction mode before a PostgreSQL.
pub type PgBouncer = Server<PgBouncerProgram>;
/// An nginx before gateways.
pub type Nginx = Server<NginxProgram>;
/// A RabbitMQ node, with an Erlang port mapper of its own.
pub type RabbitMq = Server<RabbitMqProgram>;

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where a server is.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its folder.
    pub dir: PathBuf,
    /// Its port of 127.0.0.1.
    pub port: u16,
    /// What it shows to those who connect, where connections are encrypted.
    pub certificates: Option<Certificates>,
}

/// What differs between the servers.
pub trait Program: fmt::Debug + Sized + Send + 'static {
    /// What people call it.
    const NAME: &'static str;
    /// What it logs when it is ready.
    const READY: &'static str;
    /// The signal that stops it in good order.
    const STOP: Signal;

    /// Finds the program, and makes what it needs in its folder unless that is there from an earlier start.
    ///
    /// # Errors
    /// It is not installed, or the folder cannot be filled.
    fn prepare(place: &Place, options: &Options) -> Result<Self>;

    /// The command that runs it in the foreground.
    fn command(&self, place: &Place) -> Command;

    /// Its address for programs.
    fn url(&self, place: &Place) -> String;
}

/// A server of one's own. Dropped, it is killed, and its folder goes unless one was given.
#[derive(Debug)]
pub struct Server<P> {
    // The order is that of the end: first the process, then what it uses.
    process: Option<Process>,
    program: P,
    place: Place,
    _port: Option<Port>,
    _folder: Option<TempDir>,
}

impl<P: Program> Server<P> {
    /// Starts one and waits until it is ready.
    ///
    /// # Errors
    /// Its programs are not installed (the error says what to install), or it does not become ready.
    pub async fn start(options: Options) -> Result<Self> {
        let folder = match options.dir {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("testbed-").tempdir()?),
        };
        let port = match options.port {
            Some(_) => None,
            None => Some(Port::free()?),
        };
        let dir = options
            .dir
            .clone()
            .or_else(|| folder.as_ref().map(|dir| dir.path().to_owned()));
        let dir = dir.context("a folder")?;
        std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        let dir = dir.canonicalize()?;
        let certificates = options.tls_names.as_ref();
        let certificates = certificates.map(|names| Certificates::make(&dir.join("tls"), names));
        let place = Place {
            dir,
            port: options
                .port
                .or_else(|| port.as_ref().map(Port::number))
                .context("a port")?,
            certificates: certificates.transpose()?,
        };
        let there = place.clone();
        let program = tokio::task::spawn_blocking(move || P::prepare(&there, &options));
        let mut server = Self {
            process: None,
            program: program.await?.with_context(|| P::NAME)?,
            place,
            _port: port,
            _folder: folder,
        };
        server.start_again().await?;
        Ok(server)
    }

    /// Its address for programs.
    pub fn url(&self) -> String {
        self.program.url(&self.place)
    }

    /// Its port of 127.0.0.1; for RabbitMQ that of AMQP.
    pub fn port(&self) -> u16 {
        self.place.port
    }

    /// What it shows to those who connect, where connections are encrypted.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.place.certificates.as_ref()
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.place.dir
    }

    /// What it logged since its last start.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    /// Starts it after a stop or a kill, on the same port with the same data, and waits until it is ready.
    ///
    /// # Errors
    /// It runs, or does not become ready.
    pub async fn start_again(&mut self) -> Result<()> {
        if self
            .process
            .as_mut()
            .is_some_and(|process| process.ended().is_none())
        {
            bail!("{} runs already", P::NAME);
        }
        let command = self.program.command(&self.place);
        let log = self.place.dir.join("server.log");
        let process = self.process.insert(Process::spawn(P::NAME, command, &log)?);
        process.until_said(P::READY, PATIENCE).await
    }

    /// Stops it in good order.
    ///
    /// # Errors
    /// It does not run, or did not stop in time and was killed.
    pub async fn stop(&mut self) -> Result<()> {
        self.running()?.stop(P::STOP, PATIENCE).await.map(drop)
    }

    /// Kills it with all its processes (SIGKILL); its port is free and its data as they are when this returns.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Stops it in good order and starts it again.
    ///
    /// # Errors
    /// As [`Server::stop`] and [`Server::start_again`].
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        self.start_again().await
    }

    /// Freezes it (SIGSTOP): connections stay and nobody answers.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&mut self) -> Result<()> {
        self.running()?.pause()
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.running()?.resume()
    }

    fn running(&mut self) -> Result<&mut Process> {
        self.process
            .as_mut()
            .with_context(|| format!("{} does not run", P::NAME))
    }
}
