//! Prints what a million open orders cost: memory, snapshot, and the time to write and to restore it.
//!
//! `cargo run --release -p exchange --example memory [ORDERS]`; reads /proc, so Linux only.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement, run by hand"
)]

use domain::{
    Amount, Asset, Command, DefineMarket, FeeRate, Lots, MarketDefinition, MarketNumber, OrderId, Place,
    Price, Quantity, SelfTradePrevention, Side, Stamp, Symbol, Terms, TimeInForce, Transfer, TransferKind,
    UserId,
};
use exchange::{Exchange, Output};

const USERS: u64 = 1_000;

fn main() {
    let orders: u64 = std::env::args()
        .nth(1)
        .map_or(1_000_000, |text| text.parse().unwrap());
    let mut exchange = Exchange::new(1);
    let mut out = Output::default();
    let mut at = Stamp::from_micros(1_700_000_000_000_000);
    let mut apply = |exchange: &mut Exchange, command: Command| {
        at = at.plus_micros(1);
        exchange.apply(at, &command, &mut out);
        out.events.clear();
    };
    apply(
        &mut exchange,
        Command::DefineMarket(DefineMarket {
            definition: definition(),
        }),
    );
    for user in 0..USERS {
        for code in ["BASE", "QUOTE"] {
            let transfer = Transfer {
                kind: TransferKind::Deposit,
                key: format!("{user}-{code}").parse().unwrap(),
                user_id: UserId::from_u128(u128::from(user)),
                asset: asset(code),
                amount: Amount((1 << 61) / USERS),
            };
            apply(&mut exchange, Command::Transfer(transfer));
        }
    }
    let before = resident_bytes();
    for number in 0..orders {
        apply(&mut exchange, Command::Place(place(number)));
    }
    let after = resident_bytes();
    assert_eq!(exchange.engine().live_orders() as u64, orders);
    let (bytes, snapshot_secs) = timed(|| exchange.snapshot().unwrap());
    let (restored, restore_secs) = timed(|| Exchange::restore(&bytes, 2).unwrap());
    assert_eq!(restored.event_digest(), exchange.event_digest());
    println!(
        "{{\"open_orders\":{orders},\"resident_mb\":{:.0},\"bytes_per_order\":{},\"snapshot_mb\":{:.0},\
         \"snapshot_seconds\":{snapshot_secs:.2},\"restore_seconds\":{restore_secs:.2}}}",
        (after - before) as f64 / 1e6,
        (after - before) / orders,
        bytes.len() as f64 / 1e6,
    );
}

fn place(number: u64) -> Place {
    let side = if number.is_multiple_of(2) {
        Side::Buy
    } else {
        Side::Sell
    };
    let away = 1 + (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u32 % 25_000;
    let ticks = if side == Side::Buy {
        1_000_000 - away
    } else {
        1_000_000 + away
    };
    Place {
        order_id: OrderId::from_u128(u128::from(number) + 1),
        user_id: UserId::from_u128(u128::from(number % USERS)),
        institution_id: None,
        market: MarketNumber(1),
        side,
        terms: Terms::Limit {
            price: Price::from_ticks(ticks).unwrap(),
            quantity: Quantity::from_lots(Lots(1 + number % 100)).unwrap(),
            display: None,
            post_only: false,
        },
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        client_order_id: None,
        received_at: Stamp::from_micros(1_700_000_000_000_000),
        deadline: Some(Stamp::from_micros(u64::MAX)),
        protection_price: None,
    }
}

fn definition() -> MarketDefinition {
    MarketDefinition {
        number: MarketNumber(1),
        symbol: Symbol {
            base: asset("BASE"),
            quote: asset("QUOTE"),
        },
        tick: Amount(1_000_000),
        lot: Amount(100),
        min_quantity: Lots(1),
        max_quantity: Lots(1_000_000_000),
        max_price: Price::from_ticks(4_000_000_000).unwrap(),
        min_notional: Amount::ZERO,
        market_band: None,
        limit_band: None,
        initial_price: None,
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(100_000),
        max_open_orders: u32::MAX,
    }
}

fn asset(code: &str) -> Asset {
    code.parse().unwrap()
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

#[expect(clippy::disallowed_methods, reason = "a measurement needs a clock")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = std::time::Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64())
}
