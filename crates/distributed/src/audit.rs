//! What must always hold, checked over the tables at one moment: money, reservations, orders, trades, logs.

use std::collections::{BTreeMap, BTreeSet};

use domain::MoneyInstruction;
use persistence::postgres::invariants::{
    Held, Need, amendments, answered, broken_rules, held, log_gaps, needs, unsettled_trades,
};
use persistence::postgres::views::{batches_after, shards};
use persistence::postgres::wallet::differences;
use persistence::postgres::{Connection, PgError};
use uuid::Uuid;

use crate::Batch;
use crate::loaded::{Comparison, compare};

/// Batches that are read at once.
const PAGE: usize = 500;
/// A PENDING order is told of when it is older.
const PATIENCE_MILLIS: i64 = 30_000;

/// Something that must hold and does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which rule.
    pub rule: String,
    /// What breaks it.
    pub what: String,
}

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
}

impl Findings {
    fn tell(&mut self, rule: &str, what: impl std::fmt::Display) {
        self.broken.push(Broken {
            rule: rule.to_owned(),
            what: what.to_string(),
        });
    }
}

/// Checks everything at one moment, in one transaction of one snapshot that writes nothing. Reads all orders, trades and
/// balances: not for a busy primary every second.
///
/// # Errors
/// The tables could not be read, or hold what this program cannot read.
pub async fn audit(connection: &mut Connection) -> Result<Findings, PgError> {
    connection
        .build_transaction()
        .read_only()
        .repeatable_read()
        .run(async |connection: &mut Connection| look(connection).await)
        .await
}

async fn look(connection: &mut Connection) -> Result<Findings, PgError> {
    let mut findings = Findings::default();
    for (rule, what) in broken_rules(connection).await? {
        findings.tell(rule, what);
    }
    for gap in log_gaps(connection).await? {
        findings.tell("a shard's log has no gap", gap);
    }
    for difference in differences(connection).await? {
        findings.tell("the wallet's books agree", format!("{difference:?}"));
    }
    states(connection, &mut findings).await?;
    let money = outstanding(connection).await?;
    findings.outstanding = money.len();
    let needs = needs(connection).await?;
    findings.live_orders = needs.len();
    let held = held(connection).await?;
    let amended = amendments(connection).await?;
    reservations(&mut findings, &money, &needs, &held, &amended);
    for (order_id, need) in &needs {
        if need.pending && need.age_millis > PATIENCE_MILLIS {
            findings.tell(
                "no order stays PENDING",
                format!("{order_id}: {} ms", need.age_millis),
            );
        }
    }
    settlements(&mut findings, &money, unsettled_trades(connection).await?);
    findings.is_quiet = money.is_empty() && amended.is_empty() && !needs.values().any(|need| need.pending);
    Ok(findings)
}

/// What is loaded is what was in memory.
async fn states(connection: &mut Connection, findings: &mut Findings) -> Result<(), PgError> {
    let shards = shards(connection).await?;
    for shard in &shards {
        match compare(connection, shard, shards.len() == 1).await? {
            Comparison::Same => findings.states_compared += 1,
            Comparison::Differs(what) => findings.tell("the tables hold the state of the log", what),
            Comparison::Unclear(why) => findings.states_unclear.push(why),
        }
    }
    Ok(())
}

/// The money instructions of the logs that the wallet has not answered.
async fn outstanding(connection: &mut Connection) -> Result<Vec<MoneyInstruction>, PgError> {
    let mut waiting = Vec::new();
    for shard in shards(connection).await? {
        let mut after = shard.settled_seq;
        loop {
            let rows = batches_after(connection, shard.shard, after, shard.last_seq, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.seq;
            let mut money = Vec::new();
            for row in rows {
                let batch = Batch::from_row(row).map_err(|error| PgError::bad_row("shard_log", error))?;
                money.extend(batch.money);
            }
            let keys: Vec<String> = money.iter().map(key).collect();
            let known = answered(connection, &keys).await?;
            let open = money
                .into_iter()
                .zip(keys)
                .filter(|(_, key)| !known.contains(key));
            waiting.extend(open.map(|(instruction, _)| instruction));
        }
    }
    Ok(waiting)
}

/// The key under which the wallet keeps its answer.
fn key(instruction: &MoneyInstruction) -> String {
    match instruction {
        MoneyInstruction::Reserve(reserve) => match reserve.request_id {
            Some(id) => format!("reserve:{id}"),
            None => format!("reserve:{}", reserve.order_id),
        },
        MoneyInstruction::Settle(settle) => format!("settle:{}", settle.trade_id),
        MoneyInstruction::Release(release) => match release.request_id {
            Some(id) => format!("release:{id}:{}", release.number),
            None => format!("release:{}:{}", release.order_id, release.number),
        },
        MoneyInstruction::Merge(merge) => format!("merge:{}", merge.request_id),
    }
}

/// What instructions on their way will take out of each reservation, less what they bring in.
fn taken(money: &[MoneyInstruction]) -> BTreeMap<Uuid, i128> {
    let mut taken: BTreeMap<Uuid, i128> = BTreeMap::new();
    let mut add = |id: u128, amount: u64, sign: i128| {
        *taken.entry(Uuid::from_u128(id)).or_default() += sign * i128::from(amount);
    };
    for instruction in money {
        match instruction {
            MoneyInstruction::Reserve(_) => {}
            MoneyInstruction::Settle(settle) => {
                let buyer = settle.buyer.order_id.as_u128();
                add(buyer, settle.quote.0, 1);
                add(buyer, settle.buyer.release.0, 1);
                let seller = settle.seller.order_id.as_u128();
                add(seller, settle.base.0, 1);
                add(seller, settle.seller.release.0, 1);
            }
            MoneyInstruction::Release(release) => {
                let order = release.order_id.as_u128();
                let id = release.request_id.map_or(order, domain::RequestId::as_u128);
                add(id, release.amount.0, 1);
            }
            MoneyInstruction::Merge(merge) => {
                add(merge.request_id.as_u128(), merge.amount.0, 1);
                add(merge.order_id.as_u128(), merge.amount.0, -1);
            }
        }
    }
    taken
}

/// What is reserved is what live orders still need, what instructions on their way will take, and what amendments on
/// their way hold.
fn reservations(
    findings: &mut Findings,
    money: &[MoneyInstruction],
    needs: &BTreeMap<Uuid, Need>,
    held: &BTreeMap<Uuid, Held>,
    amended: &BTreeSet<Uuid>,
) {
    const RULE: &str = "what is reserved is what is needed";
    let taken = taken(money);
    for (id, reservation) in held {
        let need = needs.get(id);
        if need.is_some_and(|need| need.pending) {
            continue;
        }
        let on_its_way = taken.get(id).copied().unwrap_or(0);
        let needed = on_its_way + need.map_or(0, |need| i128::from(need.reserve_left));
        let is_amendment = *id != reservation.order_id;
        if is_amendment && on_its_way == 0 && amended.contains(&reservation.order_id) {
            continue;
        }
        if i128::from(reservation.left) != needed {
            findings.tell(
                RULE,
                format!(
                    "reservation {id} of order {}: {} held, {needed} needed",
                    reservation.order_id, reservation.left
                ),
            );
        }
    }
    for (id, need) in needs {
        let expected = i128::from(need.reserve_left) + taken.get(id).copied().unwrap_or(0);
        if !need.pending && expected != 0 && !held.contains_key(id) {
            findings.tell(RULE, format!("order {id}: nothing held, {expected} needed"));
        }
    }
}

/// Every trade is settled, or its settlement is on its way.
fn settlements(findings: &mut Findings, money: &[MoneyInstruction], unsettled: BTreeSet<Uuid>) {
    let waiting: BTreeSet<u128> = money
        .iter()
        .filter_map(|instruction| match instruction {
            MoneyInstruction::Settle(settle) => Some(settle.trade_id.as_u128()),
            _ => None,
        })
        .collect();
    for trade in unsettled {
        if !waiting.contains(&trade.as_u128()) {
            findings.tell("every trade is settled", trade);
        }
    }
}
