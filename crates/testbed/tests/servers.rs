//! Real servers of a test's own: they start, die, freeze and come back with what they were told.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use amqprs::BasicProperties;
use amqprs::channel::{BasicPublishArguments, Channel, QueueDeclareArguments};
use amqprs::connection::{Connection, OpenConnectionArguments};
use testbed::{Options, Postgres, RabbitMq, Redis, usual};
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn postgres_keeps_what_it_committed_through_a_kill() {
    let mut postgres = Postgres::start(Options::new()).await.unwrap();
    let database = postgres.database().await.unwrap();
    let client = connect(&database.url()).await;
    client
        .batch_execute("INSERT INTO shards (shard) VALUES (7)")
        .await
        .unwrap();
    postgres.kill();
    assert!(client.batch_execute("SELECT 1").await.is_err());
    assert!(tokio_postgres::connect(&database.url(), NoTls).await.is_err());
    postgres.start_again().await.unwrap();
    assert!(postgres.start_again().await.is_err(), "it runs already");
    let rows = connect(&database.url())
        .await
        .query("SELECT shard FROM shards", &[])
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    postgres.restart().await.unwrap();
    let durable = connect(&postgres.url()).await;
    for name in ["fsync", "synchronous_commit", "full_page_writes"] {
        let row = durable.query_one(&format!("SHOW {name}"), &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), "on", "{name}");
    }
}

#[tokio::test]
async fn a_frozen_postgres_answers_when_it_goes_on() {
    let mut postgres = Postgres::start(Options::new()).await.unwrap();
    let client = connect(&postgres.url()).await;
    postgres.pause().unwrap();
    let question = client.query_one("SELECT 1", &[]);
    tokio::pin!(question);
    assert!(
        tokio::time::timeout(Duration::from_millis(500), &mut question)
            .await
            .is_err()
    );
    postgres.resume().unwrap();
    assert!(question.await.is_ok());
}

#[tokio::test]
async fn a_role_shows_its_password_where_it_is_asked() {
    let postgres = Postgres::start(Options::new().passwords(true)).await.unwrap();
    assert_eq!(usual::postgres(postgres.port()).await, Some(postgres.url()));
    let client = connect(&postgres.url()).await;
    client
        .batch_execute("CREATE ROLE reader LOGIN PASSWORD 'right'")
        .await
        .unwrap();
    let url = |password: &str| {
        format!(
            "postgres://reader:{password}@127.0.0.1:{}/postgres",
            postgres.port()
        )
    };
    assert!(tokio_postgres::connect(&url("wrong"), NoTls).await.is_err());
    assert!(tokio_postgres::connect(&url("right"), NoTls).await.is_ok());
}

fn ask(port: u16, command: &str, patience: Duration) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(command.as_bytes())?;
    let mut answer = [0; 100];
    let length = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

#[tokio::test]
async fn a_server_that_wants_to_know_more_is_not_usual() {
    let redis = Redis::start(Options::new().setting("requirepass", "secret"))
        .await
        .unwrap();
    assert!(redis.url().starts_with("redis://:secret@"));
    assert_eq!(usual::redis(redis.port()).await, None);
    assert_eq!(usual::postgres(redis.port()).await, None);
    let open = Redis::start(Options::new()).await.unwrap();
    assert_eq!(usual::redis(open.port()).await, Some(open.url()));
    let rabbitmq = Options::new().setting("default_pass", "another");
    let rabbitmq = RabbitMq::start(rabbitmq).await.unwrap();
    assert_eq!(usual::rabbitmq(rabbitmq.port()).await, None);
}

#[tokio::test]
async fn redis_keeps_what_it_wrote_through_a_stop_and_freezes() {
    let dir = tempfile::tempdir().unwrap();
    let mut redis = Redis::start(Options::new().dir(dir.path())).await.unwrap();
    let patience = Duration::from_secs(30);
    assert_eq!(ask(redis.port(), "SET a b\r\n", patience).unwrap(), "+OK\r\n");
    redis.restart().await.unwrap();
    assert_eq!(ask(redis.port(), "GET a\r\n", patience).unwrap(), "$1\r\nb\r\n");
    redis.pause().unwrap();
    assert!(ask(redis.port(), "PING\r\n", Duration::from_millis(300)).is_err());
    redis.resume().unwrap();
    assert_eq!(ask(redis.port(), "PING\r\n", patience).unwrap(), "+PONG\r\n");
    let port = redis.port();
    drop(redis);
    assert!(ask(port, "PING\r\n", patience).is_err());
    assert!(dir.path().exists(), "a folder that was given stays");
}

/// The first frame of a broker: connection.start on channel 0.
fn speaks_amqp(port: u16) -> bool {
    ask(port, "AMQP\0\0\u{9}\u{1}", Duration::from_secs(30)).is_ok_and(|frame| frame.starts_with("\u{1}\0\0"))
}

/// How many messages wait in the queue, which is made where there is none.
async fn waiting(channel: &Channel) -> u32 {
    let mut queue = QueueDeclareArguments::durable_client_named("work");
    let declared = channel.queue_declare(queue.finish()).await.expect("a queue");
    declared.expect("an answer").1
}

#[tokio::test]
async fn a_purge_empties_every_queue() {
    let rabbitmq = RabbitMq::start(Options::new()).await.unwrap();
    let arguments = OpenConnectionArguments::new("127.0.0.1", rabbitmq.port(), "guest", "guest");
    let connection = Connection::open(&arguments).await.unwrap();
    let channel = connection.open_channel(None).await.unwrap();
    assert_eq!(waiting(&channel).await, 0);
    for _ in 0..3 {
        let to = BasicPublishArguments::new("", "work");
        channel
            .basic_publish(BasicProperties::default(), b"a word".to_vec(), to)
            .await
            .unwrap();
    }
    while waiting(&channel).await < 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    rabbitmq.purge_all().await.unwrap();
    assert_eq!(waiting(&channel).await, 0);
}

#[tokio::test]
async fn rabbitmq_comes_back_after_a_kill_and_a_stop() {
    let mut rabbitmq = RabbitMq::start(Options::new()).await.unwrap();
    assert!(speaks_amqp(rabbitmq.port()));
    assert_eq!(usual::rabbitmq(rabbitmq.port()).await, Some(rabbitmq.url()));
    rabbitmq.purge_all().await.unwrap();
    rabbitmq.kill();
    assert_eq!(usual::rabbitmq(rabbitmq.port()).await, None);
    assert!(!speaks_amqp(rabbitmq.port()));
    assert!(rabbitmq.purge_all().await.is_err());
    rabbitmq.start_again().await.unwrap();
    assert!(speaks_amqp(rabbitmq.port()));
    rabbitmq.restart().await.unwrap();
    assert!(speaks_amqp(rabbitmq.port()));
}
