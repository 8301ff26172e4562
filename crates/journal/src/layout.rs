//! Where the files lie, how they are called, and how a directory change is made durable.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Context, JournalError};

const TEMPORARY_SUFFIX: &str = ".tmp";

/// The directories and file names of one log.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub root: PathBuf,
    pub journal: PathBuf,
    pub archive: PathBuf,
    pub snapshots: PathBuf,
    pub lock: PathBuf,
}

/// One segment file, as its name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentFile {
    pub first_seq: u64,
    pub path: PathBuf,
    pub archived: bool,
}

impl Layout {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            journal: root.join("journal"),
            archive: root.join("archive"),
            snapshots: root.join("snapshots"),
            lock: root.join("lock"),
        }
    }

    /// Makes the directories and makes their existence durable.
    pub fn create(&self) -> Result<(), JournalError> {
        let is_new = !self.root.exists();
        for dir in [&self.journal, &self.archive, &self.snapshots] {
            fs::create_dir_all(dir).context("create", dir)?;
        }
        sync_dir(&self.root)?;
        if is_new {
            let parent = self.root.parent().filter(|parent| !parent.as_os_str().is_empty());
            sync_dir(parent.unwrap_or(Path::new(".")))?;
        }
        Ok(())
    }

    pub fn segment(&self, first_seq: u64) -> PathBuf {
        self.journal.join(segment_name(first_seq))
    }

    pub fn archived_segment(&self, first_seq: u64) -> PathBuf {
        self.archive.join(segment_name(first_seq))
    }

    pub fn snapshot(&self, seq: u64) -> PathBuf {
        self.snapshots.join(format!("snapshot-{seq:020}.snap"))
    }

    /// The segments in use, oldest first.
    pub fn active_segments(&self) -> Result<Vec<SegmentFile>, JournalError> {
        list_segments(&self.journal, false)
    }

    /// The segments in the archive, oldest first.
    pub fn archived_segments(&self) -> Result<Vec<SegmentFile>, JournalError> {
        list_segments(&self.archive, true)
    }

    /// Archive and segments in use, oldest first, each once.
    pub fn all_segments(&self) -> Result<Vec<SegmentFile>, JournalError> {
        // In this order: one that is archived between the two listings is seen in both, never in none.
        let active = self.active_segments()?;
        let mut segments = self.archived_segments()?;
        segments.extend(active);
        segments.sort_by_key(|segment| (segment.first_seq, segment.archived));
        segments.dedup_by_key(|segment| segment.first_seq);
        Ok(segments)
    }

    /// Opens a segment for reading; one that was archived since it was listed is found in the archive.
    pub fn open_segment(&self, segment: &SegmentFile) -> Result<File, JournalError> {
        match File::open(&segment.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !segment.archived => {
                let archived = self.archived_segment(segment.first_seq);
                File::open(&archived).context("open", &archived)
            }
            opened => opened.context("open", &segment.path),
        }
    }

    /// Sequences of the snapshot files, oldest first.
    pub fn snapshot_seqs(&self) -> Result<Vec<u64>, JournalError> {
        let mut seqs: Vec<u64> = file_names(&self.snapshots)?
            .iter()
            .filter_map(|name| numbered(name, "snapshot-", ".snap"))
            .collect();
        seqs.sort_unstable();
        Ok(seqs)
    }

    /// Removes what an interrupted write left behind. Only the holder of the lock may call it.
    pub fn remove_temporaries(&self) -> Result<(), JournalError> {
        for dir in [&self.journal, &self.archive, &self.snapshots] {
            for name in file_names(dir)?
                .iter()
                .filter(|name| name.ends_with(TEMPORARY_SUFFIX))
            {
                let path = dir.join(name);
                fs::remove_file(&path).context("remove", &path)?;
            }
        }
        Ok(())
    }
}

/// The name under which a file is written before it is renamed to `path`.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY_SUFFIX);
    PathBuf::from(name)
}

/// Makes created, renamed and removed names in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), JournalError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .context("sync", dir)
}

/// Bytes that an unprivileged process can still write to the file system that holds `dir`.
///
/// # Errors
/// When the file system cannot be asked, for example because `dir` does not exist.
pub fn free_bytes(dir: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn segment_name(first_seq: u64) -> String {
    format!("journal-{first_seq:020}.log")
}

fn list_segments(dir: &Path, archived: bool) -> Result<Vec<SegmentFile>, JournalError> {
    let mut segments: Vec<SegmentFile> = file_names(dir)?
        .iter()
        .filter_map(|name| {
            let first_seq = numbered(name, "journal-", ".log")?;
            Some(SegmentFile {
                first_seq,
                path: dir.join(name),
                archived,
            })
        })
        .collect();
    segments.sort_by_key(|segment| segment.first_seq);
    Ok(segments)
}

/// Names in `dir`; none when it does not exist (a copy may lack the archive). Names that are not UTF-8 are not ours.
fn file_names(dir: &Path) -> Result<Vec<String>, JournalError> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.context("list", dir)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry.context("list", dir)?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

/// The number in a file name with exactly 20 digits between `prefix` and `suffix`.
fn numbered(name: &str, prefix: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_numbered() {
        let table = [
            ("journal-00000000000000000001.log", Some(1)),
            ("journal-18446744073709551615.log", Some(u64::MAX)),
            ("journal-18446744073709551616.log", None),
            ("journal-0000000000000000001.log", None),
            ("journal-+0000000000000000001.log", None),
            ("journal-00000000000000000001.log.tmp", None),
            ("snapshot-00000000000000000001.log", None),
            ("journal-.log", None),
        ];
        for (name, number) in table {
            assert_eq!(numbered(name, "journal-", ".log"), number, "{name}");
        }
    }

    #[test]
    fn free_bytes_are_known_for_a_directory_and_an_error_for_none() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_bytes(dir.path()).unwrap() > 0);
        assert!(free_bytes(&dir.path().join("absent")).is_err());
    }
}
