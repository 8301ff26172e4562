//! A listener that answers requests by a script and writes down what came.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{Reserve, UserId};
use runtime::{Clock, Ids, ManualClock};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use wallet_client::{
    BreakerOptions, HttpWallet, HttpWalletOptions, Instruction, ServiceKey, TokenNames, Wallet,
};

pub const SECRET: &str = "a secret that is long enough for HS256";

/// What a request is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// This status with this JSON.
    Json(u16, Value),
    /// This status with this text.
    Text(u16, &'static str),
    /// A longer body is announced than comes.
    Cut(&'static str),
    /// So many bytes of body.
    Bytes(usize),
    /// Nothing, for ever.
    Silence,
    /// The connection ends.
    Hangup,
}

/// What a request is answered, by its number and its first line.
type Replies = dyn Fn(usize, &str) -> Reply + Send + Sync;

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Came {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Came {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The listener; it ends with this value.
pub struct Stub {
    pub url: String,
    came: Arc<Mutex<Vec<Came>>>,
    task: JoinHandle<()>,
}

impl Stub {
    /// Answers the requests in their order; the last reply is for all further ones.
    pub async fn start(replies: Vec<Reply>) -> Self {
        let last = replies.len() - 1;
        Self::answering(move |number, _| replies[number.min(last)].clone()).await
    }

    /// Answers each request by its first line.
    pub async fn by_path(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::answering(move |_, line| reply(line)).await
    }

    /// Answers each request by its number and its first line.
    async fn answering(reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        let reply: Arc<Replies> = Arc::new(reply);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let came = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&came);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (seen, reply) = (Arc::clone(&seen), Arc::clone(&reply));
                tokio::spawn(async move { serve(stream, &seen, &*reply).await });
            }
        });
        Self { url, came, task }
    }

    /// What came until now.
    pub fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one request, answers it, and ends the connection.
async fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Came>>, reply: &Replies) -> Option<()> {
    let came = read(&mut stream).await?;
    let line = came.line.clone();
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(came);
        seen.len() - 1
    };
    let (status, body, length) = match reply(number, &line) {
        Reply::Json(status, value) => (status, value.to_string(), None),
        Reply::Text(status, text) => (status, text.to_owned(), None),
        Reply::Cut(text) => (200, text.to_owned(), Some(text.len() + 10)),
        Reply::Bytes(count) => (200, " ".repeat(count), None),
        Reply::Silence => std::future::pending().await,
        Reply::Hangup => return None,
    };
    let length = length.unwrap_or(body.len());
    let head = format!(
        "HTTP/1.1 {status} Reason\r\nlocation: /elsewhere\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body.as_bytes()).await.ok()
}

async fn read(stream: &mut TcpStream) -> Option<Came> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(Ok(0), |(_, value)| value.parse()).ok()?;
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8(bytes[head_end..].to_vec()).ok()?;
    Some(Came { line, headers, body })
}

/// What one instruction is answered when it is done.
pub fn done() -> Reply {
    Reply::Json(
        200,
        json!({ "results": [{ "status": 200, "entry_ids": [], "balances": [] }] }),
    )
}

pub fn options(url: &str) -> HttpWalletOptions {
    HttpWalletOptions {
        url: url.to_owned(),
        key: ServiceKey::Secret(SecretString::from(SECRET)),
        names: TokenNames {
            issuer: "services".to_owned(),
            audience: "wallet".to_owned(),
            life: Duration::from_secs(60),
        },
        connect_timeout: Duration::from_secs(2),
        timeout: Duration::from_secs(10),
        try_timeout: Duration::from_secs(10),
        tries: 3,
        first_delay: Duration::from_millis(1),
        calls_in_flight: 4,
        calls_waiting: 100,
        breaker: BreakerOptions::default(),
    }
}

/// A client of these options, with a clock of its own.
pub fn client(options: HttpWalletOptions) -> (HttpWallet, ManualClock) {
    let manual = ManualClock::at(1_700_000_000_000_000);
    let clock = Clock::from(manual.clone());
    let wallet = HttpWallet::new(options, Ids::seeded(clock.clone(), 1), clock).unwrap();
    (wallet, manual)
}

pub fn reserve() -> Instruction {
    Instruction::Reserve(Reserve {
        order_id: "018bcfe5-687b-7000-8000-00000000002a".parse().unwrap(),
        request_id: None,
        user_id: UserId::from_u128(1),
        asset: "USDT".parse().unwrap(),
        receives: "BTC".parse().unwrap(),
        amount: domain::Amount::parse("1000.5").unwrap(),
    })
}

/// The outcome of one call in a word.
pub async fn call(wallet: &HttpWallet) -> String {
    use wallet_client::NotAnswered::{NotSent, Unknown};
    match wallet.instruct(3, vec![reserve()]).await {
        Ok(_) => "answered".to_owned(),
        Err(Unknown(reason)) => format!("unknown: {reason}"),
        Err(NotSent(reason)) => format!("not sent: {reason}"),
    }
}
