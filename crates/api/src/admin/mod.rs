//! What operators do: funds, markets, mass cancels. Every action is logged with who did it.

mod funds;
mod market_definition;
mod markets;

use actix_web::web::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig) {
    funds::routes(config);
    markets::routes(config);
}
