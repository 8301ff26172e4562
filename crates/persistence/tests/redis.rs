//! Rates, cached books and kept values on a real Redis: the one that `TEST_REDIS_URL` names, or this machine's.
#![cfg(feature = "redis")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use persistence::redis::{Addresses, BookCache, CachedBook, Kept, Redis, RedisOptions, SharedRates};

static NUMBER: AtomicU32 = AtomicU32::new(0);

fn options(url: &str) -> RedisOptions {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    RedisOptions {
        addresses: Addresses::One(url.to_owned().into()),
        pool_size: 100,
        patience: Duration::from_secs(10),
        root_certificates: None,
        prefix: format!("test-{}-{number}:", std::process::id()),
    }
}

fn redis() -> (Redis, RedisOptions) {
    let url = std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379/0".to_owned());
    let options = options(&url);
    (Redis::new(&options).unwrap(), options)
}

#[tokio::test]
async fn a_bucket_is_spent_once_whoever_asks() {
    let (one, options) = redis();
    let two = Redis::new(&options).unwrap();
    // So slow that nothing comes back while the test runs.
    let asks = (0..200).map(|turn| {
        let rates = SharedRates::new(if turn % 2 == 0 { one.clone() } else { two.clone() });
        tokio::spawn(async move { rates.take("u:orders", 1, 50, 1).await.unwrap() })
    });
    let mut paid = 0;
    for ask in asks.collect::<Vec<_>>() {
        let spent = ask.await.unwrap();
        paid += u32::from(spent.paid);
        if !spent.paid {
            assert!(spent.retry_after_micros > 0, "{spent:?}");
        }
    }
    // Some may come back on a very slow machine, one a second.
    assert!((50..60).contains(&paid), "{paid}");
}

#[tokio::test]
async fn all_of_a_cost_is_paid_or_nothing() {
    let (redis, _) = redis();
    let rates = SharedRates::new(redis);
    let first = rates.take("u", 1, 10, 7).await.unwrap();
    assert!(first.paid);
    assert_eq!(first.remaining, 3);
    let refused = rates.take("u", 1, 10, 5).await.unwrap();
    assert!(!refused.paid, "{refused:?}");
    assert_eq!(refused.remaining, 3);
    assert!(rates.take("u", 1, 10, 3).await.unwrap().paid);
    assert!(rates.take("other", 1, 10, 10).await.unwrap().paid);
}

#[tokio::test]
async fn what_was_refused_can_be_paid_after_the_time_that_was_told() {
    let (redis, _) = redis();
    let rates = SharedRates::new(redis);
    assert!(rates.take("u", 50, 5, 5).await.unwrap().paid);
    loop {
        let spent = rates.take("u", 50, 5, 1).await.unwrap();
        if spent.paid {
            break;
        }
        assert!(spent.retry_after_micros <= 20_001, "{spent:?}");
        tokio::time::sleep(Duration::from_micros(spent.retry_after_micros)).await;
    }
}

#[tokio::test]
async fn the_newest_book_is_kept_whoever_writes_last() {
    let (redis, _) = redis();
    let books = BookCache::new(redis, Duration::from_secs(60));
    assert_eq!(books.get("BTC-USDT").await.unwrap(), None);
    let book = |epoch, seq| CachedBook {
        epoch,
        seq,
        book: format!("{epoch}/{seq}").into_bytes(),
    };
    // A later epoch wins over a higher number of an owner that was fenced out.
    let writes = [
        (2, 9, true),
        (2, 8, false),
        (2, 9, false),
        (2, 10, true),
        (1, 99, false),
        (3, 1, true),
    ];
    for (epoch, seq, kept) in writes {
        assert_eq!(
            books.put("BTC-USDT", &book(epoch, seq)).await.unwrap(),
            kept,
            "{epoch}/{seq}"
        );
    }
    assert_eq!(books.get("BTC-USDT").await.unwrap(), Some(book(3, 1)));
    let large = CachedBook {
        book: vec![0; (1 << 20) + 1],
        ..book(4, 1)
    };
    assert!(books.put("BTC-USDT", &large).await.is_err());
}

#[tokio::test]
async fn a_kept_value_is_taken_once_and_kept_once() {
    let (redis, _) = redis();
    let tickets = Kept::new(redis, "ticket");
    let life = Duration::from_secs(30);
    assert!(tickets.put("t", b"identity", life).await.unwrap());
    assert!(!tickets.put("t", b"another", life).await.unwrap());
    let takes = (0..20).map(|_| {
        let tickets = tickets.clone();
        tokio::spawn(async move { tickets.take("t").await.unwrap() })
    });
    let mut taken = Vec::new();
    for take in takes.collect::<Vec<_>>() {
        taken.extend(take.await.unwrap());
    }
    assert_eq!(taken, [b"identity".to_vec()]);
}

#[tokio::test]
async fn a_hundred_connections_carry_thousands_of_calls() {
    let (redis, _) = redis();
    let rates = SharedRates::new(redis.clone());
    let calls = (0..5_000).map(|number| {
        let rates = rates.clone();
        tokio::spawn(async move { rates.take(&format!("u{number}"), 10, 50, 1).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap().unwrap().paid);
    }
    let (open, _) = redis.connections();
    assert!((1..=100).contains(&open), "{open} connections");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_not_a_wait() {
    let mut options = options("redis://127.0.0.1:1/0");
    options.patience = Duration::from_millis(500);
    let redis = Redis::new(&options).unwrap();
    assert!(redis.ping().await.is_err());
    assert!(SharedRates::new(redis).take("u", 1, 1, 1).await.is_err());
}

#[tokio::test]
async fn a_server_that_never_answers_is_an_error_too() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = options(&format!("redis://{}/0", silent.local_addr().unwrap()));
    options.patience = Duration::from_millis(300);
    let redis = Redis::new(&options).unwrap();
    assert!(redis.ping().await.is_err());
}
