//! What users may ask for: the store's arithmetic, and what callers are told.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::RETRY_AFTER;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use actix_web::{App, HttpRequest, HttpResponse, web};
use async_trait::async_trait;
use edge_http::{
    Bucket, Edge, EdgeLimits, LocalRates, Problem, RateKey, RateLimits, RateStore, RateStoreError, Standing,
    StatusCode,
};
use runtime::{Clock, ManualClock};
use serde_json::Value;
use uuid::Uuid;

const ANN: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);

fn key(user: Uuid, bucket: Bucket) -> RateKey {
    RateKey { user, bucket }
}

fn paid(limit: u32, remaining: u32, reset_secs: u32) -> Result<Standing, RateStoreError> {
    Ok(Standing {
        limit,
        remaining,
        reset_secs,
        retry_after: None,
    })
}

#[actix_web::test]
async fn a_bucket_empties_by_what_is_taken_and_fills_with_time() {
    let clock = ManualClock::at(0);
    let store = LocalRates::new(Clock::from(clock.clone()));
    let refused = |remaining, reset_secs, secs| {
        Ok(Standing {
            limit: 50,
            remaining,
            reset_secs,
            retry_after: Some(secs),
        })
    };
    for (what, wait_ms, cost, expected) in [
        ("a full one", 0, 1, paid(50, 49, 1)),
        ("a batch", 0, 39, paid(50, 10, 4)),
        ("more than is left", 0, 40, refused(10, 4, 3)),
        ("what is left", 0, 10, paid(50, 0, 5)),
        ("an empty one", 0, 1, refused(0, 5, 1)),
        ("half of one", 50, 2, refused(0, 5, 1)),
        ("nearly one", 49, 1, refused(0, 5, 1)),
        ("one again", 1, 1, paid(50, 0, 5)),
        ("a full bucket's worth", 0, 50, refused(0, 5, 5)),
        ("after a long time", 3_600_000, 50, paid(50, 0, 5)),
        (
            "never",
            3_600_000,
            51,
            Err(RateStoreError::AboveBurst { burst: 50 }),
        ),
        (
            "the largest cost",
            0,
            u32::MAX,
            Err(RateStoreError::AboveBurst { burst: 50 }),
        ),
        ("nothing costs one", 0, 0, paid(50, 49, 1)),
    ] {
        clock.advance(Duration::from_millis(wait_ms));
        let taken = store.take(key(ANN, Bucket::Orders), 10, 50, cost).await;
        assert_eq!(taken, expected, "{what}");
    }
}

#[actix_web::test]
async fn users_and_buckets_are_counted_apart_and_extreme_rates_do_no_harm() {
    let store = LocalRates::new(Clock::from(ManualClock::at(0)));
    store.take(key(ANN, Bucket::Orders), 10, 50, 50).await.unwrap();
    for (user, bucket) in [(ANN, Bucket::Cancels), (BOB, Bucket::Orders)] {
        let standing = store.take(key(user, bucket), 10, 50, 1).await.unwrap();
        assert_eq!(standing.remaining, 49);
    }
    for (rate, burst, limit) in [
        (0, 0, 1),
        (u32::MAX, u32::MAX, 1_000_000),
        (1, u32::MAX, 1_000_000),
    ] {
        let standing = store
            .take(key(ANN, Bucket::Orders), rate, burst, 1)
            .await
            .unwrap();
        assert_eq!((standing.limit, standing.retry_after), (limit, None));
    }
}

fn limits() -> (ManualClock, Arc<RateLimits>) {
    let clock = ManualClock::at(0);
    let store = Arc::new(LocalRates::new(Clock::from(clock.clone())));
    let limits = RateLimits::new(store, RateLimits::DEFAULT_RATE)
        .with_rate_of(Arc::new(|user| if user == BOB { 100 } else { 0 }));
    (clock, Arc::new(limits))
}

#[actix_web::test]
async fn each_user_has_the_rate_of_its_tier_and_the_default_can_be_changed() {
    let (_, limits) = limits();
    let limit = async |user| {
        let standing = limits.charge_user(user, Bucket::Orders, 1).await.unwrap();
        standing.limit
    };
    assert_eq!((limit(ANN).await, limit(BOB).await), (50, 100));
    limits.set_default_rate(80);
    assert_eq!((limit(ANN).await, limit(BOB).await), (80, 100));
}

#[actix_web::test]
async fn an_empty_bucket_of_orders_leaves_the_one_of_cancels() {
    let (clock, limits) = limits();
    for _ in 0..50 {
        limits.charge_user(ANN, Bucket::Orders, 1).await.unwrap();
    }
    let problem = limits.charge_user(ANN, Bucket::Orders, 1).await.unwrap_err();
    assert_eq!((problem.status().as_u16(), problem.code()), (429, "rate_limited"));
    assert_eq!(
        problem.body()["detail"],
        "the bucket of orders is empty; try again in 1 s"
    );
    assert_eq!(problem.response().headers().get(RETRY_AFTER).unwrap(), "1");
    assert!(limits.charge_user(ANN, Bucket::Cancels, 50).await.is_ok());
    let problem = limits.charge_user(ANN, Bucket::Cancels, 20).await.unwrap_err();
    assert_eq!(problem.response().headers().get(RETRY_AFTER).unwrap(), "2");
    clock.advance(Duration::from_secs(1));
    assert!(limits.charge_user(ANN, Bucket::Orders, 10).await.is_ok());
}

#[actix_web::test]
async fn a_batch_that_never_fits_is_not_told_to_try_again() {
    let (_, limits) = limits();
    let problem = limits.charge_user(ANN, Bucket::Orders, 51).await.unwrap_err();
    assert_eq!(
        (problem.status().as_u16(), problem.code()),
        (429, "cost_above_burst")
    );
    assert!(!problem.response().headers().contains_key(RETRY_AFTER));
    assert!(limits.charge_user(ANN, Bucket::Orders, 50).await.is_ok());
}

struct Broken;

#[async_trait]
impl RateStore for Broken {
    async fn take(&self, _: RateKey, _: u32, _: u32, _: u32) -> Result<Standing, RateStoreError> {
        Err(RateStoreError::Unavailable("connection refused".to_owned()))
    }
}

#[actix_web::test]
async fn when_rates_cannot_be_counted_cancels_go_through_and_nothing_else() {
    let limits = RateLimits::new(Arc::new(Broken), 10);
    let problem = limits.charge_user(ANN, Bucket::Orders, 1).await.unwrap_err();
    assert_eq!((problem.status().as_u16(), problem.code()), (503, "unavailable"));
    assert!(!problem.body().to_string().contains("refused"));
    assert!(limits.charge_user(ANN, Bucket::Cancels, 1).await.is_ok());
}

async fn charged(request: HttpRequest, limits: web::Data<RateLimits>) -> Result<HttpResponse, Problem> {
    let cost = request.query_string().parse().unwrap();
    limits.charge(&request, ANN, Bucket::Orders, cost).await?;
    match cost {
        7 => Err(Problem::of_status(StatusCode::CONFLICT)),
        8 => panic!("a fault"),
        _ => Ok(HttpResponse::Ok().finish()),
    }
}

#[actix_web::test]
async fn every_answer_to_a_charged_request_tells_the_standing() {
    let (_, limits) = limits();
    let edge = Edge::new(EdgeLimits::default(), || "made".to_owned());
    let app = App::new()
        .wrap(edge)
        .app_data(web::Data::from(limits))
        .route("/", web::get().to(charged));
    let app = init_service(app).await;
    for (cost, status, headers) in [
        (20, 200, ["50", "30", "2"]),
        (7, 409, ["50", "23", "3"]),
        (24, 429, ["50", "23", "3"]),
    ] {
        let request = TestRequest::get().uri(&format!("/?{cost}")).to_request();
        let response = call_service(&app, request).await;
        assert_eq!(response.status(), status);
        let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
        let told = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"].map(header);
        assert_eq!(told, headers, "{status}");
        assert_eq!(response.headers().contains_key(RETRY_AFTER), status == 429);
        if status == 429 {
            let body: Value = read_body_json(response).await;
            assert_eq!(
                (&body["code"], &body["request_id"]),
                (&"rate_limited".into(), &"made".into())
            );
        }
    }
    let request = TestRequest::get().uri("/?8").to_request();
    let error = actix_web::test::try_call_service(&app, request)
        .await
        .err()
        .unwrap();
    let response = error.error_response();
    assert_eq!(response.status(), 500);
    assert_eq!(response.headers().get("ratelimit-remaining").unwrap(), "15");
    let request = TestRequest::get().uri("/nowhere").to_request();
    let response = call_service(&app, request).await;
    assert!(!response.headers().contains_key("ratelimit-limit"));
}
