//! The description of the API in OpenAPI 3.1, the table of its routes, and the page that shows both.
//!
//! The description is written by hand, one file per noun. Tests compare its routes with those of the running router and
//! its schemas with real answers.

mod accounts;
mod components;
mod markets;
mod operation;
mod operators;
mod orders;
mod own;
mod page;
mod schema;
mod service;

pub use operation::{Access, Route};
pub use page::configure_docs;

use serde_json::{Map, Value, json};

use operation::Operation;

/// Every route of the API, public and of operators, and who may call it. Without those of the description itself.
pub fn routes() -> Vec<Route> {
    operations()
        .into_iter()
        .map(|operation| operation.route)
        .collect()
}

fn operations() -> Vec<Operation> {
    [
        orders::operations(),
        own::operations(),
        markets::operations(),
        service::operations(),
        operators::operations(),
        accounts::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The description of this version.
pub fn openapi(version: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let path = paths.entry(operation.route.path).or_insert_with(|| json!({}));
        path[operation.route.method.to_ascii_lowercase()] = operation.describe();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Trade engine",
            "version": version,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": ABOUT,
        },
        "servers": [{ "url": "/", "description": "the public listener" }],
        "tags": tags(),
        "paths": paths,
        "components": components::components(),
    })
}

const ABOUT: &str = "Orders, money and market data of a spot exchange. Numbers are decimal strings both ways, times \
    RFC 3339 in UTC with microseconds, unknown fields are refused. Every error is an RFC 9457 problem with a stable \
    `code`. `x-access` names the rights of which a caller needs one. Streams: see the WebSocket guide.";

fn tags() -> Value {
    let tag = |(name, about): (&str, &str)| json!({ "name": name, "description": about });
    let tags = [
        ("orders", "Place, look up, amend, cancel"),
        ("account", "What is the caller's own"),
        ("markets", "What everybody may see"),
        ("service", "The service itself"),
        (
            "operators",
            "On a listener that is not public; every act stands in the audit file",
        ),
    ];
    tags.map(tag).into_iter().collect()
}
