//! The program's commands around the database, and the script that looks whether the schema is right.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod program;

use std::path::Path;
use std::process::Command;

use program::{gateway, output};
use testbed::{Options, Postgres};

fn on(server: &Postgres, arguments: &[&str]) -> (bool, String, String) {
    output(gateway(arguments).env("DATABASE_URL", server.url()))
}

/// What a command says that must succeed.
fn told(server: &Postgres, arguments: &[&str]) -> String {
    let (succeeded, out, errors) = on(server, arguments);
    assert!(succeeded, "{arguments:?}: {errors}");
    out
}

fn verified(server: &Postgres) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/verify-database-schema.sh");
    let mut script = Command::new(script);
    let (succeeded, out, _) = output(script.env("DATABASE_URL", server.url()));
    (succeeded, out)
}

/// A statement by the client that operators have.
fn sql(server: &Postgres, statement: &str) {
    let ran = Command::new("psql")
        .args([
            "--no-psqlrc",
            "--quiet",
            "--set",
            "ON_ERROR_STOP=1",
            "--command",
            statement,
        ])
        .arg(server.url())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[tokio::test]
async fn a_database_goes_forward_and_back_by_the_program_and_the_script_sees_it() {
    let server = Postgres::start(Options::new()).await.unwrap();
    let before = told(&server, &["migrate", "status"]);
    assert!(before.lines().all(|line| line.ends_with(": pending")), "{before}");
    let (right, said) = verified(&server);
    assert!(!right && said.contains("table orders"), "{said}");

    let up = told(&server, &["migrate", "up"]);
    assert!(up.contains("0001_create_enums_and_base_tables was run"), "{up}");
    assert!(up.contains("partitions were made"), "{up}");
    let again = told(&server, &["migrate", "up"]);
    assert!(
        again.contains("0 partitions were made") && !again.contains("was run"),
        "{again}"
    );
    let after = told(&server, &["migrate", "status"]);
    assert!(after.lines().all(|line| line.contains(": applied ")), "{after}");
    let (right, said) = verified(&server);
    assert!(right, "{said}");
    assert!(
        said.contains("an order goes in and is found, and nothing of it stays"),
        "{said}"
    );

    let listed = told(&server, &["partitions", "list"]);
    assert!(
        listed.lines().count() > 20 && listed.contains("orders_2"),
        "{listed}"
    );
    assert!(told(&server, &["partitions", "make"]).starts_with("0 partitions"));
    assert_eq!(
        told(&server, &["partitions", "rotate"]),
        "nothing is old enough to go\n"
    );

    sql(&server, "DROP INDEX idx_trades_symbol_time");
    let (right, said) = verified(&server);
    assert!(
        !right && said.contains("✗ index idx_trades_symbol_time"),
        "{said}"
    );
    sql(
        &server,
        "CREATE INDEX idx_trades_symbol_time ON trades(symbol, executed_at DESC)",
    );

    let down = told(&server, &["migrate", "down", "--steps", "2"]);
    assert_eq!(down.lines().count(), 2, "{down}");
    let status = told(&server, &["migrate", "status"]);
    assert_eq!(status.matches(": pending").count(), 2, "{status}");
}

#[test]
fn outside_of_development_nobody_loses_data_by_a_slip() {
    let production = [
        ("TRADE_ENGINE_ENVIRONMENT", "production"),
        (
            "TRADE_ENGINE_AUTH__SECRET",
            "a-secret-of-forty-characters-for-testing",
        ),
        (
            "TRADE_ENGINE_AUTH__API_KEY_SECRET",
            "another-secret-of-forty-characters-or-so",
        ),
        ("DATABASE_URL", "postgres://me:secret@127.0.0.1:1/x"),
    ];
    let (succeeded, _, errors) = output(gateway(&["migrate", "down"]).envs(production));
    assert!(!succeeded && errors.contains("--lose-data"), "{errors}");
    // Who insists gets as far as the database, which is not there.
    let (succeeded, _, errors) = output(gateway(&["migrate", "down", "--lose-data"]).envs(production));
    assert!(
        !succeeded && errors.contains("no connection to PostgreSQL"),
        "{errors}"
    );
    assert!(!errors.contains("secret@"), "{errors}");
}
