//! The connections on which history is read: a few, shared by all readers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use diesel::SqliteConnection;

use super::{HistoryError, connection, schema};

/// How long a caller waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads history. All calls block: async callers use a thread for blocking work. Clones share the connections.
#[derive(Clone)]
pub struct HistoryReader {
    pool: Arc<Pool>,
}

struct Pool {
    path: PathBuf,
    free: Mutex<Vec<SqliteConnection>>,
    returned: Condvar,
}

impl std::fmt::Debug for HistoryReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistoryReader")
            .field("path", &self.pool.path)
            .finish_non_exhaustive()
    }
}

/// A connection that goes back to the others, even when its user panics.
struct Borrowed<'a> {
    pool: &'a Pool,
    connection: Option<SqliteConnection>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.extend(self.connection.take());
        self.pool.returned.notify_one();
    }
}

impl HistoryReader {
    /// Opens so many connections (at least one) to a history that a writer has made.
    ///
    /// # Errors
    /// There is no history, it cannot be opened, is damaged, or was written by a later program.
    pub fn open(path: &Path, connections: usize) -> Result<Self, HistoryError> {
        let mut free = Vec::with_capacity(connections.max(1));
        for _ in 0..connections.max(1) {
            let mut connection = connection::reader(path)?;
            schema::check_version(&mut connection, path).map_err(|error| error.in_file(path))?;
            free.push(connection);
        }
        Ok(Self {
            pool: Arc::new(Pool {
                path: path.to_owned(),
                free: Mutex::new(free),
                returned: Condvar::new(),
            }),
        })
    }

    /// Runs a query on a free connection.
    pub(crate) fn run<T>(
        &self,
        query: impl FnOnce(&mut SqliteConnection) -> Result<T, HistoryError>,
    ) -> Result<T, HistoryError> {
        let pool = &*self.pool;
        let free = pool.free.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut free, _) = pool
            .returned
            .wait_timeout_while(free, PATIENCE, |free| free.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let connection = free.pop();
        drop(free);
        let mut borrowed = Borrowed { pool, connection };
        let connection = borrowed.connection.as_mut().ok_or(HistoryError::Busy)?;
        query(connection).map_err(|error| error.in_file(&pool.path))
    }

    /// The number of the last record in history; 0: none yet.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn seq(&self) -> Result<u64, HistoryError> {
        self.run(schema::seq)
    }
}
