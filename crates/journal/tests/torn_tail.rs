//! A log that lost power while it wrote: the unfinished batch is cut, whole batches stay, appends go on.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::fs;
use std::path::Path;

use journal::{Fault, SegmentState, TornTail, verify};
use support::{a_segment_per_batch, append, entries, one_segment, open, segments, written};

const BATCHES: [&[&str]; 4] = [&["a1", "a2"], &["b"], &["c1", "", "c3-is-longer"], &["d1", "d2"]];

/// Opens, expects exactly these whole batches, and appends.
fn check_reopened(dir: &Path, whole_batches: usize, torn: bool, case: &str) {
    let mut expected: Vec<&str> = BATCHES[..whole_batches].concat();
    let (mut journal, recovery) = open(dir, one_segment());
    assert_eq!(recovery.last_seq, expected.len() as u64, "{case}");
    assert_eq!(recovery.torn_tail.is_some(), torn, "{case}");
    assert_eq!(entries(dir), expected, "{case}");
    let last_seq = append(&mut journal, &["new"]);
    assert_eq!(last_seq, expected.len() as u64 + 1, "{case}");
    drop(journal);
    expected.push("new");
    let (_, recovery) = open(dir, one_segment());
    assert_eq!(recovery.torn_tail, None, "{case}");
    assert_eq!(entries(dir), expected, "{case}");
}

#[test]
fn a_segment_cut_at_any_byte_keeps_exactly_its_whole_batches() {
    let dir = tempfile::tempdir().unwrap();
    let (path, offsets) = written(dir.path(), &BATCHES);
    let contents = fs::read(&path).unwrap();
    assert_eq!(*offsets.last().unwrap(), contents.len());
    for length in offsets[2]..=contents.len() {
        fs::write(&path, &contents[..length]).unwrap();
        let whole = offsets.iter().filter(|offset| **offset <= length).count() - 1;
        check_reopened(
            dir.path(),
            whole,
            !offsets.contains(&length),
            &format!("cut to {length} bytes"),
        );
    }
}

#[test]
fn a_flipped_byte_in_the_last_batch_cuts_it() {
    let dir = tempfile::tempdir().unwrap();
    let (path, offsets) = written(dir.path(), &BATCHES);
    let contents = fs::read(&path).unwrap();
    for flipped in offsets[3]..offsets[4] {
        let mut changed = contents.clone();
        changed[flipped] ^= 0x55;
        fs::write(&path, &changed).unwrap();
        check_reopened(dir.path(), 3, true, &format!("byte {flipped} flipped"));
    }
}

#[test]
fn tails_that_a_file_system_may_leave_are_cut() {
    let dir = tempfile::tempdir().unwrap();
    let (path, offsets) = written(dir.path(), &BATCHES);
    let contents = fs::read(&path).unwrap();
    let zeros_from = |keep: usize, total: usize| {
        let mut tail = contents[..keep].to_vec();
        tail.resize(total, 0);
        tail
    };
    let mut doubled = contents.clone();
    doubled.extend_from_slice(&contents[offsets[3]..offsets[3] + 20]);
    let table = [
        ("zeros behind the last batch", zeros_from(contents.len(), 5000), 4),
        ("one zero byte", zeros_from(contents.len(), contents.len() + 1), 4),
        (
            "the last batch is zeros",
            zeros_from(offsets[3], contents.len()),
            3,
        ),
        (
            "the last batch is half zeros",
            zeros_from(offsets[3] + 30, contents.len()),
            3,
        ),
        ("a megabyte of zeros", zeros_from(contents.len(), 1 << 20), 4),
        ("a piece of an earlier batch", doubled, 4),
    ];
    for (case, changed, whole) in table {
        fs::write(&path, changed).unwrap();
        check_reopened(dir.path(), whole, true, case);
    }
}

#[test]
fn the_report_names_file_offset_and_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (path, offsets) = written(dir.path(), &BATCHES);
    let contents = fs::read(&path).unwrap();
    fs::write(&path, &contents[..contents.len() - 1]).unwrap();
    let (offset, fault) = (offsets[3] as u64, Fault::ShortBatch);

    // Looking at it first changes nothing.
    let report = verify(dir.path()).unwrap();
    assert_eq!(report.segments[0].state, SegmentState::TornTail { offset, fault });
    assert_eq!(
        (report.segments[0].entries, report.segments[0].last_seq),
        (6, Some(6))
    );
    assert!(report.is_sound());

    let (_, recovery) = open(dir.path(), one_segment());
    let bytes = (offsets[4] - offsets[3] - 1) as u64;
    assert_eq!(
        recovery.torn_tail,
        Some(TornTail {
            segment: path.clone(),
            offset,
            bytes,
            fault
        })
    );
    assert_eq!(fs::metadata(&path).unwrap().len(), offset);
}

#[test]
fn a_segment_torn_at_its_creation_begins_again_with_the_same_entry() {
    for length in 0..support::FILE_HEADER_BYTES {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path(), a_segment_per_batch());
        append(&mut journal, &["a"]);
        append(&mut journal, &["b"]);
        drop(journal);
        // Both as the only segment (all others archived) and behind another one.
        for alone in [false, true] {
            if alone {
                fs::remove_file(&segments(dir.path())[0]).unwrap();
            }
            let newest = segments(dir.path()).pop().unwrap();
            let header = fs::read(&newest).unwrap();
            fs::write(&newest, &header[..length]).unwrap();
            let (mut journal, recovery) = open(dir.path(), a_segment_per_batch());
            let torn = recovery.torn_tail.unwrap();
            assert_eq!(
                (torn.offset, torn.bytes, recovery.last_seq),
                (0, length as u64, 1),
                "{length}"
            );
            assert_eq!(append(&mut journal, &["again"]), 2);
            drop(journal);
            assert_eq!(open(dir.path(), a_segment_per_batch()).1.last_seq, 2);
            assert_eq!(entries(dir.path()).last().unwrap(), "again");
        }
    }
}

#[test]
fn what_interrupted_writes_left_behind_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &BATCHES);
    let left = [
        "journal/journal-00000000000000000001.log.tmp",
        "snapshots/snapshot-00000000000000000003.snap.tmp",
    ];
    for name in left {
        fs::write(dir.path().join(name), b"half").unwrap();
    }
    check_reopened(dir.path(), 4, false, "with temporary files");
    for name in left {
        assert!(!dir.path().join(name).exists(), "{name}");
    }
}
