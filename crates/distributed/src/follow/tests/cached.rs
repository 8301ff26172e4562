//! Books are kept in Redis as they change, beside everything else.

use std::sync::Arc;
use std::time::Duration;

use domain::Side;
use persistence::redis::{Addresses, BookCache, Redis, RedisOptions};
use serde_json::json;
use testbed::Database;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{PATIENCE, Purse, Writer, pool};
use crate::News;
use crate::exchange::Options;
use crate::follow::Views;

fn redis(url: &str, test: &str) -> Redis {
    let options = RedisOptions {
        addresses: Addresses::One(url.to_owned().into()),
        pool_size: 2,
        patience: Duration::from_secs(5),
        max_retries: 0,
        root_certificates: None,
        prefix: format!("test-{}-{test}:", std::process::id()),
    };
    Redis::new(&options).unwrap()
}

fn server() -> String {
    std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379/0".to_owned())
}

async fn follow(database: &Database, redis: Redis) -> (Views, mpsc::Sender<News>) {
    let options = Options {
        redis: Some(redis),
        ..Options::new(pool(database), Arc::new(Purse::default()))
    };
    let (news, heard) = mpsc::channel(1_000);
    (Views::open(&options, heard).await.unwrap(), news)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_changed_book_is_kept_for_other_services_under_its_market() {
    let database = Database::create().await.unwrap();
    let mut writer = Writer::new(&database.url(), 1).await;
    writer.define(0, 7).await;
    let redis = redis(&server(), "books");
    let books = BookCache::new(redis.clone(), Duration::from_secs(60));
    // Two gateways keep the same books.
    let gateways = [
        follow(&database, redis.clone()).await,
        follow(&database, redis.clone()).await,
    ];
    for (price, quantity) in [(101, 5), (102, 3), (101, 0)] {
        let batch = writer.change(0, 7, Side::Sell, price, quantity).await;
        for (_, news) in &gateways {
            news.send(News::Applied(Arc::clone(&batch))).await.unwrap();
        }
        let (seq, _) = writer.book(7);
        let deadline = Instant::now() + PATIENCE;
        let kept = loop {
            match books.get("B7-USDT").await.unwrap() {
                Some(kept) if kept.seq == seq => break kept,
                other => assert!(Instant::now() < deadline, "{other:?}, not {seq}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let body: serde_json::Value = serde_json::from_slice(&kept.book).unwrap();
        assert_eq!(body["symbol"], "B7/USDT");
        assert_eq!(body["last_seq"], seq);
        if quantity == 0 {
            let asks = json!([["102", "3"]]);
            assert_eq!((&body["bids"], &body["asks"]), (&json!([]), &asks));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_not_there_holds_nothing_up() {
    let database = Database::create().await.unwrap();
    let mut writer = Writer::new(&database.url(), 1).await;
    writer.define(0, 7).await;
    let (views, news) = follow(&database, redis("redis://127.0.0.1:1/0", "none")).await;
    for quantity in 1..=5 {
        let batch = writer.change(0, 7, Side::Buy, 90, quantity).await;
        news.send(News::Applied(batch)).await.unwrap();
    }
    let (seq, _) = writer.book(7);
    let wanted = [(domain::MarketNumber(7), seq)];
    assert!(views.board().reach(&wanted, PATIENCE).await);
}
