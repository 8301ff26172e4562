//! The markets as settings: decimal texts, filled up with what the built-in markets have by default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::problem::Problem;

/// The markets, in the short form or in full.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MatchingSettings {
    /// The markets of the short form. The order matters: it is the order in which markets are first listed.
    pub symbols: Vec<String>,
    /// Smallest price step by symbol.
    pub tick_sizes: BTreeMap<String, String>,
    /// Smallest quantity by symbol.
    pub min_order_sizes: BTreeMap<String, String>,
    /// The markets in full; when there are any, they replace the short form.
    pub markets: Vec<MarketEntry>,
}

impl MatchingSettings {
    /// The markets with every field filled. Loaded settings have been checked; others lose the markets that lack
    /// something.
    pub fn markets(&self) -> Vec<Market> {
        self.resolve(&mut Vec::new())
    }

    /// The markets, and what is missing or said twice.
    pub(super) fn resolve(&self, problems: &mut Vec<Problem>) -> Vec<Market> {
        let entries = if self.markets.is_empty() {
            self.short_form(problems)
        } else {
            self.full_form()
        };
        if entries.is_empty() {
            problems.push(Problem::new("matching.symbols", "at least one market is needed"));
        }
        let mut markets: Vec<Market> = Vec::new();
        for (path, entry) in entries {
            let Some(market) = entry.fill(&path, problems) else {
                continue;
            };
            if markets.iter().any(|other| other.symbol == market.symbol) {
                problems.push(Problem::new(path, format!("{} is listed twice", market.symbol)));
            }
            markets.push(market);
        }
        markets
    }

    fn full_form(&self) -> Vec<(String, MarketEntry)> {
        let entry =
            |(index, entry): (usize, &MarketEntry)| (format!("matching.markets[{index}]"), entry.clone());
        self.markets.iter().enumerate().map(entry).collect()
    }

    fn short_form(&self, problems: &mut Vec<Problem>) -> Vec<(String, MarketEntry)> {
        for (name, sizes) in [
            ("tick_sizes", &self.tick_sizes),
            ("min_order_sizes", &self.min_order_sizes),
        ] {
            for symbol in sizes.keys() {
                // The default markets' symbols stand in the defaults and may stay there unused.
                if !self.symbols.contains(symbol) && preset(symbol).is_none() {
                    let path = format!("matching.{name}.{symbol}");
                    problems.push(Problem::new(path, "is not among matching.symbols"));
                }
            }
        }
        let entry = |(index, symbol): (usize, &String)| {
            let entry = MarketEntry {
                symbol: Some(symbol.clone()),
                tick: self.tick_sizes.get(symbol).cloned(),
                min_quantity: self.min_order_sizes.get(symbol).cloned(),
                ..MarketEntry::default()
            };
            (format!("matching.symbols[{index}]"), entry)
        };
        self.symbols.iter().enumerate().map(entry).collect()
    }
}

impl Default for MatchingSettings {
    fn default() -> Self {
        let sizes = |field: fn(&Preset) -> &str| {
            PRESETS
                .iter()
                .map(|preset| (preset.symbol.to_owned(), field(preset).to_owned()))
                .collect()
        };
        Self {
            symbols: PRESETS.iter().map(|preset| preset.symbol.to_owned()).collect(),
            tick_sizes: sizes(|preset| preset.tick),
            min_order_sizes: sizes(|preset| preset.min_quantity),
            markets: Vec::new(),
        }
    }
}

/// One market as written in the settings. What is absent comes from the defaults; numbers are decimal texts in quotes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MarketEntry {
    /// [`Market::symbol`]; always needed.
    pub symbol: Option<String>,
    /// [`Market::tick`].
    pub tick: Option<String>,
    /// [`Market::lot`].
    pub lot: Option<String>,
    /// [`Market::min_quantity`].
    pub min_quantity: Option<String>,
    /// [`Market::max_quantity`].
    pub max_quantity: Option<String>,
    /// [`Market::max_price`].
    pub max_price: Option<String>,
    /// [`Market::min_notional`].
    pub min_notional: Option<String>,
    /// [`Market::market_band`].
    pub market_band: Option<String>,
    /// [`Market::limit_band`].
    pub limit_band: Option<String>,
    /// [`Market::initial_price`].
    pub initial_price: Option<String>,
    /// [`Market::maker_fee`].
    pub maker_fee: Option<String>,
    /// [`Market::taker_fee`].
    pub taker_fee: Option<String>,
}

impl MarketEntry {
    fn fill(self, path: &str, problems: &mut Vec<Problem>) -> Option<Market> {
        let before = problems.len();
        let preset = self.symbol.as_deref().and_then(preset);
        let mut field = |name: &str, given: Option<String>, usual: Option<&str>| {
            given.or_else(|| usual.map(str::to_owned)).unwrap_or_else(|| {
                let rule = "is needed: only BTC/USDT, ETH/USDT and XRP/USDT have a default; describe others under matching.markets";
                problems.push(Problem::new(format!("{path}.{name}"), rule));
                String::new()
            })
        };
        let market = Market {
            symbol: field("symbol", self.symbol, None),
            tick: field("tick", self.tick, preset.map(|preset| preset.tick)),
            lot: field("lot", self.lot, preset.map(|preset| preset.lot)),
            min_quantity: field(
                "min_quantity",
                self.min_quantity,
                preset.map(|preset| preset.min_quantity),
            ),
            max_quantity: field(
                "max_quantity",
                self.max_quantity,
                preset.map(|preset| preset.max_quantity),
            ),
            max_price: field("max_price", self.max_price, preset.map(|preset| preset.max_price)),
            min_notional: field("min_notional", self.min_notional, Some(MIN_NOTIONAL)),
            market_band: field("market_band", self.market_band, Some(MARKET_BAND)),
            limit_band: field("limit_band", self.limit_band, Some(LIMIT_BAND)),
            initial_price: self
                .initial_price
                .or_else(|| preset.map(|preset| preset.initial_price.to_owned())),
            maker_fee: field("maker_fee", self.maker_fee, Some(FEE)),
            taker_fee: field("taker_fee", self.taker_fee, Some(FEE)),
        };
        (problems.len() == before).then_some(market)
    }
}

/// One market with every field; all numbers are decimal texts, which `domain` reads and checks against each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Market {
    /// `BASE/QUOTE`.
    pub symbol: String,
    /// Smallest price step, in the quote asset.
    pub tick: String,
    /// Smallest quantity step, in the base asset.
    pub lot: String,
    /// Smallest quantity of an order.
    pub min_quantity: String,
    /// Largest quantity of an order.
    pub max_quantity: String,
    /// Largest price.
    pub max_price: String,
    /// Smallest price x quantity, in the quote asset.
    pub min_notional: String,
    /// How far from the reference price a MARKET order may trade, as a fraction.
    pub market_band: String,
    /// How far from the reference price the price of a LIMIT order may lie, as a fraction.
    pub limit_band: String,
    /// Reference price before the first trade; absent = MARKET is refused until then.
    pub initial_price: Option<String>,
    /// Fee of the resting side, as a fraction of what it receives.
    pub maker_fee: String,
    /// Fee of the incoming side, as a fraction of what it receives.
    pub taker_fee: String,
}

const MIN_NOTIONAL: &str = "5";
const MARKET_BAND: &str = "0.1";
const LIMIT_BAND: &str = "0.5";
const FEE: &str = "0.001";

struct Preset {
    symbol: &'static str,
    tick: &'static str,
    lot: &'static str,
    min_quantity: &'static str,
    max_quantity: &'static str,
    max_price: &'static str,
    initial_price: &'static str,
}

/// The default markets. Prices stay below 2^32 ticks, price x quantity below 2^63 units of 1e-8.
const PRESETS: [Preset; 3] = [
    Preset {
        symbol: "BTC/USDT",
        tick: "0.01",
        lot: "0.000001",
        min_quantity: "0.0001",
        max_quantity: "5000",
        max_price: "10000000",
        initial_price: "60000",
    },
    Preset {
        symbol: "ETH/USDT",
        tick: "0.01",
        lot: "0.00001",
        min_quantity: "0.001",
        max_quantity: "50000",
        max_price: "1000000",
        initial_price: "3000",
    },
    Preset {
        symbol: "XRP/USDT",
        tick: "0.0001",
        lot: "0.1",
        min_quantity: "10",
        max_quantity: "5000000",
        max_price: "10000",
        initial_price: "0.5",
    },
];

fn preset(symbol: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.symbol == symbol)
}
