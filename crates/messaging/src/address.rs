//! Where the broker is: the parts of an AMQP address, and how a connection to it is opened.

use std::path::Path;

use amqprs::connection::OpenConnectionArguments;
use amqprs::security::SecurityCredentials;
use amqprs::tls::TlsAdaptor;
use runtime::settings::RabbitmqSettings;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};

use crate::topology::LONGEST_NAME;

/// Settings that cannot lead to a broker. Never holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The address is not `amqp://user:password@host:port/vhost` or the same with `amqps`.
    #[error("the address of the broker {0}")]
    Address(&'static str),
    /// The file of root certificates cannot be used.
    #[error("the root certificates in {path}: {reason}")]
    RootCertificate {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Heartbeats are whole seconds from 2 to 600.
    #[error("the heartbeat must be 2 to 600 whole seconds")]
    Heartbeat,
}

/// The parts of an address.
#[derive(Debug)]
struct Address {
    is_encrypted: bool,
    user: String,
    password: SecretString,
    /// IPv6 addresses without brackets.
    host: String,
    port: u16,
    vhost: String,
}

impl Address {
    fn parse(url: &SecretString) -> Result<Self, AddressError> {
        let wrong = AddressError::Address;
        let (scheme, rest) = url
            .expose_secret()
            .split_once("://")
            .ok_or(wrong("has no scheme"))?;
        let is_encrypted = match scheme {
            "amqp" => false,
            "amqps" => true,
            _ => return Err(wrong("must begin with amqp:// or amqps://")),
        };
        if rest.contains(['?', '#']) {
            return Err(wrong("must have no parameters: they are settings of their own"));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (account, place) = authority.rsplit_once('@').unwrap_or(("guest:guest", authority));
        let (user, password) = account.split_once(':').unwrap_or((account, ""));
        let (host, port) = host_and_port(place).ok_or(wrong("has no host, or a port that is no port"))?;
        let text = |part| decoded(part).ok_or(wrong("has a % that is no escape"));
        let vhost = match text(path)? {
            vhost if vhost.is_empty() => "/".to_owned(),
            vhost => vhost,
        };
        if vhost.len() > LONGEST_NAME {
            return Err(wrong("names a virtual host of more than 255 bytes"));
        }
        Ok(Self {
            is_encrypted,
            user: text(user)?,
            password: SecretString::from(text(password)?),
            host: host.to_owned(),
            port: port.unwrap_or(if is_encrypted { 5671 } else { 5672 }),
            vhost,
        })
    }
}

fn host_and_port(place: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (
                host,
                if port.is_empty() {
                    None
                } else {
                    Some(port.strip_prefix(':')?)
                },
            )
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = port.map(str::parse).transpose().ok()?;
    (!host.is_empty() && port != Some(0)).then_some((host, port))
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            decoded.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

/// How a connection of this name is opened. Encrypted ones trust the certificates of `root_certificate`, or where it is
/// not set those of the web's public authorities, and nothing else.
pub(crate) fn arguments(
    settings: &RabbitmqSettings,
    name: &str,
) -> Result<OpenConnectionArguments, AddressError> {
    let address = Address::parse(&settings.connection_url())?;
    let heartbeat = u16::try_from(settings.heartbeat.as_secs()).unwrap_or(u16::MAX);
    if !(2..=600).contains(&heartbeat) || settings.heartbeat.subsec_nanos() != 0 {
        return Err(AddressError::Heartbeat);
    }
    let host = if address.host.contains(':') {
        format!("[{}]", address.host)
    } else {
        address.host.clone()
    };
    let mut arguments = OpenConnectionArguments::default();
    arguments
        .host(&host)
        .port(address.port)
        .credentials(SecurityCredentials::new_plain(
            &address.user,
            address.password.expose_secret(),
        ))
        .virtual_host(&address.vhost)
        .connection_name(name)
        .heartbeat(heartbeat);
    if address.is_encrypted {
        arguments.tls_adaptor(adaptor(settings.root_certificate.as_deref(), address.host)?);
    }
    Ok(arguments)
}

fn adaptor(root: Option<&Path>, host: String) -> Result<TlsAdaptor, AddressError> {
    if CryptoProvider::get_default().is_none() {
        // Another thread may have been faster: one provider is as good as the other.
        let _ = aws_lc_rs::default_provider().install_default();
    }
    let path = root.map(|path| path.display().to_string()).unwrap_or_default();
    let wrong = |reason: String| AddressError::RootCertificate {
        path: path.clone(),
        reason,
    };
    if let Some(root) = root {
        check(root).map_err(wrong)?;
    }
    TlsAdaptor::without_client_auth(root, host).map_err(|error| wrong(error.to_string()))
}

/// The library would panic over a certificate that is none.
fn check(root: &Path) -> Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(root).map_err(|error| error.to_string())?;
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        store.add(certificate).map_err(|error| error.to_string())?;
    }
    if store.is_empty() {
        return Err("there is none".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;

    fn settings(url: &str) -> RabbitmqSettings {
        RabbitmqSettings {
            url: Some(SecretString::from(url)),
            ..RabbitmqSettings::default()
        }
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (url, expected) in [
            ("amqp://h", (false, "guest", "guest", "h", 5672, "/")),
            (
                "amqps://me:p%40w@h.example/",
                (true, "me", "p@w", "h.example", 5671, "/"),
            ),
            (
                "amqp://a%3Ab:c@[::1]:77/te%2Fst",
                (false, "a:b", "c", "::1", 77, "te/st"),
            ),
            (
                "amqp://u@10.0.0.1:5672/%2F",
                (false, "u", "", "10.0.0.1", 5672, "/"),
            ),
        ] {
            let address = Address::parse(&SecretString::from(url)).unwrap();
            let parts = (
                address.is_encrypted,
                address.user.as_str(),
                address.password.expose_secret(),
                address.host.as_str(),
                address.port,
                address.vhost.as_str(),
            );
            assert_eq!(parts, expected, "{url}");
        }
        let arguments = arguments(&settings("amqp://u:p@[::1]:77/x"), "test").unwrap();
        assert_eq!((arguments.get_host(), arguments.get_port()), ("[::1]", 77));
        assert_eq!(arguments.get_heartbeat(), 10);
    }

    #[test]
    fn wrong_addresses_are_refused_without_their_password() {
        let long = format!("amqp://u:hidden@h/{}", "v".repeat(256));
        for url in [
            "h:5672",
            "http://u:hidden@h",
            "amqp://u:hidden@",
            "amqp://u:hidden@h:0/",
            "amqp://u:hidden@h:70000/",
            "amqp://u:hidden@[::1/",
            "amqp://u:hidden%zz@h/",
            "amqp://u:hidden@h/?heartbeat=5",
            &long,
        ] {
            let error = arguments(&settings(url), "test").err().unwrap();
            assert!(!error.to_string().contains("hidden"), "{error}");
        }
    }

    #[test]
    fn a_heartbeat_that_the_protocol_cannot_keep_is_refused() {
        for heartbeat in [0, 1_000, 1_999, 2_500, 601_000] {
            let settings = RabbitmqSettings {
                heartbeat: Duration::from_millis(heartbeat),
                ..settings("amqp://h")
            };
            assert_eq!(arguments(&settings, "test").err(), Some(AddressError::Heartbeat));
        }
    }

    #[test]
    fn a_file_that_holds_no_root_certificate_is_refused_by_name() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut settings = settings("amqps://h");
        settings.root_certificate = Some(file.path().to_owned());
        let refused = |settings: &RabbitmqSettings| arguments(settings, "test").err().unwrap().to_string();
        assert!(refused(&settings).ends_with("there is none"));
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        file.write_all(nonsense.as_bytes()).unwrap();
        assert!(refused(&settings).contains(&file.path().display().to_string()));
        settings.root_certificate = Some("/nowhere/root.pem".into());
        assert!(refused(&settings).contains("/nowhere/root.pem"));
        settings.root_certificate = None;
        assert!(arguments(&settings, "test").is_ok());
    }
}
