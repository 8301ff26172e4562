//! Connection addresses: made from their parts, with the passwords that stand in them.

use std::fmt::Write;

use secrecy::{ExposeSecret, SecretString};

/// `scheme://user:password@host:port/path`, with everything between the separators percent-encoded.
pub(super) fn compose(
    scheme: &str,
    user: &str,
    password: &SecretString,
    (host, port): (&str, u16),
    path: &str,
) -> SecretString {
    let mut url = format!("{scheme}://");
    let password = password.expose_secret();
    if !user.is_empty() || !password.is_empty() {
        url.push_str(&encoded(user));
        if !password.is_empty() {
            url.push(':');
            url.push_str(&encoded(password));
        }
        url.push('@');
    }
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    // Writing to a String cannot fail.
    let _ = write!(url, "{host}:{port}/{}", encoded(path));
    SecretString::from(url)
}

/// The password that stands in an address, as written.
pub(super) fn password(url: &SecretString) -> Option<&str> {
    let (_, rest) = url.expose_secret().split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

/// Percent-encoded, but for what never means anything in an address.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_become_an_address_and_its_password_is_found_again() {
        for (user, word, host, path, url) in [
            (
                "postgres",
                "pw",
                "localhost",
                "mytrader",
                "db://postgres:pw@localhost:5/mytrader",
            ),
            ("", "redis", "localhost", "0", "db://:redis@localhost:5/0"),
            ("", "", "::1", "", "db://[::1]:5/"),
            ("a@b", "p:/w é", "h", "/", "db://a%40b:p%3A%2Fw%20%C3%A9@h:5/%2F"),
        ] {
            let made = compose("db", user, &SecretString::from(word), (host, 5), path);
            assert_eq!(made.expose_secret(), url);
            let expected = Some(encoded(word)).filter(|word| !word.is_empty());
            assert_eq!(password(&made).map(str::to_owned), expected, "{url}");
        }
        assert_eq!(password(&SecretString::from("nonsense")), None);
        assert_eq!(password(&SecretString::from("db://user@host/a:b@c")), None);
    }
}
