//! The fold of a shard: against the embedded exchange, against its own rows, and what only a shard does.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod moves;
mod twins;
mod wallet;
mod wishes;

use proptest::prelude::*;

use crate::moves::any_move;
use crate::twins::Twins;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_shard_with_a_wallet_tells_trades_and_owes_the_same_as_the_embedded_exchange(
        moves in proptest::collection::vec(any_move(), 1..120),
        units in 100_000_000..2_000_000_000u64,
    ) {
        let mut twins = Twins::open(units);
        for step in &moves {
            twins.step(step);
        }
        twins.compare();
    }

    #[test]
    fn after_every_command_the_digest_of_the_rows_is_that_of_memory(
        moves in proptest::collection::vec(any_move(), 1..60),
    ) {
        let mut twins = Twins::open(1_000_000_000);
        for (seed, step) in (0..).zip(&moves) {
            twins.step(step);
            twins.reload(seed);
        }
        twins.compare();
    }
}

mod rows;
mod special;
