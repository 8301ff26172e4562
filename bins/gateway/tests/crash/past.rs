//! A log that is nearly a segment long already, so that new segments and the archive come soon.

use std::path::Path;

use domain::{Amount, Command, Stamp, Transfer, TransferKind, UserId};
use exchange::{LogBody, LogEntry};
use journal::{Journal, Options};

/// Somebody who deposits, and of whom nobody hears again.
const USER: UserId = UserId::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0d00);
/// How much of a segment is written.
const BYTES: usize = 900_000;
/// How many records one batch has.
const BATCH: u32 = 500;

/// Writes deposits into an empty data directory, as the gateway would have logged them.
pub fn write(data: &Path) {
    let (mut journal, _) = Journal::open(data, Options::default()).unwrap();
    let mut batch = journal.new_batch();
    let (mut number, mut bytes) = (0, 0);
    while bytes < BYTES {
        for _ in 0..BATCH {
            number += 1;
            let record = deposit(number);
            bytes += record.len();
            batch.push(&record).unwrap();
        }
        journal.append(&batch).unwrap();
        batch.clear();
    }
}

fn deposit(number: u32) -> Vec<u8> {
    let name = format!("past:{number}:");
    let transfer = Transfer {
        kind: TransferKind::Deposit,
        key: format!("{name:x<100}").parse().unwrap(),
        user_id: USER,
        asset: "XRP".parse().unwrap(),
        amount: Amount(1),
    };
    let entry = LogEntry {
        rules: engine::RULES_VERSION,
        at: Stamp::from_micros(runtime::Clock::System.wall_us()),
        body: LogBody::Command(Command::Transfer(transfer)),
    };
    let mut record = Vec::new();
    entry.encode(&mut record).unwrap();
    record
}
