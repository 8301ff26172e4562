//! The proxy between a client and a server that answers with what it hears.

use std::io::ErrorKind;
use std::time::Duration;

use testbed::{Direction, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Far above all that was ever seen.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long something is watched that must not happen.
const WATCHED: Duration = Duration::from_millis(200);

/// A port that answers every byte with itself.
async fn echo() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = client.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    port
}

async fn client(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port()))
        .await
        .expect("a connection")
}

async fn say(client: &mut TcpStream, words: &[u8]) -> std::io::Result<Vec<u8>> {
    client.write_all(words).await?;
    let mut answer = vec![0; words.len()];
    let read = client.read_exact(&mut answer);
    timeout(PATIENCE, read).await.map_err(|_| ErrorKind::TimedOut)??;
    Ok(answer)
}

#[tokio::test]
async fn what_goes_in_comes_out_and_an_end_is_an_end() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut client = client(&proxy).await;
    let much: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let (mut from, mut to) = client.split();
    let mut back = Vec::new();
    let send = async {
        to.write_all(&much).await?;
        to.shutdown().await
    };
    let (_, read) = tokio::join!(send, timeout(PATIENCE, from.read_to_end(&mut back)));
    read.unwrap().unwrap();
    assert!(back == much);
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test]
async fn an_address_by_way_of_the_proxy_differs_in_its_port_alone() {
    let proxy = Proxy::start(15_432).await.unwrap();
    let url = proxy.url("postgres://me:1@127.0.0.1:15432/name");
    assert_eq!(url, format!("postgres://me:1@127.0.0.1:{}/name", proxy.port()));
}

#[tokio::test]
async fn a_cut_resets_old_and_new_connections_until_it_heals() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut old = client(&proxy).await;
    assert_eq!(say(&mut old, b"hear").await.unwrap(), b"hear");
    proxy.cut();
    let reset = old.read(&mut [0]).await.unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
    let mut new = client(&proxy).await;
    assert!(say(&mut new, b"hear").await.is_err());
    proxy.heal();
    assert!(say(&mut old, b"hear").await.is_err());
    assert_eq!(say(&mut client(&proxy).await, b"hear").await.unwrap(), b"hear");
}

#[tokio::test]
async fn a_server_that_is_gone_is_a_reset() {
    let gone = TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let proxy = Proxy::start(gone.port()).await.unwrap();
    assert!(say(&mut client(&proxy).await, b"hear").await.is_err());
}

#[tokio::test]
async fn frozen_bytes_arrive_when_it_heals() {
    for direction in [Direction::ToServer, Direction::ToClient] {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut old = client(&proxy).await;
        assert_eq!(say(&mut old, b"before").await.unwrap(), b"before");
        proxy.freeze(direction);
        old.write_all(b"after").await.unwrap();
        let mut answer = [0; 5];
        assert!(timeout(WATCHED, old.read_exact(&mut answer)).await.is_err());
        let mut new = client(&proxy).await;
        new.write_all(b"n").await.unwrap();
        assert!(timeout(WATCHED, new.read_u8()).await.is_err());
        proxy.heal();
        timeout(PATIENCE, old.read_exact(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&answer, b"after");
        assert_eq!(timeout(PATIENCE, new.read_u8()).await.unwrap().unwrap(), b'n');
    }
}

#[tokio::test]
async fn a_frozen_connection_can_be_cut() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut client = client(&proxy).await;
    assert_eq!(say(&mut client, b"hear").await.unwrap(), b"hear");
    proxy.freeze(Direction::ToServer);
    proxy.cut();
    assert!(timeout(PATIENCE, client.read_u8()).await.unwrap().is_err());
}

#[tokio::test]
async fn it_cuts_in_the_middle_of_a_message() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut client = client(&proxy).await;
    assert_eq!(say(&mut client, b"hear").await.unwrap(), b"hear");
    proxy.cut_after(Direction::ToClient, 3);
    client.write_all(b"hello").await.unwrap();
    let mut heard = Vec::new();
    let reset = timeout(PATIENCE, client.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(reset.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(heard, b"hel");
}

#[tokio::test]
async fn delayed_bytes_come_no_sooner_each_way_and_in_order() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let delay = Duration::from_millis(150);
    proxy.delay(delay);
    let mut client = client(&proxy).await;
    let begin = tokio::time::Instant::now();
    assert_eq!(say(&mut client, b"abc").await.unwrap(), b"abc");
    assert!(begin.elapsed() >= 2 * delay);
}
