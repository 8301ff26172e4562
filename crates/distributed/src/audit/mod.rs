//! What must always hold, checked over the tables at one moment: money, reservations, orders, trades, logs.

mod broken;
mod changed;
mod money;
mod watch;

use std::collections::BTreeSet;

use persistence::postgres::invariants::{
    MarketRow, amendments, audited_markets, broken_rules, held, log_gaps, needs, unsettled_trades,
};
use persistence::postgres::views::{ShardRow, shards};
use persistence::postgres::wallet::{AccountKey, differences, differences_of_accounts};
use persistence::postgres::{Connection, PgError};

use crate::loaded::{Comparison, compare};

pub use broken::{Broken, INVARIANTS, Touches};
pub use changed::Known;
pub use watch::{Standing, Watch};

use broken::{LOG, ORDERS, STATES};

/// A PENDING order is told of when it is older.
const PATIENCE_MILLIS: i64 = 30_000;

/// What was found at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// What does not hold; none: all is well.
    pub broken: Vec<Broken>,
    /// Whether nothing was on its way: no command waited, every batch was settled, no order was PENDING.
    pub is_quiet: bool,
    /// Orders that had not ended.
    pub live_orders: usize,
    /// Money instructions of batches that the wallet had not answered yet.
    pub outstanding: usize,
    /// Shards whose tables, loaded, have the digest of the last batch in their log.
    pub states_compared: usize,
    /// Shards of which that cannot be said before their next batch, and why.
    pub states_unclear: Vec<String>,
    /// How far each shard had come: its number, its last batch, and the last that was settled.
    pub shards: Vec<(u32, u64, u64)>,
    /// The markets, where they live and what they take.
    pub markets: Vec<MarketRow>,
    /// The accounts whose lines were summed because they have changed.
    pub changed: BTreeSet<AccountKey>,
    /// Whether everything was read, and not only what has changed and what is small.
    pub is_full: bool,
}

/// Checks everything at one moment, in one transaction of one snapshot that writes nothing. Reads all orders, trades and
/// balances: not for a busy primary every second.
///
/// # Errors
/// The tables could not be read, or hold what this program cannot read.
pub async fn audit(connection: &mut Connection) -> Result<Findings, PgError> {
    let mut findings = watched(connection, true, &mut Known::default()).await?;
    let pending = std::mem::take(&mut findings.pending);
    findings.found.broken.extend(pending);
    Ok(findings.found)
}

/// What an auditor sees that looks again and again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// What was found.
    pub found: Findings,
    /// Orders that have been PENDING for long. The wallet may be away: that is no difference in the books.
    pub pending: Vec<Broken>,
}

/// Checks at one moment, in one transaction of one snapshot that writes nothing: everything (`is_full`), or what accounts,
/// reservations and live orders say of each other, and the accounts whose lines have changed since the look before. What
/// is read for the latter does not grow with history.
///
/// # Errors
/// The tables could not be read, or hold what this program cannot read.
pub async fn watched(connection: &mut Connection, is_full: bool, known: &mut Known) -> Result<Look, PgError> {
    connection
        .build_transaction()
        .read_only()
        .repeatable_read()
        .run(async |connection: &mut Connection| look(connection, is_full, known).await)
        .await
}

async fn look(connection: &mut Connection, is_full: bool, known: &mut Known) -> Result<Look, PgError> {
    let rows = shards(connection).await?;
    let mut findings = Findings {
        is_full,
        shards: rows
            .iter()
            .map(|row| (row.shard, row.last_seq, row.settled_seq))
            .collect(),
        markets: audited_markets(connection).await?,
        ..Findings::default()
    };
    if is_full {
        history(connection, &rows, &mut findings).await?;
    } else {
        let of_accounts = differences_of_accounts(connection).await?;
        findings.broken.extend(of_accounts.iter().map(Broken::of_wallet));
    }
    let (of_changed, changed) = known.look(connection).await?;
    findings.broken.extend(of_changed);
    findings.changed = changed;
    let waiting = money::outstanding(connection, &rows).await?;
    findings.outstanding = waiting.len();
    let needs = needs(connection).await?;
    findings.live_orders = needs.len();
    let held = held(connection).await?;
    let amended = amendments(connection).await?;
    let broken = &mut findings.broken;
    money::reservations(broken, &waiting, &needs, &held, &amended);
    if is_full {
        money::settlements(broken, &waiting, unsettled_trades(connection).await?);
    }
    findings.is_quiet = waiting.is_empty() && amended.is_empty() && !needs.values().any(|need| need.pending);
    let pending = needs
        .iter()
        .filter(|(_, need)| need.pending && need.age_millis > PATIENCE_MILLIS)
        .map(|(order_id, need)| Broken {
            invariant: ORDERS,
            rule: "no order stays PENDING".to_owned(),
            touches: Touches::Asset(need.asset.clone()),
            account: Some(need.user_id),
            subject: format!("pending {order_id}"),
            amount: String::new(),
            what: format!("{order_id}: {} ms", need.age_millis),
        })
        .collect();
    Ok(Look {
        found: findings,
        pending,
    })
}

/// What cannot be known without reading everything.
async fn history(
    connection: &mut Connection,
    rows: &[ShardRow],
    findings: &mut Findings,
) -> Result<(), PgError> {
    let rules = broken_rules(connection).await?;
    findings.broken.extend(rules.into_iter().map(Broken::of_row));
    for (shard, gap) in log_gaps(connection).await? {
        let broken = Broken::of_shard(LOG, "a shard's log has no gap", shard, gap);
        findings.broken.push(broken);
    }
    let of_wallet = differences(connection).await?;
    findings.broken.extend(of_wallet.iter().map(Broken::of_wallet));
    for row in rows {
        match compare(connection, row, rows.len() == 1).await? {
            Comparison::Same => findings.states_compared += 1,
            Comparison::Differs(what) => {
                let rule = "the tables hold the state of the log";
                let broken = Broken::of_shard(STATES, rule, row.shard, what);
                findings.broken.push(broken);
            }
            Comparison::Unclear(why) => findings.states_unclear.push(why),
        }
    }
    Ok(())
}
