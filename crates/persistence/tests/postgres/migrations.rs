//! Migrations on a server of their own: forwards, back and forwards again give the same schema.

use std::process::Command;

use persistence::postgres::migrate::{MIGRATIONS, MigrationError, down, status, up, up_by};
use persistence::postgres::{Connection, connect};
use secrecy::SecretString;
use testbed::{Options, Postgres};

use super::support::client;

/// How many steps back the roles go with: theirs and those behind it.
const WITH_ROLES: usize = 2;

async fn server() -> (Postgres, Connection) {
    let server = Postgres::start(Options::new()).await.unwrap();
    let connection = connect(&SecretString::from(server.url())).await.unwrap();
    (server, connection)
}

/// The schema as `pg_dump` writes it, without its remarks.
fn dump(server: &Postgres) -> String {
    let dumped = Command::new("pg_dump")
        .args(["--schema-only", "--exclude-table=__diesel_schema_migrations"])
        .arg(server.url())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&dumped.stderr);
    assert!(dumped.status.success(), "{errors}");
    let text = String::from_utf8(dumped.stdout).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("--") && !line.starts_with('\\') && !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_schema_goes_back_with_partitions_that_are_out_and_not_dropped_yet() {
    let (server, mut connection) = server().await;
    up(&mut connection).await.unwrap();
    let made = "SELECT make_partitions(now(), now() + interval '40 days')";
    let out = "DO $$
        DECLARE part RECORD;
        BEGIN
            FOR part IN SELECT i.inhparent::regclass AS parent, min(c.relname) AS name FROM pg_inherits i
                JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind = 'r'
                AND i.inhparent IN ('orders'::regclass, 'trades'::regclass) GROUP BY 1
            LOOP
                EXECUTE format('ALTER TABLE %s DETACH PARTITION %I', part.parent, part.name);
                INSERT INTO detached_partitions
                    VALUES (part.name, part.parent::text, '2020-01-01', '2020-01-02', now(), now());
            END LOOP;
        END $$";
    let client = client(&server.url()).await;
    client.batch_execute(made).await.unwrap();
    client.batch_execute(out).await.unwrap();
    let kept = client
        .query_one("SELECT count(*) FROM detached_partitions", &[])
        .await
        .unwrap();
    assert_eq!(kept.get::<_, i64>(0), 2, "one of each table");
    assert_eq!(down(&mut connection, 99).await.unwrap().len(), MIGRATIONS.len());
    let left =
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND relname <> '__diesel_schema_migrations'";
    let left = client.query_one(left, &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0, "no table stays");
}

#[tokio::test]
async fn every_migration_goes_up_down_and_up_to_the_same_schema() {
    let (server, mut connection) = server().await;
    let mut schemas = vec![dump(&server)];
    for migration in MIGRATIONS {
        assert_eq!(up_by(&mut connection, 1).await.unwrap(), [migration.name]);
        schemas.push(dump(&server));
    }
    assert!(schemas.windows(2).all(|pair| pair[0] != pair[1]));
    for (level, migration) in MIGRATIONS.iter().enumerate().rev() {
        assert_eq!(down(&mut connection, 1).await.unwrap(), [migration.name]);
        assert_eq!(dump(&server), schemas[level], "{migration:?} taken back");
        assert_eq!(up_by(&mut connection, 1).await.unwrap(), [migration.name]);
        assert_eq!(dump(&server), schemas[level + 1], "{migration:?} run again");
        assert_eq!(down(&mut connection, 1).await.unwrap(), [migration.name]);
    }
    assert_eq!(down(&mut connection, 1).await.unwrap(), [""; 0]);
    let names: Vec<&str> = MIGRATIONS.iter().map(|migration| migration.name).collect();
    assert_eq!(up(&mut connection).await.unwrap(), names);
    assert_eq!(up(&mut connection).await.unwrap(), [""; 0]);
    assert_eq!(Some(&dump(&server)), schemas.last());
    let status = status(&mut connection).await.unwrap();
    assert_eq!(status.applied.len(), names.len());
    assert!(status.pending.is_empty() && status.unknown.is_empty());
}

#[tokio::test]
async fn a_schema_with_rows_and_partitions_goes_back_too() {
    let (server, mut connection) = server().await;
    up(&mut connection).await.unwrap();
    let plain = client(&server.url()).await;
    plain
        .batch_execute(
            "SELECT make_partitions(now(), now());
             INSERT INTO orders (user_id, symbol, side, order_type, quantity, price)
                 VALUES (gen_random_uuid(), 'BTC/USDT', 'BUY', 'LIMIT', 1, 1);
             INSERT INTO audit_log VALUES (1, '', sha256('0'), sha256('1'))",
        )
        .await
        .unwrap();
    assert_eq!(
        down(&mut connection, usize::MAX).await.unwrap().len(),
        MIGRATIONS.len()
    );
    let left =
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')";
    let left: i64 = plain.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, 1, "the list of migrations itself");
}

#[tokio::test]
async fn many_programs_may_migrate_at_once() {
    let (server, mut one) = server().await;
    let url = SecretString::from(server.url());
    let (mut two, mut three) = (connect(&url).await.unwrap(), connect(&url).await.unwrap());
    let (one, two, three) = tokio::join!(up(&mut one), up(&mut two), up(&mut three));
    let mut run = [one.unwrap(), two.unwrap(), three.unwrap()].concat();
    run.sort_unstable();
    let names: Vec<&str> = MIGRATIONS.iter().map(|migration| migration.name).collect();
    assert_eq!(run, names, "each was run once");
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_and_is_named() {
    let (server, mut connection) = server().await;
    let plain = client(&server.url()).await;
    plain
        .batch_execute("CREATE TABLE reservations (x int)")
        .await
        .unwrap();
    let failed = up(&mut connection).await.unwrap_err();
    assert!(
        matches!(&failed, MigrationError::Failed { name, .. } if *name == "0003_wallet"),
        "{failed}"
    );
    assert!(failed.to_string().contains("already exists"), "{failed}");
    let half = status(&mut connection).await.unwrap();
    assert_eq!(half.applied.len(), 2);
    let wallets = "SELECT to_regclass('wallets') IS NULL";
    assert!(plain.query_one(wallets, &[]).await.unwrap().get::<_, bool>(0));
    plain.batch_execute("DROP TABLE reservations").await.unwrap();
    assert_eq!(up(&mut connection).await.unwrap().first(), Some(&"0003_wallet"));
}

#[tokio::test]
async fn a_step_of_a_later_program_is_not_taken_back() {
    let (server, mut connection) = server().await;
    up(&mut connection).await.unwrap();
    let plain = client(&server.url()).await;
    plain
        .batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')")
        .await
        .unwrap();
    let refused = down(&mut connection, 1).await.unwrap_err();
    assert!(
        matches!(&refused, MigrationError::Unknown(version) if version == "9999"),
        "{refused}"
    );
    let seen = status(&mut connection).await.unwrap();
    assert_eq!(seen.unknown, ["9999"]);
}

#[tokio::test]
async fn roles_go_with_the_last_database_that_uses_them_unless_somebody_logs_in_by_them() {
    let (server, mut connection) = server().await;
    let plain = client(&server.url()).await;
    plain.batch_execute("CREATE DATABASE other").await.unwrap();
    let url = server.url();
    let (address, _) = url.rsplit_once('/').unwrap();
    let mut other = connect(&SecretString::from(format!("{address}/other")))
        .await
        .unwrap();
    up(&mut connection).await.unwrap();
    up(&mut other).await.unwrap();
    plain
        .batch_execute("CREATE ROLE gateway_1 LOGIN IN ROLE trade_gateway")
        .await
        .unwrap();
    let roles = async || {
        let roles = "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'trade%' ORDER BY 1";
        let rows = plain.query(roles, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
    };
    let all = ["trade_auditor", "trade_gateway", "trade_matcher", "trade_wallet"];
    assert_eq!(roles().await, all);
    down(&mut connection, WITH_ROLES).await.unwrap();
    assert_eq!(roles().await, all, "the other database uses them");
    down(&mut other, WITH_ROLES).await.unwrap();
    assert_eq!(roles().await, ["trade_gateway"], "gateway_1 is a member of it");
}
