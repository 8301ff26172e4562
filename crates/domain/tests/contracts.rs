//! Contracts: how commands, events and money instructions look as JSON and in the log. A change of a file under
//! `golden` is a change of a contract. `UPDATE_GOLDEN=1 cargo test -p domain --test contracts` writes them anew.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod samples;
mod venue;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::PathBuf;

use domain::{Command, Event, MarketEvent, MoneyInstruction};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value under its name.
type Named<T> = (&'static str, T);

fn golden(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(file)
}

/// Compares a text with its golden file, or writes the file when asked to.
fn compare(file: &str, text: &str) {
    let path = golden(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text, written,
        "{file} is a contract; UPDATE_GOLDEN=1 writes it anew"
    );
}

/// Compares each value's JSON, reads it back, and does the same with its bytes in the log.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(folder: &str, values: &[Named<T>]) {
    let mut lines = String::new();
    let mut names = BTreeSet::new();
    for (name, value) in values {
        assert!(names.insert(*name), "{name} appears twice");
        let json = serde_json::to_string_pretty(value).unwrap() + "\n";
        compare(&format!("{folder}/{name}.json"), &json);
        assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value, "{name}");

        let bytes = postcard::to_allocvec(value).unwrap();
        assert_eq!(&postcard::from_bytes::<T>(&bytes).unwrap(), value, "{name}");
        for length in 0..bytes.len() {
            let cut = postcard::from_bytes::<T>(&bytes[..length]);
            assert!(cut.is_err(), "{name} cut to {length} bytes reads as {cut:?}");
        }
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        lines += &format!("{name} {hex}\n");
    }
    compare(&format!("{folder}/log-bytes.txt"), &lines);
    check_no_strangers(folder, &names);
}

/// No golden file stands for a value that is not checked any more.
fn check_no_strangers(folder: &str, names: &BTreeSet<&str>) {
    for entry in fs::read_dir(golden(folder)).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let known = file
            .strip_suffix(".json")
            .is_some_and(|name| names.contains(name));
        assert!(known || file == "log-bytes.txt", "{folder}/{file} has no value");
    }
}

/// Every kind has a value: a new kind does not compile here until it is named.
fn check_kinds<T>(values: &[Named<T>], kind: fn(&T) -> usize, kinds: usize) {
    let seen: BTreeSet<usize> = values.iter().map(|(_, value)| kind(value)).collect();
    assert_eq!(seen, (0..kinds).collect());
}

#[test]
fn commands_keep_their_form() {
    let commands = samples::commands();
    check_kinds(
        &commands,
        |command| match command {
            Command::DefineMarket(_) => 0,
            Command::SetMarketState(_) => 1,
            Command::Place(_) => 2,
            Command::Cancel(_) => 3,
            Command::Amend(_) => 4,
            Command::CancelAll(_) => 5,
            Command::Transfer(_) => 6,
            Command::Tick => 7,
            Command::CancelAllAfter(_) => 8,
            Command::OpenSession(_) => 9,
            Command::CloseSession(_) => 10,
            Command::DefineTier(_) => 11,
            Command::SetAccountTier(_) => 12,
            Command::AddApiKey(_) => 13,
            Command::RevokeApiKey(_) => 14,
        },
        15,
    );
    check("commands", &commands);
}

#[test]
fn events_keep_their_form() {
    let events = samples::events();
    check_kinds(
        &events,
        |MarketEvent { event, .. }| match event {
            Event::MarketDefined(_) => 0,
            Event::MarketStateChanged(_) => 1,
            Event::OrderAccepted(_) => 2,
            Event::OrderTriggered { .. } => 3,
            Event::Trade(_) => 4,
            Event::OrderPrevented { .. } => 5,
            Event::OrderAmended(_) => 6,
            Event::OrderClosed(_) => 7,
            Event::Level { .. } => 8,
        },
        9,
    );
    check("events", &events);
}

#[test]
fn money_instructions_keep_their_form() {
    let instructions = samples::money();
    check_kinds(
        &instructions,
        |instruction| match instruction {
            MoneyInstruction::Reserve(_) => 0,
            MoneyInstruction::Settle(_) => 1,
            MoneyInstruction::Release(_) => 2,
            MoneyInstruction::Merge(_) => 3,
        },
        4,
    );
    check("money", &instructions);
}
