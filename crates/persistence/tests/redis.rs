//! Rates, cached books and kept values on a real Redis: the one that `TEST_REDIS_URL` names, or this machine's.
#![cfg(feature = "redis")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use persistence::redis::{
    Addresses, BookCache, CachedBook, Kept, Redis, RedisError, RedisOptions, SharedRates, Trust,
};
use runtime::{Clock, ManualClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

static NUMBER: AtomicU32 = AtomicU32::new(0);

fn options(url: &str) -> RedisOptions {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    RedisOptions {
        addresses: Addresses::One(url.to_owned().into()),
        pool_size: 100,
        patience: Duration::from_secs(10),
        max_retries: 1,
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
    let book = |seq| CachedBook {
        seq,
        book: format!("{seq}").into_bytes(),
    };
    for (seq, kept) in [(9, true), (8, false), (9, false), (10, true)] {
        assert_eq!(books.put("BTC-USDT", &book(seq)).await.unwrap(), kept, "{seq}");
    }
    assert_eq!(books.get("BTC-USDT").await.unwrap(), Some(book(10)));
    let large = CachedBook {
        book: vec![0; (1 << 20) + 1],
        ..book(11)
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
    assert!((50..=100).contains(&open), "{open} connections");
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

/// A way to Redis on which the first `cuts` commands with this word are done and not answered: the connection breaks.
async fn cutting(word: &'static str, cuts: u32) -> (Redis, Redis) {
    let (direct, mut options) = redis();
    let server = std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379/0".to_owned());
    let server = server.split('/').nth(2).unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    options.addresses = Addresses::One(format!("redis://{}/0", listener.local_addr().unwrap()).into());
    let left = Arc::new(AtomicU32::new(cuts));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let upstream = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(carry(client, upstream, word, Arc::clone(&left)));
        }
    });
    (direct, Redis::new(&options).unwrap())
}

async fn carry(mut client: TcpStream, mut server: TcpStream, word: &str, left: Arc<AtomicU32>) {
    let (mut asked, mut answered) = ([0; 4_096], [0; 4_096]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(bytes @ 1..) = read else { return };
                server.write_all(&asked[..bytes]).await.unwrap();
                let is_it = String::from_utf8_lossy(&asked[..bytes]).contains(word);
                let cut = || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
                if is_it && cut().is_ok() {
                    // It is done once it is answered.
                    let _ = server.read(&mut answered).await;
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(bytes @ 1..) = read else { return };
                client.write_all(&answered[..bytes]).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn what_may_be_done_once_only_is_not_asked_again_when_the_connection_breaks() {
    let life = Duration::from_secs(30);
    let (direct, cut) = cutting("GETDEL", 1).await;
    let (direct, cut) = (Kept::new(direct, "ticket"), Kept::new(cut, "ticket"));
    assert!(direct.put("t", b"identity", life).await.unwrap());
    // Asked again, it would say that there is no such ticket.
    assert!(cut.take("t").await.is_err());
    let (direct, cut) = cutting("signature", 1).await;
    let (direct, cut) = (Kept::new(direct, "signature"), Kept::new(cut, "signature"));
    // Asked again, it would say that the signature was used before.
    assert!(cut.put("s", b"", life).await.is_err());
    assert!(!direct.put("s", b"", life).await.unwrap());
}

#[tokio::test]
async fn what_may_be_done_twice_is_asked_as_often_as_the_options_say() {
    for (cuts, works) in [(1, true), (2, false)] {
        let (_, cut) = cutting("PING", cuts).await;
        assert_eq!(cut.ping().await.is_ok(), works, "{cuts}");
    }
}

#[tokio::test]
async fn one_question_tries_again_while_all_others_go_on_without() {
    let clock = ManualClock::at(0);
    let trust = Arc::new(Trust::new(Clock::from(clock.clone())));
    let asked = Arc::new(AtomicU32::new(0));
    let ask = |answer: Result<(), RedisError>| {
        let (trust, asked) = (Arc::clone(&trust), Arc::clone(&asked));
        async move {
            let question = async {
                asked.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
                answer
            };
            trust.ask("a test", question).await.is_some()
        }
    };
    let fails = || ask(Err(RedisError("a test".to_owned())));
    assert!(ask(Ok(())).await);
    assert!(!fails().await);
    assert!(!ask(Ok(())).await, "left alone");
    assert_eq!(asked.swap(0, Ordering::SeqCst), 2);
    for _ in 0..2 {
        clock.advance(Duration::from_secs(2));
        let all = tokio::join!(fails(), fails(), fails(), fails());
        assert_eq!(all, (false, false, false, false));
        assert_eq!(asked.swap(0, Ordering::SeqCst), 1, "one of them tries");
    }
    clock.advance(Duration::from_secs(2));
    let (tries, goes_on) = tokio::join!(ask(Ok(())), ask(Ok(())));
    assert_eq!((tries, goes_on), (true, false));
    assert!(ask(Ok(())).await, "all ask again");
}

#[tokio::test]
async fn a_connection_that_takes_long_is_there_for_the_next_who_asks() {
    let (_, mut options) = redis();
    let server = std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379/0".to_owned());
    let server = server.split('/').nth(2).unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    options.addresses = Addresses::One(format!("redis://{}/0", listener.local_addr().unwrap()).into());
    options.patience = Duration::from_millis(50);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let upstream = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(carry(client, upstream, "nothing", Arc::new(AtomicU32::new(0))));
        }
    });
    let redis = Redis::new(&options).unwrap();
    assert!(redis.ping().await.is_err(), "it did not wait");
    while redis.ping().await.is_err() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
