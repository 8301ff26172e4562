//! Amendments that need more funds: written down before the wallet is asked, so that what a gateway leaves behind is found.

use domain::{Amend, Amount, Market, MarketNumber, Order, OrderRef, RequestId, Reserve, Stamp};
use persistence::postgres::PgError;
use persistence::postgres::intake::{CommandKind, CommandRow, Draft, hand_draft, insert_draft};
use persistence::postgres::orders::StoredOrder;
use runtime::trace;
use serde::{Deserialize, Serialize};
use trading::{Amendment, Caller, EntryError};
use uuid::Uuid;

use super::{Failure, Intake, Moment, encoded, hint, patient};
use crate::{Funding, ShardCommand};

/// An amendment on its way to its shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Amending {
    /// The amendment, of an order by its id.
    pub amend: Amend,
    /// The order's market.
    pub market: MarketNumber,
    /// When the request was received.
    pub received_at: Stamp,
    /// What it needs beyond what the order has; none: nothing.
    pub reserve: Option<Reserve>,
}

impl Amending {
    /// What a caller asks for at this moment of an order that stands so.
    pub fn new(
        caller: Caller,
        stored: &StoredOrder,
        market: &Market,
        amendment: Amendment,
        moment: Moment,
    ) -> Self {
        let order = &stored.order;
        let request_id = moment.request_id();
        let (asset, receives) = market.symbol().paid_and_received(order.side);
        let reserve = missing(order, stored.fold.reserve_left, market, amendment).map(|amount| Reserve {
            order_id: order.order_id,
            request_id: Some(request_id),
            user_id: order.user_id,
            asset,
            receives,
            amount,
        });
        Self {
            amend: Amend {
                request_id,
                user_id: caller.user_id,
                order: OrderRef::Id(order.order_id),
                price: amendment.price,
                quantity: amendment.quantity,
            },
            market: order.market,
            received_at: moment.at,
            reserve,
        }
    }

    /// The id of its command.
    pub const fn command_id(&self) -> Uuid {
        Uuid::from_u128(self.request_id().as_u128())
    }

    /// Its own id.
    pub const fn request_id(&self) -> RequestId {
        self.amend.request_id
    }

    /// The row of its command.
    ///
    /// # Errors
    /// See [`super::encoded`].
    pub fn command_row(&self, shard: u32, funding: Funding) -> Result<CommandRow, EntryError> {
        let command = ShardCommand::Amend {
            amend: self.amend.clone(),
            market: self.market,
            received_at: self.received_at,
            funding,
        };
        let order_id = match &self.amend.order {
            OrderRef::Id(id) => Some(*id),
            OrderRef::Client(_) => None,
        };
        Ok(CommandRow {
            id: self.command_id(),
            shard,
            kind: CommandKind::Amend,
            order_id,
            body: encoded(&command)?,
            at: self.received_at,
            trace: trace::current(),
        })
    }
}

/// What the amended order needs beyond what it has. None where it needs nothing more, and where its shard will refuse the
/// amendment whatever it has.
fn missing(order: &Order, reserved: Amount, market: &Market, amendment: Amendment) -> Option<Amount> {
    let terms = order.terms.amended(amendment.price, amendment.quantity).ok()?;
    let quantity = market.lots(terms.size());
    if terms == order.terms || quantity <= order.quantity - order.remaining() {
        return None;
    }
    let needed = market.still_needed_of_any(&order.resized(&terms, quantity).ok()?)?;
    needed.checked_sub(reserved).filter(|missing| !missing.is_zero())
}

impl Intake {
    /// Writes an amendment down that needs more funds.
    ///
    /// # Errors
    /// It is not written down, or that is not known.
    pub(crate) async fn write_draft(&self, amending: &Amending, order: &Order) -> Result<(), EntryError> {
        let draft = Draft {
            request_id: amending.request_id(),
            order_id: order.order_id,
            body: encoded(amending)?,
        };
        let write = async {
            let mut connection = self.pool.get().await?;
            insert_draft(&mut connection, &draft, amending.received_at).await
        };
        Ok(patient("draft", write).await?)
    }

    /// Hands a funded amendment to its shard, unless somebody else did.
    ///
    /// # Errors
    /// See [`Failure`]: then a sweeper goes on with it.
    pub(crate) async fn finish_draft(&self, amending: &Amending, funding: Funding) -> Result<(), Failure> {
        let refused = |error: EntryError| Failure::Refused(error.to_string());
        let shard = self.shard_of(amending.market).map_err(refused)?;
        let row = amending.command_row(shard, funding).map_err(refused)?;
        let hand = async {
            let mut connection = self.pool.get().await?;
            let handed = hand_draft(&mut connection, amending.request_id(), &row).await?;
            Ok::<_, PgError>(handed)
        };
        if patient("hand draft", hand).await? {
            hint(&*self.notices, &[row]);
        }
        Ok(())
    }
}
