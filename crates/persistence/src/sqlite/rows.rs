//! Adds what batches hold to each table, in the order of the table's key: neighbours are written one after the other.

use diesel::SqliteConnection;
use domain::{EntryAccount, LedgerEntry, Order, Trade};

use super::HistoryError;
use super::codes::Code;
use super::entries::EntryRow;
use super::insert::insert;
use super::keys::{ClientOrderRow, OrderTradeRow, OwnOrderRow, OwnTradeRow};
use super::orders::OrderRow;
use super::trades::TradeRow;
use super::users::{EXTERNAL, FEE, Users};

/// Adds orders that ended.
pub(crate) fn add_orders<'a>(
    connection: &mut SqliteConnection,
    users: &mut Users,
    orders: impl Iterator<Item = &'a Order>,
) -> Result<(), HistoryError> {
    let mut orders: Vec<&Order> = orders.collect();
    orders.sort_unstable_by_key(|order| order.order_id);
    let rows: Vec<_> = orders.iter().copied().map(OrderRow::from).collect();
    insert(connection, &rows)?;
    let (mut own, mut named) = (Vec::with_capacity(orders.len()), Vec::new());
    for order in orders {
        let user_number = users.number(connection, order.user_id)?;
        let order_id = order.order_id.as_u128().into();
        own.push(OwnOrderRow {
            user_number,
            order_id,
            market: i64::from(order.market.0),
            side: order.side.code(),
            status: order.state.status().code(),
        });
        if let Some(name) = &order.client_order_id {
            named.push(ClientOrderRow {
                user_number,
                client_order_id: name.as_str().into(),
                order_id,
            });
        }
    }
    // Stable: the orders are in the order of their ids already.
    own.sort_by_key(|row| row.user_number);
    insert(connection, &own)?;
    named.sort_by(|one: &ClientOrderRow<'_>, other| {
        let users = one.user_number.cmp(&other.user_number);
        users.then_with(|| one.client_order_id.cmp(&other.client_order_id))
    });
    Ok(insert(connection, &named)?)
}

/// Adds trades, and where each party and each order finds them.
pub(crate) fn add_trades<'a>(
    connection: &mut SqliteConnection,
    users: &mut Users,
    trades: impl Iterator<Item = &'a Trade>,
) -> Result<(), HistoryError> {
    let mut trades: Vec<&Trade> = trades.collect();
    trades.sort_unstable_by_key(|trade| (trade.market, trade.number));
    let rows: Vec<_> = trades.iter().copied().map(TradeRow::from).collect();
    insert(connection, &rows)?;
    let (mut own, mut of_orders) = (Vec::new(), Vec::new());
    for (trade, row) in trades.into_iter().zip(&rows) {
        let (buyer, seller) = (trade.buyer, trade.seller);
        let mut add_own = |user_number| {
            own.push(OwnTradeRow {
                user_number,
                trade_id: row.trade_id,
                market: row.market,
                number: row.number,
            });
        };
        add_own(users.number(connection, buyer.user_id)?);
        if seller.user_id != buyer.user_id {
            add_own(users.number(connection, seller.user_id)?);
        }
        let mut add_of_order = |order_id| {
            of_orders.push(OrderTradeRow {
                order_id,
                trade_id: row.trade_id,
                market: row.market,
                number: row.number,
            });
        };
        add_of_order(row.buyer_order_id);
        if seller.order_id != buyer.order_id {
            add_of_order(row.seller_order_id);
        }
    }
    own.sort_unstable_by_key(|row| (row.user_number, row.trade_id));
    insert(connection, &own)?;
    of_orders.sort_unstable_by_key(|row| (row.order_id, row.trade_id));
    Ok(insert(connection, &of_orders)?)
}

/// Adds lines of the ledger.
pub(crate) fn add_entries<'a>(
    connection: &mut SqliteConnection,
    users: &mut Users,
    entries: impl Iterator<Item = &'a LedgerEntry>,
) -> Result<(), HistoryError> {
    let mut lines = Vec::with_capacity(entries.size_hint().0);
    for entry in entries {
        let account = match entry.account {
            EntryAccount::User(user_id) => users.number(connection, user_id)?,
            EntryAccount::Fee => FEE,
            EntryAccount::External => EXTERNAL,
        };
        lines.push((account, entry));
    }
    lines.sort_unstable_by_key(|(account, entry)| (*account, entry.asset, entry.seq, entry.line));
    let row = |(account, entry)| EntryRow::new(account, entry);
    let rows: Vec<_> = lines.into_iter().map(row).collect();
    Ok(insert(connection, &rows)?)
}
