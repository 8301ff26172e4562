//! The real gateway as a process of its own: settings, start, kill, stop, and its commands that look into the journal.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
const GATEWAY: &str = env!("CARGO_BIN_EXE_gateway");
/// How long anything may take that is waited for: far above all that was ever seen.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// A port that was free may be taken when the gateway wants it.
const PORT_TRIES: u32 = 10;

/// A venue in a directory of its own. The directory stays where a test fails.
pub struct Venue {
    dir: Option<TempDir>,
    root: PathBuf,
    starts: u32,
    child: Option<Child>,
}

/// What a start came to, by the gateway's own log.
#[derive(Debug)]
pub struct Started {
    /// Where the API listens.
    pub base: String,
    /// From the start of the process until it said that it was ready.
    pub ready: Duration,
    /// The record up to which the snapshot reached that it started from.
    pub snapshot: Option<u64>,
    /// How many records were replayed after it.
    pub replayed: u64,
    /// Whether an unfinished batch was cut.
    pub cut: bool,
}

impl Venue {
    pub fn new() -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let root = dir.path().to_owned();
        Self {
            dir: Some(dir),
            root,
            starts: 0,
            child: None,
        }
    }

    /// Where journal, archive and snapshots lie.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Starts the gateway and waits until it is ready.
    pub async fn start(&mut self) -> Started {
        for _ in 0..PORT_TRIES {
            let base = self.spawn();
            let since = runtime::Clock::System.monotonic();
            if let Some(ready) = self.until_ready(&base, since).await {
                return self.started(base, ready);
            }
        }
        panic!("no port stays free");
    }

    /// Starts the gateway and kills it after a while, ready or not.
    pub async fn start_and_kill(&mut self, after: Duration) {
        self.spawn();
        tokio::time::sleep(after).await;
        self.kill();
    }

    /// Ends the process as a power switch would: SIGKILL, at once.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks the process to stop, as an operator does: SIGTERM. Waits until it has gone.
    pub async fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let gone = async {
            loop {
                if let Some(status) = child.try_wait().unwrap() {
                    break status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let gone = tokio::time::timeout(PATIENCE, gone).await;
        gone.unwrap_or_else(|_| panic!("it does not stop:\n{}", self.log()))
    }

    /// A token made by the gateway's own command.
    pub fn token(&self, user: &str, scope: &str) -> String {
        self.write_settings(1);
        self.ask(&["token", user, "--scope", scope]).trim().to_owned()
    }

    /// `gateway journal verify`, which must find the log sound; each segment as a line of JSON.
    pub fn verify(&self) -> Vec<Value> {
        lines(&self.ask(&["journal", "verify"]))
    }

    /// `gateway journal dump` from this record on; each record as a line of JSON.
    pub fn dump(&self, from: u64) -> Vec<Value> {
        lines(&self.ask(&["journal", "dump", "--from", &from.to_string()]))
    }

    /// How many files there are in a folder of the data directory.
    pub fn files(&self, folder: &str) -> usize {
        fs::read_dir(self.data().join(folder)).map_or(0, Iterator::count)
    }

    fn ask(&self, words: &[&str]) -> String {
        let output = self.command().args(words).output().unwrap();
        let (out, err) = (
            String::from_utf8(output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "gateway {words:?}: {err}\n{out:?}");
        out.unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(GATEWAY);
        command
            .arg("--config")
            .arg(self.root.join("settings.yaml"))
            .current_dir(&self.root);
        // Settings of whoever runs the test must not change it.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TRADE_ENGINE_") {
                command.env_remove(name);
            }
        }
        command
    }

    fn spawn(&mut self) -> String {
        let port = free_port();
        self.write_settings(port);
        self.starts += 1;
        let log = File::create(self.log_path()).unwrap();
        let mut command = self.command();
        command
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log);
        self.child = Some(command.spawn().unwrap());
        format!("http://127.0.0.1:{port}")
    }

    /// None: its port was taken.
    async fn until_ready(&mut self, base: &str, since: Duration) -> Option<Duration> {
        let waited = || runtime::Clock::System.monotonic().checked_sub(since).unwrap();
        let http = reqwest::Client::new();
        loop {
            if let Ok(answer) = http.get(format!("{base}/health/ready")).send().await
                && answer.status().is_success()
            {
                return Some(waited());
            }
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                let log = self.log();
                assert!(log.contains("cannot listen on"), "it ended with {status}:\n{log}");
                return None;
            }
            assert!(waited() < PATIENCE, "it does not become ready:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn started(&self, base: String, ready: Duration) -> Started {
        let log = self.log();
        let lines = || {
            log.lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        };
        let said = |message: &str| lines().find(|line| line["message"] == message);
        let opened = said("opened the exchange").unwrap_or_else(|| panic!("it says nothing:\n{log}"));
        Started {
            base,
            ready,
            snapshot: opened["snapshot"].as_u64(),
            replayed: opened["replayed"].as_u64().unwrap(),
            cut: said("cut an unfinished batch that nobody was told of").is_some(),
        }
    }

    fn write_settings(&self, port: u16) {
        let settings = include_str!("settings.yaml").replace("PORT", &port.to_string());
        fs::write(self.root.join("settings.yaml"), settings).unwrap();
    }

    fn log_path(&self) -> PathBuf {
        self.root.join(format!("start-{}.log", self.starts))
    }

    /// What the process said since its last start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some(dir) = self.dir.take()
            && std::thread::panicking()
        {
            println!("the venue's files stay in {}", dir.keep().display());
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

/// The newest snapshot's record and contents.
pub fn newest_snapshot(data: &Path) -> (u64, Vec<u8>) {
    let latest = journal::Snapshots::new(data).latest_valid().unwrap();
    assert!(
        latest.skipped.is_empty(),
        "a snapshot cannot be used: {:?}",
        latest.skipped
    );
    latest.snapshot.unwrap()
}
