//! Sessions that were open when the exchange ended: whoever was connected then is not any more.

use domain::{MarketState, OrderRef, Side};
use trading::{Caller, Operations, OrderEntry, Queries};

use crate::house::{ALICE, BOB, BTC, House, fund, limit, placed, replayed, until, user};

const CAROL: Caller = user(3);

#[tokio::test]
async fn sessions_open_at_a_crash_are_closed_at_the_next_start() {
    for is_halted in [false, true] {
        let house = House::new();
        let (exchange, opened) = house.open();
        assert_eq!(opened.sessions, 0);
        fund(&exchange, &[ALICE, BOB, CAROL]).await;
        let open = [
            exchange.open_session(ALICE).await.unwrap(),
            exchange.open_session(ALICE).await.unwrap(),
        ];
        let closed = exchange.open_session(BOB).await.unwrap();
        let mut orders = Vec::new();
        for (caller, at) in [(ALICE, 90), (ALICE, 91), (BOB, 92), (CAROL, 93)] {
            orders.push(placed(&exchange, caller, limit(Side::Buy, 5, at)).await);
        }
        exchange.close_session(closed, false).await.unwrap();
        if is_halted {
            exchange.set_market_state(BTC, MarketState::Halted).await.unwrap();
        }
        drop(exchange);
        let (exchange, opened) = house.open();
        assert_eq!(opened.sessions, 2);
        let mut ends = Vec::new();
        for order in &orders {
            let caller = Caller {
                user_id: order.user_id,
                institution_id: None,
            };
            let found = exchange
                .order(caller, OrderRef::Id(order.order_id))
                .await
                .unwrap();
            ends.push(found.state.reason_code());
        }
        let gone = Some("disconnected");
        assert_eq!(ends, [gone, gone, None, None], "halted: {is_halted}");
        for session in open {
            exchange.close_session(session, true).await.unwrap();
        }
        let audit = exchange.audit().await.unwrap();
        assert_eq!(audit.faults, []);
        drop(exchange);
        let (exchange, opened) = house.open();
        assert_eq!(opened.sessions, 0, "they are closed for good");
        drop(exchange);
        assert_eq!(replayed(house.path()).event_digest(), audit.digest);
    }
}

#[tokio::test]
async fn a_session_that_nobody_waited_for_is_ended_without_harm() {
    let house = House::new();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let (exchange, _) = house.open_with(|options| {
        options.answer_timeout = std::time::Duration::from_millis(300);
        options.probe = embedded::Probe::new(move |command| {
            if matches!(command, domain::Command::OpenSession(_)) {
                held.lock().unwrap().recv().unwrap();
            }
        });
    });
    fund(&exchange, &[ALICE]).await;
    let order = placed(&exchange, ALICE, limit(Side::Buy, 5, 90)).await;
    let answer = exchange.open_session(ALICE).await;
    assert_eq!(answer, Err(trading::EntryError::OutcomeUnknown));
    release.send(()).unwrap();
    until("the session is ended", || {
        let log = replayed_commands(house.path());
        log.iter()
            .any(|command| matches!(command, domain::Command::CloseSession(close) if !close.cancel))
    })
    .await;
    drop(exchange);
    let (exchange, opened) = house.open();
    assert_eq!(opened.sessions, 0);
    let found = exchange.order(ALICE, OrderRef::Id(order.order_id)).await.unwrap();
    assert!(
        !found.state.is_final(),
        "the order was not put at risk: {found:?}"
    );
}

/// The commands in the log of an exchange that runs.
fn replayed_commands(dir: &std::path::Path) -> Vec<domain::Command> {
    let mut reader = journal::Reader::open(dir, 1, journal::ReadOptions::default()).unwrap();
    let mut commands = Vec::new();
    while let Ok(Some((_, bytes))) = reader.next_entry() {
        if let exchange::LogBody::Command(command) = exchange::LogEntry::decode(bytes).unwrap().body {
            commands.push(command);
        }
    }
    commands
}
