//! Market life for demonstrations: funded users who quote and take, from a seed, through the same doors as everybody.

mod dice;
mod floor;

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use api::Exchange;
use domain::{Amount, Tier, TierName, TransferKey, TransferKind, UserId};
use runtime::Shutdown;
use runtime::settings::DemoSettings;
use tokio::time::MissedTickBehavior;
use trading::Caller;

use self::dice::Dice;
use self::floor::Floor;

/// The first demonstration user; the others follow.
const FIRST_USER: u128 = 0x0000_0000_0000_4000_8000_0000_de30_0000;
/// Their tier, which says what they are.
const TIER: &str = "DEMO";
/// What each of them gets of an asset, in units of the asset.
const FUNDS: &str = "1000000";

/// The users of the demonstration.
fn users(count: u32) -> Vec<Caller> {
    let caller = |number: u32| Caller {
        user_id: UserId::from_u128(FIRST_USER + u128::from(number)),
        institution_id: None,
    };
    (0..count).map(caller).collect()
}

/// Funds the users, once, and marks them.
///
/// # Errors
/// The exchange refuses.
pub(crate) async fn prepare(exchange: &dyn Exchange, settings: &DemoSettings) -> anyhow::Result<()> {
    let name: TierName = TIER.parse()?;
    let tier = Tier {
        name: name.clone(),
        orders_per_second: None,
        maker_fee: None,
        taker_fee: None,
    };
    let refused = |what: &str, error: trading::EntryError| anyhow!("the demonstration's {what}: {error}");
    if !exchange.tiers().iter().any(|known| **known == tier) {
        exchange
            .define_tier(tier)
            .await
            .map_err(|error| refused("tier", error))?;
    }
    let markets = exchange.markets();
    let mut assets: Vec<_> = markets
        .all()
        .iter()
        .flat_map(|view| [view.market.symbol().base, view.market.symbol().quote])
        .collect();
    assets.sort_unstable();
    assets.dedup();
    for caller in users(settings.users) {
        let user_id = caller.user_id;
        // What an earlier run has left would lie in the books for ever.
        let cleared = exchange.cancel_all(caller, None, None).await;
        cleared.map_err(|error| refused("earlier orders", error))?;
        if exchange.tier_of(user_id).is_none() {
            let marked = exchange.set_account_tier(user_id, Some(name.clone())).await;
            marked.map_err(|error| refused("user", error))?;
        }
        for asset in &assets {
            let key: TransferKey = format!("demo-{user_id}-{asset}").parse()?;
            let amount = Amount::parse(FUNDS)?;
            let funded = exchange
                .transfer(TransferKind::Deposit, key, user_id, *asset, amount)
                .await;
            funded.map_err(|error| refused("deposit", error))?;
        }
    }
    Ok(())
}

/// Trades until the program stops.
pub(crate) async fn run(exchange: Arc<dyn Exchange>, settings: DemoSettings, shutdown: Shutdown) {
    let mut floor = Floor::new(users(settings.users), Dice::new(settings.seed));
    let pause = Duration::from_secs(1) / settings.orders_per_second.max(1);
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tracing::info!(
        users = settings.users,
        orders_per_second = settings.orders_per_second,
        seed = settings.seed,
        "DEMO: made-up users trade in every market"
    );
    loop {
        tokio::select! {
            () = shutdown.wait() => return,
            _ = ticks.tick() => floor.step(&*exchange).await,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use domain::MarketNumber;
    use embedded::{Embedded, Options};
    use runtime::Settings;
    use trading::{CandleFilter, Queries};

    use super::*;

    /// What everybody sees of the first market after so many steps: bids, asks and trades.
    async fn seen(seed: u64, steps: usize) -> (Vec<String>, Vec<String>, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let definitions = crate::markets::definitions(&Settings::default()).unwrap();
        let options = Options {
            min_free_bytes: 0,
            answer_timeout: Duration::from_secs(60),
            ..Options::new(dir.path().to_path_buf())
        };
        let (exchange, _) = Embedded::open(options, definitions).unwrap();
        let settings = DemoSettings {
            enabled: true,
            seed,
            ..DemoSettings::default()
        };
        prepare(&exchange, &settings).await.unwrap();
        prepare(&exchange, &settings).await.unwrap();
        let mut floor = Floor::new(users(settings.users), Dice::new(seed));
        for _ in 0..steps {
            floor.step(&exchange).await;
        }
        let market = MarketNumber(1);
        let depth = exchange.depth(market, 100).await.unwrap();
        let levels =
            |levels: &[trading::LevelView]| levels.iter().map(|level| format!("{level:?}")).collect();
        let trades = exchange.trades(market, 1_000).await.unwrap();
        let filter = CandleFilter {
            interval: serde_json::from_str("\"1m\"").unwrap(),
            from: None,
            to: None,
            limit: 10,
        };
        let candles = exchange.candles(market, filter).await.unwrap();
        assert_eq!(candles.is_empty(), trades.is_empty());
        let trades = trades
            .iter()
            .map(|trade| format!("{:?} {:?}", trade.price, trade.quantity))
            .collect();
        (levels(&depth.bids), levels(&depth.asks), trades)
    }

    #[tokio::test]
    async fn the_floor_fills_books_and_trades_the_same_from_the_same_seed() {
        let (bids, asks, trades) = seen(7, 400).await;
        assert!(!bids.is_empty() && !asks.is_empty() && !trades.is_empty());
        assert_eq!(seen(7, 400).await, (bids, asks, trades.clone()));
        assert_ne!(seen(8, 400).await.2, trades);
        assert_eq!(
            seen(7, 0).await.2,
            Vec::<String>::new(),
            "who does nothing trades nothing"
        );
    }
}
