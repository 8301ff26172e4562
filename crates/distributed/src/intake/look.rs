//! Looking orders up by either of their names, those that are asked for at the same time in one statement.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{ClientOrderId, OrderId, OrderRef, UserId};
use persistence::postgres::intake::claims_of;
use persistence::postgres::orders::{StoredOrder, orders_by_id};
use persistence::postgres::{PgError, Pool};

use super::gather::{Gathered, Halves};
use super::grids::Grids;
use super::patience::{Failure, patient};

/// Whose order is asked for, and which.
pub(crate) type Asked = (UserId, OrderRef);

/// Looks orders up.
pub(crate) struct Looking {
    pub pool: Pool,
    pub grids: Arc<Grids>,
}

#[async_trait]
impl Gathered for Looking {
    type Item = Asked;
    /// The order, if its owner asks.
    type Answer = Result<Option<StoredOrder>, Failure>;

    async fn run(&self, asked: Vec<Asked>) -> Vec<Self::Answer> {
        let mut answers = Vec::with_capacity(asked.len());
        let mut halves = Halves::of(asked);
        while let Some(part) = halves.next() {
            match patient("look", self.look(&part)).await {
                Ok(found) => answers.extend(found.into_iter().map(Ok)),
                // A row that cannot be read must not keep the others from theirs.
                Err(Failure::Contents(_)) if part.len() > 1 => halves.split(part),
                Err(failure) => answers.extend(part.iter().map(|_| Err(failure.clone()))),
            }
        }
        answers
    }
}

impl Looking {
    async fn look(&self, asked: &[Asked]) -> Result<Vec<Option<StoredOrder>>, PgError> {
        let grids = self.grids.get();
        let mut connection = self.pool.get().await?;
        let names: Vec<(UserId, &ClientOrderId)> = (asked.iter())
            .filter_map(|(user_id, order)| match order {
                OrderRef::Client(name) => Some((*user_id, name)),
                OrderRef::Id(_) => None,
            })
            .collect();
        let claims = claims_of(&mut connection, names).await?;
        let named: HashMap<(UserId, &ClientOrderId), OrderId> = (claims.iter())
            .map(|claim| ((claim.user_id, &claim.client_order_id), claim.order_id))
            .collect();
        let id = |(user_id, order): &Asked| match order {
            OrderRef::Id(id) => Some(*id),
            OrderRef::Client(name) => named.get(&(*user_id, name)).copied(),
        };
        let ids: Vec<Option<OrderId>> = asked.iter().map(id).collect();
        let wanted: Vec<OrderId> = ids.iter().flatten().copied().collect();
        let orders = orders_by_id(&mut connection, &wanted, &grids).await?;
        let orders: HashMap<OrderId, StoredOrder> = orders
            .into_iter()
            .map(|stored| (stored.order.order_id, stored))
            .collect();
        let own = |(id, (user_id, _)): (Option<OrderId>, &Asked)| {
            let stored = orders.get(&id?)?;
            (stored.order.user_id == *user_id).then(|| stored.clone())
        };
        Ok(ids.into_iter().zip(asked).map(own).collect())
    }
}
