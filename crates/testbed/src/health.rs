//! Asking a program over HTTP whether it is ready.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of an answer, this much is read.
const ANSWER_BYTES: u64 = 64 * 1024;

/// The status and the body that a port of 127.0.0.1 answers a GET with.
///
/// # Errors
/// Nobody answers in HTTP within five seconds.
pub async fn get(port: u16, path: &str) -> Result<(u16, String)> {
    tokio::time::timeout(PATIENCE, ask(port, path))
        .await
        .with_context(|| format!("port {port} does not answer"))?
}

async fn ask(port: u16, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("an answer without a head")?;
    let status = head
        .split_whitespace()
        .nth(1)
        .context("an answer without a status")?;
    Ok((status.parse()?, body.to_owned()))
}
