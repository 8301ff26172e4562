//! Redis as operators run it: a cluster, a master that sentinels replace, a server with TLS. All of them are started here.
#![cfg(feature = "redis")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use persistence::redis::{Addresses, BookCache, CachedBook, Kept, Redis, RedisOptions, SharedRates};
use testbed::{Options, Port, Redis as Server};
use tokio::time::{Instant, sleep};

/// How long servers may take to find one another.
const PATIENCE: Duration = Duration::from_secs(60);

fn redis(addresses: Addresses) -> Redis {
    trusting(addresses, None)
}

fn trusting(addresses: Addresses, root: Option<&Path>) -> Redis {
    let options = RedisOptions {
        addresses,
        pool_size: 8,
        patience: Duration::from_secs(2),
        max_retries: 1,
        root_certificates: root.map(|root| std::fs::read(root).unwrap()),
        prefix: "test:".to_owned(),
    };
    Redis::new(&options).unwrap()
}

/// What `redis-cli` says at a port.
fn cli(port: u16, words: &[&str]) -> String {
    let port = port.to_string();
    let output = Command::new("redis-cli").args(["-p", &port]).args(words).output();
    String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not in time");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Everything that is kept in Redis can be kept there, under many keys.
async fn all_of_it_works(redis: &Redis, round: &str) {
    let rates = SharedRates::new(redis.clone());
    let books = BookCache::new(redis.clone(), PATIENCE);
    let tickets = Kept::new(redis.clone(), "ticket");
    for number in 0..20 {
        let name = format!("{round}-{number}");
        let first = rates.take(&name, 1, 10, 7).await.unwrap();
        assert!(first.paid, "{first:?}");
        assert!(!rates.take(&name, 1, 10, 7).await.unwrap().paid);
        let book = |seq: u64| CachedBook {
            seq,
            book: name.clone().into_bytes(),
        };
        assert!(books.put(&name, &book(2)).await.unwrap());
        assert!(!books.put(&name, &book(1)).await.unwrap());
        assert_eq!(books.get(&name).await.unwrap(), Some(book(2)));
        assert!(tickets.put(&name, b"identity", PATIENCE).await.unwrap());
        assert_eq!(
            tickets.take(&name).await.unwrap().as_deref(),
            Some(&b"identity"[..])
        );
        assert_eq!(tickets.take(&name).await.unwrap(), None);
    }
}

/// A node of a cluster. It also listens on the port 10000 above its own, which a connection of somebody else's may have.
async fn node() -> Server {
    for _ in 0..10 {
        let options = Options::new().setting("cluster-enabled", "yes");
        if let Ok(node) = Server::start(options).await {
            return node;
        }
    }
    panic!("no node of a cluster starts");
}

#[tokio::test]
async fn a_cluster_keeps_what_one_server_keeps() {
    let (one, two, three) = tokio::join!(node(), node(), node());
    let ports = [one.port(), two.port(), three.port()];
    let addresses: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let mut words = vec!["--cluster", "create"];
    words.extend(addresses.iter().map(String::as_str));
    words.push("--cluster-yes");
    let said = cli(ports[0], &words);
    assert!(said.contains("All 16384 slots covered"), "{said}");
    for port in ports {
        until("the cluster", || {
            cli(port, &["cluster", "info"]).contains("cluster_state:ok")
        })
        .await;
    }
    // Two of them are enough to find the third.
    let some = addresses.iter().take(2);
    let urls = some.map(|address| format!("redis://{address}").into()).collect();
    let redis = redis(Addresses::Cluster(urls));
    redis.ping().await.unwrap();
    all_of_it_works(&redis, "cluster").await;
    for port in ports {
        assert_ne!(cli(port, &["dbsize"]).trim(), "0", "each node has a part");
    }
}

/// A sentinel, killed when it is dropped.
struct Sentinel(Child);

impl Sentinel {
    fn start(dir: &Path, port: u16, master: u16) -> Self {
        let file = dir.join("sentinel.conf");
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor exchange 127.0.0.1 {master} 1\n\
             sentinel down-after-milliseconds exchange 500\nsentinel failover-timeout exchange 3000\n",
            dir.display()
        );
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new("redis-server");
        command.arg(&file).arg("--sentinel").stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_master_that_sentinels_name_is_asked_and_the_next_one_when_it_is_lost() {
    let start = || Server::start(Options::new());
    let (mut master, replica) = tokio::try_join!(start(), start()).unwrap();
    let replicating = cli(
        replica.port(),
        &["replicaof", "127.0.0.1", &master.port().to_string()],
    );
    assert_eq!(replicating.trim(), "OK");
    until("the replica", || {
        cli(replica.port(), &["info", "replication"]).contains("master_link_status:up")
    })
    .await;
    let (dir, port) = (tempfile::tempdir().unwrap(), Port::free().unwrap());
    let _sentinel = Sentinel::start(dir.path(), port.number(), master.port());
    until("the sentinel", || {
        cli(port.number(), &["sentinel", "replicas", "exchange"]).contains(&replica.port().to_string())
    })
    .await;
    let redis = redis(Addresses::Sentinels {
        sentinels: vec![format!("redis://127.0.0.1:{}", port.number()).into()],
        master: "exchange".to_owned(),
        pattern: "redis://127.0.0.1/0".to_owned().into(),
    });
    all_of_it_works(&redis, "before").await;
    assert_ne!(cli(master.port(), &["dbsize"]).trim(), "0");
    master.kill();
    assert!(redis.ping().await.is_err(), "nobody answers for the master");
    let end = Instant::now() + PATIENCE;
    while redis.ping().await.is_err() {
        assert!(Instant::now() < end, "no other master in time");
        sleep(Duration::from_millis(100)).await;
    }
    all_of_it_works(&redis, "after").await;
    assert!(cli(replica.port(), &["role"]).starts_with("master"));
}

#[tokio::test]
async fn an_encrypted_server_is_used_and_a_false_one_is_refused() {
    let names = |names: &'static [&str]| Server::start(Options::new().tls_names(names));
    let (right, elsewhere) = tokio::try_join!(names(&["127.0.0.1"]), names(&["elsewhere.test"])).unwrap();
    let (authority, stranger) = {
        let known = right.certificates().unwrap();
        (known.authority(), known.stranger())
    };
    let one = |server: &Server| Addresses::One(server.url().into());
    assert!(right.url().starts_with("rediss://"));
    all_of_it_works(&trusting(one(&right), Some(&authority)), "tls").await;
    let plainly = Addresses::One(right.url().replace("rediss://", "redis://").into());
    let other = elsewhere.certificates().unwrap().authority();
    for (refused, why) in [
        (trusting(one(&right), Some(&stranger)), "another authority's"),
        (trusting(one(&right), None), "none of the web's"),
        (trusting(one(&elsewhere), Some(&other)), "for another name"),
        (redis(plainly), "not in TLS"),
    ] {
        assert!(refused.ping().await.is_err(), "{why}");
    }
}
