//! A collector of traces: takes what programs send by OTLP over HTTP, and keeps it.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The largest request that is taken, in bytes.
const MOST_BYTES: usize = 64 * 1024 * 1024;
const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";

/// A span as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The program that sent it.
    pub service: String,
    /// What it is called.
    pub name: String,
    /// Its id.
    pub id: Vec<u8>,
    /// The id of the span that it is a part of; empty: it is the whole.
    pub parent: Vec<u8>,
    /// The ids of the spans of other traces that it is linked to.
    pub links: Vec<Vec<u8>>,
}

type Traces = HashMap<String, Vec<Seen>>;

/// Listens on a port of its own for as long as the runtime lives.
#[derive(Debug)]
pub struct Sink {
    port: u16,
    traces: Arc<Mutex<Traces>>,
}

impl Sink {
    /// Begins to listen.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let traces = Arc::new(Mutex::new(Traces::new()));
        let kept = Arc::clone(&traces);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    // A program that ends closes its connection in the middle of nothing.
                    #[allow(clippy::print_stdout, reason = "for whoever misses a span")]
                    if let Err(error) = take_all(stream, &kept).await {
                        println!("traces: {error:#}");
                    }
                });
            }
        });
        Ok(Self { port, traces })
    }

    /// The same on a thread of its own, for as long as the process lives.
    ///
    /// # Errors
    /// No port is free, or no thread.
    pub fn start_apart() -> Result<Self> {
        let (sender, started) = mpsc::channel();
        let listen = async move {
            // An error says that nobody wants it any more.
            let _ = sender.send(Self::start().await);
            std::future::pending::<()>().await;
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("sink".to_owned())
            .spawn(move || runtime.block_on(listen))?;
        started.recv().context("the thread has gone")?
    }

    /// Where programs send traces.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What has come of a trace.
    pub fn trace(&self, id: &str) -> Vec<Seen> {
        let traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        traces.get(id).cloned().unwrap_or_default()
    }

    /// The ids of the traces that have a span of this name.
    pub fn traces_with(&self, name: &str) -> Vec<String> {
        let traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        let with = traces
            .iter()
            .filter(|(_, spans)| spans.iter().any(|span| span.name == name));
        with.map(|(id, _)| id.clone()).collect()
    }
}

/// Takes requests until the connection ends.
async fn take_all(stream: TcpStream, traces: &Mutex<Traces>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(length) = head(&mut stream).await? {
        ensure!(length <= MOST_BYTES, "{length} bytes at once");
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        keep(&body, traces)?;
        stream.write_all(TAKEN).await?;
    }
    Ok(())
}

/// Reads the head of a request; how long its body is. None: there is no further request.
async fn head(stream: &mut BufReader<TcpStream>) -> Result<Option<usize>> {
    let mut length = 0;
    let mut first = true;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            ensure!(first, "a request without an end");
            return Ok(None);
        }
        first = false;
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(Some(length));
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().context("Content-Length")?;
        }
    }
}

fn keep(body: &[u8], traces: &Mutex<Traces>) -> Result<()> {
    let request = ExportTraceServiceRequest::decode(body).context("what came is no OTLP")?;
    let mut traces = traces.lock().unwrap_or_else(PoisonError::into_inner);
    for resource in request.resource_spans {
        let attributes = resource.resource.map(|resource| resource.attributes);
        let named = attributes
            .into_iter()
            .flatten()
            .find(|one| one.key == "service.name");
        let service = named.and_then(|one| one.value).and_then(|value| value.value);
        let service = match service {
            Some(opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(name)) => name,
            _ => String::new(),
        };
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let id: String = span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
            traces.entry(id).or_default().push(Seen {
                service: service.clone(),
                name: span.name,
                id: span.span_id,
                parent: span.parent_span_id,
                links: span.links.into_iter().map(|link| link.span_id).collect(),
            });
        }
    }
    Ok(())
}
