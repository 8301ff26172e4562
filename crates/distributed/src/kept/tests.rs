//! Keeping what nobody can read in a real database: which message gets a row, and what is told of those without one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use messaging::DecodeError;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use persistence::postgres::PoolOptions;
use runtime::Clock;
use runtime::settings::LoggingSettings;
use testbed::Database;
use tokio_postgres::{Client, NoTls};

use super::*;

#[test]
fn of_one_second_one_message_is_kept() {
    let (pace, now) = (Pace::default(), Instant::now());
    assert!(pace.is_turn(now));
    assert!(pace.is_turn(now), "until it is stored, it is its turn");
    pace.taken(now);
    assert!(!pace.is_turn(now + ONE_IN / 2));
    assert!(pace.is_turn(now + ONE_IN));
}

fn message(key: &str, error: &str, body: &[u8]) -> Unreadable {
    Unreadable {
        queue: "q".to_owned(),
        exchange: "x".to_owned(),
        key: key.to_owned(),
        error: DecodeError::Body(error.to_owned()),
        body: body.to_vec().into(),
    }
}

fn keeper(url: &str) -> KeepUndecodable {
    let options = PoolOptions {
        url: url.to_owned().into(),
        max_size: 1,
        wait: Duration::from_secs(10),
    };
    KeepUndecodable::new(Pool::new(&options).unwrap(), Ids::new(Clock::System))
}

async fn database() -> (Database, Client) {
    let database = Database::create().await.unwrap();
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    (database, client)
}

/// Source, error and body of what was kept.
async fn rows(client: &Client) -> Vec<(String, String, Vec<u8>)> {
    let rows = client
        .query("SELECT source, error, body FROM undecodable ORDER BY id", &[])
        .await
        .unwrap();
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect()
}

/// What is logged and counted on this thread while it lives.
#[derive(Clone, Default)]
struct Told {
    lines: Arc<Mutex<Vec<u8>>>,
    counted: Arc<AtomicU64>,
}

impl Told {
    fn lines(&self) -> String {
        String::from_utf8(self.lines.lock().unwrap().clone()).unwrap()
    }

    fn counted(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }
}

impl io::Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Recorder for Told {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match key.name() {
            "undecodable_messages_total" => Counter::from_arc(Arc::clone(&self.counted)),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Hears what is logged and counted by this thread, until the guards go.
fn hear(told: &Told) -> (tracing::subscriber::DefaultGuard, metrics::LocalRecorderGuard<'_>) {
    let lines = told.clone();
    let (subscriber, _) =
        runtime::telemetry::subscriber(&LoggingSettings::default(), move || lines.clone()).unwrap();
    (
        tracing::subscriber::set_default(subscriber),
        metrics::set_default_local_recorder(told),
    )
}

#[tokio::test]
async fn a_character_that_postgresql_does_not_take_keeps_no_message_out() {
    let (database, client) = database().await;
    let keeper = keeper(&database.url());
    let rubbish = message("shard\0.0", "no \0 here", b"\0body\0");
    keeper.keep(&rubbish).await.unwrap();
    let kept = rows(&client).await;
    let [(source, error, body)] = &kept[..] else {
        panic!("{kept:?}");
    };
    assert_eq!(source, "queue q, exchange x, key shard?.0");
    assert_eq!(*error, rubbish.error.to_string().replace('\0', "?"));
    assert!(error.contains("no ? here"), "{error}");
    assert_eq!(body, b"\0body\0", "bytes are kept as they came");
}

#[tokio::test]
async fn of_what_is_too_long_the_beginning_is_kept() {
    let (database, client) = database().await;
    let (key, body) = ("ü".repeat(300), vec![7; BODY_BYTES + 1]);
    keeper(&database.url())
        .keep(&message(&key, "long", &body))
        .await
        .unwrap();
    let (source, _, kept) = rows(&client).await.remove(0);
    assert_eq!(source.chars().count(), SOURCE_CHARS);
    assert!(source.starts_with("queue q, exchange x, key üü"), "{source}");
    assert_eq!(kept, vec![7; BODY_BYTES]);
}

#[tokio::test]
async fn what_the_database_refuses_is_told_and_counted_and_holds_nobody_up() {
    let (database, client) = database().await;
    let refuse = "ALTER TABLE undecodable ADD CONSTRAINT no_cursed CHECK (source NOT LIKE '%cursed%')";
    client.batch_execute(refuse).await.unwrap();
    let (keeper, told) = (keeper(&database.url()), Told::default());
    let _hearing = hear(&told);
    keeper.keep(&message("cursed", "e", b"1")).await.unwrap();
    assert!(rows(&client).await.is_empty());
    let lines = told.lines();
    for word in ["ERROR", "is not kept either", "no_cursed", "\"q\""] {
        assert!(lines.contains(word), "{word}: {lines}");
    }
    assert_eq!(told.counted(), 1);
    // It has not used the second up in which another may be kept.
    keeper.keep(&message("blessed", "e", b"2")).await.unwrap();
    assert_eq!(rows(&client).await[0].2, b"2");
    // Until the next one's turn all are counted and none is kept.
    keeper.pace.taken(Instant::now() + Duration::from_secs(3_600));
    keeper.keep(&message("blessed", "e", b"3")).await.unwrap();
    assert_eq!((rows(&client).await.len(), told.counted()), (1, 3));
}

#[tokio::test]
async fn while_the_database_is_away_a_message_is_neither_let_go_nor_counted() {
    let told = Told::default();
    let _hearing = hear(&told);
    let keeper = keeper("postgres://postgres@127.0.0.1:1/nowhere");
    for _ in 0..2 {
        let error = keeper.keep(&message("k", "e", b"1")).await.unwrap_err();
        assert!(error.to_string().contains("no connection"), "{error}");
    }
    assert_eq!(told.counted(), 0);
}
