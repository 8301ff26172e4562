//! New orders with their client ids, many in one transaction: a duplicate stays out and fails nobody else.

use std::collections::{BTreeMap, HashSet};

use diesel_async::AsyncConnection as _;
use domain::{ClientOrderId, OrderId, Stamp, UserId};

use super::client_ids::{Claim, claim, claims_of, forget_claims};
use super::commands::{CommandRow, insert_synced};
use super::pending::stored_among;
use crate::postgres::orders::{MarketGrids, NewOrder, StoredOrder, insert_pending, orders_by_id};
use crate::postgres::{Connection, PgError};

/// An order that is to be stored, with the client id that it takes.
#[derive(Debug, Clone)]
pub struct StoreOrder<'a> {
    /// The order.
    pub row: NewOrder<'a>,
    /// Its client id.
    pub claim: Option<Claim>,
    /// The command that places it, where its funds need not be asked for first. It is written with the order, once: nobody
    /// who finds the order later can take it for one that has no command yet.
    pub command: Option<CommandRow>,
}

impl StoreOrder<'_> {
    fn id(&self) -> OrderId {
        self.row.place.order_id
    }
}

/// What became of an order that was to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// It is stored as PENDING, now or by an earlier try of the same.
    Now,
    /// Its client id stands for another order.
    Taken(Box<(Claim, StoredOrder)>),
    /// Its client id stood for an order that is not there any more by now: worth another try. It is not stored.
    Again,
}

/// Orders that stand behind client ids, by user and id.
type Standing = BTreeMap<(UserId, ClientOrderId), (Claim, Option<StoredOrder>)>;

/// Stores orders as PENDING, in one transaction. A client id whose order ended before `over` is free again. The same orders
/// may be given again where it is not known whether they were stored.
///
/// # Errors
/// See [`PgError`]; then none of them is stored, unless the outcome is not known.
pub async fn store_orders(
    connection: &mut Connection,
    orders: &[StoreOrder<'_>],
    over: Stamp,
    again: bool,
    markets: &MarketGrids,
) -> Result<Vec<Stored>, PgError> {
    connection
        .transaction(async |connection| {
            let ids: Vec<OrderId> = orders.iter().map(StoreOrder::id).collect();
            let mut stored: HashSet<OrderId> = HashSet::new();
            if again {
                stored.extend(stored_among(connection, &ids).await?);
            }
            let claims: Vec<Claim> = (orders.iter())
                .filter(|order| !stored.contains(&order.id()))
                .filter_map(|order| order.claim.clone())
                .collect();
            let mut taken: HashSet<OrderId> = claim(connection, &claims).await?.into_iter().collect();
            if taken.len() < claims.len() {
                let lost: Vec<Claim> = lost(&claims, &taken);
                taken.extend(take_over(connection, &lost, over, markets).await?);
            }
            let new: Vec<NewOrder<'_>> = (orders.iter())
                .filter(|order| !stored.contains(&order.id()))
                .filter(|order| order.claim.is_none() || taken.contains(&order.id()))
                .map(|order| order.row)
                .collect();
            insert_pending(connection, &new).await?;
            let new_ids: HashSet<OrderId> = new.iter().map(|order| order.place.order_id).collect();
            let commands: Vec<CommandRow> = (orders.iter())
                .filter(|order| new_ids.contains(&order.id()))
                .filter_map(|order| order.command.clone())
                .collect();
            insert_synced(connection, &commands).await?;
            stored.extend(new_ids);
            let standing = if stored.len() < orders.len() {
                standing(connection, &lost(&claims, &taken), markets).await?
            } else {
                Standing::new()
            };
            Ok(told(orders, &stored, &standing))
        })
        .await
}

/// Those of these claims that were not taken.
fn lost(claims: &[Claim], taken: &HashSet<OrderId>) -> Vec<Claim> {
    let lost = claims.iter().filter(|claim| !taken.contains(&claim.order_id));
    lost.cloned().collect()
}

/// The orders that stand behind these claims' client ids.
async fn standing(
    connection: &mut Connection,
    claims: &[Claim],
    markets: &MarketGrids,
) -> Result<Standing, PgError> {
    let names = claims.iter().map(|claim| (claim.user_id, &claim.client_order_id));
    let standing = claims_of(connection, names).await?;
    let ids: Vec<OrderId> = standing.iter().map(|claim| claim.order_id).collect();
    let orders = orders_by_id(connection, &ids, markets).await?;
    let orders: BTreeMap<OrderId, StoredOrder> = orders
        .into_iter()
        .map(|stored| (stored.order.order_id, stored))
        .collect();
    let whole = |claim: Claim| {
        let order = orders.get(&claim.order_id).cloned();
        ((claim.user_id, claim.client_order_id.clone()), (claim, order))
    };
    Ok(standing.into_iter().map(whole).collect())
}

/// Takes those client ids whose orders ended before `over`, or went with their whole month. The orders that have them now.
async fn take_over(
    connection: &mut Connection,
    lost: &[Claim],
    over: Stamp,
    markets: &MarketGrids,
) -> Result<Vec<OrderId>, PgError> {
    let ours: HashSet<OrderId> = lost.iter().map(|claim| claim.order_id).collect();
    let standing = standing(connection, lost, markets).await?;
    let is_over = |(claim, order): &(Claim, Option<StoredOrder>)| match order {
        Some(stored) => stored.order.ended_at.is_some_and(|end| end <= over),
        // An order of this very transaction is not there yet.
        None => !ours.contains(&claim.order_id) && !is_young(claim, over),
    };
    let free: Vec<&Claim> = (standing.values().filter(|held| is_over(held)))
        .map(|(claim, _)| claim)
        .collect();
    if free.is_empty() {
        return Ok(Vec::new());
    }
    forget_claims(connection, &free).await?;
    let freed: HashSet<(UserId, &ClientOrderId)> = (free.iter())
        .map(|claim| (claim.user_id, &claim.client_order_id))
        .collect();
    let takers: Vec<Claim> = (lost.iter())
        .filter(|claim| freed.contains(&(claim.user_id, &claim.client_order_id)))
        .cloned()
        .collect();
    claim(connection, &takers).await
}

/// Whether the order of a claim was made after `over`, so that it cannot have ended before.
fn is_young(claim: &Claim, over: Stamp) -> bool {
    let millis = u64::try_from(claim.order_id.as_u128() >> 80).unwrap_or_default();
    millis > over.millis()
}

fn told(orders: &[StoreOrder<'_>], stored: &HashSet<OrderId>, standing: &Standing) -> Vec<Stored> {
    let one = |order: &StoreOrder<'_>| {
        if stored.contains(&order.id()) {
            return Stored::Now;
        }
        let name = order
            .claim
            .as_ref()
            .map(|claim| (claim.user_id, claim.client_order_id.clone()));
        match name.and_then(|name| standing.get(&name)) {
            Some((claim, Some(stored))) => Stored::Taken(Box::new((claim.clone(), stored.clone()))),
            _ => Stored::Again,
        }
    };
    orders.iter().map(one).collect()
}
