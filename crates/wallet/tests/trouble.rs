//! What goes wrong around a wallet: full queues, lost connections, lost answers, rows that make no sense.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use persistence::postgres::{Pool, PoolOptions};
use runtime::{Clock, Ids};
use support::{ALICE, BOB, Session, Stage, deposit, open_at, reserve, until};
use testbed::Proxy;
use tokio::task::JoinHandle;
use wallet::{PgWallet, Pools, WalletOptions};
use wallet_client::{Answer, Instruction, NotAnswered, Refused, Wallet as _};

const LOCK: &str = "BEGIN; SELECT * FROM wallets FOR UPDATE";
/// How many of the wallets' statements wait for a lock.
const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
/// Lets the commit of everything that answers an instruction do something first.
const AT_COMMIT: &str = "CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM meanwhile; RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON ledger_transactions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION at_commit()";

type Asked = JoinHandle<Result<Vec<Result<Answer, Refused>>, NotAnswered>>;

fn ask(wallet: &Arc<PgWallet>, instructions: Vec<Instruction>) -> Asked {
    let wallet = Arc::clone(wallet);
    tokio::spawn(async move { wallet.instruct(0, instructions).await })
}

fn one(id: u128) -> Vec<Instruction> {
    vec![Instruction::Reserve(reserve(id, ALICE, "USDT", "1"))]
}

/// A stage with money, its wallet shared, and a session that has locked all accounts.
async fn locked(options: WalletOptions) -> (Stage, Arc<PgWallet>, Session) {
    let stage = Stage::with(options).await;
    stage.fund(ALICE, "USDT", "10000").await;
    stage.fund(BOB, "USDT", "10000").await;
    let wallet = Arc::new(open_at(&stage.database.url(), options));
    let session = stage.session().await;
    session.run(LOCK).await;
    (stage, wallet, session)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_takes_no_more_and_loses_nothing() {
    let options = WalletOptions {
        waiting: 1_000,
        ..WalletOptions::default()
    };
    let (stage, wallet, session) = locked(options).await;
    let hundred = |from: u128| (from..from + 100).flat_map(one).collect::<Vec<_>>();
    let asked: Vec<Asked> = (0..10).map(|call| ask(&wallet, hundred(100 * call))).collect();
    until("the queue is full", || async { wallet.trouble().await.is_some() }).await;
    let full = NotAnswered::NotSent("too much is waiting");
    assert_eq!(wallet.instruct(0, one(7_000)).await, Err(full.clone()));
    assert_eq!(wallet.transfer(deposit("d", BOB, "USDT", "1")).await, Err(full));
    session.run("COMMIT").await;
    for asked in asked {
        assert!(asked.await.unwrap().unwrap().iter().all(Result::is_ok));
    }
    assert_eq!(wallet.trouble().await, None);
    let calls = "SELECT count(*) FROM ledger_transactions WHERE key LIKE 'reserve:%'";
    assert_eq!(stage.number(calls).await, 1_000);
    stage.check().await;
}

#[tokio::test]
async fn a_call_of_more_than_a_thousand_is_not_taken() {
    let stage = Stage::new().await;
    let many: Vec<Instruction> = (0..1_001).flat_map(one).collect();
    assert!(matches!(
        stage.wallet.instruct(0, many).await,
        Err(NotAnswered::NotSent(_))
    ));
    assert_eq!(stage.wallet.instruct(0, Vec::new()).await, Ok(Vec::new()));
    assert_eq!(stage.number("SELECT count(*) FROM ledger_transactions").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_that_stops_answers_what_it_took_and_takes_no_more() {
    let (stage, wallet, session) = locked(WalletOptions::default()).await;
    let asked = ask(&wallet, one(1));
    until("it waits for the lock", || async {
        stage.number(WAITING).await == 1
    })
    .await;
    let stopping = tokio::spawn({
        let wallet = Arc::clone(&wallet);
        async move { wallet.stop(Duration::from_secs(60)).await }
    });
    until("it is stopping", || async { wallet.trouble().await.is_some() }).await;
    let stopping_now = NotAnswered::NotSent("the wallet is stopping");
    assert_eq!(wallet.instruct(0, one(2)).await, Err(stopping_now));
    assert!(!stopping.is_finished());
    session.run("COMMIT").await;
    assert!(stopping.await.unwrap());
    assert!(asked.await.unwrap().unwrap()[0].is_ok());
    assert!(wallet.trouble().await.is_some());
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_that_cannot_finish_stops_all_the_same() {
    let (stage, wallet, session) = locked(WalletOptions::default()).await;
    let asked = ask(&wallet, one(1));
    until("it waits for the lock", || async {
        stage.number(WAITING).await == 1
    })
    .await;
    assert!(!wallet.stop(Duration::from_millis(10)).await);
    session.run("COMMIT").await;
    assert!(asked.await.unwrap().unwrap()[0].is_ok());
    assert!(wallet.stop(Duration::from_secs(60)).await);
}

const HOLD_ALICE: &str =
    "BEGIN; SELECT * FROM wallets WHERE user_id = '00000000-0000-0000-0000-0000000a11ce' FOR UPDATE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_somebody_holds_keeps_others_back_once_and_no_longer_than_one_wait() {
    let (stage, wallet, session) = locked(WalletOptions::default()).await;
    session.run("COMMIT").await;
    session.run(HOLD_ALICE).await;
    let of_bob = |id| vec![Instruction::Reserve(reserve(id, BOB, "USDT", "1"))];
    let first = ask(&wallet, one(1));
    until("it waits for the lock", || async {
        stage.number(WAITING).await == 1
    })
    .await;
    // They wait behind it, and none of them is tried in vain.
    let second = ask(&wallet, one(2));
    let others: Vec<Asked> = (10..15).map(|id| ask(&wallet, of_bob(id))).collect();
    for other in others {
        assert!(other.await.unwrap().unwrap()[0].is_ok());
    }
    let third = ask(&wallet, one(3));
    for id in 20..25 {
        assert!(wallet.instruct(0, of_bob(id)).await.unwrap()[0].is_ok());
    }
    assert_eq!(wallet.counts().failures, 1, "{:?}", wallet.counts());
    assert_eq!(wallet.trouble().await, None);
    for asked in [&first, &second, &third] {
        assert!(!asked.is_finished());
    }
    session.run("COMMIT").await;
    for asked in [first, second, third] {
        assert!(asked.await.unwrap().unwrap()[0].is_ok());
    }
    assert_eq!(stage.has(ALICE, "USDT").await, "9997 3");
    assert_eq!(stage.has(BOB, "USDT").await, "9990 10");
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_long_for_an_account_hears_that_nothing_was_done() {
    let options = WalletOptions {
        patience: Duration::from_secs(4),
        ..WalletOptions::default()
    };
    let (stage, wallet, session) = locked(options).await;
    let held = NotAnswered::NotSent("somebody else holds an account of it");
    assert_eq!(wallet.instruct(0, one(1)).await, Err(held));
    session.run("COMMIT").await;
    assert_eq!(stage.has(ALICE, "USDT").await, "10000 0");
    assert!(wallet.instruct(0, one(1)).await.unwrap()[0].is_ok());
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_that_have_all_their_connections_keep_no_transaction_back() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "10").await;
    let questions = Pool::new(&PoolOptions {
        url: stage.database.url().into(),
        max_size: 1,
        wait: Duration::from_secs(600),
    })
    .unwrap();
    let pools = Pools {
        transactions: stage.pool.clone(),
        questions: questions.clone(),
    };
    let (clock, ids) = (Clock::System, Ids::new(Clock::System));
    let wallet = PgWallet::start(pools, clock, ids, WalletOptions::default());
    let taken = questions.get().await.unwrap();
    assert!(wallet.instruct(0, one(1)).await.unwrap()[0].is_ok());
    assert_eq!(wallet.trouble().await, None, "and it is ready");
    drop(taken);
    assert_eq!(wallet.balances(vec![ALICE]).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_of_a_question_that_was_given_up_is_not_used_again() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    session.run("BEGIN; LOCK TABLE wallets").await;
    let pool = support::pool(&stage.database.url());
    let asked = tokio::spawn({
        let pool = pool.clone();
        async move { persistence::postgres::wallet::balances(&pool, &[ALICE]).await }
    });
    until("it waits for the lock", || async {
        stage.number(WAITING).await == 1
    })
    .await;
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    assert_eq!(pool.figures().open, 0, "its statement still runs");
    session.run("COMMIT").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_caller_asked_who_hung_up_is_done_all_the_same() {
    let (stage, wallet, session) = locked(WalletOptions::default()).await;
    let asked = ask(&wallet, one(1));
    until("it waits for the lock", || async {
        stage.number(WAITING).await == 1
    })
    .await;
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    session.run("COMMIT").await;
    assert!(wallet.stop(Duration::from_secs(60)).await);
    assert_eq!(stage.has(ALICE, "USDT").await, "9999 1");
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_whose_connection_dies_is_done_again() {
    let (stage, wallet, session) = locked(WalletOptions::default()).await;
    let asked = ask(&wallet, one(1));
    until("it waits for the lock", || async {
        stage.number(WAITING).await == 1
    })
    .await;
    stage
        .tamper(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .await;
    session.run("COMMIT").await;
    assert!(asked.await.unwrap().unwrap()[0].is_ok());
    assert!(wallet.counts().failures >= 1, "{:?}", wallet.counts());
    assert_eq!(stage.has(ALICE, "USDT").await, "9999 1");
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_makes_no_sense_stops_only_those_who_touch_it() {
    let (stage, wallet, session) = locked(WalletOptions::default()).await;
    stage.tamper("INSERT INTO reservations (reservation_id, order_id, user_id, asset, granted, left_amount, status, created_at)
        VALUES (gen_random_uuid(), gen_random_uuid(), '00000000-0000-0000-0000-000000000b0b', 'USDT', 5, 5, 'held', now());
        UPDATE reservations SET order_id = reservation_id").await;
    let held = stage.text("SELECT reservation_id::text FROM reservations").await;
    let spoilt = domain::Release {
        order_id: held.parse().unwrap(),
        ..support::release(0, 1, BOB, "USDT", "5")
    };
    // They wait together, so that they are gathered into one transaction.
    let first = ask(&wallet, one(1));
    until("it waits for the lock", || async {
        stage.number(WAITING).await == 1
    })
    .await;
    let bad = ask(&wallet, vec![Instruction::Release(spoilt)]);
    let good: Vec<Asked> = (2..6).map(|id| ask(&wallet, one(id))).collect();
    session.run("COMMIT").await;
    assert!(first.await.unwrap().unwrap()[0].is_ok());
    for good in good {
        assert!(good.await.unwrap().unwrap()[0].is_ok());
    }
    assert!(matches!(bad.await.unwrap(), Err(NotAnswered::Unknown(_))));
    assert_eq!(stage.has(ALICE, "USDT").await, "9995 5");
    assert_eq!(stage.has(BOB, "USDT").await, "10000 0");
}

#[tokio::test]
async fn a_commit_that_fails_is_answered_unknown_and_the_same_key_tells() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "10").await;
    stage.tamper(&AT_COMMIT.replace("meanwhile", "1 / 0")).await;
    let call = one(1);
    let answer = stage.wallet.instruct(0, call.clone()).await;
    assert!(matches!(answer, Err(NotAnswered::Unknown(_))), "{answer:?}");
    assert_eq!(stage.has(ALICE, "USDT").await, "10 0");
    stage
        .tamper("DROP TRIGGER at_commit ON ledger_transactions")
        .await;
    assert!(stage.wallet.instruct(0, call).await.unwrap()[0].is_ok());
    assert_eq!(stage.has(ALICE, "USDT").await, "9 1");
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_answered_unknown_and_done_once() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "10").await;
    // Each commit waits for a lock that the test holds: that is the moment to freeze the way back.
    stage
        .tamper(&AT_COMMIT.replace("meanwhile", "pg_advisory_xact_lock(4711)"))
        .await;
    let address = stage.database.url();
    let port = address
        .rsplit_once(':')
        .unwrap()
        .1
        .split_once('/')
        .unwrap()
        .0
        .parse()
        .unwrap();
    let proxy = Proxy::start(port).await.unwrap();
    let wallet = Arc::new(open_at(&proxy.url(&address), WalletOptions::default()));
    let session = stage.session().await;
    session.run("SELECT pg_advisory_lock(4711)").await;
    let asked = ask(&wallet, one(1));
    let committing = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event = 'advisory' AND query = 'COMMIT'";
    until("it commits", || async { stage.number(committing).await == 1 }).await;
    proxy.freeze(testbed::Direction::ToClient);
    session.run("SELECT pg_advisory_unlock(4711)").await;
    until("it is committed", || async {
        stage.has(ALICE, "USDT").await == "9 1"
    })
    .await;
    proxy.cut();
    let answer = asked.await.unwrap();
    assert!(matches!(answer, Err(NotAnswered::Unknown(_))), "{answer:?}");
    proxy.heal();
    let again = wallet.instruct(0, one(1)).await.unwrap();
    assert!(again[0].is_ok(), "{again:?}");
    assert_eq!(stage.has(ALICE, "USDT").await, "9 1");
    stage.check().await;
}

#[tokio::test]
async fn without_a_database_nothing_is_sent_and_the_wallet_says_so() {
    let pool = Pool::new(&PoolOptions {
        url: "postgres://postgres@127.0.0.1:1/nowhere".into(),
        max_size: 2,
        wait: Duration::from_secs(2),
    })
    .unwrap();
    let wallet = PgWallet::start(
        pool,
        Clock::System,
        Ids::new(Clock::System),
        WalletOptions::default(),
    );
    let not_sent = NotAnswered::NotSent("there is no connection to the database");
    assert_eq!(wallet.instruct(0, one(1)).await, Err(not_sent.clone()));
    assert_eq!(wallet.balances(vec![ALICE]).await, Err(not_sent));
    assert!(wallet.trouble().await.is_some());
}
