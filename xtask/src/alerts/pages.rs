//! What the runbooks say: their first three commands, typed as they stand while all is well and while their alert fires, and the
//! commands of their mitigations.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use testbed::{Exchange, Member, RabbitMq, Role};

use super::surroundings::Surroundings;
use crate::{servers, shell};

const HEADING: &str = "## First three commands\n\n```sh\n";
const MITIGATION: &str = "## Mitigation\n";
const SECONDS: &str = "60";
/// What says that a command is wrong, whatever it is asked about.
const WRONG: [&str; 10] = [
    "(error)",
    "ERROR:  function",
    "command not found",
    "syntax error",
    "ERROR:  column",
    "ERROR:  relation",
    "permission denied for",
    "unexpected argument",
    "unrecognized",
    "nvalid option",
];
/// It looks for what is not there while all is well.
const FINDS_NOTHING: &str = "status=\"5";

/// How the names that a page leaves open are filled in here.
pub struct Places {
    dir: PathBuf,
    names: Vec<(&'static str, String)>,
    variables: Vec<(&'static str, String)>,
}

impl Places {
    /// Those of a distributed exchange. What was typed and answered is kept in the folder.
    ///
    /// # Errors
    /// Something of it is not there, or cannot be written.
    pub fn of(exchange: &Exchange, around: &Surroundings, dir: &Path) -> Result<Self> {
        let mut places = Self::new(dir)?;
        let nth = |role: Role, at: usize| exchange.of(role).nth(at).context("a program of each kind");
        let gateway = nth(Role::Gateway, 0)?;
        let (matcher, other) = (nth(Role::Matcher, 0)?, nth(Role::Matcher, 1)?);
        let (wallet, auditor) = (nth(Role::Wallet, 0)?, nth(Role::Auditor, 0)?);
        let host = |url: String| url.trim_start_matches("http://").to_owned();
        let door = around.door.host();
        places.names = vec![
            ("OTHER_MATCHER:9090", host(other.metrics_url())),
            ("MATCHER:9090", host(matcher.metrics_url())),
            ("GATEWAY:9090", host(gateway.metrics_url())),
            ("GATEWAY:8080", host(gateway.url())),
            ("WALLET:9091", host(wallet.metrics_url())),
            ("WALLET:8090", host(wallet.url())),
            ("AUDITOR:9090", host(auditor.metrics_url())),
            ("INSTANCE_HOST:8080", host(gateway.url())),
            ("INSTANCE/", format!("{}/", host(gateway.metrics_url()))),
            ("EXCHANGE_HOST:443", door.clone()),
            ("-servername EXCHANGE_HOST", "-servername localhost".to_owned()),
            ("EXCHANGE_HOST", door),
            ("GATEWAY_LOG", gateway.log_path().display().to_string()),
            ("MATCHER_LOG", matcher.log_path().display().to_string()),
            ("WALLET_LOG", wallet.log_path().display().to_string()),
        ];
        let database = exchange.postgres_url().replacen("postgres@", "auditor_login@", 1);
        places.variables = vec![
            ("DATABASE_URL", database),
            ("MONITOR_URL", around.monitor(exchange)),
            (
                "REPLICA_URL",
                around.replica.url().replacen("postgres@", "monitor@", 1),
            ),
            ("REDIS_URL", exchange.redis_url().to_owned()),
            ("CURL_CA_BUNDLE", around.door.trusted().display().to_string()),
        ];
        for (name, member) in [
            ("gateway", gateway),
            ("matcher", matcher),
            ("wallet-service", wallet),
        ] {
            places.program(name, &member.command(&[]))?;
        }
        let broker = exchange
            .rabbitmq
            .as_ref()
            .map(RabbitMq::tool)
            .context("RabbitMQ")?;
        places.program("rabbitmqctl", &broker)?;
        Ok(places)
    }

    /// Those of an embedded one.
    ///
    /// # Errors
    /// Something cannot be written.
    pub fn of_embedded(gateway: &Member, dir: &Path) -> Result<Self> {
        let mut places = Self::new(dir)?;
        let host = |url: String| url.trim_start_matches("http://").to_owned();
        places.names = vec![
            ("GATEWAY:9090", host(gateway.metrics_url())),
            ("GATEWAY:8080", host(gateway.url())),
            ("DATA_DIR", gateway.data_dir().display().to_string()),
        ];
        places.program("gateway", &gateway.command(&[]))?;
        Ok(places)
    }

    fn new(dir: &Path) -> Result<Self> {
        if !shell::succeeds(Command::new("iostat").arg("-V")) {
            servers::installed("sysstat");
        }
        let dir = dir.join("runbooks");
        std::fs::create_dir_all(dir.join("bin"))?;
        Ok(Self {
            dir: dir.canonicalize()?,
            names: Vec::new(),
            variables: Vec::new(),
        })
    }

    /// A program of this exchange under its usual name.
    fn program(&self, name: &str, command: &Command) -> Result<()> {
        let mut script = String::from("#!/bin/sh\n");
        for (name, value) in command.get_envs() {
            let Some(value) = value else { continue };
            let value = value.to_string_lossy().replace('\'', r"'\''");
            writeln!(script, "export {}='{value}'", name.to_string_lossy())?;
        }
        writeln!(
            script,
            "exec '{}' \"$@\"",
            command.get_program().to_string_lossy()
        )?;
        let file = self.dir.join("bin").join(name);
        std::fs::write(&file, script)?;
        Ok(std::fs::set_permissions(&file, Permissions::from_mode(0o755))?)
    }

    /// Types what the page of this alert says. Where all is well, each must answer something.
    ///
    /// # Errors
    /// A command is wrong.
    pub fn type_commands_of(&self, alert: &str, all_is_well: bool) -> Result<()> {
        let mut told = String::new();
        let mut wrong = Vec::new();
        for line in commands(alert)? {
            // Of a cluster, which is not here.
            if line.starts_with("kubectl ") {
                continue;
            }
            let mut typed = line.clone();
            for (open, filled) in &self.names {
                typed = typed.replace(open, filled);
            }
            let output = self.shell(&typed)?;
            let (answer, complaint) = (
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            );
            writeln!(told, "$ {line}\n{answer}{complaint}({})\n", output.status)?;
            let is_wrong = WRONG
                .iter()
                .any(|words| complaint.contains(words) || answer.starts_with(words));
            let may_be_nothing =
                typed.contains(FINDS_NOTHING) || typed.contains("_LOG") || typed.starts_with("grep ");
            let is_silent = !may_be_nothing && (answer.trim().is_empty() || !output.status.success());
            if is_wrong || (all_is_well && is_silent) {
                wrong.push(format!("`{line}`: {} {complaint}", output.status));
            }
        }
        let when = if all_is_well { "well" } else { "firing" };
        std::fs::write(self.dir.join(format!("{alert}.{when}.txt")), told)?;
        ensure!(wrong.is_empty(), "the page of {alert}: {}", wrong.join("; "));
        Ok(())
    }

    fn shell(&self, typed: &str) -> Result<std::process::Output> {
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new("timeout")
            .args([SECONDS, "bash", "-c", typed])
            .env("PATH", format!("{}:{path}", self.dir.join("bin").display()))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.dir)
            .output()
            .with_context(|| typed.to_owned())
    }
}

/// What the page of this alert says is to be typed first.
fn commands(alert: &str) -> Result<Vec<String>> {
    let page = page(alert)?;
    let Some((lines, _)) = page
        .split_once(HEADING)
        .and_then(|(_, below)| below.split_once("```"))
    else {
        bail!("the page of {alert} has no commands");
    };
    Ok(lines.lines().map(str::to_owned).collect())
}

/// The command that begins with these words, as the page of this alert has it under its mitigation.
///
/// # Errors
/// It does not say so.
pub fn mitigation(alert: &str, begins: &str) -> Result<String> {
    let page = page(alert)?;
    let (_, below) = page.split_once(MITIGATION).context("no mitigation")?;
    let (text, _) = below.split_once("\n## ").unwrap_or((below, ""));
    // What stands between the first and the second backtick, the third and the fourth, and so on.
    let found = text
        .split('`')
        .skip(1)
        .step_by(2)
        .find(|words| words.starts_with(begins));
    let found = found.with_context(|| format!("the page of {alert} does not say {begins:?}"))?;
    Ok(found.to_owned())
}

/// The words behind the program that a command begins with.
pub fn arguments(typed: &str) -> Vec<&str> {
    typed.split(' ').skip(1).collect()
}

fn page(alert: &str) -> Result<String> {
    let file = shell::root().join(format!("docs/runbooks/{alert}.md"));
    std::fs::read_to_string(&file).with_context(|| file.display().to_string())
}

/// Types what the pages of these alerts say, while all is well; the alerts whose page is wrong.
pub fn typed(places: &Places, alerts: &[&str]) -> Vec<String> {
    let mut failed = Vec::new();
    for alert in alerts {
        if let Err(error) = places.type_commands_of(alert, true) {
            println!("FAILED: {error:#}");
            failed.push((*alert).to_owned());
        }
    }
    println!("the commands of {} runbooks were typed", alerts.len());
    failed
}

/// All alerts, by their pages.
///
/// # Errors
/// The pages cannot be listed.
pub fn all() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(shell::root().join("docs/runbooks"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(
            name.strip_suffix(".md")
                .filter(|name| *name != "README")
                .map(str::to_owned),
        );
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mitigation_is_what_the_page_says() {
        for (alert, begins, has) in [
            ("BrokerAlarm", "rabbitmqctl ", "set_vm_memory_high_watermark"),
            ("DatabaseConnectionsWaiting", "SELECT ", "(PID)"),
            ("DeadLetters", "rabbitmqctl ", "purge_queue dlx.failed"),
            ("LedgerDifference", "PUT ", "SYMBOL"),
            ("OrdersUnreadable", "DELETE ", "'ORDER_ID'"),
            ("PartitionsRunOut", "gateway ", "partitions make"),
            ("RedisNearlyFull", "CONFIG SET ", "maxmemory"),
            ("ReplicaBehind", "SELECT ", "pg_wal_replay_resume()"),
            ("SettlementRefused", "DELETE ", "'settle:TRADE_ID'"),
            ("ShardWithoutOwner", "UPDATE ", "= SHARD"),
            ("TargetDown", "ALTER ROLE ", "LOGIN"),
        ] {
            let found = mitigation(alert, begins).unwrap();
            assert!(found.contains(has), "{alert}: {found}");
        }
        let first_commands_alone = mitigation("DeadLetters", "rabbitmqctl list_queues");
        assert!(
            first_commands_alone
                .unwrap_err()
                .to_string()
                .contains("DeadLetters")
        );
    }

    #[test]
    fn every_page_has_three_commands() {
        for alert in all().unwrap() {
            assert_eq!(commands(&alert).unwrap().len(), 3, "{alert}");
        }
    }
}
