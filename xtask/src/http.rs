//! Asking a gateway over HTTP, and knowing of each question whether it was answered, never sent, or neither.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest that an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// The longest answer that is read.
const ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// What became of a question.
#[derive(Debug, Clone)]
pub enum Asked {
    /// It was answered in full.
    Answer(Answer),
    /// Nobody took the connection: nothing was sent.
    NotSent,
    /// Something was sent and no whole answer came.
    Unknown,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// 200, 404.
    pub status: u16,
    /// JSON, else null.
    pub body: Value,
}

impl Answer {
    /// The text of a field of the body.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.body.get(field).and_then(Value::as_str)
    }
}

/// A question.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The port of 127.0.0.1.
    pub port: u16,
    /// GET, POST.
    pub method: &'a str,
    /// The path with its query.
    pub path: &'a str,
    /// Who asks.
    pub token: &'a str,
    /// JSON; empty: none.
    pub body: &'a str,
}

/// Asks once, over a connection of its own.
pub async fn ask(question: Question<'_>) -> Asked {
    let connecting = TcpStream::connect((Ipv4Addr::LOCALHOST, question.port));
    let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, connecting).await else {
        return Asked::NotSent;
    };
    match tokio::time::timeout(PATIENCE, exchange(stream, question)).await {
        Ok(Some(answer)) => Asked::Answer(answer),
        Ok(None) | Err(_) => Asked::Unknown,
    }
}

async fn exchange(mut stream: TcpStream, question: Question<'_>) -> Option<Answer> {
    let Question {
        port,
        method,
        path,
        token,
        body,
    } = question;
    let content = match (body.is_empty(), method) {
        (true, "GET" | "DELETE") => String::new(),
        _ => format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        ),
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n{content}\
         Connection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut answer).await.ok()?;
    read(&answer)
}

/// An answer, if all of it is there.
fn read(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let rest = bytes.get(end + 4..)?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split_whitespace().nth(1)?.parse().ok()?;
    let mut body = rest.to_vec();
    let mut known = status == 204;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            body = rest.get(..value.parse().ok()?)?.to_vec();
            known = true;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            body = joined(rest)?;
            known = true;
        }
    }
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    known.then_some(Answer { status, body })
}

/// A body that came in chunks, if the last one came too.
fn joined(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let length = std::str::from_utf8(rest.get(..end)?).ok()?;
        let length = usize::from_str_radix(length.split(';').next()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + length)?);
        rest = rest.get(end + 4 + length..)?;
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn answered_with(bytes: &'static [u8]) -> Asked {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4_096];
            let length = stream.read(&mut request).await.unwrap();
            assert!(request[..length].starts_with(b"POST /orders HTTP/1.1\r\n"));
            stream.write_all(bytes).await.unwrap();
        });
        let asked = ask(Question {
            port,
            method: "POST",
            path: "/orders",
            token: "t",
            body: "{}",
        })
        .await;
        server.await.unwrap();
        asked
    }

    #[tokio::test]
    async fn an_answer_is_read() {
        let asked = answered_with(b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{\"a\":\"b\"}").await;
        let Asked::Answer(answer) = asked else {
            panic!("{asked:?}")
        };
        assert_eq!((answer.status, answer.text("a")), (201, Some("b")));
    }

    #[tokio::test]
    async fn an_answer_in_chunks_is_put_together() {
        let bytes =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n5\r\n:\"b\"}\r\n0\r\n\r\n";
        let asked = answered_with(bytes).await;
        let Asked::Answer(answer) = asked else {
            panic!("{asked:?}")
        };
        assert_eq!(answer.text("a"), Some("b"));
    }

    #[tokio::test]
    async fn an_answer_that_was_cut_off_is_none() {
        for bytes in [
            &b""[..],
            b"HTTP/1.1 201 Cre",
            b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{\"a\":",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"a\":\"b\"}\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n{}",
        ] {
            let asked = answered_with(bytes).await;
            assert!(matches!(asked, Asked::Unknown), "{asked:?}");
        }
    }

    #[tokio::test]
    async fn where_nobody_listens_nothing_was_sent() {
        let port = testbed::Port::free().unwrap();
        let asked = ask(Question {
            port: port.number(),
            method: "GET",
            path: "/",
            token: "",
            body: "",
        })
        .await;
        assert!(matches!(asked, Asked::NotSent), "{asked:?}");
    }
}
