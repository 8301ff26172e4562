//! What is old goes, and what looks at the rest knows that something has gone.

use std::time::Duration;

use distributed::audit::audit;
use distributed::replay::{logs, replayable};
use distributed::shard::{ShardOptions, move_market};
use domain::{Side, Status};

use crate::bed::Bed;

/// The rules that compare with trades, and with what stood in the log.
const ABOUT_THE_PAST: [&str; 5] = [
    "an order's filled quantity is the sum of its trades",
    "an order's fees and notional are the sums of its trades'",
    "a settlement is of a trade",
    "a client order id stands for an order of its user",
    "a shard's log has no gap",
];

/// Which of those rules do not hold. This wallet is in memory, so those about its tables say nothing.
async fn broken(bed: &Bed) -> Vec<String> {
    let found = audit(&mut bed.connect().await).await.unwrap();
    let rules = found.broken.into_iter().map(|broken| broken.rule);
    rules
        .filter(|rule| ABOUT_THE_PAST.contains(&rule.as_str()))
        .collect()
}

/// Two trades, and their settlements in the wallet's tables.
async fn traded(bed: &Bed) {
    let owner = bed.start(bed.options(), 0);
    let sell = bed.place(0, Side::Sell, 100, 10).await;
    bed.place(1, Side::Buy, 100, 4).await;
    bed.place(2, Side::Buy, 100, 6).await;
    bed.until(sell, |order| order.state.status() == Status::Filled)
        .await;
    bed.until_quiet().await;
    owner.stop().await;
    let settled = "INSERT INTO ledger_transactions (key, body_hash, answer, status, created_at)
        SELECT 'settle:' || trade_id, '', '', 0, now() FROM trades";
    bed.sql.execute(settled, &[]).await.unwrap();
}

/// Takes out and drops all partitions of a table up to today's.
async fn rotate(bed: &Bed, table: &str) {
    let old = format!(
        "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
          WHERE i.inhparent = '{table}'::regclass AND v7_time(substring(pg_get_expr(c.relpartbound, c.oid)
                FROM 'FROM \\(''([0-9a-f-]{{36}})''\\)')::uuid) <= now()"
    );
    for row in bed.sql.query(&old, &[]).await.unwrap() {
        let name: String = row.get(0);
        let detach = format!("ALTER TABLE {table} DETACH PARTITION {name}; DROP TABLE {name}");
        bed.sql.batch_execute(&detach).await.unwrap();
    }
    assert_eq!(bed.number(&format!("SELECT count(*) FROM {table}")).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_asks_no_more_of_orders_than_their_trades_that_are_still_there() {
    let bed = Bed::new().await;
    traded(&bed).await;
    assert_eq!(broken(&bed).await, Vec::<String>::new());
    rotate(&bed, "trades").await;
    assert_eq!(broken(&bed).await, Vec::<String>::new());
    // Nor of client ids, once their orders have been taken out.
    let claim = "INSERT INTO client_order_ids SELECT user_id, 'mine', order_id, 1 FROM orders LIMIT 1";
    bed.sql.execute(claim, &[]).await.unwrap();
    assert_eq!(broken(&bed).await, [ABOUT_THE_PAST[3]]);
    rotate(&bed, "orders").await;
    assert_eq!(broken(&bed).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_finds_what_is_wrong_with_what_is_still_there() {
    let bed = Bed::new().await;
    traded(&bed).await;
    let worse = "UPDATE orders SET filled_notional = filled_notional + 0.01 WHERE side = 'SELL'";
    bed.sql.execute(worse, &[]).await.unwrap();
    let ghost = "INSERT INTO ledger_transactions (key, body_hash, answer, status, created_at)
        VALUES ('settle:' || v7_new(), '', '', 0, now())";
    bed.sql.execute(ghost, &[]).await.unwrap();
    let cut = "UPDATE shards SET settled_seq = 0 WHERE shard = 0; DELETE FROM shard_log WHERE shard = 0 AND seq = 1";
    bed.sql.batch_execute(cut).await.unwrap();
    let found = broken(&bed).await;
    assert_eq!(found, [ABOUT_THE_PAST[1], ABOUT_THE_PAST[2], ABOUT_THE_PAST[4]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_its_beginning_is_whole_and_not_replayable_before_what_is_left() {
    let bed = Bed::new().await;
    traded(&bed).await;
    let mut connection = bed.connect().await;
    let shards = logs(&mut connection).await.unwrap();
    let all = replayable(&mut connection, &shards[0]).await.unwrap();
    assert_eq!(all, (shards[0].last_seq, None));
    assert_eq!(replayable(&mut connection, &shards[1]).await.unwrap(), (0, None));
    let trim = "SELECT trim_shard_log(0, now() + interval '1 day', 1)::bigint";
    assert_eq!(bed.number(trim).await, 1);
    let (last, why) = replayable(&mut connection, &shards[0]).await.unwrap();
    assert_eq!(
        (last, why.unwrap().contains("not replayable before 2")),
        (0, true)
    );
    bed.sql
        .execute("DELETE FROM shard_log WHERE shard = 0", &[])
        .await
        .unwrap();
    let (last, why) = replayable(&mut connection, &shards[0]).await.unwrap();
    let before = format!("not replayable before {}", shards[0].last_seq + 1);
    assert_eq!((last, why.unwrap().contains(&before)), (0, true));
    assert_eq!(broken(&bed).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_replayable_up_to_the_move_of_a_market() {
    let bed = Bed::new().await;
    traded(&bed).await;
    let last = bed.number("SELECT last_seq FROM shards WHERE shard = 0").await;
    move_market(&bed.options(), "ABC/USD", 1, Duration::from_secs(60))
        .await
        .unwrap();
    let owners = [bed.start(bed.options(), 0), bed.start(bed.options(), 1)];
    let sell = bed.place(0, Side::Sell, 100, 10).await;
    bed.until(sell, |order| order.state.status() == Status::Open)
        .await;
    bed.until_quiet().await;
    for owner in owners {
        owner.stop().await;
    }
    let mut connection = bed.connect().await;
    let shards = logs(&mut connection).await.unwrap();
    let (from, why) = replayable(&mut connection, &shards[0]).await.unwrap();
    assert_eq!((from, why), (last.unsigned_abs(), None), "nothing came behind it");
    let (to, why) = replayable(&mut connection, &shards[1]).await.unwrap();
    assert_eq!((to, why.unwrap().contains("a market has moved")), (0, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_old_in_a_log_goes_at_once_however_much_it_is() {
    let bed = Bed::empty().await;
    let fill = "INSERT INTO shard_log SELECT 0, seq, 1, 1, '', '', now() - interval '2 hours' FROM generate_series(1, 5500) seq;
        INSERT INTO shard_log SELECT 0, seq, 1, 1, '', '', now() FROM generate_series(5501, 5600) seq;
        UPDATE shards SET last_seq = 5600, published_seq = 5600, settled_seq = 5600 WHERE shard = 0";
    bed.sql.batch_execute(fill).await.unwrap();
    let options = ShardOptions {
        keep_log: Duration::from_secs(3_600),
        trim_every: Duration::from_secs(3_600),
        ..bed.options()
    };
    let owner = bed.start(options, 0);
    bed.until_number("SELECT min(seq) FROM shard_log WHERE shard = 0", 5_501)
        .await;
    owner.stop().await;
    assert_eq!(bed.number("SELECT count(*) FROM shard_log").await, 100);
}
