//! One call: what is tried again, what is an answer, and what is neither.

use std::sync::Arc;
use std::time::Duration;

use domain::{Amount, Transfer, TransferKind, UserId};
use runtime::trace::{self, TraceContext};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wallet_client::{
    EntryPage, HttpWallet, HttpWalletOptions, NotAnswered, Refused, TransferRefused, Wallet,
};

use crate::stub::{Reply, Stub, call, client, done, options, reserve};

async fn asked(replies: Vec<Reply>) -> (String, Stub) {
    let stub = Stub::start(replies).await;
    let (wallet, _) = client(options(&stub.url));
    (call(&wallet).await, stub)
}

#[tokio::test]
async fn a_call_is_tried_three_times_with_the_same_body_and_request_id() {
    for failing in [
        Reply::Text(500, "x"),
        Reply::Text(503, ""),
        Reply::Hangup,
        Reply::Cut("{"),
    ] {
        let (outcome, stub) = asked(vec![failing.clone(), failing.clone(), done()]).await;
        assert_eq!(outcome, "answered", "{failing:?}");
        let came = stub.came();
        assert_eq!(came.len(), 3);
        assert_eq!(came[0].line, "POST /api/v1/wallets/instructions HTTP/1.1");
        for name in ["x-request-id", "authorization", "content-type"] {
            assert!(came[0].header(name).is_some(), "{name}");
        }
        for again in &came[1..] {
            assert_eq!(again.body, came[0].body);
            assert_eq!(again.header("x-request-id"), came[0].header("x-request-id"));
        }
    }
}

#[tokio::test]
async fn what_is_never_answered_is_unknown_after_three_tries() {
    for failing in [
        Reply::Text(500, ""),
        Reply::Hangup,
        Reply::Cut(r#"{"results":[]"#),
    ] {
        let (outcome, stub) = asked(vec![failing.clone()]).await;
        assert!(outcome.starts_with("unknown: "), "{failing:?}: {outcome}");
        assert_eq!(stub.came().len(), 3, "{failing:?}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_unknown_and_not_tried_again() {
    let garbage = |results: Value| Reply::Json(200, json!({ "results": results }));
    for reply in [
        Reply::Text(200, "<html>"),
        Reply::Text(200, ""),
        Reply::Text(302, ""),
        Reply::Text(204, ""),
        garbage(json!([])),
        garbage(json!([{"status": 200}, {"status": 200}])),
        garbage(json!([{"status": 400, "code": "SOMETHING_NEW"}])),
        garbage(json!([{"status": 200, "balances": [{"asset": "BTC"}]}])),
        Reply::Bytes(8 * 1024 * 1024 + 1),
    ] {
        let shown = format!("{reply:?}").chars().take(80).collect::<String>();
        let (outcome, stub) = asked(vec![reply]).await;
        assert!(outcome.starts_with("unknown: "), "{shown}: {outcome}");
        assert_eq!(stub.came().len(), 1, "{shown}");
    }
}

#[tokio::test]
async fn a_refused_call_is_not_tried_again_and_may_be_shown() {
    for status in [400, 401, 403, 404, 413, 429] {
        let (outcome, stub) = asked(vec![Reply::Text(status, "no\u{1b}")]).await;
        assert_eq!(outcome, format!("unknown: it answered {status}: no\\u{{1b}}"));
        assert_eq!(stub.came().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn refusals_of_instructions_are_answers() {
    let balance = json!({
        "user_id": "00000000-0000-0000-0000-000000000001", "asset": "USDT", "available_balance": "5.00",
        "reserved_balance": "0.00", "version": 7
    });
    let results = json!([
        {"status": 400, "code": "INSUFFICIENT_BALANCE", "balance": balance},
        {"status": 400, "code": "INVALID_RELEASE_AMOUNT"},
        {"status": 409, "code": "RESERVATION_RELEASED"},
        {"status": 409, "code": "NOT_RESERVED", "detail": "it has ended"},
        {"status": 409, "code": "KEY_CONFLICT"},
        {"status": 422, "code": "INVALID_INSTRUCTION", "field": "amount", "rule": "must be greater than 0"},
        {"status": 422, "code": "BALANCE_TOO_LARGE"},
        {"status": 200, "entry_ids": ["018bcfe5-687b-7000-8000-00000000002a"], "balances": [balance]}
    ]);
    let stub = Stub::start(vec![Reply::Json(200, json!({ "results": results }))]).await;
    let (wallet, _) = client(options(&stub.url));
    let answers = wallet.instruct(3, vec![reserve(); 8]).await.unwrap();
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.clone().err()).collect();
    assert!(matches!(&refused[0], Refused::InsufficientBalance { balance } if balance.version == 7));
    let expected = [
        Refused::InvalidReleaseAmount,
        Refused::Released,
        Refused::NotReserved("it has ended".to_owned()),
        Refused::KeyConflict,
        Refused::Invalid {
            field: "amount".to_owned(),
            rule: "must be greater than 0".to_owned(),
        },
        Refused::TooLarge,
    ];
    assert_eq!(refused[1..], expected);
    let last = answers[7].as_ref().unwrap();
    assert_eq!(last.balances[0].available, Amount::parse("5").unwrap());
    let body: Value = serde_json::from_str(&stub.came()[0].body).unwrap();
    assert_eq!(body["shard"], 3);
    assert_eq!(
        body["instructions"][0],
        json!({"reserve": {
            "order_id": "018bcfe5-687b-7000-8000-00000000002a", "user_id": "00000000-0000-0000-0000-000000000001",
            "asset": "USDT", "receives_asset": "BTC", "amount": "1000.5"
        }})
    );
}

#[tokio::test]
async fn refused_transfers_are_answers_and_other_refusals_are_not() {
    let transfer = Transfer {
        kind: TransferKind::Withdrawal,
        key: "w-1".parse().unwrap(),
        user_id: UserId::from_u128(1),
        asset: "USDT".parse().unwrap(),
        amount: Amount(1),
    };
    for (status, code, refused) in [
        (
            400,
            "INSUFFICIENT_BALANCE",
            Some(TransferRefused::InsufficientBalance),
        ),
        (409, "KEY_CONFLICT", Some(TransferRefused::KeyConflict)),
        (422, "BALANCE_TOO_LARGE", Some(TransferRefused::TooLarge)),
        (422, "NOTHING_TO_TRANSFER", Some(TransferRefused::Nothing)),
        (400, "invalid_field", None),
        (401, "unauthenticated", None),
        (503, "INSUFFICIENT_BALANCE", None),
    ] {
        let stub = Stub::start(vec![Reply::Json(status, json!({ "code": code }))]).await;
        let (wallet, _) = client(options(&stub.url));
        let answer = wallet.transfer(transfer.clone()).await;
        assert_eq!(answer.ok().and_then(Result::err), refused, "{status} {code}");
        assert_eq!(stub.came()[0].line, "POST /api/v1/wallets/withdrawals HTTP/1.1");
    }
}

#[tokio::test]
async fn silence_ends_with_the_call_and_is_unknown() {
    let stub = Stub::start(vec![Reply::Silence]).await;
    let (wallet, _) = client(HttpWalletOptions {
        timeout: Duration::from_millis(200),
        ..options(&stub.url)
    });
    assert_eq!(call(&wallet).await, "unknown: it took too long");
}

#[tokio::test]
async fn a_try_that_is_met_with_silence_leaves_time_for_the_next() {
    let stub = Stub::start(vec![Reply::Silence, Reply::Silence, done()]).await;
    let (wallet, _) = client(HttpWalletOptions {
        try_timeout: Duration::from_millis(100),
        ..options(&stub.url)
    });
    assert_eq!(call(&wallet).await, "answered");
    assert_eq!(stub.came().len(), 3);
}

#[tokio::test]
async fn the_tries_of_the_settings_have_room_within_the_call() {
    let settings = runtime::settings::WalletSettings::default();
    let options = HttpWalletOptions::of(&settings).unwrap();
    assert_eq!(options.timeout, settings.timeout);
    assert!(options.try_timeout * 3 <= options.timeout && options.try_timeout * 4 > options.timeout);
}

#[tokio::test]
async fn questions_that_are_not_answered_keep_no_money_back() {
    let question = |wallet: &Arc<HttpWallet>| {
        let wallet = Arc::clone(wallet);
        tokio::spawn(async move { wallet.balances(vec![UserId::from_u128(1)]).await })
    };
    // All turns and places of questions are taken, for good.
    let stub = Stub::start(vec![Reply::Silence, done()]).await;
    let (wallet, _) = client(HttpWalletOptions {
        calls_in_flight: 1,
        calls_waiting: 0,
        ..options(&stub.url)
    });
    let wallet = Arc::new(wallet);
    let waiting = question(&wallet);
    while stub.came().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(call(&wallet).await, "answered");
    waiting.abort();
    // Questions fail again and again.
    let stub = Stub::start([vec![Reply::Text(500, ""); 18], vec![done()]].concat()).await;
    let (wallet, _) = client(options(&stub.url));
    let wallet = Arc::new(wallet);
    for _ in 0..6 {
        assert!(matches!(
            question(&wallet).await.unwrap(),
            Err(NotAnswered::Unknown(_))
        ));
    }
    assert_eq!(
        question(&wallet).await.unwrap(),
        Err(NotAnswered::NotSent("the circuit breaker is open"))
    );
    assert_eq!(call(&wallet).await, "answered");
    assert_eq!(wallet.trouble().await, None);
}

#[tokio::test]
async fn a_wallet_that_is_ready_and_refuses_its_caller_is_in_trouble() {
    for status in [401, 403] {
        let stub = Stub::by_path(move |line| match line {
            line if line.starts_with("GET /health/ready ") => Reply::Text(200, ""),
            _ => Reply::Text(status, ""),
        })
        .await;
        let (wallet, _) = client(options(&stub.url));
        let trouble = format!("the wallet refuses this caller: {status}");
        assert_eq!(wallet.trouble().await, Some(trouble));
        let came = stub.came();
        let asked = came.iter().find(|came| !came.line.contains("/health/")).unwrap();
        assert!(asked.header("authorization").is_some());
    }
}

#[tokio::test]
async fn questions_that_fail_do_not_make_a_ready_wallet_unready() {
    let stub = Stub::by_path(|line| match line {
        line if line.starts_with("GET /health/ready ") => Reply::Text(200, ""),
        _ => Reply::Text(503, ""),
    })
    .await;
    let (wallet, _) = client(options(&stub.url));
    assert_eq!(wallet.trouble().await, None);
}

#[tokio::test]
async fn without_a_connection_nothing_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (wallet, _) = client(options(&url));
    assert_eq!(
        call(&wallet).await,
        "not sent: the wallet service cannot be reached"
    );
    assert_eq!(
        wallet.trouble().await.as_deref(),
        Some("the wallet cannot be reached")
    );
}

#[tokio::test]
async fn calls_wait_for_their_turn_and_only_so_many() {
    let stub = Stub::start(vec![Reply::Silence]).await;
    let (wallet, _) = client(HttpWalletOptions {
        calls_in_flight: 1,
        calls_waiting: 1,
        timeout: Duration::from_millis(500),
        ..options(&stub.url)
    });
    let wallet = Arc::new(wallet);
    let calls: Vec<_> = (0..2)
        .map(|_| {
            let wallet = Arc::clone(&wallet);
            tokio::spawn(async move { call(&wallet).await })
        })
        .collect();
    while stub.came().is_empty() {
        tokio::task::yield_now().await;
    }
    // The first is under way; the second has its place once a third finds none.
    let third = loop {
        let third = call(&wallet).await;
        if third != "not sent: its turn did not come in time" {
            break third;
        }
    };
    assert_eq!(third, "not sent: too many calls wait already");
    let mut outcomes = Vec::new();
    for call in calls {
        outcomes.push(call.await.unwrap());
    }
    assert!(
        outcomes.contains(&"unknown: it took too long".to_owned()),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_one_call_is_not_sent() {
    let stub = Stub::start(vec![done()]).await;
    let (wallet, _) = client(options(&stub.url));
    assert_eq!(wallet.instruct(0, Vec::new()).await, Ok(Vec::new()));
    assert_eq!(wallet.balances(Vec::new()).await, Ok(Vec::new()));
    let many = wallet.instruct(0, vec![reserve(); 1_001]).await;
    assert!(matches!(many, Err(NotAnswered::NotSent(_))), "{many:?}");
    let many = wallet.balances(vec![UserId::from_u128(1); 1_001]).await;
    assert!(matches!(many, Err(NotAnswered::NotSent(_))), "{many:?}");
    assert!(stub.came().is_empty());
}

#[tokio::test]
async fn the_trace_of_the_task_goes_along_and_each_call_has_an_id_of_its_own() {
    let stub = Stub::start(vec![done()]).await;
    let (wallet, _) = client(options(&stub.url));
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    trace::within(TraceContext::parse(parent), call(&wallet)).await;
    assert_eq!(call(&wallet).await, "answered");
    let came = stub.came();
    assert_eq!(came[0].header("traceparent"), Some(parent));
    assert_eq!(came[1].header("traceparent"), None);
    let ids = [0, 1].map(|at| came[at].header("x-request-id").map(str::to_owned));
    assert!(ids[0].is_some() && ids[0] != ids[1], "{ids:?}");
}

#[tokio::test]
async fn questions_ask_for_what_they_mean() {
    let entries = Reply::Json(200, json!({ "entries": [], "next_cursor": null }));
    let stub = Stub::start(vec![entries]).await;
    let (wallet, _) = client(options(&stub.url));
    let page = EntryPage {
        user_id: UserId::from_u128(1),
        asset: Some("BTC".parse().unwrap()),
        before: Some((7, 2)),
        limit: 50,
    };
    assert_eq!(wallet.ledger(page).await, Ok(Vec::new()));
    let user = "00000000-0000-0000-0000-000000000001";
    assert_eq!(
        stub.came()[0].line,
        format!("GET /api/v1/wallets/{user}/ledger?limit=50&asset=BTC&before=7-2 HTTP/1.1")
    );
    let balances: Result<_, _> = HttpWallet::balances(&wallet, vec![UserId::from_u128(1)]).await;
    assert!(
        matches!(balances, Err(NotAnswered::Unknown(_))),
        "an answer to another question: {balances:?}"
    );
    assert_eq!(stub.came()[1].body, format!(r#"{{"user_ids":["{user}"]}}"#));
    assert_eq!(wallet.trouble().await, None);
}
