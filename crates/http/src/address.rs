//! Where a request comes from: the peer's address, or what a trusted proxy says of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName};
use ipnet::IpNet;
use serde::Deserialize;

use crate::context::RequestContext;

/// The header in which each proxy on the way adds the address that it was asked from.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What stands for the address of a peer that has none.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The proxies whose word on the client's address counts; by default none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct TrustedProxies(Vec<IpNet>);

/// An entry that is neither an address nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an address nor a network such as 10.0.0.0/8")]
pub struct BadProxy(String);

impl TrustedProxies {
    /// Reads addresses and networks, such as `127.0.0.1` and `10.0.0.0/8`.
    ///
    /// # Errors
    /// Names the first entry that is neither.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, BadProxy> {
        let network = |entry: &S| {
            let entry = entry.as_ref();
            let network = entry.parse::<IpNet>();
            let network = network.or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| BadProxy(entry.to_owned()))
        };
        Ok(Self(entries.iter().map(network).collect::<Result<_, _>>()?))
    }

    /// Whether this address is a trusted proxy's.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address. `X-Forwarded-For` is read from its end for as long as its entries were added by trusted
    /// proxies; the first address that is not a trusted proxy's is the client's.
    pub fn client_address(&self, request: &HttpRequest) -> IpAddr {
        let peer = request.peer_addr().map_or(NOWHERE, |peer| peer.ip());
        self.behind(peer.to_canonical(), request.headers())
    }

    fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let mut known = peer;
        let lines: Vec<_> = headers.get_all(&FORWARDED_FOR).collect();
        for line in lines.into_iter().rev() {
            let Ok(line) = line.to_str() else { return known };
            for entry in line.rsplit(',') {
                let Some(address) = forwarded(entry.trim()) else {
                    return known;
                };
                known = address;
                if !self.trusts(known) {
                    return known;
                }
            }
        }
        known
    }
}

impl TryFrom<Vec<String>> for TrustedProxies {
    type Error = BadProxy;

    fn try_from(entries: Vec<String>) -> Result<Self, BadProxy> {
        Self::parse(&entries)
    }
}

/// The client's address as the edge layer found it; without that layer the peer's.
pub fn client_address(request: &HttpRequest) -> IpAddr {
    RequestContext::of(request).map_or_else(
        || TrustedProxies::default().client_address(request),
        |context| context.address,
    )
}

/// An entry of `X-Forwarded-For`: an address, with a port or without.
fn forwarded(entry: &str) -> Option<IpAddr> {
    let address = entry.parse::<IpAddr>();
    let address = address.or_else(|_| entry.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// What limits count an address as: itself, and for IPv6 its /64, of which one customer has all addresses.
pub(crate) fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        for (address, counted) in [
            ("10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
            ("2001:db8:1:3::", "2001:db8:1:3::"),
        ] {
            assert_eq!(
                counted_as(address.parse().unwrap()),
                counted.parse::<IpAddr>().unwrap(),
                "{address}"
            );
        }
    }
}
