//! The table of metrics: what every program exposes, and what several do.

use super::family::{DURATIONS, FINE, Family, Label, counter, gauge, histogram};

pub(super) const ALL: &[Family] = &[
    gauge(
        "build_info",
        &[Label::open("version"), Label::open("commit")],
        "1, with the version of the program and the commit it was built from.",
    ),
    counter(
        "process_cpu_seconds_total",
        &[],
        "Processor time spent by the process, in whole seconds.",
    ),
    gauge(
        "process_max_fds",
        &[],
        "The most file descriptors that the process may open.",
    ),
    gauge(
        "process_open_fds",
        &[],
        "File descriptors that the process has open.",
    ),
    gauge(
        "process_resident_memory_bytes",
        &[],
        "Memory of the process that is in RAM.",
    ),
    gauge(
        "process_start_time_seconds",
        &[],
        "When the process started, in seconds since 1970.",
    ),
    gauge("process_threads", &[], "Threads of the process."),
    gauge(
        "process_virtual_memory_bytes",
        &[],
        "Virtual memory of the process.",
    ),
    gauge(
        "ready",
        &[Label::open("dependency")],
        "1 where the program has what it needs of this name, 0 where /health/ready says what is wrong.",
    ),
    gauge(
        "runtime_global_queue_tasks",
        &[],
        "Tasks that wait in the shared queues of the tokio runtimes, of all that runtime_tasks counts.",
    ),
    gauge(
        "runtime_tasks",
        &[],
        "Asynchronous tasks that have not ended, of all tokio runtimes: the program's own and one of each worker of its HTTP listeners.",
    ),
    counter(
        "runtime_worker_busy_seconds_total",
        &[],
        "Time that the workers of these runtimes were not parked, summed over all of them, in whole seconds.",
    ),
];

pub(super) const SERVERS: &[Family] = &[
    counter("auth_failures_total", &[], "Requests answered with 401."),
    histogram(
        "http_request_duration_seconds",
        DURATIONS,
        &[Label::open("method"), Label::open("route")],
        "From the head of a request to its answer.",
    ),
    counter(
        "http_requests_total",
        &[Label::open("method"), Label::open("route"), Label::open("status")],
        "Requests that were answered.",
    ),
    counter(
        "rate_limited_total",
        &[Label::of(
            "bucket",
            &["address", "cancels", "connections", "failed_logins", "orders"],
        )],
        "Requests refused by a limit.",
    ),
];

pub(super) const MEMBERS: &[Family] = &[
    gauge(
        "clock_difference_seconds",
        &[],
        "How far the database's clock is ahead of this machine's.",
    ),
    gauge(
        "database_up",
        &[],
        "1 where PostgreSQL answered the last time it was asked.",
    ),
];

pub(super) const POOLS: &[Family] = &[
    gauge(
        "database_connections_idle",
        &[Label::open("pool")],
        "Open connections to PostgreSQL that nobody uses.",
    ),
    gauge(
        "database_connections_max",
        &[Label::open("pool")],
        "The most connections that the pool opens.",
    ),
    gauge(
        "database_connections_open",
        &[Label::open("pool")],
        "Open connections to PostgreSQL.",
    ),
    gauge(
        "database_connections_waiting",
        &[Label::open("pool")],
        "Tasks that wait for a connection to PostgreSQL.",
    ),
];

pub(super) const CALLERS: &[Family] = &[
    counter("broker_messages_sent_total", &[], "Messages given to RabbitMQ."),
    counter(
        "broker_messages_total",
        &[Label::of(
            "outcome",
            &["confirmed", "dropped", "nacked", "returned", "unknown"],
        )],
        "Messages by what became of them.",
    ),
    gauge("broker_up", &[], "1 while there is a connection to RabbitMQ."),
    counter(
        "undecodable_messages_total",
        &[],
        "Messages that could not be read and were kept in the table undecodable.",
    ),
    gauge(
        "wallet_breaker_open",
        &[Label::of("lane", &["money", "questions"])],
        "1 while the breaker keeps calls of this lane back from the wallet.",
    ),
    histogram(
        "wallet_call_duration_seconds",
        DURATIONS,
        &[Label::of("outcome", &["answered", "not_sent", "unknown"])],
        "Calls to the wallet, waiting for a turn and all tries included.",
    ),
    counter(
        "wallet_calls_total",
        &[Label::of("outcome", &["answered", "not_sent", "unknown"])],
        "Calls to the wallet.",
    ),
];

pub(super) const ENGINES: &[Family] = &[
    histogram(
        "matching_duration_seconds",
        FINE,
        &[],
        "Applying one command to the books, in memory.",
    ),
    counter(
        "orders_closed_total",
        &[Label::open("symbol"), Label::open("status")],
        "Orders that ended, by how.",
    ),
    counter(
        "orders_matched_total",
        &[Label::open("symbol")],
        "Orders that traded, each counted once for each command in which it does.",
    ),
    counter(
        "traded_value_total",
        &[Label::open("symbol")],
        "Value of the trades, in whole units of the quote asset; what is less is carried on.",
    ),
    counter("trades_total", &[Label::open("symbol")], "Trades."),
];
