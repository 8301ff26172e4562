//! What the auditor of a real embedded exchange does about faults.

use domain::{Asset, Symbol};
use embedded::Options;
use ledger::LedgerFault;
use runtime::Settings;
use serde_json::Value;
use tempfile::TempDir;

use super::*;

struct House {
    dir: TempDir,
    auditor: Auditor,
}

impl House {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let definitions = crate::markets::definitions(&Settings::default()).unwrap();
        let options = Options {
            min_free_bytes: 0,
            ..Options::new(dir.path().join("exchange"))
        };
        let opened = tokio::task::spawn_blocking(move || Embedded::open(options, definitions)).await;
        let (exchange, _) = opened.unwrap().unwrap();
        let log = AuditLog::open(dir.path().join("audit.log")).unwrap();
        Self {
            dir,
            auditor: Auditor::new(Arc::new(exchange), Arc::new(log)),
        }
    }

    fn states(&self) -> Vec<(String, MarketState)> {
        let markets = self.auditor.exchange.markets();
        let state = |view: &MarketView| (view.market.symbol().to_string(), view.state);
        markets.all().iter().map(state).collect()
    }

    fn stopped(&self) -> Vec<String> {
        let states = self.states().into_iter();
        let stopped = states.filter(|(_, state)| *state == MarketState::CancelOnly);
        stopped.map(|(symbol, _)| symbol).collect()
    }

    async fn set(&self, symbol: &str, state: MarketState) {
        let symbol: Symbol = symbol.parse().unwrap();
        let markets = self.auditor.exchange.markets();
        let number = markets.by_symbol(symbol).unwrap().market.number();
        self.auditor
            .exchange
            .set_market_state(number, state)
            .await
            .unwrap();
    }

    /// Each line of the audit file: the market, and why.
    fn written(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.dir.path().join("audit.log")).unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        lines
            .map(|line| (word(&line["target"]), word(&line["after"]["reason"])))
            .collect()
    }
}

fn unbalanced(asset: &str, sum: i128) -> Fault {
    let asset: Asset = asset.parse().unwrap();
    Fault::Ledger(LedgerFault::Unbalanced { asset, sum })
}

#[tokio::test]
async fn a_fault_that_stands_hides_no_later_one_of_another_asset() {
    let mut house = House::open().await;
    let all: Vec<String> = house.states().into_iter().map(|(symbol, _)| symbol).collect();
    let of = |asset: &str| -> Vec<String> {
        let has = |symbol: &&String| symbol.split('/').any(|word| word == asset);
        all.iter().filter(has).cloned().collect()
    };
    assert!(of("ETH").len() < all.len() && !of("BTC").is_empty(), "{all:?}");
    house.auditor.react(vec![unbalanced("ETH", 5)]).await;
    assert_eq!(house.stopped(), of("ETH"));
    house
        .auditor
        .react(vec![unbalanced("BTC", 7), unbalanced("ETH", 5)])
        .await;
    let both = |symbol: &&String| of("BTC").contains(symbol) || of("ETH").contains(symbol);
    assert_eq!(
        house.stopped(),
        all.iter().filter(both).cloned().collect::<Vec<_>>()
    );
    let written = house.written();
    assert_eq!(written.len(), house.stopped().len(), "{written:?}");
    assert!(written.contains(&(
        "BTC/USDT".to_owned(),
        "the auditor: zero_sum; accounts are wrong: the accounts in BTC sum to 7 units".to_owned()
    )));
}

#[tokio::test]
async fn who_opens_a_market_again_is_not_overruled_by_the_same_fault_but_by_another_sum() {
    let mut house = House::open().await;
    house.auditor.react(vec![unbalanced("ETH", 5)]).await;
    let stopped = house.stopped();
    for symbol in &stopped {
        house.set(symbol, MarketState::Open).await;
    }
    house.auditor.react(vec![unbalanced("ETH", 5)]).await;
    assert_eq!(house.stopped(), Vec::<String>::new());
    house.auditor.react(vec![unbalanced("ETH", 6)]).await;
    assert_eq!(house.stopped(), stopped);
    // Gone, and back: that is another occasion.
    for symbol in &stopped {
        house.set(symbol, MarketState::Open).await;
    }
    house.auditor.react(vec![]).await;
    house.auditor.react(vec![unbalanced("ETH", 6)]).await;
    assert_eq!(house.stopped(), stopped);
}

#[tokio::test]
async fn a_market_that_takes_no_order_anyway_is_left_as_its_operator_has_it() {
    let mut house = House::open().await;
    for (symbol, _) in house.states() {
        house.set(&symbol, MarketState::Halted).await;
    }
    house.auditor.react(vec![Fault::Stray]).await;
    assert_eq!(house.stopped(), Vec::<String>::new());
    assert_eq!(house.written(), []);
    // It counts as told: who opens one knows.
    house.set("BTC/USDT", MarketState::Open).await;
    house.auditor.react(vec![Fault::Stray]).await;
    assert_eq!(house.stopped(), Vec::<String>::new());
}
