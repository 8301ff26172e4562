//! The load balancer as operators get it: what it asks for again, and what it never does.
#![allow(clippy::print_stderr, reason = "a test that could not be done says so")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use testbed::{Nginx, Options, Port};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Far above all that was ever seen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway that reads a request and then closes the connection without a word, or answers; it counts what it has read.
struct Gateway {
    port: u16,
    heard: Arc<AtomicUsize>,
}

impl Gateway {
    async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heard = Arc::new(AtomicUsize::new(0));
        let counts = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut request = [0; 4096];
                if client.read(&mut request).await.is_ok_and(|read| read > 0) {
                    counts.fetch_add(1, Ordering::SeqCst);
                    let _ = client.write_all(answer.as_bytes()).await;
                }
            }
        });
        Self { port, heard }
    }

    fn heard(&self) -> usize {
        self.heard.load(Ordering::SeqCst)
    }

    fn address(&self) -> String {
        address(self.port)
    }
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// The balancer before two gateways; none where nginx is not installed, unless it has to be.
async fn before(one: &str, two: &str) -> Option<Nginx> {
    let options = Options::new();
    let options = options
        .setting("gateway-1:8080", one)
        .setting("gateway-2:8080", two);
    let options = options
        .setting("gateway-1:8081", one)
        .setting("gateway-2:8081", two);
    match Nginx::start(options).await {
        Ok(nginx) => Some(nginx),
        Err(error) if format!("{error:#}").contains("is not installed") && !in_the_gate() => {
            eprintln!("skipped: {error:#}");
            None
        }
        Err(error) => panic!("{error:#}"),
    }
}

/// Where nothing may be left out: `cargo xtask test` has installed it before, or has failed.
fn in_the_gate() -> bool {
    std::env::var_os("CI").is_some_and(|ci| ci == "true")
}

/// The status that the balancer answers with.
async fn asked(nginx: &Nginx, method: &str, path: &str) -> String {
    let asking = async {
        let mut stream = TcpStream::connect(("127.0.0.1", nginx.port())).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = timeout(PATIENCE, asking).await.expect("an answer in time");
    let answer = answer.expect("an answer");
    answer.split_whitespace().nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_order_that_was_sent_is_never_sent_again() {
    let (one, two) = (Gateway::start("").await, Gateway::start("").await);
    let Some(nginx) = before(&one.address(), &two.address()).await else {
        return;
    };
    assert_eq!(asked(&nginx, "POST", "/api/v1/orders").await, "502");
    assert_eq!(one.heard() + two.heard(), 1);
    // It counts as broken for a second, and nginx counts in whole ones.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(asked(&nginx, "GET", "/api/v1/orders").await, "502");
    assert_eq!(
        one.heard() + two.heard(),
        3,
        "what may be asked twice is asked of both"
    );
}

#[tokio::test]
async fn where_nobody_listens_the_next_one_gets_the_order() {
    let (gone, there) = (
        Port::free().expect("a port"),
        Gateway::start("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await,
    );
    let Some(nginx) = before(&address(gone.number()), &there.address()).await else {
        return;
    };
    for number in 1..=10 {
        assert_eq!(asked(&nginx, "POST", "/api/v1/orders").await, "201");
        assert_eq!(there.heard(), number);
    }
}

#[tokio::test]
async fn one_that_is_taken_out_hears_of_nothing_until_it_is_put_back() {
    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let (one, two) = (Gateway::start(OK).await, Gateway::start(OK).await);
    let Some(mut nginx) = before(&one.address(), &two.address()).await else {
        return;
    };
    nginx.take_out(&[one.address()]).await.expect("it is taken out");
    for _ in 0..10 {
        assert_eq!(asked(&nginx, "POST", "/api/v1/orders").await, "200");
    }
    assert_eq!((one.heard(), two.heard()), (0, 10));
    nginx.put_back(&[one.address()]).await.expect("it is put back");
    for _ in 0..10 {
        assert_eq!(asked(&nginx, "POST", "/api/v1/orders").await, "200");
    }
    assert!(one.heard() > 0, "it hears of some");
    assert!(nginx.take_out(&["127.0.0.1:1".to_owned()]).await.is_err());
}

#[tokio::test]
async fn an_address_that_the_file_does_not_have_is_an_error() {
    let started = Nginx::start(Options::new().setting("gateway-9:8080", "127.0.0.1:1")).await;
    assert!(started.is_err());
}
