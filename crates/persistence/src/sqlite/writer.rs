//! The one writer of history: batches in the order of the log, each transaction with the number of its last record.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use diesel::{RunQueryDsl, SqliteConnection};
use domain::{Market, MarketNumber, Stamp};

use super::users::Users;
use super::value::micros;
use super::{HistoryError, candles, connection, rows, schema};
use crate::HistoryBatch;

/// Users whose numbers are remembered: about 5 MB.
const KNOWN_USERS: usize = 100_000;

/// Writes history. There is one for a file; readers may work beside it.
pub struct HistoryWriter {
    path: PathBuf,
    /// None after a failure: the next write opens a new one, so that nothing of a broken transaction stays.
    open: Option<Open>,
    /// The most users whose numbers are remembered.
    known_users: usize,
    seq: u64,
    at: Stamp,
    tick_lots: BTreeMap<MarketNumber, u64>,
}

struct Open {
    connection: SqliteConnection,
    users: Users,
}

impl std::fmt::Debug for HistoryWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistoryWriter")
            .field("path", &self.path)
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}

impl HistoryWriter {
    /// Opens the history, and makes it if there is none.
    ///
    /// # Errors
    /// The file cannot be opened, is damaged or not a history, or was written by a later program.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        Self::with_known_users(path, KNOWN_USERS)
    }

    fn with_known_users(path: &Path, known_users: usize) -> Result<Self, HistoryError> {
        let (open, (seq, at)) = open(path, known_users)?;
        Ok(Self {
            path: path.to_owned(),
            open: Some(open),
            known_users,
            seq,
            at,
            tick_lots: BTreeMap::new(),
        })
    }

    /// The number of the last record in history; 0: none yet.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The stamp of that record.
    pub const fn at(&self) -> Stamp {
        self.at
    }

    /// Makes a market known, as candles need it. Every market is defined after opening, before its trades are written.
    pub fn define_market(&mut self, market: &Market) {
        self.tick_lots.insert(market.number(), market.tick_lot());
    }

    /// Writes batches in one transaction. Those that are in history already are skipped.
    ///
    /// # Errors
    /// Nothing was written: a batch does not follow the one before, a market is unknown, a row is there already, or the
    /// disk is full or failed. The same batches may be written again later.
    pub fn write(&mut self, batches: &[HistoryBatch]) -> Result<(), HistoryError> {
        self.put(|seq| following(seq, batches))
    }

    /// Begins an empty history with this batch, whatever its first record is: what came before it is not kept any more.
    ///
    /// # Errors
    /// As [`HistoryWriter::write`]; the history is not empty.
    pub fn begin(&mut self, opening: &HistoryBatch) -> Result<(), HistoryError> {
        self.put(|seq| match seq {
            0 => following(opening.first_seq.saturating_sub(1), std::slice::from_ref(opening)),
            seq => Err(HistoryError::Overlap {
                seq,
                first_seq: opening.first_seq,
                last_seq: opening.last_seq,
            }),
        })
    }

    /// Closes the history with everything in the one file, synced; what cannot be brought there now stays beside it.
    ///
    /// # Errors
    /// SQLite's; nothing is lost.
    pub fn close(self) -> Result<(), HistoryError> {
        match self.open {
            Some(mut open) => Ok(open.connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?),
            None => Ok(()),
        }
    }

    /// Writes what is picked by the number of the last record in history, in one transaction.
    fn put<'a>(
        &mut self,
        pick: impl FnOnce(u64) -> Result<Vec<&'a HistoryBatch>, HistoryError>,
    ) -> Result<(), HistoryError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => {
                let (open, last) = open(&self.path, self.known_users)?;
                (self.seq, self.at) = last;
                open
            }
        };
        let new = match pick(self.seq) {
            Ok(new) => new,
            Err(error) => {
                self.open = Some(open);
                return Err(error);
            }
        };
        let Some(last) = new.last() else {
            self.open = Some(open);
            return Ok(());
        };
        let users = &mut open.users;
        transaction(&mut open.connection, |connection| {
            add(connection, users, &self.tick_lots, &new)?;
            advance(connection, last.last_seq, last.at)
        })
        .map_err(|error| error.in_file(&self.path))?;
        (self.seq, self.at) = (last.last_seq, last.at);
        self.open = Some(open);
        Ok(())
    }
}

/// A connection that writes, with its users, and the number and stamp of the last record in history.
fn open(path: &Path, known_users: usize) -> Result<(Open, (u64, Stamp)), HistoryError> {
    let mut connection = connection::writer(path)?;
    let read = |connection: &mut SqliteConnection| {
        schema::prepare(connection, path)?;
        Ok((Users::open(connection, known_users)?, schema::last(connection)?))
    };
    let (users, last) = read(&mut connection).map_err(|error: HistoryError| error.in_file(path))?;
    Ok((Open { connection, users }, last))
}

/// After an error the connection is to be closed: that rolls back. Diesel's own transaction would roll back itself, and
/// hide the cause when SQLite has done so before, as it does when the disk is full.
fn transaction(
    connection: &mut SqliteConnection,
    body: impl FnOnce(&mut SqliteConnection) -> Result<(), HistoryError>,
) -> Result<(), HistoryError> {
    connection.batch_execute("BEGIN IMMEDIATE")?;
    body(connection)?;
    Ok(connection.batch_execute("COMMIT")?)
}

/// The batches after this record, if each follows the one before.
fn following(mut seq: u64, batches: &[HistoryBatch]) -> Result<Vec<&HistoryBatch>, HistoryError> {
    let mut new = Vec::with_capacity(batches.len());
    for batch in batches {
        let (first_seq, last_seq) = (batch.first_seq, batch.last_seq);
        if first_seq <= last_seq && last_seq <= seq {
            continue;
        }
        if first_seq > seq.saturating_add(1) {
            return Err(HistoryError::Gap {
                seq,
                first_seq,
                last_seq,
            });
        }
        if first_seq <= seq || last_seq < first_seq {
            return Err(HistoryError::Overlap {
                seq,
                first_seq,
                last_seq,
            });
        }
        new.push(batch);
        seq = last_seq;
    }
    Ok(new)
}

fn add(
    connection: &mut SqliteConnection,
    users: &mut Users,
    tick_lots: &BTreeMap<MarketNumber, u64>,
    batches: &[&HistoryBatch],
) -> Result<(), HistoryError> {
    let orders = batches.iter().flat_map(|batch| &batch.orders);
    rows::add_orders(connection, users, orders.map(|order| &**order))?;
    let trades = batches.iter().flat_map(|batch| &batch.trades);
    rows::add_trades(connection, users, trades.clone())?;
    rows::add_entries(connection, users, batches.iter().flat_map(|batch| &batch.entries))?;
    candles::add(connection, tick_lots, trades)
}

fn advance(connection: &mut SqliteConnection, seq: u64, at: Stamp) -> Result<(), HistoryError> {
    diesel::sql_query("UPDATE projection SET seq = ?1, at = ?2")
        .bind::<BigInt, _>(seq.cast_signed())
        .bind::<BigInt, _>(micros(at))
        .execute(connection)?;
    Ok(())
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
