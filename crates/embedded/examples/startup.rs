//! Prints how long a start takes after a million commands, from the log alone and from a snapshot.
//!
//! `cargo run --release -p embedded --example startup [COMMANDS]`
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement, run by hand"
)]

use domain::{
    Amount, FeeRate, Lots, MarketDefinition, MarketNumber, Price, Quantity, SelfTradePrevention, Side,
    Symbol, Terms, TimeInForce, TransferKind, UserId,
};
use embedded::{Embedded, Options};
use trading::{Caller, NewOrder, Operations, OrderEntry};

const CALLERS: u64 = 256;

fn main() {
    let commands: u64 = std::env::args()
        .nth(1)
        .map_or(1_000_000, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        snapshot_every: u64::MAX,
        ..Options::new(dir.path().to_owned())
    };
    let (exchange, _) = Embedded::open(options.clone(), vec![definition()]).unwrap();
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let exchange = std::sync::Arc::new(exchange);
    let (_, load_secs) = timed(|| {
        tokio.block_on(async {
            let callers: Vec<_> = (0..CALLERS)
                .map(|user| tokio::spawn(trade(std::sync::Arc::clone(&exchange), user, commands / CALLERS)))
                .collect();
            for caller in callers {
                caller.await.unwrap();
            }
        });
    });
    drop(exchange);
    let ((exchange, opened), replay_secs) =
        timed(|| Embedded::open(options.clone(), vec![definition()]).unwrap());
    let replayed = opened.replayed;
    exchange.stop();
    drop(exchange);
    let ((exchange, opened), snapshot_secs) = timed(|| Embedded::open(options, vec![definition()]).unwrap());
    assert!(opened.snapshot.is_some() && opened.replayed == 0);
    drop(exchange);
    println!(
        "{{\"records\":{replayed},\"durable_commands_per_second\":{:.0},\"start_from_log_seconds\":{replay_secs:.2},\
         \"start_from_snapshot_seconds\":{snapshot_secs:.2}}}",
        commands as f64 / load_secs
    );
}

/// One user who places and trades, one command after the other.
async fn trade(exchange: std::sync::Arc<Embedded>, user: u64, commands: u64) {
    let caller = Caller {
        user_id: UserId::from_u128(u128::from(user)),
        institution_id: None,
    };
    for code in ["BTC", "USDT"] {
        let (key, amount) = (format!("{user}-{code}").parse().unwrap(), Amount(1 << 50));
        exchange
            .transfer(
                TransferKind::Deposit,
                key,
                caller.user_id,
                code.parse().unwrap(),
                amount,
            )
            .await
            .unwrap();
    }
    for number in 0..commands {
        let mixed = (user << 32 | number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let side = if mixed >> 63 == 0 { Side::Buy } else { Side::Sell };
        let away = (mixed >> 32) as u32 % 1_000;
        let ticks = if side == Side::Buy {
            6_000_200 - away
        } else {
            5_999_800 + away
        };
        let order = NewOrder {
            market: MarketNumber(1),
            side,
            terms: Terms::Limit {
                price: Price::from_ticks(ticks).unwrap(),
                quantity: Quantity::from_lots(Lots(1_000 + mixed % 1_000)).unwrap(),
                display: None,
                post_only: false,
            },
            time_in_force: TimeInForce::Gtc,
            self_trade_prevention: SelfTradePrevention::ExpireTaker,
            client_order_id: None,
            deadline: None,
        };
        exchange.place(caller, order).await.unwrap();
    }
}

fn definition() -> MarketDefinition {
    MarketDefinition {
        number: MarketNumber(1),
        symbol: Symbol {
            base: "BTC".parse().unwrap(),
            quote: "USDT".parse().unwrap(),
        },
        tick: Amount(1_000_000),
        lot: Amount(100),
        min_quantity: Lots(1),
        max_quantity: Lots(5_000_000_000),
        max_price: Price::from_ticks(1_000_000_000).unwrap(),
        min_notional: Amount::ZERO,
        market_band: None,
        limit_band: None,
        initial_price: Price::from_ticks(6_000_000),
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(100_000),
        max_open_orders: u32::MAX,
    }
}

#[expect(clippy::disallowed_methods, reason = "a measurement needs a clock")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = std::time::Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64())
}
