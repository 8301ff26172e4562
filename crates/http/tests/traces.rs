//! To which trace a request belongs, and who may say so.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use actix_web::test::{TestRequest, call_and_read_body, init_service};
use actix_web::{App, HttpResponse, web};
use edge_http::{Edge, EdgeLimits, TrustedProxies};
use runtime::trace;

const CALLERS: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// The id of the trace in which a request is handled.
async fn handled(edge: Edge, header: &str) -> String {
    let tell = async || HttpResponse::Ok().body(trace::current().unwrap().trace_id());
    let app = init_service(App::new().wrap(edge).route("/", web::get().to(tell))).await;
    let request = TestRequest::get()
        .uri("/")
        .peer_addr("10.0.0.1:1".parse().unwrap())
        .insert_header(("traceparent", header));
    let body = call_and_read_body(&app, request.to_request()).await;
    String::from_utf8(body.to_vec()).unwrap()
}

fn edge() -> Edge {
    Edge::new(EdgeLimits::default(), || "id".to_owned())
}

#[actix_web::test]
async fn a_caller_names_its_trace_where_it_is_believed_and_else_each_request_has_its_own() {
    let proxies = TrustedProxies::parse(&["10.0.0.1"]).unwrap();
    for (edge, header, believed) in [
        (edge(), CALLERS, false),
        (edge().trusting(proxies), CALLERS, false),
        (edge().joining_callers(), CALLERS, true),
        (edge().joining_callers(), "00-garbage", false),
    ] {
        let first = handled(edge.clone(), header).await;
        let second = handled(edge, header).await;
        assert_eq!(first.len(), 32);
        assert_eq!(
            (first == TRACE, second == TRACE),
            (believed, believed),
            "{header}"
        );
        assert_eq!(first == second, believed, "{header}");
    }
}
