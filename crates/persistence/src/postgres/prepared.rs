//! SQL text that each connection prepares once, instead of at every call.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Untyped;

/// A `sql_query` with its values, kept prepared by the connection. The text must be one of few: values are bound, never
/// written into it.
#[derive(Debug, Clone)]
pub struct Prepared<Q>(Q);

/// Keeps a statement prepared: `prepared(sql_query("SELECT ... $1").bind::<BigInt, _>(7)).load(connection)`. A plain
/// `sql_query` asks the server twice at every call, once to prepare it.
pub fn prepared<Q>(query: Q) -> Prepared<Q> {
    Prepared(query)
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Prepared<Q> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<Q> QueryId for Prepared<Q> {
    // Known by its text.
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> Query for Prepared<Q> {
    type SqlType = Untyped;
}
