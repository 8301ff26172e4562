//! The wallet service: the only one that changes balances.
