//! The routes of the service.

use actix_web::web::{self, ServiceConfig, get, post, resource};
use http::BodyLimit;

use crate::state::State;
use crate::{balances, health, ledger, mixed, openapi, release, reserve, settle, transfers};

/// The largest body of a list, in bytes: 1,000 settlements take about 600 kB.
const LIST_BYTES: usize = 1024 * 1024;

/// Adds all routes.
pub(crate) fn configure(config: &mut ServiceConfig, state: &State) {
    config.app_data(web::Data::new(state.clone()));
    let at = |path: &str| resource(format!("/api/v1/wallets{path}"));
    let list = |path: &str| at(path).app_data(BodyLimit(LIST_BYTES));
    config
        .service(at("/reserve").route(post().to(reserve::one)))
        .service(list("/reserve/batch").route(post().to(reserve::many)))
        .service(at("/release").route(post().to(release::one)))
        .service(list("/release/batch").route(post().to(release::many)))
        .service(at("/merge").route(post().to(release::merge)))
        .service(list("/merge/batch").route(post().to(release::merge_many)))
        .service(at("/settle-trade").route(post().to(settle::one)))
        .service(list("/settle-trade/batch").route(post().to(settle::many)))
        .service(list("/instructions").route(post().to(mixed::instruct)))
        .service(at("/deposits").route(post().to(transfers::deposit)))
        .service(at("/withdrawals").route(post().to(transfers::withdraw)))
        .service(list("/balances").route(post().to(balances::of_users)))
        .service(at("/{user_id}/balances").route(get().to(balances::of_user)))
        .service(at("/{user_id}/ledger").route(get().to(ledger::of_user)))
        .service(resource("/openapi.json").route(get().to(openapi::show)))
        .service(resource("/health").route(get().to(health::health)))
        .service(resource("/health/live").route(get().to(health::live)))
        .service(resource("/health/ready").route(get().to(health::ready)));
}
