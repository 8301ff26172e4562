//! The writer and its file: repeats, gaps, clashes, crashes, and files that are not ours.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use domain::{EntryAccount, OrderRef};
use persistence::{EntryQuery, HistoryBatch, HistoryError, HistoryReader, HistoryWriter};
use support::{batch, entry, order, user, with_orders, writer};

fn lines(path: &Path) -> Vec<u64> {
    let query = EntryQuery {
        user_id: user(1),
        asset: None,
        before: None,
        limit: 1_000_000,
    };
    let entries = HistoryReader::open(path, 1).unwrap().entries(&query).unwrap();
    entries.iter().rev().map(|entry| entry.seq).collect()
}

/// A line for each record.
fn records(first_seq: u64, last_seq: u64) -> HistoryBatch {
    let line = |seq| entry(seq, 0, EntryAccount::User(user(1)));
    HistoryBatch {
        entries: (first_seq..=last_seq).map(line).collect(),
        ..batch(first_seq, last_seq)
    }
}

fn sql(path: &Path, text: &str) {
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, SqliteConnection};
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.batch_execute(text).unwrap();
}

#[test]
fn batches_follow_one_another_and_repeats_are_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let mut writer = writer(&path);
    assert_eq!(writer.seq(), 0);
    writer.write(&[]).unwrap();
    writer.write(&[records(1, 3), records(4, 4)]).unwrap();
    writer
        .write(&[records(1, 3), records(4, 4), records(5, 6)])
        .unwrap();
    assert_eq!(writer.seq(), 6);
    for (batches, gap) in [
        (vec![records(8, 9)], true),
        (vec![records(7, 7), records(9, 9)], true),
        (vec![records(6, 7)], false),
        (vec![records(1, 9)], false),
        (vec![batch(9, 7)], true),
        (vec![batch(7, 6)], false),
    ] {
        let error = writer.write(&batches).unwrap_err();
        match error {
            HistoryError::Gap { .. } => assert!(gap, "{error}"),
            HistoryError::Overlap { .. } => assert!(!gap, "{error}"),
            other => panic!("{other}"),
        }
        assert_eq!(writer.seq(), 6);
    }
    writer.write(&[records(7, 7)]).unwrap();
    assert_eq!(lines(&path), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_key_that_is_there_already_is_an_error_and_nothing_of_the_transaction_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let mut writer = writer(&path);
    let first = order(1, user(1));
    writer.write(&[with_orders(1, vec![first.clone()])]).unwrap();
    let clash = vec![order(2, user(1)), first];
    let error = writer.write(&[records(2, 2), with_orders(3, clash)]).unwrap_err();
    assert!(matches!(error, HistoryError::Sqlite(_)), "{error}");
    assert!(error.to_string().contains("UNIQUE"), "{error}");
    assert_eq!((writer.seq(), lines(&path)), (1, vec![]));
    let reader = HistoryReader::open(&path, 1).unwrap();
    let second = OrderRef::Id(order(2, user(1)).order_id);
    assert_eq!(reader.order(user(1), &second).unwrap(), None);
    let mut twice = records(2, 2);
    twice.entries.push(entry(2, 0, EntryAccount::User(user(1))));
    assert!(writer.write(&[twice]).is_err());
    writer.write(&[records(2, 2)]).unwrap();
    assert_eq!((writer.seq(), lines(&path)), (2, vec![2]));
}

#[test]
fn a_writer_that_is_never_closed_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    for start in [1, 11, 21] {
        let mut writer = writer(&path);
        assert_eq!(writer.seq(), start - 1);
        writer.write(&[records(start, start + 9)]).unwrap();
        std::mem::forget(writer);
    }
    assert_eq!(lines(&path), (1..=30).collect::<Vec<_>>());
}

/// Runs only as the process that is killed: writes for ever and says after each transaction what is in history.
#[test]
fn writing_process() {
    let Some(path) = std::env::var_os("HISTORY_CRASH_FILE") else {
        return;
    };
    let mut writer = writer(path.as_ref());
    loop {
        let seq = writer.seq();
        writer
            .write(&[records(seq + 1, seq + 5), records(seq + 6, seq + 40)])
            .unwrap();
        writeln!(std::io::stdout(), "written {}", writer.seq()).unwrap();
    }
}

#[test]
fn after_a_kill_the_offset_and_the_rows_agree() {
    use std::io::{BufRead, BufReader};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    for transactions in [1, 7, 30] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writing_process", "--nocapture"])
            .env("HISTORY_CRASH_FILE", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = said.filter_map(|line| line.unwrap().strip_prefix("written ")?.parse::<u64>().ok());
        let promised = said.take(transactions).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let seq = HistoryWriter::open(&path).unwrap().seq();
        assert!(seq >= promised, "{seq} is behind {promised}");
        assert_eq!(lines(&path), (1..=seq).collect::<Vec<_>>());
    }
}

#[test]
fn a_later_programs_file_is_refused_by_its_version() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    writer(&path).write(&[records(1, 1)]).unwrap();
    sql(&path, "UPDATE projection SET schema_version = 7");
    for error in [
        HistoryWriter::open(&path).unwrap_err(),
        HistoryReader::open(&path, 1).unwrap_err(),
    ] {
        assert!(matches!(
            error,
            HistoryError::NewerSchema {
                found: 7,
                known: 1,
                ..
            }
        ));
        assert!(error.to_string().contains("schema version 7"), "{error}");
    }
}

#[test]
fn what_is_no_history_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text.db");
    std::fs::write(&text, "not a database, however long it is\n".repeat(200)).unwrap();
    let error = HistoryWriter::open(&text).unwrap_err();
    assert!(matches!(error, HistoryError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("delete it"), "{error}");

    let other = dir.path().join("other.db");
    sql(&other, "CREATE TABLE songs (name TEXT)");
    let error = HistoryWriter::open(&other).unwrap_err();
    assert!(matches!(error, HistoryError::Schema { .. }), "{error}");

    let missing = dir.path().join("missing/history.db");
    for error in [
        HistoryWriter::open(&missing).unwrap_err(),
        HistoryReader::open(&missing, 1).unwrap_err(),
        HistoryReader::open(&dir.path().join("none.db"), 1).unwrap_err(),
        HistoryWriter::open(Path::new("a\0b")).unwrap_err(),
    ] {
        assert!(matches!(error, HistoryError::Open { .. }), "{error}");
    }
    assert!(!dir.path().join("none.db").exists(), "a reader makes no file");
}

#[test]
fn any_file_name_is_taken_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a b?mode=memory#c%41.db", ":memory:", "file:x", "\u{e9}.db"] {
        let path = dir.path().join(name);
        writer(&path).write(&[records(1, 1)]).unwrap();
        assert!(path.exists(), "{name}");
        assert_eq!(lines(&path), [1], "{name}");
    }
}

#[test]
fn a_malformed_row_is_an_error_that_names_table_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let order = order(1, user(1));
    writer(&path)
        .write(&[with_orders(1, vec![order.clone()])])
        .unwrap();
    let reader = HistoryReader::open(&path, 1).unwrap();
    for (column, value) in [
        ("side", "2"),
        ("price", "0"),
        ("price", "NULL"),
        ("status", "99"),
        ("reason", "'none'"),
        ("time_in_force", "4"),
        ("maker_fee", "-1"),
        ("created_at", "-1"),
        ("client_order_id", "'two words'"),
    ] {
        sql(&path, "CREATE TABLE kept AS SELECT * FROM orders");
        sql(&path, &format!("UPDATE orders SET {column} = {value}"));
        let error = reader.order(user(1), &OrderRef::Id(order.order_id)).unwrap_err();
        let found = match error {
            HistoryError::Malformed { table, column } => (table, column),
            other => panic!("{other}"),
        };
        assert_eq!(found, ("orders", column));
        sql(
            &path,
            "DELETE FROM orders; INSERT INTO orders SELECT * FROM kept; DROP TABLE kept",
        );
    }
    assert!(
        reader
            .order(user(1), &OrderRef::Id(order.order_id))
            .unwrap()
            .is_some()
    );
}

#[test]
fn many_readers_share_one_connection() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let mut writer = writer(&path);
    writer.write(&[records(1, 5)]).unwrap();
    let reader = HistoryReader::open(&path, 0).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let reader = reader.clone();
            scope.spawn(move || {
                for _ in 0..50 {
                    assert!(reader.seq().unwrap() >= 5);
                }
            });
        }
        for seq in 6..30 {
            writer.write(&[records(seq, seq)]).unwrap();
        }
    });
    assert_eq!(reader.seq().unwrap(), 29);
}
