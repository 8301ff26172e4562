//! What becomes of commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use distributed::replay::Replay;
use distributed::shard::{ShardOptions, ShardState};
use distributed::{ShardCommand, Told, ToldRefusal};
use domain::{CancelReason, OrderState, Side, Status};
use runtime::{Clock, ManualClock};
use uuid::Uuid;

use crate::bed::{Bed, user};

#[tokio::test(flavor = "multi_thread")]
async fn orders_trade_and_everybody_has_what_is_theirs() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    let before = bed.balance(1, "ABC").await;
    let sell = bed.place(0, Side::Sell, 100, 10).await;
    let buy = bed.place(1, Side::Buy, 105, 4).await;
    let sold = bed.until(sell, |order| order.filled().0 == 4).await;
    assert_eq!(sold.order.state.status(), Status::PartiallyFilled);
    assert_eq!(
        (sold.fold.shown.unwrap().0, sold.fold.reserve_left.0),
        (6, 600_000)
    );
    let bought = bed.until(buy, |order| order.state.is_final()).await;
    assert_eq!(bought.order.state.status(), Status::Filled);
    bed.until_quiet().await;
    let after = bed.balance(1, "ABC").await;
    assert_eq!(after.0 - before.0, 400_000 - 800, "less a fee of 0.2 %");
    assert_eq!(
        bed.balance(1, "USD").await.1,
        0,
        "what was reserved too much is free again"
    );
    assert_eq!(bed.number("SELECT count(*) FROM trades").await, 1);
    assert_eq!(
        bed.number("SELECT count(*) FROM candles WHERE trade_count = 1")
            .await,
        6
    );
    bed.purse.ledger.check().unwrap();
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_no_gap_and_every_event_is_published_once() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    for number in 0..20 {
        bed.place(
            number % 4,
            Side::ALL[usize::from(number % 2)],
            95 + u32::from(number),
            3,
        )
        .await;
    }
    bed.until_quiet().await;
    running.stop().await;
    let log = bed.log(0).await;
    assert!(log.iter().zip(1..).all(|(batch, seq)| batch.seq == seq));
    let told: Vec<_> = log
        .iter()
        .flat_map(|batch| batch.events.iter())
        .filter(|event| {
            !matches!(
                event.event,
                domain::Event::Level { .. } | domain::Event::MarketDefined(_)
            )
        })
        .cloned()
        .collect();
    let published: Vec<_> = bed.heard.published().into_iter().map(|one| one.event).collect();
    assert_eq!(published, told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placement_that_comes_again_is_dropped() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    let place = bed.wish(0, Side::Sell, 100, 10);
    bed.send(&place).await;
    bed.until(place.order_id, |order| order.state.status() == Status::Open)
        .await;
    let again = bed.funded(&place).await;
    bed.command(place.order_id.as_u128(), 0, Some(place.order_id), &again)
        .await;
    bed.until_quiet().await;
    running.stop().await;
    let placed = bed.log(0).await.into_iter().flat_map(|batch| batch.entries);
    let placed = placed.filter(|entry| entry.id == Some(Uuid::from_u128(place.order_id.as_u128())));
    assert_eq!(placed.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_waits_for_its_order_and_does_not_keep_others_waiting() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    let place = bed.wish(0, Side::Sell, 100, 10);
    bed.store(&place).await;
    bed.cancel(0, place.order_id).await;
    let other = bed.place(1, Side::Sell, 101, 1).await;
    bed.until(other, |order| order.state.status() == Status::Open)
        .await;
    assert_eq!(bed.order(place.order_id).await.order.state, OrderState::Pending);
    assert_eq!(bed.number("SELECT count(*) FROM commands").await, 1);
    let command = bed.funded(&place).await;
    bed.command(place.order_id.as_u128(), 0, Some(place.order_id), &command)
        .await;
    let ended = bed.until(place.order_id, |order| order.state.is_final()).await;
    assert!(matches!(
        ended.order.state,
        OrderState::Cancelled(_, CancelReason::Requested)
    ));
    bed.until_quiet().await;
    assert_eq!(bed.balance(0, "ABC").await.1, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancels_that_wait_take_no_place_in_a_batch() {
    let bed = Bed::new().await;
    let small = ShardOptions {
        batch: 2,
        ..bed.options()
    };
    for _ in 0..3 {
        let place = bed.wish(0, Side::Sell, 100, 10);
        bed.store(&place).await;
        bed.cancel(0, place.order_id).await;
    }
    let running = bed.start(small, 0);
    let other = bed.place(1, Side::Sell, 101, 1).await;
    bed.until(other, |order| order.state.status() == Status::Open)
        .await;
    assert_eq!(bed.number("SELECT count(*) FROM commands").await, 3);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_of_somebody_elses_order_is_told_not_live() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    let order = bed.place(0, Side::Sell, 100, 10).await;
    bed.until(order, |order| order.state.status() == Status::Open)
        .await;
    let id = bed.cancel(1, order).await;
    bed.until_quiet().await;
    running.stop().await;
    let entries = bed.log(0).await.into_iter().flat_map(|batch| batch.entries);
    let told = entries
        .filter(|entry| entry.id == Some(Uuid::from_u128(id)))
        .map(|entry| entry.told);
    assert_eq!(
        told.collect::<Vec<_>>(),
        [Some(Told::Refused(ToldRefusal::NotLive))]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_be_read_is_kept_aside() {
    let bed = Bed::new().await;
    bed.sql
        .execute(
            "INSERT INTO commands (id, shard, kind, body) VALUES ('00000000-0000-7000-8000-000000000001', 0, 'cancel_all', '\\x01ffff')",
            &[],
        )
        .await
        .unwrap();
    let running = bed.start(bed.options(), 0);
    let order = bed.place(0, Side::Sell, 100, 10).await;
    bed.until(order, |order| order.state.status() == Status::Open)
        .await;
    bed.until_quiet().await;
    assert_eq!(bed.number("SELECT count(*) FROM undecodable").await, 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_ends_when_its_time_has_come() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    let mut place = bed.wish(0, Side::Sell, 100, 10);
    place.time_in_force = domain::TimeInForce::Gtd(place.received_at.plus_micros(1_500_000));
    bed.send(&place).await;
    bed.until(place.order_id, |order| order.state.status() == Status::Open)
        .await;
    bed.until(place.order_id, |order| order.state.status() == Status::Expired)
        .await;
    bed.until_quiet().await;
    assert_eq!(bed.balance(0, "ABC").await.1, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_cancel_goes_in_batches_of_a_thousand_and_a_new_owner_goes_on_with_it() {
    let bed = Bed::new().await;
    let deaths = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&deaths);
    // The second step of the mass cancel dies once.
    let rehearsal = move |command: &ShardCommand| {
        let second =
            matches!(command, ShardCommand::CancelAll { .. }) && count.fetch_add(1, Ordering::SeqCst) == 1;
        assert!(!second, "a test");
    };
    let options = ShardOptions {
        rehearsal: Some(Arc::new(rehearsal)),
        ..bed.options()
    };
    let running = bed.start(options, 0);
    bed.place_many(2_500).await;
    bed.until_quiet().await;
    let id = bed.cancel_all(None).await;
    bed.until_quiet().await;
    running.stop().await;
    assert_eq!(
        bed.number("SELECT count(*) FROM orders WHERE status = 'CANCELLED'")
            .await,
        2_500
    );
    let entries = bed.log(0).await.into_iter().flat_map(|batch| batch.entries);
    let told = entries
        .filter(|entry| entry.id == Some(Uuid::from_u128(id)))
        .map(|entry| entry.told);
    let expected = [None, None, Some(Told::CancelledAll(2_500))];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert_eq!(bed.number("SELECT epoch FROM shards WHERE shard = 0").await, 2);
    for number in 0..4 {
        assert_eq!(bed.balance(number, "ABC").await.1, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_cancel_is_in_force_from_its_place_in_the_log_on_and_not_before() {
    let bed = Bed::new().await;
    let resting = bed.place(0, Side::Sell, 100, 1).await;
    let taken = bed.place(1, Side::Buy, 100, 1).await;
    let mass = Uuid::from_u128(bed.cancel_all(Some(1)).await);
    // As gateways store it with its command: an owner that is loaded now finds both.
    let cutoff = "INSERT INTO cancel_cutoffs (id, shard, user_id, reason, received_before, until) \
        SELECT $1, 0, $2, 'mass_cancel', now() + interval '1 hour', now() + interval '1 hour'";
    let owner = Uuid::from_u128(user(1).as_u128());
    bed.sql.execute(cutoff, &[&mass, &owner]).await.unwrap();
    let running = bed.start(bed.options(), 0);
    bed.until_quiet().await;
    for order in [resting, taken] {
        assert_eq!(bed.order(order).await.order.state.status(), Status::Filled);
    }
    let mut replay = Replay::new(1);
    for batch in bed.log(0).await {
        replay.apply(&batch).unwrap();
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_wakes_an_owner_that_hardly_ever_looks() {
    let bed = Bed::new().await;
    let options = ShardOptions {
        look_every: Duration::from_secs(3_600),
        lease: Duration::from_secs(3_600),
        ..bed.options()
    };
    let running = bed.start(options, 0);
    bed.until_number("SELECT count(*) FROM commands", 0).await;
    let order = bed.place(0, Side::Sell, 100, 10).await;
    running.hint.notify_one();
    bed.until(order, |order| order.state.status() == Status::Open)
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_commands_are_taken_while_the_clock_stands_ahead() {
    let bed = Bed::new().await;
    let manual = ManualClock::at(Clock::System.wall_us());
    let options = ShardOptions {
        clock: Clock::from(manual.clone()),
        ..bed.options()
    };
    let running = bed.start(options, 0);
    let first = bed.place(0, Side::Sell, 100, 10).await;
    bed.until(first, |order| order.state.status() == Status::Open)
        .await;
    let right = manual.wall_us();
    manual.set_wall_us(right + 3_600_000_000);
    loop {
        if let ShardState::StandBy { trouble: Some(why) } = running.status.now().state
            && why.contains("clock differs")
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let owned = "SELECT count(*) FROM shards WHERE shard = 0 AND lease_until > clock_timestamp()";
    assert_eq!(bed.number(owned).await, 0, "another machine may have it");
    let second = bed.place(0, Side::Sell, 101, 10).await;
    let right = Clock::System.wall_us();
    manual.set_wall_us(right);
    bed.until_number("SELECT count(halted) FROM shards", 0).await;
    let opened = bed
        .until(second, |order| order.state.status() == Status::Open)
        .await;
    assert!(opened.order.created_at.micros() <= right + 1_000_000);
    running.stop().await;
}
