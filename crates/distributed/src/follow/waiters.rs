//! Who waits for what a command came to.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{Entry, OutcomeNews, Told, ToldRefusal};

/// Those who wait, by command. Whoever expects one either hears of it or forgets it, so there are never more than callers.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<HashMap<Uuid, Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    who: Vec<oneshot::Sender<OutcomeNews>>,
    /// Those who would ask for its funds.
    unfunded: Vec<oneshot::Sender<()>>,
    /// What it came to in a batch that is not settled.
    applied: Option<Told>,
}

impl Waiters {
    fn hold(&self) -> MutexGuard<'_, HashMap<Uuid, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn expect(&self, command: Uuid) -> oneshot::Receiver<OutcomeNews> {
        let (who, news) = oneshot::channel();
        self.hold().entry(command).or_default().who.push(who);
        news
    }

    pub fn unfunded(&self, command: Uuid) -> oneshot::Receiver<()> {
        let (who, news) = oneshot::channel();
        self.hold().entry(command).or_default().unfunded.push(who);
        news
    }

    pub fn applied(&self, command: Uuid) -> Option<Told> {
        self.hold().get(&command)?.applied.clone()
    }

    pub fn forget(&self, command: Uuid) {
        let mut waiting = self.hold();
        if let Some(found) = waiting.get_mut(&command) {
            found.who.retain(|who| !who.is_closed());
            found.unfunded.retain(|who| !who.is_closed());
            if found.who.is_empty() && found.unfunded.is_empty() {
                waiting.remove(&command);
            }
        }
    }

    /// These were applied.
    pub fn apply(&self, entries: &[Entry]) {
        let mut waiting = self.hold();
        if waiting.is_empty() {
            return;
        }
        for (id, told) in outcomes(entries) {
            let Some(found) = waiting.get_mut(&id) else {
                continue;
            };
            if *told == UNFUNDED {
                for who in found.unfunded.drain(..) {
                    let _ = who.send(());
                }
            } else {
                found.applied = Some(told.clone());
            }
        }
    }

    /// These are settled: who waits for them is told.
    pub fn settle(&self, entries: &[Entry]) {
        let mut waiting = self.hold();
        if waiting.is_empty() {
            return;
        }
        // A placement that waits for its funds comes again: who waits for it goes on waiting.
        for (id, told) in outcomes(entries).filter(|(_, told)| **told != UNFUNDED) {
            for who in waiting.remove(&id).map(|found| found.who).unwrap_or_default() {
                // Who does not listen any more was told otherwise.
                let _ = who.send(OutcomeNews { told: told.clone() });
            }
        }
    }

    /// How many commands are waited for.
    pub fn len(&self) -> usize {
        self.hold().len()
    }
}

/// What a placement comes to that nobody has asked funds for.
const UNFUNDED: Told = Told::Refused(ToldRefusal::Unfunded);

/// The commands that came to something.
fn outcomes(entries: &[Entry]) -> impl Iterator<Item = (Uuid, &Told)> {
    entries
        .iter()
        .filter_map(|entry| Some((entry.id?, entry.told.as_ref()?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use domain::Stamp;

    use super::*;
    use crate::ShardCommand;

    fn entry(id: u128, told: Option<Told>) -> Entry {
        Entry {
            id: Some(Uuid::from_u128(id)),
            at: Stamp::FIRST,
            command: ShardCommand::Tick,
            told,
        }
    }

    #[test]
    fn an_outcome_is_known_when_applied_and_told_to_all_when_settled() {
        let waiters = Waiters::default();
        let id = Uuid::from_u128(1);
        let (mut one, mut two) = (waiters.expect(id), waiters.expect(id));
        let done = [entry(1, Some(Told::Done)), entry(2, Some(Told::Done))];
        assert_eq!(waiters.applied(id), None);
        waiters.apply(&done);
        assert_eq!(waiters.applied(id), Some(Told::Done));
        assert!(one.try_recv().is_err());
        waiters.settle(&done);
        for news in [&mut one, &mut two] {
            assert_eq!(news.try_recv().unwrap().told, Told::Done);
        }
        assert_eq!(waiters.len(), 0);
    }

    #[test]
    fn a_mass_cancel_in_several_batches_is_told_with_the_last() {
        let waiters = Waiters::default();
        let mut news = waiters.expect(Uuid::from_u128(1));
        waiters.settle(&[entry(1, None)]);
        assert!(news.try_recv().is_err());
        waiters.settle(&[entry(1, Some(Told::CancelledAll(2_000)))]);
        assert_eq!(news.try_recv().unwrap().told, Told::CancelledAll(2_000));
    }

    #[test]
    fn a_placement_that_waits_for_its_funds_is_told_to_who_asks_for_them_and_is_no_outcome() {
        let waiters = Waiters::default();
        let id = Uuid::from_u128(1);
        let (mut outcome, mut unfunded) = (waiters.expect(id), waiters.unfunded(id));
        let first = [entry(1, Some(UNFUNDED))];
        waiters.apply(&first);
        assert!(unfunded.try_recv().is_ok(), "as soon as it is applied");
        assert_eq!(waiters.applied(id), None);
        // On a gateway that lags, both batches are settled at once.
        let second = [entry(1, Some(Told::Done))];
        waiters.apply(&second);
        waiters.settle(&first);
        assert!(outcome.try_recv().is_err());
        waiters.settle(&second);
        assert_eq!(outcome.try_recv().unwrap().told, Told::Done);
        drop(waiters.unfunded(id));
        waiters.forget(id);
        assert_eq!(waiters.len(), 0);
    }

    #[test]
    fn who_gave_up_is_forgotten_and_others_stay() {
        let waiters = Waiters::default();
        let id = Uuid::from_u128(1);
        let (gone, mut stays) = (waiters.expect(id), waiters.expect(id));
        drop(gone);
        waiters.forget(id);
        waiters.settle(&[entry(1, Some(Told::Done))]);
        assert!(stays.try_recv().is_ok());
        drop(waiters.expect(id));
        waiters.forget(id);
        assert_eq!(waiters.len(), 0);
    }
}
