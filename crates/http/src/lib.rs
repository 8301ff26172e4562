//! Middleware shared by the services: errors as problem+json, tokens, request ids, access log, limits on bodies.
//!
//! Other crates of ours import this one as `http`. Every answer that passes the [`Edge`] layer has a request id, and
//! every error answer is a [`Problem`], whoever made it. Rights are asked for by extracting [`Authenticated`].
//!
//! ```
//! use edge_http::{Problem, StatusCode};
//!
//! let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "insufficient_balance")
//!     .detail("the available balance does not cover the order")
//!     .with("order_id", "018bcfe5-687b-7000-8000-00000000002a");
//! let body = problem.body();
//! assert_eq!(body["code"], "insufficient_balance");
//! assert_eq!(body["status"], 422);
//! assert_eq!(body["title"], "Unprocessable Entity");
//! ```

mod api_key;
mod audit;
mod audit_chain;
mod auth;
mod body;
mod cache;
mod context;
mod identity;
mod issuer;
mod jwks;
mod jwt_keys;
mod jwt_settings;
mod layer;
mod problem;
mod query;
mod replay;
mod scope;
mod secret_box;
mod signature;
mod tickets;
mod verifier;

pub use actix_web::http::StatusCode;
pub use api_key::{ApiKeyLayer, ApiKeyRecord, ApiKeyService, KeyStore};
pub use audit::{AuditEntry, AuditLog};
pub use audit_chain::{AuditDamage, AuditFault};
pub use auth::Authenticated;
pub use body::{JsonBody, NoBody};
pub use context::request_id;
pub use identity::{Credential, Identity, KeyId};
pub use issuer::{TokenIssuer, TokenRequest};
pub use jwks::JwksRefresher;
pub use jwt_settings::{IssuerSettings, JwtAlgorithm, JwtError, JwtKeys, JwtSettings, ListedKey};
pub use layer::{Edge, EdgeLimits};
pub use problem::{PROBLEM_JSON, Problem};
pub use query::QueryParams;
pub use scope::{Scope, Scopes};
pub use secret_box::{SecretBox, SecretBoxError, new_hmac_secret, new_key_id};
pub use signature::{KeyMaterial, SignedParts};
pub use tickets::Tickets;
pub use verifier::{InvalidToken, TokenVerifier};
