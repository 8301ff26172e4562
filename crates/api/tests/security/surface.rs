//! What is shown where: operators' routes, metrics, pages of other sites.

use actix_web::App;
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service, try_call_service};
use api::{configure, routes};
use http::Origins;
use serde_json::{Value, json};

use crate::support::{Answer, Venue, by, edge};

#[actix_web::test]
async fn security_25_operators_routes_and_metrics_are_not_on_the_public_port() {
    let venue = Venue::open().await;
    let app = App::new()
        .wrap(edge())
        .configure(|config| configure(config, &venue.state));
    let public = init_service(app).await;
    let operators: Vec<_> = routes()
        .into_iter()
        .filter(|route| route.path.starts_with("/api/v1/admin"))
        .map(|route| (route.method, route.path.replace(['{', '}'], "")))
        .chain([
            ("GET", "/metrics".to_owned()),
            ("GET", "/admin".to_owned()),
            ("GET", "/debug".to_owned()),
            // The wallet's are its service's alone.
            ("POST", "/api/v1/wallets/reserve".to_owned()),
            ("POST", "/api/v1/wallets/release".to_owned()),
            ("POST", "/api/v1/wallets/settle-trade".to_owned()),
            ("POST", "/api/v1/wallets/deposits".to_owned()),
        ])
        .collect();
    assert!(operators.len() > 15);
    for (method, path) in operators {
        let request = TestRequest::default().method(method.parse().unwrap()).uri(&path);
        let answer = Answer::of(try_call_service(&public, by("operator", request).to_request()).await).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (404, &json!("not_found")),
            "{method} {path}"
        );
    }
}

#[actix_web::test]
async fn security_25_who_asks_without_the_right_is_refused_and_written_down() {
    let venue = Venue::open().await;
    let before = venue.audit().len();
    let mut asked = 0;
    for route in routes()
        .into_iter()
        .filter(|route| route.path.starts_with("/api/v1/admin"))
    {
        // Whatever the body and the query are like.
        for body in [None, Some("no json")] {
            let path = route.path.replace(['{', '}'], "");
            let mut request = TestRequest::default()
                .method(route.method.parse().unwrap())
                .uri(&path);
            if let Some(body) = body {
                request = request.set_payload(body);
            }
            let answer = venue.send(by("alice", request)).await;
            assert_eq!(
                (answer.status, &answer.body["code"]),
                (403, &json!("forbidden")),
                "{}",
                route.path
            );
            asked += 1;
            let lines = venue.audit();
            let line = lines.last().unwrap();
            assert_eq!(lines.len(), before + asked, "{}", route.path);
            assert_eq!(
                (&line["target"], &line["outcome"]),
                (&json!(route.path), &json!("forbidden"))
            );
        }
    }
}

#[actix_web::test]
async fn security_26_pages_of_other_sites_get_no_permission() {
    let venue = Venue::open().await;
    let ours = "https://app.example.com";
    let origins = Origins::parse(&[ours]).unwrap();
    let app = App::new()
        .wrap(origins.cors())
        .wrap(edge())
        .configure(|config| configure(config, &venue.state));
    let service = init_service(app).await;
    for (origin, granted) in [
        (ours, true),
        ("https://evil.example", false),
        ("http://app.example.com", false),
        ("https://app.example.com.evil.example", false),
        ("https://app.example.com:8443", false),
        ("null", false),
    ] {
        let preflight = TestRequest::default()
            .method(Method::OPTIONS)
            .uri("/api/v1/orders")
            .insert_header(("origin", origin))
            .insert_header(("access-control-request-method", "POST"))
            .insert_header(("access-control-request-headers", "authorization,content-type"));
        let plain = TestRequest::get()
            .uri("/api/v1/markets")
            .insert_header(("origin", origin));
        for request in [preflight, plain] {
            let answer = Answer::of(try_call_service(&service, request.to_request()).await).await;
            let allowed = answer.header("access-control-allow-origin");
            assert_eq!(allowed, if granted { ours } else { "" }, "{origin}");
            assert_eq!(answer.header("access-control-allow-credentials"), "", "{origin}");
        }
    }
}

#[actix_web::test]
async fn answers_about_money_are_never_kept_by_caches() {
    let venue = Venue::open().await;
    for path in ["/api/v1/balances", "/api/v1/orders", "/api/v1/nothing"] {
        let answer = venue.get("alice", path).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_ne!(answer.body, Value::Null, "{path}");
    }
}
