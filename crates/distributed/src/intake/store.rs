//! Storing new orders as PENDING, those that come at the same time in one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{Price, Stamp};
use engine::CLIENT_ID_WINDOW_MICROS;
use persistence::postgres::intake::{StoreOrder, Stored as Row, last_prices, store_orders};
use persistence::postgres::orders::StoredOrder;
use persistence::postgres::{Connection, PgError, Pool};

use super::fresh::Fresh;
use super::gather::{Gathered, Halves};
use super::grids::Grids;
use super::hand::hint;
use super::outcomes::Notices;
use super::patience::{Failure, patient};
use crate::Funding;

/// What became of an order that was to be stored.
#[derive(Debug, Clone)]
pub(crate) enum Stored {
    /// It is stored as PENDING, with its protection price.
    New(Box<Fresh>),
    /// Its client id stands for this order, which asked for the same or for something else.
    Standing {
        /// The order.
        order: Box<StoredOrder>,
        /// Whether it asked for the same.
        same: bool,
    },
}

/// Stores new orders.
pub(crate) struct Storing {
    pub pool: Pool,
    pub grids: Arc<Grids>,
    pub notices: Arc<dyn Notices>,
}

/// How often an order is tried again whose client id has just become free.
const AGAIN: usize = 3;

#[async_trait]
impl Gathered for Storing {
    type Item = Fresh;
    type Answer = Result<Stored, Failure>;

    async fn run(&self, orders: Vec<Fresh>) -> Vec<Self::Answer> {
        let mut answers = Vec::with_capacity(orders.len());
        let mut halves = Halves::of(orders);
        while let Some(part) = halves.next() {
            match self.store(part.clone()).await {
                Ok(stored) => answers.extend(stored),
                // One that the database does not take must not fail the others.
                Err(Failure::Contents(_)) if part.len() > 1 => halves.split(part),
                Err(failure) => answers.extend(part.iter().map(|_| Err(failure.clone()))),
            }
        }
        answers
    }
}

impl Storing {
    /// Stores all of them, or fails for all of them.
    async fn store(&self, mut orders: Vec<Fresh>) -> Result<Vec<Result<Stored, Failure>>, Failure> {
        patient("prices", self.protect(&mut orders)).await?;
        let rows = match patient("store", self.write(&orders, false)).await {
            // Whether they are there is asked, and those that are not are written: the same orders, so no harm is done.
            Err(Failure::Unknown(_)) => {
                let again = patient("store again", self.write(&orders, true)).await;
                again.map_err(|failure| Failure::Unknown(failure.to_string()))?
            }
            rows => rows?,
        };
        let mut rows = rows;
        let mut why = Failure::Refused("the client order id changes hands".to_owned());
        for _ in 0..AGAIN {
            if !rows.contains(&Row::Again) {
                break;
            }
            let left = orders.iter().zip(&rows);
            let left: Vec<Fresh> = left
                .filter(|(_, row)| **row == Row::Again)
                .map(|(order, _)| order.clone())
                .collect();
            let tried = match patient("store", self.write(&left, true)).await {
                Ok(tried) => tried,
                Err(failure) => {
                    // Perhaps they are stored: then nobody may be told that nothing was done.
                    why = failure;
                    break;
                }
            };
            let mut tried = tried.into_iter();
            for row in rows.iter_mut().filter(|row| **row == Row::Again) {
                *row = tried.next().unwrap_or(Row::Again);
            }
        }
        let answer = |(order, row)| told(order, row).unwrap_or_else(|| Err(why.clone()));
        Ok(orders.into_iter().zip(rows).map(answer).collect())
    }

    /// Fixes the protection prices of market orders, by the prices of their markets' last trades.
    async fn protect(&self, orders: &mut [Fresh]) -> Result<(), PgError> {
        let mut symbols: Vec<String> = (orders.iter())
            .filter(|order| order.needs_reference())
            .map(|order| order.market.symbol().to_string())
            .collect();
        symbols.sort_unstable();
        symbols.dedup();
        let mut prices = HashMap::new();
        if !symbols.is_empty() {
            let mut connection = self.pool.get().await?;
            prices.extend(last_prices(&mut connection, &symbols).await?);
        }
        for order in orders {
            let last = prices.get(&order.market.symbol().to_string());
            let last: Option<Price> = last.and_then(|price| order.market.price("last_price", *price).ok());
            order.protect(last);
        }
        Ok(())
    }

    async fn write(&self, orders: &[Fresh], again: bool) -> Result<Vec<Row>, PgError> {
        let Some(last) = orders.iter().map(|order| order.place.received_at).max() else {
            return Ok(Vec::new());
        };
        let over = Stamp::from_micros(last.micros().saturating_sub(CLIENT_ID_WINDOW_MICROS));
        let rows: Vec<StoreOrder<'_>> = (orders.iter())
            .map(|order| StoreOrder {
                row: order.row(),
                claim: order.claim(),
                command: (order.turned_away_by)
                    .and_then(|shard| order.command_row(shard, Funding::NotAsked).ok()),
            })
            .collect();
        let grids = self.grids.get();
        let mut connection = self.pool.get().await?;
        let connection: &mut Connection = &mut connection;
        let stored = store_orders(connection, &rows, over, again, &grids).await?;
        let commands = rows.into_iter().filter_map(|row| row.command);
        hint(&*self.notices, &commands.collect::<Vec<_>>());
        Ok(stored)
    }
}

/// What became of an order; none: it has to be tried again.
fn told(order: Fresh, row: Row) -> Option<Result<Stored, Failure>> {
    match row {
        Row::Now => Some(Ok(Stored::New(Box::new(order)))),
        Row::Taken(standing) => {
            let (claim, stored) = *standing;
            Some(Ok(Stored::Standing {
                same: order.body_hash(claim.order_id) == claim.body_hash,
                order: Box::new(stored),
            }))
        }
        Row::Again => None,
    }
}
