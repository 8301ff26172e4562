//! WebSocket connections to a real server over the real exchange.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod channels;
mod client;
mod connecting;
mod house;
mod limits;
mod moody;
mod orders;
mod own;
mod troubles;
