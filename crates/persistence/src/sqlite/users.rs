//! Short numbers for users: a table gives each its number for ever, the writer remembers a limited part of it.

use std::collections::HashMap;

use diesel::sql_types::{BigInt, Binary};
use diesel::{OptionalExtension, QueryableByName, RunQueryDsl, SqliteConnection};
use domain::UserId;

use super::HistoryError;
use super::columns::row;
use super::insert::insert;
use super::value::Bits;

/// Under which the lines of fees stand.
pub(crate) const FEE: i64 = 0;
/// Under which the lines of the outside stand.
pub(crate) const EXTERNAL: i64 = 1;
const FIRST: i64 = 2;

row! {
    /// A user's number.
    UserRow in "users" {
        number: int,
        user_id: id,
    }
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// The numbers of the users that wrote last. It belongs to one connection: after a transaction that failed both go.
#[derive(Debug)]
pub(crate) struct Users {
    known: HashMap<UserId, i64>,
    limit: usize,
    next: i64,
}

impl Users {
    /// Remembers at most so many.
    pub fn open(connection: &mut SqliteConnection, limit: usize) -> Result<Self, HistoryError> {
        let next = "SELECT coalesce(max(number), ?1 - 1) + 1 AS number FROM users";
        let next: Number = diesel::sql_query(next)
            .bind::<BigInt, _>(FIRST)
            .get_result(connection)?;
        Ok(Self {
            known: HashMap::new(),
            limit,
            next: next.number,
        })
    }

    /// The user's number: the next one, if the user has none.
    pub fn number(
        &mut self,
        connection: &mut SqliteConnection,
        user_id: UserId,
    ) -> Result<i64, HistoryError> {
        if let Some(number) = self.known.get(&user_id) {
            return Ok(*number);
        }
        let bits = Bits::from(user_id.as_u128());
        let stored: Option<Number> = diesel::sql_query("SELECT number FROM users WHERE user_id = ?1")
            .bind::<Binary, _>(bits)
            .get_result(connection)
            .optional()?;
        let number = match stored {
            Some(stored) => stored.number,
            None => {
                let number = self.next;
                let row = UserRow {
                    number,
                    user_id: bits,
                };
                insert(connection, &[row])?;
                self.next += 1;
                number
            }
        };
        if self.known.len() >= self.limit {
            self.known.clear();
        }
        self.known.insert(user_id, number);
        Ok(number)
    }

    #[cfg(test)]
    pub fn remembered(&self) -> usize {
        self.known.len()
    }
}
