//! Servers with certificates: in comes who trusts their authority and asks for their name, in nothing but TLS.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use testbed::{Options, Postgres, RabbitMq, Redis};
use tokio_postgres_rustls::MakeRustlsConnect;

fn trusting(root: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(root).expect("a file") {
        roots.add(root.expect("a certificate")).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Says something in TLS and returns the beginning of the answer.
fn ask(port: u16, root: &Path, words: &[u8]) -> std::io::Result<Vec<u8>> {
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let client = ClientConnection::new(Arc::new(trusting(root)), name).expect("a client");
    let socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut stream = StreamOwned::new(client, socket);
    stream.write_all(words)?;
    let mut answer = [0; 16];
    let length = stream.read(&mut answer)?;
    Ok(answer[..length].to_vec())
}

/// What a server says to someone who does not speak TLS.
fn ask_plainly(port: u16, words: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(words)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

#[tokio::test]
async fn redis_is_known_by_its_authority() {
    let redis = Redis::start(Options::new().tls()).await.unwrap();
    let known = redis.certificates().unwrap();
    assert!(redis.url().starts_with("rediss://"));
    assert_eq!(
        ask(redis.port(), &known.authority(), b"PING\r\n").unwrap(),
        b"+PONG\r\n"
    );
    assert!(ask(redis.port(), &known.stranger(), b"PING\r\n").is_err());
    let plain = ask_plainly(redis.port(), b"PING\r\n").unwrap_or_default();
    assert!(!plain.starts_with(b"+PONG"), "{plain:?}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let redis = Redis::start(Options::new().tls_names(&["elsewhere.test"]))
        .await
        .unwrap();
    let known = redis.certificates().unwrap();
    assert!(ask(redis.port(), &known.authority(), b"PING\r\n").is_err());
}

#[tokio::test]
async fn rabbitmq_is_known_by_its_authority() {
    let rabbitmq = RabbitMq::start(Options::new().tls()).await.unwrap();
    let known = rabbitmq.certificates().unwrap();
    assert!(rabbitmq.url().starts_with("amqps://"));
    let hello = b"AMQP\0\0\x09\x01";
    assert!(
        ask(rabbitmq.port(), &known.authority(), hello)
            .unwrap()
            .starts_with(b"\x01\0\0")
    );
    assert!(ask(rabbitmq.port(), &known.stranger(), hello).is_err());
    let plain = ask_plainly(rabbitmq.port(), hello).unwrap_or_default();
    assert!(!plain.starts_with(b"\x01\0\0"), "{plain:?}");
}

#[tokio::test]
async fn postgres_is_known_by_its_authority_and_takes_its_roles_in_tls_alone() {
    let postgres = Postgres::start(Options::new().tls()).await.unwrap();
    let known = postgres.certificates().unwrap();
    let database = postgres.database().await.unwrap();
    let (client, connection) = tokio_postgres::connect(&postgres.url(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client.batch_execute("CREATE ROLE reader LOGIN").await.unwrap();
    let url = database.url().replace("postgres@", "reader@") + "?sslmode=require";
    let trusted = MakeRustlsConnect::new(trusting(&known.authority()));
    assert!(tokio_postgres::connect(&url, trusted).await.is_ok());
    let stranger = MakeRustlsConnect::new(trusting(&known.stranger()));
    assert!(tokio_postgres::connect(&url, stranger).await.is_err());
    let plain = url.replace("?sslmode=require", "");
    assert!(
        tokio_postgres::connect(&plain, tokio_postgres::NoTls)
            .await
            .is_err()
    );
}
