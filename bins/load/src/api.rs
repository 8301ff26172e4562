//! The public API for everything that is not measured: setting up and checking.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::{Context, bail};
use http::{Scopes, TokenIssuer, TokenRequest};
use runtime::Clock;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;

use crate::cli::Target;
use crate::connection::{Connection, Place, request};

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// For how long tokens are good.
const TOKEN_SECS: u64 = 24 * 3_600;
/// Rights of the load's own operator.
const OPERATOR: &str = "read admin:markets admin:funds admin:accounts admin:read";

/// A user and the token to act as it.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) token: String,
}

/// An answer of the API.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The body of a 2xx answer.
    ///
    /// # Errors
    /// It is another answer; `what` was asked for.
    pub(crate) fn ok(self, what: &str) -> anyhow::Result<Value> {
        if !(200..300).contains(&self.status) {
            bail!("{what}: {} {}", self.status, self.body);
        }
        Ok(self.body)
    }
}

/// A gateway's two listeners, and the right to make tokens for it.
pub(crate) struct Api {
    public: Place,
    admin: Place,
    issuer: TokenIssuer,
    operator: String,
    idle: RefCell<Vec<Connection>>,
}

impl Api {
    /// The API of a target; nothing is asked yet.
    ///
    /// # Errors
    /// The addresses or the secret are of no use.
    pub(crate) fn new(target: &Target) -> anyhow::Result<Self> {
        let secret = SecretString::from(target.jwt_secret.clone());
        let issuer = TokenIssuer::new(&secret, &target.jwt_issuer, &target.jwt_audience)?;
        let operator = token(&issuer, Uuid::from_u128(1), OPERATOR)?;
        Ok(Self {
            public: Place::of(&target.url)?,
            admin: Place::of(&target.admin_url)?,
            issuer,
            operator,
            idle: RefCell::default(),
        })
    }

    /// Where orders go.
    pub(crate) const fn public(&self) -> &Place {
        &self.public
    }

    /// A user who may trade.
    ///
    /// # Errors
    /// The token cannot be signed.
    pub(crate) fn user(&self, id: Uuid) -> anyhow::Result<User> {
        let token = token(&self.issuer, id, "trade read")?;
        Ok(User { id, token })
    }

    /// Asks as nobody.
    ///
    /// # Errors
    /// No answer.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.call(&self.public, "GET", path, "", "").await
    }

    /// Asks as a user.
    ///
    /// # Errors
    /// No answer.
    pub(crate) async fn get_as(&self, user: &User, path: &str) -> anyhow::Result<Answer> {
        self.call(&self.public, "GET", path, &user.token, "").await
    }

    /// Asks or changes as a user.
    ///
    /// # Errors
    /// No answer.
    pub(crate) async fn send_as(
        &self,
        user: &User,
        method: &str,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Answer> {
        let body = text_of(body);
        self.call(&self.public, method, path, &user.token, &body).await
    }

    /// Asks or changes as the operator.
    ///
    /// # Errors
    /// No answer.
    pub(crate) async fn operate(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let body = text_of(body);
        self.call(&self.admin, method, path, &self.operator, &body).await
    }

    /// The text of the metrics; none where they are not served.
    pub(crate) async fn metrics(&self) -> Option<String> {
        let mut bytes = String::new();
        request(&mut bytes, "GET", "/metrics", &self.admin, "", "");
        let mut connection = self.connection(&self.admin);
        let response = connection.send(bytes.as_bytes()).await.ok()?;
        self.idle.borrow_mut().push(connection);
        (response.status == 200).then(|| String::from_utf8_lossy(&response.body).into_owned())
    }

    async fn call(
        &self,
        place: &Place,
        method: &str,
        path: &str,
        token: &str,
        body: &str,
    ) -> anyhow::Result<Answer> {
        let mut bytes = String::new();
        request(&mut bytes, method, path, place, token, body);
        let mut connection = self.connection(place);
        let mut outcome = connection.send(bytes.as_bytes()).await;
        // All calls here can be repeated: deposits have keys. An idle connection may have been closed by the server.
        if outcome.is_err() {
            outcome = connection.send(bytes.as_bytes()).await;
        }
        let response = outcome.with_context(|| format!("{method} {path}"))?;
        self.idle.borrow_mut().push(connection);
        let body = if response.body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&response.body)
                .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&response.body).into_owned()))
        };
        Ok(Answer {
            status: response.status,
            body,
        })
    }

    fn connection(&self, place: &Place) -> Connection {
        let mut idle = self.idle.borrow_mut();
        let at = idle.iter().position(|one| one.place() == place);
        at.map_or_else(
            || Connection::new(place.clone(), TIMEOUT),
            |at| idle.swap_remove(at),
        )
    }
}

fn text_of(body: &Value) -> String {
    if body.is_null() {
        String::new()
    } else {
        body.to_string()
    }
}

fn token(issuer: &TokenIssuer, user_id: Uuid, scope: &str) -> anyhow::Result<String> {
    let token = issuer.issue(&TokenRequest {
        user_id,
        institution_id: None,
        scopes: Scopes::from_claim(scope),
        issued_secs: Clock::System.wall_us() / 1_000_000,
        valid_secs: TOKEN_SECS,
    })?;
    Ok(token.expose_secret().to_owned())
}
