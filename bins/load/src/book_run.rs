//! `load book`: keeps a book through disconnects and compares it with the API's.

use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior};

use crate::api::Api;
use crate::book::{Applied, Book};
use crate::cli::BookArgs;
use crate::dice::Dice;
use crate::output::{Failed, Progress, note, say};
use crate::report::{self, Check};
use crate::writer::Writer;
use crate::ws::Socket;

/// Between two looks at the API's depth.
const LOOK: Duration = Duration::from_millis(40);
/// Before a lost connection is tried again.
const AGAIN: Duration = Duration::from_millis(200);

struct Keeper {
    api: Rc<Api>,
    url: String,
    channel: String,
    depth_path: String,
    book: Book,
    /// The API's depth of a sequence number that the book has not reached.
    ahead: Option<Value>,
    compared: Check,
    gaps: Check,
    connections: u64,
    lost: u64,
}

/// Does it.
///
/// # Errors
/// The gateway cannot be reached, the books differ, or there was too little to compare.
pub(crate) async fn run(arguments: BookArgs) -> anyhow::Result<()> {
    let mut report = report::head("book", &arguments)?;
    let api = Rc::new(Api::new(&arguments.target)?);
    let writer = Writer::new(&api, &arguments.target, &arguments.market).await?;
    let dashed = writer.market.dashed();
    let stopped = Rc::clone(&writer.stopped);
    let writing = tokio::task::spawn_local(writer.work(arguments.rate, arguments.duration));
    let mut keeper = Keeper {
        api,
        url: arguments.target.ws_url.clone(),
        channel: format!("depth:{dashed}"),
        depth_path: format!("/api/v1/markets/{dashed}/depth?limit=1000"),
        book: Book::default(),
        ahead: None,
        compared: Check::new("the kept book is the API's"),
        gaps: Check::new("deltas follow one another and sides do not cross"),
        connections: 0,
        lost: 0,
    };
    let kept = keeper.keep(&arguments).await;
    stopped.set(true);
    let written = writing.await??;
    kept?;
    let mut enough = Check::new("there was enough to compare");
    enough.looked_at = keeper.compared.looked_at;
    if enough.looked_at < arguments.min_comparisons {
        enough.differs(format!(
            "{} comparisons, {} wanted",
            enough.looked_at, arguments.min_comparisons
        ));
    }
    say(&format!(
        "book: {} connections ({} ended by the server), {} orders placed, {} comparisons",
        keeper.connections, keeper.lost, written.placed, keeper.compared.looked_at
    ));
    let checks = [keeper.compared, keeper.gaps, enough];
    checks.iter().for_each(Check::print);
    report["connections"] = keeper.connections.into();
    report["ended_by_server"] = keeper.lost.into();
    report["written"] = serde_json::to_value(&written)?;
    report["checks"] = serde_json::to_value(&checks)?;
    report::write(arguments.target.report.as_deref(), &report)?;
    match checks.iter().filter(|check| check.failed > 0).count() {
        0 => Ok(()),
        failed => Err(Failed(failed).into()),
    }
}

impl Keeper {
    async fn keep(&mut self, arguments: &BookArgs) -> anyhow::Result<()> {
        let mut dice = Dice::new(arguments.target.seed, 5);
        let start = Instant::now();
        let end = start + arguments.duration;
        let mut progress = Progress::new("book", arguments.duration.as_secs());
        // The first connection must be possible; later ones may find the gateway starting again.
        let mut socket = Some(Socket::connect(&self.url, None).await?);
        while Instant::now() < end {
            progress.at(start.elapsed().as_secs(), || {
                format!(
                    "{} comparisons, {} differ",
                    self.compared.looked_at, self.compared.failed
                )
            });
            let until = Instant::now() + arguments.disconnect_every.at(dice.unit());
            if let Some(socket) = socket.take() {
                self.connections += 1;
                if let Err(error) = self.session(socket, until.min(end)).await {
                    self.lost += 1;
                    note(&format!("a session of the book ended: {error:#}"));
                    tokio::time::sleep(AGAIN).await;
                }
            } else {
                tokio::time::sleep(AGAIN).await;
            }
            socket = Socket::connect(&self.url, None).await.ok();
        }
        Ok(())
    }

    /// One connection, from its snapshot until it is dropped in the middle of whatever comes.
    async fn session(&mut self, mut socket: Socket, until: Instant) -> anyhow::Result<()> {
        self.book = Book::default();
        self.ahead = None;
        for frame in socket.subscribe(&[self.channel.as_str()], None).await? {
            self.apply(&frame)?;
        }
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                frame = socket.next() => {
                    let frame = serde_json::from_str(frame?.as_str())?;
                    if !self.apply(&frame)? {
                        // As clients do after a gap: begin again.
                        return Ok(());
                    }
                }
                _ = looks.tick() => self.look().await?,
                () = tokio::time::sleep_until(until) => return Ok(()),
            }
        }
    }

    /// Takes in a frame; whether the book is still whole.
    fn apply(&mut self, frame: &Value) -> anyhow::Result<bool> {
        match self.book.apply(frame)? {
            Applied::Done => {
                self.gaps.look();
                if self.book.is_crossed() {
                    self.gaps
                        .differs(format!("the book is crossed at {:?}", self.book.last_seq));
                }
                self.compare()?;
                Ok(true)
            }
            Applied::Gap { expected, first } => {
                self.gaps
                    .differs(format!("a delta begins at {first}, {expected} was due"));
                Ok(false)
            }
            Applied::Other => Ok(true),
        }
    }

    async fn look(&mut self) -> anyhow::Result<()> {
        if self.ahead.is_none() {
            let depth = self.api.get(&self.depth_path).await?.ok("the depth")?;
            self.ahead = Some(depth);
        }
        self.compare()
    }

    /// Compares where both show the same sequence number; a depth that the book has passed is dropped.
    fn compare(&mut self) -> anyhow::Result<()> {
        let Some((kept, depth)) = self.book.last_seq.zip(self.ahead.take()) else {
            return Ok(());
        };
        let shown = depth["last_seq"].as_u64().unwrap_or_default();
        if shown > kept {
            self.ahead = Some(depth);
        } else if shown == kept {
            self.compared.look();
            if let Some(difference) = self.book.difference(&depth)? {
                self.compared.differs(format!("at {kept}: {difference}"));
            }
        }
        Ok(())
    }
}
