//! Connections and pools: their limits, what sessions are told, and what is said of a server that is not fit.

use std::time::Duration;

use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use persistence::postgres::{
    Connection, NotFit, PgError, Pool, PoolOptions, check_server, clock_difference, connect,
    connect_directly, prepared,
};
use runtime::settings::DatabaseSettings;
use runtime::{Clock, ManualClock};
use secrecy::SecretString;
use testbed::Database;

use super::support::{connection, database};

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = Text)]
    value: String,
}

async fn said(connection: &mut Connection, setting: &str) -> String {
    let query = sql_query("SELECT current_setting($1) AS value").bind::<Text, _>(setting);
    let said: Said = query.get_result(connection).await.unwrap();
    said.value
}

fn settings(database: &Database) -> DatabaseSettings {
    DatabaseSettings {
        url: Some(SecretString::from(database.url())),
        max_open_conns: 2,
        max_idle_conns: 1,
        pool_timeout: Duration::from_millis(200),
        statement_timeout: Duration::from_millis(2_500),
        ..DatabaseSettings::default()
    }
}

#[tokio::test]
async fn a_session_is_told_its_limits_and_its_program() {
    let (database, _) = database().await;
    let pool = Pool::of(&settings(&database), "gateway").unwrap();
    let mut pooled = pool.get().await.unwrap();
    let mut direct = connect_directly(&settings(&database), "gateway").await.unwrap();
    for connection in [&mut *pooled, &mut direct] {
        for (setting, expected) in [
            ("application_name", "gateway"),
            ("statement_timeout", "2500ms"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "10s"),
            ("TimeZone", "UTC"),
        ] {
            assert_eq!(said(connection, setting).await, expected, "{setting}");
        }
        let slow = sql_query("SELECT pg_sleep(60)").execute(connection).await;
        assert!(matches!(slow.map_err(PgError::from), Err(PgError::Refused(_))));
    }
}

#[tokio::test]
async fn behind_a_pooler_nothing_is_sent_that_it_would_not_pass_on() {
    let (database, _) = database().await;
    let pooled = DatabaseSettings {
        transaction_pooling: true,
        direct_url: Some(SecretString::from(database.url())),
        ..settings(&database)
    };
    let pool = Pool::of(&pooled, "gateway").unwrap();
    let mut through = pool.get().await.unwrap();
    assert_eq!(said(&mut through, "lock_timeout").await, "0");
    let mut past = connect_directly(&pooled, "matcher").await.unwrap();
    assert_eq!(said(&mut past, "lock_timeout").await, "5s");
}

#[tokio::test]
async fn a_pool_has_a_limit_and_says_how_full_it_is() {
    let (database, _) = database().await;
    let pool = Pool::of(&settings(&database), "gateway").unwrap();
    assert_eq!(pool.figures().open, 0);
    let (one, two) = (pool.get().await.unwrap(), pool.get().await.unwrap());
    let full = pool.figures();
    assert_eq!((full.max, full.open, full.idle), (2, 2, 0));
    let refused = pool.get().await.map(|_| ()).unwrap_err();
    assert!(matches!(refused, PgError::NoConnection(_)), "{refused}");
    drop((one, two));
    assert_eq!(pool.figures().idle, 2);
    assert!(pool.ping(&Clock::System).await.unwrap() < Duration::from_secs(60));
}

#[tokio::test]
async fn a_broken_or_an_old_connection_is_replaced() {
    let (database, client) = database().await;
    let pool = Pool::of(&settings(&database), "gateway").unwrap();
    let pid = async |pool: &Pool| {
        let mut connection = pool.get().await.unwrap();
        let query = sql_query("SELECT pg_backend_pid()::text AS value");
        let said: Said = query.get_result(&mut connection).await.unwrap();
        said.value
    };
    let first = pid(&pool).await;
    assert_eq!(pid(&pool).await, first);
    client
        .batch_execute(&format!("SELECT pg_terminate_backend({first})"))
        .await
        .unwrap();
    let mut replaced = false;
    for _ in 0..500 {
        // Until the news of its end has come, the connection looks whole.
        let mut connection = pool.get().await.unwrap();
        let query = sql_query("SELECT pg_backend_pid()::text AS value");
        match query.get_result::<Said>(&mut connection).await {
            Ok(said) => {
                replaced = said.value != first;
                break;
            }
            Err(error) => assert!(matches!(PgError::from(error), PgError::Unknown(_))),
        }
    }
    assert!(replaced);

    let short = DatabaseSettings {
        conn_max_lifetime: Duration::from_millis(1),
        ..settings(&database)
    };
    let pool = Pool::of(&short, "gateway").unwrap();
    let first = pid(&pool).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_ne!(pid(&pool).await, first);
}

#[test]
fn a_pool_goes_on_where_it_was_made_whoever_asked_it_first() {
    let home = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (_database, pool) = home.block_on(async {
        let (database, _) = database().await;
        let pool = Pool::of(&settings(&database), "gateway").unwrap();
        (database, pool)
    });
    for _ in 0..2 {
        // As the workers of a web server: each has a runtime of its own, which ends.
        let worker = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        worker.block_on(async { pool.ping(&Clock::System).await.unwrap() });
    }
    assert_eq!(pool.figures().open, 1);
}

#[tokio::test]
async fn nobody_there_is_said_in_time_and_without_the_password() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap();
    for (address, expected) in [
        ("127.0.0.1:1".to_owned(), "refused"),
        (format!("{silent}"), "not within 1 s"),
    ] {
        let url = SecretString::from(format!("postgres://me:secret@{address}/x?connect_timeout=1"));
        let pool = Pool::new(&PoolOptions {
            url: url.clone(),
            max_size: 1,
            wait: Duration::from_secs(30),
        });
        let pooled = pool.unwrap().get().await.map(|_| ()).unwrap_err().to_string();
        let single = connect(&url).await.map(|_| ()).unwrap_err().to_string();
        for why in [pooled, single] {
            assert!(why.contains(expected) && !why.contains("secret"), "{why}");
        }
    }
}

#[tokio::test]
async fn a_statement_is_prepared_once() {
    let (database, _) = database().await;
    let mut connection = connection(&database).await;
    let ask = |word: &'static str| prepared(sql_query("SELECT 'once ' || $1 AS value").bind::<Text, _>(word));
    for word in ["a", "b", "c"] {
        let said: Said = ask(word).get_result(&mut connection).await.unwrap();
        assert_eq!(said.value, format!("once {word}"));
    }
    let kept = sql_query(
        "SELECT count(*)::text AS value FROM pg_prepared_statements WHERE statement LIKE 'SELECT ''once%'",
    );
    let kept: Said = kept.get_result(&mut connection).await.unwrap();
    assert_eq!(kept.value, "1");
}

#[tokio::test]
async fn the_clocks_are_compared() {
    let (database, _) = database().await;
    let mut connection = connection(&database).await;
    let same = clock_difference(&mut connection, &Clock::System).await.unwrap();
    assert!(!same.exceeds(Duration::from_secs(60)), "{same:?}");
    let clock = Clock::from(ManualClock::at(Clock::System.wall_us() - 90_000_000));
    let late = clock_difference(&mut connection, &clock).await.unwrap();
    assert!(late.micros > 80_000_000 && late.uncertainty == 0, "{late:?}");
    assert!(late.exceeds(Duration::from_secs(1)));
}

#[tokio::test]
async fn a_server_that_would_lose_what_it_committed_is_refused() {
    let (database, client) = database().await;
    let fit = connect_directly(&settings(&database), "gateway").await;
    // The copy of a database that was made without the tool lacks its list of migrations.
    let refused = check_server(&mut fit.unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("the schema lacks 0001"), "{refused}");
    client
        .batch_execute(
            "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY, run_on TIMESTAMP DEFAULT now());
             INSERT INTO __diesel_schema_migrations SELECT lpad(n::text, 4, '0') FROM generate_series(1, 99) AS n",
        )
        .await
        .unwrap();
    let mut fit = connect_directly(&settings(&database), "gateway").await.unwrap();
    let server = check_server(&mut fit).await.unwrap();
    assert!(server.version >= 140_000 && server.connections > 0);
    assert!(server.warnings[0].contains("a later program's"), "{server:?}");

    let database_name = database.url().rsplit('/').next().unwrap().to_owned();
    client
        .batch_execute(&format!(
            "ALTER DATABASE {database_name} SET synchronous_commit = off;
             ALTER DATABASE {database_name} SET default_transaction_read_only = on"
        ))
        .await
        .unwrap();
    let mut unfit = connection(&database).await;
    let Err(NotFit::Wrong(wrong)) = check_server(&mut unfit).await else {
        panic!("it was taken for fit");
    };
    let all = wrong.join("\n");
    for word in [
        "synchronous_commit is off",
        "takes no writes",
        "statement_timeout is 0",
    ] {
        assert!(all.contains(word), "{all}");
    }
    unfit.batch_execute("SELECT 1").await.unwrap();
}
