//! The REST API over a real embedded exchange.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod api_keys;
mod audit;
mod batch;
mod docs;
mod errors;
mod limits;
mod paging;
mod router;
mod switch;
