//! The wallet on PostgreSQL answers as the ledger in memory does, and its tables agree with one another afterwards.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use std::collections::BTreeMap;

use proptest::prelude::{ProptestConfig, any, proptest};
use support::{Stage, check};
use wallet::WalletOptions;
use wallet_client::behaviour;

fn with_batch(batch: usize) -> WalletOptions {
    WalletOptions {
        batch,
        ..WalletOptions::default()
    }
}

#[tokio::test]
async fn it_passes_the_behaviour_suite() {
    let stage = Stage::new().await;
    behaviour::all(&stage.wallet).await;
    stage.check().await;
}

#[tokio::test]
async fn it_passes_the_behaviour_suite_with_few_instructions_in_a_transaction() {
    let stage = Stage::with(with_batch(4)).await;
    behaviour::all(&stage.wallet).await;
    stage.check().await;
}

#[tokio::test]
async fn random_instructions_meet_every_way_to_be_answered() {
    let stage = Stage::with(with_batch(20)).await;
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 500..503 {
        for (way, often) in behaviour::seeded_run(&stage.wallet, seed, 1_500).await {
            *met.entry(way).or_default() += often;
        }
    }
    stage.check().await;
    for way in [
        "reserve: not covered",
        "reserve: released before",
        "reserve: conflict",
        "reserve for an amendment: done",
        "plain release: done",
        "plain release: wrong amount",
        "release: done",
        "release: nothing to do",
        "release: wrong amount",
        "settle: done",
        "settle: not reserved",
        "settle without orders: done",
        "settle without orders: not reserved",
        "merge: done",
        "merge: not reserved",
    ] {
        assert!(met.contains_key(way), "{way} was not met: {met:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_the_answers_are_the_ledgers(seed in any::<u64>(), batch in 1_usize..40) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let stage = Stage::with(with_batch(batch)).await;
            behaviour::seeded_run(&stage.wallet, seed, 400).await;
            check(&stage.pool).await;
        });
    }
}
