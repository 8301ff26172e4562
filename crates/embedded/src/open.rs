//! Starting and stopping the embedded exchange.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use domain::{
    CloseSession, Command, DefineMarket, MarketDefinition, MarketNumber, MarketState, Outcome, Refusal,
    SessionId, SetMarketState, Stamp, UserId,
};
use exchange::Exchange;
use journal::{Journal, JournalError, ReadOptions, Reader, TornTail};
use persistence::{HistoryError, HistoryReader, HistoryWriter};
use runtime::JumpGuard;
use tokio::sync::Semaphore;
use trading::MarketFigures;

use crate::commit::{Committer, Handover};
use crate::figures::{LastSnapshot, Stages};
use crate::gauge::Gauge;
use crate::history::{self, HistoryGauge};
use crate::job::{Job, NotDone, Waiter};
use crate::options::Options;
use crate::projector::Projector;
use crate::snapshots::{SnapshotMaker, newest, replay};
use crate::traced::Ticket;
use crate::writer::{Writer, markets};
use crate::{poison, said};

/// How many batches may wait for the journal thread.
const HANDOVERS: usize = 2;

/// Why the exchange does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The log cannot be replayed.
    #[error("the log cannot be replayed: {0}")]
    Replay(String),
    /// A market's definition breaks a rule.
    #[error("market {symbol}: {rule}")]
    Market {
        /// The market.
        symbol: String,
        /// The rules that it breaks.
        rule: String,
    },
    /// History cannot be opened.
    #[error("history: {0}")]
    History(#[from] HistoryError),
    /// A thread or a file is refused by the system.
    #[error("the system refuses: {0}")]
    System(#[from] std::io::Error),
    /// The clock jumped while it was being started.
    #[error("the clock jumped while the exchange was being started")]
    Clock,
    /// It stopped while it was being started.
    #[error("the exchange stopped while it was being started")]
    Stopped,
}

/// What a start found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The snapshot that it started from.
    pub snapshot: Option<u64>,
    /// How many records were replayed.
    pub replayed: u64,
    /// The unfinished batch that was cut off the log.
    pub torn_tail: Option<TornTail>,
    /// Snapshots that could not be used, with the reason.
    pub skipped: Vec<(PathBuf, String)>,
    /// The last record that history had.
    pub history: u64,
    /// Sessions that were open at the end, whose users' orders were cancelled.
    pub sessions: usize,
    /// Markets that start halted because their commands killed the writer.
    pub halted: Vec<MarketNumber>,
}

/// The exchange in one process. Dropping it stops it without a last snapshot.
#[derive(Debug)]
pub struct Embedded {
    pub(crate) jobs: Sender<Job>,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) options: Options,
    pub(crate) history_reader: HistoryReader,
    /// As many as there are connections: who waits for one holds no thread.
    pub(crate) history_turns: Arc<Semaphore>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    stop_snapshots: Mutex<Option<Sender<()>>>,
}

impl Embedded {
    /// Opens the exchange: newest valid snapshot, replay, then the threads. The markets of `definitions` (whose numbers
    /// are given here: known symbols keep theirs) are defined, or changed where they differ. Blocks until that is done.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing is answered then and nothing is lost.
    pub fn open(options: Options, definitions: Vec<MarketDefinition>) -> Result<(Self, Opened), OpenError> {
        let (journal, recovery) = Journal::open(&options.dir, options.journal.clone())?;
        let (snapshot, mut exchange, skipped) = newest(&options.dir, options.hash_seed)?;
        // An older snapshot than the newest needs segments that the newest had sent to the archive.
        let include_archive = match recovery.check_snapshot(snapshot.unwrap_or(0)) {
            Ok(()) => false,
            Err(JournalError::NotKept { .. }) => true,
            Err(error) => return Err(error.into()),
        };
        let read = ReadOptions {
            to_seq: Some(recovery.last_seq),
            include_archive,
        };
        let mut reader = Reader::open(&options.dir, exchange.seq() + 1, read)?;
        let replayed = replay(&mut exchange, &mut reader).map_err(OpenError::Replay)?;
        let now = Stamp::from_micros(options.clock.wall_us());
        let halted = poison::deadly(&options.dir, now)?;
        let definitions = numbered(&exchange, definitions)?;
        let commands = genesis(&exchange, &definitions, &said::last(&options.dir)?);
        let halts = halted.iter().map(|market| {
            Command::SetMarketState(SetMarketState {
                market: *market,
                state: MarketState::Halted,
            })
        });
        // Whoever was connected then is not any more.
        let disconnects: Vec<Command> = exchange.engine().sessions().map(disconnect).collect();
        let sessions = disconnects.len();
        let commands: Vec<Command> = commands.into_iter().chain(halts).chain(disconnects).collect();
        let (history, history_path) = history::open(&options.dir, recovery.last_seq)?;
        let history_seq = history.seq();
        let gauge = Arc::new(Gauge::new(
            recovery.last_seq,
            snapshot.unwrap_or(0),
            markets(&exchange),
            exchange.register().clone(),
            HistoryGauge::new(history_seq, recovery.last_seq),
            LastSnapshot::found(&options.dir, snapshot, &options.clock),
        ));
        let history_reader = HistoryReader::open(&history_path, options.history_connections)?;
        let embedded = Self::start(options, journal, exchange, gauge, (history, history_reader))?;
        // Tokio lets nobody wait on a thread of its own, and the caller's may be one.
        std::thread::scope(|scope| scope.spawn(|| embedded.apply_first(commands)).join())
            .unwrap_or(Err(OpenError::Stopped))?;
        said::remember(&embedded.options.dir, &definitions)?;
        Ok((
            embedded,
            Opened {
                snapshot,
                replayed,
                torn_tail: recovery.torn_tail,
                skipped,
                history: history_seq,
                sessions,
                halted,
            },
        ))
    }

    fn start(
        options: Options,
        journal: Journal,
        exchange: Exchange,
        gauge: Arc<Gauge>,
        (history, history_reader): (HistoryWriter, HistoryReader),
    ) -> Result<Self, OpenError> {
        // How much waits for history is bounded by the limits of its lag.
        let (history_batches, waiting_batches) = unbounded();
        let (jobs, waiting_jobs) = bounded(options.queue_capacity);
        let (handovers, waiting_handovers) = bounded(HANDOVERS);
        let (stop_snapshots, stop) = bounded(0);
        let writer = Writer {
            exchange,
            dir: options.dir.clone(),
            jobs: waiting_jobs,
            handovers: handovers.clone(),
            batch_max: options.batch_max,
            batch: journal.new_batch(),
            clock: options.clock.clone(),
            guard: JumpGuard::new(&options.clock, JumpGuard::LIMIT),
            gauge: Arc::clone(&gauge),
            fatal: options.fatal.clone(),
            probe: options.probe.clone(),
            stages: Stages::default(),
        };
        let committer = Committer {
            journal,
            gauge: Arc::clone(&gauge),
            fatal: options.fatal.clone(),
            archive_keep_bytes: options.archive_keep_bytes,
            handovers: waiting_handovers,
            clock: options.clock.clone(),
            history: history_batches,
            stages: Stages::default(),
            figures: figures(&gauge),
        };
        let projector = Projector {
            history,
            waiting: waiting_batches,
            gauge: Arc::clone(&gauge),
            dir: options.dir.clone(),
            hash_seed: options.hash_seed,
            clock: options.clock.clone(),
            told: Arc::default(),
        };
        let maker = snapshot_maker(&options, &gauge, handovers, stop);
        maker.look_at_disk();
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let threads = vec![
            thread("writer").spawn(move || writer.run())?,
            thread("journal").spawn(move || committer.run())?,
            thread("snapshots").spawn(move || maker.run())?,
            thread("history").spawn(move || projector.run())?,
        ];
        Ok(Self {
            jobs,
            gauge,
            history_turns: Arc::new(Semaphore::new(options.history_connections.max(1))),
            options,
            history_reader,
            threads: Mutex::new(threads),
            stop_snapshots: Mutex::new(Some(stop_snapshots)),
        })
    }

    /// What must be in the log before anybody is let in.
    fn apply_first(&self, commands: Vec<Command>) -> Result<(), OpenError> {
        let mut waiting = Vec::with_capacity(commands.len());
        for command in commands {
            let (waiter, told) = Waiter::new();
            self.jobs
                .send(Job::Command {
                    command: command.clone(),
                    waiter,
                    since: self.options.clock.monotonic(),
                    ticket: Ticket::of(None),
                })
                .map_err(|_| OpenError::Stopped)?;
            waiting.push((command, told));
        }
        for (command, told) in waiting {
            let told = told.blocking_recv().map_err(|_| OpenError::Stopped)?;
            let outcome = told.outcome().map_err(|not_done| match not_done {
                NotDone::Clock => OpenError::Clock,
                NotDone::Stopped => OpenError::Stopped,
            })?;
            if let (Command::DefineMarket(define), Outcome::Refused(Refusal::Definition(errors))) =
                (command, outcome)
            {
                let rule = errors
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; ");
                return Err(OpenError::Market {
                    symbol: define.definition.symbol.to_string(),
                    rule,
                });
            }
        }
        Ok(())
    }

    /// Says through [`trading::Queries::health`] that nobody new should come; all goes on as before.
    pub fn announce_stop(&self) {
        self.gauge.stopping.store(true, Ordering::Release);
    }

    /// Stops after all that waits was applied and answered; writes a last snapshot. Blocks until it is done.
    pub fn stop(&self) {
        // An error says that the writer has gone already.
        let _ = self.jobs.send(Job::Stop { snapshot: true });
        self.join();
    }

    fn join(&self) {
        self.stop_snapshots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the exchange panicked");
            }
        }
    }
}

/// What is counted of the markets, with those that there are.
fn figures(gauge: &Gauge) -> MarketFigures {
    let mut figures = MarketFigures::default();
    for view in gauge.markets().all() {
        figures.define(Arc::clone(&view.market));
    }
    figures
}

fn snapshot_maker(
    options: &Options,
    gauge: &Arc<Gauge>,
    handovers: Sender<Handover>,
    stop: Receiver<()>,
) -> SnapshotMaker {
    SnapshotMaker {
        dir: options.dir.clone(),
        every: options.snapshot_every,
        hash_seed: options.hash_seed,
        min_free_bytes: options.min_free_bytes,
        gauge: Arc::clone(gauge),
        handovers,
        stop,
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // The writer may have gone already, or its queue may be full of jobs that nobody waits for.
        let _ = self.jobs.send(Job::Stop { snapshot: false });
        self.join();
    }
}

/// The end of a session whose connection is gone.
fn disconnect((session_id, _): (SessionId, UserId)) -> Command {
    Command::CloseSession(CloseSession {
        session_id,
        cancel: true,
    })
}

/// The definitions of the settings with their numbers: known symbols keep theirs, new ones get the next.
fn numbered(
    exchange: &Exchange,
    definitions: Vec<MarketDefinition>,
) -> Result<Vec<MarketDefinition>, OpenError> {
    let known: Vec<_> = exchange
        .engine()
        .markets()
        .map(|(market, _)| Arc::clone(market))
        .collect();
    let mut next = known.iter().map(|market| market.number().0).max().unwrap_or(0);
    let mut numbered = Vec::new();
    for mut definition in definitions {
        match known.iter().find(|market| market.symbol() == definition.symbol) {
            Some(market) => definition.number = market.number(),
            None => {
                next += 1;
                definition.number = MarketNumber(next);
            }
        }
        if let Err(errors) = domain::Market::new(definition.clone()) {
            let rules: Vec<_> = errors.iter().map(ToString::to_string).collect();
            let symbol = definition.symbol.to_string();
            return Err(OpenError::Market {
                symbol,
                rule: rules.join("; "),
            });
        }
        numbered.push(definition);
    }
    Ok(numbered)
}

/// The commands that carry out what is new in the settings. A market that an operator has changed since stays as the
/// operator left it, until the settings say something else than last time.
fn genesis(
    exchange: &Exchange,
    definitions: &[MarketDefinition],
    said_last: &[MarketDefinition],
) -> Vec<Command> {
    let is_defined = |number| exchange.engine().market(number).is_some();
    let is_new = |definition: &&MarketDefinition| {
        let number = definition.number;
        let as_it_is = exchange
            .engine()
            .market(number)
            .is_some_and(|market| market.definition() == *definition);
        !(as_it_is || is_defined(number) && said_last.contains(definition))
    };
    let define = |definition: &MarketDefinition| {
        Command::DefineMarket(DefineMarket {
            definition: definition.clone(),
        })
    };
    definitions.iter().filter(is_new).map(define).collect()
}
