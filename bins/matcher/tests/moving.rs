//! `matcher move` as an operator uses it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Command;

use persistence::postgres::{connect, migrate};
use testbed::Database;
use tokio_postgres::NoTls;

/// What the command says, and whether it has done it.
fn moves(database: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_matcher"));
    command.env_clear().current_dir(std::env::temp_dir());
    command.env("TRADE_ENGINE_MODE", "distributed");
    command.env("TRADE_ENGINE_DATABASE__URL", database);
    command.env("TRADE_ENGINE_DISTRIBUTED__SHARDS", "4");
    // Nobody is there, and nothing depends on that.
    command.env("TRADE_ENGINE_RABBITMQ__URL", "amqp://guest:guest@127.0.0.1:1/");
    let output = command.arg("move").args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    (output.status.success(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_moves_and_what_cannot_be_done_is_said() {
    let database = Database::create().await.unwrap();
    let url = database.url();
    let (sql, driver) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(driver);
    // Migrated as operators do it, so that the program finds its list of migrations.
    let empty = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
    sql.batch_execute(empty).await.unwrap();
    let mut connection = connect(&url.clone().into()).await.unwrap();
    migrate::up(&mut connection).await.unwrap();
    let market = "INSERT INTO shards (shard) VALUES (0), (1);
        INSERT INTO markets VALUES ('BTC/USDT', 1, '\\x01', 0.01, 0.00001);
        INSERT INTO market_state (symbol, shard) VALUES ('BTC/USDT', 0);";
    sql.batch_execute(market).await.unwrap();
    for (arguments, says) in [
        (
            ["--market", "BTC-USDT", "--to", "99"],
            "there is no shard 99: distributed.shards is 4",
        ),
        (["--market", "NO-SUCH", "--to", "1"], "there is no market NO/SUCH"),
        (
            ["--market", "BTC-USDT", "--to", "0"],
            "the market lives in shard 0 already",
        ),
    ] {
        let (done, said) = moves(&url, &arguments);
        assert!(!done && said.contains(says), "{arguments:?}: {said}");
    }
    let (done, said) = moves(&url, &["--market", "BTC-USDT", "--to", "1"]);
    assert!(done, "{said}");
    assert!(
        said.contains("BTC/USDT lives in shard 1 now, not in 0 any more"),
        "{said}"
    );
    assert!(said.contains("RabbitMQ does not answer"), "{said}");
    let home = sql
        .query_one("SELECT shard FROM market_state", &[])
        .await
        .unwrap();
    assert_eq!(home.get::<_, i32>(0), 1);
}
