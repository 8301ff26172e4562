//! Finding the servers' programs, and an account to run those as that refuse to run as root.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The first folder, of those given and then those of PATH, that holds all these programs.
///
/// # Errors
/// None does: `advice` says what to install.
pub fn folder_of(programs: &[&str], first: &[PathBuf], advice: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = first.iter().cloned().chain(std::env::split_paths(&path));
    for folder in folders {
        if programs.iter().all(|program| folder.join(program).is_file()) {
            return Ok(folder);
        }
    }
    bail!("{} is not installed: {advice}", programs.join(" with "))
}

/// The account of a server that refuses to run as root, where we are root.
#[derive(Debug, Clone, Copy)]
pub struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// The first of these users that exists; none where we are not root.
    ///
    /// # Errors
    /// We are root, and none of them exists.
    pub fn unless_root(names: &[&str]) -> Result<Option<Self>> {
        if !rustix::process::getuid().is_root() {
            return Ok(None);
        }
        let known = |name: &&str| {
            let number = |flag: &str| -> Option<u32> {
                let output = Command::new("id").args([flag, name]).output().ok()?;
                String::from_utf8(output.stdout).ok()?.trim().parse().ok()
            };
            Some(Self {
                user: number("-u")?,
                group: number("-g")?,
            })
        };
        let found = names.iter().find_map(known);
        let found = found.with_context(|| format!("root may not run it, and there is no user {names:?}"))?;
        Ok(Some(found))
    }

    /// Lets the command run as this account.
    pub fn runs(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }

    /// Whether it may pass through this folder; true where there is none yet.
    pub fn may_enter(self, dir: &Path) -> bool {
        let Ok(found) = std::fs::metadata(dir) else {
            return true;
        };
        let shift = match (found.uid() == self.user, found.gid() == self.group) {
            (true, _) => 6,
            (false, true) => 3,
            (false, false) => 0,
        };
        found.mode() >> shift & 1 == 1
    }

    /// Gives it a file or a folder, not what is in it.
    ///
    /// # Errors
    /// The system refuses.
    pub fn owns(self, path: &Path) -> Result<()> {
        std::os::unix::fs::chown(path, Some(self.user), Some(self.group))
            .with_context(|| path.display().to_string())
    }
}

/// Runs a command to its end.
///
/// # Errors
/// It cannot be started or fails: with what it said.
pub fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} failed ({}): {}", output.status, said.trim_end());
    }
    Ok(())
}
