//! The circuit breaker around calls.

use std::time::Duration;

use crate::stub::{Reply, Stub, call, client, done, options};

const OPEN: &str = "not sent: the circuit breaker is open";

#[tokio::test]
async fn six_calls_that_fail_open_it_whatever_their_tries_and_trials_close_it() {
    let mut replies = vec![Reply::Text(500, ""); 18];
    replies.push(done());
    let stub = Stub::start(replies).await;
    let (wallet, clock) = client(options(&stub.url));
    for _ in 0..6 {
        assert!(call(&wallet).await.starts_with("unknown: "));
    }
    assert_eq!(stub.came().len(), 18, "one call counts once, whatever its tries");
    assert_eq!(call(&wallet).await, OPEN);
    clock.advance(Duration::from_millis(999));
    assert_eq!(call(&wallet).await, OPEN);
    assert_eq!(stub.came().len(), 18, "nothing was sent");
    use wallet_client::Wallet as _;
    let trouble = wallet.trouble().await;
    assert_eq!(
        trouble.as_deref(),
        Some("the circuit breaker to the wallet is open")
    );
    clock.advance(Duration::from_millis(1));
    for _ in 0..12 {
        assert_eq!(call(&wallet).await, "answered");
    }
}

#[tokio::test]
async fn a_trial_that_fails_opens_it_again() {
    let mut replies = vec![Reply::Hangup; 21];
    replies.push(done());
    let stub = Stub::start(replies).await;
    let (wallet, clock) = client(options(&stub.url));
    for _ in 0..6 {
        assert!(call(&wallet).await.starts_with("unknown: "));
    }
    clock.advance(Duration::from_secs(30));
    assert!(call(&wallet).await.starts_with("unknown: "), "the trial");
    assert_eq!(call(&wallet).await, OPEN);
    clock.advance(Duration::from_secs(30));
    assert_eq!(call(&wallet).await, "answered");
}

#[tokio::test]
async fn refused_calls_do_not_open_it_and_garbage_does() {
    let stub = Stub::start(vec![Reply::Text(401, "")]).await;
    let (wallet, _) = client(options(&stub.url));
    for _ in 0..20 {
        assert!(call(&wallet).await.starts_with("unknown: it answered 401"));
    }
    let stub = Stub::start(vec![Reply::Text(200, "x")]).await;
    let (wallet, _) = client(options(&stub.url));
    for _ in 0..6 {
        assert!(
            call(&wallet)
                .await
                .starts_with("unknown: its answer makes no sense")
        );
    }
    assert_eq!(call(&wallet).await, OPEN);
}

#[tokio::test]
async fn calls_that_their_callers_give_up_open_nothing_and_take_no_trial() {
    let stub = Stub::start(vec![Reply::Silence]).await;
    let (wallet, _) = client(options(&stub.url));
    for number in 0..20 {
        let asked = call(&wallet);
        tokio::pin!(asked);
        while stub.came().len() <= number {
            tokio::select! {
                outcome = &mut asked => panic!("{outcome}"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    assert_eq!(stub.came().len(), 20);
}
