//! `cargo xtask test`: every test of the workspace.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::chaos;
use crate::servers::{self, Servers};
use crate::session;
use crate::shell;
use crate::steps::Steps;

/// Finds or starts the servers that tests need, runs unit and integration tests with cargo-nextest when it is installed,
/// else with cargo's own runner, then the examples in the documentation, the same session with both shapes of the exchange,
/// the distributed exchange broken in the cheap ways under load, and the API against its own description where Python is
/// at hand.
pub fn run() -> Result<()> {
    let mut steps = Steps::default();
    let mut servers = Servers::default();
    steps.step("servers", || servers.find(true));
    // Before the tests, which leave out what needs it; in the gate they must not.
    let mut balanced = false;
    steps.step_if_possible("nginx", || {
        balanced = nginx();
        if !balanced && shell::is_ci() {
            bail!("it is not installed, and could not be");
        }
        Ok(balanced)
    });
    let cargo = |arguments: &[&str]| {
        let mut command = shell::cargo(arguments);
        servers.tell(&mut command);
        shell::run(&mut command)
    };
    steps.step("tests", || {
        if shell::succeeds(&mut shell::cargo(&["nextest", "--version"])) {
            return cargo(&[
                "nextest",
                "run",
                "--workspace",
                "--no-fail-fast",
                "--no-tests",
                "warn",
            ]);
        }
        println!("cargo-nextest is not installed: cargo test takes its place");
        cargo(&[
            "test",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
            "--no-fail-fast",
        ])
    });
    steps.step("documentation tests", || {
        cargo(&["test", "--workspace", "--doc", "--no-fail-fast"])
    });
    steps.step("session", || {
        session::run(&session::Options::through(pgbouncer()?, balanced))
    });
    steps.step("chaos, the short form", chaos::short);
    steps.step_if_possible("schemathesis", against_description);
    steps.finish("test")
}

/// What the script ends with where Python or its packages cannot be had.
const NOTHING_TESTED: i32 = 3;

/// The folder of a PgBouncer, which is kept beside the build; none where it cannot be had.
fn pgbouncer() -> Result<Option<PathBuf>> {
    let mut script = Command::new(shell::root().join("test/pgbouncer.sh"));
    let output = script.arg(target().join("pgbouncer")).stderr(Stdio::inherit());
    let output = output.output().context("cannot start test/pgbouncer.sh")?;
    match output.status.code() {
        Some(0) => {
            let folder = String::from_utf8(output.stdout).context("the folder of PgBouncer")?;
            Ok(Some(PathBuf::from(folder.trim_end())))
        }
        Some(NOTHING_TESTED) => {
            println!("there is no PgBouncer: the session goes to PostgreSQL itself");
            Ok(None)
        }
        _ => bail!("test/pgbouncer.sh failed ({})", output.status),
    }
}

/// Whether there is an nginx, or can be.
fn nginx() -> bool {
    let there = || shell::succeeds(Command::new("nginx").arg("-v")) || Path::new("/usr/sbin/nginx").is_file();
    let there = there() || (servers::installed("nginx-light") && there());
    if !there {
        println!("nginx is not installed: the session goes to the gateways themselves");
    }
    there
}

/// Where cargo builds, and what else is kept from one run to the next.
fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    target.map_or_else(|| shell::root().join("target"), PathBuf::from)
}

/// Makes requests out of `/openapi.json`; false where that cannot be done. The Python packages are kept beside the build.
fn against_description() -> Result<bool> {
    let mut script = Command::new(shell::root().join("test/schemathesis.sh"));
    script
        .current_dir(shell::root())
        .env("VENV", target().join("schemathesis"))
        .env("EXAMPLES", "10");
    let status = script.status().context("cannot start test/schemathesis.sh")?;
    match status.code() {
        Some(0) => Ok(true),
        Some(NOTHING_TESTED) => {
            let why =
                "Schemathesis needs python3, pip and curl: the API was not held against its description";
            if shell::is_ci() {
                bail!("{why}");
            }
            println!("{why}");
            Ok(false)
        }
        _ => bail!("test/schemathesis.sh failed ({status})"),
    }
}
