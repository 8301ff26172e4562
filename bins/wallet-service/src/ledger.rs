//! The ledger of a user: every change of every balance, newest first.

use actix_web::web::{Data, Json, Path};
use domain::{LedgerEntry, Reference};
use http::{Problem, QueryParams};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wallet_client::EntryPage;

use crate::balances::user_in;
use crate::state::State;
use crate::text::{AssetText, Change, Text, Time, UserText};

/// Lines in a page unless the caller asks for another number.
const PAGE: usize = 100;
/// The most lines in a page.
const LONGEST_PAGE: usize = 1_000;

/// Which lines to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// Only of this asset.
    #[param(inline)]
    asset: Option<AssetText>,
    /// Only those before this line: the `next_cursor` of the page before.
    before: Option<String>,
    /// At most so many, 100 where it is absent.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
}

/// A page of lines.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Statement {
    entries: Vec<EntryView>,
    /// What to give as `before` for the next page; null: this was the last one.
    next_cursor: Option<String>,
}

/// One change of one balance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LedgerEntry)]
pub(crate) struct EntryView {
    /// The number of the transaction, and the place of the line in it.
    entry_id: String,
    asset: AssetText,
    /// `RESERVE`, `RELEASE`, `TRADE_BUY`, `TRADE_SELL`, `DEPOSIT`, `WITHDRAWAL` or `ADJUSTMENT`.
    entry_type: &'static str,
    /// The change of what is free to use.
    available_change: Change,
    /// The change of what is held for orders.
    reserved_change: Change,
    /// `ORDER`, `AMENDMENT`, `TRADE` or `TRANSFER`.
    reference_type: &'static str,
    reference_id: String,
    created_at: Time,
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
            asset: Text(*asset),
            entry_type: entry_type.word(),
            available_change: Change(*available),
            reserved_change: Change(*reserved),
            reference_type,
            reference_id,
            created_at: Time(*at),
        }
    }
}

/// The name of a line: its transaction, and its place in it.
fn cursor(seq: u64, line: u32) -> String {
    format!("{seq}-{line}")
}

fn cursor_of(text: &str) -> Result<(u64, u32), Problem> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text
        .split_once('-')
        .filter(|(seq, line)| digits(seq) && digits(line));
    parts
        .and_then(|(seq, line)| Some((seq.parse().ok()?, line.parse().ok()?)))
        .ok_or_else(|| Problem::invalid_field("before", "must be an entry_id such as 120-0"))
}

/// What has changed a user's balances, newest first
#[utoipa::path(get, path = "/api/v1/wallets/{user_id}/ledger", tag = "questions", operation_id = "ledger",
    params(("user_id" = inline(UserText), Path), Listing),
    responses((status = 200, description = "A page of lines", body = Statement)))]
pub(crate) async fn of_user(
    state: Data<State>,
    user_id: Path<String>,
    QueryParams(listing): QueryParams<Listing>,
) -> Result<Json<Statement>, Problem> {
    let Listing { asset, before, limit } = listing;
    let limit = limit.unwrap_or(PAGE);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        return Err(Problem::invalid_field(
            "limit",
            format!("must be 1 to {LONGEST_PAGE}"),
        ));
    }
    let page = EntryPage {
        user_id: user_in(&user_id)?,
        asset: asset.map(|Text(asset)| asset),
        before: before.as_deref().map(cursor_of).transpose()?,
        limit,
    };
    let entries = state
        .work(|wallet| async move { wallet.ledger(page).await })
        .await?;
    let last = entries.last().filter(|_| entries.len() >= limit);
    Ok(Json(Statement {
        next_cursor: last.map(|entry| cursor(entry.seq, entry.line)),
        entries: entries.iter().map(EntryView::from).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

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
