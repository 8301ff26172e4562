//! Operators: markets, money, tiers and keys; and what is removed when it is over.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::{
    Amount, ApiKey, FeeRate, KeyMaterial, MarketNumber, MarketState, OrderRef, Side, Stamp, Tier, Transfer,
    TransferKind, UserId,
};
use futures_util::future::join_all;
use persistence::postgres::intake::forget_oldest;
use trading::{EntryError, Placed};

use super::house::{House, PATIENCE, definition, limit, named, whole};
use crate::News;
use crate::sweeper::crowds::Crowds;
use crate::sweeper::tidy::Tidying;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_takes_no_commands_gets_no_placements_and_cancels_still() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    let order = house.intake.place(alice, limit(Side::Buy, 1, 100)).await;
    let Ok(Placed::New(order)) = order else {
        panic!("{order:?}")
    };
    let halt = "UPDATE shards SET halted = 'the wallet refuses'";
    house.sql.execute(halt, &[]).await.unwrap();
    Arc::clone(&house.intake).look_at_shards().await;
    let refused = house.intake.place(alice, limit(Side::Buy, 1, 100)).await;
    assert!(
        matches!(refused, Err(EntryError::Unavailable { .. })),
        "{refused:?}"
    );
    assert_eq!(house.count("SELECT count(*) FROM orders").await, 1);
    let cancelled = house.intake.cancel(alice, OrderRef::Id(order.order_id)).await;
    assert!(cancelled.is_ok(), "{cancelled:?}");
    let again = "UPDATE shards SET halted = NULL";
    house.sql.execute(again, &[]).await.unwrap();
    Arc::clone(&house.intake).look_at_shards().await;
    assert!(house.intake.place(alice, limit(Side::Buy, 1, 100)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_takes_no_commands_is_known_though_somebody_holds_the_orders() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    for sql in [
        "UPDATE shards SET halted = 'the wallet refuses'",
        "BEGIN; LOCK TABLE orders",
    ] {
        house.sql.batch_execute(sql).await.unwrap();
    }
    Arc::clone(&house.intake).look_at_shards().await;
    house.sql.batch_execute("ROLLBACK").await.unwrap();
    let refused = house.intake.place(alice, limit(Side::Buy, 1, 100)).await;
    assert!(
        matches!(refused, Err(EntryError::Unavailable { .. })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_market_is_defined_once_and_keeps_its_grid() {
    let house = House::open().await;
    let other = house.another(PATIENCE).await;
    let new = definition(2, "ETH/USDT");
    let gateways = [&house.intake, &other];
    let defining = (0..6).map(|n| gateways[n % 2].define_market(new.clone()));
    for answer in join_all(defining).await {
        assert_eq!(answer, Ok(()), "the same again changes nothing");
    }
    assert_eq!(house.count("SELECT count(*) FROM markets").await, 2);
    assert_eq!(
        house
            .count("SELECT count(*) FROM market_state WHERE defined")
            .await,
        2
    );
    let mut tick = new.clone();
    tick.tick = whole(2);
    let mut twin = definition(3, "ETH/USDT");
    let mut moved = definition(2, "LTC/USDT");
    moved.max_open_orders = 5;
    twin.lot = whole(1);
    let mut senseless = definition(4, "ADA/USDT");
    senseless.lot = Amount(0);
    for (definition, field) in [
        (tick, "tick"),
        (twin, "symbol"),
        (moved, "tick"),
        (senseless, "lot"),
    ] {
        match house.intake.define_market(definition).await {
            Err(EntryError::Invalid(error)) => assert_eq!(error.field, field),
            other => panic!("{other:?}"),
        }
    }
    let mut dear = new.clone();
    dear.taker_fee = FeeRate(1_000_000);
    assert_eq!(house.intake.define_market(dear.clone()).await, Ok(()));
    let markets = house.intake.grids.table().markets();
    let market = &markets.by_number(MarketNumber(2)).unwrap().market;
    assert_eq!(market.definition(), &dear);
    let nowhere = house
        .intake
        .set_market_state(MarketNumber(9), MarketState::Open)
        .await;
    assert_eq!(nowhere, Err(EntryError::UnknownMarket));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_markets_go_where_there_are_fewest() {
    let house = House::open().await;
    house
        .sql
        .batch_execute("INSERT INTO shards (shard) VALUES (1)")
        .await
        .unwrap();
    // Nobody owns the second shard: the answer is not known, and the market is where it belongs.
    let impatient = house.another(std::time::Duration::from_millis(100)).await;
    let defined = impatient.define_market(definition(2, "ETH/USDT")).await;
    assert_eq!(defined, Err(EntryError::OutcomeUnknown));
    let shard = "SELECT shard::bigint FROM market_state WHERE symbol = 'ETH/USDT'";
    assert_eq!(house.count(shard).await, 1);
    assert_eq!(
        house.count("SELECT count(*) FROM commands WHERE shard = 1").await,
        1
    );
    assert!(house.heard.news.lock().unwrap().contains(&News::Markets));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfers_are_the_wallets_and_refused_as_everywhere() {
    let house = House::open().await;
    let transfer = |kind, key: &str, amount| Transfer {
        kind,
        key: key.parse().unwrap(),
        user_id: UserId::from_u128(1),
        asset: "USDT".parse().unwrap(),
        amount,
    };
    let (deposit, withdrawal) = (TransferKind::Deposit, TransferKind::Withdrawal);
    let done = house
        .intake
        .transfer(transfer(deposit, "a", whole(10)))
        .await
        .unwrap();
    assert_eq!(done.available, whole(10));
    let again = house
        .intake
        .transfer(transfer(deposit, "a", whole(10)))
        .await
        .unwrap();
    assert_eq!(again, done);
    let refused = |transfer| {
        let intake = Arc::clone(&house.intake);
        async move { intake.transfer(transfer).await.unwrap_err() }
    };
    let conflict = refused(transfer(deposit, "a", whole(11))).await;
    assert_eq!(conflict, EntryError::TransferKeyConflict);
    let poor = refused(transfer(withdrawal, "b", whole(11))).await;
    assert_eq!(poor, EntryError::InsufficientBalance);
    for amount in [Amount::ZERO, Amount::MAX] {
        let key = format!("c-{}", amount.0);
        match refused(transfer(deposit, &key, amount)).await {
            EntryError::Invalid(error) => assert_eq!(error.field, "amount"),
            other => panic!("{other:?}"),
        }
    }
    let news = house.heard.news.lock().unwrap().clone();
    let told = news.iter().filter_map(|news| match news {
        News::Balances(balances) => balances.first().map(|balance| balance.available),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [whole(10), whole(10)]);
    house.wallet.deaf.store(true, Ordering::SeqCst);
    let silent = refused(transfer(deposit, "d", whole(1))).await;
    assert!(matches!(silent, EntryError::Unavailable { .. }));
}

fn tier(name: &str, taker_fee: u32) -> Tier {
    Tier {
        name: name.parse().unwrap(),
        orders_per_second: Some(5),
        maker_fee: None,
        taker_fee: Some(FeeRate(taker_fee)),
    }
}

fn key(id: &str, user_id: UserId) -> ApiKey {
    ApiKey {
        key_id: id.parse().unwrap(),
        user_id,
        institution_id: None,
        label: "a bot".to_owned(),
        material: KeyMaterial::HmacSha256(vec![1, 2, 3]),
        scope: "trade".to_owned(),
        addresses: vec!["10.0.0.0/8".to_owned()],
        created_at: Stamp::FIRST,
        revoked_at: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_register_is_seen_here_at_once_and_elsewhere_soon() {
    let house = House::open().await;
    let other = house.another(PATIENCE).await;
    let alice = house.user(1, 1_000, 0).await;
    let gold = || Some("gold".parse().unwrap());
    let unknown = house.intake.set_account_tier(alice.user_id, gold()).await;
    assert_eq!(unknown, Err(EntryError::UnknownTier));
    house.intake.define_tier(tier("gold", 7)).await.unwrap();
    house
        .intake
        .set_account_tier(alice.user_id, gold())
        .await
        .unwrap();
    assert_eq!(
        house.intake.register.tier_of(alice.user_id).as_deref(),
        Some(&tier("gold", 7))
    );
    assert_eq!(other.register.tier_of(alice.user_id), None);
    other.register.catch_up(&other.pool).await.unwrap();
    assert_eq!(
        other.register.tier_of(alice.user_id).as_deref(),
        Some(&tier("gold", 7))
    );
    let Ok(Placed::New(order)) = house.intake.place(alice, limit(Side::Buy, 1, 100)).await else {
        panic!("it is placed");
    };
    assert_eq!((order.taker_fee, order.maker_fee), (FeeRate(7), FeeRate(100_000)));
    house.intake.set_account_tier(alice.user_id, None).await.unwrap();
    assert_eq!(house.intake.register.tier_of(alice.user_id), None);
    let news = house.heard.news.lock().unwrap().clone();
    assert_eq!(
        news.last(),
        Some(&News::Register(house.intake.register.version()))
    );
    let senseless = Tier {
        orders_per_second: Some(0),
        ..tier("gold", 7)
    };
    let refused = house.intake.define_tier(senseless).await;
    assert!(matches!(refused, Err(EntryError::Invalid(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn api_keys_are_kept_counted_and_revoked_for_ever() {
    let house = House::open().await;
    let (alice, bob) = (UserId::from_u128(1), UserId::from_u128(2));
    house.intake.add_api_key(key("first", alice)).await.unwrap();
    let taken = house.intake.add_api_key(key("first", bob)).await;
    assert_eq!(taken, Err(EntryError::ApiKeyTaken));
    let kept = house.intake.register.key(&"first".parse().unwrap()).unwrap();
    let expected = ApiKey {
        created_at: kept.created_at,
        ..key("first", alice)
    };
    assert_eq!((&*kept, kept.created_at > Stamp::FIRST), (&expected, true));
    let revoke = |id: &str| house.intake.revoke_api_key(id.parse().unwrap());
    assert_eq!(revoke("nobodys").await, Err(EntryError::UnknownApiKey));
    revoke("first").await.unwrap();
    let revoked = house.intake.register.key(&kept.key_id).unwrap().revoked_at;
    assert!(revoked >= Some(kept.created_at));
    revoke("first").await.unwrap();
    assert_eq!(
        house.intake.register.key(&kept.key_id).unwrap().revoked_at,
        revoked
    );
    // All at once: they are counted one after the other.
    let adding = (0..60).map(|n| house.intake.add_api_key(key(&format!("n-{n}"), alice)));
    let answers = join_all(adding).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 50);
    let fields = answers.iter().filter_map(|answer| match answer {
        Err(EntryError::Invalid(error)) => Some(error.field),
        _ => None,
    });
    assert_eq!(fields.collect::<Vec<_>>(), ["user_id"; 10]);
    assert_eq!(house.intake.register.keys_of(alice).len(), 51);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_over_is_removed_and_what_is_not_stays() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    for name in ["ended", "live"] {
        let order = named(name, limit(Side::Buy, 1, 100));
        assert!(matches!(
            house.intake.place(alice, order).await,
            Ok(Placed::New(_))
        ));
    }
    let ended = OrderRef::Client("ended".parse().unwrap());
    house.intake.cancel(alice, ended).await.unwrap();
    house.intake.arm(alice, 1_000_000).await.unwrap();
    house
        .until("the switch has fired", async |house| {
            Arc::clone(&house.intake).fire_timers().await;
            house.count("SELECT count(*) FROM cancel_cutoffs").await == 1
        })
        .await;
    let tidying = Tidying::beginning(None, PATIENCE);
    let left = async || {
        Arc::clone(&house.intake).tidy(&tidying).await;
        let ids = house.count("SELECT count(*) FROM client_order_ids").await;
        (ids, house.count("SELECT count(*) FROM cancel_cutoffs").await)
    };
    assert_eq!(left().await, (2, 1));
    // Two days ago there are partitions for, and an id is as old as its order.
    let days = "UPDATE orders SET cancelled_at = now() - interval '25 hours' WHERE client_order_id = 'ended';
        UPDATE cancel_cutoffs SET until = now() - interval '1 second', received_before = now() + interval '1 hour'";
    house.sql.batch_execute(days).await.unwrap();
    assert_eq!(left().await.1, 0);
    assert_eq!(
        house.count("SELECT count(*) FROM client_order_ids").await,
        2,
        "orders of today are passed over"
    );
    let older = "UPDATE client_order_ids SET order_id = v7_floor(v7_time(order_id) - interval '25 hours')
        WHERE client_order_id = 'ended'";
    house.sql.batch_execute(older).await.unwrap();
    assert_eq!(left().await.0, 1, "its order went with its month");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_turn_removes_as_many_client_ids_as_there_is_time_for() {
    let house = House::open().await;
    let many = "INSERT INTO client_order_ids SELECT gen_random_uuid(), n::text,
            v7_floor(now() - interval '30 hours' + n * interval '1 millisecond'), 1 FROM generate_series(1, 12000) n";
    house.sql.batch_execute(many).await.unwrap();
    let tidying = Tidying::beginning(None, PATIENCE);
    Arc::clone(&house.intake).tidy(&tidying).await;
    assert_eq!(house.count("SELECT count(*) FROM client_order_ids").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oldest_client_ids_of_a_user_who_has_too_many_are_forgotten_unless_their_orders_live() {
    let house = House::open().await;
    let (alice, bob) = (house.user(1, 1_000, 0).await, house.user(2, 1_000, 0).await);
    let place = async |who, name: &str| {
        let order = named(name, limit(Side::Buy, 1, 100));
        let placed = house.intake.place(who, order).await;
        assert!(matches!(placed, Ok(Placed::New(_))), "{placed:?}");
    };
    let cancel = async |who, name: &str| {
        let order = OrderRef::Client(name.parse().unwrap());
        house.intake.cancel(who, order).await.unwrap();
    };
    place(alice, "lives").await;
    for name in ["a", "b", "c", "d"] {
        place(alice, name).await;
        cancel(alice, name).await;
    }
    for name in ["x", "y", "z"] {
        place(bob, name).await;
        cancel(bob, name).await;
    }
    let names = async || {
        let rows = house
            .sql
            .query(
                "SELECT client_order_id FROM client_order_ids ORDER BY order_id",
                &[],
            )
            .await
            .unwrap();
        let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        names.concat()
    };
    let thinned = async |keep, most| {
        let walk = Crowds::keeping(keep, most, 1, PATIENCE);
        Arc::clone(&house.intake).thin_out(&walk).await;
        names().await
    };
    assert_eq!(thinned(2, 5).await, "livesabcdxyz", "nobody has more than five");
    assert_eq!(thinned(3, 4).await, "livesbcdxyz");
    let mut connection = house.intake.pool.get().await.unwrap();
    let one = forget_oldest(&mut connection, alice.user_id, 1, 1).await;
    drop(connection);
    assert_eq!(
        (one.unwrap(), names().await.as_str()),
        (1, "livescdxyz"),
        "the oldest first"
    );
    assert_eq!(thinned(1, 2).await, "livesdz");
    // What is forgotten may stand for another order.
    place(alice, "a").await;
}
