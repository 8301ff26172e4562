//! Property: whatever is appended, rotated, archived, torn and reopened, the log equals a plain vector.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;

use journal::{Journal, Options, dump, verify};
use proptest::collection::vec;
use proptest::prelude::*;
use support::{open, segments};

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Vec<u8>>),
    Reopen { segment_bytes: u64 },
    ReopenAfterTornWrite(Vec<u8>),
    Archive { percent: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => vec(vec(any::<u8>(), 0..40), 0..6).prop_map(Step::Append),
        1 => (0..400_u64).prop_map(|segment_bytes| Step::Reopen { segment_bytes }),
        1 => vec(any::<u8>(), 1..60).prop_map(Step::ReopenAfterTornWrite),
        1 => (0..=100_u64).prop_map(|percent| Step::Archive { percent }),
    ]
}

fn options(segment_bytes: u64) -> Options {
    Options {
        segment_bytes,
        ..Options::default()
    }
}

fn append(journal: &mut Journal, model: &mut Vec<Vec<u8>>, payloads: Vec<Vec<u8>>) {
    let mut batch = journal.new_batch();
    for payload in &payloads {
        batch.push(payload).unwrap();
    }
    model.extend(payloads);
    assert_eq!(journal.append(&batch).unwrap(), model.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_equals_a_vector(steps in vec(step(), 1..25)) {
        let dir = tempfile::tempdir().unwrap();
        let mut model: Vec<Vec<u8>> = Vec::new();
        let mut segment_bytes = 200;
        let (mut journal, _) = open(dir.path(), options(segment_bytes));
        for step in steps {
            match step {
                Step::Append(payloads) => append(&mut journal, &mut model, payloads),
                Step::Reopen { segment_bytes: changed } => {
                    segment_bytes = changed;
                    drop(journal);
                    let (reopened, recovery) = open(dir.path(), options(segment_bytes));
                    prop_assert_eq!(recovery.torn_tail, None);
                    journal = reopened;
                }
                Step::ReopenAfterTornWrite(garbage) => {
                    drop(journal);
                    let newest = segments(dir.path()).pop().unwrap();
                    fs::OpenOptions::new().append(true).open(newest).unwrap().write_all(&garbage).unwrap();
                    let (reopened, recovery) = open(dir.path(), options(segment_bytes));
                    prop_assert_eq!(recovery.torn_tail.unwrap().bytes, garbage.len() as u64);
                    journal = reopened;
                }
                Step::Archive { percent } => {
                    journal.archive_covered(model.len() as u64 * percent / 100).unwrap();
                }
            }
            prop_assert_eq!(journal.last_seq(), model.len() as u64);
        }
        let mut seen = Vec::new();
        dump(dir.path(), 0, u64::MAX, |seq, payload| {
            assert_eq!(seq, seen.len() as u64 + 1);
            seen.push(payload.to_vec());
            ControlFlow::Continue(())
        }).unwrap();
        prop_assert_eq!(&seen, &model);
        let first_seq = journal.first_seq();
        let in_use: Vec<Vec<u8>> = journal.read(first_seq).unwrap().map(|entry| entry.unwrap().1).collect();
        prop_assert_eq!(&in_use[..], &model[first_seq as usize - 1..]);
        prop_assert!(verify(dir.path()).unwrap().is_sound());
    }
}
