//! Snapshot files: whole or not there, and an older one stands in for a damaged one.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use journal::{JournalError, SnapshotFault, Snapshots};
use support::files;

fn path(dir: &Path, seq: u64) -> PathBuf {
    dir.join(format!("snapshots/snapshot-{seq:020}.snap"))
}

fn three(dir: &Path) -> Snapshots {
    let snapshots = Snapshots::new(dir);
    for (seq, contents) in [(10, "ten"), (20, "twenty"), (30, "thirty")] {
        snapshots.write(seq, contents.as_bytes()).unwrap();
    }
    snapshots
}

#[test]
fn without_a_snapshot_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::new(dir.path());
    assert!(snapshots.list().unwrap().is_empty());
    let latest = snapshots.latest_valid().unwrap();
    assert!(latest.snapshot.is_none() && latest.skipped.is_empty());
    assert_eq!(snapshots.prune(1).unwrap(), 0);
}

#[test]
fn the_newest_comes_back_as_written() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = three(dir.path());
    assert_eq!(snapshots.list().unwrap(), [10, 20, 30]);
    let latest = snapshots.latest_valid().unwrap();
    assert_eq!(latest.snapshot, Some((30, b"thirty".to_vec())));
    assert!(latest.skipped.is_empty());
    assert_eq!(snapshots.read(10).unwrap(), b"ten");
    assert!(matches!(snapshots.read(11), Err(SnapshotFault::Io(_))));
}

#[test]
fn large_contents_written_in_pieces_and_empty_ones_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::new(dir.path());
    let contents: Vec<u8> = (0..5_000_000_u32).map(|number| (number % 251) as u8).collect();
    snapshots
        .write_with(7, |out| {
            contents.chunks(1013).try_for_each(|chunk| out.write_all(chunk))
        })
        .unwrap();
    snapshots.check(7).unwrap();
    assert!(snapshots.read(7).unwrap() == contents);
    snapshots.write(8, b"").unwrap();
    snapshots.check(8).unwrap();
    assert_eq!(snapshots.latest_valid().unwrap().snapshot, Some((8, Vec::new())));
}

#[test]
fn any_flipped_byte_any_cut_and_anything_behind_falls_back_to_the_older_one() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = three(dir.path());
    let newest = path(dir.path(), 30);
    let good = fs::read(&newest).unwrap();
    let flips = (0..good.len()).map(|at| {
        let mut changed = good.clone();
        changed[at] ^= 0x55;
        changed
    });
    let cuts = (0..good.len()).map(|length| good[..length].to_vec());
    let longer = [&good[..], b"x"].concat();
    for changed in flips.chain(cuts).chain([longer]) {
        fs::write(&newest, &changed).unwrap();
        let latest = snapshots.latest_valid().unwrap();
        assert_eq!(latest.snapshot, Some((20, b"twenty".to_vec())), "{changed:?}");
        assert_eq!(latest.skipped.len(), 1);
        assert_eq!(latest.skipped[0].0, newest);
        assert!(snapshots.check(30).is_err(), "{changed:?}");
    }
}

#[test]
fn the_reason_for_passing_over_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = three(dir.path());
    let good = fs::read(path(dir.path(), 30)).unwrap();
    let mut newer = good.clone();
    newer[8..12].copy_from_slice(&9_u32.to_le_bytes());
    let checksum = crc32fast::hash(&newer[..32]);
    newer[32..36].copy_from_slice(&checksum.to_le_bytes());
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    let table: [(&[u8], &str); 5] = [
        (&newer, "it has format version 9, this program reads version 1"),
        (&changed, "its contents do not match their checksum"),
        (
            &good[..good.len() - 1],
            "its contents have 5 bytes, its header says 6",
        ),
        (&good[..20], "its header is not valid"),
        (
            &fs::read(path(dir.path(), 10)).unwrap(),
            "its header says sequence 10",
        ),
    ];
    for (contents, reason) in table {
        fs::write(path(dir.path(), 30), contents).unwrap();
        assert_eq!(snapshots.latest_valid().unwrap().skipped[0].1.to_string(), reason);
    }
}

#[test]
fn a_snapshot_that_fails_half_way_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = three(dir.path());
    let error = snapshots
        .write_with(40, |out| {
            out.write_all(&[1; 3_000_000])?;
            Err(io::Error::other("the state could not be written"))
        })
        .unwrap_err();
    assert!(
        matches!(error, JournalError::Io { action: "write", .. }),
        "{error}"
    );
    assert_eq!(files(&dir.path().join("snapshots")).len(), 3);
    assert_eq!(snapshots.list().unwrap(), [10, 20, 30]);
}

#[test]
fn writing_the_same_snapshot_again_replaces_it() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = three(dir.path());
    snapshots.write(30, b"again").unwrap();
    assert_eq!(
        snapshots.latest_valid().unwrap().snapshot,
        Some((30, b"again".to_vec()))
    );
}

#[test]
fn pruning_keeps_the_newest_valid_ones() {
    // (damaged, keep, left)
    let table: [(&[u64], usize, &[u64]); 6] = [
        (&[], 5, &[10, 20, 30]),
        (&[], 2, &[20, 30]),
        (&[], 0, &[30]),
        (&[30], 1, &[20, 30]),
        (&[20, 30], 1, &[10, 20, 30]),
        (&[10, 20], 1, &[30]),
    ];
    for (damaged, keep, left) in table {
        let dir = tempfile::tempdir().unwrap();
        let snapshots = three(dir.path());
        for seq in damaged {
            fs::write(path(dir.path(), *seq), b"damaged").unwrap();
        }
        assert_eq!(
            snapshots.prune(keep).unwrap(),
            3 - left.len(),
            "{damaged:?}, keep {keep}"
        );
        assert_eq!(snapshots.list().unwrap(), left, "{damaged:?}, keep {keep}");
    }
}
