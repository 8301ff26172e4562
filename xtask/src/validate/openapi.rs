//! The descriptions of the HTTP APIs, as the programs themselves print them: Redocly says whether they are right.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::left_out;
use super::tools::{NPM, Tools};
use crate::shell;

/// Where the linter's version and its rules stand.
const FOLDER: &str = "docs/openapi";
/// The programs that have an API.
const PROGRAMS: [&str; 2] = ["gateway", "wallet-service"];

/// Has both descriptions looked at; false where the programs were not built, or there is no npm.
pub fn check(tools: &Tools) -> Result<bool> {
    let programs = shell::target()?.join("debug");
    if let Some(missing) = PROGRAMS.iter().find(|name| !programs.join(name).is_file()) {
        return left_out(&format!(
            "{missing} was not built (cargo build): no description was looked at"
        ));
    }
    if !tools.have(NPM)? {
        return Ok(false);
    }
    let folder = shell::root().join(FOLDER);
    let installed = tools
        .command(NPM)
        .args(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(&folder)
        .status()?;
    ensure!(installed.success(), "npm ci in {FOLDER} failed");
    let printed = shell::target()?.join("validators/openapi");
    std::fs::create_dir_all(&printed)?;
    let mut wrong = Vec::new();
    for program in PROGRAMS {
        let description = shell::output(
            Command::new(programs.join(program))
                .arg("openapi")
                .env_clear()
                .current_dir(&printed),
        )?;
        let file = printed.join(format!("{program}.json"));
        std::fs::write(&file, description).with_context(|| file.display().to_string())?;
        let mut lint = tools.command(&format!("{}/node_modules/.bin/redocly", folder.display()));
        lint.args(["lint", "--config", "redocly.yaml"])
            .arg(&file)
            .current_dir(&folder)
            // It would ask whether there is a later one, and tell how it is used.
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
            .env("REDOCLY_TELEMETRY", "off");
        println!("redocly lint: {program}");
        if !lint.status()?.success() {
            wrong.push(program);
        }
    }
    if !wrong.is_empty() {
        bail!("the descriptions are not as they must be: {}", wrong.join(", "));
    }
    Ok(true)
}
