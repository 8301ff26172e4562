//! Order entry over WebSocket.

use domain::{OrderRef, Side, Status};
use serde_json::{Value, json};
use trading::Queries;

use crate::client::Client;
use crate::house::{ALICE, BOB, House, Plan, caller, token, until};

fn order(side: &str, price: &str, quantity: &str, client_order_id: Option<&str>) -> Value {
    json!({
        "symbol": "BTC/USDT", "side": side, "order_type": "LIMIT", "price": price, "quantity": quantity,
        "client_order_id": client_order_id
    })
}

#[tokio::test]
async fn every_op_does_what_its_request_over_http_does() {
    let house = House::new().await;
    house.fund(&[ALICE]).await;
    let token = token(ALICE);
    let mut client = Client::of(&house, &token).await;
    let place = json!({"op": "place", "order": order("BUY", "99.5", "2", Some("mine"))});
    let placed = client.ask(place.clone()).await;
    assert_eq!(placed["status"], 201, "{placed}");
    let id = placed["result"]["order_id"].as_str().unwrap().to_owned();
    let again = client.ask(place).await;
    assert_eq!(
        (&again["status"], &again["result"]["order_id"]),
        (&json!(200), &json!(id))
    );
    let over_http = house.get(&format!("/api/v1/orders/{id}"), Some(&token)).await;
    assert_eq!(placed["result"], over_http);
    let amended = client
        .ok(json!({"op": "amend", "client_order_id": "mine", "price": "98"}))
        .await;
    assert_eq!(
        (&amended["price"], &amended["quantity"]),
        (&json!("98"), &json!("2"))
    );
    let cancelled = client.ok(json!({"op": "cancel", "order_id": id})).await;
    assert_eq!(cancelled["status"], "CANCELLED");
    let refused = client.ask(json!({"op": "cancel", "order_id": id})).await;
    assert_eq!(
        (&refused["status"], &refused["error"]["code"]),
        (&json!(409), &json!("order_ended"))
    );
    let poor = client
        .ask(json!({"op": "place", "order": order("BUY", "9000", "1000", None)}))
        .await;
    assert_eq!(
        (&poor["status"], &poor["error"]["code"]),
        (&json!(422), &json!("insufficient_balance"))
    );
    let items = json!([
        {"op": "place", "order": order("BUY", "90", "1", None)},
        {"op": "place", "order": order("SELL", "110", "1", None)},
        {"op": "cancel", "client_order_id": "unknown"},
    ]);
    let batch = client.ok(json!({"op": "batch", "items": items})).await;
    let statuses: Vec<_> = batch["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].clone())
        .collect();
    assert_eq!(statuses, [201, 201, 404]);
    let some = client
        .ok(json!({"op": "cancel_all", "symbol": "BTC-USDT", "side": "SELL"}))
        .await;
    assert_eq!(some, json!({"cancelled": 1}));
    assert_eq!(
        client.ok(json!({"op": "cancel_all"})).await,
        json!({"cancelled": 1})
    );
    let armed = client
        .ok(json!({"op": "cancel_all_after", "timeout_ms": 60_000}))
        .await;
    assert!(armed["cancel_at"].is_string(), "{armed}");
    let disarmed = client
        .ok(json!({"op": "cancel_all_after", "timeout_ms": 0}))
        .await;
    assert_eq!(disarmed, json!({"cancel_at": null}));
}

#[tokio::test]
async fn requests_are_taken_in_the_order_in_which_they_came() {
    let house = House::new().await;
    house.fund(&[ALICE]).await;
    let mut client = Client::of(&house, &token(ALICE)).await;
    for round in 0..50 {
        let name = format!("o-{round}");
        // Nobody waits for the answers: the cancel finds the order all the same.
        let place = json!({"op": "place", "id": 1, "order": order("BUY", "90", "1", Some(&name))});
        let cancel = json!({"op": "cancel", "id": 2, "client_order_id": name});
        client.send(place.to_string()).await;
        client.send(cancel.to_string()).await;
        let mut answers = [client.next().await, client.next().await];
        answers.sort_by_key(|answer| answer["id"].as_u64());
        let statuses = answers
            .each_ref()
            .map(|answer| answer["status"].as_u64().unwrap());
        assert_eq!(statuses, [201, 200], "{answers:?}");
    }
}

#[tokio::test]
async fn more_requests_than_may_wait_are_all_answered() {
    let mut plan = Plan::default();
    plan.limits.in_flight = 2;
    let house = House::with(plan).await;
    house.fund(&[ALICE]).await;
    let mut client = Client::of(&house, &token(ALICE)).await;
    for id in 0..100 {
        let place = json!({"op": "place", "id": id, "order": order("BUY", "90", "0.001", None)});
        client.send(place.to_string()).await;
    }
    let mut ids = Vec::new();
    for _ in 0..100 {
        let answer = client.next().await;
        assert_eq!(answer["status"], 201, "{answer}");
        ids.push(answer["id"].as_u64().unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..100).collect::<Vec<_>>());
}

#[derive(Debug, Clone, Copy)]
enum End {
    Closed,
    Dropped,
    Cut,
    ServerStops,
}

#[tokio::test]
async fn orders_are_cancelled_when_the_connection_ends_however_it_ends() {
    for end in [End::Closed, End::Dropped, End::Cut, End::ServerStops] {
        let house = House::new().await;
        house.fund(&[ALICE, BOB]).await;
        let of_alice = house.place(ALICE, Side::Buy, 10, 9_000).await;
        let of_bob = house.place(BOB, Side::Buy, 10, 9_000).await;
        let mut client = Client::of(&house, &token(ALICE)).await;
        for _ in 0..2 {
            let enabled = client
                .ok(json!({"op": "cancel_on_disconnect", "enabled": true}))
                .await;
            assert_eq!(enabled, json!({"enabled": true}));
        }
        match end {
            End::Closed => client.socket.close(None).await.unwrap(),
            End::Dropped => drop(client),
            End::Cut => client.send("nonsense").await,
            End::ServerStops => house.streams.stop(crate::house::PATIENCE).await,
        }
        let status = async |user, order: &domain::Order| {
            let found = house
                .exchange
                .order(caller(user), OrderRef::Id(order.order_id))
                .await;
            found.unwrap().state.status()
        };
        until(&format!("{end:?}"), async || {
            status(ALICE, &of_alice).await == Status::Cancelled
        })
        .await;
        assert_eq!(status(BOB, &of_bob).await, Status::Open);
    }
}

#[tokio::test]
async fn orders_stay_when_it_was_disabled_before() {
    let house = House::new().await;
    house.fund(&[ALICE]).await;
    let order = house.place(ALICE, Side::Buy, 10, 9_000).await;
    let mut client = Client::of(&house, &token(ALICE)).await;
    client
        .ok(json!({"op": "cancel_on_disconnect", "enabled": true}))
        .await;
    client
        .ok(json!({"op": "cancel_on_disconnect", "enabled": false}))
        .await;
    drop(client);
    until("it is gone", async || house.streams.connections() == 0).await;
    let found = house
        .exchange
        .order(caller(ALICE), OrderRef::Id(order.order_id))
        .await;
    assert_eq!(found.unwrap().state.status(), Status::Open);
}
