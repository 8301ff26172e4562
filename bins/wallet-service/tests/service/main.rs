//! The wallet service over HTTP.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod batches;
mod behaviour;
mod docs;
mod faults;
mod life;
mod plain;
mod postgres;
mod refusals;
mod security;
mod support;
