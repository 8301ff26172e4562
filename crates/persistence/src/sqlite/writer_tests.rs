//! The writer's connection and its users: a full disk, restarts, failures.

use domain::{EntryAccount, EntryType, LedgerEntry, Reference, UserId};

use super::*;
use crate::{EntryQuery, HistoryReader};

fn batch(first_seq: u64, lines: u32) -> HistoryBatch {
    let line = |line| LedgerEntry {
        seq: first_seq,
        line,
        account: EntryAccount::External,
        asset: "BTC".parse().unwrap(),
        available: 1,
        reserved: 0,
        entry_type: EntryType::Deposit,
        reference: Reference::Transfer("k".repeat(100).parse().unwrap()),
        at: Stamp::FIRST,
    };
    HistoryBatch {
        first_seq,
        last_seq: first_seq,
        at: Stamp::FIRST,
        orders: Vec::new(),
        trades: Vec::new(),
        entries: (0..lines).map(line).collect(),
    }
}

#[test]
fn a_full_disk_is_an_error_and_the_same_batches_can_be_written_later() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let mut writer = HistoryWriter::open(&path).unwrap();
    writer.write(&[batch(1, 1)]).unwrap();
    // The limit holds for this connection only: the next write opens another.
    let connection = &mut writer.open.as_mut().unwrap().connection;
    connection.batch_execute("PRAGMA max_page_count = 1").unwrap();
    let batches = [batch(2, 5), batch(3, 20_000)];
    let error = writer.write(&batches).unwrap_err();
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(writer.seq(), 1);
    writer.write(&batches).unwrap();
    assert_eq!(writer.seq(), 3);
    let mut connection = connection::reader(&path).unwrap();
    assert_eq!(schema::seq(&mut connection).unwrap(), 3);
}

/// A line of each of these users.
fn of_users(seq: u64, users: impl Iterator<Item = u128>) -> HistoryBatch {
    let mut written = batch(seq, 0);
    for (line, user) in (0..).zip(users) {
        let mut entry = batch(seq, 1).entries.remove(0);
        entry.line = line;
        entry.account = EntryAccount::User(UserId::from_u128(user));
        written.entries.push(entry);
    }
    written
}

fn lines(reader: &HistoryReader, user: u128) -> Vec<(u64, u32)> {
    let query = EntryQuery {
        user_id: UserId::from_u128(user),
        asset: None,
        before: None,
        limit: 10,
    };
    let entries = reader.entries(&query).unwrap();
    entries.iter().map(|entry| (entry.seq, entry.line)).collect()
}

fn numbers(path: &Path) -> (i64, i64) {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        users: i64,
        #[diesel(sql_type = BigInt)]
        last: i64,
    }
    let text = "SELECT count(*) AS users, max(number) AS last FROM users";
    let mut connection = connection::reader(path).unwrap();
    let row: Row = diesel::sql_query(text).get_result(&mut connection).unwrap();
    (row.users, row.last)
}

#[test]
fn users_keep_their_numbers_over_restarts_and_when_few_are_remembered() {
    const USERS: u64 = 70_000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    // Forwards and backwards: with 100 that are remembered nearly all are read again.
    for (seq, known_users) in [(1, 100), (2, 100), (3, KNOWN_USERS)] {
        let mut writer = HistoryWriter::with_known_users(&path, known_users).unwrap();
        let order = |user: u64| if seq == 2 { USERS - 1 - user } else { user };
        let users = (0..USERS).map(|user| u128::from(order(user)) << 64 | 5);
        writer.write(&[of_users(seq, users)]).unwrap();
        assert!(writer.open.unwrap().users.remembered() <= known_users);
    }
    // The first two numbers are those of no users.
    assert_eq!(numbers(&path), (70_000, 70_001));
    let reader = HistoryReader::open(&path, 1).unwrap();
    for user in [0, 1, 99, 100, 101, 65_535, 65_536, 69_999] {
        let expected = [(3, user), (2, 69_999 - user), (1, user)];
        assert_eq!(lines(&reader, u128::from(user) << 64 | 5), expected);
    }
    assert_eq!(lines(&reader, 70_000 << 64 | 5), []);
}

#[test]
fn numbers_of_a_transaction_that_failed_are_given_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let mut writer = HistoryWriter::open(&path).unwrap();
    let mut twice = of_users(1, 1..5);
    twice.entries.push(twice.entries[0].clone());
    assert!(writer.write(&[twice]).is_err());
    writer.write(&[of_users(1, [9, 3].into_iter())]).unwrap();
    assert_eq!(numbers(&path), (2, 3));
    let reader = HistoryReader::open(&path, 1).unwrap();
    for (user, expected) in [(9, vec![(1, 0)]), (3, vec![(1, 1)]), (1, vec![]), (4, vec![])] {
        assert_eq!(lines(&reader, user), expected, "{user}");
    }
}
