//! Orders, fills and balances of a user, kept from the frames of the private channels.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde_json::Value;

/// What a user knows of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Open orders and what is left of each.
    open: BTreeMap<String, String>,
    /// How often each own trade was told.
    fills: BTreeMap<String, u64>,
    /// Available and reserved balance of each asset.
    balances: BTreeMap<String, (String, String)>,
    /// The number of the last private frame of this connection.
    last_n: u64,
    /// Fills that a snapshot left out: they must be asked for over HTTP.
    pub(crate) incomplete: bool,
}

impl Kept {
    /// A new connection counts its frames from 1.
    pub(crate) const fn reconnected(&mut self) {
        self.last_n = 0;
    }

    /// The newest own trade that is known: trade ids sort by time.
    pub(crate) fn last_fill(&self) -> Option<&str> {
        self.fills.keys().next_back().map(String::as_str)
    }

    pub(crate) fn fills(&self) -> usize {
        self.fills.len()
    }

    /// Takes in a frame; in words what is wrong with its place in the sequence.
    ///
    /// # Errors
    /// It is a private frame that cannot be read.
    pub(crate) fn apply(&mut self, frame: &Value) -> anyhow::Result<Option<String>> {
        let channel = frame["channel"].as_str().unwrap_or_default();
        if !matches!(channel, "orders" | "fills" | "balances") {
            return Ok(None);
        }
        let n = frame["n"].as_u64().context("a private frame without n")?;
        let expected = self.last_n + 1;
        let wrong = (n != expected).then(|| format!("{channel}: frame {n} came, {expected} was due"));
        self.last_n = n;
        let snapshot = frame["type"] == "snapshot";
        match channel {
            "orders" if snapshot => {
                self.open.clear();
                for order in list(frame, "orders")? {
                    self.order(order)?;
                }
            }
            "orders" => self.order(&frame["order"])?,
            "fills" if snapshot => {
                self.incomplete |= frame["complete"] == false;
                for trade in list(frame, "trades")? {
                    self.fill(trade)?;
                }
            }
            "fills" => self.fill(&frame["trade"])?,
            _ => {
                if snapshot {
                    self.balances.clear();
                }
                for balance in list(frame, "balances")? {
                    let (asset, amounts) = amounts(balance)?;
                    self.balances.insert(asset, amounts);
                }
            }
        }
        Ok(wrong)
    }

    fn order(&mut self, order: &Value) -> anyhow::Result<()> {
        let id = text(order, "order_id")?;
        if is_open(order) {
            self.open.insert(id, text(order, "remaining_quantity")?);
        } else {
            self.open.remove(&id);
        }
        Ok(())
    }

    fn fill(&mut self, trade: &Value) -> anyhow::Result<()> {
        *self.fills.entry(text(trade, "trade_id")?).or_default() += 1;
        Ok(())
    }

    /// Fills that HTTP told of after a snapshot left some out; those that are known count as they were.
    pub(crate) fn fill_in(&mut self, trades: &BTreeSet<String>) {
        for trade in trades {
            self.fills.entry(trade.clone()).or_insert(1);
        }
        self.incomplete = false;
    }

    /// How the fills differ from the own trades of the API.
    pub(crate) fn fill_differences(&self, trades: &BTreeSet<String>) -> Vec<String> {
        let mut differences = Vec::new();
        for (id, count) in &self.fills {
            if *count != 1 {
                differences.push(format!("trade {id} was told {count} times"));
            }
            if !trades.contains(id) {
                differences.push(format!("trade {id} was told, the API has no such trade"));
            }
        }
        let untold = trades.iter().filter(|id| !self.fills.contains_key(*id));
        differences.extend(untold.map(|id| format!("trade {id} was never told")));
        differences
    }

    /// How the open orders differ from those of the API.
    ///
    /// # Errors
    /// The API's orders cannot be read.
    pub(crate) fn order_differences(&self, orders: &[Value]) -> anyhow::Result<Vec<String>> {
        let one = |order: &Value| Ok((text(order, "order_id")?, text(order, "remaining_quantity")?));
        let theirs: BTreeMap<String, String> = orders.iter().map(one).collect::<anyhow::Result<_>>()?;
        Ok(differ(&self.open, &theirs))
    }

    /// How the balances differ from those of the API.
    ///
    /// # Errors
    /// The API's balances cannot be read.
    pub(crate) fn balance_differences(&self, balances: &[Value]) -> anyhow::Result<Vec<String>> {
        let theirs: BTreeMap<_, _> = balances.iter().map(amounts).collect::<anyhow::Result<_>>()?;
        Ok(differ(&self.balances, &theirs))
    }
}

fn differ<T: PartialEq + std::fmt::Debug>(
    ours: &BTreeMap<String, T>,
    theirs: &BTreeMap<String, T>,
) -> Vec<String> {
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let differs = names
        .into_iter()
        .filter(|name| ours.get(*name) != theirs.get(*name));
    differs
        .map(|name| {
            let (kept, shown) = (ours.get(name), theirs.get(name));
            format!("{name}: kept {kept:?}, the API shows {shown:?}")
        })
        .collect()
}

fn is_open(order: &Value) -> bool {
    matches!(order["status"].as_str(), Some("OPEN" | "PARTIALLY_FILLED"))
}

fn list<'a>(frame: &'a Value, name: &str) -> anyhow::Result<&'a Vec<Value>> {
    let list = frame[name].as_array();
    list.with_context(|| format!("a frame without `{name}`: {frame}"))
}

/// The text of a field.
///
/// # Errors
/// There is none.
pub(crate) fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    let text = value[field].as_str();
    text.map(str::to_owned)
        .with_context(|| format!("no `{field}` in {value}"))
}

fn amounts(balance: &Value) -> anyhow::Result<(String, (String, String))> {
    let amounts = (
        text(balance, "available_balance")?,
        text(balance, "reserved_balance")?,
    );
    Ok((text(balance, "asset")?, amounts))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(n: u64, id: &str, status: &str, left: &str) -> Value {
        json!({"channel": "orders", "type": "update", "n": n,
            "order": {"order_id": id, "status": status, "remaining_quantity": left}})
    }

    fn fill(n: u64, id: &str) -> Value {
        json!({"channel": "fills", "type": "update", "n": n, "trade": {"trade_id": id}})
    }

    fn balance(kind: &str, n: u64, asset: &str, available: &str) -> Value {
        json!({"channel": "balances", "type": kind, "n": n, "balances": [balance_of(asset, available)]})
    }

    fn balance_of(asset: &str, available: &str) -> Value {
        json!({"asset": asset, "available_balance": available, "reserved_balance": "0", "version": 1})
    }

    fn apply(kept: &mut Kept, frames: &[Value]) {
        for frame in frames {
            assert_eq!(kept.apply(frame).unwrap(), None, "{frame}");
        }
    }

    #[test]
    fn orders_are_open_until_an_update_ends_them() {
        let mut kept = Kept::default();
        let snapshot = json!({"channel": "orders", "type": "snapshot", "n": 1, "orders": []});
        apply(
            &mut kept,
            &[
                snapshot,
                order(2, "a", "OPEN", "2"),
                order(3, "b", "OPEN", "1"),
                order(4, "a", "PARTIALLY_FILLED", "1"),
                order(5, "b", "FILLED", "0"),
                order(6, "c", "EXPIRED", "0"),
            ],
        );
        let a = json!({"order_id": "a", "remaining_quantity": "1"});
        assert!(
            kept.order_differences(std::slice::from_ref(&a))
                .unwrap()
                .is_empty()
        );
        let b = json!({"order_id": "b", "remaining_quantity": "1"});
        assert_eq!(kept.order_differences(&[a, b]).unwrap().len(), 1);
        assert_eq!(kept.order_differences(&[]).unwrap().len(), 1);
    }

    #[test]
    fn a_reconnection_begins_with_snapshots_that_replace_what_was_known() {
        let mut kept = Kept::default();
        apply(
            &mut kept,
            &[order(1, "a", "OPEN", "1"), balance("update", 2, "BTC", "1")],
        );
        kept.reconnected();
        let snapshot = json!({"channel": "orders", "type": "snapshot", "n": 1, "orders": []});
        apply(&mut kept, &[snapshot, balance("snapshot", 2, "USDT", "5")]);
        assert!(kept.order_differences(&[]).unwrap().is_empty());
        assert!(
            kept.balance_differences(&[balance_of("USDT", "5")])
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            kept.balance_differences(&[balance_of("USDT", "6")])
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn fills_that_are_lost_doubled_or_made_up_are_named() {
        let mut kept = Kept::default();
        apply(&mut kept, &[fill(1, "t1"), fill(2, "t2")]);
        assert_eq!(kept.last_fill(), Some("t2"));
        let trades = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        assert!(kept.fill_differences(&trades(&["t1", "t2"])).is_empty());
        assert_eq!(
            kept.fill_differences(&trades(&["t1", "t2", "t3"])),
            ["trade t3 was never told"]
        );
        assert_eq!(kept.fill_differences(&trades(&["t1"])).len(), 1);
        kept.reconnected();
        let again = json!({"channel": "fills", "type": "snapshot", "n": 1, "complete": false,
            "trades": [{"trade_id": "t2"}]});
        apply(&mut kept, &[again]);
        assert!(kept.incomplete);
        kept.fill_in(&trades(&["t1", "t2", "t3"]));
        let differences = kept.fill_differences(&trades(&["t1", "t2", "t3"]));
        assert_eq!(differences, ["trade t2 was told 2 times"]);
        assert!(!kept.incomplete);
    }

    #[test]
    fn a_frame_out_of_order_is_named_and_the_count_goes_on_from_it() {
        let mut kept = Kept::default();
        assert_eq!(kept.apply(&fill(1, "a")).unwrap(), None);
        assert_eq!(
            kept.apply(&fill(3, "b")).unwrap().as_deref(),
            Some("fills: frame 3 came, 2 was due")
        );
        assert_eq!(kept.apply(&fill(4, "c")).unwrap(), None);
        assert!(kept.apply(&fill(4, "d")).unwrap().is_some());
    }

    #[test]
    fn public_frames_pass_and_broken_ones_are_errors() {
        let mut kept = Kept::default();
        assert_eq!(kept.apply(&json!({"channel": "depth:A-B"})).unwrap(), None);
        for broken in [
            json!({"channel": "orders", "type": "update", "order": {}}),
            json!({"channel": "orders", "type": "update", "n": 1, "order": {}}),
            json!({"channel": "fills", "type": "snapshot", "n": 1}),
            json!({"channel": "balances", "type": "update", "n": 1, "balances": [{}]}),
        ] {
            assert!(kept.apply(&broken).is_err(), "{broken}");
        }
    }
}
