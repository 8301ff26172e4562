//! The rules of the wallet service: its address, the key of its callers' tokens, its limits.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::{Rules, text};
use crate::settings::auth::given;
use crate::settings::{Algorithm, AuthSettings, Environment, WalletSettings};

/// Who stops a service waits no longer than that for its callers to notice.
const LONGEST_DRAIN: Duration = Duration::from_secs(300);

impl Rules {
    pub(super) fn wallet(&mut self, wallet: &WalletSettings, auth: &AuthSettings, environment: Environment) {
        self.need(
            is_base(&wallet.url),
            "wallet.url",
            "must be http:// or https://, a host and a port, without a user and without a path",
        );
        self.need(!wallet.host.trim().is_empty(), "wallet.host", "must not be empty");
        self.need(wallet.port != 0, "wallet.port", "must be 1 to 65535");
        self.need(
            wallet.metrics_port != wallet.port,
            "wallet.metrics_port",
            "must differ from wallet.port",
        );
        let users = auth.issuers.iter().map(|entry| &entry.issuer);
        self.need(
            !wallet.issuer.is_empty() && !users.chain([&auth.issuer]).any(|user| *user == wallet.issuer),
            "wallet.issuer",
            "must be there, and must not be an issuer of users' tokens",
        );
        self.need(
            !wallet.audience.is_empty(),
            "wallet.audience",
            "must not be empty",
        );
        self.wallet_keys(wallet, environment);
        self.previous_wallet_keys(wallet, environment);
        self.need(
            wallet.algorithm != Algorithm::Hs256
                || wallet.secret.expose_secret() != auth.secret.expose_secret(),
            "wallet.secret",
            "must differ from auth.secret: who signs users in must not sign services in",
        );
        let life = Duration::from_secs(10)..=Duration::from_secs(3_600);
        self.need(
            life.contains(&wallet.token_life),
            "wallet.token_life",
            "must be 10s to 1h",
        );
        self.wait(wallet.connect_timeout, "wallet.connect_timeout");
        self.wait(wallet.timeout, "wallet.timeout");
        self.need(
            wallet.connect_timeout <= wallet.timeout,
            "wallet.connect_timeout",
            "must be at most wallet.timeout",
        );
        self.range(wallet.calls_in_flight, 1..=1_024, "wallet.calls_in_flight");
        self.range(wallet.calls_waiting, 0..=65_536, "wallet.calls_waiting");
        self.range(wallet.requests_in_flight, 1..=65_536, "wallet.requests_in_flight");
        self.range(
            wallet.database_connections,
            4..=1_000,
            "wallet.database_connections",
        );
        self.need(
            wallet.drain.is_none_or(|drain| drain <= LONGEST_DRAIN),
            "wallet.drain",
            "must be at most 5m",
        );
    }

    fn wallet_keys(&mut self, wallet: &WalletSettings, environment: Environment) {
        let (private, public) = (&wallet.private_key, given(&wallet.public_key));
        match wallet.algorithm {
            Algorithm::Hs256 => {
                self.own_secret(&wallet.secret, "wallet.secret", environment);
                for (path, absent) in [
                    ("wallet.private_key", private.is_none()),
                    ("wallet.public_key", public.is_none()),
                ] {
                    self.need(
                        absent,
                        path,
                        "does not fit HS256, which has a shared secret: take it out",
                    );
                }
            }
            Algorithm::EdDsa => {
                let secret = wallet.secret.expose_secret();
                self.need(
                    secret.is_empty() || secret == WalletSettings::DEVELOPMENT_SECRET,
                    "wallet.secret",
                    "does not fit EdDSA, which has a pair of keys: take it out",
                );
                self.need(
                    private.is_some() || wallet.private_key_file.is_some() || public.is_some(),
                    "wallet.public_key",
                    "EdDSA needs public_key at the service and private_key at those who call it",
                );
                let key = "must be 32 bytes in base64url without padding: 43 letters";
                self.need(public.is_none_or(text::is_public_key), "wallet.public_key", key);
                let private = private.as_ref().map(|key| key.expose_secret());
                self.need(private.is_none_or(text::is_public_key), "wallet.private_key", key);
            }
        }
    }

    fn previous_wallet_keys(&mut self, wallet: &WalletSettings, environment: Environment) {
        let key = given(&wallet.previous_public_key);
        if let Some(secret) = &wallet.previous_secret {
            self.own_secret(secret, "wallet.previous_secret", environment);
            self.need(
                wallet.algorithm == Algorithm::Hs256
                    && secret.expose_secret() != wallet.secret.expose_secret(),
                "wallet.previous_secret",
                "must stand beside another wallet.secret",
            );
        }
        if let Some(key) = key {
            let current = given(&wallet.public_key).filter(|_| wallet.algorithm == Algorithm::EdDsa);
            self.need(
                text::is_public_key(key) && current.is_some_and(|current| current != key),
                "wallet.previous_public_key",
                "must be 32 bytes in base64url without padding, beside another wallet.public_key",
            );
        }
        // A file that cannot be read has been reported already: it still is a previous secret.
        let any = wallet.previous_secret.is_some() || wallet.previous_secret_file.is_some() || key.is_some();
        self.need(
            any == wallet.previous_until.is_some(),
            "wallet.previous_until",
            "must stand beside wallet.previous_secret or wallet.previous_public_key, and only there",
        );
    }
}

/// Whether it is the beginning of an address, to which paths can be added.
fn is_base(url: &str) -> bool {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"/?#@\\".contains(&byte);
        !rest.is_empty() && rest.bytes().all(plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_of_an_address_is_one() {
        for url in ["http://127.0.0.1:8090", "https://wallet/", "http://[::1]:1"] {
            assert!(is_base(url), "{url}");
        }
        for url in [
            "",
            "wallet:8090",
            "ftp://w",
            "http://",
            "http://u:p@w",
            "http://w/api",
            "http://w?a",
            "http://w x",
        ] {
            assert!(!is_base(url), "{url}");
        }
    }
}
