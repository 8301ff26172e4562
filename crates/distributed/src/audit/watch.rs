//! What an auditor makes of what it sees again and again: a difference counts when it was seen twice and nothing that was on
//! its way explains it, and is acted on once.

use std::collections::{BTreeMap, BTreeSet};

use super::broken::{BALANCES, Broken, LEDGER, NEEDED, NOT_NEGATIVE, RESERVED, Touches, ZERO_SUM};
use super::{Findings, INVARIANTS};

/// The kinds of rules that every look checks as a whole.
const EVERY_LOOK: [&str; 4] = [ZERO_SUM, NOT_NEGATIVE, RESERVED, NEEDED];
/// Those that speak of the wallet's tables alone.
const OF_WALLET: [&str; 5] = [ZERO_SUM, NOT_NEGATIVE, RESERVED, BALANCES, LEDGER];

/// A difference that was seen.
#[derive(Debug, Clone)]
struct Seen {
    broken: Broken,
    /// The last batch of each shard when it was first seen.
    at: Vec<(u32, u64)>,
    /// Whether it was seen again since.
    counts: bool,
    /// By how much it was off when somebody was told of it.
    told: Option<String>,
}

/// Which differences there are, over all looks.
#[derive(Debug, Default)]
pub struct Watch {
    seen: BTreeMap<(&'static str, String), Seen>,
}

/// How many differences of each kind count.
pub type Standing = BTreeMap<&'static str, usize>;

impl Watch {
    /// Takes what a look has found; the differences to act on: those that count now, each once for as long as
    /// it is off by the same.
    pub fn take(&mut self, found: &Findings) -> Vec<Broken> {
        let is_there = |key: &(&'static str, String)| {
            found
                .broken
                .iter()
                .any(|broken| broken.invariant == key.0 && broken.subject == key.1)
        };
        self.seen
            .retain(|key, seen| is_there(key) || !was_looked_at(&seen.broken, found));
        let mut looked = BTreeSet::new();
        for broken in &found.broken {
            let key = (broken.invariant, broken.subject.clone());
            // Two questions of one look may find the same: that is seen once.
            if !looked.insert(key.clone()) {
                continue;
            }
            let Some(seen) = self.seen.get_mut(&key) else {
                let at = found.shards.iter().map(|(shard, last, _)| (*shard, *last));
                let seen = Seen {
                    broken: broken.clone(),
                    at: at.collect(),
                    counts: false,
                    told: None,
                };
                self.seen.insert(key, seen);
                continue;
            };
            seen.broken = broken.clone();
            // The wallet writes its tables in one transaction: nothing that is on its way explains what they say.
            seen.counts |= OF_WALLET.contains(&broken.invariant) || all_settled(&seen.at, found);
        }
        self.count_what_says_the_same();
        let mut news = Vec::new();
        for seen in self.seen.values_mut() {
            if seen.counts && seen.told.as_ref() != Some(&seen.broken.amount) {
                seen.told = Some(seen.broken.amount.clone());
                news.push(seen.broken.clone());
            }
        }
        news
    }

    /// Of an asset in which a difference in the wallet's tables counts, the others in those tables do: that the accounts of a
    /// sum that does not fit are found only by the look at everything behind it is no reason not to name them.
    fn count_what_says_the_same(&mut self) {
        let of_wallet = |seen: &Seen| OF_WALLET.contains(&seen.broken.invariant);
        let counting = self.seen.values().filter(|seen| seen.counts && of_wallet(seen));
        let counting: Vec<Touches> = counting.map(|seen| seen.broken.touches.clone()).collect();
        for seen in self.seen.values_mut() {
            seen.counts |= of_wallet(seen) && counting.contains(&seen.broken.touches);
        }
    }

    /// How many differences count, of every kind; 0: all is well.
    pub fn standing(&self) -> Standing {
        let mut standing: Standing = INVARIANTS.iter().map(|invariant| (*invariant, 0)).collect();
        for ((invariant, _), seen) in &self.seen {
            *standing.entry(invariant).or_default() += usize::from(seen.counts);
        }
        standing
    }

    /// Whether something was seen that does not count yet: the next look must be soon, and at everything.
    pub fn is_suspicious(&self) -> bool {
        self.seen.values().any(|seen| !seen.counts)
    }

    /// Whether this difference is still there.
    pub fn has(&self, broken: &Broken) -> bool {
        self.seen
            .contains_key(&(broken.invariant, broken.subject.clone()))
    }
}

/// Whether a look that does not find this says that it is gone.
fn was_looked_at(broken: &Broken, found: &Findings) -> bool {
    let has_changed = match (&broken.account, &broken.touches) {
        (Some(user_id), Touches::Asset(asset)) => found.changed.contains(&(*user_id, asset.clone())),
        _ => false,
    };
    found.is_full || EVERY_LOOK.contains(&broken.invariant) || (broken.invariant == BALANCES && has_changed)
}

/// Whether all that was on its way then is settled now.
fn all_settled(at: &[(u32, u64)], found: &Findings) -> bool {
    at.iter().all(|(shard, last)| {
        let now = found.shards.iter().find(|(number, _, _)| number == shard);
        now.is_none_or(|(_, _, settled)| settled >= last)
    })
}

#[cfg(test)]
mod tests;
