//! Dead man's switches: at most one of a user; one that runs out cancels all orders of its user.

use std::collections::{BTreeMap, BTreeSet};

use domain::{CancelAllAfter, CancelReason, FieldError, Refusal, Stamp, UserId};

use crate::engine::Answer;
use crate::funds::Funds;
use crate::turn::Turn;

/// The most switches that are armed at a time.
const MOST: usize = 1_000_000;

/// All switches that are armed, by user and by moment.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    by_user: BTreeMap<UserId, Stamp>,
    due: BTreeSet<(Stamp, UserId)>,
}

impl Switches {
    /// Arms a user's switch, or sets it to another moment; false: there are too many.
    pub fn arm(&mut self, user_id: UserId, at: Stamp) -> bool {
        self.arm_up_to(MOST, user_id, at)
    }

    fn arm_up_to(&mut self, most: usize, user_id: UserId, at: Stamp) -> bool {
        if self.by_user.len() >= most && !self.by_user.contains_key(&user_id) {
            return false;
        }
        self.disarm(user_id);
        self.by_user.insert(user_id, at);
        self.due.insert((at, user_id));
        true
    }

    pub fn disarm(&mut self, user_id: UserId) {
        if let Some(at) = self.by_user.remove(&user_id) {
            self.due.remove(&(at, user_id));
        }
    }

    /// When a user's switch runs out.
    pub fn of(&self, user_id: UserId) -> Option<Stamp> {
        self.by_user.get(&user_id).copied()
    }

    /// The switch that runs out next.
    pub fn next(&self) -> Option<(Stamp, UserId)> {
        self.due.first().copied()
    }

    /// All of them, in the order in which they run out.
    pub fn all(&self) -> impl Iterator<Item = (Stamp, UserId)> {
        self.due.iter().copied()
    }

    /// Whether both orders tell of the same switches.
    pub fn are_consistent(&self) -> bool {
        let timed = |(user_id, at): (&UserId, &Stamp)| self.due.contains(&(*at, *user_id));
        self.by_user.len() == self.due.len() && self.by_user.len() <= MOST && self.by_user.iter().all(timed)
    }
}

impl<F: Funds> Turn<'_, F> {
    pub fn cancel_all_after(&mut self, after: &CancelAllAfter) -> Answer {
        let switches = &mut self.engine.switches;
        if after.timeout_micros == 0 {
            switches.disarm(after.user_id);
            return Answer::Armed(None);
        }
        if let Err(error) = after.check() {
            return Answer::Refused(Refusal::Shape(error));
        }
        let end = self.at.plus_micros(after.timeout_micros);
        if switches.arm(after.user_id, end) {
            Answer::Armed(Some(end))
        } else {
            let rule = "cannot be set: too many users have one";
            Answer::Refused(Refusal::Shape(FieldError::new("timeout_ms", rule)))
        }
    }

    /// Lets up to so many switches run out whose moment has come: the orders of their users are cancelled, in chunks.
    /// How many ran out.
    pub fn run_switches(&mut self, limit: usize) -> usize {
        let mut done = 0;
        while done < limit {
            let Some((_, user_id)) = self.engine.switches.next().filter(|(due, _)| *due <= self.at) else {
                break;
            };
            done += 1;
            self.engine.switches.disarm(user_id);
            self.begin_cancel_of(user_id, CancelReason::DeadMansSwitch);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_counted_by_user_and_held_to_their_most() {
        let (mut switches, at) = (Switches::default(), Stamp::from_micros);
        let mut arm = |user, end| switches.arm_up_to(100, UserId::from_u128(user), at(end));
        for user in 0..100 {
            assert!(arm(user, 5));
        }
        assert!(!arm(100, 4));
        assert!(arm(0, 6), "who has one may set it anew");
        let [first, late] = [0, 100].map(UserId::from_u128);
        assert_eq!(switches.next(), Some((at(5), UserId::from_u128(1))));
        switches.disarm(first);
        assert!(switches.arm_up_to(100, late, at(4)));
        assert_eq!(switches.next(), Some((at(4), late)));
        assert_eq!((switches.of(first), switches.of(late)), (None, Some(at(4))));
        assert!(switches.are_consistent());
    }
}
