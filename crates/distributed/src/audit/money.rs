//! What reservations hold against what live orders need and what money instructions on their way will take.

use std::collections::{BTreeMap, BTreeSet};

use domain::MoneyInstruction;
use persistence::postgres::invariants::{Held, Need, answered};
use persistence::postgres::views::{ShardRow, batches_after};
use persistence::postgres::{Connection, PgError};
use uuid::Uuid;

use super::broken::{Broken, NEEDED, SETTLED, Touches};
use crate::Batch;

/// Batches that are read at once.
const PAGE: usize = 500;

/// The money instructions of the logs that the wallet has not answered.
pub(super) async fn outstanding(
    connection: &mut Connection,
    shards: &[ShardRow],
) -> Result<Vec<MoneyInstruction>, PgError> {
    let mut waiting = Vec::new();
    for shard in shards {
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
pub(super) fn reservations(
    broken: &mut Vec<Broken>,
    money: &[MoneyInstruction],
    needs: &BTreeMap<Uuid, Need>,
    held: &BTreeMap<Uuid, Held>,
    amended: &BTreeSet<Uuid>,
) {
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
        let apart = i128::from(reservation.left) - needed;
        if apart != 0 {
            broken.push(needed_otherwise(
                (reservation.user_id, &reservation.asset),
                *id,
                apart,
                format!(
                    "reservation {id} of order {}: {} held, {needed} needed",
                    reservation.order_id, reservation.left
                ),
            ));
        }
    }
    for (id, need) in needs {
        let expected = i128::from(need.reserve_left) + taken.get(id).copied().unwrap_or(0);
        if !need.pending && expected != 0 && !held.contains_key(id) {
            let what = format!("order {id}: nothing held, {expected} needed");
            let account = (need.user_id, need.asset.as_str());
            broken.push(needed_otherwise(account, *id, -expected, what));
        }
    }
}

fn needed_otherwise((user_id, asset): (Uuid, &str), id: Uuid, apart: i128, what: String) -> Broken {
    Broken {
        invariant: NEEDED,
        rule: "what is reserved is what is needed".to_owned(),
        touches: Touches::Asset(asset.to_owned()),
        account: Some(user_id),
        subject: id.to_string(),
        amount: apart.to_string(),
        what,
    }
}

/// Every trade is settled, or its settlement is on its way.
pub(super) fn settlements(
    broken: &mut Vec<Broken>,
    money: &[MoneyInstruction],
    unsettled: BTreeMap<Uuid, String>,
) {
    let waiting: BTreeSet<u128> = money
        .iter()
        .filter_map(|instruction| match instruction {
            MoneyInstruction::Settle(settle) => Some(settle.trade_id.as_u128()),
            _ => None,
        })
        .collect();
    for (trade, symbol) in unsettled {
        if !waiting.contains(&trade.as_u128()) {
            broken.push(Broken {
                invariant: SETTLED,
                rule: "every trade is settled".to_owned(),
                touches: Touches::Market(symbol),
                account: None,
                subject: trade.to_string(),
                amount: String::new(),
                what: trade.to_string(),
            });
        }
    }
}
