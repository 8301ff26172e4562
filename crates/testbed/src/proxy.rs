//! A TCP proxy between a program and its server that cuts, freezes and delays what goes through it.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::ports::Port;

/// Bytes read at once.
const CHUNK_BYTES: usize = 16 * 1024;
/// Chunks on their way in one direction of one connection; then its sender waits.
const CHUNKS: usize = 64;
/// Connections at the same time; more are reset.
const CONNECTIONS: usize = 1_024;

/// Which bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What holds now.
#[derive(Debug, Clone, Default)]
struct Rules {
    /// How often all connections were cut.
    cuts: u64,
    closed: bool,
    frozen_to_server: bool,
    frozen_to_client: bool,
    delay: Duration,
}

impl Rules {
    fn frozen(&self, direction: Direction) -> bool {
        match direction {
            Direction::ToServer => self.frozen_to_server,
            Direction::ToClient => self.frozen_to_client,
        }
    }
}

#[derive(Debug)]
struct Shared {
    target: u16,
    rules: watch::Sender<Rules>,
    /// How many bytes may still pass before everything is cut.
    left_to_server: AtomicU64,
    left_to_client: AtomicU64,
    accepted: AtomicU64,
}

/// Forwards a port of 127.0.0.1 to another, on the runtime that started it, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    port: Port,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Forwards a free port to this one.
    ///
    /// # Errors
    /// No port can be listened on.
    pub async fn start(target: u16) -> Result<Self> {
        let port = Port::free()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.number())).await;
        let listener = listener.with_context(|| format!("a proxy on port {}", port.number()))?;
        let shared = Arc::new(Shared {
            target,
            rules: watch::Sender::default(),
            left_to_server: AtomicU64::new(u64::MAX),
            left_to_client: AtomicU64::new(u64::MAX),
            accepted: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(shared.clone(), listener));
        Ok(Self {
            shared,
            port,
            accepting,
        })
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The server's address, by way of this proxy.
    pub fn url(&self, server: &str) -> String {
        server.replacen(
            &format!(":{}", self.shared.target),
            &format!(":{}", self.port()),
            1,
        )
    }

    /// How many connections clients have made so far, those that were reset at once among them.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Resets all connections, and every new one at once, until [`Proxy::heal`]. What was on its way is lost.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Cuts in the middle of a message: as [`Proxy::cut`], once this many more bytes have passed in this direction, over
    /// all connections together.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        self.shared.left(direction).store(bytes, Ordering::Relaxed);
        if bytes == 0 {
            self.cut();
        }
    }

    /// Holds all bytes of this direction back; connections stay, new ones are accepted. Held bytes arrive after
    /// [`Proxy::heal`].
    pub fn freeze(&self, direction: Direction) {
        self.shared.rules.send_modify(|rules| match direction {
            Direction::ToServer => rules.frozen_to_server = true,
            Direction::ToClient => rules.frozen_to_client = true,
        });
    }

    /// Lets every byte that is sent from now on arrive that much later, in both directions.
    pub fn delay(&self, delay: Duration) {
        self.shared.rules.send_modify(|rules| rules.delay = delay);
    }

    /// Forwards again at once, and without limits. Connections that were cut stay cut.
    pub fn heal(&self) {
        for direction in [Direction::ToServer, Direction::ToClient] {
            self.shared.left(direction).store(u64::MAX, Ordering::Relaxed);
        }
        self.shared.rules.send_modify(|rules| {
            *rules = Rules {
                cuts: rules.cuts,
                ..Rules::default()
            };
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The connections belong to this task.
        self.accepting.abort();
    }
}

impl Shared {
    fn left(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::ToServer => &self.left_to_server,
            Direction::ToClient => &self.left_to_client,
        }
    }

    fn cut(&self) {
        self.rules.send_modify(|rules| {
            rules.cuts += 1;
            rules.closed = true;
        });
    }

    /// How many of these bytes may pass, and whether they are the last ones.
    fn pass(&self, direction: Direction, bytes: usize) -> (usize, bool) {
        let asked = u64::try_from(bytes).unwrap_or(u64::MAX);
        let less = |left: u64| (left != u64::MAX).then(|| left.saturating_sub(asked));
        match self
            .left(direction)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        {
            Ok(left) => (usize::try_from(left.min(asked)).unwrap_or(bytes), left <= asked),
            Err(_) => (bytes, false),
        }
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        while connections.try_join_next().is_some() {}
        shared.accepted.fetch_add(1, Ordering::Relaxed);
        if shared.rules.borrow().closed || connections.len() >= CONNECTIONS {
            reset(&client);
        } else {
            connections.spawn(connection(shared.clone(), client));
        }
    }
}

/// When the socket is closed next, the other side hears of a reset instead of an end.
fn reset(socket: &TcpStream) {
    let _ = socket.set_zero_linger();
}

async fn connection(shared: Arc<Shared>, mut client: TcpStream) {
    let mut rules = shared.rules.subscribe();
    let cuts = rules.borrow().cuts;
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.target)).await else {
        return reset(&client);
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let done = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = async {
            tokio::try_join!(
                carry(&shared, Direction::ToServer, from_client, to_server),
                carry(&shared, Direction::ToClient, from_server, to_client),
            )
        };
        tokio::select! {
            biased;
            _ = rules.wait_for(|rules| rules.cuts != cuts) => false,
            done = both => done.is_ok(),
        }
    };
    if !done {
        reset(&client);
        reset(&server);
    }
}

/// Carries one direction to its end.
async fn carry(
    shared: &Shared,
    direction: Direction,
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let (queue, arrivals) = mpsc::channel(CHUNKS);
    tokio::try_join!(take(shared, from, queue), give(shared, direction, arrivals, to))?;
    Ok(())
}

async fn take(
    shared: &Shared,
    mut from: impl AsyncRead + Unpin,
    queue: mpsc::Sender<(Instant, Vec<u8>)>,
) -> io::Result<()> {
    loop {
        let mut bytes = vec![0; CHUNK_BYTES];
        let length = from.read(&mut bytes).await?;
        bytes.truncate(length);
        let due = Instant::now() + shared.rules.borrow().delay;
        if length == 0 || queue.send((due, bytes)).await.is_err() {
            return Ok(());
        }
    }
}

async fn give(
    shared: &Shared,
    direction: Direction,
    mut arrivals: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut to: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut rules = shared.rules.subscribe();
    while let Some((due, bytes)) = arrivals.recv().await {
        tokio::time::sleep_until(due).await;
        thawed(&mut rules, direction).await;
        let (length, last) = shared.pass(direction, bytes.len());
        to.write_all(bytes.get(..length).unwrap_or_default()).await?;
        if last {
            shared.cut();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
    }
    thawed(&mut rules, direction).await;
    to.shutdown().await
}

async fn thawed(rules: &mut watch::Receiver<Rules>, direction: Direction) {
    // The sender lives as long as the connection.
    let _ = rules.wait_for(|rules| !rules.frozen(direction)).await;
}
