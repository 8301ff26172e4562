//! Opening a connection to the history file, for writing or for reading only.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};

use super::HistoryError;

/// One writer and readers that do not block it. FULL, because pages that lie about unwritten until the system writes them
/// all at once hold up the syncs of the log: here the thread that nobody waits for writes them in small portions. Small pages, because the cost is that of pages touched: every user's rows stand
/// elsewhere in a table. A checkpoint every 32,000 pages (128 MB) writes a page once that changed many times.
const WRITER: &str = "
    PRAGMA busy_timeout = 5000;
    PRAGMA page_size = 4096;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = OFF;
    PRAGMA cache_size = -131072;
    PRAGMA temp_store = MEMORY;
    PRAGMA wal_autocheckpoint = 32000;
    PRAGMA journal_size_limit = 201326592;
";

const READER: &str = "
    PRAGMA busy_timeout = 5000;
    PRAGMA query_only = ON;
    PRAGMA cache_size = -8192;
    PRAGMA temp_store = MEMORY;
";

/// The connection that writes; makes the file if there is none.
pub(crate) fn writer(path: &Path) -> Result<SqliteConnection, HistoryError> {
    open(path, "rwc", WRITER)
}

/// A connection that only reads a file that is there.
pub(crate) fn reader(path: &Path) -> Result<SqliteConnection, HistoryError> {
    open(path, "ro", READER)
}

fn open(path: &Path, mode: &str, settings: &str) -> Result<SqliteConnection, HistoryError> {
    let failed = |reason: String| HistoryError::Open {
        path: path.to_owned(),
        reason,
    };
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(failed("a path cannot hold a byte of zero".to_owned()));
    }
    let address = address(path, mode);
    let mut connection = SqliteConnection::establish(&address).map_err(|error| failed(error.to_string()))?;
    let set = connection.batch_execute(settings);
    match set.map_err(|error| HistoryError::from(error).in_file(path)) {
        Ok(()) => Ok(connection),
        Err(HistoryError::Sqlite(error)) => Err(failed(error.to_string())),
        Err(damaged) => Err(damaged),
    }
}

/// The file as a URI: any path is taken as it is, none as one of SQLite's special names.
fn address(path: &Path, mode: &str) -> String {
    let mut address = String::from("file:");
    if path.is_relative() {
        address.push_str("./");
    }
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            address.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address + "?mode=" + mode
}
