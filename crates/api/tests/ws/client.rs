//! A client that speaks the protocol, and a book that it keeps as the guide says.

use std::collections::{BTreeMap, VecDeque};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::house::{House, PATIENCE};

pub struct Client {
    pub socket: WebSocketStream<TcpStream>,
    /// Frames that came while an answer was waited for.
    waiting: VecDeque<Value>,
    asked: u64,
}

impl Client {
    /// A connection without any sign of who it is.
    pub async fn connect(house: &House) -> Self {
        Self::open(house, "/ws", &[]).await.unwrap()
    }

    /// A connection of the one that the token names.
    pub async fn of(house: &House, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        Self::open(house, "/ws", &[("authorization", &bearer)])
            .await
            .unwrap()
    }

    /// A handshake; the status where it is refused.
    pub async fn open(house: &House, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let socket = TcpSocket::new_v4().unwrap();
        Self::over(socket, house, path, headers).await
    }

    /// A connection that takes little at a time.
    pub async fn narrow(house: &House) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        Self::over(socket, house, "/ws", &[]).await.unwrap()
    }

    async fn over(
        socket: TcpSocket,
        house: &House,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let stream = socket.connect(house.address).await.unwrap();
        let mut request = format!("ws://{}{path}", house.address)
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match timeout(PATIENCE, client_async(request, stream)).await.unwrap() {
            Ok((socket, _)) => Ok(Self {
                socket,
                waiting: VecDeque::new(),
                asked: 0,
            }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn send(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.unwrap();
    }

    /// Asks, and waits for the answer.
    pub async fn ask(&mut self, mut request: Value) -> Value {
        self.asked += 1;
        let id = json!(self.asked);
        request["id"] = id.clone();
        self.send(request.to_string()).await;
        loop {
            let frame = self.read().await;
            if frame["id"] == id {
                assert_eq!(frame["op"], request["op"], "{frame}");
                return frame;
            }
            self.waiting.push_back(frame);
        }
    }

    /// Asks for something that must be answered with success; the result.
    pub async fn ok(&mut self, request: Value) -> Value {
        let mut answer = self.ask(request).await;
        let status = answer["status"].as_u64().unwrap();
        assert!(status == 200 || status == 201, "{answer}");
        answer["result"].take()
    }

    pub async fn subscribe(&mut self, channels: &[&str]) {
        self.ok(json!({"op": "subscribe", "channels": channels})).await;
    }

    /// The next frame that is no answer.
    pub async fn next(&mut self) -> Value {
        match self.waiting.pop_front() {
            Some(frame) => frame,
            None => self.read().await,
        }
    }

    /// The next frame of a channel; others are passed over.
    pub async fn next_of(&mut self, channel: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["channel"] == channel {
                return frame;
            }
        }
    }

    async fn read(&mut self) -> Value {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("nothing came") {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("expected a frame, got {other:?}"),
            }
        }
    }

    /// Reads on to the end; the code of the close frame, 0 where the connection broke.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match timeout(PATIENCE, self.socket.next())
                .await
                .expect("it was not closed")
            {
                Some(Ok(Message::Close(Some(CloseFrame { code, .. })))) => return code.into(),
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return 0,
            }
        }
    }
}

/// A book as a client keeps it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Book {
    pub last_seq: u64,
    sides: [BTreeMap<String, String>; 2],
}

impl Book {
    /// Takes a frame; false where a frame before it is missing.
    pub fn take(&mut self, frame: &Value) -> bool {
        match frame["type"].as_str().unwrap() {
            "snapshot" => *self = Self::default(),
            _ if frame["first_seq"] != json!(self.last_seq + 1) => return false,
            _ => assert!(
                frame["last_seq"].as_u64() >= frame["first_seq"].as_u64(),
                "{frame}"
            ),
        }
        self.last_seq = frame["last_seq"].as_u64().unwrap();
        for (side, levels) in self.sides.iter_mut().zip([&frame["bids"], &frame["asks"]]) {
            for level in levels.as_array().unwrap() {
                let (price, quantity) = (level[0].as_str().unwrap(), level[1].as_str().unwrap());
                if quantity == "0" {
                    assert!(side.remove(price).is_some(), "{frame}");
                } else {
                    side.insert(price.to_owned(), quantity.to_owned());
                }
            }
        }
        true
    }

    /// The book of `GET depth`.
    pub fn of(depth: &Value) -> Self {
        let mut depth = depth.clone();
        depth["type"] = json!("snapshot");
        let mut book = Self::default();
        book.take(&depth);
        book
    }
}
