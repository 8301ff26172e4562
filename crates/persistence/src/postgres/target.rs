//! What an address says: where the server is, how the connection is protected, and what the session is told.

use std::path::PathBuf;
use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::AsyncPgConnection;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PgError;
use super::tls::{Trust, connector};

/// The longest wait for a new connection where the address names none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A quiet connection is probed after so long, so often, so many times.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(10), Duration::from_secs(5), 3);
/// Where nobody says which program connects.
const PROGRAM: &str = "trade-engine";

/// A server, and how to connect to it.
#[derive(Clone)]
pub(super) struct Target {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Target {
    /// Reads an address as PostgreSQL's own clients do: `postgres://user:password@host:port/name?sslmode=require`.
    /// Parameters are those of `tokio_postgres`, `sslmode` (`disable`, the default, `require`, `verify-ca`,
    /// `verify-full`), `sslrootcert` (a file), and `tcp_user_timeout` in milliseconds.
    ///
    /// # Errors
    /// It makes no sense, or the file of certificates cannot be read.
    pub(super) fn parse(url: &SecretString, program: Option<&str>) -> Result<Self, PgError> {
        let Address { plain, own } = Address::split(url.expose_secret());
        let bad = |why: String| PgError::NoConnection(format!("the address cannot be used: {why}"));
        let mut config: Config = plain
            .parse()
            .map_err(|error: tokio_postgres::Error| bad(told(&error)))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if !plain.contains("keepalives") {
            let (idle, interval, retries) = KEEPALIVE;
            config
                .keepalives_idle(idle)
                .keepalives_interval(interval)
                .keepalives_retries(retries);
        }
        if let Some(program) = program.or(config.get_application_name().is_none().then_some(PROGRAM)) {
            config.application_name(program);
        }
        if let Some(given) = own.tcp_user_timeout {
            let ms = given.parse::<u64>();
            let ms = ms.map_err(|_| bad("tcp_user_timeout must be a number of milliseconds".to_owned()))?;
            config.tcp_user_timeout(Duration::from_millis(ms));
        }
        let roots = own.sslrootcert.map(PathBuf::from);
        let trust = match (own.sslmode.as_deref().unwrap_or("disable"), roots) {
            ("disable", _) => None,
            ("require", None) => Some(Trust::Anyone),
            ("require" | "verify-ca", Some(roots)) => Some(Trust::Authorities(roots)),
            ("verify-full", Some(roots)) => Some(Trust::AuthoritiesAndName(roots)),
            ("verify-ca" | "verify-full", None) => {
                return Err(bad(
                    "sslmode verify-ca and verify-full need sslrootcert".to_owned()
                ));
            }
            _ => {
                return Err(bad(
                    "sslmode must be disable, require, verify-ca or verify-full".to_owned()
                ));
            }
        };
        config.ssl_mode(match trust {
            None => SslMode::Disable,
            Some(_) => SslMode::Require,
        });
        let tls = trust.map(|trust| connector(&trust)).transpose();
        let tls = tls.map_err(bad)?;
        Ok(Self { config, tls })
    }

    /// A connection, within the time that the address allows for all of it.
    pub(super) async fn connect(&self) -> ConnectionResult<AsyncPgConnection> {
        let limit = self.config.get_connect_timeout().copied();
        let limit = limit.unwrap_or(CONNECT_TIMEOUT);
        let connected = tokio::time::timeout(limit, self.establish()).await;
        connected.unwrap_or_else(|_| {
            Err(ConnectionError::BadConnection(format!(
                "not within {} s",
                limit.as_secs()
            )))
        })
    }

    async fn establish(&self) -> ConnectionResult<AsyncPgConnection> {
        let refused = |error: tokio_postgres::Error| ConnectionError::BadConnection(told(&error));
        match &self.tls {
            Some(tls) => {
                let made = self.config.connect(tls.clone()).await;
                let (client, connection) = made.map_err(refused)?;
                AsyncPgConnection::try_from_client_and_connection(client, connection).await
            }
            None => {
                let made = self.config.connect(NoTls).await;
                let (client, connection) = made.map_err(refused)?;
                AsyncPgConnection::try_from_client_and_connection(client, connection).await
            }
        }
    }
}

/// An error and its causes.
fn told(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// An address without the parameters that are read here, and these.
struct Address {
    plain: String,
    own: Own,
}

#[derive(Default)]
struct Own {
    sslmode: Option<String>,
    sslrootcert: Option<String>,
    tcp_user_timeout: Option<String>,
}

impl Address {
    fn split(url: &str) -> Self {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut own = Own::default();
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "sslmode" => own.sslmode = Some(decoded(value)),
                "sslrootcert" => own.sslrootcert = Some(decoded(value)),
                "tcp_user_timeout" => own.tcp_user_timeout = Some(decoded(value)),
                _ => rest.push(pair),
            }
        }
        let mut plain = base.to_owned();
        if !rest.is_empty() {
            plain.push('?');
            plain.push_str(&rest.join("&"));
        }
        Self { plain, own }
    }
}

/// A percent-encoded text; what is no code stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| first == b'%');
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(parameters: &str) -> Result<Target, String> {
        let url = SecretString::from(format!("postgres://me:secret@host:5433/name{parameters}"));
        Target::parse(&url, Some("gateway")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_says_how_to_connect() {
        let plain = parse("").unwrap();
        assert_eq!(plain.config.get_ssl_mode(), SslMode::Disable);
        assert_eq!(plain.config.get_connect_timeout(), Some(&CONNECT_TIMEOUT));
        assert_eq!(plain.config.get_application_name(), Some("gateway"));
        assert_eq!(plain.config.get_keepalives_retries(), Some(3));
        assert!(plain.tls.is_none());

        let told = parse(
            "?sslmode=require&connect_timeout=2&tcp_user_timeout=1500&options=-c%20lock_timeout%3D7&keepalives_retries=9",
        )
        .unwrap();
        assert_eq!(told.config.get_ssl_mode(), SslMode::Require);
        assert!(told.tls.is_some());
        assert_eq!(told.config.get_connect_timeout(), Some(&Duration::from_secs(2)));
        assert_eq!(
            told.config.get_tcp_user_timeout(),
            Some(&Duration::from_millis(1500))
        );
        assert_eq!(told.config.get_options(), Some("-c lock_timeout=7"));
        assert_eq!(told.config.get_keepalives_retries(), Some(9));
        assert_eq!(told.config.get_dbname(), Some("name"));
    }

    #[test]
    fn a_protection_that_cannot_be_given_is_refused_and_no_password_is_told() {
        for parameters in [
            "?sslmode=prefer",
            "?sslmode=",
            "?sslmode=verify-full",
            "?sslmode=verify-ca",
            "?sslmode=verify-full&sslrootcert=/no/such/file",
            "?tcp_user_timeout=soon",
            "?no_such_parameter=1",
        ] {
            let why = parse(parameters).err();
            assert!(why.is_some(), "{parameters}");
            assert!(!why.unwrap_or_default().contains("secret"), "{parameters}");
        }
    }

    #[test]
    fn codes_in_values_are_read() {
        for (text, expected) in [
            ("%2Fetc%2Fca.pem", "/etc/ca.pem"),
            ("a%", "a%"),
            ("%zz", "%zz"),
            ("%C3%A9", "é"),
        ] {
            assert_eq!(decoded(text), expected);
        }
    }
}
