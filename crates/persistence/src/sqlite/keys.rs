//! The narrow rows by which a user's orders and trades, and an order's trades, are found.

use super::columns::row;

row! {
    /// An order of a user.
    OwnOrderRow in "own_orders" {
        user_number: int,
        order_id: id,
        market: int,
        side: int,
        status: int,
    }
}

row! {
    /// An order under the name that its owner gave it.
    ClientOrderRow<'a> in "client_orders" {
        user_number: int,
        client_order_id: text,
        order_id: id,
    }
}

row! {
    /// A trade of a user.
    OwnTradeRow in "own_trades" {
        user_number: int,
        trade_id: id,
        market: int,
        number: int,
    }
}

row! {
    /// A trade of an order.
    OrderTradeRow in "order_trades" {
        order_id: id,
        trade_id: id,
        market: int,
        number: int,
    }
}
