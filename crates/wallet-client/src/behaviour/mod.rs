//! The behaviour suite: what every wallet must do, seen through the trait alone.
//!
//! Each case is a plain async function that panics with a readable message. A case has users and assets of its own, so
//! cases do not meet, may run beside one another, and leave what they did behind: give them a wallet for tests.

mod batches;
mod dice;
mod merging;
mod oldest;
mod questions;
mod random;
mod releasing;
mod reserving;
mod script;
mod settling;
mod stage;
mod transfers;

pub use random::seeded_run;

use crate::Wallet;

macro_rules! cases {
    ($($module:ident: $($name:ident),+;)+) => {
        /// The names of all cases, in the order in which [`all`] runs them.
        pub const CASES: &[&str] = &[$($(concat!(stringify!($module), "::", stringify!($name))),+),+];

        /// Runs one case by its name; false where there is none of that name.
        ///
        /// # Panics
        /// When the wallet does anything else than it should.
        pub async fn run(wallet: &dyn Wallet, case: &str) -> bool {
            match case {
                $($(concat!(stringify!($module), "::", stringify!($name)) => {
                    $module::$name(wallet).await;
                })+)+
                _ => return false,
            }
            true
        }
    };
}

cases! {
    reserving:
        a_reserve_moves_money_and_the_same_again_is_the_first_answer,
        a_reserve_that_is_not_covered_is_refused_for_good,
        a_key_with_another_body_is_a_conflict,
        a_reserve_of_nothing_makes_no_sense,
        an_amendment_reserves_beside_its_order;
    releasing:
        parts_are_released_under_their_numbers_until_nothing_is_left,
        a_plain_release_is_of_all_that_is_left,
        a_release_of_more_than_is_left_is_refused,
        a_reservation_of_somebody_else_cannot_be_released,
        a_release_of_a_reserve_that_was_refused_moves_nothing,
        a_release_before_its_reserve_keeps_it_out_for_ever,
        a_release_before_an_amendments_reserve_keeps_only_that_out;
    settling:
        a_trade_changes_hands_less_fees,
        what_was_reserved_too_much_comes_back_with_the_trade,
        a_trade_is_settled_once_and_another_under_its_key_is_a_conflict,
        a_trade_of_unknown_orders_changes_nothing_and_is_refused_for_good,
        a_trade_that_its_reservations_do_not_cover_changes_nothing,
        a_trade_pays_only_from_its_partys_reservation_of_the_asset,
        a_fee_above_what_is_received_makes_no_sense,
        a_user_may_trade_with_itself,
        the_largest_amounts_are_settled_exactly;
    oldest:
        without_order_ids_the_oldest_reservations_pay_in_order,
        without_enough_reservations_nobody_pays,
        a_reserve_that_names_no_received_asset_learns_it_from_its_first_trade;
    merging:
        a_merged_amendment_pays_for_its_orders_trades,
        a_merge_takes_all_of_the_amendment_or_nothing,
        an_amendment_that_was_not_granted_cannot_be_merged,
        a_refused_amendments_reservation_is_released_whole;
    batches:
        what_is_refused_does_not_keep_back_what_stands_behind_it,
        instructions_of_one_call_are_done_in_their_order,
        a_key_twice_in_one_call_is_answered_twice_and_done_once,
        a_thousand_instructions_are_answered_one_by_one,
        the_same_call_in_parallel_is_done_once,
        parallel_calls_spend_no_more_than_there_is;
    transfers:
        a_deposit_is_done_once_per_key_for_ever,
        a_key_stands_for_one_transfer,
        a_withdrawal_takes_only_what_is_available_and_its_refusal_stays,
        nothing_can_be_neither_deposited_nor_withdrawn,
        a_balance_that_would_become_too_large_is_refused;
    questions:
        balances_come_by_user_and_asset_and_their_versions_grow,
        the_ledger_tells_every_change_newest_first,
        the_ledger_comes_in_pages_and_by_asset,
        strangers_have_nothing;
    random:
        random_instructions_are_answered_as_a_fresh_ledger_answers_them;
}

/// Runs every case, one after the other.
///
/// # Panics
/// At the first difference from what the wallet should do.
pub async fn all(wallet: &dyn Wallet) {
    for case in CASES {
        assert!(run(wallet, case).await, "there is no case {case}");
    }
}
