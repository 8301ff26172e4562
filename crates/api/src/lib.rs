//! The public API over the trading traits: REST and WebSocket.
//!
//! A request is parsed once, here, into the exact words of `domain` and `trading`; below this line nobody validates
//! again. One file per noun: its routes, its bodies, its views. [`configure`] adds the public routes to an actix
//! application, [`configure_admin`] those of operators, [`configure_docs`] the description of both; all want
//! [`http::Edge`] around the application.
//!
//! ```
//! use api::PlaceOrderBody;
//!
//! let body = r#"{"symbol":"BTC/USDT","side":"BUY","order_type":"LIMIT","price":50000.5,"quantity":"1"}"#;
//! let refused = serde_json::from_str::<PlaceOrderBody>(body).unwrap_err();
//! assert!(refused.to_string().contains("expected a decimal string"));
//! ```

mod admin;
mod amendment;
mod balances;
mod batch;
mod caller;
mod candles;
mod entry;
mod error;
mod figures;
mod key_store;
mod ledger;
mod markets;
mod openapi;
mod order_view;
mod orders;
mod own_trades;
mod placement;
mod state;
mod status;
mod streams;
mod switch;
mod wire;
mod ws;

pub use figures::show as show_figures;
pub use key_store::ApiKeys;
pub use openapi::{Access, Route, configure_docs, openapi, routes};
pub use placement::{BodyError, PlaceOrderBody};
pub use state::{ApiState, Exchange, Reload, Reloaded};
pub use streams::{StreamOptions, Streams};
pub use ws::WsLimits;

use actix_web::web::{self, ServiceConfig};

/// Adds the routes for everybody: orders, balances, markets, status, health.
pub fn configure(config: &mut ServiceConfig, state: &ApiState) {
    share(config, state);
    // Before the orders, whose path by id would take the word for an id.
    batch::routes(config, state);
    orders::routes(config);
    switch::routes(config);
    own_trades::routes(config);
    ledger::routes(config);
    balances::routes(config);
    markets::routes(config);
    candles::routes(config);
    status::routes(config);
    ws::routes(config);
}

/// Adds the routes for operators, under `/api/v1/admin`. They belong on a listener that is not public.
pub fn configure_admin(config: &mut ServiceConfig, state: &ApiState) {
    share(config, state);
    admin::routes(config);
}

/// Adds `GET /ws` alone, for a listener of its own.
pub fn configure_ws(config: &mut ServiceConfig, state: &ApiState) {
    share(config, state);
    ws::connection_route(config);
}

fn share(config: &mut ServiceConfig, state: &ApiState) {
    config
        .app_data(web::Data::new(state.clone()))
        .app_data(web::Data::from(std::sync::Arc::clone(&state.verifier)));
}
