//! One connection that comes back: opened, looked after, and opened anew with growing pauses when it is lost.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use amqprs::connection::{Connection, OpenConnectionArguments};
use runtime::{Ids, Shutdown};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::channel::{self, ConnectionListener, lock};
use crate::health::Health;
use crate::topology::Topology;

/// The first pause before another try, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A connection that held so long was a good one: pauses begin anew.
const STEADY: Duration = Duration::from_secs(10);
/// Between two looks at a connection, beside its own word of failure.
const LOOK: Duration = Duration::from_millis(500);
/// How long a connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// How connections of a line are opened.
pub(crate) struct Dial {
    pub(crate) part: &'static str,
    pub(crate) arguments: OpenConnectionArguments,
    pub(crate) topology: Arc<Topology>,
    pub(crate) timeout: Duration,
    pub(crate) health: Arc<Health>,
    pub(crate) ids: Ids,
}

/// An open connection, with its number in the life of the line.
#[derive(Clone)]
pub(crate) struct Attached {
    pub(crate) number: u64,
    pub(crate) connection: Connection,
}

/// A user's view of a line.
#[derive(Clone)]
pub(crate) struct Line {
    current: watch::Receiver<Option<Attached>>,
    doubts: Arc<watch::Sender<Doubt>>,
    /// The last connection that this user had.
    last: u64,
}

/// The number of the last connection that somebody found to be broken, and how.
#[derive(Debug, Default)]
struct Doubt {
    number: u64,
    reason: String,
}

impl Line {
    /// Opens the connection, now and whenever it is lost, until `stop`.
    pub(crate) fn start(dial: Dial, stop: Shutdown) -> (Self, JoinHandle<()>) {
        let (sender, current) = watch::channel(None);
        let doubts = Arc::new(watch::Sender::new(Doubt::default()));
        let line = Self {
            current,
            doubts: Arc::clone(&doubts),
            last: 0,
        };
        dial.health.trouble(dial.part, "not connected yet");
        let supervisor = Supervisor {
            dial,
            current: sender,
            doubts: doubts.subscribe(),
            stop,
        };
        (line, tokio::spawn(supervisor.run()))
    }

    /// Waits for a connection that this user has not had yet; none: the line has ended.
    pub(crate) async fn attached(&mut self) -> Option<Attached> {
        let last = self.last;
        let is_new = |current: &Option<Attached>| current.as_ref().is_some_and(|new| new.number > last);
        let attached = self.current.wait_for(is_new).await.ok()?.clone()?;
        self.last = attached.number;
        Some(attached)
    }

    /// Whether there is a connection now.
    pub(crate) fn is_attached(&self) -> bool {
        self.current.borrow().is_some()
    }

    /// The connection of now; none: there is none.
    pub(crate) fn connection(&self) -> Option<Connection> {
        (self.current.borrow().as_ref()).map(|attached| attached.connection.clone())
    }

    /// This connection is broken, or what was declared is gone: let it be opened anew.
    pub(crate) fn doubt(&self, number: u64, reason: &str) {
        self.doubts.send_if_modified(|doubt| {
            let is_news = number > doubt.number;
            if is_news {
                doubt.number = number;
                reason.clone_into(&mut doubt.reason);
            }
            is_news
        });
    }
}

struct Supervisor {
    dial: Dial,
    current: watch::Sender<Option<Attached>>,
    doubts: watch::Receiver<Doubt>,
    stop: Shutdown,
}

impl Supervisor {
    async fn run(mut self) {
        let (mut number, mut failures) = (0, 0);
        while !self.stop.is_triggered() {
            let opened = tokio::select! {
                opened = self.dial.open() => opened,
                () = self.stop.wait() => break,
            };
            match opened {
                Ok((connection, closed)) => {
                    number += 1;
                    let since = Instant::now();
                    self.dial.health.up(self.dial.part);
                    self.current.send_replace(Some(Attached {
                        number,
                        connection: connection.clone(),
                    }));
                    let lost = self.until_lost(&connection, number, &closed).await;
                    self.current.send_replace(None);
                    if let Some(reason) = &lost {
                        self.dial.health.trouble(self.dial.part, reason);
                    }
                    // One that is lost does not answer: its end is noticed by the broker.
                    let _ = timeout(GOODBYE, connection.close()).await;
                    if since.elapsed() >= STEADY {
                        failures = 0;
                    }
                }
                Err(reason) => self.dial.health.trouble(self.dial.part, &reason),
            }
            let pause = pause(failures, self.dial.ids.random_bytes());
            failures = failures.saturating_add(1);
            tokio::select! {
                () = sleep(pause) => {}
                () = self.stop.wait() => {}
            }
        }
        self.dial.health.trouble(self.dial.part, "closed");
    }

    /// Waits until the connection is lost, and says how; none: it is to be closed.
    async fn until_lost(
        &mut self,
        connection: &Connection,
        number: u64,
        closed: &Mutex<Option<String>>,
    ) -> Option<String> {
        let failure = connection.listen_network_io_failure();
        tokio::pin!(failure);
        loop {
            tokio::select! {
                () = self.stop.wait() => return None,
                _ = &mut failure => {}
                () = sleep(LOOK) => {
                    if connection.is_open() {
                        continue;
                    }
                }
                doubt = self.doubts.wait_for(|doubt| doubt.number >= number) => {
                    // The only error is a closed channel, and the lines keep it open.
                    return Some(doubt.map_or_else(|_| String::new(), |doubt| doubt.reason.clone()));
                }
            }
            let words = lock(closed).take();
            return Some(words.unwrap_or_else(|| "the connection was lost".to_owned()));
        }
    }
}

type Opened = (Connection, Arc<Mutex<Option<String>>>);

impl Dial {
    /// Opens a connection on which everything is declared.
    async fn open(&self) -> Result<Opened, String> {
        match timeout(self.timeout, self.try_open()).await {
            Ok(opened) => opened,
            Err(_) => Err(format!("no connection within {:?}", self.timeout)),
        }
    }

    async fn try_open(&self) -> Result<Opened, String> {
        let connection = Connection::open(&self.arguments)
            .await
            .map_err(|error| error.to_string())?;
        let closed = Arc::new(Mutex::new(None));
        let listener = ConnectionListener::new(self.part, Arc::clone(&self.health), Arc::clone(&closed));
        connection
            .register_callback(listener)
            .await
            .map_err(|error| error.to_string())?;
        let (channel, ended) = channel::open(&connection, None).await?;
        self.topology
            .declare(&channel)
            .await
            .map_err(|error| format!("cannot declare the queues: {}", ended.explain(&error)))?;
        channel.close().await.map_err(|error| error.to_string())?;
        Ok((connection, closed))
    }
}

/// Twice as long after each failure, up to a limit; half of it by chance, so that many programs do not come back at once.
fn pause(failures: u32, random: [u8; 2]) -> Duration {
    let whole = FIRST_PAUSE
        .saturating_mul(1 << failures.min(10))
        .min(LONGEST_PAUSE);
    whole / 2 + whole / 2 * u32::from(u16::from_le_bytes(random)) / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_differ_by_chance() {
        assert_eq!(pause(0, [0, 0]), FIRST_PAUSE / 2);
        assert_eq!(pause(0, [255, 255]), FIRST_PAUSE);
        assert_eq!(pause(2, [255, 255]), FIRST_PAUSE * 4);
        assert_eq!(pause(u32::MAX, [255, 255]), LONGEST_PAUSE);
        assert!(pause(5, [1, 2]) < pause(5, [1, 200]));
    }
}
