//! The routes of the running router, the table of the description, and who really gets in.

use std::collections::BTreeSet;

use actix_web::introspection::IntrospectionTree;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::{Data, get, resource};
use actix_web::{App, HttpResponse};
use api::{Access, Route, configure, configure_admin, configure_docs, openapi, routes};
use http::Scope;
use serde_json::{Value, json};

use crate::support::{Venue, as_user};

type Named = BTreeSet<(String, String)>;

async fn tree(tree: Data<IntrospectionTree>) -> HttpResponse {
    HttpResponse::Ok().body(tree.report_as_json())
}

/// What the router itself says that it has. Every resource of ours names its methods.
async fn in_router(venue: &Venue) -> Named {
    let app = App::new()
        .configure(|config| configure(config, &venue.state))
        .configure(|config| configure_admin(config, &venue.state))
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
        assert!(!methods.is_empty(), "{path} takes any method: {item}");
        for method in methods.iter().map(|method| method.as_str().unwrap()) {
            // It asks for the head of what GET gives (RFC 9110, 9.3.2), and has no description of its own.
            if method == "HEAD" && methods.iter().any(|other| other == "GET") {
                continue;
            }
            found.insert((method.to_owned(), path.to_owned()));
        }
    }
    found
}

fn in_table() -> Named {
    let named = |route: Route| (route.method.to_owned(), route.path.to_owned());
    routes().into_iter().map(named).collect()
}

fn in_description() -> Named {
    let document = openapi("1.2.3");
    let mut found = Named::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            found.insert((method.to_ascii_uppercase(), path.clone()));
        }
    }
    found
}

#[actix_web::test]
async fn security_27_every_route_of_the_router_is_described_and_has_an_access_class() {
    let (router, table) = (in_router(&Venue::open().await).await, in_table());
    assert_eq!(routes().len(), table.len(), "no route stands in the table twice");
    let unlisted: Vec<_> = router.difference(&table).collect();
    assert!(
        unlisted.is_empty(),
        "not described, without an access class: {unlisted:?}"
    );
    let missing: Vec<_> = table.difference(&router).collect();
    assert!(missing.is_empty(), "described and not there: {missing:?}");
    assert_eq!(in_description(), table);
    assert!(router.len() > 30);
}

/// A path with something in place of its parameters.
fn filled(path: &str) -> String {
    let id = "00000000-0000-0000-0000-000000000001";
    path.replace("{symbol}", "BTC-USDT")
        .replace("{order_id}", id)
        .replace("{client_order_id}", "mine-1")
        .replace("{user_id}", id)
        .replace("{key_id}", "nobodys")
}

fn ask(route: &Route) -> TestRequest {
    TestRequest::default()
        .method(route.method.parse().unwrap())
        .uri(&filled(route.path))
}

#[actix_web::test]
async fn security_27_each_access_class_holds() {
    let venue = Venue::open().await;
    // The WebSocket signs in later; it has tests of its own.
    for route in routes().into_iter().filter(|route| route.path != "/ws") {
        let named = format!("{} {}", route.method, route.path);
        let answer = venue.send(ask(&route)).await;
        assert_eq!(
            answer.status == 401,
            route.access != Access::Public,
            "{named}: {}",
            answer.text
        );
        assert_ne!(answer.status, 405, "{named}");
        let granting = route.access.scopes();
        for scope in Scope::ALL {
            let answer = venue.send(as_user(ask(&route), 1, &[*scope])).await;
            let refused = !granting.is_empty() && !granting.contains(&scope.word());
            assert_eq!(
                answer.status == 403,
                refused,
                "{named} with {}: {}",
                scope.word(),
                answer.text
            );
            assert_ne!(answer.status, 401, "{named}");
        }
    }
}

#[actix_web::test]
async fn the_description_and_its_page_are_there_only_when_asked_for() {
    let app = App::new().configure(|config| configure_docs(config, "1.2.3"));
    let with = init_service(app).await;
    let without = Venue::open().await;
    let answer = call_service(&with, TestRequest::get().uri("/openapi.json").to_request()).await;
    assert_eq!(answer.headers().get("content-type").unwrap(), "application/json");
    let document: Value = serde_json::from_slice(&read_body(answer).await).unwrap();
    assert_eq!(document, openapi("1.2.3"));
    assert_eq!(document["info"]["version"], json!("1.2.3"));
    for path in [
        "/openapi.json",
        "/docs",
        "/docs/",
        "/docs/index.html",
        "/docs/swagger-ui-bundle.js",
    ] {
        let answer = call_service(&with, TestRequest::get().uri(path).to_request()).await;
        let expected = if path == "/docs" { 307 } else { 200 };
        assert_eq!(answer.status().as_u16(), expected, "{path}");
        assert_eq!(without.get("nobody", path).await.status, 404, "{path}");
    }
    for path in ["/docs/", "/docs/swagger-initializer.js", "/docs/index.css"] {
        let answer = call_service(&with, TestRequest::get().uri(path).to_request()).await;
        let policy = answer.headers().get("content-security-policy").unwrap();
        assert!(
            policy.to_str().unwrap().starts_with("default-src 'self'"),
            "{path}"
        );
        let text = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
        for outside in ["http://", "https://", "src=\"//", "@import"] {
            assert!(!text.contains(outside), "{path} loads from elsewhere: {text}");
        }
    }
}
