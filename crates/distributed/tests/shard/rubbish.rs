//! What nobody can read, on a real broker: it is kept in the database, or told of, and those behind it are heard.

use std::sync::Arc;
use std::time::Duration;

use amqprs::BasicProperties;
use amqprs::channel::{BasicPublishArguments, Channel, QueueBindArguments};
use amqprs::connection::{Connection, OpenConnectionArguments};
use distributed::KeepUndecodable;
use distributed::shard::hear_while_owning;
use domain::Stamp;
use messaging::{BINARY, Envelope, Exchange, Link, Queue, Topology, hint_key};
use persistence::postgres::{Pool, PoolOptions};
use runtime::{Clock, Ids};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::bed::Bed;
use crate::broker::{clean, linked, port};

/// How long a hint may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The database refuses a certain message, and counts how often it is asked: a sequence is not rolled back.
const REFUSE: &str = "
    CREATE SEQUENCE tries;
    CREATE FUNCTION refuse() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.body = 'refused' THEN
            PERFORM nextval('tries');
            RAISE EXCEPTION 'not this one';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON undecodable FOR EACH ROW EXECUTE FUNCTION refuse()";
const TRIES: &str = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM tries";

/// Somebody who hears hints of shard 0, and a plain client of the broker.
struct Hearing {
    bed: Bed,
    topology: Topology,
    link: Arc<Link>,
    connection: Connection,
    channel: Channel,
    hint: Arc<Notify>,
    owning: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Hearing {
    async fn start(test: &str) -> Self {
        let bed = Bed::new().await;
        let (topology, link) = linked(test);
        let link = Arc::new(link);
        link.until_up().await;
        let arguments = OpenConnectionArguments::new("127.0.0.1", port(), "guest", "guest");
        let connection = Connection::open(&arguments).await.unwrap();
        let channel = connection.open_channel(None).await.unwrap();
        let pool = Pool::new(&PoolOptions {
            url: bed.database.url().into(),
            max_size: 1,
            wait: Duration::from_secs(10),
        });
        let keeper = Arc::new(KeepUndecodable::new(pool.unwrap(), Ids::new(Clock::System)));
        let (hint, owning) = (Arc::new(Notify::new()), watch::Sender::new(true));
        let task = tokio::spawn({
            let (link, hint, owning) = (Arc::clone(&link), Arc::clone(&hint), owning.subscribe());
            async move {
                // How it ends is not asked here.
                let _ = hear_while_owning(&link, 0, hint, owning, keeper).await;
            }
        });
        Self {
            bed,
            topology,
            link,
            connection,
            channel,
            hint,
            owning,
            task,
        }
    }

    fn exchange(&self) -> &str {
        self.topology.exchange(Exchange::ShardHints)
    }

    /// Sends what is no hint.
    async fn send(&self, key: &str, body: &str) {
        let arguments = BasicPublishArguments::new(self.exchange(), key);
        self.channel
            .basic_publish(BasicProperties::default(), body.into(), arguments)
            .await
            .unwrap();
    }

    /// A hint that comes behind it is heard.
    async fn hears(&self) {
        let at = Stamp::from_micros(Clock::System.wall_us());
        let id = Ids::new(Clock::System).uuid_v7();
        let good = Envelope::new(id, "shard.hint", BINARY, at, Vec::new().into()).unwrap();
        let publisher = self.link.publisher();
        publisher
            .publish(Exchange::ShardHints, &hint_key(0), good)
            .await
            .unwrap();
        let heard = tokio::time::timeout(PATIENCE, self.hint.notified()).await;
        assert!(heard.is_ok(), "the hint behind the rubbish is heard");
    }

    async fn end(self) {
        drop(self.owning);
        self.task.await.unwrap();
        let link = Arc::into_inner(self.link).unwrap();
        link.close(Duration::from_secs(5)).await;
        let _ = self.connection.close().await;
        clean(&self.topology).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_is_kept_in_the_database_and_those_behind_it_are_heard() {
    let hearing = Hearing::start("rubbish").await;
    hearing.send(&hint_key(0), "no hint").await;
    let kept = "SELECT count(*) FROM undecodable WHERE convert_from(body, 'UTF8') = 'no hint' AND error <> ''
        AND source LIKE 'queue %shard.0.hints, exchange %shard.hints, key shard.0'";
    hearing.bed.until_number(kept, 1).await;
    hearing.hears().await;
    hearing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_refuses_goes_by_and_a_key_that_it_cannot_hold_is_kept_with_another_letter() {
    let hearing = Hearing::start("refused").await;
    hearing.bed.sql.batch_execute(REFUSE).await.unwrap();
    let key = "shard.0\0";
    let queue = hearing.topology.queue(&Queue::ShardHints(0));
    let binding = QueueBindArguments::new(&queue, hearing.exchange(), key);
    hearing.channel.queue_bind(binding).await.unwrap();
    hearing.send(&hint_key(0), "refused").await;
    hearing.bed.until_number(TRIES, 1).await;
    hearing.send(key, "no hint").await;
    let kept = "SELECT count(*) FROM undecodable WHERE source LIKE '%, key shard.0?'";
    hearing.bed.until_number(kept, 1).await;
    assert_eq!(hearing.bed.number("SELECT count(*) FROM undecodable").await, 1);
    hearing.hears().await;
    assert_eq!(
        hearing.bed.number(TRIES).await,
        1,
        "what is refused is tried once"
    );
    hearing.end().await;
}
