//! One pass over all shards: whose log could not be read, and what was wrong.

use std::collections::BTreeSet;

use crate::follow::trouble::Trouble;

/// What went wrong in a pass.
#[derive(Debug, Default)]
pub(super) struct Pass {
    left: BTreeSet<u32>,
    /// Who read on would wait as long for each shard.
    slow: Option<u32>,
    trouble: Option<Trouble>,
}

impl Pass {
    /// Whether the log of this shard may still be read in this pass.
    pub fn may_read(&self, shard: u32) -> bool {
        self.slow.is_none() && !self.left.contains(&shard)
    }

    /// The log of a shard could not be read.
    pub fn failed(&mut self, shard: u32, trouble: Trouble) {
        self.left.insert(shard);
        if matches!(trouble, Trouble::TooLate) {
            self.slow = Some(shard);
        }
        // One that lasts counts for more than one that may be over by the next time.
        if self.trouble.is_none() || trouble.is_lasting() {
            self.trouble = Some(trouble);
        }
    }

    /// The shard whose log did not come in time.
    pub const fn slow(&self) -> Option<u32> {
        self.slow
    }

    /// Whether nothing went wrong.
    pub const fn is_good(&self) -> bool {
        self.trouble.is_none()
    }

    /// What went wrong, if anything did; it is logged.
    pub fn end(self) -> Result<(), Trouble> {
        let Some(trouble) = self.trouble else {
            return Ok(());
        };
        tracing::warn!(shards = ?self.left, %trouble, "following the shards");
        Err(trouble)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: Trouble = Trouble::Broken { shard: 1, after: 7 };

    #[test]
    fn a_shard_that_failed_is_left_alone_and_behind_a_slow_one_nobody_is_read() {
        let mut pass = Pass::default();
        assert!(pass.may_read(0) && pass.may_read(1));
        pass.failed(0, BROKEN);
        assert!(!pass.may_read(0) && pass.may_read(1));
        assert_eq!(pass.slow(), None);
        pass.failed(1, Trouble::TooLate);
        assert!(!pass.may_read(2));
        assert_eq!(pass.slow(), Some(1));
    }

    #[test]
    fn what_lasts_counts_for_more_whenever_it_came() {
        assert!(Pass::default().is_good() && Pass::default().end().is_ok());
        for troubles in [[Trouble::TooLate, BROKEN], [BROKEN, Trouble::TooLate]] {
            let mut pass = Pass::default();
            for (shard, trouble) in (0..).zip(troubles) {
                pass.failed(shard, trouble);
            }
            assert!(!pass.is_good());
            assert!(pass.end().is_err_and(|trouble| trouble.is_lasting()));
        }
    }
}
