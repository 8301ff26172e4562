//! What a follower says when it does not follow any more.

use std::sync::Arc;
use std::time::Duration;

use domain::Side::Buy;
use testbed::Database;
use tokio::time::Instant;
use tokio_postgres::{Client, NoTls};

use super::{Follower, PATIENCE, Writer, pool, shown};
use crate::{Batch, News};

async fn sql(database: &Database) -> Client {
    let (sql, driver) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    tokio::spawn(driver);
    sql
}

async fn until(follower: &Follower, what: &str, holds: impl Fn(Option<&str>) -> bool) {
    let waiting = async {
        while !holds(follower.views.trouble().as_deref()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "{what}: {:?}", follower.views.trouble());
}

#[tokio::test]
async fn a_follower_that_has_died_or_is_blind_is_noticed() {
    let database = Database::create().await.unwrap();
    let _writer = Writer::new(&database.url(), 1).await;
    let follower = Follower::start(&database).await;
    assert_eq!(follower.views.trouble(), None);
    follower.views.tasks[0].abort();
    until(&follower, "it has ended", |trouble| {
        trouble.is_some_and(|why| why.contains("has ended"))
    })
    .await;
    let other = Follower::start(&database).await;
    let sql = sql(&database).await;
    let hide = "ALTER TABLE shards RENAME TO hidden";
    sql.batch_execute(hide).await.unwrap();
    until(&other, "it is blind", |trouble| {
        let long_ago = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
        *other.views.shared.looked.lock().unwrap() = long_ago;
        trouble.is_some_and(|why| why.contains("has not seen the database"))
    })
    .await;
    let show = "ALTER TABLE hidden RENAME TO shards";
    sql.batch_execute(show).await.unwrap();
    until(&other, "it sees again", |trouble| trouble.is_none()).await;
}

#[tokio::test]
async fn a_follower_that_sees_the_shards_and_cannot_read_their_logs_is_noticed() {
    let database = Database::create().await.unwrap();
    let mut writer = Writer::new(&database.url(), 1).await;
    let mut follower = Follower::start(&database).await;
    writer.define(0, 5).await;
    writer.settle(0).await;
    follower.reach(&writer, 5).await;
    let sql = sql(&database).await;
    let hide = "ALTER TABLE shard_log RENAME TO hidden; UPDATE shards SET last_seq = last_seq + 1";
    sql.batch_execute(hide).await.unwrap();
    // What was under way is over; from then on nothing may count as followed, though it looks on.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let long_ago = Instant::now().checked_sub(Duration::from_secs(12)).unwrap();
    *follower.views.shared.followed.lock().unwrap() = long_ago;
    let looked = *follower.views.shared.looked.lock().unwrap();
    until(&follower, "it looks on", |_| {
        *follower.views.shared.looked.lock().unwrap() > looked + Duration::from_millis(300)
    })
    .await;
    until(&follower, "it is behind", |trouble| {
        trouble.is_some_and(|why| why.contains("behind the logs"))
    })
    .await;
    let show = "ALTER TABLE hidden RENAME TO shard_log; UPDATE shards SET last_seq = last_seq - 1";
    sql.batch_execute(show).await.unwrap();
    until(&follower, "it follows again", |trouble| trouble.is_none()).await;
}

#[tokio::test]
async fn news_do_not_keep_a_follower_that_cannot_read_a_log_from_looking() {
    let database = Database::create().await.unwrap();
    let mut writer = Writer::new(&database.url(), 1).await;
    let mut follower = Follower::start(&database).await;
    let mut later = Batch::clone(&*writer.define(0, 5).await);
    writer.settle(0).await;
    follower.reach(&writer, 5).await;
    let sql = sql(&database).await;
    sql.batch_execute("ALTER TABLE shard_log RENAME TO hidden")
        .await
        .unwrap();
    // What lies before it has to be read.
    later.seq += 2;
    let later = Arc::new(later);
    let looked = || *follower.views.shared.looked.lock().unwrap();
    let (before, news) = (looked(), follower.news.clone());
    let telling = tokio::spawn(async move {
        loop {
            news.send(News::Applied(Arc::clone(&later))).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    until(&follower, "it looks on", |_| {
        looked() > before + Duration::from_secs(2)
    })
    .await;
    telling.abort();
}

#[tokio::test]
async fn a_log_that_cannot_be_read_keeps_no_other_shard() {
    let database = Database::create().await.unwrap();
    let mut writer = Writer::new(&database.url(), 2).await;
    let mut follower = Follower::start(&database).await;
    writer.define(0, 5).await;
    writer.define(1, 6).await;
    writer.settle(0).await;
    writer.settle(1).await;
    follower.reach(&writer, 6).await;
    let sql = sql(&database).await;
    // Whoever reads the log of shard 0 divides by it.
    let break_one = "ALTER TABLE shard_log RENAME TO hidden;
        CREATE VIEW shard_log AS SELECT * FROM hidden WHERE 1 / shard = 1";
    sql.batch_execute(break_one).await.unwrap();
    writer.change(0, 5, Buy, 99, 3).await;
    writer.change(1, 6, Buy, 98, 2).await;
    writer.settle(0).await;
    writer.settle(1).await;
    // Without news: the log of shard 1 is read.
    follower.reach(&writer, 6).await;
    assert_eq!(shown(&follower.depth(5)).0, 1, "the other one cannot be");
    let mend_it = "DROP VIEW shard_log; ALTER TABLE hidden RENAME TO shard_log";
    sql.batch_execute(mend_it).await.unwrap();
    follower.reach(&writer, 5).await;
}

#[tokio::test]
async fn a_follower_goes_on_while_others_have_every_connection_of_the_pool() {
    let database = Database::create().await.unwrap();
    let mut writer = Writer::new(&database.url(), 1).await;
    let pool = pool(&database);
    let mut follower = Follower::over(pool.clone()).await;
    let mut held = Vec::new();
    for _ in 0..pool.figures().max {
        held.push(pool.get().await.unwrap());
    }
    writer.define(0, 5).await;
    writer.change(0, 5, Buy, 99, 3).await;
    writer.settle(0).await;
    follower.reach(&writer, 5).await;
}

#[tokio::test]
async fn a_follower_that_has_lost_its_place_says_so_until_it_has_read_everything_anew() {
    let database = Database::create().await.unwrap();
    let mut writer = Writer::new(&database.url(), 1).await;
    let mut follower = Follower::start(&database).await;
    writer.define(0, 5).await;
    writer.settle(0).await;
    follower.reach(&writer, 5).await;
    let sql = sql(&database).await;
    let back = "ALTER TABLE markets RENAME TO hidden; UPDATE shards SET settled_seq = 0, published_seq = 0, last_seq = 0";
    sql.batch_execute(back).await.unwrap();
    until(&follower, "it is lost", |trouble| {
        trouble.is_some_and(|why| why.contains("has lost its place"))
    })
    .await;
    let forth = "ALTER TABLE hidden RENAME TO markets; UPDATE shards SET last_seq = 1, published_seq = 1, settled_seq = 1";
    sql.batch_execute(forth).await.unwrap();
    until(&follower, "it follows again", |trouble| trouble.is_none()).await;
}
