//! The behaviour suite over the wallet in memory: the reference passes its own tests.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use wallet_client::{LedgerWallet, behaviour};

#[tokio::test]
async fn the_wallet_in_memory_passes_the_behaviour_suite() {
    let wallet = LedgerWallet::default();
    behaviour::all(&wallet).await;
    wallet.check().unwrap();
}

#[tokio::test]
async fn random_runs_meet_every_way_to_be_answered() {
    let mut met = BTreeMap::new();
    for seed in 100..110 {
        let wallet = LedgerWallet::default();
        for (way, often) in behaviour::seeded_run(&wallet, seed, 2_000).await {
            *met.entry(way).or_insert(0) += often;
        }
        wallet.check().unwrap();
    }
    for way in [
        "reserve: done",
        "reserve: not covered",
        "reserve: released before",
        "reserve: conflict",
        "reserve for an amendment: done",
        "plain release: done",
        "plain release: nothing to do",
        "plain release: wrong amount",
        "release: done",
        "release: nothing to do",
        "release: wrong amount",
        "release: conflict",
        "settle: done",
        "settle: not reserved",
        "settle: conflict",
        "settle without orders: done",
        "settle without orders: not reserved",
        "merge: done",
        "merge: not reserved",
        "merge: conflict",
    ] {
        assert!(met.get(way).is_some_and(|often| *often >= 10), "{way}: {met:?}");
    }
}
