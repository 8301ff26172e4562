//! What these tests share: a database of one's own, seen through this crate and through a plain client.

use persistence::postgres::{Connection, connect};
use secrecy::SecretString;
use testbed::Database;
use tokio_postgres::{Client, NoTls};

/// A plain client.
pub async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A migrated database and a plain client of it.
pub async fn database() -> (Database, Client) {
    let database = Database::create().await.unwrap();
    let client = client(&database.url()).await;
    (database, client)
}

/// A connection of this crate.
pub async fn connection(database: &Database) -> Connection {
    connect(&SecretString::from(database.url())).await.unwrap()
}
