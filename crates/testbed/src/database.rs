//! A database of one test's own, migrated, and dropped at its end.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio_postgres::{Client, NoTls};

/// The server, unless `TEST_POSTGRES_URL` names another.
const SERVER: &str = "postgres://postgres@127.0.0.1:5432/postgres";
/// Only one process at a time makes the template.
const LOCK: i64 = 0x0074_7261_6465;
/// How long the end of a database may take.
const PATIENCE: Duration = Duration::from_secs(30);
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A migrated database with partitions for some days; dropped with this value.
#[derive(Debug)]
pub struct Database {
    name: String,
    server: String,
}

impl Database {
    /// Makes one, from a template that is made of `migrations/postgres` when it is first needed.
    ///
    /// # Errors
    /// There is no server, or a migration fails.
    pub async fn create() -> Result<Self> {
        let server = std::env::var("TEST_POSTGRES_URL").unwrap_or_else(|_| SERVER.to_owned());
        Self::create_on(&server).await
    }

    /// Makes one on this server.
    ///
    /// # Errors
    /// There is no server, or a migration fails.
    pub async fn create_on(server: &str) -> Result<Self> {
        let client = connect(server).await?;
        let template = template(server, &client).await?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("te_test_{}_{number}", std::process::id());
        client
            .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .await?;
        client
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .await
            .with_context(|| format!("a copy of {template}"))?;
        Ok(Self {
            name,
            server: server.to_owned(),
        })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        url_of(&self.server, &self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // A test's runtime may be the one that ends: the drop has its own.
        let dropping = std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let gone = async {
                let client = connect(&server).await?;
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                anyhow::Ok(client.batch_execute(&drop).await?)
            };
            // The server may be frozen.
            runtime.block_on(async { tokio::time::timeout(PATIENCE, gone).await })?
        });
        // What is left over is dropped by the next process of the same number.
        let _ = dropping.join();
    }
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .with_context(|| format!("PostgreSQL at {url} (set TEST_POSTGRES_URL for another)"))?;
    tokio::spawn(connection);
    Ok(client)
}

/// The same server, another database.
fn url_of(server: &str, name: &str) -> String {
    let (address, _) = server.rsplit_once('/').unwrap_or((server, ""));
    format!("{address}/{name}")
}

/// The numbered folders of migrations in their order, each with its `up.sql`.
fn migrations() -> Result<Vec<String>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    folders.sort();
    let ups = folders.iter().map(|folder| folder.join("up.sql"));
    ups.filter(|path| path.exists())
        .map(|path| std::fs::read_to_string(&path).with_context(|| path.display().to_string()))
        .collect()
}

async fn template(server: &str, client: &Client) -> Result<String> {
    let ups = migrations()?;
    let mut hasher = DefaultHasher::new();
    // A new one each week, so that its partitions reach far enough.
    let week: i64 = client
        .query_one(
            "SELECT extract(epoch FROM now())::bigint / (7 * 24 * 60 * 60)",
            &[],
        )
        .await?
        .get(0);
    (&ups, PARTITIONS, week).hash(&mut hasher);
    let name = format!("te_template_{:016x}", hasher.finish());
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    let made = make_template(server, client, &name, &ups).await;
    client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await?;
    made.map(|()| name)
}

/// Some cases let days pass.
const PARTITIONS: &str = "SELECT make_partitions(now() - interval '2 days', now() + interval '40 days')";

async fn make_template(server: &str, client: &Client, name: &str, ups: &[String]) -> Result<()> {
    let known = client
        .query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name])
        .await?;
    if known.is_some() {
        return Ok(());
    }
    let draft = format!("{name}_draft");
    client
        .batch_execute(&format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)"))
        .await?;
    client.batch_execute(&format!("CREATE DATABASE {draft}")).await?;
    let inside = connect(&url_of(server, &draft)).await?;
    for up in ups {
        inside.batch_execute(up).await?;
    }
    inside.batch_execute(PARTITIONS).await?;
    drop(inside);
    client
        .batch_execute(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{draft}'"
        ))
        .await?;
    client
        .batch_execute(&format!("ALTER DATABASE {draft} RENAME TO {name}"))
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_database_is_migrated_and_its_own() {
        let (one, two) = (
            Database::create().await.unwrap(),
            Database::create().await.unwrap(),
        );
        assert_ne!(one.url(), two.url());
        let client = connect(&one.url()).await.unwrap();
        client
            .batch_execute("INSERT INTO shards (shard) VALUES (0)")
            .await
            .unwrap();
        let other = connect(&two.url()).await.unwrap();
        let rows = other.query("SELECT shard FROM shards", &[]).await.unwrap();
        assert!(rows.is_empty());
        let gone = one.url();
        drop(client);
        drop(one);
        assert!(connect(&gone).await.is_err());
    }
}
