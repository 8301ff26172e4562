//! Readers of the WebSocket that subscribe and then read nothing, for as long as they are let.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use testbed::{Exchange, Role};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

/// How many read nothing at any time.
const READERS: u32 = 16;
/// Between two requests for the same snapshot: what fills the way to a reader sooner than news do.
const BETWEEN: Duration = Duration::from_millis(60);
/// So long a reader stays: the kernel takes some megabytes for it before the gateway has to wait, and whoever reads nothing does
/// not see that it was cut.
const STAYS: Duration = Duration::from_secs(30);
/// What the kernel keeps for a reader, in bytes: little, so that the gateway soon has the rest.
const KEPT: u32 = 2_048;

/// Begins, at the first gateway; they end with the set.
///
/// # Errors
/// There is no gateway.
pub fn start(exchange: &Exchange) -> Result<JoinSet<()>> {
    let gateway = exchange.of(Role::Gateway).next().context("there is no gateway")?;
    let url = gateway.websocket_url();
    let port = url.split([':', '/']).find_map(|part| part.parse().ok());
    let port = port.context("a port")?;
    let mut readers = JoinSet::new();
    for begins in 0..READERS {
        readers.spawn(async move {
            // One after the other, so that they are cut so.
            tokio::time::sleep(STAYS / READERS * begins).await;
            loop {
                drop(tokio::time::timeout(STAYS, read_nothing(port)).await);
                tokio::time::sleep(BETWEEN).await;
            }
        });
    }
    Ok(readers)
}

/// Asks for the same snapshot again and again and reads none.
async fn read_nothing(port: u16) -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(KEPT)?;
    let mut stream = socket
        .connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .await?;
    let upgrade = format!(
        "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await?;
    let request = frame(br#"{"op":"subscribe","channels":["trades:BTC-USDT","depth:BTC-USDT"]}"#)?;
    loop {
        // The gateway takes frames once it has answered the first request.
        tokio::time::sleep(BETWEEN).await;
        stream.write_all(&request).await?;
    }
}

/// A text frame of a client (RFC 6455, 5.2), masked with zeros.
fn frame(text: &[u8]) -> Result<Vec<u8>> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 126);
    let length = length.context("a frame is shorter than 126 bytes here")?;
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(text);
    Ok(frame)
}
