//! Commands that kill their owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use distributed::ShardCommand;
use distributed::shard::ShardOptions;
use domain::{
    Lots, OrderId, OrderState, Place, Price, Quantity, RejectReason, Side, Stamp, Status, Terms, TimeInForce,
};

use crate::bed::Bed;

/// Options under which the placement of an order dies, and how often it has.
fn deadly(bed: &Bed, deadly: OrderId) -> (ShardOptions, Arc<AtomicU32>) {
    let deaths = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&deaths);
    let rehearsal = move |command: &ShardCommand| {
        if let ShardCommand::Place(order) = command
            && order.place.order_id == deadly
        {
            count.fetch_add(1, Ordering::SeqCst);
            panic!("a test");
        }
    };
    let options = ShardOptions {
        rehearsal: Some(Arc::new(rehearsal)),
        ..bed.options()
    };
    (options, deaths)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_killed_three_times_is_set_aside_and_its_funds_come_back() {
    let bed = Bed::new().await;
    let poison = bed.wish(0, Side::Sell, 100, 10);
    let (options, deaths) = deadly(&bed, poison.order_id);
    let running = bed.start(options, 0);
    bed.send(&poison).await;
    let other = bed.place(1, Side::Sell, 101, 1).await;
    let ended = bed.until(poison.order_id, |order| order.state.is_final()).await;
    assert_eq!(ended.order.state, OrderState::Rejected(RejectReason::Quarantined));
    assert_eq!(deaths.load(Ordering::SeqCst), 3);
    bed.until(other, |order| order.state.status() == Status::Open)
        .await;
    bed.until_quiet().await;
    assert_eq!(bed.balance(0, "ABC").await.1, 0);
    running.stop().await;
    let entries = bed.log(0).await.into_iter().flat_map(|batch| batch.entries);
    let aside = entries.filter(|entry| matches!(entry.command, ShardCommand::Quarantine { .. }));
    assert_eq!(aside.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_batch_breaks_a_rule_of_the_tables_is_set_aside_too() {
    let bed = Bed::new().await;
    bed.sql
        .batch_execute("ALTER TABLE orders ADD CONSTRAINT a_test CHECK (status <> 'OPEN' OR price <> 6.66)")
        .await
        .unwrap();
    let running = bed.start(bed.options(), 0);
    let before = bed.place(1, Side::Sell, 101, 1).await;
    let wrong = bed.place(0, Side::Sell, 666, 10).await;
    let after = bed.place(1, Side::Sell, 102, 1).await;
    let ended = bed.until(wrong, |order| order.state.is_final()).await;
    assert_eq!(ended.order.state, OrderState::Rejected(RejectReason::Quarantined));
    for order in [before, after] {
        bed.until(order, |order| order.state.status() == Status::Open)
            .await;
    }
    bed.until_quiet().await;
    assert_eq!(bed.balance(0, "ABC").await.1, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_partition_blames_no_command() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    let sell = bed.place(0, Side::Sell, 100, 1).await;
    bed.until(sell, |order| order.state.status() == Status::Open)
        .await;
    let today: String = bed
        .sql
        .query_one(
            "SELECT 'trades_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM_DD')",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    bed.sql
        .batch_execute(&format!("DROP TABLE {today}"))
        .await
        .unwrap();
    let buy = bed.place(1, Side::Buy, 100, 1).await;
    bed.until_number("SELECT least(epoch, 5) FROM shards WHERE shard = 0", 5)
        .await;
    assert_eq!(bed.number("SELECT sum(attempts) FROM commands").await, 0);
    bed.sql
        .batch_execute("SELECT make_partitions(now(), now() + interval '1 day')")
        .await
        .unwrap();
    bed.until(buy, |order| order.state.status() == Status::Filled)
        .await;
    bed.until_quiet().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_clock_is_wrong_owns_nothing() {
    let bed = Bed::new().await;
    let ahead = runtime::ManualClock::at(runtime::Clock::System.wall_us() + 60_000_000);
    let options = ShardOptions {
        clock: ahead.into(),
        ..bed.options()
    };
    let running = bed.start(options, 0);
    loop {
        let state = running.status.now().state;
        if let distributed::shard::ShardState::StandBy { trouble: Some(why) } = state {
            assert!(why.contains("clock differs"), "{why}");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(bed.number("SELECT epoch FROM shards WHERE shard = 0").await, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stand_by_whose_clock_went_wrong_while_it_waited_gives_the_shard_up_again() {
    let bed = Bed::new().await;
    let first = bed.start(bed.options(), 0);
    bed.until_quiet().await;
    let clock = runtime::ManualClock::at(runtime::Clock::System.wall_us());
    let options = ShardOptions {
        clock: clock.clone().into(),
        ..bed.options()
    };
    let second = bed.start(options, 0);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    clock.set_wall_us(clock.wall_us() - 30_000_000);
    first.kill().await;
    loop {
        let state = second.status.now().state;
        if let distributed::shard::ShardState::StandBy { trouble: Some(why) } = state {
            assert!(why.contains("clock differs"), "{why}");
            break;
        }
        assert_ne!(state, distributed::shard::ShardState::Owned);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    bed.until_number(
        "SELECT count(*) FROM shards WHERE shard = 0 AND lease_until > clock_timestamp()",
        0,
    )
    .await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_a_later_program_stops_the_shard_until_somebody_knows_it() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    bed.until_quiet().await;
    let id = uuid::Uuid::from_u128(bed.id());
    bed.sql
        .execute(
            "INSERT INTO commands (id, shard, kind, body, created_at) VALUES ($1::text::uuid, 0, 'cancel_all', $2, now())",
            &[&id.to_string(), &&[2_u8, 0][..]],
        )
        .await
        .unwrap();
    loop {
        let state = running.status.now().state;
        if let distributed::shard::ShardState::StandBy { trouble: Some(why) } = state {
            assert!(why.contains("later program"), "{why}");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(bed.number("SELECT count(*) FROM commands").await, 1);
    assert_eq!(bed.number("SELECT count(*) FROM undecodable").await, 0);
    bed.sql.batch_execute("DELETE FROM commands").await.unwrap();
    let order = bed.place(0, Side::Sell, 100, 1).await;
    bed.until(order, |order| order.state.status() == Status::Open)
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_that_breaks_a_rule_costs_no_takeover_for_each_one_before_it() {
    let bed = Bed::new().await;
    bed.sql
        .batch_execute("ALTER TABLE orders ADD CONSTRAINT a_test CHECK (status <> 'OPEN' OR price <> 6.66)")
        .await
        .unwrap();
    bed.place_many(20).await;
    let wrong = bed.place(0, Side::Sell, 666, 10).await;
    let running = bed.start(bed.options(), 0);
    let ended = bed.until(wrong, |order| order.state.is_final()).await;
    assert_eq!(ended.order.state, OrderState::Rejected(RejectReason::Quarantined));
    bed.until_quiet().await;
    // The first, one after the batch that failed, and one for each of three deaths.
    assert_eq!(bed.number("SELECT epoch FROM shards WHERE shard = 0").await, 5);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_by_itself_and_breaks_a_rule_is_blamed_on_no_command() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    let soon = Stamp::from_micros(runtime::Clock::System.wall_us() + 4_000_000);
    let short = Place {
        time_in_force: TimeInForce::Gtd(soon),
        ..bed.wish(0, Side::Sell, 100, 10)
    };
    bed.send(&short).await;
    bed.until(short.order_id, |order| order.state.status() == Status::Open)
        .await;
    bed.sql
        .batch_execute("ALTER TABLE orders ADD CONSTRAINT a_test CHECK (status <> 'EXPIRED')")
        .await
        .unwrap();
    bed.until_number("SELECT least(epoch, 3) FROM shards WHERE shard = 0", 3)
        .await;
    let good = bed.place(1, Side::Sell, 101, 1).await;
    bed.until_number("SELECT least(epoch, 7) FROM shards WHERE shard = 0", 7)
        .await;
    assert_eq!(bed.number("SELECT sum(attempts) FROM commands").await, 0);
    loop {
        let state = running.status.now().state;
        if let distributed::shard::ShardState::StandBy { trouble: Some(why) } = state
            && why.contains("due by itself")
        {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    bed.sql
        .batch_execute("ALTER TABLE orders DROP CONSTRAINT a_test")
        .await
        .unwrap();
    bed.until(good, |order| order.state.status() == Status::Open)
        .await;
    bed.until(short.order_id, |order| order.state.status() == Status::Expired)
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_blamed_for_the_steps_that_it_leaves_over() {
    let bed = Bed::new().await;
    let deadly = bed.wish(0, Side::Buy, 105, 1);
    let (id, last) = (deadly.order_id, std::sync::Mutex::new(None));
    let rehearsal = move |command: &ShardCommand| {
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match command {
            ShardCommand::Place(order) => *last = Some(order.place.order_id),
            ShardCommand::Tick => assert_ne!(*last, Some(id), "a test"),
            _ => {}
        }
    };
    let options = ShardOptions {
        rehearsal: Some(Arc::new(rehearsal)),
        ..bed.options()
    };
    let ask = bed.place(1, Side::Sell, 105, 5_000).await;
    // More stops than a command triggers in one step.
    let stops: Vec<Place> = (0..=engine::CHUNK)
        .map(|_| Place {
            terms: Terms::StopLimit {
                stop_price: Price::from_ticks(105).unwrap(),
                price: Price::from_ticks(106).unwrap(),
                quantity: Quantity::from_lots(Lots(1)).unwrap(),
                display: None,
            },
            ..bed.wish(2, Side::Buy, 106, 1)
        })
        .collect();
    bed.send_all(&stops).await;
    let running = bed.start(options, 0);
    let last_stop = stops.last().unwrap().order_id;
    for order in [ask, last_stop] {
        bed.until(order, |order| order.state.status() == Status::Open)
            .await;
    }
    bed.send(&deadly).await;
    let ended = bed.until(id, |order| order.state.is_final()).await;
    assert_eq!(ended.order.state, OrderState::Rejected(RejectReason::Quarantined));
    bed.until_quiet().await;
    let harmless = bed.place(0, Side::Buy, 105, 1).await;
    for order in [harmless, last_stop] {
        bed.until(order, |order| order.state.status() == Status::Filled)
            .await;
    }
    bed.until_quiet().await;
    running.stop().await;
}
