//! The work on one batch: applied on a thread of its own, for it never waits for anything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{Event, MarketNumber, Stamp};
use metrics::{Histogram, histogram};
use runtime::Clock;
use runtime::trace::{Kind, Span, TraceContext};
use uuid::Uuid;

use super::run::Rehearsal;
use super::todo::Task;
use crate::encoding::encode;
use crate::fold::{Changes, Output, ShardFold};
use crate::{Batch, Entry, ShardCommand, Told, Undecodable};

/// A batch that has come to so many events takes no further commands.
const MOST_EVENTS: usize = 20_000;

/// The command that is being applied, or after which what is due is done, so that it is known when it kills.
#[derive(Debug, Clone, Default)]
pub(super) struct AtHand(Arc<Mutex<Option<Uuid>>>);

impl AtHand {
    fn set(&self, id: Uuid) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
    }

    pub fn get(&self) -> Option<Uuid> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the batch is to be.
pub(super) struct Plan {
    pub shard: u32,
    pub epoch: u64,
    pub seq: u64,
    pub clock: Clock,
    pub tasks: Vec<Task>,
    pub at_hand: AtHand,
    pub rehearsal: Option<Rehearsal>,
    /// What is due by itself and a command are not done together.
    pub alone: bool,
    pub stages: Stages,
}

/// How long commands wait, and how long it takes to apply them. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Stages {
    queue: Histogram,
    apply: Histogram,
    matching: Histogram,
}

impl Default for Stages {
    fn default() -> Self {
        let stage = |name: &'static str| histogram!("order_stage_duration_seconds", "stage" => name);
        Self {
            queue: stage("queue"),
            apply: stage("apply"),
            matching: histogram!("matching_duration_seconds"),
        }
    }
}

impl Stages {
    /// A command is applied at this moment. How long it has waited is known of placements.
    fn begins(&self, command: &ShardCommand, at: Stamp) {
        if let ShardCommand::Place(place) = command {
            let waited = at.micros().saturating_sub(place.place.received_at.micros());
            self.queue.record(Duration::from_micros(waited).as_secs_f64());
        }
    }

    fn applied(&self, took: Duration) {
        self.matching.record(took.as_secs_f64());
        self.apply.record(took.as_secs_f64());
    }
}

/// A batch that was applied and is to be committed.
pub(super) struct Finished {
    pub batch: Batch,
    pub changes: Changes,
    /// The encoded entries, and the encoded events.
    pub columns: (Vec<u8>, Vec<u8>),
    /// The encoded definitions that it has brought into force.
    pub definitions: BTreeMap<MarketNumber, Vec<u8>>,
    /// The commands that are done.
    pub done: Vec<Uuid>,
    /// A mass cancel that goes on, and how many orders it has cancelled so far.
    pub going_on: Option<(Uuid, u64)>,
}

/// Applies what there is to do, until it is done, or enough for one batch. None: there was nothing.
///
/// # Errors
/// A batch cannot be encoded, which values of ours do not bring about.
///
/// # Panics
/// A command meets a fault in the program: what is in memory is not to be trusted any more.
pub(super) fn apply(fold: &mut ShardFold, plan: Plan) -> Result<Option<Finished>, Undecodable> {
    let mut work = Work {
        fold,
        clock: &plan.clock,
        at_hand: &plan.at_hand,
        rehearsal: plan.rehearsal.as_ref(),
        alone: plan.alone,
        stages: &plan.stages,
        out: Output::default(),
        entries: Vec::new(),
        done: Vec::new(),
        going_on: None,
        traces: Vec::new(),
    };
    work.run(plan.tasks);
    let Work {
        out,
        entries,
        done,
        going_on,
        traces,
        ..
    } = work;
    if entries.is_empty() {
        return Ok(None);
    }
    let changes = fold.changes(&out);
    let mut definitions = BTreeMap::new();
    for event in &out.events {
        if let Event::MarketDefined(definition) = &event.event {
            definitions.insert(event.market, encode(definition.as_ref())?);
        }
    }
    let batch = Batch {
        shard: plan.shard,
        seq: plan.seq,
        epoch: plan.epoch,
        entries,
        events: out.events,
        money: out.money,
        digest: changes.digest,
        traces,
    };
    Ok(Some(Finished {
        columns: batch.columns()?,
        batch,
        changes,
        definitions,
        done,
        going_on,
    }))
}

struct Work<'a> {
    fold: &'a mut ShardFold,
    clock: &'a Clock,
    at_hand: &'a AtHand,
    rehearsal: Option<&'a Rehearsal>,
    alone: bool,
    stages: &'a Stages,
    out: Output,
    entries: Vec<Entry>,
    done: Vec<Uuid>,
    going_on: Option<(Uuid, u64)>,
    traces: Vec<TraceContext>,
}

impl Work<'_> {
    fn run(&mut self, tasks: Vec<Task>) {
        for task in tasks {
            let at = if self.alone { self.now() } else { self.catch_up() };
            if self.is_full() || self.fold.is_due(at) {
                break;
            }
            self.at_hand.set(task.id);
            self.rehearse(&task.command);
            self.stages.begins(&task.command, at);
            let span = Span::beneath(task.trace, "apply command", Kind::Internal);
            let begun = self.clock.monotonic();
            let applied = self.fold.apply(at, &task.command, task.progress, &mut self.out);
            self.stages.applied(self.clock.monotonic().saturating_sub(begun));
            self.traces.extend(span.context());
            drop(span);
            let goes_on = applied.told.is_none();
            self.push(Some(task.id), at, task.command, applied.told);
            if goes_on {
                self.going_on = Some((task.id, task.progress + applied.cancelled));
                break;
            }
            self.done.push(task.id);
        }
        if !self.alone || self.entries.is_empty() {
            self.catch_up();
        }
        // What a table cannot hold must not be left over: stops that were triggered.
        while self.fold.is_due(Stamp::FIRST) {
            self.tick(self.fold.last());
        }
    }

    fn rehearse(&self, command: &ShardCommand) {
        if let Some(rehearsal) = self.rehearsal {
            rehearsal(command);
        }
    }

    fn now(&self) -> Stamp {
        self.fold.stamp(Stamp::from_micros(self.clock.wall_us()))
    }

    fn is_full(&self) -> bool {
        self.out.events.len() >= MOST_EVENTS
    }

    /// Does what is due by now, as far as there is room. Now.
    fn catch_up(&mut self) -> Stamp {
        let at = self.now();
        while self.fold.is_due(at) && !self.is_full() {
            self.tick(at);
        }
        at
    }

    fn tick(&mut self, at: Stamp) {
        self.rehearse(&ShardCommand::Tick);
        let told = self.fold.apply(at, &ShardCommand::Tick, 0, &mut self.out).told;
        self.push(None, at, ShardCommand::Tick, told);
    }

    fn push(&mut self, id: Option<Uuid>, at: Stamp, command: ShardCommand, told: Option<Told>) {
        self.entries.push(Entry {
            id,
            at: self.fold.stamp(at),
            command,
            told,
        });
    }
}
