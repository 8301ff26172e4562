//! Storing new orders as PENDING, many in one transaction: client ids first, so that a duplicate fails nobody else.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use domain::{ClientOrderId, OrderId, UserId};
use engine::CLIENT_ID_WINDOW_MICROS;
use persistence::postgres::intake::{
    Claim, claim, claims_of, forget_claims, last_prices, stored_among,
};
use persistence::postgres::orders::{NewOrder, StoredOrder, insert_pending, orders_by_id};
use persistence::postgres::{Connection, PgError, Pool};
use diesel_async::AsyncConnection as _;

use super::fresh::Fresh;
use super::gather::Gathered;
use super::grids::Grids;
use super::patience::{Outcome as Attempt, patient};

/// What became of an order that was to be stored.
#[derive(Debug, Clone)]
pub(crate) enum Stored {
    /// It is stored as PENDING.
    New(Box<Fresh>),
    /// Its client id stands for this order, which asked for the same or not.
    Standing {
        /// The order.
        order: Box<StoredOrder>,
        /// Whether it asked for the same.
        same: bool,
    },
}
