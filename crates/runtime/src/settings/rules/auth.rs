//! The rules of tokens and API keys: one key source for each issuer, one that fits its algorithm.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{Rules, text};
use crate::settings::auth::given;
use crate::settings::{Algorithm, AuthSettings, Environment, IssuerSettings, WalletSettings};

/// HMAC wants a key as long as its digest.
const MIN_SECRET_BYTES: usize = 32;

/// More issuers than anybody has.
const MAX_ISSUERS: usize = 32;

/// The key sources of one issuer that publishes its keys.
struct PublicKeys<'a> {
    path: String,
    public_key: Option<&'a str>,
    jwks_url: Option<&'a str>,
    jwks_file: bool,
}

impl Rules {
    pub(super) fn auth(&mut self, auth: &AuthSettings, environment: Environment) {
        self.need(!auth.issuer.is_empty(), "auth.issuer", "must not be empty");
        self.need(!auth.audience.is_empty(), "auth.audience", "must not be empty");
        self.need(
            auth.leeway <= Duration::from_secs(5),
            "auth.leeway",
            "must be at most 5s",
        );
        self.own_secret(&auth.api_key_secret, "auth.api_key_secret", environment);
        let keys = PublicKeys {
            path: "auth".to_owned(),
            public_key: given(&auth.public_key),
            jwks_url: given(&auth.jwks_url),
            jwks_file: auth.jwks_file.is_some(),
        };
        match auth.algorithm {
            Algorithm::Hs256 => {
                self.own_secret(&auth.secret, "auth.secret", environment);
                self.no_public_keys(&keys);
            }
            Algorithm::EdDsa => {
                let secret = auth.secret.expose_secret();
                self.need(
                    secret.is_empty() || secret == AuthSettings::DEVELOPMENT_SECRET,
                    "auth.secret",
                    "does not fit EdDSA, which has public keys: take it out",
                );
                self.one_public_key(&keys);
            }
        }
        self.previous(auth, environment);
        self.further_issuers(auth, environment);
    }

    pub(super) fn own_secret(&mut self, secret: &SecretString, path: &str, environment: Environment) {
        let secret = secret.expose_secret();
        let public = [
            AuthSettings::DEVELOPMENT_SECRET,
            AuthSettings::DEVELOPMENT_API_KEY_SECRET,
            WalletSettings::DEVELOPMENT_SECRET,
        ];
        self.need(
            secret.len() >= MIN_SECRET_BYTES,
            path,
            format!("must have at least {MIN_SECRET_BYTES} bytes"),
        );
        let instead = if path.ends_with("_file") {
            "have another one in the file".to_owned()
        } else {
            let variable = path.to_ascii_uppercase().replace('.', "__");
            format!("set TRADE_ENGINE_{variable} or {path}_file")
        };
        self.need(
            environment == Environment::Development || !public.contains(&secret),
            path,
            format!("the development secret is refused outside development: {instead}"),
        );
    }

    fn no_public_keys(&mut self, keys: &PublicKeys) {
        for (name, absent) in [
            ("public_key", keys.public_key.is_none()),
            ("jwks_url", keys.jwks_url.is_none()),
            ("jwks_file", !keys.jwks_file),
        ] {
            self.need(
                absent,
                format!("{}.{name}", keys.path),
                "does not fit HS256, which has a shared secret: take it out, or set the algorithm to EdDSA",
            );
        }
    }

    fn one_public_key(&mut self, keys: &PublicKeys) {
        let path = |name: &str| format!("{}.{name}", keys.path);
        let sources = [keys.public_key.is_some(), keys.jwks_url.is_some(), keys.jwks_file];
        self.need(
            sources.into_iter().filter(|given| *given).count() == 1,
            path("public_key"),
            "EdDSA needs exactly one of public_key, jwks_url and jwks_file",
        );
        self.need(
            keys.public_key.is_none_or(text::is_public_key),
            path("public_key"),
            "must be 32 bytes in base64url without padding: 43 letters",
        );
        self.need(
            keys.jwks_url.is_none_or(text::is_key_address),
            path("jwks_url"),
            "must be an https:// address without a user, or an http:// address on this machine",
        );
    }

    fn previous(&mut self, auth: &AuthSettings, environment: Environment) {
        let key = given(&auth.previous_public_key);
        if let Some(secret) = &auth.previous_secret {
            self.need(
                auth.algorithm == Algorithm::Hs256,
                "auth.previous_secret",
                "does not fit EdDSA, which has public keys: take it out",
            );
            self.own_secret(secret, "auth.previous_secret", environment);
            self.need(
                secret.expose_secret() != auth.secret.expose_secret(),
                "auth.previous_secret",
                "must differ from auth.secret",
            );
        }
        if let Some(key) = key {
            let current = given(&auth.public_key).filter(|_| auth.algorithm == Algorithm::EdDsa);
            self.need(
                current.is_some(),
                "auth.previous_public_key",
                "belongs to auth.public_key: a set of keys names its earlier ones itself",
            );
            self.need(
                text::is_public_key(key),
                "auth.previous_public_key",
                "must be 32 bytes in base64url without padding: 43 letters",
            );
            self.need(
                current != Some(key),
                "auth.previous_public_key",
                "must differ from auth.public_key",
            );
        }
        // A file that cannot be read has been reported already: it still is a previous secret.
        let any = auth.previous_secret.is_some() || auth.previous_secret_file.is_some() || key.is_some();
        self.need(
            any == auth.previous_until.is_some(),
            "auth.previous_until",
            "must stand beside auth.previous_secret or auth.previous_public_key, and only there",
        );
    }

    fn further_issuers(&mut self, auth: &AuthSettings, environment: Environment) {
        self.need(
            auth.issuers.len() <= MAX_ISSUERS,
            "auth.issuers",
            format!("must be at most {MAX_ISSUERS}"),
        );
        for (index, entry) in auth.issuers.iter().enumerate() {
            let path = format!("auth.issuers[{index}]");
            let taken = auth.issuers[..index]
                .iter()
                .map(|earlier| &earlier.issuer)
                .chain([&auth.issuer])
                .any(|earlier| *earlier == entry.issuer);
            self.need(!entry.issuer.is_empty(), format!("{path}.issuer"), "is needed");
            self.need(
                !taken || entry.issuer.is_empty(),
                format!("{path}.issuer"),
                "stands there already: each issuer once",
            );
            self.need(
                !entry.audience.is_empty(),
                format!("{path}.audience"),
                "is needed",
            );
            self.further_issuer(path, entry, environment);
        }
    }

    fn further_issuer(&mut self, path: String, entry: &IssuerSettings, environment: Environment) {
        let secret_path = format!("{path}.secret_file");
        let keys = PublicKeys {
            path,
            public_key: given(&entry.public_key),
            jwks_url: given(&entry.jwks_url),
            jwks_file: entry.jwks_file.is_some(),
        };
        match (entry.algorithm, &entry.secret_file) {
            (Algorithm::Hs256, Some(_)) => {
                self.own_secret(&entry.secret, &secret_path, environment);
                self.no_public_keys(&keys);
            }
            (Algorithm::Hs256, None) => {
                self.need(false, secret_path, "is needed for HS256");
                self.no_public_keys(&keys);
            }
            (Algorithm::EdDsa, file) => {
                self.need(
                    file.is_none(),
                    secret_path,
                    "does not fit EdDSA, which has public keys: take it out",
                );
                self.one_public_key(&keys);
            }
        }
    }
}
