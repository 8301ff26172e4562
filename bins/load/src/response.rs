//! Reading an HTTP/1.1 answer as it comes in: status, length or chunks, body; nothing else.

use anyhow::{Context, bail};

/// The longest head that is taken.
const LONGEST_HEAD: usize = 32 * 1024;
/// The longest body that is taken.
const LONGEST_BODY: usize = 64 * 1024 * 1024;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// Whether another request may follow on the connection.
    pub(crate) keep_alive: bool,
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Known(usize),
    Chunked,
    UntilClose,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    status: u16,
    length: Length,
    keep_alive: bool,
    /// Where the body begins.
    end: usize,
}

/// Takes the first whole answer out of `buffer`; none while it is not all there. `closed`: nothing more will come.
///
/// # Errors
/// It is no HTTP/1.1 answer, it is too long, or the connection was closed in the middle.
pub(crate) fn take(buffer: &mut Vec<u8>, closed: bool) -> anyhow::Result<Option<Response>> {
    loop {
        let Some(head) = head(buffer)? else {
            if closed && !buffer.is_empty() {
                bail!("the connection was closed in the middle of the head of an answer");
            }
            return Ok(None);
        };
        // 100 Continue and its like: the answer itself comes after it.
        if head.status < 200 {
            buffer.drain(..head.end);
            continue;
        }
        let Some((body, end)) = body(buffer, &head, closed)? else {
            if closed {
                bail!("the connection was closed in the middle of an answer");
            }
            return Ok(None);
        };
        buffer.drain(..end);
        return Ok(Some(Response {
            status: head.status,
            body,
            keep_alive: head.keep_alive && head.length != Length::UntilClose,
        }));
    }
}

fn head(buffer: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = find(buffer, b"\r\n\r\n") else {
        if buffer.len() > LONGEST_HEAD {
            bail!("the head of an answer is too long");
        }
        return Ok(None);
    };
    let text = std::str::from_utf8(&buffer[..end]).context("the head of an answer is no text")?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5))
        .and_then(|digits| digits.parse().ok())
        .with_context(|| format!("`{first}` begins no HTTP/1.1 answer"))?;
    let mut head = Head {
        status,
        length: match status {
            100..=199 | 204 | 304 => Length::Known(0),
            _ => Length::UntilClose,
        },
        keep_alive: first.starts_with("HTTP/1.1"),
        end: end + 4,
    };
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") && head.length == Length::UntilClose {
            let length: usize = value.parse().context("Content-Length is no number")?;
            if length > LONGEST_BODY {
                bail!("a body of {length} bytes is too long");
            }
            head.length = Length::Known(length);
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            head.length = Length::Chunked;
        } else if name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
            head.keep_alive = false;
        }
    }
    Ok(Some(head))
}

/// The body and where it ends in the buffer; none while it is not all there.
fn body(buffer: &[u8], head: &Head, closed: bool) -> anyhow::Result<Option<(Vec<u8>, usize)>> {
    let rest = &buffer[head.end..];
    if rest.len() > LONGEST_BODY + LONGEST_BODY / 8 {
        bail!("a body is too long");
    }
    match head.length {
        Length::Known(length) => Ok(rest.get(..length).map(|body| (body.to_vec(), head.end + length))),
        Length::UntilClose => Ok(closed.then(|| (rest.to_vec(), buffer.len()))),
        Length::Chunked => Ok(chunks(rest)?.map(|(body, end)| (body, head.end + end))),
    }
}

fn chunks(rest: &[u8]) -> anyhow::Result<Option<(Vec<u8>, usize)>> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let Some(line) = find(&rest[at..], b"\r\n") else {
            return Ok(None);
        };
        let digits = std::str::from_utf8(&rest[at..at + line]).context("a chunk has no length")?;
        let digits = digits.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16).context("a chunk has no length")?;
        if length > LONGEST_BODY - body.len() {
            bail!("a body is too long");
        }
        at += line + 2;
        if length == 0 {
            return Ok(trailer(&rest[at..]).map(|end| (body, at + end)));
        }
        let Some(chunk) = rest.get(at..at + length + 2) else {
            return Ok(None);
        };
        if !chunk.ends_with(b"\r\n") {
            bail!("a chunk does not end where it says");
        }
        body.extend_from_slice(&chunk[..length]);
        at += length + 2;
    }
}

/// The length of what follows the last chunk: headers, mostly none, and an empty line.
fn trailer(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(b"\r\n") {
        return Some(2);
    }
    find(rest, b"\r\n\r\n").map(|at| at + 4)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "HTTP/1.1 201 Created\r\ncontent-type: a/b\r\nContent-Length: 5\r\n\r\nhello";
    const CHUNKED: &str =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\n\r\n";
    const TRAILED: &str =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n";
    const CONTINUED: &str = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

    #[test]
    fn an_answer_is_whole_only_with_its_last_byte_wherever_packets_are_cut() {
        for (text, status) in [(PLAIN, 201), (CHUNKED, 200), (TRAILED, 200), (CONTINUED, 200)] {
            let mut buffer = Vec::new();
            for (index, byte) in text.bytes().enumerate() {
                assert_eq!(take(&mut buffer, false).unwrap(), None, "{text:?} at {index}");
                buffer.push(byte);
            }
            let response = take(&mut buffer, false).unwrap().unwrap();
            assert_eq!(
                (response.status, response.body.as_slice()),
                (status, &b"hello"[..])
            );
            assert!(response.keep_alive && buffer.is_empty(), "{text:?}");
        }
    }

    #[test]
    fn the_next_answer_stays_in_the_buffer() {
        let mut buffer = format!("{CHUNKED}{PLAIN}").into_bytes();
        assert_eq!(take(&mut buffer, false).unwrap().unwrap().status, 200);
        assert_eq!(buffer, PLAIN.as_bytes());
    }

    #[test]
    fn a_body_without_length_ends_with_the_connection() {
        let mut buffer = b"HTTP/1.1 200 OK\r\n\r\nhello".to_vec();
        assert_eq!(take(&mut buffer, false).unwrap(), None);
        let response = take(&mut buffer, true).unwrap().unwrap();
        assert_eq!(response.body, b"hello");
        assert!(!response.keep_alive);
    }

    #[test]
    fn no_content_has_no_body_and_close_is_seen() {
        let mut buffer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec();
        let response = take(&mut buffer, false).unwrap().unwrap();
        assert!(response.body.is_empty() && !response.keep_alive);
    }

    #[test]
    fn what_breaks_off_or_is_no_answer_is_an_error() {
        for (text, closed) in [
            (&PLAIN[..PLAIN.len() - 1], true),
            (&CHUNKED[..CHUNKED.len() - 1], true),
            ("HTTP/1.1 20", true),
            ("SSH-2.0\r\n\r\n", false),
            ("HTTP/1.1 abc\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", false),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nz\r\n",
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffff\r\n",
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n",
                false,
            ),
        ] {
            assert!(take(&mut text.as_bytes().to_vec(), closed).is_err(), "{text:?}");
        }
        let endless = vec![b'a'; LONGEST_HEAD + 1];
        assert!(take(&mut endless.clone(), false).is_err());
    }
}
