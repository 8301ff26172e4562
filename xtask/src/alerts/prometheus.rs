//! A Prometheus of one's own over an exchange, with the rules of deploy/prometheus at a twelfth of their time.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use testbed::{Exchange, Member, Port, Process, Role, Signal};
use tokio::time::Instant;

use super::cases::OF_JOB;
use super::jobs::{self, Job};
use super::surroundings::Surroundings;
use crate::http::{Asked, Question, ask};
use crate::{servers, shell};

/// Windows and waits of the rules are divided by it, so that a run takes minutes.
const FASTER: u64 = 12;
/// How long an alert may take to fire or to go quiet: the longest wait of the rules that are tried, faster, and a new start.
const PATIENCE: Duration = Duration::from_secs(400);
const LOOK: Duration = Duration::from_millis(500);
/// Before that it cannot know that something is wrong: the longest wait of a rule that pages, faster.
const FIRST_LOOKS: Duration = Duration::from_secs(12);
const STOPPING: Duration = Duration::from_secs(30);

/// It scrapes and looks at the rules once a second.
pub struct Prometheus {
    process: Process,
    port: Port,
}

impl Prometheus {
    /// Starts it over the programs of an exchange, and over what stands around it.
    ///
    /// # Errors
    /// As [`Prometheus::start`].
    pub async fn over(exchange: &Exchange, around: &Surroundings, dir: &Path) -> Result<Self> {
        let jobs = [
            ("gateway", Role::Gateway),
            ("matcher", Role::Matcher),
            ("wallet", Role::Wallet),
            ("auditor", Role::Auditor),
        ];
        let mut all: Vec<Job> = (jobs.into_iter())
            .map(|(job, role)| Job::new(job, exchange.of(role).map(address).collect()))
            .collect();
        all.extend_from_slice(around.jobs());
        Self::start(&all, |_| true, dir).await
    }

    /// Starts it over these jobs, with the rules of these files, and waits until it has looked a few times.
    ///
    /// # Errors
    /// It is not installed and cannot be, or the rules cannot be read.
    pub async fn start(jobs: &[Job], rules: fn(&str) -> bool, dir: &Path) -> Result<Self> {
        let there = || shell::succeeds(Command::new("prometheus").arg("--version"));
        ensure!(
            there() || (servers::installed("prometheus") && there()),
            "prometheus is not installed (Debian: apt-get install prometheus)"
        );
        let dir = dir.join("prometheus");
        std::fs::create_dir_all(&dir)?;
        let mut settings = String::from(
            "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\nrule_files: ['*.rules.yaml']\n",
        );
        settings += &jobs::settings(jobs)?;
        std::fs::write(dir.join("prometheus.yml"), settings)?;
        for entry in std::fs::read_dir(shell::root().join("deploy/prometheus"))? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.strip_suffix(".rules.yaml").is_some_and(rules) {
                std::fs::write(dir.join(name), faster(&std::fs::read_to_string(&path)?))?;
            }
        }
        let port = Port::free()?;
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", dir.join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", dir.join("data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{}", port.number()));
        let mut process = Process::spawn("Prometheus", command, &dir.join("prometheus.log"))?;
        process
            .until_said("Server is ready to receive web requests", STOPPING)
            .await?;
        tokio::time::sleep(FIRST_LOOKS).await;
        Ok(Self { process, port })
    }

    /// The alerts that fire, each by its name and as `ALERT of JOB`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn firing(&self) -> Result<BTreeSet<String>> {
        let question = Question {
            port: self.port.number(),
            method: "GET",
            path: "/api/v1/alerts",
            token: "",
            body: "",
        };
        let Asked::Answer(answer) = ask(question).await else {
            bail!("Prometheus does not answer");
        };
        let alerts = answer.body["data"]["alerts"]
            .as_array()
            .context("no list of alerts")?;
        let mut firing = BTreeSet::new();
        for alert in alerts.iter().filter(|alert| alert["state"] == "firing") {
            let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default();
            firing.insert(label("alertname").to_owned());
            if !label("job").is_empty() {
                firing.insert(format!("{}{OF_JOB}{}", label("alertname"), label("job")));
            }
        }
        Ok(firing)
    }

    /// Waits until all of these have fired, not necessarily at once; all that did.
    ///
    /// # Errors
    /// One does not.
    pub async fn until_firing(&self, alerts: &[&str]) -> Result<BTreeSet<String>> {
        let mut seen = BTreeSet::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            seen.extend(self.firing().await?);
            let missing: Vec<&&str> = alerts.iter().filter(|alert| !seen.contains(**alert)).collect();
            if missing.is_empty() {
                return Ok(seen);
            }
            ensure!(
                Instant::now() < deadline,
                "{missing:?} did not fire; {seen:?} did"
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until none of these fires; of an empty list, until nothing does.
    ///
    /// # Errors
    /// One goes on.
    pub async fn until_quiet(&self, alerts: &[&str]) -> Result<()> {
        let deadline = Instant::now() + PATIENCE * 2;
        loop {
            let mut firing = self.firing().await?;
            firing.retain(|alert| alerts.is_empty() || alerts.contains(&alert.as_str()));
            if firing.is_empty() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{firing:?} did not go quiet");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Stops it.
    ///
    /// # Errors
    /// It does not stop in time.
    pub async fn stop(&mut self) -> Result<()> {
        self.process.stop(Signal::TERM, STOPPING).await.map(drop)
    }
}

/// Where the metrics of a program are.
pub fn address(member: &Member) -> String {
    member.metrics_url().replacen("http://", "", 1)
}

/// The rules with every window and wait divided.
fn faster(rules: &str) -> String {
    let mut out = String::with_capacity(rules.len());
    for line in rules.lines() {
        // Expressions and waits; words for people stay.
        let is_text =
            line.trim_start().starts_with("summary:") || line.trim_start().starts_with("description:");
        out += &if is_text { line.to_owned() } else { divided(line) };
        out.push('\n');
    }
    out
}

/// The line with each duration (`5m`, `1h`, `15s`) divided, at least a second.
fn divided(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (digits, behind) = from.split_at(end);
        let unit = behind.chars().next();
        let ends = behind
            .chars()
            .nth(1)
            .is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_');
        let begins = before.ends_with(['[', ' ', ':']) || (before.is_empty() && out.is_empty());
        let seconds = match unit {
            Some('s') => Some(1),
            Some('m') => Some(60),
            Some('h') => Some(3_600),
            Some('d') => Some(86_400),
            _ => None,
        };
        out += before;
        match (seconds, digits.parse::<u64>()) {
            (Some(unit), Ok(count)) if begins && ends => {
                out += &format!("{}s", (count * unit / FASTER).max(1));
                rest = &behind[1..];
            }
            _ => {
                out += digits;
                rest = behind;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_divided_and_nothing_else() {
        for (line, fast) in [
            ("        for: 1m", "        for: 5s"),
            (
                "expr: increase(x_total[15m]) > 2",
                "expr: increase(x_total[75s]) > 2",
            ),
            ("x offset 15m)", "x offset 75s)"),
            ("changes(x[1m:15s]) == 0", "changes(x[5s:1s]) == 0"),
            ("ratio_rate5m > 14.4 * 0.001", "ratio_rate5m > 14.4 * 0.001"),
            ("rate(x[3d])", "rate(x[21600s])"),
            ("min(x) < 5 * 86400", "min(x) < 5 * 86400"),
        ] {
            assert_eq!(divided(line), fast);
        }
        assert_eq!(faster("summary: for 5m\nfor: 5m"), "summary: for 5m\nfor: 25s\n");
    }
}
