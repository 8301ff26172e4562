//! A bare server that sends JSON back: what HTTP and WebSocket alone cost on this machine.

use std::any::Any;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use actix_web::dev::{Extensions, Server};
use actix_web::rt::net::TcpStream;
use actix_web::web::{Bytes, Data, get, post};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context;
use serde_json::Value;

use crate::cli::EchoArgs;
use crate::connection::Place;
use crate::echo_ws::{self, Orders};
use crate::output::say;

/// How long requests may finish at the end.
const STOP: u64 = 1;

/// Serves until it is killed; says first where.
///
/// # Errors
/// The port is taken.
pub(crate) fn serve(arguments: &EchoArgs) -> anyhow::Result<()> {
    let (workers, port) = (arguments.workers, arguments.port);
    actix_web::rt::System::new().block_on(async move {
        let (server, addresses) = listen(workers, port)?;
        for address in addresses {
            say(&format!("http://{address}"));
        }
        server.await.context("the listener failed")
    })
}

/// The server, and where it listens.
///
/// # Errors
/// The port is taken.
pub(crate) fn listen(workers: usize, port: u16) -> anyhow::Result<(Server, Vec<SocketAddr>)> {
    let orders = Data::new(Orders::default());
    let routes = move || {
        App::new()
            .app_data(Data::clone(&orders))
            .route("/echo", post().to(echo))
            .route("/ws", get().to(echo_ws::connect))
    };
    let server = HttpServer::new(routes)
        .workers(workers)
        .on_connect(at_once)
        .shutdown_timeout(STOP)
        .bind(("127.0.0.1", port))
        .with_context(|| format!("cannot listen on port {port}"))?;
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}

/// As at the gateway, a small frame behind another must not wait for the first one's acknowledgement.
fn at_once(stream: &dyn Any, _: &mut Extensions) {
    if let Some(stream) = stream.downcast_ref::<TcpStream>() {
        // An error costs time only.
        let _ = stream.set_nodelay(true);
    }
}

/// Reads the JSON and writes it again, as any API must.
async fn echo(body: Bytes) -> HttpResponse {
    match serde_json::from_slice::<Value>(&body) {
        Ok(value) => HttpResponse::Ok().json(value),
        Err(_) => HttpResponse::BadRequest().finish(),
    }
}

/// An echo server in a process of its own; it ends with this value.
pub(crate) struct EchoServer {
    child: Child,
    pub(crate) place: Place,
}

impl EchoServer {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// The process does not start or does not say where it listens.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["echo", "--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("the echo server does not start")?;
        let mut line = String::new();
        let read = match child.stdout.take() {
            Some(out) => BufReader::new(out).read_line(&mut line),
            None => Ok(0),
        };
        let place = read
            .context("the echo server says nothing")
            .and_then(|_| Place::of(line.trim()));
        match place {
            Ok(place) => Ok(Self { child, place }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
