//! Following shards whose batches are written by hand, over a real database, with news that are lost, doubled, late, or of
//! an owner that is none any more.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bed;
mod cached;
mod trouble;
mod turned;
mod writer;

use std::sync::Arc;

use domain::{Event, Lots, MarketNumber, Price, Side::Buy, Side::Sell, UserId};
use testbed::Database;

use self::bed::{Dice, Follower, PATIENCE, Purse, balance, last, pool, settled, shown};
use self::writer::{Writer, command};
use crate::{Batch, News, Outcomes, Told};

#[tokio::test]
async fn everybody_hears_of_a_batch_when_it_is_applied_and_owners_when_it_is_settled() {
    let database = Database::create().await.unwrap();
    let mut writer = Writer::new(&database.url(), 1).await;
    let mut follower = Follower::start(&database).await;
    let outcomes = follower.views.for_intake();
    let mut news = outcomes.expect(command(0, 2));
    for batch in [writer.define(0, 5).await, writer.change(0, 5, Buy, 99, 3).await] {
        follower.hear_of(&batch).await;
    }
    while last(&follower.public, MarketNumber(5)) < 2 {
        follower.update().await;
    }
    assert!(follower.owners.is_empty());
    assert_eq!(
        outcomes.applied(command(0, 2)),
        Some(Told::CancelledAll(2)),
        "known, but not told"
    );
    assert!(news.try_recv().is_err());
    let seq = writer.settle(0).await;
    follower.hear(settled(0, 1, seq, 1)).await;
    follower.reach(&writer, 5).await;
    let told = tokio::time::timeout(PATIENCE, news).await.unwrap().unwrap().told;
    assert_eq!(told, Told::CancelledAll(2));
    assert_eq!(follower.balances, [balance(UserId::from_u128(7), 1)]);
    assert_eq!(follower.views.board().markets().all().len(), 1);
}

#[tokio::test]
async fn without_any_news_everything_is_found_in_the_log_and_balances_at_the_wallet() {
    let database = Database::create().await.unwrap();
    let mut writer = Writer::new(&database.url(), 1).await;
    let mut follower = Follower::start(&database).await;
    let news = follower.views.for_intake().expect(command(0, 70));
    writer.define(0, 5).await;
    for turn in 1..100 {
        writer.change(0, 5, Buy, 50 + turn % 7, u64::from(turn % 5)).await;
    }
    writer.settle(0).await;
    follower.reach(&writer, 5).await;
    let told = tokio::time::timeout(PATIENCE, news).await.unwrap().unwrap().told;
    assert_eq!(told, Told::CancelledAll(70));
    while follower.balances.is_empty() {
        follower.update().await;
    }
    assert!(follower.balances[0].version >= 100, "the wallet was asked");
}

#[tokio::test]
async fn news_that_are_lost_doubled_late_or_false_change_nothing() {
    for seed in 0..4 {
        let database = Database::create().await.unwrap();
        let mut writer = Writer::new(&database.url(), 2).await;
        let mut follower = Follower::start(&database).await;
        let mut dice = Dice(seed);
        let mut waiting: Vec<News> = Vec::new();
        for (shard, number) in [(0, 5), (1, 6), (0, 7)] {
            waiting.push(News::Applied(writer.define(shard, number).await));
        }
        for turn in 0..150 {
            let (shard, number) = [(0, 5), (1, 6), (0, 7)][dice.below(3) as usize];
            let side = [Buy, Sell][dice.below(2) as usize];
            let at = 90 + u32::try_from(dice.below(20)).unwrap();
            let batch = writer.change(shard, number, side, at, dice.below(4)).await;
            if dice.below(10) == 0 {
                let seq = writer.settle(shard).await;
                waiting.push(settled(shard, writer.epoch, seq, turn + 1));
            }
            if dice.below(40) == 0 {
                writer.epoch += 1;
            }
            if dice.below(8) == 0 {
                // An owner that is none any more says something that was never committed.
                let mut zombie = Batch::clone(&batch);
                zombie.epoch = 0;
                zombie.seq += 1;
                zombie.events[0].seq += 1;
                zombie.events[0].event = Event::Level {
                    side,
                    price: Price::from_ticks(1).unwrap(),
                    quantity: Lots(666),
                };
                waiting.push(News::Applied(Arc::new(zombie)));
                waiting.push(settled(shard, 0, batch.seq, 1));
            }
            waiting.push(News::Applied(batch));
            while waiting.len() > 5 {
                let news = waiting.swap_remove(dice.below(waiting.len() as u64) as usize);
                if dice.below(4) == 0 {
                    follower.hear(news.clone()).await;
                }
                if dice.below(4) > 0 {
                    follower.hear(news).await;
                }
            }
        }
        writer.settle(0).await;
        writer.settle(1).await;
        for number in [5, 6, 7] {
            follower.reach(&writer, number).await;
        }
        assert!(!follower.lagged);
    }
}

#[tokio::test]
async fn who_starts_in_the_middle_of_traffic_sees_what_others_followed_from_the_beginning() {
    let database = Database::create().await.unwrap();
    let mut writer = Writer::new(&database.url(), 1).await;
    let mut old = Follower::start(&database).await;
    let mut dice = Dice(9);
    writer.define(0, 5).await;
    let mut young = Vec::new();
    for turn in 0..120 {
        let side = [Buy, Sell][dice.below(2) as usize];
        let at = 90 + u32::try_from(dice.below(9)).unwrap();
        let batch = writer.change(0, 5, side, at, dice.below(3)).await;
        if dice.below(3) > 0 {
            old.hear_of(&batch).await;
        }
        if turn % 40 == 20 {
            let started = Follower::start(&database).await;
            assert_eq!(
                shown(&started.depth(5)),
                writer.book(5),
                "what it starts with is whole"
            );
            young.push(started);
        }
        if dice.below(5) == 0 {
            writer.settle(0).await;
        }
    }
    writer.settle(0).await;
    old.reach(&writer, 5).await;
    for mut young in young {
        young.reach(&writer, 5).await;
        assert_eq!(young.depth(5), old.depth(5));
        let of_owners = &young.owners[&MarketNumber(5)];
        let of_everybody = &young.public[&MarketNumber(5)];
        assert!(of_owners.len() >= of_everybody.len());
        assert!(old.public[&MarketNumber(5)].ends_with(of_everybody));
        assert!(old.owners[&MarketNumber(5)].ends_with(of_owners));
    }
}

#[tokio::test]
async fn a_market_that_moves_to_another_shard_keeps_its_order() {
    let database = Database::create().await.unwrap();
    let mut writer = Writer::new(&database.url(), 2).await;
    let mut follower = Follower::start(&database).await;
    writer.define(0, 5).await;
    for round in 0..6 {
        let batch = writer.change(round % 2, 5, Buy, 90 + round, 1).await;
        // The news of the shard that the market left come too late, or not at all.
        if round % 2 == 1 {
            follower.hear_of(&batch).await;
        }
        writer.move_market(5, (round + 1) % 2).await;
    }
    writer.settle(0).await;
    writer.settle(1).await;
    let (seq, levels) = writer.book(5);
    assert!(
        follower
            .views
            .board()
            .reach(&[(MarketNumber(5), seq)], PATIENCE)
            .await
    );
    assert_eq!(shown(&follower.depth(5)), (seq, levels));
    while last(&follower.public, MarketNumber(5)) < seq {
        follower.update().await;
    }
    let seqs: Vec<u64> = follower.public[&MarketNumber(5)]
        .iter()
        .map(|event| event.seq)
        .collect();
    assert_eq!(seqs, (1..=seq).collect::<Vec<_>>());
    assert_eq!(follower.views.board().shard_of(MarketNumber(5)), Some(1));
}

#[tokio::test]
async fn a_log_that_does_not_lead_on_is_left_for_a_new_beginning_and_receivers_are_told() {
    let database = Database::create().await.unwrap();
    let mut writer = Writer::new(&database.url(), 1).await;
    let mut follower = Follower::start(&database).await;
    writer.define(0, 5).await;
    for turn in 0..20 {
        writer.change(0, 5, Buy, 90 + turn, 1).await;
    }
    // Somebody has trimmed the log too early, in one go with the last look at it.
    writer.settle(0).await;
    writer.sql("DELETE FROM shard_log WHERE seq < 15").await;
    let last = writer.change(0, 5, Sell, 200, 1).await;
    follower.hear_of(&last).await;
    let (seq, levels) = writer.book(5);
    assert!(
        follower
            .views
            .board()
            .reach(&[(MarketNumber(5), seq)], PATIENCE)
            .await
    );
    while shown(&follower.depth(5)) != (seq, levels.clone()) {
        tokio::task::yield_now().await;
    }
    writer.change(0, 5, Sell, 201, 1).await;
    writer.settle(0).await;
    while follower
        .public
        .get(&MarketNumber(5))
        .is_none_or(|told| told.last().unwrap().seq < seq + 1)
    {
        follower.update().await;
    }
    let told = &follower.public[&MarketNumber(5)];
    assert!(
        follower.lagged || told.first().unwrap().seq == 1,
        "either it had everything, or it was told that not"
    );
}
