//! One WebSocket to the gateway: sign in with the handshake, frames as text.

use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Connects; with a token as that user.
    ///
    /// # Errors
    /// Nobody listens there, or the handshake is refused.
    pub(crate) async fn connect(url: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let mut request = url
            .into_client_request()
            .with_context(|| format!("`{url}` is no WebSocket URL"))?;
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {token}"))?;
            request.headers_mut().insert("authorization", value);
        }
        let connected = tokio::time::timeout(CONNECT, connect_async_with_config(request, None, true)).await;
        let (stream, _) = connected
            .with_context(|| format!("{url} does not answer"))?
            .with_context(|| format!("cannot connect to {url}"))?;
        if let MaybeTlsStream::Plain(tcp) = stream.get_ref() {
            tcp.set_nodelay(true)?;
        }
        Ok(Self(stream))
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) async fn send(&mut self, text: String) -> anyhow::Result<()> {
        self.0
            .send(Message::text(text))
            .await
            .context("the WebSocket broke")
    }

    /// The next text frame. Losing the future loses no frame.
    ///
    /// # Errors
    /// The connection is gone; the close code is named.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Utf8Bytes> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(Some(frame)))) => {
                    bail!("the WebSocket was closed: {} {}", frame.code, frame.reason)
                }
                Some(Ok(Message::Close(None))) | None => bail!("the WebSocket was closed"),
                // Pings are answered by the library.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error).context("the WebSocket broke"),
            }
        }
    }

    /// Subscribes and returns the frames that came before the answer.
    ///
    /// # Errors
    /// The subscription is refused, or the connection is gone.
    pub(crate) async fn subscribe(
        &mut self,
        channels: &[&str],
        fills_after: Option<&str>,
    ) -> anyhow::Result<Vec<Value>> {
        let mut request = serde_json::json!({"id": "subscribe", "op": "subscribe", "channels": channels});
        if let Some(after) = fills_after {
            request["fills_after"] = after.into();
        }
        self.send(request.to_string()).await?;
        let mut frames = Vec::new();
        let answered = async {
            loop {
                let frame: Value = serde_json::from_str(self.next().await?.as_str())?;
                if frame["id"] == "subscribe" {
                    anyhow::ensure!(frame["status"] == 200, "the subscription was refused: {frame}");
                    return Ok(());
                }
                frames.push(frame);
            }
        };
        tokio::time::timeout(CONNECT, answered)
            .await
            .context("the subscription is not answered")??;
        Ok(frames)
    }
}
