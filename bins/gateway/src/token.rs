//! Making tokens for development and tests.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use http::{Scope, Scopes, TokenIssuer, TokenRequest};
use runtime::settings::{Algorithm, Environment};
use runtime::{Clock, Settings};
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::cli::say;
use crate::development::user_id;

/// Makes a token.
#[derive(Debug, Args)]
pub struct TokenCommand {
    /// Who: alice or bob (the funded development users), operator, or any UUID.
    #[arg(default_value = "alice")]
    user: String,
    /// What the token may do; operators need admin:markets, admin:funds, admin:accounts or admin:read.
    #[arg(long)]
    scope: Option<String>,
    /// The user's institution, a UUID.
    #[arg(long)]
    institution: Option<Uuid>,
    /// For how many hours.
    #[arg(long, default_value_t = 24)]
    hours: u32,
}

/// What traders may do.
const TRADER: &str = "trade read";
/// What the development operator may do.
const OPERATOR: &str = "read admin:markets admin:funds admin:accounts admin:read";

impl TokenCommand {
    pub(crate) fn execute(&self, settings: &Settings) -> anyhow::Result<()> {
        let user = user_id(&self.user);
        let user = user
            .or_else(|| Uuid::try_parse(&self.user).ok())
            .context("the user must be a name or a UUID")?;
        let usual = if self.user == "operator" { OPERATOR } else { TRADER };
        let scope = self.scope.as_deref().unwrap_or(usual);
        for word in scope.split_ascii_whitespace() {
            if Scope::from_word(word).is_none() {
                let known: Vec<_> = Scope::ALL.iter().map(|scope| scope.word()).collect();
                bail!("there is no scope `{word}`; there are {}", known.join(", "));
            }
        }
        let valid = Duration::from_secs(u64::from(self.hours) * 3_600);
        say(&token(settings, user, self.institution, scope, valid)?)
    }
}

/// A token of the development issuer.
///
/// # Errors
/// In production, or with keys that cannot sign.
pub(crate) fn token(
    settings: &Settings,
    user_id: Uuid,
    institution_id: Option<Uuid>,
    scope: &str,
    valid: Duration,
) -> anyhow::Result<String> {
    let auth = &settings.auth;
    if settings.environment == Environment::Production {
        bail!("tokens are not made in production: the identity provider makes them");
    }
    if auth.algorithm != Algorithm::Hs256 {
        bail!("tokens can be made with HS256 only: with a public key alone nothing can be signed");
    }
    let issuer = TokenIssuer::new(&auth.secret, &auth.issuer, &auth.audience)?;
    let request = TokenRequest {
        user_id,
        institution_id,
        scopes: Scopes::from_claim(scope),
        issued_secs: Clock::System.wall_us() / 1_000_000,
        valid_secs: valid.as_secs(),
    };
    Ok(issuer.issue(&request)?.expose_secret().to_owned())
}
