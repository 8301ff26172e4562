//! The audit log: who changed what, as lines of JSON that are chained by their hashes and synced one by one.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::Credential;
use crate::audit_chain::{self, AuditFault, HASH_FIELD, LINE_BYTES, sha256_hex};

/// How many entries may wait to be written.
const QUEUE: usize = 1_024;
/// How deep into the JSON of an entry is looked for secrets; what lies deeper is left out.
const DEPTH: usize = 16;
/// Parts of the names of fields whose values are left out.
const SECRET_NAMES: [&str; 5] = ["secret", "token", "signature", "password", "authorization"];

/// What was done.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// When, as RFC 3339 with microseconds.
    pub at: String,
    /// The user who did it.
    pub actor: Uuid,
    /// What the user was known by.
    pub credential: Credential,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// What was asked for, such as `market.halt`.
    pub action: Cow<'static, str>,
    /// What it was asked for, such as `BTC-EUR`.
    pub target: String,
    /// How it was before.
    pub before: Value,
    /// How it is now.
    pub after: Value,
    /// What came of it, such as `done` or the code of a problem.
    pub outcome: Cow<'static, str>,
    /// The request.
    pub request_id: String,
}

/// A line of the log, apart from its own hash.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) seq: u64,
    at: String,
    actor: Uuid,
    credential: String,
    address: Option<IpAddr>,
    action: String,
    target: String,
    before: Value,
    after: Value,
    outcome: String,
    request_id: String,
    pub(crate) prev: String,
}

/// Where the chain goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// How many lines there are: the `seq` of the last one.
    pub(crate) seq: u64,
    /// The hash of the last line, zeros where there is none.
    pub(crate) hash: String,
}

struct Job {
    entry: Box<AuditEntry>,
    done: oneshot::Sender<io::Result<u64>>,
}

/// A line for whoever keeps the log elsewhere than in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// Its number, from 1.
    pub seq: u64,
    /// Its text, without an end of line.
    pub text: String,
    /// The hash of its text, which the next line names, in 64 hex digits.
    pub hash: String,
}

/// Makes the line that follows this number and hash (0 and 64 zeros before the first).
pub type NextLine = Box<dyn Fn(u64, &str) -> io::Result<AuditLine> + Send + Sync>;

/// Keeps the lines of all gateways in one chain.
#[async_trait]
pub trait AuditTable: Send + Sync {
    /// Appends the line that `next` makes of the last line's number and hash; over all gateways one after the other. Its
    /// number once it is durable.
    async fn append(&self, next: NextLine) -> io::Result<u64>;
}

/// The audit log. In a file, one thread writes it; appending waits without holding up a worker.
pub struct AuditLog {
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    table: Option<Arc<dyn AuditTable>>,
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditLog")
            .field("in_a_table", &self.table.is_some())
            .finish_non_exhaustive()
    }
}

impl AuditLog {
    /// Opens the log, or makes it. A last line that was cut off in the middle is moved to a file beside it, and the chain
    /// goes on after the line before.
    ///
    /// Only the last lines are looked at: the whole chain is [`AuditLog::verify`]'s.
    ///
    /// # Errors
    /// The file cannot be used, another process writes it, or its last lines are damaged otherwise.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let (file, head) = audit_chain::open(path.as_ref())?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || Writer { file, head }.run(queue))?;
        Ok(Self {
            jobs: Some(jobs),
            writer: Some(writer),
            table: None,
        })
    }

    /// The log that all gateways keep together in this table.
    pub fn shared(table: Arc<dyn AuditTable>) -> Self {
        Self {
            jobs: None,
            writer: None,
            table: Some(table),
        }
    }

    /// Appends an entry; its `seq` once the line is on the disk. Waits while 1,024 others do.
    ///
    /// Values of fields that are named like secrets are left out.
    ///
    /// # Errors
    /// The entry is too large (`InvalidInput`), or it could not be written. After a failed write the log takes nothing more
    /// until it is opened again, as nobody knows what of the line is on the disk.
    pub async fn append(&self, entry: AuditEntry) -> io::Result<u64> {
        if let Some(table) = &self.table {
            let next = move |seq: u64, hash: &str| audit_line(entry.clone(), seq + 1, hash);
            return table.append(Box::new(next)).await;
        }
        let (done, written) = oneshot::channel();
        let job = Job {
            entry: Box::new(entry),
            done,
        };
        let gone = || io::Error::other("the audit log's writer has ended");
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job).await.map_err(|_| gone())?;
        written.await.map_err(|_| gone())?
    }

    /// Checks the whole chain of a log; how many lines it has. Reads the file: not for a worker.
    ///
    /// Lines that were cut off the end leave a shorter chain that is good: compare the count with one that was noted.
    ///
    /// # Errors
    /// The first line that was altered, removed or moved.
    pub fn verify(path: impl AsRef<Path>) -> Result<u64, AuditFault> {
        audit_chain::verify(path.as_ref())
    }

    /// Goes on checking a chain of lines that come from a table: the number and hash after them. Begin with
    /// [`AuditLog::start`].
    ///
    /// # Errors
    /// The first line that was altered, removed or moved.
    pub fn verify_lines<'a>(
        from: (u64, String),
        lines: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(u64, String), AuditFault> {
        let head = Head {
            seq: from.0,
            hash: from.1,
        };
        let head = audit_chain::follow(head, lines)?;
        Ok((head.seq, head.hash))
    }

    /// The number and hash before the first line.
    pub fn start() -> (u64, String) {
        let Head { seq, hash } = Head::start();
        (seq, hash)
    }
}

impl Drop for AuditLog {
    /// Waits until what was taken is written.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the audit log's writer has panicked");
        }
    }
}

struct Writer {
    file: File,
    head: Head,
}

impl Writer {
    fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut broken = false;
        while let Some(job) = queue.blocking_recv() {
            let result = if broken {
                Err(io::Error::other("an earlier write to the audit log failed"))
            } else {
                self.write(*job.entry)
            };
            if let Err(error) = &result
                && error.kind() != io::ErrorKind::InvalidInput
                && !broken
            {
                broken = true;
                tracing::error!(%error, "the audit log cannot be written");
            }
            // Who asked may have gone; the line stays.
            let _ = job.done.send(result);
        }
    }

    fn write(&mut self, entry: AuditEntry) -> io::Result<u64> {
        let AuditLine { seq, text, hash } = audit_line(entry, self.head.seq + 1, &self.head.hash)?;
        self.file.write_all(format!("{text}\n").as_bytes())?;
        self.file.sync_data()?;
        self.head = Head { seq, hash };
        Ok(seq)
    }
}

/// The line of an entry.
fn audit_line(entry: AuditEntry, seq: u64, prev: &str) -> io::Result<AuditLine> {
    let text = line_of(entry, seq, prev)?;
    if text.len() > LINE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the audit entry is too large",
        ));
    }
    let hash = sha256_hex(text.as_bytes());
    Ok(AuditLine { seq, text, hash })
}

/// The text of a line: the entry, then `prev`, then the hash of all that stands before it.
fn line_of(entry: AuditEntry, seq: u64, prev: &str) -> io::Result<String> {
    let line = Line {
        seq,
        at: entry.at,
        actor: entry.actor,
        credential: entry.credential.to_string(),
        address: entry.address,
        action: entry.action.into_owned(),
        target: entry.target,
        before: without_secrets(entry.before, DEPTH),
        after: without_secrets(entry.after, DEPTH),
        outcome: entry.outcome.into_owned(),
        request_id: entry.request_id,
        prev: prev.to_owned(),
    };
    let mut text = serde_json::to_string(&line)?;
    // The hash takes the place of the closing brace.
    text.pop();
    let hash = sha256_hex(text.as_bytes());
    text.push_str(HASH_FIELD);
    text.push_str(&hash);
    text.push_str("\"}");
    Ok(text)
}

fn without_secrets(value: Value, depth: usize) -> Value {
    if depth == 0 {
        return Value::from("[left out]");
    }
    match value {
        Value::Array(items) => items
            .into_iter()
            .map(|item| without_secrets(item, depth - 1))
            .collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let plain = name.to_ascii_lowercase();
                let secret = SECRET_NAMES.iter().any(|part| plain.contains(part));
                let value = if secret {
                    Value::from("[left out]")
                } else {
                    without_secrets(value, depth - 1)
                };
                (name, value)
            })
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry() -> AuditEntry {
        AuditEntry {
            at: "2026-01-01T00:00:00.000000Z".to_owned(),
            actor: Uuid::from_u128(7),
            credential: Credential::Token,
            address: None,
            action: "market.halt".into(),
            target: "BTC-EUR".to_owned(),
            before: Value::Null,
            after: Value::Null,
            outcome: "done".into(),
            request_id: "r-1".to_owned(),
        }
    }

    #[tokio::test]
    async fn after_a_write_that_failed_nothing_more_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        std::fs::write(&path, "").unwrap();
        // A file that is open for reading only stands for a disk that fails.
        let file = File::open(&path).unwrap();
        let (_, head) = audit_chain::open(&folder.path().join("other.log")).unwrap();
        let (jobs, queue) = mpsc::channel(QUEUE);
        let writer = std::thread::spawn(move || Writer { file, head }.run(queue));
        let log = AuditLog {
            jobs: Some(jobs),
            writer: Some(writer),
            table: None,
        };
        let first = log.append(entry()).await.unwrap_err();
        let second = log.append(entry()).await.unwrap_err();
        assert_ne!(first.to_string(), second.to_string());
        assert!(second.to_string().contains("earlier write"), "{second}");
    }

    #[test]
    fn values_of_fields_named_like_secrets_are_left_out() {
        let value = json!({
            "id": "k1", "secret": "x", "API_Secret": {"a": 1}, "list": [{"access_token": "y", "n": 1}],
            "X-API-Signature": "z"
        });
        assert_eq!(
            without_secrets(value, DEPTH),
            json!({
                "id": "k1", "secret": "[left out]", "API_Secret": "[left out]",
                "list": [{"access_token": "[left out]", "n": 1}], "X-API-Signature": "[left out]"
            })
        );
        let deep = (0..100).fold(json!("secret"), |inner, _| json!([inner]));
        assert!(!without_secrets(deep, DEPTH).to_string().contains("secret"));
    }
}
