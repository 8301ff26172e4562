//! One test, built and run alone, for a bounded time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::Instant;

use super::table::Rule;
use super::verdict::{Verdict, judge};
use crate::servers::Servers;
use crate::shell;

/// How long cargo may build one test, on a slow machine and from nothing.
const BUILD: Duration = Duration::from_secs(3_600);
/// How long one test may run.
const TEST: Duration = Duration::from_secs(180);
/// Between two looks whether a program has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Where tests are built and run.
pub struct Trial<'a> {
    /// The copy of the checkout.
    pub copy: &'a Path,
    /// What cargo builds; it stays between runs.
    pub target: PathBuf,
    /// What builds and tests print.
    pub logs: PathBuf,
    /// What tests connect to.
    pub servers: &'a Servers,
}

/// The program of a test, and the folder in which cargo would run it.
struct Program {
    path: PathBuf,
    folder: PathBuf,
}

impl Trial<'_> {
    /// Builds and runs a rule's test; what is printed lies in files whose names begin with `name`.
    ///
    /// # Errors
    /// It does not compile, or cannot be started.
    pub fn of(&self, rule: &Rule, name: &str) -> Result<Verdict> {
        let program = self.build(rule, name)?;
        self.run(&program, rule, name)
    }

    fn build(&self, rule: &Rule, name: &str) -> Result<Program> {
        let mut cargo = shell::cargo(&["test", "--no-run", "--locked"]);
        cargo
            .args(["--message-format", "json-render-diagnostics"])
            .args(["--package", rule.package])
            .args(rule.target)
            .current_dir(self.copy)
            .env("CARGO_TARGET_DIR", &self.target);
        let (printed, errors) = (self.log(name, "build.json"), self.log(name, "build.txt"));
        let Some(status) = ended(&mut cargo, &printed, &errors, BUILD)? else {
            bail!("the build took more than {} s", BUILD.as_secs());
        };
        if !status.success() {
            let errors = fs::read_to_string(&errors).unwrap_or_default();
            let first = errors.lines().find(|line| line.starts_with("error"));
            bail!(
                "it does not compile: {} ({})",
                first.unwrap_or("cargo names no error"),
                self.log(name, "build.txt").display()
            );
        }
        program(&fs::read_to_string(&printed)?)
    }

    fn run(&self, program: &Program, rule: &Rule, name: &str) -> Result<Verdict> {
        let mut test = Command::new(&program.path);
        test.args(["--exact", rule.test, "--test-threads", "1"])
            .current_dir(&program.folder)
            .env("CARGO_MANIFEST_DIR", &program.folder);
        self.servers.tell(&mut test);
        let (printed, errors) = (self.log(name, "txt"), self.log(name, "errors.txt"));
        match ended(&mut test, &printed, &errors, TEST)? {
            None => Ok(Verdict::Hung(TEST)),
            Some(status) => {
                let printed = fs::read(&printed)?;
                Ok(judge(rule.test, &String::from_utf8_lossy(&printed), status))
            }
        }
    }

    fn log(&self, name: &str, ending: &str) -> PathBuf {
        self.logs.join(format!("{name}.{ending}"))
    }
}

/// Runs a program to its end, or kills it when its time is over: none then.
fn ended(
    command: &mut Command,
    printed: &Path,
    errors: &Path,
    within: Duration,
) -> Result<Option<ExitStatus>> {
    let file = |path: &Path| File::create(path).with_context(|| path.display().to_string());
    command
        .stdin(Stdio::null())
        .stdout(file(printed)?)
        .stderr(file(errors)?);
    let child = command.spawn();
    let mut child = child.with_context(|| command.get_program().display().to_string())?;
    let deadline = Instant::now() + within;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return kill(&mut child).map(|()| None);
        }
        thread::sleep(LOOK);
    }
}

fn kill(child: &mut Child) -> Result<()> {
    child.kill().context("it cannot be killed")?;
    child.wait()?;
    Ok(())
}

/// The one test among what cargo says that it has built.
fn program(messages: &str) -> Result<Program> {
    let mut found = Vec::new();
    for line in messages.lines() {
        let message: serde_json::Value =
            serde_json::from_str(line).context("cargo's messages are no JSON")?;
        // Programs of the package are built for its tests too.
        if message["profile"]["test"].as_bool() != Some(true) {
            continue;
        }
        let (path, manifest) = (message["executable"].as_str(), message["manifest_path"].as_str());
        let folder = manifest.and_then(|manifest| Path::new(manifest).parent());
        found.extend(path.zip(folder).map(|(path, folder)| Program {
            path: path.into(),
            folder: folder.to_owned(),
        }));
    }
    let count = found.len();
    match found.pop() {
        Some(program) if count == 1 => Ok(program),
        _ => bail!("cargo has built {count} tests instead of one"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_is_found_beside_the_programs_of_its_package() {
        let artifact = |executable: &str, test: bool| {
            serde_json::json!({
                "reason": "compiler-artifact",
                "manifest_path": "/x/crates/wallet/Cargo.toml",
                "profile": { "test": test },
                "executable": executable,
            })
        };
        let (bin, test) = (artifact("/x/bin", false), artifact("/x/locks", true));
        let end = serde_json::json!({ "reason": "build-finished", "success": true });
        let found = program(&format!("{bin}\n{test}\n{end}\n")).unwrap();
        assert_eq!(found.path, Path::new("/x/locks"));
        assert_eq!(found.folder, Path::new("/x/crates/wallet"));
        for wrong in [format!("{bin}\n"), format!("{test}\n{test}\n"), "x\n".to_owned()] {
            assert!(program(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_hangs_is_killed_when_its_time_is_over() {
        let place = tempfile::tempdir().unwrap();
        let files = ["printed", "errors"].map(|name| place.path().join(name));
        let run = |script: &str, within| {
            let mut shell = Command::new("sh");
            shell.args(["-c", script]);
            ended(&mut shell, &files[0], &files[1], Duration::from_millis(within)).unwrap()
        };
        assert!(run("exec sleep 60", 100).is_none());
        assert_eq!(run("echo out; exit 3", 60_000).unwrap().code(), Some(3));
        assert_eq!(fs::read_to_string(&files[0]).unwrap(), "out\n");
    }
}
