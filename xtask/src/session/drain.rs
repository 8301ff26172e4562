//! A gateway behind nginx is taken out and stopped while orders and streams go on: no order fails, streams come again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{Exchange, Nginx};
use tokio::time::Instant;

use super::side::addresses;
use crate::http::{Asked, Question, ask};
use crate::shell;

/// The gateway that goes.
const GATEWAY: &str = "gateway-1";
/// Who places orders, each one after the other, below the limit of ten a second.
const USERS: [&str; 2] = ["alice", "bob"];
const BETWEEN: Duration = Duration::from_millis(120);
/// How long orders go on before and after each change.
const GOES_ON: Duration = Duration::from_secs(1);
/// How long a stream may take to begin or to end.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

/// Takes a gateway out of nginx, stops it, starts it, and puts it back.
///
/// # Errors
/// An order is not answered with 201, or a stream does not end and begin again.
pub async fn tried(exchange: &mut Exchange, nginx: &mut Nginx, programs: &Path, dir: &Path) -> Result<()> {
    let over = Arc::new(AtomicBool::new(false));
    let mut flows = Vec::new();
    for user in USERS {
        let token = shell::output(&mut exchange.member(GATEWAY)?.command(&["token", user]))?;
        let token = token.trim().to_owned();
        flows.push((
            user,
            tokio::spawn(place(nginx.port(), token, user, Arc::clone(&over))),
        ));
    }
    let (client, url) = (programs.join("examples/ws"), nginx.websocket_url());
    let stream = |number: u32| Stream::open(&client, &url, dir, number);
    // Two streams are one at each gateway.
    let mut streams = [stream(1)?, stream(2)?];
    for stream in &mut streams {
        stream.until("\"snapshot\"").await?;
    }
    tokio::time::sleep(GOES_ON).await;
    let gateway = exchange.member(GATEWAY)?;
    let (http, websocket) = addresses(gateway);
    let addresses = [http, websocket];
    nginx.take_out(&addresses).await?;
    tokio::time::sleep(GOES_ON).await;
    gateway.stop().await?;
    ended(&mut streams).await?;
    let mut again = stream(3)?;
    again.until("\"snapshot\"").await?;
    tokio::time::sleep(GOES_ON).await;
    gateway.start().await?;
    nginx.put_back(&addresses).await?;
    tokio::time::sleep(GOES_ON).await;
    over.store(true, Ordering::Relaxed);
    let mut placed = 0;
    for (user, flow) in flows {
        placed += flow
            .await?
            .with_context(|| format!("an order of {user} behind nginx"))?;
    }
    println!(
        "{GATEWAY} behind nginx was stopped and started: {placed} orders, each answered with 201; its stream came again"
    );
    Ok(())
}

/// Places one order after the other, each under an id of its own, and counts them: had one been sent twice, its answer would
/// be that to a repetition, 200.
async fn place(port: u16, token: String, user: &str, over: Arc<AtomicBool>) -> Result<u32> {
    let mut placed = 0;
    while !over.load(Ordering::Relaxed) {
        let body = format!(
            r#"{{"symbol":"BTC/USDT","side":"BUY","order_type":"LIMIT","price":"50000","quantity":"0.0001","client_order_id":"drain-{user}-{placed}"}}"#
        );
        let asked = ask(Question {
            port,
            method: "POST",
            path: "/api/v1/orders",
            token: &token,
            body: &body,
        });
        let asked = asked.await;
        let new = matches!(&asked, Asked::Answer(answer) if answer.status == 201);
        ensure!(new, "number {placed} is answered with {asked:?}");
        placed += 1;
        tokio::time::sleep(BETWEEN).await;
    }
    Ok(placed)
}

/// Waits until exactly one of them has ended as the server's stop ends it.
async fn ended(streams: &mut [Stream]) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let ends: Vec<bool> = streams.iter().map(|stream| stream.said("closed")).collect();
        if ends.contains(&true) {
            ensure!(ends.contains(&false), "both streams were at {GATEWAY}");
            let stopped = streams.iter().any(|stream| stream.said("closed 1001"));
            ensure!(stopped, "a stream ended otherwise than with 1001");
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "no stream was at {GATEWAY}");
        tokio::time::sleep(LOOK).await;
    }
}

/// A client of WebSockets that watches a book.
struct Stream {
    client: Child,
    /// Its end would be that of the client.
    _words: Option<ChildStdin>,
    said: PathBuf,
}

impl Stream {
    fn open(program: &Path, url: &str, dir: &Path, number: u32) -> Result<Self> {
        use std::io::Write as _;
        let said = dir.join(format!("drained-stream-{number}"));
        let mut client = Command::new(program)
            .arg(url)
            .stdin(Stdio::piped())
            .stdout(File::create(&said)?)
            .spawn()
            .context("cannot start examples/ws")?;
        let mut words = client.stdin.take();
        let stdin = words.as_mut().context("a client without standard input")?;
        stdin.write_all(b"{\"op\":\"subscribe\",\"channels\":[\"depth:BTC-USDT\"]}\n")?;
        Ok(Self {
            client,
            _words: words,
            said,
        })
    }

    fn said(&self, words: &str) -> bool {
        std::fs::read_to_string(&self.said).is_ok_and(|said| said.contains(words))
    }

    async fn until(&mut self, words: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.said(words) {
            let told = || std::fs::read_to_string(&self.said).unwrap_or_default();
            ensure!(
                Instant::now() < deadline,
                "a stream behind nginx says only: {}",
                told()
            );
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}
