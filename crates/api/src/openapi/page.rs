//! The description over HTTP, and the Swagger page that shows it. The page loads nothing from elsewhere.

use actix_web::HttpResponse;
use actix_web::http::header::{self, ContentType};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{Data, ServiceConfig, get, redirect, resource, scope};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::openapi;

/// What browsers let the page load: nothing from elsewhere.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; \
    base-uri 'none'; frame-ancestors 'none'";

/// The bytes of the description, made once for each worker.
struct Description(String);

/// Adds `GET /openapi.json` and the page at `/docs/`. They need no token; leave them out where nobody is to see them.
pub fn configure_docs(config: &mut ServiceConfig, version: &str) {
    let page = Config::from("/openapi.json")
        // Else the page would send the description to a checker on the internet.
        .validator_url("none")
        .try_it_out_enabled(true);
    config
        .app_data(Data::new(Description(openapi(version).to_string())))
        .service(resource("/openapi.json").route(get().to(description)))
        .service(redirect("/docs", "/docs/"))
        .service(
            scope("/docs")
                .wrap(DefaultHeaders::new().add((header::CONTENT_SECURITY_POLICY, POLICY)))
                .service(SwaggerUi::new("/{file:.*}").config(page)),
        );
}

async fn description(description: Data<Description>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::json())
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(description.0.clone())
}
