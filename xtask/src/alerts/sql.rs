//! What is asked of the exchange's database, and done to it, as its owner.

use anyhow::{Context, Result, ensure};
use testbed::Exchange;
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

/// One row is changed.
///
/// # Errors
/// It is not.
pub async fn change(exchange: &Exchange, statement: &str, values: &[&(dyn ToSql + Sync)]) -> Result<()> {
    let (client, driver) = session(exchange).await?;
    let changed = client.execute(statement, values).await?;
    ensure!(changed == 1, "{changed} rows instead of one");
    drop(client);
    Ok(driver.await??)
}

/// Any statements, whatever they change.
///
/// # Errors
/// One is refused.
pub async fn batch(exchange: &Exchange, statements: &str) -> Result<()> {
    let (client, driver) = session(exchange).await?;
    client.batch_execute(statements).await?;
    drop(client);
    Ok(driver.await??)
}

/// The one text that is looked for.
///
/// # Errors
/// There is none, or several.
pub async fn found(exchange: &Exchange, question: &str) -> Result<String> {
    let (client, driver) = session(exchange).await?;
    let row = client.query_one(question, &[]).await.context("one row")?;
    drop(client);
    driver.await??;
    Ok(row.try_get(0)?)
}

/// A session, and what carries it.
///
/// # Errors
/// The database does not answer.
pub async fn session(exchange: &Exchange) -> Result<(Client, JoinHandle<Result<(), tokio_postgres::Error>>)> {
    let (client, connection) = tokio_postgres::connect(exchange.postgres_url(), NoTls).await?;
    Ok((client, tokio::spawn(connection)))
}
