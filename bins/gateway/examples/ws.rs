//! A WebSocket client for a terminal or a script: sends each line of standard input as a frame, prints each frame as a
//! line, and ends with `closed CODE REASON`. The line `!binary` sends a binary frame.
//!
//! `cargo run --example ws -- ws://127.0.0.1:8081/ws [TOKEN]`
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments
        .next()
        .unwrap_or_else(|| "ws://127.0.0.1:8081/ws".to_owned());
    let mut request = address.into_client_request()?;
    if let Some(token) = arguments.next() {
        let bearer = format!("Bearer {token}").parse()?;
        request.headers_mut().insert("Authorization", bearer);
    }
    let mut socket = match tokio_tungstenite::connect_async(request).await {
        Ok((socket, _)) => socket,
        Err(WsError::Http(answer)) => {
            println!("refused {}", answer.status().as_u16());
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut reads = true;
    loop {
        tokio::select! {
            line = lines.next_line(), if reads => match line? {
                Some(line) => {
                    let frame = if line == "!binary" {
                        Message::binary(vec![0])
                    } else {
                        Message::text(line)
                    };
                    // Where the other side has closed already, its close frame is still to be read.
                    if socket.send(frame).await.is_err() {
                        reads = false;
                    }
                }
                // The end of the input is the end of the session.
                None => {
                    reads = false;
                    let _ = socket.close(None).await;
                }
            },
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => println!("{text}"),
                Some(Ok(Message::Close(Some(close)))) => {
                    println!("closed {} {}", u16::from(close.code), close.reason);
                    return Ok(());
                }
                Some(Ok(Message::Close(None))) | None => {
                    println!("closed");
                    return Ok(());
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    println!("broken {error}");
                    return Ok(());
                }
            },
        }
    }
}
