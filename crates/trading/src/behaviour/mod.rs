//! The behaviour suite: what every shape of the exchange must do, seen through the traits alone.
//!
//! Each case is a plain async function that panics with a readable message. A case makes a market, assets and users of
//! its own, so cases do not meet, and ends with the same questions: is all money there, is nothing reserved without a
//! live order, does the book agree with the orders, are the events without a gap. [`all`] runs every case.

mod accounts;
mod amending;
mod cancelling;
mod client_ids;
mod entering;
mod feeds;
mod following;
mod operating;
mod order_types;
mod past;
mod queries;
mod questions;
mod refusals;
mod stage;
mod stops;
mod switches;
mod time;
mod venue;

pub use venue::Venue;

macro_rules! cases {
    ($($module:ident: $($name:ident),+;)+) => {
        /// The names of all cases, in the order in which [`all`] runs them.
        pub const CASES: &[&str] = &[$($(concat!(stringify!($module), "::", stringify!($name))),+),+];

        /// Runs one case by its name; false where there is none of that name.
        ///
        /// # Panics
        /// When the exchange does anything else than it should.
        pub async fn run(venue: &impl Venue, case: &str) -> bool {
            match case {
                $($(concat!(stringify!($module), "::", stringify!($name)) => {
                    $module::$name(venue).await;
                })+)+
                _ => return false,
            }
            true
        }
    };
}

cases! {
    order_types:
        a_limit_order_rests_and_reserves,
        better_prices_first_then_earlier_orders_at_the_makers_price,
        a_market_order_by_quantity_takes_what_there_is,
        a_market_order_never_trades_beyond_its_protection_price,
        a_market_buy_by_budget_spends_no_more,
        immediate_or_cancel_expires_its_rest,
        fill_or_kill_fills_whole_or_not_at_all,
        post_only_rests_or_is_rejected,
        an_iceberg_shows_its_display_quantity_and_refills_behind_the_others,
        self_trade_prevention_follows_the_takers_mode;
    stops:
        a_stop_waits_reserves_and_enters_when_the_last_price_reaches_it,
        a_stop_limit_enters_at_its_limit,
        triggered_stops_trigger_others;
    time:
        gtd_ends_at_its_moment,
        day_ends_at_midnight,
        what_comes_after_its_deadline_expires;
    refusals:
        what_makes_no_sense_is_invalid_and_leaves_no_order,
        what_breaks_a_market_rule_is_an_order_rejected_with_its_reason,
        the_first_rule_in_order_is_the_one_told,
        too_many_live_orders_are_rejected,
        a_post_only_market_takes_what_rests,
        a_market_takes_cancels_only_or_nothing;
    client_ids:
        the_same_order_again_is_the_first_one,
        another_order_under_the_same_id_is_a_conflict,
        duplicates_in_parallel_give_one_order,
        a_rejected_order_uses_its_id_up,
        an_id_may_be_used_again_a_day_after_its_order_ended;
    entering:
        of_two_parallel_orders_that_need_all_funds_one_is_rejected,
        money_of_a_sale_can_be_spent_at_once,
        many_users_in_parallel_keep_every_rule;
    amending:
        less_quantity_keeps_its_place,
        a_new_price_goes_to_the_back_and_may_trade,
        more_quantity_reserves_more_and_goes_to_the_back,
        an_amendment_without_funds_or_within_no_limits_changes_nothing,
        an_amendment_to_what_is_filled_cancels_the_rest,
        a_waiting_stop_can_be_amended,
        only_a_live_order_of_the_callers_can_be_amended;
    cancelling:
        a_cancel_releases_and_is_final,
        an_order_of_somebody_else_is_unknown,
        cancel_all_takes_what_matches_and_only_the_callers,
        an_operator_cancels_everybodys;
    queries:
        what_was_answered_is_seen_by_every_later_question,
        somebody_elses_order_is_not_found_like_an_unknown_one,
        lists_are_newest_first_and_filtered,
        lists_go_by_side_status_and_page,
        depth_shows_levels_best_first,
        trades_are_newest_first;
    feeds:
        events_of_what_was_answered_arrive_in_order,
        a_receiver_that_falls_behind_is_told;
    following:
        a_book_followed_from_its_snapshot_is_the_book,
        a_users_orders_and_balances_followed_from_their_snapshot_are_the_users;
    past:
        own_trades_are_seen_at_once_and_filtered,
        the_ledger_tells_every_change_of_a_balance,
        candles_are_seen_at_once_and_gather_their_span;
    switches:
        a_switch_that_runs_out_cancels_only_its_users_orders,
        a_switch_can_be_renewed_and_disarmed,
        a_session_that_ends_cancels_only_its_users_orders;
    accounts:
        a_tier_sets_fees_and_is_seen_at_once,
        an_api_key_is_kept_and_revoked_for_ever;
    operating:
        a_transfer_is_done_once_per_key,
        a_withdrawal_takes_only_what_is_available,
        a_market_keeps_its_grid_and_changes_its_fees,
        definitions_that_break_a_rule_are_refused;
}

/// Runs every case, one after the other.
///
/// # Panics
/// At the first difference from what the exchange should do.
pub async fn all(venue: &impl Venue) {
    for case in CASES {
        assert!(run(venue, case).await, "there is no case {case}");
    }
}
