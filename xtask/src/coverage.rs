//! `cargo xtask coverage`: the share of lines that tests run, with its floor.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::servers::Servers;
use crate::shell;

/// What `cargo xtask coverage` can be told.
#[derive(clap::Args)]
pub struct Options {
    /// The least share of lines of the whole workspace, in per cent
    #[arg(long, default_value_t = 70)]
    floor: u8,
    /// The least share of lines of the edge: the middleware and the API
    #[arg(long, default_value_t = 80)]
    edge_floor: u8,
    /// Also write the lines that ran, for a viewer, in LCOV form
    #[arg(long)]
    lcov: Option<PathBuf>,
}

/// The chores are not part of the program.
const NOT_COUNTED: &str = "(^|/)xtask/";
/// Everything but `crates/http/src` and `crates/api/src`. The expressions of the tool cannot look ahead, so the rest is
/// named by how its folders begin: those of `crates` that are no `api` or `http`, and the programs.
const NOT_EDGE: &str =
    "(^|/)(xtask|bins)/|(^|/)crates/([^ah]|a[^p]|h[^t])[^/]*/|(^|/)crates/(api|http)/(tests|benches)/";

/// Runs all tests with instrumentation and fails under a floor.
pub fn run(options: &Options) -> Result<()> {
    if !shell::succeeds(&mut shell::cargo(&["llvm-cov", "--version"])) {
        bail!("cargo-llvm-cov is not installed: cargo install --locked cargo-llvm-cov");
    }
    let tools = tools()?;
    let with_tools = |arguments: &[&str]| {
        let mut command = shell::cargo(arguments);
        if let Some(folder) = &tools {
            command
                .env("LLVM_COV", folder.join("llvm-cov"))
                .env("LLVM_PROFDATA", folder.join("llvm-profdata"));
        }
        command
    };
    let nextest = shell::succeeds(&mut shell::cargo(&["nextest", "--version"]));
    let runner: &[&str] = if nextest {
        &["llvm-cov", "nextest"]
    } else {
        &["llvm-cov"]
    };
    shell::run(&mut with_tools(&["llvm-cov", "clean", "--workspace"]))?;
    let mut servers = Servers::default();
    servers.find(true)?;
    let mut tests = with_tools(&[runner, &["--workspace", "--no-report"]].concat());
    servers.tell(&mut tests);
    shell::run(&mut tests)?;
    let report = |ignored: &str, arguments: &[&str]| {
        with_tools(
            &[
                &["llvm-cov", "report", "--ignore-filename-regex", ignored],
                arguments,
            ]
            .concat(),
        )
    };
    if let Some(path) = &options.lcov {
        let path = path.to_str().context("the path of --lcov must be UTF-8")?;
        shell::run(&mut report(NOT_COUNTED, &["--lcov", "--output-path", path]))?;
    }
    shell::run(&mut report(NOT_COUNTED, &[]))?;
    let parts = [
        ("the workspace", NOT_COUNTED, options.floor),
        ("crates/http and crates/api", NOT_EDGE, options.edge_floor),
    ];
    let mut below = Vec::new();
    println!();
    for (name, ignored, floor) in parts {
        let summary = shell::output(&mut report(ignored, &["--json", "--summary-only"]))?;
        let lines = Lines::read(&summary)?;
        println!("coverage of {name}: {lines}, at least {floor} %");
        if !lines.reach(floor) {
            below.push(name);
        }
    }
    if !below.is_empty() {
        bail!("too few lines are run by tests: {}", below.join(", "));
    }
    Ok(())
}

/// How many lines there are, and how many of them ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lines {
    count: u64,
    covered: u64,
}

impl Lines {
    /// Out of the summary of a report.
    fn read(summary: &str) -> Result<Self> {
        let summary: serde_json::Value =
            serde_json::from_str(summary).context("the summary of the coverage is no JSON")?;
        let lines = &summary["data"][0]["totals"]["lines"];
        let number = |name: &str| lines[name].as_u64();
        let (count, covered) = number("count")
            .zip(number("covered"))
            .context("the summary of the coverage counts no lines")?;
        if count == 0 {
            bail!("no line is counted");
        }
        Ok(Self { count, covered })
    }

    /// Whether so many per cent of them ran.
    const fn reach(self, floor: u8) -> bool {
        self.covered * 100 >= self.count * floor as u64
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.covered * 1_000 / self.count;
        write!(f, "{}.{} % of {} lines", tenths / 10, tenths % 10, self.count)
    }
}

/// The folder of llvm-cov and llvm-profdata, or none when cargo-llvm-cov finds them by itself.
fn tools() -> Result<Option<PathBuf>> {
    let wanted = llvm_major(&shell::output(std::process::Command::new("rustc").arg("-vV"))?)
        .context("rustc -vV names no LLVM version")?;
    let named = ["LLVM_COV", "LLVM_PROFDATA"]
        .iter()
        .all(|name| std::env::var_os(name).is_some());
    if named || in_toolchain()? {
        return Ok(None);
    }
    let folders = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    newest(folders, wanted).map(Some).with_context(|| {
        format!(
            "llvm-cov and llvm-profdata of LLVM {wanted} or newer are needed: `rustup component add llvm-tools`, or the \
             package llvm-{wanted} of the distribution, or LLVM_COV and LLVM_PROFDATA set to their paths"
        )
    })
}

/// Whether the toolchain itself brings them.
fn in_toolchain() -> Result<bool> {
    let sysroot = shell::output(std::process::Command::new("rustc").args(["--print", "target-libdir"]))?;
    let bin = Path::new(sysroot.trim())
        .parent()
        .map(|target| target.join("bin"));
    Ok(bin.is_some_and(|bin| has_tools(&bin)))
}

fn has_tools(bin: &Path) -> bool {
    bin.join("llvm-cov").exists() && bin.join("llvm-profdata").exists()
}

/// The newest `llvm-N/bin` with both tools that can read what LLVM `wanted` writes.
fn newest(folders: impl Iterator<Item = PathBuf>, wanted: u32) -> Option<PathBuf> {
    let versioned = folders.filter_map(|folder| {
        let major: u32 = folder
            .file_name()?
            .to_str()?
            .strip_prefix("llvm-")?
            .parse()
            .ok()?;
        Some((major, folder.join("bin")))
    });
    versioned
        .filter(|(major, bin)| *major >= wanted && has_tools(bin))
        .max()
        .map(|(_, bin)| bin)
}

fn llvm_major(version: &str) -> Option<u32> {
    let line = version
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))?;
    line.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_llvm_is_read_from_rustc() {
        assert_eq!(
            llvm_major("rustc 1.95.0\nrelease: 1.95.0\nLLVM version: 22.1.2\n"),
            Some(22)
        );
        assert_eq!(llvm_major("rustc 1.95.0\n"), None);
    }

    #[test]
    fn a_floor_is_held_against_the_lines_of_the_summary() {
        let summary = |count: u64, covered: u64| {
            let lines = serde_json::json!({ "count": count, "covered": covered, "percent": 1.0 });
            serde_json::json!({ "data": [{ "totals": { "lines": lines } }] }).to_string()
        };
        let lines = Lines::read(&summary(1_000, 799)).unwrap();
        assert_eq!(lines.to_string(), "79.9 % of 1000 lines");
        assert!(!lines.reach(80));
        assert!(Lines::read(&summary(1_000, 800)).unwrap().reach(80));
        for wrong in ["", "{}", &summary(0, 0)] {
            assert!(Lines::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_newest_complete_folder_that_is_new_enough_is_taken() {
        let place = tempfile::tempdir().unwrap();
        for (name, files) in [
            ("llvm-14", &["llvm-cov", "llvm-profdata"][..]),
            ("llvm-22", &["llvm-cov", "llvm-profdata"]),
            ("llvm-23", &["llvm-cov"]),
            ("llvm-old", &[]),
        ] {
            let bin = place.path().join(name).join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            for file in files {
                std::fs::write(bin.join(file), "").unwrap();
            }
        }
        let found = |wanted| {
            let folders = std::fs::read_dir(place.path())
                .unwrap()
                .map(|entry| entry.unwrap().path());
            newest(folders, wanted)
        };
        assert_eq!(found(22), Some(place.path().join("llvm-22/bin")));
        assert_eq!(found(23), None);
    }
}
