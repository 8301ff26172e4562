//! The rows of trades, each with both parties.

use domain::{Amount, Lots, MarketNumber, OrderId, Trade, TradeId, TradeSide, UserId};

use super::HistoryError;
use super::codes::Code;
use super::columns::row;
use super::value::{Bits, lots, micros, ticks};

row! {
    /// A trade.
    TradeRow in "trades" {
        trade_id: id,
        market: int,
        number: int,
        price: int,
        quantity: int,
        buyer_order_id: id,
        buyer_user_id: id,
        buyer_fee: int,
        buyer_remaining: int,
        seller_order_id: id,
        seller_user_id: id,
        seller_fee: int,
        seller_remaining: int,
        maker_side: int,
        executed_at: int,
    }
}

fn party(side: TradeSide) -> (Bits, Bits, i64, i64) {
    let TradeSide {
        order_id,
        user_id,
        fee,
        remaining,
    } = side;
    (
        order_id.as_u128().into(),
        user_id.as_u128().into(),
        fee.0.cast_signed(),
        remaining.0.cast_signed(),
    )
}

impl From<&Trade> for TradeRow {
    fn from(trade: &Trade) -> Self {
        let Trade {
            trade_id,
            market,
            number,
            price,
            quantity,
            buyer,
            seller,
            maker_side,
            executed_at,
        } = *trade;
        let (buyer_order_id, buyer_user_id, buyer_fee, buyer_remaining) = party(buyer);
        let (seller_order_id, seller_user_id, seller_fee, seller_remaining) = party(seller);
        Self {
            trade_id: trade_id.as_u128().into(),
            market: i64::from(market.0),
            number: number.cast_signed(),
            price: ticks(price),
            quantity: lots(quantity),
            buyer_order_id,
            buyer_user_id,
            buyer_fee,
            buyer_remaining,
            seller_order_id,
            seller_user_id,
            seller_fee,
            seller_remaining,
            maker_side: maker_side.code(),
            executed_at: micros(executed_at),
        }
    }
}

impl TryFrom<TradeRow> for Trade {
    type Error = HistoryError;

    fn try_from(row: TradeRow) -> Result<Self, HistoryError> {
        let table = TradeRow::TABLE;
        let party = |order_id: Bits, user_id: Bits, fee: i64, remaining: i64| TradeSide {
            order_id: OrderId::from_u128(order_id.into()),
            user_id: UserId::from_u128(user_id.into()),
            fee: Amount(fee.cast_unsigned()),
            remaining: Lots(remaining.cast_unsigned()),
        };
        Ok(Self {
            trade_id: TradeId::from_u128(row.trade_id.into()),
            market: MarketNumber(table.small("market", row.market)?),
            number: row.number.cast_unsigned(),
            price: table.price("price", row.price)?,
            quantity: table.quantity("quantity", row.quantity)?,
            buyer: party(
                row.buyer_order_id,
                row.buyer_user_id,
                row.buyer_fee,
                row.buyer_remaining,
            ),
            seller: party(
                row.seller_order_id,
                row.seller_user_id,
                row.seller_fee,
                row.seller_remaining,
            ),
            maker_side: table.code("maker_side", row.maker_side)?,
            executed_at: table.stamp("executed_at", row.executed_at)?,
        })
    }
}
