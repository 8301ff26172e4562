//! The table of metrics: what matchers, wallet services and auditors expose.

use super::family::{COUNTS, DURATIONS, FINE, Family, Label, counter, gauge, histogram};

/// Of the auditor, which an embedded gateway has within itself.
pub(super) const AUDITORS: &[Family] = &[
    gauge(
        "audit_last_success_timestamp_seconds",
        &[],
        "When everything could last be looked at, since 1970; 0: not yet.",
    ),
    gauge(
        "ledger_difference",
        &[Label::open("invariant")],
        "How many places break the rule; 0: it holds.",
    ),
];

pub(super) const MATCHERS: &[Family] = &[
    histogram(
        "order_stage_duration_seconds",
        FINE,
        &[Label::of(
            "stage",
            &["queue", "apply", "commit", "settle", "publish"],
        )],
        "The stages of an order on its way through this program: see docs/metrics.md.",
    ),
    gauge(
        "partitions_ahead_seconds",
        &[Label::of("table", &["orders", "trades"])],
        "How far the partitions of the table reach into the future.",
    ),
    histogram(
        "shard_batch_commands",
        COUNTS,
        &[Label::open("shard")],
        "Commands of a batch that was committed.",
    ),
    counter(
        "shard_blockers_ended_total",
        &[Label::open("shard")],
        "Sessions that were ended because they held the row of the shard.",
    ),
    counter(
        "shard_commit_errors_total",
        &[Label::open("shard")],
        "Batches that could not be committed.",
    ),
    histogram(
        "shard_commit_seconds",
        DURATIONS,
        &[Label::open("shard")],
        "Committing a batch.",
    ),
    counter(
        "shard_deaths_total",
        &[Label::open("shard")],
        "Commands whose applying ended in a panic.",
    ),
    gauge(
        "shard_epoch",
        &[Label::open("shard")],
        "The epoch in which this matcher owns the shard; 0: it does not.",
    ),
    counter(
        "shard_fenced_total",
        &[Label::open("shard")],
        "Times that another owner had taken the shard over.",
    ),
    gauge(
        "shard_lease_state",
        &[Label::open("shard")],
        "0 standing by, 1 loading, 2 owned, 3 halted.",
    ),
    gauge(
        "shard_load_seconds",
        &[Label::open("shard")],
        "How long the last loading of the shard took; 0: it was not loaded here.",
    ),
    counter(
        "shard_log_trimmed_total",
        &[Label::open("shard")],
        "Old rows of the log that were removed.",
    ),
    gauge(
        "shard_publish_lag_batches",
        &[Label::open("shard")],
        "Batches that were committed and not published yet.",
    ),
    gauge(
        "shard_publish_lag_seconds",
        &[Label::open("shard")],
        "The age of the oldest batch that is not published yet, to a tenth of a second.",
    ),
    counter(
        "shard_publish_retries_total",
        &[Label::open("shard")],
        "Publications that had to be tried again.",
    ),
    counter(
        "shard_repetitions_total",
        &[Label::open("shard")],
        "Looks that found placements which were applied before.",
    ),
    counter(
        "shard_restarts_total",
        &[Label::open("shard")],
        "Ownerships that ended in trouble.",
    ),
    gauge(
        "shard_sequence",
        &[Label::open("shard")],
        "The last batch of the owned shard; 0: it is not owned here.",
    ),
    gauge(
        "shard_settle_lag_batches",
        &[Label::open("shard")],
        "Batches that were committed and not settled yet.",
    ),
    gauge(
        "shard_settle_lag_seconds",
        &[Label::open("shard")],
        "The age of the oldest batch that is not settled yet, to a tenth of a second.",
    ),
    counter(
        "shard_settle_retries_total",
        &[Label::open("shard")],
        "Settlements that had to be tried again.",
    ),
    counter(
        "shard_settlements_refused_total",
        &[Label::open("shard")],
        "Settlements that the wallet has refused.",
    ),
    counter(
        "shard_takeovers_total",
        &[Label::open("shard")],
        "Times that this matcher has taken the shard over.",
    ),
    gauge(
        "shard_trades_unsettled",
        &[Label::open("shard")],
        "Trades that were committed and not settled yet, of those committed by this matcher.",
    ),
    counter(
        "shard_undecodable_total",
        &[Label::open("shard")],
        "Commands that could not be read and were kept in the table undecodable.",
    ),
];

pub(super) const WALLETS: &[Family] = &[
    histogram(
        "order_stage_duration_seconds",
        FINE,
        &[Label::of("stage", &["auth"])],
        "The stages of an order on its way through this program: see docs/metrics.md.",
    ),
    counter(
        "wallet_instructions_answered_total",
        &[],
        "Instructions that were answered.",
    ),
    counter(
        "wallet_transaction_conflicts_total",
        &[],
        "Transactions that were tried again because of others.",
    ),
    counter(
        "wallet_transaction_failures_total",
        &[],
        "Transactions that failed.",
    ),
    counter(
        "wallet_transactions_total",
        &[],
        "Transactions that were committed.",
    ),
];
