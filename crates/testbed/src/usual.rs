//! Whether a server on this machine would serve tests: asked in its own protocol, with the credentials of a fresh install.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_postgres::NoTls;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest frame of AMQP that is read: a broker begins with a few hundred bytes about itself.
const FRAME_BYTES: usize = 64 * 1024;
/// A frame that holds a method.
const METHOD: u8 = 1;
/// The last byte of every frame.
const FRAME_END: u8 = 0xCE;

/// The address of the PostgreSQL on this port, if it lets the role `postgres` in without a password.
pub async fn postgres(port: u16) -> Option<String> {
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let ask = async {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        let driver = tokio::spawn(connection);
        client.batch_execute("SELECT 1").await?;
        drop(client);
        anyhow::Ok(driver.await??)
    };
    in_time(ask).await.then_some(url)
}

/// The address of the Redis on this port, if it asks for no password.
pub async fn redis(port: u16) -> Option<String> {
    let ask = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await?;
        ensure!(&answer == b"+PONG\r\n", "no PONG");
        Ok(())
    };
    in_time(ask).await.then(|| format!("redis://127.0.0.1:{port}/0"))
}

/// The address of the RabbitMQ on this port, if it lets `guest` in.
pub async fn rabbitmq(port: u16) -> Option<String> {
    let ask = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(b"AMQP\0\0\x09\x01").await?;
        ensure!(
            method(&mut stream).await? == [0, 10, 0, 10],
            "no connection.start"
        );
        stream.write_all(&start_ok()).await?;
        ensure!(method(&mut stream).await? == [0, 10, 0, 30], "no connection.tune");
        Ok(())
    };
    let url = || format!("amqp://guest:guest@127.0.0.1:{port}/");
    in_time(ask).await.then(url)
}

async fn in_time(ask: impl Future<Output = Result<()>>) -> bool {
    matches!(tokio::time::timeout(PATIENCE, ask).await, Ok(Ok(())))
}

/// The class and the number of the method in the next frame.
async fn method(stream: &mut TcpStream) -> Result<[u8; 4]> {
    let kind = stream.read_u8().await?;
    let _channel = stream.read_u16().await?;
    let length = usize::try_from(stream.read_u32().await?)?;
    ensure!(kind == METHOD && length < FRAME_BYTES, "no method");
    let mut body = vec![0; length + 1];
    stream.read_exact(&mut body).await?;
    let name = body.get(..4).context("a method without a name")?;
    Ok(name.try_into()?)
}

/// `connection.start-ok`: no properties, the mechanism PLAIN with guest's name and password, a locale.
fn start_ok() -> Vec<u8> {
    let credentials = b"\0guest\0guest";
    let mut body = vec![0, 10, 0, 11, 0, 0, 0, 0, 5];
    body.extend(b"PLAIN");
    body.extend([0, 0, 0, 12]);
    body.extend(credentials);
    body.push(5);
    body.extend(b"en_US");
    let length = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
    let mut frame = vec![METHOD, 0, 0];
    frame.extend(length);
    frame.extend(body);
    frame.push(FRAME_END);
    frame
}
