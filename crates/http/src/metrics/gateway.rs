//! The table of metrics: what gateways expose, in both shapes or one.

use super::family::{DURATIONS, FINE, Family, Label, counter, gauge, histogram};

pub(super) const GATEWAYS: &[Family] = &[
    gauge("http_connections_open", &[], "Open connections of all listeners."),
    gauge(
        "intake_capacity",
        &[],
        "Requests of order entry that may wait or be in flight; placements are refused above 80 % of it.",
    ),
    histogram(
        "order_placement_duration_seconds",
        DURATIONS,
        &[Label::open("symbol")],
        "Placing an order over HTTP or WebSocket, alone or in a batch: from the body that was read to the answer, whatever it is.",
    ),
    counter(
        "orders_placed_total",
        &[Label::open("symbol"), Label::open("type"), Label::open("side")],
        "Orders that were taken: answered with 201, or 202 while they are PENDING.",
    ),
    counter(
        "orders_rejected_total",
        &[Label::open("reason")],
        "Orders that were not taken, by the code of the answer.",
    ),
    gauge(
        "streams_lag_updates",
        &[],
        "Updates that wait for the task of the streams.",
    ),
    counter(
        "streams_restarts_total",
        &[],
        "Times that the streams have begun anew.",
    ),
    counter(
        "ws_closed_total",
        &[Label::of(
            "code",
            &[
                "1000", "1001", "1003", "1009", "4000", "4001", "4002", "4004", "4008", "4010", "4011",
                "4029",
            ],
        )],
        "WebSocket connections that ended, by the code of the close frame.",
    ),
    gauge("ws_connections", &[], "WebSocket connections that are open."),
    counter(
        "ws_frames_sent_total",
        &[],
        "Frames queued for WebSocket connections.",
    ),
    counter(
        "ws_slow_consumers_cut_total",
        &[],
        "WebSocket connections that were cut because they read too slowly.",
    ),
];

pub(super) const EMBEDDED: &[Family] = &[
    gauge("disk_free_bytes", &[], "Free space on the disk of data_dir."),
    gauge(
        "history_lag_bytes",
        &[],
        "Bytes of the log that history has not got yet.",
    ),
    gauge(
        "history_lag_records",
        &[],
        "Records of the log that history has not got yet.",
    ),
    gauge(
        "history_lag_seconds",
        &[],
        "The age of the oldest record that history has not got yet.",
    ),
    gauge("history_seq", &[], "The last record of the log that history has."),
    histogram(
        "journal_sync_seconds",
        DURATIONS,
        &[],
        "Writing a batch to the log and making it durable.",
    ),
    gauge("log_seq", &[], "The last durable record of the log."),
    histogram(
        "order_stage_duration_seconds",
        FINE,
        &[Label::of(
            "stage",
            &["auth", "queue", "apply", "journal", "fanout"],
        )],
        "The stages of an order on its way through this program: see docs/metrics.md.",
    ),
    gauge(
        "snapshot_age_seconds",
        &[],
        "The age of the newest snapshot; before the first one, the time since the start.",
    ),
    gauge(
        "snapshot_lag_records",
        &[],
        "Records of the log behind the newest snapshot: what a start would replay.",
    ),
    gauge("writer_queue_jobs", &[], "Jobs that wait for the writer."),
    gauge(
        "writer_queue_oldest_seconds",
        &[],
        "At most so long has the oldest of these jobs waited; 0: none waits.",
    ),
];

pub(super) const DISTRIBUTED: &[Family] = &[
    counter(
        "book_cache_failures_total",
        &[],
        "Books that could not be kept in Redis.",
    ),
    counter("book_cache_writes_total", &[], "Books kept in Redis."),
    counter(
        "client_ids_forgotten_total",
        &[],
        "Client order ids of ended orders that were forgotten.",
    ),
    gauge(
        "commands_oldest_seconds",
        &[Label::open("shard")],
        "The age of the oldest command in the list of the shard; 0: none waits.",
    ),
    gauge(
        "commands_waiting",
        &[Label::open("shard")],
        "Commands in the list of the shard.",
    ),
    gauge(
        "follower_batches_behind",
        &[Label::open("shard")],
        "Batches of the shard that this gateway has not followed yet.",
    ),
    gauge(
        "follower_batches_unsettled",
        &[Label::open("shard")],
        "Batches that this gateway has followed and that are not settled yet.",
    ),
    counter("follower_log_reads_total", &[], "Reads of the shards' logs."),
    counter("follower_troubles_total", &[], "Looks at the shards that failed."),
    gauge(
        "follower_users_owed",
        &[],
        "Users whose balances have still to be looked up.",
    ),
    gauge(
        "follower_waiters",
        &[],
        "Requests that wait for what a command comes to.",
    ),
    counter(
        "gateway_news_dropped_total",
        &[],
        "News of shards that came too fast and were dropped; they are read from the log.",
    ),
    gauge(
        "intake_requests_in_flight",
        &[],
        "Requests of order entry in flight.",
    ),
    histogram(
        "order_stage_duration_seconds",
        FINE,
        &[Label::of(
            "stage",
            &["auth", "store", "reserve", "hand", "outcome", "fanout"],
        )],
        "The stages of an order on its way through this program: see docs/metrics.md.",
    ),
    gauge(
        "orders_pending_oldest_seconds",
        &[],
        "The age of the oldest order that is PENDING; 0: there is none.",
    ),
    counter(
        "orders_swept_total",
        &[],
        "Orders left PENDING that this gateway has gone on with.",
    ),
    counter(
        "orders_unreadable_total",
        &[],
        "Orders left PENDING that could not be read.",
    ),
    gauge(
        "redis_connections_idle",
        &[],
        "Open connections to Redis that nobody uses.",
    ),
    gauge("redis_connections_open", &[], "Open connections to Redis."),
    counter(
        "redis_fallbacks_total",
        &[Label::of("what", &["rates", "signatures", "tickets"])],
        "Questions that Redis did not answer, so that this gateway went on alone.",
    ),
    gauge(
        "redis_up",
        &[],
        "1 where Redis answered the last time it was asked.",
    ),
    counter(
        "reserves_spared_in_vain_total",
        &[],
        "Reserves that had to be asked for after all.",
    ),
    counter(
        "reserves_spared_total",
        &[],
        "Orders for which the wallet was not asked, since their shard would turn them away.",
    ),
    counter(
        "sessions_reopened_total",
        &[],
        "Sessions of this gateway that others had ended.",
    ),
];
