//! The audit log of the distributed exchange: one chain in the database for all gateways.

use std::io;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use http::{AuditLine, AuditLog, AuditTable, NextLine};
use persistence::postgres::Pool;
use persistence::postgres::audit::{self, AppendError, AuditRow};

/// Lines that are read at once when the chain is checked.
const PAGE: u32 = 1_000;

/// The table of operators' acts.
pub(crate) struct AuditRows(pub(crate) Pool);

#[async_trait]
impl AuditTable for AuditRows {
    async fn append(&self, next: NextLine) -> io::Result<u64> {
        let line = move |number: u64, hash: [u8; 32]| -> io::Result<(Vec<u8>, [u8; 32])> {
            let AuditLine { seq: _, text, hash } = next(number, &hex(&hash))?;
            Ok((text.into_bytes(), bytes(&hash)?))
        };
        let pool = self.0.clone();
        // A client that hangs up does not stop it half-way.
        let appended = tokio::spawn(async move { audit::append(&pool, line).await });
        match appended.await {
            Ok(Ok(number)) => Ok(number),
            Ok(Err(AppendError::Line(error))) => Err(error),
            Ok(Err(AppendError::Database(error))) => Err(io::Error::other(error)),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

/// Checks the whole chain; how many lines it has.
///
/// # Errors
/// The first line that was altered, removed or moved, or the database does not answer.
pub(crate) async fn verify(pool: &Pool) -> anyhow::Result<u64> {
    let mut head = AuditLog::start();
    loop {
        let rows = audit::read(pool, head.0, PAGE).await.context("audit_log")?;
        if rows.is_empty() {
            return Ok(head.0);
        }
        for row in &rows {
            let AuditRow {
                number,
                line,
                previous,
                hash,
            } = row;
            let before = head.1.clone();
            head = AuditLog::verify_lines(head, [line.as_slice()])?;
            if *number != head.0 || hex(previous) != before || hex(hash) != head.1 {
                bail!("audit_log, number {number}: its place in the chain was altered");
            }
        }
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> io::Result<[u8; 32]> {
    let wrong = || io::Error::other("a hash has 64 hex digits");
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().enumerate() {
        let digits = hex.get(2 * place..2 * place + 2).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{AuditEntry, Credential};
    use persistence::postgres::{PoolOptions, connect};
    use serde_json::Value;
    use std::sync::Arc;
    use testbed::Database;
    use uuid::Uuid;

    fn entry(number: u128) -> AuditEntry {
        AuditEntry {
            at: "2026-01-01T00:00:00.000000Z".to_owned(),
            actor: Uuid::from_u128(number),
            credential: Credential::Token,
            address: None,
            action: "market.halt".into(),
            target: "BTC-EUR".to_owned(),
            before: Value::Null,
            after: Value::Null,
            outcome: "done".into(),
            request_id: number.to_string(),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn gateways_keep_one_chain_and_an_altered_row_is_named() {
        let database = Database::create().await.unwrap();
        let options = PoolOptions {
            url: database.url().into(),
            max_size: 4,
            wait: std::time::Duration::from_secs(60),
        };
        let pool = |_| Pool::new(&options).unwrap();
        let pools: Vec<Pool> = (0..2).map(pool).collect();
        let log = |pool: &Pool| Arc::new(AuditLog::shared(Arc::new(AuditRows(pool.clone()))));
        let logs: Vec<Arc<AuditLog>> = pools.iter().map(log).collect();
        let appends = (0..40_u128).map(|number| {
            let log = Arc::clone(&logs[usize::try_from(number % 2).unwrap()]);
            tokio::spawn(async move { log.append(entry(number)).await.unwrap() })
        });
        let mut numbers = Vec::new();
        for append in appends.collect::<Vec<_>>() {
            numbers.push(append.await.unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=40).collect::<Vec<u64>>());
        assert_eq!(verify(&pools[0]).await.unwrap(), 40);
        let mut root = connect(&database.url().into()).await.unwrap();
        let alter = async |root: &mut persistence::postgres::Connection, sql: &str| {
            use diesel_async::SimpleAsyncConnection as _;
            root.batch_execute(sql).await
        };
        assert!(
            alter(&mut root, "DELETE FROM audit_log WHERE number = 40")
                .await
                .is_err()
        );
        alter(&mut root, "ALTER TABLE audit_log DISABLE TRIGGER ALL")
            .await
            .unwrap();
        let change = "UPDATE audit_log SET line = convert_to(replace(convert_from(line, 'UTF8'), 'BTC', 'ETH'), 'UTF8') WHERE number = 17";
        alter(&mut root, change).await.unwrap();
        let fault = verify(&pools[0]).await.unwrap_err().to_string();
        assert!(fault.contains("entry 17") && fault.contains("altered"), "{fault}");
    }
}
