//! A child process and all that it started: watched, paused, stopped and killed as one.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::time::Instant;

use crate::tree;

/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(20);
/// How much of the end of a log an error shows.
const TAIL_BYTES: usize = 4_000;
/// Kills the process group when whoever started it has gone without a word, by whatever end.
const WATCHDOG: &str = "read -r word || kill -s KILL -- \"-$1\"";

/// A running program in a process group of its own, its output in a file. Killed when dropped, and also when the process
/// that started it is killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    watchdog: Child,
    log: PathBuf,
    /// Where in the log this start begins.
    log_from: u64,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts it; its output is appended to `log`.
    ///
    /// # Errors
    /// It cannot be started, or the log cannot be written.
    pub fn spawn(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("the log {}", log.display()))?;
        let log_from = file.metadata()?.len();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name} ({})", command.get_program().display()))?;
        let watchdog = match watchdog(child.id()) {
            Ok(watchdog) => watchdog,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        Ok(Self {
            name: name.to_owned(),
            child,
            watchdog,
            log: log.to_owned(),
            log_from,
            ended: None,
        })
    }

    /// The number of the process that was started.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Where its output goes.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// What it said since this start.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let from = usize::try_from(self.log_from).unwrap_or(usize::MAX);
        String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned()
    }

    /// Waits until it has said these words since this start.
    ///
    /// # Errors
    /// It ended, or did not say them within `patience`.
    pub async fn until_said(&mut self, words: &str, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !self.log().contains(words) {
            self.still_running(deadline)?;
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// An error where it has ended or the deadline has passed, with the end of what it said.
    pub(crate) fn still_running(&mut self, deadline: Instant) -> Result<()> {
        if let Some(status) = self.ended() {
            bail!("{} ended ({status}):\n{}", self.name, self.log_end());
        }
        if Instant::now() >= deadline {
            bail!("{} is not ready in time:\n{}", self.name, self.log_end());
        }
        Ok(())
    }

    /// Sends a signal to the process that was started, not to those that it started.
    ///
    /// # Errors
    /// It has gone.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.ended() {
            bail!("{} has ended already ({status})", self.name);
        }
        kill_process(Pid::from_child(&self.child), signal).with_context(|| self.name.clone())
    }

    /// Stops it and all that it started where they are (SIGSTOP), as a machine that hangs does.
    ///
    /// # Errors
    /// It has gone.
    pub fn pause(&mut self) -> Result<()> {
        self.signal(Signal::STOP)?;
        tree::freeze(Pid::from_child(&self.child));
        Ok(())
    }

    /// Lets it and all that it started go on (SIGCONT).
    ///
    /// # Errors
    /// It has gone.
    pub fn resume(&mut self) -> Result<()> {
        self.signal(Signal::CONT)?;
        for pid in tree::of(Pid::from_child(&self.child)) {
            let _ = kill_process(pid, Signal::CONT);
        }
        Ok(())
    }

    /// Asks it to end with this signal and waits for it.
    ///
    /// # Errors
    /// It has gone already, or did not end within `patience`: then it is killed.
    pub async fn stop(&mut self, signal: Signal, patience: Duration) -> Result<ExitStatus> {
        self.signal(signal)?;
        // One that is frozen hears of it when it goes on.
        let _ = self.resume();
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.ended() {
                self.kill();
                return Ok(status);
            }
            if Instant::now() >= deadline {
                let said = self.log_end();
                self.kill();
                bail!("{} did not stop when asked to and was killed:\n{said}", self.name);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Kills it and all that it started (SIGKILL), and returns when they are gone.
    pub fn kill(&mut self) {
        let leader = Pid::from_child(&self.child);
        if self.ended().is_none() {
            let _ = kill_process(leader, Signal::STOP);
            let others = tree::freeze(leader);
            let _ = kill_process_group(leader, Signal::KILL);
            for pid in &others {
                let _ = kill_process(*pid, Signal::KILL);
            }
            self.ended = self.child.wait().ok();
            tree::until_gone(&others);
        } else {
            let _ = kill_process_group(leader, Signal::KILL);
        }
        // Its standard input ends with a word: nothing is left to kill.
        if let Some(mut words) = self.watchdog.stdin.take() {
            let _ = std::io::Write::write_all(&mut words, b"done\n");
        }
        let _ = self.watchdog.wait();
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let from = log.len().saturating_sub(TAIL_BYTES);
        let from = (from..log.len()).find(|at| log.is_char_boundary(*at));
        let end = log.get(from.unwrap_or_default()..).unwrap_or_default();
        format!("{end}\n(all of it in {})", self.log.display())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A shell that waits for the end of its standard input, which nobody but this process holds.
fn watchdog(group: u32) -> Result<Child> {
    Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog", &group.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot start sh")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, dir: &Path) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::spawn("a shell", command, &dir.join("log")).unwrap()
    }

    #[tokio::test]
    async fn what_it_says_is_waited_for_from_its_own_start_on() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = sh("echo ready; sleep 60", dir.path());
        first.until_said("ready", Duration::from_secs(30)).await.unwrap();
        first.kill();
        let mut second = sh("echo broken; exit 3", dir.path());
        let error = second.until_said("ready", Duration::from_secs(30)).await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("exit status: 3") && error.contains("broken"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_kill_takes_what_it_started_with_it() {
        let dir = tempfile::tempdir().unwrap();
        // One that left the group, and one that stayed.
        let mut shell = sh("setsid sleep 61 & sleep 62 & echo ready; wait", dir.path());
        shell.until_said("ready", Duration::from_secs(30)).await.unwrap();
        let leader = Pid::from_child(&shell.child);
        while tree::of(leader).len() < 2 {
            tokio::time::sleep(LOOK).await;
        }
        let started = tree::of(leader);
        shell.kill();
        assert!(started.iter().all(|pid| tree::is_gone(*pid)));
        assert!(shell.ended().is_some());
    }

    #[tokio::test]
    async fn one_that_is_frozen_stops_when_it_is_asked_to() {
        let dir = tempfile::tempdir().unwrap();
        let mut shell = sh("echo ready; while :; do sleep 0.1; done", dir.path());
        shell.until_said("ready", Duration::from_secs(30)).await.unwrap();
        shell.pause().unwrap();
        let status = shell.stop(Signal::TERM, Duration::from_secs(30)).await.unwrap();
        assert_eq!(status.to_string(), "signal: 15 (SIGTERM)");
    }

    #[tokio::test]
    async fn one_that_does_not_stop_is_killed_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut shell = sh("trap '' TERM; echo ready; while :; do sleep 1; done", dir.path());
        shell.until_said("ready", Duration::from_secs(30)).await.unwrap();
        let stopped = shell.stop(Signal::TERM, Duration::from_millis(200)).await;
        assert!(
            stopped
                .unwrap_err()
                .to_string()
                .starts_with("a shell did not stop")
        );
        assert!(shell.ended().is_some());
    }

    #[tokio::test]
    async fn it_goes_with_the_process_that_started_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut shell = sh("sleep 63", dir.path());
        // What the end of this process does.
        drop(shell.watchdog.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(30);
        while shell.ended().is_none() {
            assert!(Instant::now() < deadline);
            tokio::time::sleep(LOOK).await;
        }
    }
}
