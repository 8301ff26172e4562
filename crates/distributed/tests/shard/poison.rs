//! Commands that kill their owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use distributed::ShardCommand;
use distributed::shard::ShardOptions;
use domain::{OrderId, OrderState, RejectReason, Side, Status};

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
