//! The numbered security tests of docs/security.md that belong to the API.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod authority;
mod faults;
mod input;
mod money;
mod surface;
