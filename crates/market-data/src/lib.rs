//! Market data folded from events: depth, trades, ticker and candles.
