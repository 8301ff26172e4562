//! The audit log: its chain shows what was changed in it, and it survives being cut off.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use edge_http::{AuditDamage, AuditEntry, AuditLog, Credential, KeyId};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

fn entry(target: &str) -> AuditEntry {
    AuditEntry {
        at: "2026-01-01T00:00:00.000001Z".to_owned(),
        actor: Uuid::from_u128(7),
        credential: Credential::ApiKey(KeyId::new("key-1").unwrap()),
        address: Some("10.0.0.1".parse().unwrap()),
        action: "market.halt".into(),
        target: target.to_owned(),
        before: json!({"status": "OPEN"}),
        after: json!({"status": "HALTED", "api_secret": "hunter2"}),
        outcome: "done".into(),
        request_id: format!("r-{target}"),
    }
}

fn sha256(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder with a log of so many entries.
async fn log_of(entries: usize) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let log = AuditLog::open(&path).unwrap();
    for number in 1..=entries {
        assert_eq!(
            log.append(entry(&format!("M{number}"))).await.unwrap(),
            number as u64
        );
    }
    (folder, path)
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn beside(path: &Path) -> Vec<Vec<u8>> {
    let mut files: Vec<_> = std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|file| file != path)
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

#[tokio::test]
async fn a_line_says_who_did_what_and_names_the_line_before() {
    let (_folder, path) = log_of(2).await;
    let lines = lines(&path);
    let first: Value = serde_json::from_str(&lines[0]).unwrap();
    let hash = first["hash"].as_str().unwrap().to_owned();
    let start = "0".repeat(64);
    assert_eq!(
        first,
        json!({
            "seq": 1, "at": "2026-01-01T00:00:00.000001Z", "actor": Uuid::from_u128(7), "credential": "key:key-1",
            "address": "10.0.0.1", "action": "market.halt", "target": "M1", "before": {"status": "OPEN"},
            "after": {"status": "HALTED", "api_secret": "[left out]"}, "outcome": "done", "request_id": "r-M1",
            "prev": start, "hash": hash
        })
    );
    let hashed = lines[0].split(",\"hash\":").next().unwrap();
    assert_eq!(hash, sha256(hashed.as_bytes()));
    let second: Value = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!(second["prev"], sha256(lines[0].as_bytes()));
    assert_eq!(AuditLog::verify(&path), Ok(2));
}

#[tokio::test]
async fn entries_from_many_tasks_make_one_chain() {
    let (_folder, path) = log_of(0).await;
    assert_eq!(AuditLog::verify(&path), Ok(0));
    let log = Arc::new(AuditLog::open(&path).unwrap());
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let log = Arc::clone(&log);
            tokio::spawn(async move { log.append(entry(&number.to_string())).await.unwrap() })
        })
        .collect();
    let mut seqs = Vec::new();
    for task in tasks {
        seqs.push(task.await.unwrap());
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=100).collect::<Vec<u64>>());
    assert_eq!(AuditLog::verify(&path), Ok(100));
}

#[tokio::test]
async fn the_chain_goes_on_after_a_restart_and_has_one_writer() {
    let (_folder, path) = log_of(3).await;
    let log = AuditLog::open(&path).unwrap();
    assert!(AuditLog::open(&path).is_err(), "a second writer");
    assert_eq!(log.append(entry("M4")).await.unwrap(), 4);
    drop(log);
    assert_eq!(
        AuditLog::open(&path).unwrap().append(entry("M5")).await.unwrap(),
        5
    );
    assert_eq!(AuditLog::verify(&path), Ok(5));
    assert!(beside(&path).is_empty());
}

#[tokio::test]
async fn an_entry_that_is_too_large_is_refused_and_the_next_one_taken() {
    let (_folder, path) = log_of(1).await;
    let log = AuditLog::open(&path).unwrap();
    let error = log.append(entry(&"x".repeat(70_000))).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert_eq!(log.append(entry(&"x".repeat(30_000))).await.unwrap(), 2);
    assert_eq!(log.append(entry("M3")).await.unwrap(), 3);
    drop(log);
    assert_eq!(
        AuditLog::open(&path).unwrap().append(entry("M4")).await.unwrap(),
        4
    );
    assert_eq!(AuditLog::verify(&path), Ok(4));
}

#[tokio::test]
async fn a_last_line_cut_anywhere_is_moved_aside_and_the_chain_goes_on() {
    let (_folder, path) = log_of(3).await;
    let whole = std::fs::read(&path).unwrap();
    let second_ends = whole.len() - lines(&path)[2].len() - 1;
    for cut in [
        second_ends + 1,
        second_ends + 2,
        second_ends + 100,
        whole.len() - 2,
        whole.len() - 1,
    ] {
        let (_folder, path) = log_of(0).await;
        std::fs::write(&path, &whole[..cut]).unwrap();
        let log = AuditLog::open(&path).unwrap();
        assert_eq!(
            std::fs::read(&path).unwrap(),
            &whole[..second_ends],
            "cut at {cut}"
        );
        assert_eq!(beside(&path), [whole[second_ends..cut].to_vec()], "cut at {cut}");
        assert_eq!(log.append(entry("again")).await.unwrap(), 3);
        assert_eq!(AuditLog::verify(&path), Ok(3), "cut at {cut}");
    }
}

#[tokio::test]
async fn what_is_no_json_at_the_end_is_moved_aside() {
    let (_folder, path) = log_of(2).await;
    let whole = std::fs::read(&path).unwrap();
    for garbage in [
        &b"{\"seq\":3,\n"[..],
        &[0; 500],
        b"\n",
        b"garbage\nand more",
        b"{}\n",
    ] {
        let (_folder, path) = log_of(0).await;
        std::fs::write(&path, [&whole, garbage].concat()).unwrap();
        let log = AuditLog::open(&path).unwrap();
        assert_eq!(beside(&path), [garbage.to_vec()]);
        assert_eq!(log.append(entry("M3")).await.unwrap(), 3);
        assert_eq!(AuditLog::verify(&path), Ok(3));
    }
    let (_folder, path) = log_of(0).await;
    std::fs::write(&path, "{\"seq\":1").unwrap();
    assert_eq!(
        AuditLog::open(&path).unwrap().append(entry("M1")).await.unwrap(),
        1
    );
}

#[tokio::test]
async fn two_torn_lines_at_one_place_are_both_kept() {
    let (_folder, path) = log_of(1).await;
    let good = std::fs::read(&path).unwrap();
    for torn in [&b"first"[..], b"second"] {
        std::fs::write(&path, [&good, torn].concat()).unwrap();
        drop(AuditLog::open(&path).unwrap());
    }
    assert_eq!(beside(&path), [b"first".to_vec(), b"second".to_vec()]);
}

#[tokio::test]
async fn damage_that_no_crash_makes_keeps_the_log_shut() {
    let (_folder, path) = log_of(3).await;
    let whole = lines(&path);
    for (what, text) in [
        (
            "an altered last line",
            [&whole[0], &whole[1], &whole[2].replace("M3", "M9")]
                .map(|line| format!("{line}\n"))
                .concat(),
        ),
        ("two broken lines", format!("{}\nx\ny\n", whole[0])),
    ] {
        std::fs::write(&path, &text).unwrap();
        let error = AuditLog::open(&path).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{what}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "{what}");
    }
}

/// The line with another target, and a hash of its own that fits.
fn forged(line: &str) -> String {
    let hashed = line.split(",\"hash\":").next().unwrap().replace("OPEN", "SHUT");
    format!("{hashed},\"hash\":\"{}\"}}", sha256(hashed.as_bytes()))
}

#[tokio::test]
async fn the_first_line_that_is_not_as_it_was_written_is_named() {
    let (_folder, path) = log_of(5).await;
    let good = lines(&path);
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = good.clone();
        change(&mut lines);
        lines
    };
    for (what, lines, line, damage) in [
        (
            "a value altered",
            changed(&|lines| lines[1] = lines[1].replace("M2", "M7")),
            2,
            AuditDamage::Altered,
        ),
        (
            "the last value altered",
            changed(&|lines| lines[4] = lines[4].replace("M5", "M7")),
            5,
            AuditDamage::Altered,
        ),
        (
            "an actor altered",
            changed(&|lines| lines[0] = lines[0].replace("000000000007", "000000000008")),
            1,
            AuditDamage::Altered,
        ),
        (
            "a space added",
            changed(&|lines| lines[2].insert(1, ' ')),
            3,
            AuditDamage::Altered,
        ),
        (
            "altered with a new hash",
            changed(&|lines| lines[1] = forged(&lines[1])),
            3,
            AuditDamage::NotChained,
        ),
        (
            "removed",
            changed(&|lines| drop(lines.remove(2))),
            3,
            AuditDamage::OutOfPlace,
        ),
        (
            "the first one removed",
            changed(&|lines| drop(lines.remove(0))),
            1,
            AuditDamage::OutOfPlace,
        ),
        (
            "two swapped",
            changed(&|lines| lines.swap(1, 3)),
            2,
            AuditDamage::OutOfPlace,
        ),
        (
            "one repeated",
            changed(&|lines| lines.insert(2, lines[1].clone())),
            3,
            AuditDamage::OutOfPlace,
        ),
        (
            "an empty line",
            changed(&|lines| lines.insert(1, String::new())),
            2,
            AuditDamage::NoEntry,
        ),
        (
            "a half line",
            changed(&|lines| lines[3].truncate(50)),
            4,
            AuditDamage::NoEntry,
        ),
        (
            "no entry",
            changed(&|lines| lines[3] = "{}".to_owned()),
            4,
            AuditDamage::NoEntry,
        ),
        (
            "a long line",
            changed(&|lines| lines[3] = "x".repeat(200_000)),
            4,
            AuditDamage::NoEntry,
        ),
    ] {
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        let fault = AuditLog::verify(&path).unwrap_err();
        assert_eq!(
            (fault.line, fault.seq, fault.what),
            (line, line, damage),
            "{what}"
        );
    }
    std::fs::write(&path, good.join("\n")).unwrap();
    assert_eq!(
        AuditLog::verify(&path).unwrap_err().line,
        5,
        "no newline at the end"
    );
    std::fs::write(&path, good.join("\n") + "\n").unwrap();
    assert_eq!(AuditLog::verify(&path), Ok(5));
    std::fs::remove_file(&path).unwrap();
    let fault = AuditLog::verify(&path).unwrap_err();
    assert_eq!(fault.line, 0);
    assert!(
        fault
            .to_string()
            .starts_with("audit log, line 0, where entry 1 belongs: cannot be read")
    );
}
