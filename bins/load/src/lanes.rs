//! The lanes of a run, over one protocol or over both, to the gateway or to the echo server.

use std::rc::Rc;
use std::time::Duration;

use crate::cli::{Protocol, RunArgs};
use crate::connection::Place;
use crate::drive::{Job, Lanes, Shared};
use crate::flow::Action;
use crate::http_lanes::HttpLanes;
use crate::output::note;
use crate::ws_lanes::{WsLanes, WsPlan};

/// Requests a second that one WebSocket may carry; the gateway closes it beyond.
const WS_RATE: f64 = 100.0;

/// Where lanes lead.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// The HTTP listener.
    pub(crate) place: Place,
    /// The WebSocket.
    pub(crate) ws_url: Rc<str>,
    /// Whether it is the echo server: over HTTP all requests are of one kind.
    pub(crate) is_echo: bool,
}

/// Lanes of one protocol or of both.
pub(crate) struct BothLanes {
    http: Option<HttpLanes>,
    ws: Option<WsLanes>,
    turn: bool,
    is_echo: bool,
}

impl BothLanes {
    /// Opens the connections that the arguments ask for.
    ///
    /// # Errors
    /// Nobody listens there, or the users are not let in.
    pub(crate) async fn open(of: &RunArgs, server: &Server, shared: &Rc<Shared>) -> anyhow::Result<Self> {
        let mut lanes = Self {
            http: None,
            ws: None,
            turn: false,
            is_echo: server.is_echo,
        };
        if of.protocol != Protocol::Ws {
            let example: Rc<str> = shared.flow.borrow_mut().example().into();
            let http = HttpLanes::open(&server.place, of.connections, of.timeout, shared, &example).await?;
            lanes.http = Some(http);
        }
        if of.protocol != Protocol::Http {
            let share = if of.protocol == Protocol::Both { 0.5 } else { 1.0 };
            if !server.is_echo && of.rate * share > f64::from(of.connections) * WS_RATE * 0.9 {
                note(
                    "a WebSocket carries up to 100 requests a second: more connections are needed for this rate",
                );
            }
            let plan = WsPlan {
                url: Rc::clone(&server.ws_url),
                window: of.ws_window.max(1),
                timeout: of.timeout,
            };
            let users = shared.flow.borrow().users.clone();
            let count = usize::try_from(of.connections)?;
            lanes.ws = Some(WsLanes::open(&plan, &users, count, shared).await?);
        }
        Ok(lanes)
    }

    /// Waits until the connections are closed.
    pub(crate) async fn finish(self) {
        if let Some(http) = self.http {
            http.finish().await;
        }
        if let Some(ws) = self.ws {
            ws.finish().await;
        }
        // Sockets are closed before the next step opens its own.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Lanes for BothLanes {
    fn protocol(&mut self) -> Protocol {
        self.turn = !self.turn;
        match (&self.http, &self.ws) {
            (Some(_), Some(_)) if self.turn => Protocol::Http,
            (Some(_), None) => Protocol::Http,
            _ => Protocol::Ws,
        }
    }

    fn take(&mut self, protocol: Protocol, job: Job) -> Result<(), Job> {
        let job = match (protocol, &mut self.ws) {
            (Protocol::Ws, Some(ws)) => match ws.take(job) {
                Ok(()) => return Ok(()),
                // A user without a WebSocket of its own goes over HTTP; the echo server knows no orders there.
                Err(Job { due, .. }) if self.is_echo && self.http.is_some() => Job {
                    due,
                    action: Action::Echo,
                },
                Err(job) => job,
            },
            _ => job,
        };
        match &self.http {
            Some(http) => {
                http.queue.push(job);
                Ok(())
            }
            None => Err(job),
        }
    }

    fn close(&mut self) {
        if let Some(http) = &self.http {
            http.queue.close();
        }
        if let Some(ws) = &self.ws {
            ws.close();
        }
    }
    fn drain(&mut self) -> Vec<Job> {
        let mut jobs = self.ws.as_ref().map(WsLanes::drain).unwrap_or_default();
        if let Some(http) = &self.http {
            jobs.extend(std::iter::from_fn(|| http.queue.pop()));
        }
        jobs
    }
}
