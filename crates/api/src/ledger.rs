//! The ledger of the caller: every change of every balance. The lines of an asset sum to its balance.

use actix_web::Responder;
use actix_web::web::{Data, Json, ServiceConfig, get, resource};
use domain::{LedgerEntry, Reference, format_units};
use http::{Problem, QueryParams};
use serde::{Deserialize, Serialize};
use trading::{Caller, EntryFilter};

use crate::ApiState;
use crate::caller::Reader;
use crate::error::{self, Sought};
use crate::orders::limit_of;
use crate::wire::time;

/// Lines in a list unless the caller asks for another number.
const LIST: usize = 100;
/// The most lines in a list.
const LONGEST_LIST: usize = 1_000;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(resource("/api/v1/ledger").route(get().to(list)));
}

/// Which lines to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    asset: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

/// A page of lines.
#[derive(Debug, Serialize)]
pub(crate) struct Statement {
    entries: Vec<EntryView>,
    /// What to give as `before` for the next page; null: this was the last one.
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct EntryView {
    entry_id: String,
    asset: String,
    entry_type: &'static str,
    /// The change of the available balance, with its sign.
    available_change: String,
    /// The change of the reserved balance, with its sign.
    reserved_change: String,
    reference_type: &'static str,
    reference_id: String,
    created_at: String,
}

impl From<&LedgerEntry> for EntryView {
    fn from(entry: &LedgerEntry) -> Self {
        let LedgerEntry {
            seq,
            line,
            account: _,
            asset,
            available,
            reserved,
            entry_type,
            reference,
            at,
        } = entry;
        let (reference_type, reference_id) = match reference {
            Reference::Order(id) => ("ORDER", id.to_string()),
            Reference::Amendment(id) => ("AMENDMENT", id.to_string()),
            Reference::Trade(id) => ("TRADE", id.to_string()),
            Reference::Transfer(key) => ("TRANSFER", key.to_string()),
        };
        Self {
            entry_id: cursor(*seq, *line),
            asset: asset.to_string(),
            entry_type: entry_type.word(),
            available_change: signed(*available),
            reserved_change: signed(*reserved),
            reference_type,
            reference_id,
            created_at: time(*at),
        }
    }
}

/// The name of a line: the record of the log, and its place in it.
fn cursor(seq: u64, line: u32) -> String {
    format!("{seq}-{line}")
}

fn cursor_of(text: &str) -> Result<(u64, u32), Problem> {
    let parts = text.split_once('-').and_then(|(seq, line)| {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        (digits(seq) && digits(line)).then_some((seq, line))
    });
    parts
        .and_then(|(seq, line)| Some((seq.parse().ok()?, line.parse().ok()?)))
        .ok_or_else(|| Problem::invalid_field("before", "must be an entry_id such as 120-0"))
}

/// A change in decimals, with its sign.
fn signed(units: i64) -> String {
    let text = format_units(u128::from(units.unsigned_abs()));
    if units < 0 { format!("-{text}") } else { text }
}

async fn list(
    Reader(caller): Reader,
    state: Data<ApiState>,
    QueryParams(listing): QueryParams<Listing>,
) -> Result<impl Responder, Problem> {
    list_of(caller, &state, listing).await
}

/// A page of a user's lines, newest first.
pub(crate) async fn list_of(
    caller: Caller,
    state: &ApiState,
    listing: Listing,
) -> Result<Json<Statement>, Problem> {
    let Listing { asset, before, limit } = listing;
    let asset = asset.as_deref().map(str::parse).transpose();
    let filter = EntryFilter {
        asset: asset.map_err(error::field)?,
        before: before.as_deref().map(cursor_of).transpose()?,
        limit: limit_of(limit, LIST, LONGEST_LIST)?,
    };
    let found = state.exchange.ledger(caller, filter).await;
    let found = found.map_err(|error| error::query(error, Sought::Balances))?;
    let last = found.last().filter(|_| found.len() >= filter.limit);
    Ok(Json(Statement {
        next_cursor: last.map(|entry| cursor(entry.seq, entry.line)),
        entries: found.iter().map(EntryView::from).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_keep_their_sign_and_every_digit() {
        for (units, text) in [
            (0, "0"),
            (1, "0.00000001"),
            (-1, "-0.00000001"),
            (-150_000_000, "-1.5"),
            (i64::MAX, "92233720368.54775807"),
            (i64::MIN, "-92233720368.54775808"),
        ] {
            assert_eq!(signed(units), text);
        }
    }

    #[test]
    fn only_an_entry_id_is_a_cursor() {
        assert_eq!(cursor_of("120-3").ok(), Some((120, 3)));
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "1-2-3",
            "+1-2",
            "1- 2",
            "99999999999999999999-0",
            "x-1",
        ] {
            assert_eq!(cursor_of(text).unwrap_err().code(), "invalid_field", "{text:?}");
        }
    }
}
