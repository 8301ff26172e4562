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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use actix_web::introspection::IntrospectionTree;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::web::Data;
    use actix_web::{App, HttpResponse};
    use serde_json::Value;
    use wallet_client::LedgerWallet;

    use super::*;

    type Named = BTreeSet<(String, String)>;

    async fn tree(tree: Data<IntrospectionTree>) -> HttpResponse {
        HttpResponse::Ok().body(tree.report_as_json())
    }

    /// What the router itself says that it has.
    async fn in_router() -> Named {
        let state = State::new(Arc::new(LedgerWallet::default()), 1);
        let app = App::new()
            .configure(|config| configure(config, &state))
            .service(resource("/tree").route(get().to(tree)));
        let service = init_service(app).await;
        let answer = call_service(&service, TestRequest::get().uri("/tree").to_request()).await;
        let report: Vec<Value> = serde_json::from_slice(&read_body(answer).await).unwrap();
        let mut found = Named::new();
        for item in &report {
            let path = item["full_path"].as_str().unwrap();
            if matches!(path, "/" | "" | "/tree") {
                continue;
            }
            let methods = item["methods"].as_array().unwrap();
            assert!(!methods.is_empty(), "{path} takes any method");
            for method in methods {
                found.insert((method.as_str().unwrap().to_owned(), path.to_owned()));
            }
        }
        found
    }

    fn in_description() -> Named {
        let document = serde_json::to_value(openapi::openapi()).unwrap();
        let mut found = Named::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                found.insert((method.to_ascii_uppercase(), path.clone()));
            }
        }
        found
    }

    #[actix_web::test]
    async fn every_route_of_the_router_is_described_and_no_other() {
        let router = in_router().await;
        assert_eq!(router, in_description());
        assert_eq!(router.len(), 18);
    }
}
