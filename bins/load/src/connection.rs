//! One keep-alive HTTP/1.1 connection with one request in flight.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::response::{Response, take};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How much is read at once.
const READ: usize = 16 * 1024;

/// Where a server listens, from a URL like `http://127.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Host and port.
    pub(crate) authority: String,
}

impl Place {
    /// The place of a URL without a path.
    ///
    /// # Errors
    /// It is no plain `http://` URL.
    pub(crate) fn of(url: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("http://").with_context(|| {
            format!("`{url}` must begin with http:// (put a plain listener in front of TLS)")
        })?;
        let authority = rest.trim_end_matches('/');
        if authority.is_empty() || authority.contains(['/', '@', '?', '#', ' ']) {
            bail!("`{url}` must be http://HOST:PORT");
        }
        let port = authority.rsplit(':').next().unwrap_or_default();
        let has_port = authority.contains(':') && port.parse::<u16>().is_ok();
        let authority = if has_port {
            authority.to_owned()
        } else {
            format!("{authority}:80")
        };
        Ok(Self { authority })
    }
}

/// The bytes of a request. `token` may be empty.
pub(crate) fn request(buffer: &mut String, method: &str, path: &str, place: &Place, token: &str, body: &str) {
    buffer.clear();
    // Writing to a string does not fail.
    let _ = write!(
        buffer,
        "{method} {path} HTTP/1.1\r\nHost: {}\r\n",
        place.authority
    );
    if !token.is_empty() {
        let _ = write!(buffer, "Authorization: Bearer {token}\r\n");
    }
    if !body.is_empty() {
        let _ = write!(
            buffer,
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
    }
    buffer.push_str("\r\n");
    buffer.push_str(body);
}

/// A connection that is made when it is needed, and again after it broke.
#[derive(Debug)]
pub(crate) struct Connection {
    place: Place,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    timeout: Duration,
}

impl Connection {
    /// A connection to this place, not yet made; an answer may take as long as `timeout`.
    pub(crate) const fn new(place: Place, timeout: Duration) -> Self {
        Self {
            place,
            stream: None,
            buffer: Vec::new(),
            timeout,
        }
    }

    /// Where it goes.
    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    /// Connects where it is not connected.
    ///
    /// # Errors
    /// Nobody listens there.
    pub(crate) async fn connect(&mut self) -> anyhow::Result<()> {
        if self.stream.is_none() {
            let connecting = TcpStream::connect(&self.place.authority);
            let stream = tokio::time::timeout(CONNECT, connecting)
                .await
                .with_context(|| format!("{} does not answer", self.place.authority))?
                .with_context(|| format!("cannot connect to {}", self.place.authority))?;
            stream.set_nodelay(true)?;
            self.buffer.clear();
            self.stream = Some(stream);
        }
        Ok(())
    }

    /// Sends a request and waits for its answer. Nothing is sent twice: after an error the outcome is unknown.
    ///
    /// # Errors
    /// The connection cannot be made or breaks, the answer is none, or it takes too long.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<Response> {
        self.connect().await?;
        let timeout = self.timeout;
        let outcome = match tokio::time::timeout(timeout, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(anyhow::anyhow!("no answer within {timeout:?}")),
        };
        // After an error answers and requests would no longer match.
        if !outcome.as_ref().is_ok_and(|response| response.keep_alive) {
            self.stream = None;
        }
        outcome
    }

    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Response> {
        let stream = self.stream.as_mut().context("not connected")?;
        stream.write_all(request).await?;
        loop {
            self.buffer.reserve(READ);
            let read = stream.read_buf(&mut self.buffer).await?;
            if let Some(response) = take(&mut self.buffer, read == 0)? {
                return Ok(response);
            }
            if read == 0 {
                bail!("the connection was closed before the answer");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_host_and_port() {
        for (url, authority) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://gateway:80/", "gateway:80"),
            ("http://gateway", "gateway:80"),
            ("http://[::1]:9090", "[::1]:9090"),
        ] {
            assert_eq!(Place::of(url).unwrap().authority, authority);
        }
        for url in [
            "",
            "gateway",
            "https://gateway",
            "http://",
            "http://a/b",
            "http://u:p@a",
        ] {
            assert!(Place::of(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn a_request_has_what_it_needs_and_no_more() {
        let place = Place::of("http://a:1").unwrap();
        let mut buffer = "old".to_owned();
        request(&mut buffer, "GET", "/b", &place, "", "");
        assert_eq!(buffer, "GET /b HTTP/1.1\r\nHost: a:1\r\n\r\n");
        request(&mut buffer, "POST", "/b", &place, "t", "{}");
        assert!(buffer.contains("Authorization: Bearer t\r\n"));
        assert!(buffer.ends_with("Content-Length: 2\r\n\r\n{}"));
    }
}
