//! The service itself: status, health, tickets for WebSocket connections and this description.

use serde_json::{Value, json};

use super::operation::{Access, Operation, get, post};
use super::schema::{about, one_of_words, text, time, view};

const TAG: &str = "service";

pub(super) fn operations() -> Vec<Operation> {
    let public = |path, id, summary| get(path, Access::Public, TAG, id, summary);
    vec![
        public("/api/v1/status", "status", "What this service is").answers(200, "Status", "Version and time"),
        public("/health", "health", "Whether the process lives").answers(200, "Alive", "It does"),
        public("/health/live", "live", "Whether the process lives").answers(200, "Alive", "It does"),
        public("/health/ready", "ready", "Whether orders are taken now")
            .answers(200, "Readiness", "They are")
            .answers(
                503,
                "Readiness",
                "They are not; what is wrong stands beside each dependency",
            ),
        post(
            "/api/v1/ws-ticket",
            Access::SignedIn,
            TAG,
            "issueTicket",
            "A ticket for one WebSocket connection",
        )
        .answers(201, "Ticket", "Good once, for 30 seconds"),
        public(
            "/ws",
            "connect",
            "The WebSocket: streams and order entry, as its guide describes",
        )
        .query("token", text(), "The caller's token; better a ticket")
        .query("ticket", text(), "A ticket of POST /api/v1/ws-ticket")
        .answers_otherwise(101, "The connection is open")
        .problems(&[403]),
    ]
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let dependencies = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let mut status = view(vec![
        ("service", text()),
        ("version", text()),
        ("status", one_of_words(&["running"])),
        ("time", time()),
    ]);
    let demo = json!({ "type": "boolean", "const": true });
    status["properties"]["demo"] = about(demo, "There only where made-up users trade");
    vec![
        ("Status", status),
        ("Alive", view(vec![("status", one_of_words(&["alive"]))])),
        (
            "Readiness",
            view(vec![
                ("status", one_of_words(&["ready", "not_ready"])),
                ("dependencies", dependencies),
            ]),
        ),
        ("Ticket", view(vec![("ticket", text()), ("expires_at", time())])),
    ]
}
