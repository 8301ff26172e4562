//! Who trades, and the reserves and settlements that they cause.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use domain::{Amount, OrderId, Reserve, TradeId, Transfer, TransferKind, UserId};
use tokio::task::JoinSet;
use wallet_client::{Instruction, SettleTrade, TradeParty, Wallet};

/// People who trade with one another.
const PEOPLE: u128 = 1_000;
/// What everybody has, and holds for one order of each side.
const PLENTY: Amount = Amount(1_000_000_000_000);

fn user(number: u128) -> UserId {
    // Ids that do not stand in the order of the numbers.
    UserId::from_u128((number % PEOPLE + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// Funds everybody, and reserves for one large order of each side.
pub async fn prepare(wallet: &Arc<dyn Wallet>) -> Result<()> {
    let mut running = JoinSet::new();
    for number in 0..PEOPLE {
        let wallet = Arc::clone(wallet);
        running.spawn(async move {
            for (asset, side) in [("BTC", 0), ("USDT", 1)] {
                let deposit = Transfer {
                    kind: TransferKind::Deposit,
                    key: format!("{asset}-{number}").parse()?,
                    user_id: user(number),
                    asset: asset.parse()?,
                    amount: Amount(2 * PLENTY.0),
                };
                wallet.transfer(deposit).await??;
                let reserve = Reserve {
                    order_id: OrderId::from_u128(2 * number + side),
                    request_id: None,
                    user_id: user(number),
                    asset: asset.parse()?,
                    receives: if side == 0 { "USDT" } else { "BTC" }.parse()?,
                    amount: PLENTY,
                };
                let answers = wallet.instruct(0, vec![Instruction::Reserve(reserve)]).await?;
                answers.into_iter().next().context("an answer")??;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(())
}

/// A reserve of an order of its own.
pub fn reserve(number: u128) -> Instruction {
    let (asset, receives) = if number.is_multiple_of(2) {
        ("BTC", "USDT")
    } else {
        ("USDT", "BTC")
    };
    Instruction::Reserve(Reserve {
        order_id: OrderId::from_u128(1 << 64 | number),
        request_id: None,
        user_id: user(number * 7_919),
        asset: asset.parse().unwrap_or_else(|_| unreachable!("a good code")),
        receives: receives.parse().unwrap_or_else(|_| unreachable!("a good code")),
        amount: Amount(1),
    })
}

/// A trade between two of the large orders.
pub fn settle(number: u128) -> Instruction {
    let (buys, sells) = (number * 7_919 % PEOPLE, (number * 104_729 + 1) % PEOPLE);
    let party = |of: u128, side: u128| TradeParty {
        user_id: user(of),
        order_id: Some(OrderId::from_u128(2 * of + side)),
        fee: Amount(1),
        release: Amount(0),
    };
    Instruction::Settle(SettleTrade {
        trade_id: TradeId::from_u128(1 << 64 | number),
        symbol: "BTC/USDT"
            .parse()
            .unwrap_or_else(|_| unreachable!("a good symbol")),
        base: Amount(1_000),
        quote: Amount(1_000),
        buyer: party(buys, 1),
        seller: party(sells, 0),
    })
}
