//! The settings of the manifests: the programs themselves say whether they are right.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{files, left_out};
use crate::shell;

/// What the programs of an overlay get from it as variables.
const SITES: &[&str] = &["deploy/overlays/*/site.env"];

/// The settings file of all of them.
const FILE: &str = "deploy/base/settings.yaml";

/// 32 bytes in base64url: good for every secret, and for a key.
const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The files that a secret holds (docs/deployment.md).
const SECRETS: [&str; 8] = [
    "api-key-secret",
    "database-ca.pem",
    "database-password",
    "rabbitmq-ca.pem",
    "rabbitmq-password",
    "redis-ca.pem",
    "redis-password",
    "wallet-private-key",
];

/// The programs that can be asked, and what their manifests give each beside the rest.
const PROGRAMS: [(&str, &str); 2] = [
    ("gateway", "TRADE_ENGINE_WALLET__PRIVATE_KEY_FILE"),
    ("wallet-service", "TRADE_ENGINE_WALLET__PUBLIC_KEY"),
];

/// Has every overlay's settings checked; false where the programs were not built.
pub fn check(files: &[String]) -> Result<bool> {
    let programs = shell::target()?.join("debug");
    if let Some((missing, _)) = PROGRAMS.iter().find(|(name, _)| !programs.join(name).is_file()) {
        return left_out(&format!(
            "{missing} was not built (cargo build): no settings were checked"
        ));
    }
    let secrets = secrets(&shell::target()?.join("validators/secrets"))?;
    let mut wrong = Vec::new();
    for site in files::that_fit(files, SITES) {
        let variables = variables(&std::fs::read_to_string(shell::root().join(site))?)?;
        for (program, key) in PROGRAMS {
            let key_value = match key.strip_suffix("_FILE") {
                Some(_) => secrets.join("wallet-private-key").into_os_string(),
                None => SECRET.into(),
            };
            let mut command = Command::new(programs.join(program));
            command
                .args(["config", "check"])
                .current_dir(shell::root())
                .env_clear()
                .envs(variables.iter().map(|(name, value)| (name, value)))
                .env("TRADE_ENGINE_CONFIG", FILE)
                .env("TRADE_ENGINE_DATABASE__USER", program)
                .env(key, key_value)
                .env("SECRETS", &secrets);
            println!("{site}: {program} config check");
            if !command.status()?.success() {
                wrong.push(format!("{site}: {program}"));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("settings are wrong: {}", wrong.join(", "));
    }
    Ok(true)
}

/// A folder with a file for each secret.
fn secrets(folder: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    for name in SECRETS {
        let file = folder.join(name);
        // One of before may not be written to.
        if file.exists() {
            std::fs::remove_file(&file)?;
        }
        std::fs::write(&file, SECRET)?;
        // As in a pod: the programs warn of a file that everybody can read.
        std::fs::set_permissions(file, Permissions::from_mode(0o440))?;
    }
    Ok(folder.to_owned())
}

/// The lines `NAME=value` of a file.
fn variables(text: &str) -> Result<Vec<(String, String)>> {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pair = |line: &str| {
        let (name, value) = line
            .split_once('=')
            .with_context(|| format!("no variable: {line}"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    lines.map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_lines_with_a_name_and_comments_are_none() {
        let read = variables("# a\n\nA=b=c\nB=\n").unwrap();
        let expected = [("A", "b=c"), ("B", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read, expected);
        assert!(variables("A\n").is_err());
    }

    #[test]
    fn every_secret_that_the_settings_name_is_there() {
        let text = std::fs::read_to_string(shell::root().join(FILE)).unwrap();
        for name in text.lines().filter_map(|line| line.split_once("secrets}/")) {
            assert!(SECRETS.contains(&name.1), "{}", name.1);
        }
    }
}
