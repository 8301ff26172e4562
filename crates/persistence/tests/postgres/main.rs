//! PostgreSQL itself: connections, migrations, constraints, partitions, roles.
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod connecting;
mod encrypted;
mod migrations;
mod partitions;
mod plans;
mod refused;
mod roles;
mod support;
