//! Partitions: made ahead, and taken out only when nothing needs them any more.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use persistence::postgres::partitions::{
    Ahead, NotRotated, Parent, Partition, PartitionState, Rotation, ahead, keep, list, make, rotate,
};
use persistence::postgres::{Connection, connect};
use runtime::settings::{DatabaseSettings, PartitionSettings};
use runtime::{Clock, ManualClock, Shutdown};
use secrecy::SecretString;
use testbed::Database;
use tokio_postgres::Client;

use super::support::{client, connection, database};

const DAY: Duration = Duration::from_secs(86_400);

fn settings() -> PartitionSettings {
    PartitionSettings {
        keep_trades: 100 * DAY,
        keep_orders: 100 * DAY,
        ..PartitionSettings::default()
    }
}

/// Two orders of March 2026 and a trade between them on the 10th, in months and days that are long over.
const OLD: &str = "
    SELECT make_partitions('2026-03-09', '2026-03-11');
    INSERT INTO orders (order_id, user_id, symbol, side, order_type, status, quantity, price, created_at)
        SELECT id::uuid, gen_random_uuid(), 'BTC/USDT', side::order_side_enum, 'LIMIT', 'OPEN', 1, 1, v7_time(id::uuid)
          FROM (VALUES ('019cd3c7-a800-7000-8000-000000000001', 'BUY'),
                       ('019cd3c7-a800-7000-8000-000000000002', 'SELL')) AS made(id, side);
    UPDATE orders SET status = 'FILLED', filled_quantity = 1 WHERE side = 'SELL'";

const OLD_TRADE: &str = "
    INSERT INTO trades (trade_id, symbol, buyer_order_id, seller_order_id, buyer_user_id, seller_user_id, price, quantity,
                        is_buyer_maker, executed_at)
        SELECT v7_floor('2026-03-10 12:00+00'), 'BTC/USDT', '019cd3c7-a800-7000-8000-000000000001',
               '019cd3c7-a800-7000-8000-000000000002', gen_random_uuid(), gen_random_uuid(), 1, 1, true,
               '2026-03-10 12:00+00'";

async fn old() -> (Database, Client, Connection) {
    let (database, client) = database().await;
    client.batch_execute(OLD).await.unwrap();
    let connection = connection(&database).await;
    (database, client, connection)
}

fn reasons(rotation: &Rotation) -> Vec<(&str, &str)> {
    let pairs = rotation.refused.iter();
    pairs
        .map(|refusal| (refusal.name.as_str(), refusal.reason.as_str()))
        .collect()
}

#[tokio::test]
async fn partitions_are_made_ahead_where_they_are_missing() {
    let (database, client) = database().await;
    let mut connection = connection(&database).await;
    let clock = Clock::System;
    let wide = PartitionSettings {
        months_ahead: 5,
        days_ahead: 60,
        ..PartitionSettings::default()
    };
    assert!(make(&mut connection, &clock, &wide).await.unwrap() > 10);
    assert_eq!(make(&mut connection, &clock, &wide).await.unwrap(), 0);
    let reach = ahead(&mut connection, &clock).await.unwrap();
    assert!(reach.orders > 149 * DAY && reach.trades > 59 * DAY, "{reach:?}");

    client
        .batch_execute(
            "DO $$ DECLARE gap text; BEGIN
                 SELECT 'trades_' || to_char(now() AT TIME ZONE 'UTC' + interval '7 days', 'YYYY_MM_DD') INTO gap;
                 EXECUTE 'DROP TABLE ' || gap; END $$",
        )
        .await
        .unwrap();
    let short = ahead(&mut connection, &clock).await.unwrap();
    assert!(short.trades <= 7 * DAY && short.orders > 149 * DAY, "{short:?}");
    assert_eq!(make(&mut connection, &clock, &wide).await.unwrap(), 1);

    let months: Vec<_> = list(&mut connection).await.unwrap();
    let months: Vec<_> = months.iter().filter(|one| one.parent == Parent::Orders).collect();
    for pair in months.windows(2) {
        assert_eq!(pair[0].ends_at, pair[1].begins_at);
        assert!(pair[0].name < pair[1].name && pair[0].state == PartitionState::Attached);
    }
}

#[tokio::test]
async fn a_partition_is_attached_beside_readers_and_waits_for_no_writer_for_long() {
    let (database, client) = database().await;
    let mut connection = connection(&database).await;
    let reader = super::support::client(&database.url()).await;
    reader
        .batch_execute("BEGIN; SELECT count(*) FROM orders; SELECT count(*) FROM trades")
        .await
        .unwrap();
    connection
        .batch_execute("SELECT make_partitions('2030-01-01', '2030-01-01')")
        .await
        .unwrap();
    client
        .batch_execute("BEGIN; LOCK TABLE trades IN ROW EXCLUSIVE MODE")
        .await
        .unwrap();
    let waited = connection
        .batch_execute("SELECT make_partitions('2031-01-01', '2031-01-01')")
        .await;
    assert!(waited.unwrap_err().to_string().contains("lock timeout"));
    let half = list(&mut connection).await.unwrap();
    assert!(!half.iter().any(|one| one.name.contains("2031")));
}

#[tokio::test]
async fn only_what_nothing_needs_goes_and_in_its_order() {
    let (_database, client, mut connection) = old().await;
    client.batch_execute(OLD_TRADE).await.unwrap();
    let clock = Clock::System;

    // The days of trades go first; the month stays, because an order of it is live.
    let first = rotate(&mut connection, &clock, &settings()).await.unwrap();
    let days = ["trades_2026_03_09", "trades_2026_03_10", "trades_2026_03_11"];
    assert_eq!(first.detached, days);
    assert_eq!(reasons(&first), [("orders_2026_03", "1 of its orders are live")]);
    let states = list(&mut connection).await.unwrap();
    let detached = |one: &&Partition| matches!(one.state, PartitionState::Detached(_));
    assert_eq!(states.iter().filter(detached).count(), 3);

    // No order is live, but a day that was taken out and can come back still has a trade of them.
    client
        .batch_execute("UPDATE orders SET status = 'CANCELLED' WHERE status = 'OPEN'")
        .await
        .unwrap();
    let second = rotate(&mut connection, &clock, &settings()).await.unwrap();
    let waits = "trades_2026_03_10, taken out but not dropped yet, has trades of its orders";
    assert_eq!(reasons(&second), [("orders_2026_03", waits)]);

    // The grace is over: the days are dropped, and the month goes.
    client
        .batch_execute(
            "UPDATE detached_partitions SET detached_at = now() - interval '8 days', drop_after = now()",
        )
        .await
        .unwrap();
    let third = rotate(&mut connection, &clock, &settings()).await.unwrap();
    assert_eq!(third.dropped, days);
    assert_eq!(third.detached, ["orders_2026_03"]);
    assert_eq!(reasons(&third), []);
    client
        .batch_execute(
            "UPDATE detached_partitions SET detached_at = now() - interval '8 days', drop_after = now()",
        )
        .await
        .unwrap();
    let fourth = rotate(&mut connection, &clock, &settings()).await.unwrap();
    assert_eq!(fourth.dropped, ["orders_2026_03"]);
    let fifth = rotate(&mut connection, &clock, &settings()).await.unwrap();
    assert_eq!(fifth, Rotation::default());
}

#[tokio::test]
async fn a_month_stays_while_trades_or_commands_are_about_its_orders() {
    let (_database, client, mut connection) = old().await;
    client.batch_execute(OLD_TRADE).await.unwrap();
    client
        .batch_execute("UPDATE orders SET status = 'CANCELLED' WHERE status = 'OPEN'")
        .await
        .unwrap();
    let orders_only = PartitionSettings {
        keep_trades: Duration::ZERO,
        ..settings()
    };
    let kept = rotate(&mut connection, &Clock::System, &orders_only)
        .await
        .unwrap();
    let has = "trades_2026_03_10 has trades of its orders";
    assert_eq!(reasons(&kept), [("orders_2026_03", has)]);
    client
        .batch_execute(
            "DELETE FROM trades;
             INSERT INTO commands (id, shard, kind, order_id, body)
                 SELECT gen_random_uuid(), 0, 'cancel', order_id, '' FROM orders WHERE side = 'BUY'",
        )
        .await
        .unwrap();
    let kept = rotate(&mut connection, &Clock::System, &orders_only)
        .await
        .unwrap();
    assert_eq!(
        reasons(&kept),
        [("orders_2026_03", "1 commands about its orders wait")]
    );
    client.batch_execute("DELETE FROM commands").await.unwrap();
    let gone = rotate(&mut connection, &Clock::System, &orders_only)
        .await
        .unwrap();
    assert_eq!(gone.detached, ["orders_2026_03"]);
}

#[tokio::test]
async fn nothing_goes_that_is_not_settled_and_published() {
    let (_database, client, mut connection) = old().await;
    client
        .batch_execute(
            "INSERT INTO shards (shard, last_seq, published_seq, settled_seq) VALUES (0, 2, 2, 1);
             INSERT INTO shard_log VALUES (0, 1, 1, 1, '', '', '2026-03-01'), (0, 2, 1, 1, '', '', '2026-03-10 12:00+00')",
        )
        .await
        .unwrap();
    let kept = rotate(&mut connection, &Clock::System, &settings())
        .await
        .unwrap();
    assert_eq!(kept.detached, ["trades_2026_03_09"]);
    for (_, reason) in reasons(&kept) {
        assert!(reason.contains("not published or not settled"), "{reason}");
    }
    assert_eq!(kept.refused.len(), 3);
}

#[tokio::test]
async fn one_at_a_time_the_owner_alone_and_by_a_clock_that_is_right() {
    let (database, client, mut connection) = old().await;
    client
        .batch_execute(&format!("SELECT pg_advisory_lock({})", 0x726f_7461_7465_i64))
        .await
        .unwrap();
    let busy = rotate(&mut connection, &Clock::System, &settings()).await;
    assert!(matches!(busy, Err(NotRotated::Busy)), "{busy:?}");
    drop(client);

    let ahead = Clock::from(ManualClock::at(Clock::System.wall_us() + 400 * 86_400_000_000));
    let wrong = rotate(&mut connection, &ahead, &settings()).await;
    assert!(matches!(wrong, Err(NotRotated::Clock(_))), "{wrong:?}");

    let url = SecretString::from(format!("{}?options=-c%20role%3Dtrade_matcher", database.url()));
    let mut matcher = connect(&url).await.unwrap();
    let refused = rotate(&mut matcher, &Clock::System, &settings()).await;
    assert!(matches!(refused, Err(NotRotated::NotOwner)), "{refused:?}");
    assert_eq!(
        list(&mut connection)
            .await
            .unwrap()
            .iter()
            .filter(|one| one.state != PartitionState::Attached)
            .count(),
        0
    );
}

#[tokio::test]
async fn what_was_begun_is_finished_and_what_was_attached_again_stays() {
    let (database, watcher, mut connection) = old().await;
    // Somebody reads the day, so that it cannot be taken out in time.
    let reader = client(&database.url()).await;
    reader
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM trades")
        .await
        .unwrap();
    let blocked = rotate(&mut connection, &Clock::System, &settings())
        .await
        .unwrap();
    assert_eq!(blocked.detached, Vec::<String>::new());
    assert!(
        blocked
            .refused
            .iter()
            .any(|refusal| refusal.reason.contains("timeout")),
        "{blocked:?}"
    );
    let half = list(&mut connection).await.unwrap();
    assert!(half.iter().any(|one| one.state == PartitionState::Detaching));
    reader.batch_execute("ROLLBACK").await.unwrap();
    let finished = rotate(&mut connection, &Clock::System, &settings())
        .await
        .unwrap();
    assert_eq!(finished.detached.len(), 3, "{finished:?}");

    watcher
        .batch_execute(
            "ALTER TABLE trades ATTACH PARTITION trades_2026_03_10
                 FOR VALUES FROM ('019cd517-dc00-0000-0000-000000000000') TO ('019cda3e-3800-0000-0000-000000000000');
             UPDATE detached_partitions SET detached_at = now() - interval '8 days', drop_after = now()",
        )
        .await
        .unwrap();
    let none = PartitionSettings::default();
    let rotated = rotate(&mut connection, &Clock::System, &none).await.unwrap();
    assert_eq!(rotated.dropped, ["trades_2026_03_09", "trades_2026_03_11"]);
    let left = list(&mut connection).await.unwrap();
    let attached = left.iter().find(|one| one.name == "trades_2026_03_10").unwrap();
    assert_eq!(attached.state, PartitionState::Attached);
}

/// The job with 50 days ahead, as this login; what it told at its first round, when it is over.
async fn a_round_as(database: &Database, login: &str) -> Ahead {
    let url = database.url().replacen("postgres@", &format!("{login}@"), 1);
    let settings = DatabaseSettings {
        url: Some(SecretString::from(url)),
        partitions: PartitionSettings {
            days_ahead: 50,
            ..settings()
        },
        ..DatabaseSettings::default()
    };
    let shutdown = Shutdown::new();
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let job = tokio::spawn({
        let shutdown = shutdown.clone();
        async move {
            keep(&settings, "matcher", &Clock::System, &shutdown, |ahead| {
                sender.send(*ahead).unwrap();
            })
            .await;
        }
    });
    let ahead = told.recv().await.unwrap();
    shutdown.trigger();
    job.await.unwrap();
    ahead
}

#[tokio::test]
async fn the_job_keeps_partitions_until_it_is_told_to_stop() {
    let (database, client) = database().await;
    let old = "SELECT make_partitions('2026-03-09', '2026-03-09', '{trades}')";
    client.batch_execute(old).await.unwrap();
    assert!(a_round_as(&database, "postgres").await.trades > 49 * DAY);
    let left = list(&mut connection(&database).await).await.unwrap();
    let old = left.iter().find(|one| one.name == "trades_2026_03_09").unwrap();
    assert_ne!(old.state, PartitionState::Attached);
}

#[tokio::test]
async fn the_job_tells_how_long_it_goes_on_also_where_it_may_make_nothing() {
    let (database, client) = database().await;
    let before = ahead(&mut connection(&database).await, &Clock::System).await;
    let login = client
        .query_one("SELECT 'm' || md5(random()::text)", &[])
        .await
        .unwrap();
    let login: String = login.get(0);
    let role = format!(
        "CREATE ROLE {login} LOGIN IN ROLE trade_matcher;
         REVOKE EXECUTE ON FUNCTION make_partitions(TIMESTAMPTZ, TIMESTAMPTZ, TEXT[]) FROM trade_matcher"
    );
    client.batch_execute(&role).await.unwrap();
    let told = a_round_as(&database, &login).await;
    client.batch_execute(&format!("DROP ROLE {login}")).await.unwrap();
    assert!(told.trades <= before.unwrap().trades);
}
