//! One order book: price-time priority, order types, self-trade prevention.
