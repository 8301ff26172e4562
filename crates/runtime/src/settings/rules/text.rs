//! What texts in the settings may look like: decimals, symbols, networks, origins, addresses, keys.

use std::net::{IpAddr, Ipv6Addr};

/// Digits, then perhaps a point and 1 to 8 digits; at most 12 digits before the point.
pub(super) fn is_decimal(text: &str) -> bool {
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    match text.split_once('.') {
        None => digits(text, 12),
        Some((whole, fraction)) => digits(whole, 12) && digits(fraction, 8),
    }
}

/// `BASE/QUOTE`.
pub(super) fn is_symbol(text: &str) -> bool {
    let asset = |part: &str| {
        (1..=12).contains(&part.len())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    text.split_once('/')
        .is_some_and(|(base, quote)| asset(base) && asset(quote) && base != quote)
}

/// An address, or a network in CIDR form.
pub(super) fn is_network(text: &str) -> bool {
    let (address, prefix) = text
        .split_once('/')
        .map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let most_bits = if address.is_ipv4() { 32 } else { 128 };
    let digits = |prefix: &str| prefix.bytes().all(|byte| byte.is_ascii_digit());
    prefix.is_none_or(|prefix| digits(prefix) && prefix.parse::<u8>().is_ok_and(|bits| bits <= most_bits))
}

/// An origin exactly as browsers send it: scheme, host in small letters, and a port unless it is the scheme's own.
pub(super) fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let usual_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return false,
    };
    let small = !authority.bytes().any(|byte| byte.is_ascii_uppercase());
    small && host_and_port(authority).is_some_and(|(_, port)| port != Some(usual_port))
}

/// An https address, or an http address on this machine; without user and password.
pub(super) fn is_key_address(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains('#');
    let Some((scheme, rest)) = text.split_once("://").filter(|_| plain) else {
        return false;
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    host_and_port(authority).is_some_and(|(host, _)| match scheme {
        "https" => true,
        "http" => is_loopback(host),
        _ => false,
    })
}

/// 32 bytes in base64url without padding.
pub(super) fn is_public_key(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    text.len() == 43 && text.bytes().all(letter)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Host and port of `host`, `host:port`, `[address]:port`; nothing else may stand there.
fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let host_end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at(host_end);
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        None => return None,
        Some(digits) => {
            let plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
            Some(digits.parse::<u16>().ok().filter(|_| plain)?)
        }
    };
    is_host(host).then_some((host, port))
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, rule: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(rule(text), "{name} should take {text:?}");
        }
        for text in bad {
            assert!(!rule(text), "{name} should refuse {text:?}");
        }
    }

    #[test]
    fn networks_are_addresses_with_or_without_a_prefix() {
        check(
            "is_network",
            is_network,
            &["10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "::1", "fd00::/8", "::/128"],
            &[
                "",
                "10.0.0.0/33",
                "::/129",
                "10.0.0.0/",
                "10.0.0.0/+8",
                "10.0.0.0/8/8",
                "10.0.0",
                "example.org",
                "*",
            ],
        );
    }

    #[test]
    fn origins_are_exact() {
        check(
            "is_origin",
            is_origin,
            &[
                "https://app.example.com",
                "http://localhost:3000",
                "https://app.example.com:8443",
                "http://127.0.0.1:5173",
                "http://[::1]:5173",
            ],
            &[
                "",
                "*",
                "null",
                "app.example.com",
                "https://",
                "https://*.example.com",
                "https://app.example.com/",
                "https://app.example.com/path",
                "https://app.example.com?x",
                "https://user@app.example.com",
                "https://app.example.com:",
                "https://app.example.com:0",
                "https://app.example.com:08",
                "https://app.example.com:+8",
                "https://app.example.com:70000",
                "https://app.example.com:443",
                "http://localhost:80",
                "https://App.example.com",
                "HTTPS://app.example.com",
                "https://app..example.com",
                "https://-app.example.com",
                "https://app example.com",
                "https://[app]",
                "https://[::1",
                "https://[::1]x",
                "ws://app.example.com",
                "file:///etc",
            ],
        );
    }

    #[test]
    fn keys_come_over_a_safe_way() {
        check(
            "is_key_address",
            is_key_address,
            &[
                "https://id.example.com/.well-known/jwks.json",
                "https://id.example.com:8443/keys?v=1",
                "https://10.0.0.1/keys",
                "http://localhost:9000/keys",
                "http://127.0.0.1/keys",
                "http://[::1]:9000",
            ],
            &[
                "",
                "id.example.com/keys",
                "http://id.example.com/keys",
                "http://10.0.0.1/keys",
                "http://localhost.example.com/keys",
                "http://localhost@example.com/keys",
                "https://user:word@id.example.com/keys",
                "https:///keys",
                "https://id.example.com/a b",
                "https://id.example.com/#a",
                "file:///keys",
            ],
        );
    }

    #[test]
    fn public_keys_have_32_bytes() {
        let key = "A".repeat(43);
        check(
            "is_public_key",
            is_public_key,
            &[&key, &format!("-_09{}", "z".repeat(39))],
            &[
                "",
                &key[1..],
                &format!("{key}="),
                &format!("{}+", &key[1..]),
                &"é".repeat(22)[..43 - 1],
            ],
        );
    }
}
