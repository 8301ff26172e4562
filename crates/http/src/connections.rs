//! Open connections, counted per address and in total, and who has too many.

use std::any::Any;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt::net::TcpStream;

use crate::address::counted_as;
use crate::{Problem, StatusCode, TrustedProxies};

/// How many connections may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionCaps {
    /// From one address. IPv6 addresses of one /64 count as one, and trusted proxies have no such cap.
    pub per_address: usize,
    /// From all.
    pub total: usize,
}

impl Default for ConnectionCaps {
    /// 200 and 10,000.
    fn default() -> Self {
        Self {
            per_address: 200,
            total: 10_000,
        }
    }
}

/// Counts open connections. Requests on those above a cap are answered with 503 by the edge layer, but for those about
/// health and metrics, and the connection ends; a connection above the cap of its address is not counted in the total, so it takes no room from others.
#[derive(Debug, Clone)]
pub struct Connections(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    per_address_cap: AtomicUsize,
    total_cap: AtomicUsize,
    proxies: TrustedProxies,
    open: AtomicUsize,
    counted: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

impl Connections {
    /// None open yet.
    pub fn new(caps: ConnectionCaps, proxies: TrustedProxies) -> Self {
        Self(Arc::new(Counts {
            per_address_cap: AtomicUsize::new(caps.per_address),
            total_cap: AtomicUsize::new(caps.total),
            proxies,
            open: AtomicUsize::new(0),
            counted: AtomicUsize::new(0),
            by_address: Mutex::default(),
        }))
    }

    /// Takes new caps for connections that are opened from now on; those that are open stay.
    pub fn set(&self, caps: ConnectionCaps) {
        self.0.per_address_cap.store(caps.per_address, Ordering::Relaxed);
        self.0.total_cap.store(caps.total, Ordering::Relaxed);
    }

    /// How many are open now, those above a cap with them.
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// How many addresses have one open now.
    pub fn addresses(&self) -> usize {
        let by_address = self.0.by_address.lock();
        by_address.unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What to hand to `HttpServer::on_connect`.
    pub fn on_connect(&self) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync + 'static {
        let counts = Arc::clone(&self.0);
        move |stream, extensions| {
            let stream = stream.downcast_ref::<TcpStream>();
            // A small frame behind another must not wait for the first one's acknowledgement. An error costs time only.
            if let Some(stream) = stream {
                let _ = stream.set_nodelay(true);
            }
            if let Some(peer) = stream.and_then(|stream| stream.peer_addr().ok()) {
                extensions.insert(Connection::opened(&counts, peer.ip()));
            }
        }
    }
}

/// One open connection; it is counted until this is dropped.
#[derive(Debug)]
struct Connection {
    counts: Arc<Counts>,
    address: IpAddr,
    above_address_cap: bool,
    above_total: bool,
}

impl Connection {
    fn opened(counts: &Arc<Counts>, peer: IpAddr) -> Self {
        let address = counted_as(peer);
        let mut by_address = counts.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = by_address.entry(address).or_default();
        *of_address += 1;
        let above_address_cap = *of_address > counts.per_address_cap.load(Ordering::Relaxed)
            && !counts.proxies.trusts(peer.to_canonical());
        drop(by_address);
        counts.open.fetch_add(1, Ordering::Relaxed);
        let above_total = !above_address_cap
            && counts.counted.fetch_add(1, Ordering::Relaxed) >= counts.total_cap.load(Ordering::Relaxed);
        Self {
            counts: Arc::clone(counts),
            address,
            above_address_cap,
            above_total,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.counts.open.fetch_sub(1, Ordering::Relaxed);
        if !self.above_address_cap {
            self.counts.counted.fetch_sub(1, Ordering::Relaxed);
        }
        let by_address = self.counts.by_address.lock();
        let mut by_address = by_address.unwrap_or_else(PoisonError::into_inner);
        if let Some(of_address) = by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

/// What those ask who watch over the program, who must not take its being busy for its being dead.
const ALWAYS_ANSWERED: [&str; 4] = ["/health", "/health/live", "/health/ready", "/metrics"];

/// Refuses the requests of connections above a cap, but for health and metrics. Whether the connection may stay.
pub(crate) fn check(request: &ServiceRequest) -> Result<bool, Problem> {
    let reason = match request.conn_data::<Connection>() {
        Some(connection) if connection.above_address_cap => "this address has too many connections open",
        Some(connection) if connection.above_total => "too many connections are open",
        _ => return Ok(true),
    };
    if ALWAYS_ANSWERED.contains(&request.path()) {
        return Ok(false);
    }
    crate::metrics::rate_limited("connections");
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_connections").detail(reason))
}
