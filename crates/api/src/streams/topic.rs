//! Channels by name: what a connection can subscribe to.

use domain::{MarketNumber, Symbol};
use http::Problem;
use market_data::Interval;
use trading::Markets;

use crate::error;

/// A public channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Topic {
    Depth(MarketNumber),
    Trades(MarketNumber),
    Ticker(MarketNumber),
    Candles(MarketNumber, Interval),
}

impl Topic {
    /// Its market.
    pub(crate) const fn market(self) -> MarketNumber {
        match self {
            Self::Depth(market) | Self::Trades(market) | Self::Ticker(market) | Self::Candles(market, _) => {
                market
            }
        }
    }

    /// Its name, in the market of this symbol.
    pub(crate) fn name(self, symbol: Symbol) -> String {
        let symbol = symbol.dashed();
        match self {
            Self::Depth(_) => format!("depth:{symbol}"),
            Self::Trades(_) => format!("trades:{symbol}"),
            Self::Ticker(_) => format!("ticker:{symbol}"),
            Self::Candles(_, interval) => format!("candles:{symbol}:{}", interval.word()),
        }
    }
}

/// A channel of the user's own things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum OwnTopic {
    Orders,
    Fills,
    Balances,
}

impl OwnTopic {
    /// All of them.
    const ALL: [Self; 3] = [Self::Orders, Self::Fills, Self::Balances];

    /// The one of a name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Fills => "fills",
            Self::Balances => "balances",
        }
    }
}

/// A channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Channel {
    Public(Topic),
    Own(OwnTopic),
}

impl Channel {
    /// The channel of a name.
    ///
    /// # Errors
    /// 400: there is none of that name.
    pub(crate) fn parse(name: &str, markets: &Markets) -> Result<Self, Problem> {
        let mut parts = name.split(':');
        let (kind, symbol, interval) = (parts.next().unwrap_or(""), parts.next(), parts.next());
        let unknown = || Problem::invalid_field("channels", "has an unknown channel");
        if parts.next().is_some() {
            return Err(unknown());
        }
        if let (Some(own), None, None) = (OwnTopic::from_name(kind), symbol, interval) {
            return Ok(Self::Own(own));
        }
        let symbol = symbol.ok_or_else(unknown)?;
        let market = Symbol::from_dashed(symbol)
            .ok()
            .and_then(|symbol| markets.by_symbol(symbol))
            .ok_or_else(error::unknown_symbol)?
            .market
            .number();
        let topic = match (kind, interval) {
            ("depth", None) => Topic::Depth(market),
            ("trades", None) => Topic::Trades(market),
            ("ticker", None) => Topic::Ticker(market),
            ("candles", Some(interval)) => {
                Topic::Candles(market, Interval::from_word(interval).ok_or_else(unknown)?)
            }
            _ => return Err(unknown()),
        };
        Ok(Self::Public(topic))
    }
}
