//! Faults of ours, as callers see them.

use std::sync::Arc;

use domain::{MarketNumber, Order};
use serde_json::json;
use trading::{EntryError, Placed};

use crate::support::{Script, as_trader, ask, limit_order, order, with_json};
use actix_web::test::TestRequest;

#[actix_web::test]
async fn security_28_a_fault_of_ours_shows_the_request_id_and_nothing_else() {
    let placing = || {
        let body = limit_order("BUY", "50000", "0.5");
        as_trader(with_json(TestRequest::post(), "/api/v1/orders", &body))
    };
    // An order of a market that is not there, and a rejection that is none.
    let homeless = Order {
        market: MarketNumber(99),
        ..order()
    };
    for script in [
        Script {
            placed: Some(Placed::New(Arc::new(homeless))),
            ..Script::default()
        },
        Script::refusing(EntryError::Rejected(Arc::new(order()))),
    ] {
        let answer = ask(&Arc::new(script), placing()).await;
        assert_eq!(
            (answer.status, &answer.body),
            (
                500,
                &json!({
                    "type": "about:blank", "title": "Internal Server Error", "status": 500, "code": "internal",
                    "request_id": "r-1"
                })
            )
        );
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
}
