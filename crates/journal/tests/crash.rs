//! A process that is killed while it appends: what it said was durable is there at the next start.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use journal::{Options, verify};
use support::{append, entries, open};

fn options() -> Options {
    Options {
        segment_bytes: 4000,
        ..Options::default()
    }
}

/// Runs only as the process that is killed: appends for ever and prints each sequence that is durable.
#[test]
fn writer_process() {
    let Some(dir) = std::env::var_os("JOURNAL_CRASH_DIR") else {
        return;
    };
    let (mut journal, _) = open(dir.as_ref(), options());
    loop {
        let first = journal.last_seq() + 1;
        let texts: Vec<String> = (first..first + 1 + first % 7)
            .map(|seq| format!("entry {seq}"))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let durable = append(&mut journal, &texts);
        journal.archive_covered(durable.saturating_sub(500)).unwrap();
        writeln!(std::io::stdout(), "durable {durable}").unwrap();
    }
}

fn start(dir: &std::path::Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer_process", "--nocapture"])
        .env("JOURNAL_CRASH_DIR", dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn nothing_that_was_said_to_be_durable_is_lost_by_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut promised = 0;
    for lines_before_kill in [1, 5, 40, 17, 90, 3] {
        let mut child = start(dir.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut read = 0;
        while read < lines_before_kill {
            let line = lines.next().unwrap().unwrap();
            if let Some(seq) = line.strip_prefix("durable ") {
                promised = seq.parse().unwrap();
                read += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still said before it died counts too; its last line may be cut.
        for line in lines.map_while(Result::ok) {
            promised = line
                .strip_prefix("durable ")
                .and_then(|seq| seq.parse().ok())
                .unwrap_or(promised)
                .max(promised);
        }
        let (journal, recovery) = open(dir.path(), options());
        assert!(recovery.last_seq >= promised, "{recovery:?}, promised {promised}");
        let texts = entries(dir.path());
        let expected: Vec<String> = (journal.first_seq()..=journal.last_seq())
            .map(|seq| format!("entry {seq}"))
            .collect();
        assert_eq!(texts, expected);
        assert!(verify(dir.path()).unwrap().is_sound());
    }
}
