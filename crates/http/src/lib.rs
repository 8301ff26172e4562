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

mod address;
mod address_limit;
mod api_key;
mod audit;
mod audit_chain;
mod auth;
mod body;
mod cache;
mod connections;
mod context;
mod cors;
mod healthcheck;
mod identity;
mod issuer;
mod jwks;
mod jwt_keys;
mod jwt_settings;
mod layer;
mod metrics;
mod problem;
mod query;
mod rate;
mod rate_store;
mod replay;
mod scope;
mod secret_box;
mod signature;
mod tickets;
mod verifier;

pub use self::metrics::{
    Family, Kind, Label, Metrics, Program, count_runtime, expect_requests, metrics_route, tell_ready,
};
pub use actix_web::http::StatusCode;
pub use address::{BadProxy, TrustedProxies, client_address};
pub use address_limit::{AddressLimits, AddressRates};
pub use api_key::{ApiKeyLayer, ApiKeyRecord, ApiKeyService, KeyStore};
pub use audit::{AuditEntry, AuditLine, AuditLog, AuditTable, NextLine};
pub use audit_chain::{AuditDamage, AuditFault};
pub use auth::Authenticated;
pub use body::{BodyLimit, JsonBody, NoBody};
pub use connections::{ConnectionCaps, Connections};
pub use context::request_id;
pub use cors::{BadOrigin, Origins};
pub use healthcheck::{NotReady, healthcheck};
pub use identity::{Credential, Identity, KeyId};
pub use issuer::{TokenIssuer, TokenRequest};
pub use jwks::JwksRefresher;
pub use jwt_settings::{IssuerSettings, JwtAlgorithm, JwtError, JwtKeys, JwtSettings, ListedKey};
pub use layer::{Edge, EdgeLimits};
pub use problem::{PROBLEM_JSON, Problem};
pub use query::QueryParams;
pub use rate::{Bucket, RateLimits, RateOf};
pub use rate_store::{LocalRates, RateKey, RateStore, RateStoreError, Standing};
pub use replay::SignatureStore;
pub use scope::{Scope, Scopes};
pub use secret_box::{SecretBox, SecretBoxError, new_hmac_secret, new_key_id};
pub use signature::{KeyMaterial, SignedParts};
pub use tickets::{TicketStore, Tickets};
pub use verifier::{InvalidToken, TokenVerifier};
