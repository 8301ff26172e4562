//! The markets of one shard as one deterministic fold: books, order life, stops, timers, fees, client ids.
