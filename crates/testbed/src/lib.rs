//! Real servers for tests and rehearsals: databases of their own, servers of their own, and a TCP proxy that cuts.
//!
//! Tests that only need a database make one on the server that `TEST_POSTGRES_URL` names (by default the one on this
//! machine's port 5432) by [`Database::create`]. Tests that kill, restart or purge start servers of their own.

mod database;

pub use database::Database;
