//! The description of the service in OpenAPI, made of the handlers and their bodies.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use http::{PROBLEM_JSON, StatusCode};
use serde::Serialize;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi, ToSchema};

use crate::{balances, health, ledger, mixed, release, reserve, settle, transfers};

/// The description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    servers((url = "/", description = "This service")),
    info(
        title = "Wallet service",
        description = "It alone changes balances. Numbers are decimal strings of at most 8 places both ways, unknown \
            fields are refused. The same request under the same key is answered as at first; with another body it is \
            refused with 409. Every error is an RFC 9457 problem with a stable code. A 503 tells nothing about what \
            was done: ask again with the same keys.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        reserve::one,
        reserve::many,
        release::one,
        release::many,
        release::merge,
        release::merge_many,
        settle::one,
        settle::many,
        mixed::instruct,
        transfers::deposit,
        transfers::withdraw,
        balances::of_user,
        balances::of_users,
        ledger::of_user,
        health::health,
        health::live,
        health::ready,
        show,
    ),
    components(schemas(ProblemBody)),
    security(("token" = [])),
    modifiers(&Token, &Problems),
    tags(
        (name = "instructions", description = "Money for orders and trades, each under a key of its own"),
        (name = "transfers", description = "Money that comes in and goes out"),
        (name = "questions", description = "What users have, and what has changed it"),
        (name = "service", description = "The service itself"),
    )
)]
struct Document;

/// An error (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
struct ProblemBody {
    r#type: String,
    title: String,
    status: u16,
    /// Stable: callers decide by it.
    code: String,
    /// For people.
    detail: Option<String>,
    /// The field that breaks a rule.
    field: Option<String>,
    /// The rule, readable behind the field's name.
    rule: Option<String>,
    /// What the payer has, where that does not cover it.
    balance: Option<balances::BalanceView>,
    request_id: Option<String>,
}

/// Services sign in with a token of their own.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT");
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
    }
}

/// Which problems each operation may answer with.
struct Problems;

impl Modify for Problems {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            let PathItem { get, post, .. } = item;
            if let Some(operation) = get {
                let asks_for_more = path.starts_with("/api/");
                add(
                    operation,
                    if asks_for_more {
                        &[400, 401, 405, 500, 503, 504]
                    } else {
                        &[500, 503, 504]
                    },
                );
            }
            if let Some(operation) = post {
                add(
                    operation,
                    &[400, 401, 405, 408, 409, 413, 415, 422, 500, 503, 504],
                );
            }
        }
    }
}

fn add(operation: &mut Operation, statuses: &[u16]) {
    for status in statuses {
        let title = StatusCode::from_u16(*status)
            .ok()
            .and_then(|status| status.canonical_reason());
        let content = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new()
            .description(title.unwrap_or("Error"))
            .content(PROBLEM_JSON, content)
            .build();
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_string()).or_insert(response.into());
    }
}

/// This description
#[utoipa::path(get, path = "/openapi.json", tag = "service", operation_id = "description",
    responses((status = 200, description = "The description in OpenAPI", content_type = "application/json")))]
pub(crate) async fn show() -> HttpResponse {
    match openapi().to_json() {
        Ok(text) => HttpResponse::Ok().insert_header(ContentType::json()).body(text),
        Err(error) => http::Problem::internal(error).response(),
    }
}
