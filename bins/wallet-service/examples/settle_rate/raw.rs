//! What the server does of its own: commits of one row.

use std::time::Duration;

use anyhow::Result;
use runtime::Clock;
use testbed::Database;
use tokio::task::JoinSet;

/// Commits of one inserted row in a second.
pub async fn bare_commits(database: &Database, connections: usize) -> Result<f64> {
    let clock = Clock::System;
    let start = clock.monotonic();
    let time = Duration::from_secs(3);
    let mut running = JoinSet::new();
    for number in 0..connections {
        let (client, connection) = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        let clock = clock.clone();
        running.spawn(async move {
            let table = format!("bare_{connections}_{number}");
            client
                .batch_execute(&format!("CREATE TABLE {table} (number BIGINT)"))
                .await?;
            let insert = client
                .prepare(&format!("INSERT INTO {table} VALUES ($1)"))
                .await?;
            let mut done = 0_i64;
            while clock.monotonic() - start < time {
                client.execute(&insert, &[&done]).await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut total = 0;
    while let Some(done) = running.join_next().await {
        total += done??;
    }
    Ok(total as f64 / time.as_secs_f64())
}
