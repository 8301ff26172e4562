//! Statements that a connection prepares once: `diesel::sql_query` would prepare them anew on every call.

use std::marker::PhantomData;
use std::str::Split;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Untyped};

/// A statement with a `?` for each value that is bound to it, in order.
pub(super) struct Statement<B> {
    text: &'static str,
    binds: B,
}

/// A statement without values yet.
pub(super) const fn statement(text: &'static str) -> Statement<()> {
    Statement { text, binds: () }
}

impl<B> Statement<B> {
    /// Binds the next value, of this SQL type.
    pub(super) fn bind<ST, V>(self, value: V) -> Statement<Bound<B, ST, V>> {
        let Self { text, binds: before } = self;
        let binds = Bound {
            before,
            value,
            sql_type: PhantomData,
        };
        Statement { text, binds }
    }
}

/// Values and one more behind them.
pub(super) struct Bound<B, ST, V> {
    before: B,
    value: V,
    sql_type: PhantomData<ST>,
}

/// Values that stand between the pieces of a statement.
pub(super) trait Binds {
    /// Writes each piece of the text with the value behind it.
    fn walk<'b>(
        &'b self,
        pieces: &mut Split<'static, char>,
        out: &mut AstPass<'_, 'b, Pg>,
    ) -> QueryResult<()>;
}

impl Binds for () {
    fn walk<'b>(&'b self, _: &mut Split<'static, char>, _: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        Ok(())
    }
}

impl<B, ST, V> Binds for Bound<B, ST, V>
where
    B: Binds,
    V: ToSql<ST, Pg>,
    Pg: HasSqlType<ST>,
{
    fn walk<'b>(
        &'b self,
        pieces: &mut Split<'static, char>,
        out: &mut AstPass<'_, 'b, Pg>,
    ) -> QueryResult<()> {
        self.before.walk(pieces, out)?;
        out.push_sql(pieces.next().unwrap_or_default());
        out.push_bind_param::<ST, V>(&self.value)
    }
}

impl<B: Binds> QueryFragment<Pg> for Statement<B> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut pieces = self.text.split('?');
        self.binds.walk(&mut pieces, &mut out)?;
        // More pieces than values is a mistake that the server finds: a `?` stands in the text.
        for (index, piece) in pieces.enumerate() {
            if index > 0 {
                out.push_sql("?");
            }
            out.push_sql(piece);
        }
        Ok(())
    }
}

/// No static id: connections know the statement by its text.
impl<B> QueryId for Statement<B> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<B> Query for Statement<B> {
    type SqlType = Untyped;
}

#[cfg(test)]
mod tests {
    use diesel::sql_types::{BigInt, Text};

    use super::*;

    #[test]
    fn values_stand_where_the_text_has_a_mark() {
        let made = statement("SELECT ? WHERE a = ? LIMIT 1")
            .bind::<BigInt, _>(5)
            .bind::<Text, _>("x");
        let text = diesel::debug_query::<Pg, _>(&made).to_string();
        assert_eq!(text, "SELECT $1 WHERE a = $2 LIMIT 1 -- binds: [5, \"x\"]");
        assert!(made.is_safe_to_cache_prepared(&Pg).unwrap());
        let plain = statement("SELECT 1");
        assert!(
            diesel::debug_query::<Pg, _>(&plain)
                .to_string()
                .starts_with("SELECT 1 --")
        );
    }
}
