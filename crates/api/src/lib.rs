//! The public API over the trading traits: REST.
