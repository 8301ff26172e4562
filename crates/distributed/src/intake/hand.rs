//! Handing commands to their shards, those that come at the same time in one statement, and one hint for each shard.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use persistence::postgres::intake::{CommandKind, CommandRow, insert_commands};
use persistence::postgres::{PgError, Pool};

use super::gather::{Gathered, Halves};
use super::outcomes::Notices;
use super::patience::{Failure, patient};

/// Writes commands.
pub(crate) struct Handing {
    pub pool: Pool,
    pub notices: Arc<dyn Notices>,
}

/// Whether the command may be written a second time after it was applied: a placement is known by its order, and a cancel
/// finds nothing.
const fn may_repeat(kind: CommandKind) -> bool {
    match kind {
        CommandKind::Place | CommandKind::Cancel | CommandKind::CancelAll => true,
        CommandKind::Amend | CommandKind::MarketState | CommandKind::DefineMarket => false,
    }
}

#[async_trait]
impl Gathered for Handing {
    type Item = CommandRow;
    type Answer = Result<(), Failure>;

    async fn run(&self, rows: Vec<CommandRow>) -> Vec<Self::Answer> {
        let mut answers = Vec::with_capacity(rows.len());
        let mut halves = Halves::of(rows);
        while let Some(part) = halves.next() {
            match patient("hand", self.write(&part)).await {
                Ok(()) => answers.extend(part.iter().map(|_| Ok(()))),
                // One that the database does not take must not fail the others.
                Err(Failure::Contents(_)) if part.len() > 1 => halves.split(part),
                Err(Failure::Unknown(why)) => answers.extend(self.again(&part, &why).await),
                Err(failure) => answers.extend(part.iter().map(|_| Err(failure.clone()))),
            }
        }
        answers
    }
}

impl Handing {
    /// Writes once more what may be written twice, where it is not known whether it was.
    async fn again(&self, rows: &[CommandRow], why: &str) -> Vec<Result<(), Failure>> {
        let again: Vec<CommandRow> = (rows.iter())
            .filter(|row| may_repeat(row.kind))
            .cloned()
            .collect();
        let written = patient("hand again", self.write(&again)).await.is_ok();
        let answer = |row: &CommandRow| {
            if written && may_repeat(row.kind) {
                Ok(())
            } else {
                Err(Failure::Unknown(why.to_owned()))
            }
        };
        rows.iter().map(answer).collect()
    }

    async fn write(&self, rows: &[CommandRow]) -> Result<(), PgError> {
        let mut connection = self.pool.get().await?;
        insert_commands(&mut connection, rows).await?;
        drop(connection);
        hint(&*self.notices, rows);
        Ok(())
    }
}

/// Hints at what was written, once for each shard.
pub(crate) fn hint(notices: &dyn Notices, rows: &[CommandRow]) {
    let shards: BTreeSet<u32> = rows.iter().map(|row| row.shard).collect();
    shards.into_iter().for_each(|shard| notices.hint(shard));
}
