//! Insertion of many rows by few statements, each prepared once.

use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel::{QueryResult, RunQueryDsl};

/// A row that can be inserted.
pub(crate) trait Row {
    /// The row's type without borrows: under it the prepared statement is found again.
    type Id: 'static;
    /// The statement up to its rows. It fails at a key that is there already: FAIL leaves rows before it in place, so that
    /// SQLite needs no journal of the statement, and the caller rolls the transaction back.
    const INSERT: &'static str;

    /// Binds the values in the order of the columns, with commas between.
    fn bind<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()>;
}

/// Exactly N rows in one statement.
#[derive(Debug)]
struct Insert<'a, R, const N: usize>(&'a [R; N]);

impl<R: Row, const N: usize> QueryId for Insert<'_, R, N> {
    type QueryId = Insert<'static, R::Id, N>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<R: Row, const N: usize> QueryFragment<Sqlite> for Insert<'_, R, N> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(R::INSERT);
        for (index, row) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { ", (" });
            row.bind(out.reborrow())?;
            out.push_sql(")");
        }
        Ok(())
    }
}

impl<R, const N: usize> RunQueryDsl<SqliteConnection> for Insert<'_, R, N> {}

/// Inserts the rows in their order.
pub(crate) fn insert<R: Row>(connection: &mut SqliteConnection, rows: &[R]) -> QueryResult<()> {
    let rest = chunks::<R, 64>(connection, rows)?;
    let rest = chunks::<R, 8>(connection, rest)?;
    chunks::<R, 1>(connection, rest)?;
    Ok(())
}

/// Inserts as many rows as whole chunks hold; gives back the others.
fn chunks<'a, R: Row, const N: usize>(
    connection: &mut SqliteConnection,
    rows: &'a [R],
) -> QueryResult<&'a [R]> {
    let (chunks, rest) = rows.as_chunks::<N>();
    for chunk in chunks {
        Insert(chunk).execute(connection)?;
    }
    Ok(rest)
}
