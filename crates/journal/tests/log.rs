//! The log in its daily life: appending, rotating, reading beside the writer, archiving, locking.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::fs;
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use journal::{JournalError, Options, ReadOptions, Reader, Retention, SegmentState, Snapshots, dump, verify};
use support::{
    a_segment_per_batch, append, entries, files, one_segment, open, refused, segments, texts, written,
};

const EVERYTHING: ReadOptions = ReadOptions {
    to_seq: None,
    include_archive: true,
};

#[test]
fn a_new_log_is_empty_and_numbers_from_one() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("made/on/the/way");
    let (mut journal, recovery) = open(&root, one_segment());
    assert_eq!(
        (recovery.first_seq, recovery.last_seq, recovery.torn_tail),
        (1, 0, None)
    );
    assert_eq!(journal.append(&journal.new_batch()).unwrap(), 0);
    assert_eq!(append(&mut journal, &["a", "b"]), 2);
    assert_eq!(append(&mut journal, &[""]), 3);
    assert_eq!(
        (journal.first_seq(), journal.last_seq(), journal.dir()),
        (1, 3, root.as_path())
    );
    assert_eq!(entries(&root), ["a", "b", ""]);
}

#[test]
fn a_log_that_never_took_an_entry_can_be_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let (_, recovery) = open(dir.path(), one_segment());
        assert_eq!((recovery.first_seq, recovery.last_seq), (1, 0));
    }
}

#[test]
fn payloads_up_to_the_limit_come_back_and_the_limit_may_shrink_later() {
    let dir = tempfile::tempdir().unwrap();
    let large = "x".repeat(1 << 20);
    let options = Options {
        max_batch_bytes: 3 << 20,
        max_payload_bytes: 1 << 20,
        ..Options::default()
    };
    let (mut journal, _) = open(dir.path(), options);
    append(&mut journal, &[&large, "small", &large]);
    drop(journal);
    let small = Options {
        segment_bytes: 100,
        max_batch_bytes: 100,
        max_payload_bytes: 50,
    };
    let (mut journal, recovery) = open(dir.path(), small);
    assert_eq!(recovery.last_seq, 3);
    append(&mut journal, &["after"]);
    assert_eq!(entries(dir.path()), [&large, "small", &large, "after"]);
}

#[test]
fn a_full_segment_is_followed_by_one_named_after_its_first_entry() {
    let dir = tempfile::tempdir().unwrap();
    // Header 24, each batch 28 + 4 + 8: two batches fit.
    let options = Options {
        segment_bytes: 24 + 2 * 40,
        ..Options::default()
    };
    let (mut journal, _) = open(dir.path(), options.clone());
    for _ in 0..5 {
        append(&mut journal, &["8 bytes."]);
    }
    let names: Vec<_> = segments(dir.path())
        .iter()
        .map(|path| path.file_name().unwrap().to_owned())
        .collect();
    let name = |first_seq: u64| format!("journal-{first_seq:020}.log");
    assert_eq!(names, [name(1).as_str(), &name(3), &name(5)]);
    drop(journal);
    let (mut journal, recovery) = open(dir.path(), options);
    assert_eq!((recovery.first_seq, recovery.last_seq), (1, 5));
    append(&mut journal, &["6", "7"]);
    assert_eq!(entries(dir.path()).len(), 7);
    let report = verify(dir.path()).unwrap();
    let found: Vec<_> = report
        .segments
        .iter()
        .map(|s| (s.first_seq, s.last_seq, s.batches))
        .collect();
    assert_eq!(found, [(1, Some(2), 2), (3, Some(4), 2), (5, Some(7), 2)]);
    assert!(report.is_sound());
}

#[test]
fn a_reader_starts_and_ends_where_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path(), a_segment_per_batch());
    append(&mut journal, &["1", "2"]);
    append(&mut journal, &["3", "4", "5"]);
    append(&mut journal, &["6"]);
    let all = ["1", "2", "3", "4", "5", "6"];
    for from in 0..=8_usize {
        for to in 0..=6_usize {
            let options = ReadOptions {
                to_seq: Some(to as u64),
                include_archive: false,
            };
            let reader = Reader::open(dir.path(), from as u64, options).unwrap();
            let expected = all.get(from.max(1) - 1..to).unwrap_or_default();
            assert_eq!(texts(reader, from.max(1) as u64), expected, "{from} to {to}");
        }
        let reader = journal.read(from as u64).unwrap();
        assert_eq!(
            texts(reader, from.max(1) as u64),
            all[(from.max(1) - 1).min(6)..],
            "{from} to the end"
        );
    }
}

#[test]
fn a_reader_says_when_a_promised_entry_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[&["a"], &["b"]]);
    let options = ReadOptions {
        to_seq: Some(3),
        include_archive: false,
    };
    let mut reader = Reader::open(dir.path(), 1, options).unwrap();
    assert_eq!(reader.next_entry().unwrap(), Some((1, &b"a"[..])));
    assert_eq!(reader.next_entry().unwrap(), Some((2, &b"b"[..])));
    let error = reader.next_entry().unwrap_err();
    assert!(
        matches!(
            error,
            JournalError::EndsEarly {
                wanted_seq: 3,
                last_seq: 2
            }
        ),
        "{error}"
    );
    assert_eq!(reader.next_entry().unwrap(), None);
}

#[test]
fn another_thread_reads_what_is_synced_while_the_writer_appends_and_archives() {
    const LAST: u64 = 600;
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 2000,
        ..Options::default()
    };
    let (mut journal, _) = open(dir.path(), options);
    let synced = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in (1..=LAST).step_by(3) {
                let texts: Vec<String> = (number..number + 3).map(|seq| format!("entry {seq}")).collect();
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                synced.store(append(&mut journal, &texts), Ordering::Release);
                journal.archive_covered(number.saturating_sub(20)).unwrap();
            }
        });
        let mut read = 0;
        while read < LAST {
            assert!(
                !writer.is_finished() || synced.load(Ordering::Acquire) == LAST,
                "the writer failed"
            );
            let to_seq = synced.load(Ordering::Acquire);
            let options = ReadOptions {
                to_seq: Some(to_seq),
                include_archive: true,
            };
            let texts = texts(Reader::open(dir.path(), read + 1, options).unwrap(), read + 1);
            assert_eq!(texts.len() as u64, to_seq - read);
            for (text, seq) in texts.iter().zip(read + 1..) {
                assert_eq!(*text, format!("entry {seq}"));
            }
            read = to_seq;
            assert!(verify(dir.path()).unwrap().is_sound());
        }
    });
}

#[test]
fn covered_segments_are_archived_but_never_the_active_one() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path(), a_segment_per_batch());
    append(&mut journal, &["1", "2"]);
    append(&mut journal, &["3"]);
    append(&mut journal, &["4"]);
    // (covered up to, segments moved, first entry left)
    for (seq, moved, first_seq) in [(0, 0, 1), (1, 0, 1), (2, 1, 3), (2, 0, 3), (u64::MAX, 1, 4)] {
        assert_eq!(journal.archive_covered(seq).unwrap(), moved, "covered {seq}");
        assert_eq!(journal.first_seq(), first_seq, "covered {seq}");
    }
    assert_eq!(files(&dir.path().join("archive")).len(), 2);
    let error = journal.read(3).unwrap_err();
    assert!(
        matches!(
            error,
            JournalError::NotKept {
                wanted_seq: 3,
                first_seq: 4
            }
        ),
        "{error}"
    );
    assert_eq!(
        texts(Reader::open(dir.path(), 1, EVERYTHING).unwrap(), 1),
        ["1", "2", "3", "4"]
    );
    append(&mut journal, &["5"]);
    drop(journal);

    let (_, recovery) = open(dir.path(), one_segment());
    assert_eq!((recovery.first_seq, recovery.last_seq), (4, 5));
    let report = verify(dir.path()).unwrap();
    assert!(report.is_sound());
    let archived: Vec<bool> = report.segments.iter().map(|segment| segment.archived).collect();
    assert_eq!(archived, [true, true, false, false]);
}

#[test]
fn a_reader_of_the_archive_reads_a_copied_segment_once_and_refuses_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path(), a_segment_per_batch());
    for payload in ["1", "2", "3", "4"] {
        append(&mut journal, &[payload]);
    }
    journal.archive_covered(3).unwrap();
    let archived = files(&dir.path().join("archive"));
    let copy = dir.path().join("journal").join(archived[2].file_name().unwrap());
    fs::copy(&archived[2], copy).unwrap();
    assert_eq!(
        texts(Reader::open(dir.path(), 1, EVERYTHING).unwrap(), 1),
        ["1", "2", "3", "4"]
    );
    assert!(verify(dir.path()).unwrap().is_sound());

    fs::remove_file(&archived[1]).unwrap();
    let mut reader = Reader::open(dir.path(), 1, EVERYTHING).unwrap();
    assert_eq!(reader.next_entry().unwrap(), Some((1, &b"1"[..])));
    let error = reader.next_entry().unwrap_err();
    assert!(
        matches!(error, JournalError::MissingSegment { expected_seq: 2, .. }),
        "{error}"
    );
    assert_eq!(reader.next_entry().unwrap(), None);
}

#[test]
fn a_start_needs_every_entry_after_its_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path(), a_segment_per_batch());
    for payload in ["1", "2", "3", "4"] {
        append(&mut journal, &[payload]);
    }
    journal.archive_covered(2).unwrap();
    drop(journal);
    let (_, recovery) = open(dir.path(), one_segment());
    let not_kept = |result| matches!(result, Err(JournalError::NotKept { first_seq: 3, .. }));
    assert!(not_kept(recovery.check_snapshot(0)));
    assert!(not_kept(recovery.check_snapshot(1)));
    assert!(recovery.check_snapshot(2).is_ok());
    assert!(recovery.check_snapshot(4).is_ok());
    let ends_early = recovery.check_snapshot(5);
    assert!(matches!(
        ends_early,
        Err(JournalError::EndsEarly {
            wanted_seq: 5,
            last_seq: 4
        })
    ));
}

#[test]
fn the_archive_is_dropped_oldest_first_as_the_retention_says() {
    let table = [
        (Retention::Segments(9), 5, 0),
        (Retention::Segments(3), 5, 1),
        (Retention::Segments(0), 5, 4),
        (Retention::Bytes(u64::MAX), 5, 0),
        (Retention::Bytes(3 * 57), 5, 1),
        (Retention::Bytes(3 * 57 - 1), 5, 2),
        (Retention::Bytes(0), 5, 4),
        // What an older snapshot still needs is kept whatever the retention says.
        (Retention::Bytes(0), 2, 2),
        (Retention::Segments(0), 0, 0),
        (Retention::Segments(3), 1, 1),
    ];
    for (retention, up_to_seq, dropped) in table {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path(), a_segment_per_batch());
        for payload in ["1", "2", "3", "4", "5"] {
            append(&mut journal, &[payload]);
        }
        journal.archive_covered(5).unwrap();
        let report = journal.drop_archived(retention, up_to_seq).unwrap();
        assert_eq!(
            (report.segments, report.bytes),
            (dropped, dropped as u64 * 57),
            "{retention:?}"
        );
        let mut left = Vec::new();
        dump(dir.path(), 0, u64::MAX, |seq, _| {
            left.push(seq);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(
            left,
            (dropped as u64 + 1..=5).collect::<Vec<_>>(),
            "{retention:?}"
        );
    }
}

#[test]
fn an_empty_log_beside_an_archive_or_a_snapshot_is_refused_because_it_was_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path(), a_segment_per_batch());
    append(&mut journal, &["1"]);
    append(&mut journal, &["2"]);
    journal.archive_covered(1).unwrap();
    drop(journal);
    fs::remove_dir_all(dir.path().join("journal")).unwrap();
    let error = refused(dir.path(), one_segment());
    assert!(
        matches!(error, JournalError::MissingSegment { expected_seq: 2, .. }),
        "{error}"
    );

    Snapshots::new(dir.path()).write(2, b"state").unwrap();
    fs::remove_dir_all(dir.path().join("archive")).unwrap();
    let error = refused(dir.path(), one_segment());
    assert!(
        matches!(error, JournalError::MissingSegment { expected_seq: 3, .. }),
        "{error}"
    );

    // The way out that the README names: the log is lost for good, go on from the snapshot.
    fs::write(dir.path().join("journal/journal-00000000000000000003.log"), b"").unwrap();
    let (mut journal, recovery) = open(dir.path(), one_segment());
    recovery.check_snapshot(2).unwrap();
    assert_eq!(append(&mut journal, &["3"]), 3);
}

#[test]
fn dump_takes_a_range_and_stops_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path(), a_segment_per_batch());
    for payload in ["1", "2", "3", "4", "5"] {
        append(&mut journal, &[payload]);
    }
    journal.archive_covered(2).unwrap();
    for (from, to, stop_at, expected) in [
        (0, u64::MAX, 9, 1..=5),
        (2, 3, 9, 2..=3),
        (4, 9, 9, 4..=5),
        (1, 9, 2, 1..=2),
    ] {
        let mut seen = Vec::new();
        dump(dir.path(), from, to, |seq, payload| {
            assert_eq!(payload, seq.to_string().as_bytes());
            seen.push(seq);
            if seq == stop_at {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
        assert_eq!(seen, expected.collect::<Vec<_>>());
    }
}

#[test]
fn a_directory_without_a_log_verifies_as_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let report = verify(&dir.path().join("absent")).unwrap();
    assert!(report.segments.is_empty() && report.is_sound());
    assert!(files(dir.path()).is_empty());
}

#[test]
fn verify_works_beside_a_writer_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path(), one_segment());
    append(&mut journal, &["1"]);
    let report = verify(dir.path()).unwrap();
    assert_eq!(report.segments[0].state, SegmentState::Sound);
    assert_eq!(append(&mut journal, &["2"]), 2);
}

#[test]
fn a_second_handle_is_refused_until_the_first_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), one_segment());
    let error = refused(dir.path(), one_segment());
    assert!(
        matches!(&error, JournalError::Locked { path } if *path == dir.path().join("lock")),
        "{error}"
    );
    drop(first);
    open(dir.path(), one_segment());
}

/// Runs only as the second process of the test below.
#[test]
fn second_process() {
    if let Some(dir) = std::env::var_os("JOURNAL_LOCKED_DIR") {
        let error = refused(dir.as_ref(), one_segment());
        assert!(matches!(error, JournalError::Locked { .. }), "{error}");
        println!("{error}");
    }
}

#[test]
fn a_second_process_gets_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let _held = open(dir.path(), one_segment());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "second_process", "--nocapture"])
        .env("JOURNAL_LOCKED_DIR", dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("is locked: another process is using this directory"),
        "{said}"
    );
}
