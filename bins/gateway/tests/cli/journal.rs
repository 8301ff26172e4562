//! The journal of a gateway that is stopped: read, checked, damaged.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use serde_json::Value;

use crate::program::{Program, gateway, output, settings};
use crate::refusal;

#[test]
fn the_journal_of_a_stopped_gateway_is_sound_and_readable() {
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    let file = served.settings_file();
    assert!(served.stop());
    let config = ["--config", file.to_str().unwrap()];
    let (succeeded, out, errors) = output(gateway(&["journal", "verify"]).args(config));
    assert!(succeeded && out.contains("\"state\":\"sound\""), "{out}{errors}");
    let (succeeded, out, errors) = output(gateway(&["journal", "dump"]).args(config));
    assert!(succeeded, "{errors}");
    let records: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (index, record) in records.iter().enumerate() {
        assert_eq!(record["seq"], index as u64 + 1, "{record}");
        assert!(
            record["command"].is_object() || record["command"].is_string(),
            "{record}"
        );
    }
    let deposits = records
        .iter()
        .filter(|record| !record["command"]["transfer"].is_null());
    assert_eq!(
        deposits.count(),
        8,
        "the development deposits are not in the journal: {out}"
    );
    let (_, some, _) = output(gateway(&["journal", "dump", "--from", "2", "--to", "3"]).args(config));
    assert_eq!(
        some,
        out.lines()
            .skip(1)
            .take(2)
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    );
    // The directory can be named too, and a misspelt one is not sound.
    let data = dir.path().join("data");
    let (succeeded, ..) = output(&mut gateway(&["journal", "verify", data.to_str().unwrap()]));
    assert!(succeeded);
    for command in ["verify", "dump"] {
        let (succeeded, _, errors) = output(&mut gateway(&["journal", command, "/no/such/directory"]));
        assert!(
            !succeeded && errors.contains("there is no journal in /no/such/directory"),
            "{errors}"
        );
    }
}

#[test]
fn a_damaged_journal_is_told_of_and_refused() {
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    let ports = [served.public, served.websocket, served.admin];
    drop(served);
    let segments = std::fs::read_dir(dir.path().join("data/journal")).unwrap();
    let segment = segments
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "log"))
        .unwrap();
    let bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 3;
    let file = OpenOptions::new().write(true).open(&segment).unwrap();
    file.write_at(&[bytes[middle] ^ 1], middle as u64).unwrap();
    let name = segment.file_name().unwrap().to_str().unwrap();
    let config = ["--config", dir.path().join("settings.yaml").to_str().unwrap()].map(str::to_owned);
    let (succeeded, out, errors) = output(gateway(&["journal", "verify"]).args(&config));
    assert!(!succeeded, "{out}");
    assert!(
        errors.contains("the journal is damaged") && out.contains(name),
        "{out}{errors}"
    );
    let told = refusal(dir.path(), &settings(dir.path(), ports));
    assert!(told.contains(name) && told.contains("at byte"), "{told}");
    assert_eq!(
        std::fs::read(&segment).unwrap().len(),
        bytes.len(),
        "the refused start changed the segment"
    );
}
