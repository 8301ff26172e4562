//! What a client was told against the log: the same commands in the same order, none more, none less, each with the very
//! outcome that its answer gave.

use domain::{
    Amount, Command, MarketNumber, Order, OrderRef, Outcome, Refusal, RejectReason, Status, UserId,
};
use serde_json::{Value, json};

use crate::ask::{Answer, Ask, Target, Told};
use crate::seen;
use crate::twin::{Applied, Twin};

/// Holds all that a user's client was told against all that the log has of the user. Returns the request that was cut
/// off, if there is one, and whether it happened.
pub fn compare(user_id: UserId, told: &[Told], applied: &[Applied], twin: &Twin) -> Option<(Ask, bool)> {
    let promised = told.iter().filter(|told| told.is_promised()).count();
    let unknown = told.iter().filter(|told| told.is_unknown()).count();
    assert!(unknown <= 1, "a client stops when it is cut off");
    let logged = applied.len();
    assert!(
        logged >= promised,
        "LOST: user {user_id} was promised {promised} commands, the log has {logged}"
    );
    assert!(
        logged <= promised + unknown,
        "DOUBLED: user {user_id} sent {promised} or {unknown} more, the log has {logged}"
    );
    let happened = logged > promised;
    let mut log = applied.iter();
    for told in told {
        match &told.answer {
            Some(answer) if told.is_promised() => {
                let applied = log.next().unwrap();
                assert!(
                    is_of(&told.ask, &applied.command, twin),
                    "{told:?} against record {applied:?}"
                );
                assert_told(&told.ask, answer, applied, twin);
            }
            None if told.is_unknown() && happened => {
                let applied = log.next().unwrap();
                assert!(
                    is_of(&told.ask, &applied.command, twin),
                    "{told:?} against record {applied:?}"
                );
            }
            Some(answer) => assert_look_up(&told.ask, answer, twin),
            None => {}
        }
    }
    let cut = told.iter().find(|told| told.is_unknown());
    cut.map(|told| (told.ask.clone(), happened))
}

/// Whether the log's command is the one that was asked for.
fn is_of(ask: &Ask, command: &Command, twin: &Twin) -> bool {
    let symbol = |number: MarketNumber| twin.market(number).symbol().to_string();
    match (ask, command) {
        (Ask::Place(body), Command::Place(place)) => {
            let client_id = place.client_order_id.as_ref().map(|id| id.as_str());
            let words = (
                symbol(place.market),
                place.side.word(),
                place.terms.order_type().word(),
            );
            client_id == body["client_order_id"].as_str()
                && words.0 == body["symbol"]
                && words.1 == body["side"]
                && words.2 == body["order_type"]
        }
        (Ask::Cancel(target), Command::Cancel(cancel)) => match (&cancel.order, target) {
            (OrderRef::Id(id), Target::Id(asked)) => id.to_string() == *asked,
            (OrderRef::Client(id), Target::ClientId(asked)) => id.as_str() == asked,
            _ => false,
        },
        (Ask::Amend { order_id, .. }, Command::Amend(amend)) => {
            matches!(&amend.order, OrderRef::Id(id) if id.to_string() == *order_id)
        }
        (Ask::CancelAll { symbol: asked, side }, Command::CancelAll(all)) => {
            !all.by_operator
                && all.selection.market.map(symbol).as_deref() == *asked
                && all.selection.side.map(domain::Side::word) == *side
        }
        (Ask::OperatorCancelAll { body }, Command::CancelAll(all)) => {
            all.by_operator
                && json!(all.selection.market.map(symbol)) == body["symbol"]
                && json!(all.selection.side.map(domain::Side::word)) == body["side"]
        }
        (Ask::Transfer { kind, body }, Command::Transfer(transfer)) => {
            transfer.kind == *kind
                && transfer.key.as_str() == body["key"]
                && transfer.asset.as_str() == body["asset"]
                && Some(transfer.amount) == amount(&body["amount"])
        }
        _ => false,
    }
}

/// The answer must be the very outcome of the replayed command.
fn assert_told(ask: &Ask, answer: &Answer, applied: &Applied, twin: &Twin) {
    let what = format!("{ask:?} at record {}", applied.seq);
    let is = |status: u16, expected: Value| {
        assert_eq!(
            answer.status, status,
            "{what}: {answer:?} against {:?}",
            applied.outcome
        );
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&answer.body[field], value, "{what}: {field} in {answer:?}");
        }
    };
    let shows = |status: u16, order: &Order| {
        is(status, json!({}));
        seen::assert_same(&answer.body, order, twin.market(order.market), &what);
    };
    let reason = |reason: RejectReason| json!({ "code": reason.code() });
    match &applied.outcome {
        Outcome::Placed(order) | Outcome::Repeated(order) if order.state.status() == Status::Rejected => {
            let code = order.state.reason_code();
            is(
                422,
                json!({ "code": code, "order_id": order.order_id.to_string() }),
            );
        }
        Outcome::Placed(order) => {
            shows(201, order);
            assert_as_asked(ask, &answer.body);
        }
        Outcome::Repeated(order) => shows(200, order),
        Outcome::Cancelled(order) | Outcome::Amended(order) => shows(200, order),
        Outcome::CancelledAll(count) => is(200, json!({ "cancelled": count })),
        Outcome::Transferred(receipt) => is(
            200,
            json!({
                "key": receipt.key.as_str(),
                "kind": receipt.kind,
                "user_id": receipt.user_id.to_string(),
                "asset": receipt.asset.as_str(),
                "amount": receipt.amount.to_string(),
                "available_balance": receipt.available.to_string(),
                "executed_at": seen::time(receipt.at),
            }),
        ),
        Outcome::Refused(Refusal::OrderEnded(order)) => is(
            409,
            json!({ "order_id": order.order_id.to_string(), "order_status": order.state.status().word() }),
        ),
        Outcome::Refused(Refusal::ClientIdConflict(id)) => {
            is(
                409,
                json!({ "code": "client_order_id_conflict", "order_id": id.to_string() }),
            );
        }
        Outcome::Refused(Refusal::TransferKeyConflict) => is(409, json!({ "code": "transfer_key_conflict" })),
        Outcome::Refused(Refusal::InsufficientBalance) => is(422, reason(RejectReason::InsufficientBalance)),
        Outcome::Refused(Refusal::Amendment(refused)) => is(422, reason(*refused)),
        Outcome::Refused(Refusal::Shape(error)) => is(400, json!({ "field": error.field })),
        other => panic!("{what}: nobody asked for {other:?}"),
    }
}

/// The order has what the placement asked for.
fn assert_as_asked(ask: &Ask, shown: &Value) {
    let Ask::Place(body) = ask else {
        panic!("{ask:?} placed an order")
    };
    for (field, asked) in body.as_object().unwrap() {
        let same = match field.as_str() {
            "price" | "quantity" | "quote_quantity" | "stop_price" | "display_quantity" => {
                amount(asked) == amount(&shown[field])
            }
            _ => *asked == shown[field],
        };
        assert!(same, "{field} of {shown} is not as in {body}");
    }
}

/// What was seen was durable: the order in the log is as it was seen, or has come further.
fn assert_look_up(ask: &Ask, answer: &Answer, twin: &Twin) {
    let Ask::LookUp(_) = ask else {
        assert_eq!(answer.status, 503, "{ask:?}: {answer:?}");
        return;
    };
    if answer.status == 503 {
        return;
    }
    assert_eq!(answer.status, 200, "LOST: {ask:?} was acknowledged: {answer:?}");
    let id = answer.order_id().unwrap().parse().unwrap();
    let last = twin.closed.get(&id).cloned().or_else(|| twin.exchange.order(id));
    let last = last.unwrap_or_else(|| panic!("LOST: {answer:?} is not in the log"));
    let market = twin.market(last.market);
    if answer.body["updated_at"] == seen::time(last.updated_at) && last.state.is_final() == is_final(answer) {
        seen::assert_same(&answer.body, &last, market, "an order seen");
    } else {
        assert!(
            !is_final(answer),
            "an ended order changed: {answer:?} against {last:?}"
        );
        assert!(
            amount(&answer.body["filled_quantity"]) <= Some(market.base_amount(last.filled())),
            "{answer:?}"
        );
    }
}

fn is_final(answer: &Answer) -> bool {
    let status = answer.body["status"].as_str().unwrap();
    !matches!(status, "PENDING" | "OPEN" | "PARTIALLY_FILLED")
}

fn amount(text: &Value) -> Option<Amount> {
    Amount::parse(text.as_str()?).ok()
}
