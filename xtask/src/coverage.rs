//! `cargo xtask coverage`: the share of lines that tests run, with its floor.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell;

/// What `cargo xtask coverage` can be told.
#[derive(clap::Args)]
pub struct Options {
    /// The least share of lines, in per cent
    #[arg(long, default_value_t = 70)]
    floor: u8,
    /// Also write the lines that ran, for a viewer, in LCOV form
    #[arg(long)]
    lcov: Option<PathBuf>,
}

/// Runs all tests with instrumentation and fails under the floor.
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
    shell::run(&mut with_tools(
        &[runner, &["--workspace", "--no-report"]].concat(),
    ))?;
    let report = |arguments: &[&str]| {
        shell::run(&mut with_tools(
            &[
                &["llvm-cov", "report", "--ignore-filename-regex", "xtask/"],
                arguments,
            ]
            .concat(),
        ))
    };
    if let Some(path) = &options.lcov {
        let path = path.to_str().context("the path of --lcov must be UTF-8")?;
        report(&["--lcov", "--output-path", path])?;
    }
    report(&["--fail-under-lines", &options.floor.to_string()])
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
