//! A book kept from the frames of a depth channel.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::Value;

use crate::decimal;

/// The most levels a side that the API shows.
const SHOWN: usize = 1_000;

/// Price and quantity of each level, in units.
type Levels = BTreeMap<i128, i128>;

/// A book, and up to where it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Book {
    bids: Levels,
    asks: Levels,
    pub(crate) last_seq: Option<u64>,
}

/// What a frame did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It is in the book now.
    Done,
    /// It does not follow: the book is worth nothing until the next snapshot.
    Gap { expected: u64, first: u64 },
    /// It is no frame of a book.
    Other,
}

impl Book {
    /// Takes in a frame.
    ///
    /// # Errors
    /// It is a depth frame that cannot be read.
    pub(crate) fn apply(&mut self, frame: &Value) -> anyhow::Result<Applied> {
        let channel = frame["channel"].as_str().unwrap_or_default();
        if !channel.starts_with("depth:") {
            return Ok(Applied::Other);
        }
        let last = frame["last_seq"]
            .as_u64()
            .context("a depth frame without last_seq")?;
        match frame["type"].as_str() {
            Some("snapshot") => *self = Self::default(),
            Some("delta") => {
                let first = frame["first_seq"].as_u64().context("a delta without first_seq")?;
                let expected = self.last_seq.map(|seq| seq + 1);
                if expected != Some(first) || last < first {
                    self.last_seq = None;
                    let expected = expected.unwrap_or(0);
                    return Ok(Applied::Gap { expected, first });
                }
            }
            _ => return Ok(Applied::Other),
        }
        merge(&mut self.bids, &frame["bids"])?;
        merge(&mut self.asks, &frame["asks"])?;
        self.last_seq = Some(last);
        Ok(Applied::Done)
    }

    /// Whether the best bid is below the best ask, as it must be.
    pub(crate) fn is_crossed(&self) -> bool {
        let best = (self.bids.last_key_value(), self.asks.first_key_value());
        matches!(best, (Some((bid, _)), Some((ask, _))) if bid >= ask)
    }

    /// How it differs from the API's depth of the same sequence number; none where it does not.
    ///
    /// # Errors
    /// The depth cannot be read.
    pub(crate) fn difference(&self, depth: &Value) -> anyhow::Result<Option<String>> {
        let sides = [
            ("bids", self.bids.iter().rev().take(SHOWN).collect::<Vec<_>>()),
            ("asks", self.asks.iter().take(SHOWN).collect()),
        ];
        for (side, ours) in sides {
            let theirs = rows(&depth[side])?;
            for index in 0..ours.len().max(theirs.len()) {
                let ours = ours.get(index).map(|(price, quantity)| (**price, **quantity));
                let theirs = theirs.get(index).copied();
                if ours != theirs {
                    let text = |level: Option<(i128, i128)>| {
                        level.map_or("nothing".to_owned(), |(price, quantity)| {
                            format!("{} x {}", decimal::format(price), decimal::format(quantity))
                        })
                    };
                    return Ok(Some(format!(
                        "{side}[{index}]: kept {}, the API shows {}",
                        text(ours),
                        text(theirs)
                    )));
                }
            }
        }
        Ok(None)
    }
}

fn rows(list: &Value) -> anyhow::Result<Vec<(i128, i128)>> {
    let list = list.as_array().context("a depth without a side")?;
    let row = |row: &Value| {
        let number = |index: usize| decimal::parse(row[index].as_str().unwrap_or_default());
        Ok((number(0)?, number(1)?))
    };
    list.iter().map(row).collect()
}

fn merge(levels: &mut Levels, list: &Value) -> anyhow::Result<()> {
    for (price, quantity) in rows(list)? {
        if quantity == 0 {
            levels.remove(&price);
        } else {
            levels.insert(price, quantity);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn snapshot(last: u64) -> Value {
        json!({"channel": "depth:BTC-USDT", "type": "snapshot", "last_seq": last,
            "bids": [["10", "1"], ["9", "2"]], "asks": [["11", "3"]]})
    }

    fn delta(first: u64, last: u64) -> Value {
        json!({"channel": "depth:BTC-USDT", "type": "delta", "first_seq": first, "last_seq": last,
            "bids": [["10", "0"], ["9", "5"]], "asks": [["12", "1"]]})
    }

    #[test]
    fn a_snapshot_and_the_deltas_that_follow_make_the_apis_book() {
        let mut book = Book::default();
        assert_eq!(book.apply(&snapshot(120)).unwrap(), Applied::Done);
        assert_eq!(book.apply(&delta(121, 140)).unwrap(), Applied::Done);
        assert_eq!(book.last_seq, Some(140));
        let same = json!({"bids": [["9.00", "5"]], "asks": [["11", "3.0"], ["12", "1"]]});
        assert_eq!(book.difference(&same).unwrap(), None);
        for other in [
            json!({"bids": [["9", "4"]], "asks": [["11", "3"], ["12", "1"]]}),
            json!({"bids": [], "asks": [["11", "3"], ["12", "1"]]}),
            json!({"bids": [["9", "5"]], "asks": [["11", "3"], ["12", "1"], ["13", "1"]]}),
        ] {
            assert!(book.difference(&other).unwrap().is_some(), "{other}");
        }
    }

    #[test]
    fn a_delta_that_does_not_follow_is_a_gap_until_the_next_snapshot() {
        for (first, last) in [(122, 140), (120, 140), (1, 2), (121, 120)] {
            let mut book = Book::default();
            book.apply(&snapshot(120)).unwrap();
            let gap = Applied::Gap { expected: 121, first };
            assert_eq!(book.apply(&delta(first, last)).unwrap(), gap);
            assert!(matches!(
                book.apply(&delta(121, 122)).unwrap(),
                Applied::Gap { .. }
            ));
            assert_eq!(book.apply(&snapshot(150)).unwrap(), Applied::Done);
            assert_eq!(book.apply(&delta(151, 151)).unwrap(), Applied::Done);
        }
        let delta = Book::default().apply(&delta(1, 2)).unwrap();
        assert_eq!(
            delta,
            Applied::Gap {
                expected: 0,
                first: 1
            }
        );
    }

    #[test]
    fn a_snapshot_forgets_what_was_before() {
        let mut book = Book::default();
        book.apply(&snapshot(120)).unwrap();
        let empty =
            json!({"channel": "depth:A-B", "type": "snapshot", "last_seq": 1, "bids": [], "asks": []});
        book.apply(&empty).unwrap();
        assert_eq!(book.difference(&empty).unwrap(), None);
    }

    #[test]
    fn a_book_whose_sides_meet_is_noticed() {
        let mut book = Book::default();
        book.apply(&snapshot(120)).unwrap();
        assert!(!book.is_crossed());
        let mut frame = snapshot(121);
        frame["asks"][0][0] = "10".into();
        book.apply(&frame).unwrap();
        assert!(book.is_crossed());
    }

    #[test]
    fn other_frames_pass_and_broken_ones_are_errors() {
        let mut book = Book::default();
        assert_eq!(
            book.apply(&json!({"channel": "trades:A-B"})).unwrap(),
            Applied::Other
        );
        assert_eq!(book.apply(&json!({"id": 1})).unwrap(), Applied::Other);
        for broken in [
            json!({"channel": "depth:A-B", "type": "snapshot"}),
            json!({"channel": "depth:A-B", "type": "snapshot", "last_seq": 1}),
            json!({"channel": "depth:A-B", "type": "snapshot", "last_seq": 1, "bids": [["x", "1"]], "asks": []}),
        ] {
            assert!(book.apply(&broken).is_err(), "{broken}");
        }
    }
}
