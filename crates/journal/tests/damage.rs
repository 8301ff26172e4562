//! A log whose synced bytes have changed: the start is refused, naming file and byte, and nothing is touched.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::fs;

use journal::{Fault, JournalError, SegmentState, dump, verify};
use support::{
    FILE_HEADER_BYTES, a_segment_per_batch, append, one_segment, open, refused, segments, written,
};

const BATCHES: [&[&str]; 4] = [&["a1", "a2"], &["b1", "", "b3"], &["c"], &["d"]];

#[test]
fn a_flipped_byte_in_any_batch_but_the_last_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let (path, offsets) = written(dir.path(), &BATCHES);
    let contents = fs::read(&path).unwrap();
    for flipped in offsets[0]..offsets[3] {
        let batch = offsets.iter().rposition(|offset| *offset <= flipped).unwrap();
        let mut changed = contents.clone();
        changed[flipped] ^= 0x55;
        fs::write(&path, &changed).unwrap();
        match refused(dir.path(), one_segment()) {
            JournalError::Damaged { segment, offset, .. } => {
                assert_eq!(
                    (segment, offset),
                    (path.clone(), offsets[batch] as u64),
                    "byte {flipped}"
                );
            }
            error => panic!("byte {flipped}: {error}"),
        }
        assert_eq!(
            fs::read(&path).unwrap(),
            changed,
            "byte {flipped}: the file was touched"
        );
    }
}

#[test]
fn a_flipped_byte_in_the_file_header_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = written(dir.path(), &BATCHES);
    let contents = fs::read(&path).unwrap();
    for flipped in 0..FILE_HEADER_BYTES {
        let mut changed = contents.clone();
        changed[flipped] ^= 0x55;
        fs::write(&path, &changed).unwrap();
        let error = refused(dir.path(), one_segment());
        assert!(
            matches!(error, JournalError::Damaged { offset: 0, .. }),
            "byte {flipped}: {error}"
        );
    }
}

/// The batch before a torn one had been synced: its damage must not pass as a part of the torn tail.
#[test]
fn a_damaged_batch_before_a_torn_one_is_refused_while_the_torn_one_shows_its_header() {
    let dir = tempfile::tempdir().unwrap();
    let (path, offsets) = written(dir.path(), &BATCHES);
    let mut contents = fs::read(&path).unwrap();
    contents[offsets[2] + 30] ^= 1;
    contents.truncate(offsets[3] + 28);
    fs::write(&path, &contents).unwrap();
    let error = refused(dir.path(), one_segment());
    assert!(
        matches!(error, JournalError::Damaged { offset, .. } if offset == offsets[2] as u64),
        "{error}"
    );
}

#[test]
fn a_batch_missing_from_the_middle_or_repeated_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, offsets) = written(dir.path(), &BATCHES);
    let contents = fs::read(&path).unwrap();
    let without = [&contents[..offsets[1]], &contents[offsets[2]..]].concat();
    let repeated = [&contents[..], &contents[offsets[3]..]].concat();
    let table = [
        (
            without,
            offsets[1],
            Fault::WrongSequence {
                expected: 3,
                found: 6,
            },
        ),
        (
            repeated,
            offsets[4],
            Fault::WrongSequence {
                expected: 8,
                found: 7,
            },
        ),
    ];
    for (changed, offset, fault) in table {
        fs::write(&path, &changed).unwrap();
        let error = refused(dir.path(), one_segment());
        let found = matches!(&error, JournalError::Damaged { offset: at, fault: why, .. }
            if *at == offset as u64 && *why == fault);
        assert!(found, "{error}");
    }
}

#[test]
fn a_torn_tail_in_a_segment_that_is_not_the_last_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path(), a_segment_per_batch());
    append(&mut journal, &["a"]);
    append(&mut journal, &["b"]);
    drop(journal);
    let first = segments(dir.path())[0].clone();
    let contents = fs::read(&first).unwrap();
    for (length, at) in [(contents.len() - 1, 24), (30, 24), (10, 0), (0, 0)] {
        fs::write(&first, &contents[..length]).unwrap();
        let error = refused(dir.path(), one_segment());
        let named = matches!(&error, JournalError::Damaged { segment, offset, .. }
            if *segment == first && *offset == at);
        assert!(named, "{length}: {error}");
    }
    let zero_filled = [&contents[..], &[0; 100]].concat();
    fs::write(&first, zero_filled).unwrap();
    let error = refused(dir.path(), one_segment());
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
}

#[test]
fn a_missing_segment_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path(), a_segment_per_batch());
    for payload in ["a", "b", "c"] {
        append(&mut journal, &[payload]);
    }
    drop(journal);
    let second = segments(dir.path())[1].clone();
    fs::remove_file(&second).unwrap();
    match refused(dir.path(), one_segment()) {
        JournalError::MissingSegment {
            segment,
            expected_seq: 2,
        } => assert_eq!(segment, second),
        error => panic!("{error}"),
    }
    let report = verify(dir.path()).unwrap();
    assert_eq!((report.gaps[0].expected_seq, report.gaps[0].found_seq), (2, 3));
    assert!(!report.is_sound());
}

#[test]
fn a_renamed_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = written(dir.path(), &BATCHES);
    for (number, fault) in [
        (5, Fault::WrongName { named: 5, found: 1 }),
        (0, Fault::NumberedZero),
    ] {
        let renamed = dir.path().join(format!("journal/journal-{number:020}.log"));
        fs::rename(&path, &renamed).unwrap();
        let error = refused(dir.path(), one_segment());
        assert!(
            matches!(&error, JournalError::Damaged { fault: why, offset: 0, .. } if *why == fault),
            "{error}"
        );
        fs::rename(&renamed, &path).unwrap();
    }
    open(dir.path(), one_segment());
}

#[test]
fn a_segment_copied_twice_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = written(dir.path(), &BATCHES);
    // Entries 2 to 7 would be there twice.
    let copy = dir.path().join("journal/journal-00000000000000000002.log");
    fs::copy(&path, copy).unwrap();
    let error = refused(dir.path(), one_segment());
    assert!(
        matches!(error, JournalError::Damaged { offset: 0, .. }),
        "{error}"
    );
}

#[test]
fn an_unknown_format_version_is_refused_with_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = written(dir.path(), &BATCHES);
    let mut contents = fs::read(&path).unwrap();
    contents[8..12].copy_from_slice(&7_u32.to_le_bytes());
    let checksum = crc32fast::hash(&contents[..20]);
    contents[20..24].copy_from_slice(&checksum.to_le_bytes());
    fs::write(&path, &contents).unwrap();
    let error = refused(dir.path(), one_segment());
    assert!(
        matches!(error, JournalError::UnknownVersion { version: 7, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("version 7"), "{error}");
    assert_eq!(
        verify(dir.path()).unwrap().segments[0].state,
        SegmentState::UnknownVersion { version: 7 }
    );
}

#[test]
fn verify_and_dump_show_damage_and_what_lies_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (path, offsets) = written(dir.path(), &BATCHES);
    let mut contents = fs::read(&path).unwrap();
    contents[offsets[1] + 40] ^= 1;
    fs::write(&path, &contents).unwrap();
    let report = verify(dir.path()).unwrap();
    let segment = &report.segments[0];
    let state = SegmentState::Damaged {
        offset: offsets[1] as u64,
        fault: Fault::BadChecksum,
    };
    assert_eq!(segment.state, state);
    assert_eq!(
        (segment.entries, segment.batches, segment.last_seq),
        (2, 1, Some(2))
    );
    assert_eq!(segment.bytes, contents.len() as u64);
    assert!(!report.is_sound());

    let mut seen = Vec::new();
    let error = dump(dir.path(), 0, u64::MAX, |seq, payload| {
        seen.push((seq, payload.to_vec()));
        std::ops::ControlFlow::Continue(())
    })
    .unwrap_err();
    assert_eq!(seen, [(1, b"a1".to_vec()), (2, b"a2".to_vec())]);
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
}

#[test]
fn an_error_says_what_to_do_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let (path, offsets) = written(dir.path(), &BATCHES);
    let mut contents = fs::read(&path).unwrap();
    contents[offsets[1] + 40] ^= 1;
    fs::write(&path, &contents).unwrap();
    let expected = format!(
        "damage in {} at byte {}: a batch does not match its checksum; restore this file from a copy",
        path.display(),
        offsets[1],
    );
    assert_eq!(refused(dir.path(), one_segment()).to_string(), expected);
}
