//! What an owner does over and over: it looks at the to-do list, applies, and commits.

use std::sync::Arc;
use std::time::Duration;

use domain::{Event, MarketEvent, MarketNumber, Stamp};
use engine::RULES_VERSION;
use persistence::postgres::shard::{
    BatchWrite, MarketWrite, ShardError, commit, count_attempt, drop_repeated, forward_strays,
    forward_to_market, open_commands, set_aside,
};
use persistence::postgres::{Connection, PgError};
use runtime::trace::{self, Kind, Span};
use tokio::time::Instant;
use uuid::Uuid;

use super::owner::{Ended, Followers, Owner};
use super::todo::{Sorted, Task, Unreadable, sort};
use super::upkeep::Upkeep;
use super::work::{AtHand, Finished, Plan, apply};
use crate::fold::ShardFold;
use crate::{Batch, News, ShardCommand};

impl Owner<'_> {
    /// One look at the to-do list and, if there is anything to do, one batch. How long to wait then; none: go on at once.
    pub(super) async fn step(
        &mut self,
        connection: &mut Connection,
        fold: ShardFold,
        followers: &Followers,
        upkeep: &mut Upkeep,
    ) -> Result<(ShardFold, Option<Duration>), Ended> {
        let looked = Instant::now();
        let now = Stamp::from_micros(self.options.clock.wall_us());
        // After a batch that broke a rule of the tables: what is due by itself, then the commands one by one, so that it
        // shows what does.
        let (tasks, stop) = if self.careful > 0 && fold.is_due(now) {
            (Vec::new(), None)
        } else {
            let looked = self.look(connection, &fold, upkeep.floor.next(looked)).await;
            looked.map_err(|error| Ended::of(error.into(), self.worked, self.careful))?
        };
        let took = looked.elapsed();
        if let (true, Some(why)) = (tasks.is_empty(), stop) {
            // An owner that knows it may take the shard over.
            return Err(self.trouble(why));
        }
        if tasks.is_empty() && !fold.is_due(now) {
            // A list that is slow to look at, because much of it waits, is looked at less often.
            let pause = self.options.look_every.max(took * 4);
            let due = fold
                .next_due()
                .map(|due| due.micros().saturating_sub(now.micros()));
            let pause = due.map_or(pause, |due| pause.min(Duration::from_micros(due)));
            return Ok((fold, Some(pause)));
        }
        let (fold, finished) = self.apply(connection, fold, tasks).await?;
        if let Some(finished) = finished {
            upkeep.floor.done(&finished.done);
            self.commit(connection, &fold, finished, followers, upkeep)
                .await?;
        }
        Ok((fold, None))
    }

    /// What there is to do, and why nothing behind it can be done.
    async fn look(
        &self,
        connection: &mut Connection,
        fold: &ShardFold,
        floor: Uuid,
    ) -> Result<(Vec<Task>, Option<String>), PgError> {
        let (first, limit) = if self.careful > 0 {
            (Uuid::nil(), 1)
        } else {
            (floor, self.options.batch)
        };
        let mut sorted = sort(open_commands(connection, self.lease.shard, first, limit).await?);
        let stop = sorted.stop.take();
        Ok((self.tidy(connection, fold, sorted).await?, stop))
    }

    /// Deals with what is not to be applied; what is.
    async fn tidy(
        &self,
        connection: &mut Connection,
        fold: &ShardFold,
        sorted: Sorted,
    ) -> Result<Vec<Task>, PgError> {
        let Sorted {
            mut tasks,
            repeated,
            strays,
            unreadable,
            stop: _,
        } = sorted;
        let shard = self.lease.shard;
        if !repeated.is_empty() {
            self.status.count("shard_repetitions_total");
            drop_repeated(connection, shard, &repeated).await?;
        }
        if !strays.is_empty() {
            let ids: Vec<_> = strays.iter().map(|(id, _)| *id).collect();
            forward_strays(connection, &ids).await?;
        }
        for Unreadable { id, trace, why } in unreadable {
            self.status.count("shard_undecodable_total");
            trace::within_sync(
                trace,
                || tracing::error!(shard, %id, %why, "a command cannot be read"),
            );
            set_aside(connection, id, &why).await?;
        }
        // Markets may have moved since a gateway has looked where they live.
        let mut moved = Vec::new();
        for task in &tasks {
            if let Some(number) = market_named(&task.command)
                && fold.engine().market(number).is_none()
                && forward_to_market(connection, task.id, number).await?
            {
                moved.push(task.id);
            }
        }
        tasks.retain(|task| !moved.contains(&task.id));
        Ok(tasks)
    }

    /// Applies what there is to do on a thread of its own.
    async fn apply(
        &self,
        connection: &mut Connection,
        mut fold: ShardFold,
        tasks: Vec<Task>,
    ) -> Result<(ShardFold, Option<Finished>), Ended> {
        let at_hand = AtHand::default();
        let plan = Plan {
            shard: self.lease.shard,
            epoch: self.lease.epoch,
            seq: self.lease.last_seq + 1,
            clock: self.options.clock.clone(),
            tasks,
            at_hand: at_hand.clone(),
            rehearsal: self.options.rehearsal.clone(),
            alone: self.careful > 0,
            stages: self.stages.clone(),
        };
        let applied = tokio::task::spawn_blocking(move || {
            let finished = apply(&mut fold, plan);
            (fold, finished)
        });
        match applied.await {
            Ok((fold, Ok(finished))) => Ok((fold, finished)),
            Ok((_, Err(error))) => Err(self.trouble(error.to_string())),
            Err(death) => {
                self.status.count("shard_deaths_total");
                let command = at_hand.get();
                if let Some(id) = command
                    && let Err(error) = count_attempt(connection, id).await
                {
                    tracing::error!(%id, %error, "a command that killed could not be counted");
                }
                let what = match command {
                    Some(id) => format!("command {id}"),
                    None => "what is due by itself".to_owned(),
                };
                Err(self.trouble(format!("{what} killed the fold: {death}")))
            }
        }
    }

    async fn commit(
        &mut self,
        connection: &mut Connection,
        fold: &ShardFold,
        finished: Finished,
        followers: &Followers,
        upkeep: &mut Upkeep,
    ) -> Result<(), Ended> {
        let Finished {
            batch,
            changes,
            columns,
            mut definitions,
            done,
            going_on,
        } = finished;
        let markets: Vec<_> = (changes.markets.iter())
            .filter_map(|live| Some((live, fold.engine().market(live.definition.number)?)))
            .collect();
        let markets: Vec<MarketWrite<'_>> = (markets.iter())
            .map(|(live, market)| MarketWrite {
                market,
                state: live.state,
                last_price: live.last_price,
                turn: live.last_turn,
                trade_number: live.trade_number,
                event_seq: live.event_seq,
                definition: definitions.remove(&live.definition.number),
            })
            .collect();
        let cursors = followers.cursors();
        let write = BatchWrite {
            lease: self.lease,
            renewed_for: self.options.lease,
            cursors,
            rules_version: RULES_VERSION,
            commands: &columns.0,
            events: &columns.1,
            traces: &batch.traces,
            at: changes.last,
            rank: changes.last_rank,
            grids: &fold.grids(),
            markets: &markets,
            orders: &changes.orders,
            unplaceable: &changes.unplaceable,
            trades: &changes.trades,
            done: &done,
            going_on,
        };
        let culprits: Vec<Uuid> = (done.iter().copied()).chain(going_on.map(|(id, _)| id)).collect();
        let begun = Instant::now();
        let mut span = commit_span(&batch);
        if let Err(error) = commit(connection, &write).await {
            self.status.count("shard_commit_errors_total");
            span.fail(error.to_string());
            return Err(trace::within(span.context(), self.refused(connection, error, &culprits)).await);
        }
        self.careful = self.careful.saturating_sub(done.len());
        self.worked = true;
        self.lease.last_seq = batch.seq;
        upkeep.written(cursors);
        let is_trade = |event: &&MarketEvent| matches!(event.event, Event::Trade(_));
        let trades = batch.events.iter().filter(is_trade).count() as u64;
        self.status
            .committed(batch.seq, batch.entries.len(), trades, begun.elapsed());
        self.figures.count(&batch.events);
        // Who hears of it goes on beneath its commit.
        trace::within_sync(span.context(), || self.tell(batch, followers));
        Ok(())
    }

    /// Tells of a batch that was committed.
    fn tell(&self, batch: Batch, followers: &Followers) {
        let defined = |event: &MarketEvent| matches!(event.event, Event::MarketDefined(_));
        let batch = Arc::new(batch);
        self.options.outlet.news(News::Applied(Arc::clone(&batch)));
        if batch.events.iter().any(defined) {
            self.options.outlet.news(News::Markets);
        }
        followers.tail.push(batch);
    }

    /// A commit of these commands did not go well. Where one alone broke a rule of the tables it counts as one that kills.
    async fn refused(&self, connection: &mut Connection, error: ShardError, commands: &[Uuid]) -> Ended {
        let contents = error.blames_contents();
        if let ([id], true) = (commands, contents && self.careful > 0)
            && let Err(error) = count_attempt(connection, *id).await
        {
            tracing::error!(%id, %error, "a command that cannot be written could not be counted");
        }
        // As many as there were: whichever it is, it is not taken together with others again.
        let careful = match contents {
            true => self.careful.max(commands.len()).max(1),
            false => self.careful,
        };
        match Ended::of(error, self.worked, careful) {
            Ended::Trouble { why, worked, careful } if contents && commands.is_empty() => Ended::Trouble {
                why: format!(
                    "what is due by itself breaks a rule of the tables, nothing else is done: {why}"
                ),
                worked,
                careful,
            },
            other => other,
        }
    }
}

/// The span of a batch's commit, in the trace of its first command.
fn commit_span(batch: &Batch) -> Span {
    let traces = batch.traces.iter().copied().map(Some);
    let mut span = Span::of_group("commit batch", Kind::Client, traces);
    span.set("db.system.name", "postgresql");
    span.set("shard.sequence", batch.seq.cast_signed());
    span
}

/// The market that a command names without naming an order.
fn market_named(command: &ShardCommand) -> Option<MarketNumber> {
    match command {
        ShardCommand::DefineMarket(define) => Some(define.definition.number),
        ShardCommand::SetMarketState(set) => Some(set.market),
        _ => None,
    }
}
