//! Settle: what a trade moves between its parties.

use actix_web::web::{Data, Json};
use domain::{Amount, Symbol};
use http::{JsonBody, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wallet_client::{Answer, Instruction, Refused, SettleTrade, TradeParty};

use crate::items::{self, Batch, ByAsset, Item, Results, by_asset};
use crate::state::State;
use crate::text::{AssetText, Decimal, EntryText, OrderText, Text, TradeText, UserText};

/// Units of 1e-8 in one.
const ONE: u128 = 100_000_000;

/// A trade. Its id is the key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SettleTrade)]
pub(crate) struct SettleBody {
    trade_id: TradeText,
    buyer_user_id: UserText,
    seller_user_id: UserText,
    base_asset: AssetText,
    quote_asset: AssetText,
    /// The base asset that changes hands.
    quantity: Decimal,
    /// Of one unit of it; quantity x price must have at most 8 decimal places.
    price: Decimal,
    /// Taken from the base asset that the buyer receives.
    buyer_fee: Decimal,
    /// Taken from the quote asset that the seller receives.
    seller_fee: Decimal,
    /// The base asset.
    buyer_fee_asset: AssetText,
    /// The quote asset.
    seller_fee_asset: AssetText,
    /// The order whose reservation pays; absent: the buyer's oldest reservations of the quote asset pay, in order.
    buyer_order_id: Option<OrderText>,
    /// The order whose reservation pays; absent: the seller's oldest reservations of the base asset pay, in order.
    seller_order_id: Option<OrderText>,
    /// What of the buyer's reservation is given back with this trade.
    buyer_release: Option<Decimal>,
    /// What of the seller's reservation is given back with this trade.
    seller_release: Option<Decimal>,
}

/// A settlement that was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Settled)]
pub(crate) struct SettledView {
    success: bool,
    /// The line of the ledger that tells what the buyer received.
    buyer_ledger_entry_id: Option<EntryText>,
    /// The line of the ledger that tells what the seller received.
    seller_ledger_entry_id: Option<EntryText>,
    /// What the buyer has of both assets right after it, by asset.
    buyer_balances: ByAsset,
    /// What the seller has of both assets right after it, by asset.
    seller_balances: ByAsset,
}

impl From<Answer> for SettledView {
    fn from(answer: Answer) -> Self {
        let Answer { entry_ids, balances } = answer;
        let (buyer, seller) = balances.split_at(balances.len().min(2));
        let entry = |place: usize| entry_ids.get(place).copied().map(Text);
        Self {
            success: true,
            buyer_ledger_entry_id: entry(0),
            seller_ledger_entry_id: entry(1),
            buyer_balances: by_asset(buyer),
            seller_balances: by_asset(seller),
        }
    }
}

impl Item for SettleBody {
    type View = SettledView;

    fn instruction(self) -> Result<Instruction, Refused> {
        let Self {
            trade_id: Text(trade_id),
            buyer_user_id,
            seller_user_id,
            base_asset: Text(base),
            quote_asset: Text(quote),
            quantity: Decimal(quantity),
            price: Decimal(price),
            buyer_fee,
            seller_fee,
            buyer_fee_asset: Text(buyer_fee_asset),
            seller_fee_asset: Text(seller_fee_asset),
            buyer_order_id,
            seller_order_id,
            buyer_release,
            seller_release,
        } = self;
        for (field, rule, holds) in [
            ("quote_asset", "must not be the base asset", quote != base),
            (
                "buyer_fee_asset",
                "must be the base asset",
                buyer_fee_asset == base,
            ),
            (
                "seller_fee_asset",
                "must be the quote asset",
                seller_fee_asset == quote,
            ),
            ("quantity", "must be greater than 0", !quantity.is_zero()),
            ("price", "must be greater than 0", !price.is_zero()),
        ] {
            if !holds {
                return Err(items::invalid(field, rule));
            }
        }
        let quote_amount = product(quantity, price)?;
        for (field, Decimal(fee), received) in [
            ("buyer_fee", buyer_fee, quantity),
            ("seller_fee", seller_fee, quote_amount),
        ] {
            if fee > received {
                return Err(items::invalid(field, "must be at most what is received"));
            }
        }
        Ok(Instruction::Settle(SettleTrade {
            trade_id,
            symbol: Symbol { base, quote },
            base: quantity,
            quote: quote_amount,
            buyer: party(buyer_user_id, buyer_order_id, buyer_fee, buyer_release),
            seller: party(seller_user_id, seller_order_id, seller_fee, seller_release),
        }))
    }
}

fn party(
    user_id: UserText,
    order_id: Option<OrderText>,
    fee: Decimal,
    release: Option<Decimal>,
) -> TradeParty {
    TradeParty {
        user_id: user_id.0,
        order_id: order_id.map(|Text(order_id)| order_id),
        fee: fee.0,
        release: release.map_or(Amount::ZERO, |Decimal(release)| release),
    }
}

/// Quantity x price, exactly.
fn product(quantity: Amount, price: Amount) -> Result<Amount, Refused> {
    let units = u128::from(quantity.0) * u128::from(price.0);
    if !units.is_multiple_of(ONE) {
        return Err(items::invalid(
            "price",
            "times quantity must have at most 8 decimal places",
        ));
    }
    let whole = u64::try_from(units / ONE).ok().map(Amount);
    whole
        .filter(|amount| *amount <= Amount::MAX)
        .ok_or_else(|| items::invalid("price", "times quantity is too large"))
}

/// Settle a trade
#[utoipa::path(post, path = "/api/v1/wallets/settle-trade", tag = "instructions", operation_id = "settleTrade",
    request_body = SettleBody,
    responses((status = 200, description = "It is settled, now or before under the same key", body = SettledView)))]
pub(crate) async fn one(
    state: Data<State>,
    JsonBody(body): JsonBody<SettleBody>,
) -> Result<Json<SettledView>, Problem> {
    items::one(&state, body).await
}

/// Settle many trades
#[utoipa::path(post, path = "/api/v1/wallets/settle-trade/batch", tag = "instructions",
    operation_id = "settleTrades", request_body = Batch<SettleBody>,
    responses((status = 200, description = "One result for each item", body = Results<SettledView>)))]
pub(crate) async fn many(
    state: Data<State>,
    JsonBody(body): JsonBody<Batch<SettleBody>>,
) -> Result<Json<Results<SettledView>>, Problem> {
    items::many(&state, body).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_exact_or_refused() {
        let of = |quantity: &str, price: &str| {
            product(Amount::parse(quantity).unwrap(), Amount::parse(price).unwrap()).ok()
        };
        assert_eq!(of("0.5", "50000"), Amount::parse("25000").ok());
        assert_eq!(of("0.00000001", "1"), Some(Amount(1)));
        assert_eq!(of("0.00000001", "0.5"), None, "half a unit");
        assert_eq!(of("92233720368", "1"), Amount::parse("92233720368").ok());
        assert_eq!(of("92233720368", "92233720368"), None);
    }
}
