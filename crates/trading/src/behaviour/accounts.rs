//! Tiers and API keys: kept for ever, looked up from memory as soon as they are answered.

use domain::{ApiKey, FeeRate, KeyMaterial, Side::Buy, Side::Sell, Stamp, Tier, TierName};

use crate::behaviour::Venue;
use crate::behaviour::stage::Stage;
use crate::{Accounts, Caller, EntryError, Operations};

fn tier(name: &TierName, orders_per_second: u32, taker_fee: Option<FeeRate>) -> Tier {
    Tier {
        name: name.clone(),
        orders_per_second: Some(orders_per_second),
        maker_fee: None,
        taker_fee,
    }
}

/// A name that no other case uses.
fn fresh_name<V: Venue>(venue: &V) -> TierName {
    let name = format!("tier-{}", venue.fresh());
    name.parse().expect("the name is short and plain")
}

pub(super) async fn a_tier_sets_fees_and_is_seen_at_once<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let exchange = stage.exchange();
    let (maker, taker) = (stage.user(50, 0).await, stage.user(0, 5_000).await);
    let name = fresh_name(venue);
    let unknown = exchange.set_account_tier(taker.user_id, Some(name.clone())).await;
    assert_eq!(unknown, Err(EntryError::UnknownTier));
    assert_eq!(exchange.tier_of(taker.user_id), None);
    let free = tier(&name, 1_000, Some(FeeRate(0)));
    assert_eq!(exchange.define_tier(free.clone()).await, Ok(()));
    assert!(exchange.tiers().iter().any(|tier| **tier == free));
    let set = exchange.set_account_tier(taker.user_id, Some(name.clone())).await;
    assert_eq!(set, Ok(()));
    assert_eq!(exchange.tier_of(taker.user_id).as_deref(), Some(&free));
    assert_eq!(exchange.tier_of(maker.user_id), None);
    stage.limits(maker, Sell, 20, 100).await;
    assert!(stage.limits(taker, Buy, 5, 100).await.fee.is_zero());
    let dear = tier(&name, 5, Some(FeeRate(1_000_000)));
    assert_eq!(
        exchange.define_tier(dear.clone()).await,
        Ok(()),
        "a tier is changed"
    );
    assert_eq!(exchange.tier_of(taker.user_id).as_deref(), Some(&dear));
    let order = stage.limits(taker, Buy, 5, 100).await;
    assert_eq!(order.fee, domain::Amount(5_000_000), "1 % of 5");
    assert_eq!(exchange.set_account_tier(taker.user_id, None).await, Ok(()));
    assert_eq!(exchange.tier_of(taker.user_id), None);
    let order = stage.limits(taker, Buy, 5, 100).await;
    assert_eq!(order.fee, domain::Amount(1_000_000), "the market's 0.2 % of 5");
    match exchange.define_tier(tier(&name, 0, None)).await {
        Err(EntryError::Invalid(error)) => assert_eq!(error.field, "orders_per_second"),
        other => panic!("a tier that lets nothing pass is refused: {other:?}"),
    }
    assert!(
        exchange.tiers().iter().any(|tier| **tier == dear),
        "what was refused changed nothing"
    );
    stage.finish().await;
}

fn key<V: Venue>(venue: &V, owner: Caller) -> ApiKey {
    let key_id = format!("key-{}", venue.fresh());
    ApiKey {
        key_id: key_id.parse().expect("the id is short and plain"),
        user_id: owner.user_id,
        institution_id: None,
        label: "a bot".to_owned(),
        material: KeyMaterial::HmacSha256(vec![1, 2, 3]),
        scope: "trade".to_owned(),
        addresses: vec!["10.0.0.0/8".to_owned()],
        created_at: Stamp::FIRST,
        revoked_at: None,
    }
}

pub(super) async fn an_api_key_is_kept_and_revoked_for_ever<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let exchange = stage.exchange();
    let (alice, bob) = (stage.user(0, 0).await, stage.user(0, 0).await);
    let (first, second) = (key(venue, alice), key(venue, alice));
    assert_eq!(exchange.api_key(first.key_id.as_str()), None);
    for new in [&first, &second] {
        assert_eq!(exchange.add_api_key(new.clone()).await, Ok(()));
    }
    let taken = ApiKey {
        user_id: bob.user_id,
        ..first.clone()
    };
    assert_eq!(exchange.add_api_key(taken).await, Err(EntryError::ApiKeyTaken));
    let kept = exchange.api_key(first.key_id.as_str()).expect("the key is kept");
    let expected = ApiKey {
        created_at: kept.created_at,
        ..first.clone()
    };
    assert_eq!(*kept, expected);
    assert!(
        kept.created_at > first.created_at,
        "its time of making is the exchange's, not the caller's"
    );
    let ids = |user: Caller| -> Vec<_> {
        let keys = exchange.api_keys_of(user.user_id);
        keys.iter().map(|key| key.key_id.clone()).collect()
    };
    assert_eq!(ids(alice), [first.key_id.clone(), second.key_id.clone()]);
    assert_eq!(ids(bob), []);
    assert_eq!(exchange.revoke_api_key(first.key_id.clone()).await, Ok(()));
    let revoked = exchange
        .api_key(first.key_id.as_str())
        .and_then(|key| key.revoked_at);
    assert!(revoked.is_some());
    venue.pass(std::time::Duration::from_secs(1)).await;
    assert_eq!(exchange.revoke_api_key(first.key_id.clone()).await, Ok(()));
    let again = exchange
        .api_key(first.key_id.as_str())
        .and_then(|key| key.revoked_at);
    assert_eq!(again, revoked, "revoking it again changes nothing");
    assert_eq!(
        exchange.add_api_key(first.clone()).await,
        Err(EntryError::ApiKeyTaken),
        "a revoked id never comes back"
    );
    let nobodys = key(venue, bob).key_id;
    assert_eq!(
        exchange.revoke_api_key(nobodys).await,
        Err(EntryError::UnknownApiKey)
    );
    assert_eq!(exchange.api_key("no such key"), None);
    stage.finish().await;
}
