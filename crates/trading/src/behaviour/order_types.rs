//! What each order type and time in force does when it meets the book.

use domain::{SelfTradePrevention, Side::Buy, Side::Sell, Size, Terms, TimeInForce};

use crate::NewOrder;
use crate::behaviour::Venue;
use crate::behaviour::stage::{Stage, lots, price, told, whole};

pub(super) async fn a_limit_order_rests_and_reserves<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(0, 1_000).await, stage.user(7, 0).await);
    let bid = stage.limits(alice, Buy, 5, 100).await;
    assert_eq!(told(&bid), "OPEN 0/5");
    assert_eq!(
        (bid.user_id, bid.market, bid.side),
        (alice.user_id, stage.number(), Buy)
    );
    assert_eq!(stage.has(alice).await, "base 0 + 0, quote 500 + 500");
    let ask = stage.limits(bob, Sell, 4, 101).await;
    assert_eq!(told(&ask), "OPEN 0/4");
    assert_eq!(stage.has(bob).await, "base 3 + 4, quote 0 + 0");
    assert_eq!(stage.book().await, "bids 5@100 asks 4@101");
    assert!(bid.order_id < ask.order_id, "later orders have greater ids");
    stage.finish().await;
}

pub(super) async fn better_prices_first_then_earlier_orders_at_the_makers_price<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let [a, b, c] = [
        stage.user(5, 0).await,
        stage.user(5, 0).await,
        stage.user(5, 0).await,
    ];
    let dear = stage.limits(a, Sell, 5, 101).await;
    let first = stage.limits(b, Sell, 5, 100).await;
    let second = stage.limits(c, Sell, 5, 100).await;
    let taker = stage.user(0, 2_000).await;
    let bid = stage.limits(taker, Buy, 12, 105).await;
    assert_eq!(told(&bid), "FILLED 12/12");
    assert_eq!(stage.stands(b, &first).await, "FILLED 5/5");
    assert_eq!(stage.stands(c, &second).await, "FILLED 5/5");
    assert_eq!(stage.stands(a, &dear).await, "PARTIALLY_FILLED 2/5");
    let told: Vec<_> = stage
        .trades()
        .await
        .iter()
        .map(|t| (t.seller.order_id, t.price.ticks(), t.quantity.lots().0))
        .collect();
    let expected = [
        (dear.order_id, 101, 2),
        (second.order_id, 100, 5),
        (first.order_id, 100, 5),
    ];
    assert_eq!(told, expected, "newest first");
    // 12 bought at 1202 in all with 0.2 % of what is received as fee; reserved were 1260, and the rest came back.
    assert_eq!(stage.has(taker).await, "base 11.976 + 0, quote 798 + 0");
    assert_eq!(stage.has(b).await, "base 0 + 0, quote 499.5 + 0");
    assert_eq!(stage.has(a).await, "base 0 + 3, quote 201.798 + 0");
    assert_eq!(
        (bid.filled_notional, bid.fee),
        (whole(1_202), domain::Amount(2_400_000))
    );
    stage.finish().await;
}

pub(super) async fn a_market_order_by_quantity_takes_what_there_is<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (maker, taker) = (stage.user(10, 0).await, stage.user(0, 5_000).await);
    stage.limits(maker, Sell, 5, 100).await;
    stage.limits(maker, Sell, 5, 101).await;
    let by = |side, quantity| stage.at_market(side, Size::Quantity(lots(quantity)));
    assert_eq!(told(&stage.placed(taker, by(Buy, 8)).await), "FILLED 8/8");
    assert_eq!(
        told(&stage.placed(taker, by(Buy, 5)).await),
        "EXPIRED 2/5 immediate"
    );
    assert_eq!(
        told(&stage.placed(taker, by(Buy, 5)).await),
        "EXPIRED 0/5 immediate"
    );
    stage.limits(maker, Buy, 3, 99).await;
    assert_eq!(told(&stage.placed(taker, by(Sell, 3)).await), "FILLED 3/3");
    assert_eq!(stage.book().await, "bids asks");
    stage.finish().await;
}

pub(super) async fn a_market_order_never_trades_beyond_its_protection_price<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (maker, taker) = (stage.user(10, 2_000).await, stage.user(10, 5_000).await);
    stage.limits(maker, Sell, 5, 110).await;
    stage.limits(maker, Sell, 5, 111).await;
    let bought = stage
        .placed(taker, stage.at_market(Buy, Size::Quantity(lots(8))))
        .await;
    assert_eq!(bought.protection_price, Some(price(110)));
    assert_eq!(told(&bought), "EXPIRED 5/8 immediate");
    // The last price is 110 now: sells go down to 99.
    stage.limits(maker, Buy, 5, 99).await;
    stage.limits(maker, Buy, 5, 98).await;
    let sold = stage
        .placed(taker, stage.at_market(Sell, Size::Quantity(lots(8))))
        .await;
    assert_eq!(sold.protection_price, Some(price(99)));
    assert_eq!(told(&sold), "EXPIRED 5/8 immediate");
    assert_eq!(stage.book().await, "bids 5@98 asks 5@111");
    stage.finish().await;
}

pub(super) async fn a_market_buy_by_budget_spends_no_more<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (maker, taker) = (stage.user(10, 0).await, stage.user(0, 2_000).await);
    stage.limits(maker, Sell, 5, 100).await;
    stage.limits(maker, Sell, 5, 101).await;
    // 500 for five, 202 for two; the last 1 buys no lot.
    let spent = stage
        .placed(taker, stage.at_market(Buy, Size::Budget(whole(703))))
        .await;
    assert_eq!(
        (told(&spent).as_str(), spent.filled_notional),
        ("FILLED 7/703", whole(702))
    );
    assert_eq!(stage.has(taker).await, "base 6.986 + 0, quote 1298 + 0");
    let starved = stage
        .placed(taker, stage.at_market(Buy, Size::Budget(whole(1_000))))
        .await;
    assert_eq!(told(&starved), "EXPIRED 3/1000 immediate");
    assert_eq!(stage.has(taker).await, "base 9.98 + 0, quote 995 + 0");
    stage.finish().await;
}

pub(super) async fn immediate_or_cancel_expires_its_rest<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (maker, taker) = (stage.user(3, 0).await, stage.user(0, 1_000).await);
    stage.limits(maker, Sell, 3, 100).await;
    let ioc = |quantity, at| NewOrder {
        time_in_force: TimeInForce::Ioc,
        ..stage.limit(Buy, quantity, at)
    };
    assert_eq!(
        told(&stage.placed(taker, ioc(2, 99)).await),
        "EXPIRED 0/2 immediate"
    );
    assert_eq!(
        told(&stage.placed(taker, ioc(5, 100)).await),
        "EXPIRED 3/5 immediate"
    );
    assert_eq!(stage.has(taker).await, "base 2.994 + 0, quote 700 + 0");
    assert_eq!(stage.book().await, "bids asks");
    stage.finish().await;
}

pub(super) async fn fill_or_kill_fills_whole_or_not_at_all<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (maker, taker) = (stage.user(6, 0).await, stage.user(0, 5_000).await);
    stage.limits(maker, Sell, 3, 100).await;
    stage.limits(maker, Sell, 3, 101).await;
    let fok = |order: NewOrder| NewOrder {
        time_in_force: TimeInForce::Fok,
        ..order
    };
    let killed = stage.placed(taker, fok(stage.limit(Buy, 5, 100))).await;
    assert_eq!(told(&killed), "EXPIRED 0/5 fill_or_kill");
    assert_eq!(stage.book().await, "bids asks 3@100 3@101");
    assert_eq!(
        told(&stage.placed(taker, fok(stage.limit(Buy, 4, 101))).await),
        "FILLED 4/4"
    );
    let at_market = |quantity| fok(stage.at_market(Buy, Size::Quantity(lots(quantity))));
    assert_eq!(
        told(&stage.placed(taker, at_market(3)).await),
        "EXPIRED 0/3 fill_or_kill"
    );
    assert_eq!(told(&stage.placed(taker, at_market(2)).await), "FILLED 2/2");
    stage.finish().await;
}

pub(super) async fn post_only_rests_or_is_rejected<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (maker, taker) = (stage.user(5, 0).await, stage.user(0, 1_000).await);
    stage.limits(maker, Sell, 5, 101).await;
    let post_only = |at| {
        let (quantity, display) = (lots(5), None);
        let terms = Terms::Limit {
            price: price(at),
            quantity,
            display,
            post_only: true,
        };
        stage.order(Buy, terms)
    };
    let reason = stage.rejected(taker, post_only(101)).await;
    assert_eq!(reason, domain::RejectReason::PostOnlyWouldTake);
    assert_eq!(stage.has(taker).await, "base 0 + 0, quote 1000 + 0");
    assert_eq!(told(&stage.placed(taker, post_only(100)).await), "OPEN 0/5");
    assert_eq!(stage.book().await, "bids 5@100 asks 5@101");
    stage.finish().await;
}

pub(super) async fn an_iceberg_shows_its_display_quantity_and_refills_behind_the_others<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(9, 0).await, stage.user(3, 0).await);
    let terms = Terms::Limit {
        price: price(100),
        quantity: lots(9),
        display: Some(lots(3)),
        post_only: false,
    };
    let iceberg = stage.placed(alice, stage.order(Sell, terms)).await;
    let plain = stage.limits(bob, Sell, 3, 100).await;
    assert_eq!(stage.book().await, "bids asks 6@100");
    let taker = stage.user(0, 2_000).await;
    stage.limits(taker, Buy, 3, 100).await;
    assert_eq!(stage.stands(alice, &iceberg).await, "PARTIALLY_FILLED 3/9");
    assert_eq!(stage.book().await, "bids asks 6@100");
    stage.limits(taker, Buy, 3, 100).await;
    assert_eq!(stage.stands(bob, &plain).await, "FILLED 3/3");
    assert_eq!(stage.book().await, "bids asks 3@100");
    stage.limits(taker, Buy, 6, 100).await;
    assert_eq!(stage.stands(alice, &iceberg).await, "FILLED 9/9");
    stage.finish().await;
}

pub(super) async fn self_trade_prevention_follows_the_takers_mode<V: Venue>(venue: &V) {
    use SelfTradePrevention::{Decrement, ExpireBoth, ExpireMaker, ExpireTaker, None};
    for (mode, maker_ends, taker_ends, book) in [
        (None, "FILLED 5/5", "PARTIALLY_FILLED 5/8", "bids 3@100 asks"),
        (
            ExpireTaker,
            "OPEN 0/5",
            "CANCELLED 0/8 self_trade",
            "bids asks 5@100",
        ),
        (
            ExpireMaker,
            "CANCELLED 0/5 self_trade",
            "OPEN 0/8",
            "bids 8@100 asks",
        ),
        (
            ExpireBoth,
            "CANCELLED 0/5 self_trade",
            "CANCELLED 0/8 self_trade",
            "bids asks",
        ),
        (
            Decrement,
            "CANCELLED 0/5 self_trade",
            "OPEN 0/8",
            "bids 3@100 asks",
        ),
    ] {
        let stage = Stage::open(venue).await;
        let alice = stage.user(5, 1_000).await;
        let maker = stage.limits(alice, Sell, 5, 100).await;
        let taker = NewOrder {
            self_trade_prevention: mode,
            ..stage.limit(Buy, 8, 100)
        };
        let taker = stage.placed(alice, taker).await;
        let stood = (
            stage.stands(alice, &maker).await,
            told(&taker),
            stage.book().await,
        );
        let expected = (maker_ends.to_owned(), taker_ends.to_owned(), book.to_owned());
        assert_eq!(stood, expected, "{}", mode.word());
        stage.finish().await;
    }
}
