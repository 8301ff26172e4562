//! A small disk of one's own, on a file, which can be filled and frozen. It needs root.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::shell;

/// Waits until this program is gone, however it went, and leaves no frozen disk behind.
const TIDY_UP: &str = "trap '' INT TERM HUP
while kill -0 \"$0\" 2>/dev/null; do sleep 1; done
fsfreeze --unfreeze \"$1\"; umount --lazy \"$1\"";

/// Mounted until it is dropped.
#[derive(Debug)]
pub struct Disk {
    at: PathBuf,
    tidier: Option<Child>,
}

impl Disk {
    /// Makes one of so many MiB, and mounts it at this folder, which is made.
    ///
    /// # Errors
    /// It cannot be made or mounted: it needs root, `mkfs.ext4` and a loop device.
    pub fn mount(at: &Path, size_mib: u64) -> Result<Self> {
        std::fs::create_dir_all(at).with_context(|| at.display().to_string())?;
        let at = at.canonicalize()?;
        let file = at.with_extension("disk");
        shell::output(
            Command::new("truncate")
                .arg(format!("--size={size_mib}M"))
                .arg(&file),
        )?;
        // All of it is anybody's.
        shell::output(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&file))?;
        shell::output(Command::new("mount").args(["-o", "loop"]).arg(&file).arg(&at))
            .context("a disk of one's own needs root and loop devices")?;
        let mut disk = Self { at, tidier: None };
        let mut tidier = Command::new("setsid");
        tidier.args(["sh", "-c", TIDY_UP, &std::process::id().to_string()]);
        tidier.arg(&disk.at);
        tidier
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        disk.tidier = Some(tidier.spawn().context("setsid")?);
        Ok(disk)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.at
    }

    /// Fills it but for so many MiB.
    ///
    /// # Errors
    /// There is less than that already.
    pub fn fill(&self, left_mib: u64) -> Result<()> {
        let free = shell::output(
            Command::new("df")
                .args(["--output=avail", "--block-size=1M"])
                .arg(&self.at),
        )?;
        let free: u64 = free.lines().last().unwrap_or_default().trim().parse()?;
        let more = free
            .checked_sub(left_mib)
            .filter(|more| *more > 0)
            .context("it is as full already")?;
        shell::output(
            Command::new("fallocate")
                .arg(format!("--length={more}MiB"))
                .arg(self.filler()),
        )
        .map(drop)
    }

    /// Makes the room again.
    ///
    /// # Errors
    /// It was not filled.
    pub fn clear(&self) -> Result<()> {
        std::fs::remove_file(self.filler()).with_context(|| self.at.display().to_string())
    }

    /// Whoever writes to it waits.
    ///
    /// # Errors
    /// It is frozen already.
    pub fn freeze(&self) -> Result<()> {
        shell::output(Command::new("fsfreeze").arg("--freeze").arg(&self.at)).map(drop)
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// It is not frozen.
    pub fn thaw(&self) -> Result<()> {
        shell::output(Command::new("fsfreeze").arg("--unfreeze").arg(&self.at)).map(drop)
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        shell::succeeds(Command::new("fsfreeze").arg("--unfreeze").arg(&self.at));
        // A program that ends may hold it for a moment longer.
        if !shell::succeeds(Command::new("umount").arg(&self.at)) {
            shell::succeeds(Command::new("umount").arg("--lazy").arg(&self.at));
        }
        if let Some(tidier) = &mut self.tidier {
            drop(tidier.kill().and_then(|()| tidier.wait()));
        }
    }
}
