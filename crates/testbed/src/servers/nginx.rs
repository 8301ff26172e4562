//! nginx as load balancer: the settings that operators get (docker/nginx/nginx.conf), with other addresses.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tokio::time::Instant;

use super::{Options, Place, Program, Server};
use crate::ports::Port;
use crate::programs::{self, Account};

const ADVICE: &str =
    "Debian and Ubuntu: apt-get install nginx-light; Fedora: dnf install nginx; macOS: brew install nginx";
/// What operators get.
const COMMITTED: &str = include_str!("../../../../docker/nginx/nginx.conf");
/// Who runs it where we are root.
const ACCOUNTS: [&str; 2] = ["www-data", "nobody"];
/// What it logs of each process that takes connections: at its start, and when it takes no more.
const BEGINS: &str = "start worker process ";
const RETIRES: &str = "gracefully shutting down";
/// How long a change may take.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

/// How nginx is run.
#[derive(Debug)]
pub struct NginxProgram {
    program: PathBuf,
    account: Option<Account>,
    /// Its second listener, for WebSockets alone.
    websockets: Port,
}

impl Program for NginxProgram {
    const NAME: &'static str = "nginx";
    const READY: &'static str = BEGINS;
    const STOP: Signal = Signal::QUIT;

    /// Its settings are addresses of the committed file, each with the one that takes its place.
    fn prepare(place: &Place, options: &Options) -> Result<Self> {
        let given = options.programs.iter().cloned();
        let folders: Vec<PathBuf> = given.chain([PathBuf::from("/usr/sbin")]).collect();
        let program = programs::folder_of(&["nginx"], &folders, ADVICE)?.join("nginx");
        let account = Account::unless_root(&ACCOUNTS)?;
        let websockets = Port::free()?;
        let dir = place.dir.display().to_string();
        let own = [
            ("listen 8080;", format!("listen 127.0.0.1:{};", place.port)),
            (
                "listen 8081;",
                format!("listen 127.0.0.1:{};", websockets.number()),
            ),
            (" /tmp/", format!(" {dir}/")),
        ];
        let given = options.settings.iter();
        let given = given.map(|(committed, here)| (committed.as_str(), here.clone()));
        let mut text = COMMITTED.to_owned();
        for (committed, here) in own.into_iter().chain(given) {
            ensure!(
                text.contains(committed),
                "docker/nginx/nginx.conf has no {committed:?}"
            );
            text = text.replace(committed, &here);
        }
        std::fs::write(place.dir.join("nginx.conf"), text)?;
        if let Some(account) = account {
            account.owns(&place.dir)?;
        }
        Ok(Self {
            program,
            account,
            websockets,
        })
    }

    fn command(&self, place: &Place) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&place.dir).arg("-p").arg(&place.dir);
        command.arg("-c").arg(place.dir.join("nginx.conf"));
        // Where it writes before it has read its settings.
        command.args(["-e", "stderr", "-g", "daemon off;"]);
        if let Some(account) = self.account {
            account.runs(&mut command);
        }
        command
    }

    fn url(&self, place: &Place) -> String {
        format!("http://127.0.0.1:{}", place.port)
    }
}

impl Server<NginxProgram> {
    /// Where WebSockets are taken, beside `/ws` of [`Server::url`].
    pub fn websocket_url(&self) -> String {
        format!("ws://127.0.0.1:{}/ws", self.program.websockets.number())
    }

    /// Sends nothing new to these addresses, as operators do it: `down` behind them, and a reload.
    ///
    /// # Errors
    /// There is no such address, or the reload takes too long.
    pub async fn take_out(&mut self, addresses: &[String]) -> Result<()> {
        self.change(addresses, "", " down").await
    }

    /// Sends to them again.
    ///
    /// # Errors
    /// As [`Server::take_out`].
    pub async fn put_back(&mut self, addresses: &[String]) -> Result<()> {
        self.change(addresses, " down", "").await
    }

    /// Changes a word behind servers, and reloads.
    async fn change(&mut self, addresses: &[String], from: &str, to: &str) -> Result<()> {
        let file = self.place.dir.join("nginx.conf");
        let mut text = std::fs::read_to_string(&file)?;
        for address in addresses {
            let line = |word: &str| format!("server {address} max_fails=1 fail_timeout=1s{word};");
            ensure!(text.contains(&line(from)), "nginx has no {:?}", line(from));
            text = text.replace(&line(from), &line(to));
        }
        std::fs::write(&file, text)?;
        self.reload().await
    }

    /// Has it read its files again, and returns once only processes take connections that have.
    ///
    /// # Errors
    /// It does not run, or takes too long.
    pub async fn reload(&mut self) -> Result<()> {
        let count = |log: &str, words: &str| log.matches(words).count();
        let before = self.log();
        // All that have begun have retired or will.
        let old = count(&before, BEGINS);
        self.running()?.signal(Signal::HUP)?;
        let deadline = Instant::now() + PATIENCE;
        while count(&self.log(), RETIRES) < old {
            self.running()?.still_running(deadline).context("a reload")?;
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}
