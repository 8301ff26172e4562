//! The client against a service that says what a test tells it to say.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod breaker;
mod calls;
mod stub;
mod tokens;
