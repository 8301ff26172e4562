//! What the tests of the log share: write entries, read them back, look at the files.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};

use journal::{Journal, JournalError, Options, ReadOptions, Reader, Recovery};

/// Where a segment's batches begin.
pub const FILE_HEADER_BYTES: usize = 24;

/// Segments so large that none is ever closed.
pub fn one_segment() -> Options {
    Options::default()
}

/// Segments that hold one batch each.
pub fn a_segment_per_batch() -> Options {
    Options {
        segment_bytes: 1,
        ..Options::default()
    }
}

pub fn open(dir: &Path, options: Options) -> (Journal, Recovery) {
    Journal::open(dir, options).unwrap()
}

/// Opens, expecting a refusal.
pub fn refused(dir: &Path, options: Options) -> JournalError {
    match Journal::open(dir, options) {
        Ok((_, recovery)) => panic!("accepted: {recovery:?}"),
        Err(error) => error,
    }
}

pub fn append(journal: &mut Journal, payloads: &[&str]) -> u64 {
    let mut batch = journal.new_batch();
    for payload in payloads {
        batch.push(payload.as_bytes()).unwrap();
    }
    journal.append(&batch).unwrap()
}

/// All entries in the log, without the archive; checks that the sequences have no gap.
pub fn entries(dir: &Path) -> Vec<String> {
    texts(
        Reader::open(dir, first_seq(dir), ReadOptions::default()).unwrap(),
        first_seq(dir),
    )
}

/// The entries of a reader that starts at `first_seq`.
pub fn texts(reader: Reader, first_seq: u64) -> Vec<String> {
    let mut texts = Vec::new();
    for (entry, expected_seq) in reader.zip(first_seq..) {
        let (seq, payload) = entry.unwrap();
        assert_eq!(seq, expected_seq);
        texts.push(String::from_utf8(payload).unwrap());
    }
    texts
}

fn first_seq(dir: &Path) -> u64 {
    let name = segments(dir)[0].file_stem().unwrap().to_str().unwrap().to_owned();
    name.strip_prefix("journal-").unwrap().parse().unwrap()
}

/// The segment files, oldest first, without the archive.
pub fn segments(dir: &Path) -> Vec<PathBuf> {
    files(&dir.join("journal"))
}

pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// A log with these batches, and the byte offsets in its one segment where each begins and the last ends.
pub fn written(dir: &Path, batches: &[&[&str]]) -> (PathBuf, Vec<usize>) {
    let (mut journal, _) = open(dir, one_segment());
    let path = segments(dir)[0].clone();
    let length = |path: &Path| fs::metadata(path).unwrap().len() as usize;
    let mut offsets = vec![length(&path)];
    for payloads in batches {
        append(&mut journal, payloads);
        offsets.push(length(&path));
    }
    (path, offsets)
}
