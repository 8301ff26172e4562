//! The way to one connection: a bounded queue of frames, and the one word that ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::web::Bytes;
use actix_ws::{CloseCode, CloseReason};
use bytestring::ByteString;
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Why a connection ends, as its close frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// The server stops.
    Stopping,
    /// A binary frame came.
    Binary,
    /// A frame above the limit came.
    TooLarge,
    /// A frame is no request.
    NoRequest,
    /// The token is bad.
    BadToken,
    /// Nothing was asked for at the beginning.
    Silent,
    /// The token has expired.
    Expired,
    /// The API key was revoked.
    Revoked,
    /// The client reads too slowly.
    Slow,
    /// No sign of life.
    Lost,
    /// The server fell behind.
    Behind,
    /// Too many requests, subscriptions or connections.
    TooMany(&'static str),
    /// The client closed it, or it broke.
    Gone,
}

impl Close {
    /// The code of the close frame.
    pub(crate) const fn code(self) -> u16 {
        self.words().0
    }

    /// Code and text of the close frame.
    pub(crate) fn reason(self) -> CloseReason {
        let (code, text) = self.words();
        CloseReason {
            code: CloseCode::from(code),
            description: Some(text.to_owned()),
        }
    }

    const fn words(self) -> (u16, &'static str) {
        match self {
            Self::Stopping => (1001, "the server stops"),
            Self::Binary => (1003, "binary frames are not taken"),
            Self::TooLarge => (1009, "the frame is too large"),
            Self::NoRequest => (4000, "not a JSON object with a known op"),
            Self::BadToken => (4001, "the token is not valid"),
            Self::Silent => (4002, "nothing was asked for"),
            Self::Expired => (4004, "the token has expired"),
            Self::Revoked => (4004, "the API key was revoked"),
            Self::Slow => (4008, "too slow a reader"),
            Self::Lost => (4010, "no sign of life"),
            Self::Behind => (4011, "the server fell behind; connect again"),
            Self::TooMany(text) => (4029, text),
            Self::Gone => (1000, ""),
        }
    }

    /// Whether what waits is still sent before the close frame.
    pub(crate) fn is_orderly(self) -> bool {
        !matches!(self, Self::Slow | Self::Behind | Self::Lost)
    }
}

/// What is sent. Copies share their bytes.
#[derive(Debug, Clone)]
pub(crate) enum Frame {
    Text(ByteString),
    /// The answer to a ping.
    Pong(Bytes),
}

impl Frame {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Pong(bytes) => bytes.len(),
        }
    }
}

/// A frame that waits; its bytes count until this is dropped.
#[derive(Debug)]
pub(crate) struct Queued {
    frame: Frame,
    since: Instant,
    bytes: Arc<AtomicUsize>,
}

impl Queued {
    /// What is sent.
    pub(crate) fn frame(&self) -> &Frame {
        &self.frame
    }

    /// How long it has waited.
    pub(crate) fn waited(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.bytes.fetch_sub(self.frame.len(), Ordering::Relaxed);
    }
}

/// The way to one connection. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    frames: mpsc::Sender<Queued>,
    /// Bytes that wait.
    bytes: Arc<AtomicUsize>,
    most_bytes: usize,
    cut: Arc<watch::Sender<Option<Close>>>,
    /// Counts connections that were cut because they read too slowly.
    slow: Arc<AtomicU64>,
}

/// The other end of an [`Outbox`].
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) frames: mpsc::Receiver<Queued>,
    pub(crate) cut: watch::Receiver<Option<Close>>,
}

impl Outbox {
    /// A queue of at most so many frames, in which no frame comes behind more than so many bytes.
    pub(crate) fn new(frames: usize, most_bytes: usize, slow: Arc<AtomicU64>) -> (Self, Inbox) {
        let (sender, receiver) = mpsc::channel(frames.max(1));
        let (cut, was_cut) = watch::channel(None);
        let outbox = Self {
            frames: sender,
            bytes: Arc::default(),
            most_bytes,
            cut: Arc::new(cut),
            slow,
        };
        let inbox = Inbox {
            frames: receiver,
            cut: was_cut,
        };
        (outbox, inbox)
    }

    /// Queues a frame, and never waits: a connection whose queue is full is cut. False: it is not there any more.
    pub(crate) fn send(&self, frame: Frame) -> bool {
        if self.is_cut() {
            return false;
        }
        if self.bytes.load(Ordering::Relaxed) > self.most_bytes {
            self.cut(Close::Slow);
            return false;
        }
        self.bytes.fetch_add(frame.len(), Ordering::Relaxed);
        let queued = Queued {
            frame,
            since: Instant::now(),
            bytes: Arc::clone(&self.bytes),
        };
        match self.frames.try_send(queued) {
            Ok(()) => {
                metrics::counter!("ws_frames_sent_total").increment(1);
                true
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.cut(Close::Slow);
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }

    /// Ends the connection. The first reason counts; whether this was it.
    pub(crate) fn cut(&self, close: Close) -> bool {
        let first = self.cut.send_if_modified(|cut| {
            let first = cut.is_none();
            if first {
                *cut = Some(close);
            }
            first
        });
        if first && close == Close::Slow {
            self.slow.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("ws_slow_consumers_cut_total").increment(1);
        }
        first
    }

    /// Whether the connection ends or has ended.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.borrow().is_some()
    }

    /// Follows the end of the connection.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Close>> {
        self.cut.subscribe()
    }
}

impl Inbox {
    /// Waits until the connection is to end.
    pub(crate) async fn ended(cut: &mut watch::Receiver<Option<Close>>) -> Close {
        match cut.wait_for(Option::is_some).await {
            Ok(close) => close.unwrap_or(Close::Gone),
            Err(_) => Close::Gone,
        }
    }
}

/// A frame, serialised once; copies of it share its bytes.
pub(crate) fn frame(contents: &impl Serialize) -> Frame {
    // Serialising our own structures into memory cannot fail: their keys are texts.
    Frame::Text(serde_json::to_string(contents).unwrap_or_default().into())
}
