//! Keeps the keys of issuers that publish them at an address up to date.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, select};
use reqwest::header::ACCEPT;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use tokio::time::{Instant, sleep_until};

use crate::JwtError;
use crate::jwt_keys::{KeySet, SET_BYTES};
use crate::verifier::Issuer;

/// How often the keys are fetched when all is well.
const PERIOD: Duration = Duration::from_secs(600);
/// The least time between two fetches, whatever tokens name.
const PAUSE: Duration = Duration::from_secs(60);
/// How long one fetch may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where an issuer publishes its keys, with the client that asks there.
pub(crate) struct JwksAddress {
    url: Url,
    client: Client,
}

impl JwksAddress {
    /// The address of this text.
    pub(crate) fn new(address: &str) -> Result<Self, JwtError> {
        let url = Url::parse(address).map_err(|_| JwtError::BadKeyAddress)?;
        let secure = url.scheme() == "https";
        let near = url.scheme() == "http" && url.host_str().is_some_and(is_loopback);
        if !(secure || near) || !url.username().is_empty() || url.password().is_some() {
            return Err(JwtError::BadKeyAddress);
        }
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .https_only(secure);
        let client = if near { client.no_proxy() } else { client };
        let client = client.build().map_err(|_| JwtError::NoClient)?;
        Ok(Self { url, client })
    }

    async fn fetch(&self) -> Result<Vec<u8>, String> {
        let request = self.client.get(self.url.clone());
        let text = |error: reqwest::Error| error.without_url().to_string();
        let mut response = request
            .header(ACCEPT, "application/json")
            .send()
            .await
            .map_err(text)?;
        if response.status() != StatusCode::OK {
            return Err(format!("the answer is {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(text)? {
            if body.len() + chunk.len() > SET_BYTES {
                return Err("the answer is larger than 64 kB".to_owned());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Fetches the keys of a verifier's issuers. One task of the program runs it.
pub struct JwksRefresher {
    issuers: Vec<Arc<Issuer>>,
}

impl JwksRefresher {
    /// A refresher for these issuers; those without an address are passed over.
    pub(crate) fn new(issuers: &[Arc<Issuer>]) -> Option<Self> {
        let issuers: Vec<_> = issuers
            .iter()
            .filter(|issuer| issuer.address().is_some())
            .cloned()
            .collect();
        (!issuers.is_empty()).then_some(Self { issuers })
    }

    /// Fetches at once, every 10 minutes, and when a token names an unknown key, but never more than once a minute for
    /// each issuer; ends with `until`. What cannot be fetched leaves the keys as they are, and is tried again after a
    /// minute.
    pub async fn run(self, until: impl Future<Output = ()>) {
        let issuers = join_all(self.issuers.iter().map(|issuer| keep_fresh(issuer)));
        select(std::pin::pin!(until), issuers).await;
    }
}

impl std::fmt::Debug for JwksRefresher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwksRefresher").finish_non_exhaustive()
    }
}

async fn keep_fresh(issuer: &Issuer) {
    let Some(address) = issuer.address() else {
        return;
    };
    loop {
        let started = Instant::now();
        let period = if refresh(issuer, address).await {
            PERIOD
        } else {
            PAUSE
        };
        let asked_for = async {
            issuer.wanted().await;
            sleep_until(started + PAUSE).await;
        };
        select(
            std::pin::pin!(asked_for),
            std::pin::pin!(sleep_until(started + period)),
        )
        .await;
    }
}

/// Fetches the keys once; whether there is a key now that was fetched.
async fn refresh(issuer: &Issuer, address: &JwksAddress) -> bool {
    let name = issuer.name();
    let keys = match address.fetch().await {
        Ok(text) => KeySet::from_jwk_set(&text, issuer.algorithm()).map_err(str::to_owned),
        Err(reason) => Err(reason),
    };
    match keys {
        Ok(keys) => {
            let count = keys.len();
            if issuer.replace(keys) {
                tracing::info!(issuer = name, count, "took new keys for tokens");
            }
            if count == 0 {
                tracing::warn!(issuer = name, "the JWK set has no key that fits the algorithm");
            }
            count > 0
        }
        Err(reason) => {
            tracing::warn!(
                issuer = name,
                reason,
                "could not fetch keys for tokens; the old ones stay"
            );
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_must_be_https_or_on_the_machine_itself() {
        for (address, good) in [
            ("https://id.example.org/keys?v=1", true),
            ("http://127.0.0.1:8080/keys", true),
            ("http://[::1]:8080/keys", true),
            ("http://localhost/keys", true),
            ("http://id.example.org/keys", false),
            ("http://127.0.0.1.example.org/keys", false),
            ("http://10.0.0.1/keys", false),
            ("https://user:password@id.example.org/keys", false),
            ("file:///etc/passwd", false),
            ("ftp://127.0.0.1/keys", false),
            ("keys", false),
            ("", false),
        ] {
            assert_eq!(JwksAddress::new(address).is_ok(), good, "{address}");
        }
    }
}
