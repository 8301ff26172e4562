//! What the tables hold is what the fold has: after every batch, and without any one column it is not.

use diesel_async::SimpleAsyncConnection as _;
use distributed::shard::load;
use domain::{Lots, Price, Quantity, Side, Size, Status, Terms, TimeInForce};

use crate::bed::Bed;

fn quantity(lots: u64) -> Quantity {
    Quantity::from_lots(Lots(lots)).unwrap()
}

/// A book with a bit of everything; after each order the tables are compared.
pub async fn lively(bed: &Bed) {
    let limit = |price: u32, lots: u64, display: Option<u64>| Terms::Limit {
        price: Price::from_ticks(price).unwrap(),
        quantity: quantity(lots),
        display: display.map(quantity),
        post_only: false,
    };
    let stop = Terms::Stop {
        stop_price: Price::from_ticks(110).unwrap(),
        size: Size::Quantity(quantity(2)),
    };
    let stop_limit = Terms::StopLimit {
        stop_price: Price::from_ticks(110).unwrap(),
        price: Price::from_ticks(112).unwrap(),
        quantity: quantity(3),
        display: None,
    };
    let steps = [
        (0, Side::Sell, limit(100, 9, Some(2))),
        (1, Side::Sell, limit(100, 4, None)),
        (2, Side::Buy, limit(100, 3, None)),
        (2, Side::Buy, stop),
        (2, Side::Buy, stop_limit),
        (3, Side::Buy, limit(98, 9, None)),
        (0, Side::Sell, limit(98, 2, None)),
        (3, Side::Sell, limit(98, 1, None)),
    ];
    for (number, side, terms) in steps {
        let mut place = bed.wish(number, side, 100, 1);
        place.terms = terms;
        place.self_trade_prevention = domain::SelfTradePrevention::Decrement;
        if terms.price().is_none() {
            place.protection_price = Price::from_ticks(120);
        }
        if number == 3 && side == Side::Buy {
            place.time_in_force = TimeInForce::Gtd(place.received_at.plus_micros(3_600_000_000));
        }
        place.client_order_id = Some(format!("name-{number}-{}", place.order_id).parse().unwrap());
        bed.send(&place).await;
        let stored = bed
            .until(place.order_id, |order| order.state.status() != Status::Pending)
            .await;
        if number == 3 && side == Side::Buy {
            bed.amend(&stored, 99).await;
        }
        bed.until_quiet().await;
        compare(bed).await;
    }
}

async fn compare(bed: &Bed) {
    let log = bed.log(0).await;
    assert_eq!(
        bed.digest(0).await,
        log.last().unwrap().digest,
        "after batch {}",
        log.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_every_batch_the_tables_have_the_digest_of_the_fold() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    lively(&bed).await;
    running.stop().await;
}

/// What is done to a column of a live order, or of a market; every one of them changes something.
const LOSSES: &[&str] = &[
    "UPDATE orders SET user_id = gen_random_uuid()",
    "UPDATE orders SET institution_id = gen_random_uuid()",
    "UPDATE orders SET side = CASE side WHEN 'BUY' THEN 'SELL' ELSE 'BUY' END::order_side_enum WHERE stop_price IS NOT NULL",
    "UPDATE orders SET quantity = quantity + 0.001",
    "UPDATE orders SET filled_quantity = 0",
    "UPDATE orders SET prevented_quantity = 0",
    "UPDATE orders SET price = price - 0.01 WHERE side = 'BUY'",
    "UPDATE orders SET stop_price = stop_price + 0.01",
    "UPDATE orders SET time_in_force = 'GTC', expires_at = NULL",
    "UPDATE orders SET expires_at = NULL WHERE time_in_force = 'GTC'; UPDATE orders SET expires_at = expires_at + interval '1 second'",
    "UPDATE orders SET client_order_id = NULL",
    "UPDATE orders SET updated_at = updated_at + interval '1 second'",
    "UPDATE orders SET display_quantity = NULL",
    "UPDATE orders SET self_trade_prevention = 'NONE'",
    "UPDATE orders SET protection_price = NULL",
    "UPDATE orders SET filled_notional = 0",
    "UPDATE orders SET fee_paid = 0",
    "UPDATE orders SET maker_fee = 0",
    "UPDATE orders SET taker_fee = 0",
    "UPDATE orders SET triggered_at = now()",
    "UPDATE orders SET applied_at = NULL",
    "UPDATE orders SET rank = NULL",
    "UPDATE orders SET turn = NULL",
    "UPDATE orders SET displayed_remaining = NULL",
    "UPDATE orders SET reserve_left = 0",
    "UPDATE orders SET release_number = 0",
    "UPDATE orders SET amendment = NULL",
    "UPDATE orders SET status = 'CANCELLED', reserve_left = 0, turn = NULL, displayed_remaining = NULL WHERE rank = 1",
    "UPDATE market_state SET status = 'halted'",
    "UPDATE market_state SET last_price = NULL",
    "UPDATE market_state SET rank = rank + 1",
    "UPDATE market_state SET turn = turn + 1",
    "UPDATE market_state SET trade_number = 0",
    "UPDATE market_state SET event_seq = 0",
    "UPDATE market_state SET last_time = last_time + interval '1 second'",
    "UPDATE market_state SET defined = false",
    "UPDATE market_state SET shard = 1 WHERE symbol = 'ABC/USD'",
];

#[tokio::test(flavor = "multi_thread")]
async fn without_any_one_column_the_state_is_another() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    lively(&bed).await;
    running.stop().await;
    let digest = bed.digest(0).await;
    let mut connection = bed.connect().await;
    for loss in LOSSES {
        // Only what a shard lives by is left.
        let begin = "BEGIN; DELETE FROM trades; \
            DELETE FROM orders WHERE status NOT IN ('OPEN', 'PARTIALLY_FILLED')";
        connection.batch_execute(begin).await.unwrap();
        connection.batch_execute(loss).await.unwrap();
        let loaded = load(&mut connection, 0, 1).await;
        let same = loaded.is_ok_and(|mut fold| fold.digest() == digest);
        assert!(!same, "{loss}");
        connection.batch_execute("ROLLBACK").await.unwrap();
    }
    // The deadline alone is over once the order is in.
    assert_eq!(bed.digest(0).await, digest);
}
