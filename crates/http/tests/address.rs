//! Whose word on a client's address counts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::{IpAddr, SocketAddr};

use actix_web::test::TestRequest;
use edge_http::{TrustedProxies, client_address};

fn proxies() -> TrustedProxies {
    TrustedProxies::parse(&["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]).unwrap()
}

fn found(peer: &str, lines: &[&str]) -> IpAddr {
    let peer: SocketAddr = peer.parse().unwrap();
    let mut request = TestRequest::get().peer_addr(peer);
    for line in lines {
        request = request.append_header(("X-Forwarded-For", *line));
    }
    proxies().client_address(&request.to_http_request())
}

#[test]
fn forwarded_addresses_count_only_from_trusted_peers_and_up_to_the_first_stranger() {
    for (what, peer, lines, expected) in [
        ("no proxy", "203.0.113.9:1", &[][..], "203.0.113.9"),
        ("a forged header", "203.0.113.9:1", &["1.1.1.1"], "203.0.113.9"),
        ("one proxy", "10.1.2.3:1", &["203.0.113.9"], "203.0.113.9"),
        (
            "a forged first entry",
            "10.1.2.3:1",
            &["1.1.1.1, 203.0.113.9"],
            "203.0.113.9",
        ),
        (
            "two proxies",
            "10.1.2.3:1",
            &["1.1.1.1, 203.0.113.9, 192.0.2.1"],
            "203.0.113.9",
        ),
        (
            "several headers",
            "10.1.2.3:1",
            &["1.1.1.1,203.0.113.9", "192.0.2.1"],
            "203.0.113.9",
        ),
        (
            "a forged first header",
            "10.1.2.3:1",
            &["1.1.1.1", "203.0.113.9"],
            "203.0.113.9",
        ),
        (
            "only proxies",
            "10.1.2.3:1",
            &["192.0.2.1, 10.9.9.9"],
            "192.0.2.1",
        ),
        ("no header", "10.1.2.3:1", &[], "10.1.2.3"),
        ("garbage", "10.1.2.3:1", &["garbage"], "10.1.2.3"),
        ("an empty header", "10.1.2.3:1", &[""], "10.1.2.3"),
        (
            "garbage behind a proxy",
            "10.1.2.3:1",
            &["1.1.1.1, x, 192.0.2.1"],
            "192.0.2.1",
        ),
        ("a number too large", "10.1.2.3:1", &["203.0.113.256"], "10.1.2.3"),
        (
            "bytes that are no text",
            "10.1.2.3:1",
            &["203.0.113.9\u{e9}"],
            "10.1.2.3",
        ),
        ("a port", "10.1.2.3:1", &["203.0.113.9:4711"], "203.0.113.9"),
        ("IPv6", "[2001:db8::1]:1", &["2a00:1::2"], "2a00:1::2"),
        (
            "IPv6 with a port",
            "[2001:db8::1]:1",
            &["[2a00:1::2]:4711"],
            "2a00:1::2",
        ),
        (
            "a mapped proxy",
            "[::ffff:10.1.2.3]:1",
            &["203.0.113.9"],
            "203.0.113.9",
        ),
        (
            "a mapped client",
            "10.1.2.3:1",
            &["::ffff:203.0.113.9"],
            "203.0.113.9",
        ),
    ] {
        assert_eq!(found(peer, lines), expected.parse::<IpAddr>().unwrap(), "{what}");
    }
}

#[test]
fn without_settings_nobody_is_trusted() {
    let request = TestRequest::get()
        .peer_addr("127.0.0.1:1".parse().unwrap())
        .insert_header(("X-Forwarded-For", "1.1.1.1"))
        .to_http_request();
    assert_eq!(client_address(&request).to_string(), "127.0.0.1");
    assert_eq!(
        client_address(&TestRequest::get().to_http_request()).to_string(),
        "0.0.0.0"
    );
}

#[test]
fn a_bad_entry_in_the_settings_is_named() {
    for bad in ["", "localhost", "10.0.0.0/33", "10.0.0", "*"] {
        let error = TrustedProxies::parse(&["127.0.0.1", bad]).unwrap_err();
        assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
        let entries = serde_json::json!(["127.0.0.1", bad]);
        assert!(
            serde_json::from_value::<TrustedProxies>(entries).is_err(),
            "{bad:?}"
        );
    }
}
