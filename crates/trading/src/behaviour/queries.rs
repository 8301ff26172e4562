//! Questions: what was answered is seen, what is somebody else's is not, lists and depth come in order.

use domain::{MarketNumber, OrderId, OrderRef, Side::Buy, Side::Sell, Status, TransferKind};

use crate::behaviour::Venue;
use crate::behaviour::stage::{Stage, client, price, whole};
use crate::{NewOrder, OrderEntry, OrderFilter, Queries, QueryError};

pub(super) async fn what_was_answered_is_seen_by_every_later_question<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let alice = stage.user(0, 10_000).await;
    for turn in 1..=10 {
        let order = stage.limits(alice, Buy, 2, 90 + turn).await;
        assert_eq!(stage.look(alice, &order).await, order);
        let best = stage
            .exchange()
            .depth(stage.number(), 1)
            .await
            .expect("the depth is told");
        assert_eq!(best.bids.first().map(|level| level.price), Some(price(90 + turn)));
        let newest = OrderFilter {
            limit: 1,
            ..OrderFilter::default()
        };
        assert_eq!(stage.exchange().orders(alice, newest).await, Ok(vec![order]));
        let receipt = stage
            .transfer(TransferKind::Deposit, &stage.key(), alice, stage.base(), whole(1))
            .await
            .expect("a deposit is taken");
        let balances = stage.exchange().balances(alice).await.expect("balances are told");
        let base = balances.iter().find(|balance| balance.asset == stage.base());
        assert_eq!(base.map(|balance| balance.available), Some(receipt.available));
    }
    let markets = stage.exchange().markets();
    let view = markets.by_symbol(stage.market.symbol());
    assert_eq!(view.map(|view| &view.market), Some(&stage.market));
    assert!(
        stage.exchange().health().await.ready,
        "an exchange that answers is ready"
    );
    stage.finish().await;
}

pub(super) async fn somebody_elses_order_is_not_found_like_an_unknown_one<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, mallory) = (stage.user(0, 5_000).await, stage.user(0, 0).await);
    let named = |name, at| NewOrder {
        client_order_id: client(name),
        ..stage.limit(Buy, 5, at)
    };
    let live = stage.placed(alice, named("live", 100)).await;
    let ended = stage.placed(alice, named("ended", 101)).await;
    let cancelled = stage.exchange().cancel(alice, OrderRef::Id(ended.order_id)).await;
    assert!(cancelled.is_ok(), "{cancelled:?}");
    for order in [
        OrderRef::Id(live.order_id),
        OrderRef::Id(ended.order_id),
        OrderRef::Client("live".parse().expect("a good id")),
        OrderRef::Client("ended".parse().expect("a good id")),
        OrderRef::Id(OrderId::from_u128(7)),
        OrderRef::Client("nobodys".parse().expect("a good id")),
    ] {
        let answer = stage.exchange().order(mallory, order.clone()).await;
        assert_eq!(answer, Err(QueryError::NotFound), "{order:?}");
    }
    let everything = OrderFilter {
        limit: 10,
        ..OrderFilter::default()
    };
    assert_eq!(stage.exchange().orders(mallory, everything).await, Ok(Vec::new()));
    assert_eq!(stage.exchange().balances(mallory).await, Ok(Vec::new()));
    stage.finish().await;
}

pub(super) async fn lists_are_newest_first_and_filtered<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let alice = stage.user(0, 10_000).await;
    let mut ids = Vec::new();
    for at in 91..=96 {
        ids.push(stage.limits(alice, Buy, 2, at).await.order_id);
    }
    // The first ends last: lists go by when orders came, not by when they ended.
    for ended in [ids[3], ids[1], ids[0]] {
        let cancelled = stage.exchange().cancel(alice, OrderRef::Id(ended)).await;
        assert!(cancelled.is_ok(), "{cancelled:?}");
    }
    let (here, elsewhere) = (Some(stage.number()), Some(MarketNumber(venue.fresh())));
    for (market, live, limit, expected) in [
        (None, None, 10, vec![5, 4, 3, 2, 1, 0]),
        (here, None, 10, vec![5, 4, 3, 2, 1, 0]),
        (here, None, 3, vec![5, 4, 3]),
        (here, Some(true), 10, vec![5, 4, 2]),
        (here, Some(true), 2, vec![5, 4]),
        (here, Some(false), 10, vec![3, 1, 0]),
        (here, Some(false), 2, vec![3, 1]),
        (here, Some(false), 1, vec![3]),
        (elsewhere, None, 10, vec![]),
        (None, None, 0, vec![]),
    ] {
        let filter = OrderFilter {
            market,
            live,
            limit,
            ..OrderFilter::default()
        };
        let orders = stage
            .exchange()
            .orders(alice, filter)
            .await
            .expect("orders are told");
        let found: Vec<_> = orders.iter().map(|order| order.order_id).collect();
        let expected: Vec<_> = expected.into_iter().map(|at: usize| ids[at]).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    stage.finish().await;
}

pub(super) async fn lists_go_by_side_status_and_page<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(20, 10_000).await, stage.user(20, 0).await);
    // 0 and 3 are filled, 1 and 4 cancelled, 2 is partly filled, 5 open.
    let mut ids = Vec::new();
    for (side, at) in [
        (Buy, 102),
        (Sell, 110),
        (Buy, 99),
        (Buy, 101),
        (Sell, 111),
        (Sell, 112),
    ] {
        ids.push(stage.limits(alice, side, 4, at).await.order_id);
    }
    stage.limits(bob, Sell, 10, 99).await;
    for ended in [ids[1], ids[4]] {
        let cancelled = stage.exchange().cancel(alice, OrderRef::Id(ended)).await;
        assert!(cancelled.is_ok(), "{cancelled:?}");
    }
    let (open, partly, filled, cancelled) = (
        Some(Status::Open),
        Some(Status::PartiallyFilled),
        Some(Status::Filled),
        Some(Status::Cancelled),
    );
    for (side, status, live, before, limit, expected) in [
        (Some(Buy), None, None, None, 10, vec![3, 2, 0]),
        (Some(Sell), None, None, None, 10, vec![5, 4, 1]),
        (None, filled, None, None, 10, vec![3, 0]),
        (None, cancelled, None, None, 10, vec![4, 1]),
        (None, open, None, None, 10, vec![5]),
        (None, partly, None, None, 10, vec![2]),
        (Some(Buy), cancelled, None, None, 10, vec![]),
        (None, open, Some(false), None, 10, vec![]),
        (None, filled, Some(true), None, 10, vec![]),
        (None, filled, Some(false), None, 1, vec![3]),
        (None, None, None, Some(ids[4]), 2, vec![3, 2]),
        (None, None, None, Some(ids[2]), 2, vec![1, 0]),
        (None, None, None, Some(ids[0]), 2, vec![]),
        (Some(Sell), None, Some(false), Some(ids[4]), 10, vec![1]),
    ] {
        let filter = OrderFilter {
            market: Some(stage.number()),
            side,
            live,
            status,
            before,
            limit,
        };
        let orders = stage.exchange().orders(alice, filter).await;
        let orders = orders.expect("orders are told");
        let found: Vec<_> = orders.iter().map(|order| order.order_id).collect();
        let expected: Vec<_> = expected.into_iter().map(|at: usize| ids[at]).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    stage.finish().await;
}

pub(super) async fn depth_shows_levels_best_first<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(20, 5_000).await, stage.user(20, 5_000).await);
    assert_eq!(stage.book().await, "bids asks");
    for (side, quantity, at) in [
        (Buy, 2, 97),
        (Buy, 3, 99),
        (Buy, 4, 98),
        (Sell, 5, 103),
        (Sell, 6, 101),
    ] {
        stage.limits(alice, side, quantity, at).await;
    }
    stage.limits(bob, Buy, 2, 99).await;
    assert_eq!(stage.book().await, "bids 5@99 4@98 2@97 asks 6@101 5@103");
    let two = stage
        .exchange()
        .depth(stage.number(), 2)
        .await
        .expect("the depth is told");
    assert_eq!(
        (two.market, two.bids.len(), two.asks.len()),
        (stage.number(), 2, 2)
    );
    let before = two.seq;
    stage.limits(bob, Buy, 2, 96).await;
    let after = stage
        .exchange()
        .depth(stage.number(), 0)
        .await
        .expect("the depth is told");
    assert!(
        after.seq > before && after.bids.is_empty() && after.asks.is_empty(),
        "{after:?}"
    );
    let nowhere = MarketNumber(venue.fresh());
    assert_eq!(
        stage.exchange().depth(nowhere, 1).await,
        Err(QueryError::NotFound)
    );
    assert_eq!(
        stage.exchange().trades(nowhere, 1).await,
        Err(QueryError::NotFound)
    );
    stage.finish().await;
}

pub(super) async fn trades_are_newest_first<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(20, 0).await, stage.user(0, 5_000).await);
    for at in [100, 101, 102] {
        stage.limits(alice, Sell, 2, at).await;
        stage.limits(bob, Buy, 2, at).await;
    }
    let trades = stage.trades().await;
    let told: Vec<_> = trades
        .iter()
        .map(|t| (t.number, t.price.ticks(), t.maker_side))
        .collect();
    assert_eq!(told, [(3, 102, Sell), (2, 101, Sell), (1, 100, Sell)]);
    assert!(
        trades.windows(2).all(|pair| pair[0].trade_id > pair[1].trade_id),
        "later ids are greater"
    );
    let newest = stage.exchange().trades(stage.number(), 1).await;
    assert_eq!(newest, Ok(trades[..1].to_vec()));
    stage.finish().await;
}
