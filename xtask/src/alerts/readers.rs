//! Readers of the WebSocket that subscribe and then read nothing, for as long as they are let.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

/// How many read nothing at any time.
const READERS: usize = 16;
/// Between two requests for the same snapshot: what fills the way to a reader sooner than news do.
const BETWEEN: Duration = Duration::from_millis(120);
/// What the kernel keeps for a reader, in bytes: little, so that the gateway soon has the rest.
const KEPT: u32 = 2_048;

/// Begins; they end with the set.
pub fn start(port: u16) -> JoinSet<()> {
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        readers.spawn(async move {
            loop {
                // Whoever was cut comes again.
                drop(read_nothing(port).await);
                tokio::time::sleep(BETWEEN).await;
            }
        });
    }
    readers
}

/// Asks for the same snapshot again and again and reads none, until the gateway is through with that.
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
    let request = frame(br#"{"op":"subscribe","channels":["trades:BTC-USDT","depth:BTC-USDT"]}"#);
    loop {
        // The gateway takes frames once it has answered the first request.
        tokio::time::sleep(BETWEEN).await;
        stream.write_all(&request).await?;
    }
}

/// A text frame of a client (RFC 6455, 5.2), masked with zeros, shorter than 126 bytes.
fn frame(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len().min(125)).unwrap_or(125);
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(text);
    frame
}
