//! Query strings, with problem+json for what does not fit.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use crate::Problem;
use crate::body::named_in;

/// The parameters of a query string. Use types that refuse unknown fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryParams<T>(pub T);

impl<T: DeserializeOwned> FromRequest for QueryParams<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parsed = web::Query::<T>::from_query(request.query_string());
        ready(parsed.map(|query| Self(query.into_inner())).map_err(|error| {
            let text = match error {
                actix_web::error::QueryPayloadError::Deserialize(error) => error.to_string(),
                _ => "the query string cannot be read".to_owned(),
            };
            let problem = Problem::new(crate::StatusCode::BAD_REQUEST, "invalid_field");
            match named_in(&text) {
                Some(field) => problem.field(field.to_owned()).detail(text),
                None => problem.detail(text),
            }
        }))
    }
}
