//! The echo server's WebSocket: a request about an order is read and answered at once, in as many bytes as a gateway needs.

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{CloseCode, Message, MessageStream, Session};
use serde_json::{Value, json};
use uuid::Uuid;

/// The longest frame that is taken, as at the gateway.
const LONGEST: usize = 64 * 1024;

/// How many orders were acknowledged: each gets an id of its own.
#[derive(Debug, Default)]
pub(crate) struct Orders(AtomicU64);

/// Opens a connection. Everybody is let in.
pub(crate) async fn connect(
    request: HttpRequest,
    payload: Payload,
    orders: Data<Orders>,
) -> actix_web::Result<HttpResponse> {
    let (response, session, stream) = actix_ws::handle(&request, payload)?;
    actix_web::rt::spawn(serve(session, stream.max_frame_size(LONGEST), orders));
    Ok(response)
}

/// Answers one frame after the other until the connection ends.
async fn serve(mut session: Session, mut stream: MessageStream, orders: Data<Orders>) {
    let code = loop {
        let sent = match stream.recv().await {
            Some(Ok(Message::Text(text))) => match answer(&text, &orders) {
                Some(answer) => session.text(answer).await,
                None => break Some(CloseCode::Protocol),
            },
            Some(Ok(Message::Ping(bytes))) => session.pong(&bytes).await,
            Some(Ok(Message::Pong(_) | Message::Nop)) => Ok(()),
            Some(Ok(Message::Binary(_) | Message::Continuation(_))) => break Some(CloseCode::Unsupported),
            Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
        };
        if sent.is_err() {
            return;
        }
    };
    // An error says that the connection has gone already.
    let _ = session.close(code.map(Into::into)).await;
}

/// The answer to a frame; none where it is no request with an id.
fn answer(frame: &str, orders: &Orders) -> Option<String> {
    let frame: Value = serde_json::from_str(frame).ok()?;
    let (id, op) = (frame.get("id")?, frame.get("op")?);
    let known = frame.get("order_id").filter(|order_id| order_id.is_string());
    let answer = match (op.as_str()?, frame.get("order"), known) {
        ("place", Some(order @ Value::Object(_)), _) => {
            let number = orders.0.fetch_add(1, Ordering::Relaxed) + 1;
            let order_id = json!(Uuid::from_u128(number.into()));
            view(201, [id, op, &order_id, order], "OPEN")
        }
        ("amend", _, Some(order_id)) => view(200, [id, op, order_id, &frame], "OPEN"),
        ("cancel", _, Some(order_id)) => view(200, [id, op, order_id, &frame], "CANCELLED"),
        _ => format!(r#"{{"id":{id},"op":{op},"status":400,"error":{{"code":"invalid_field"}}}}"#),
    };
    Some(answer)
}

/// The answer with an order as the gateway writes it. What the request says is sent back, the rest is always the same.
fn view(status: u16, [id, op, order_id, request]: [&Value; 4], word: &str) -> String {
    let given = |name: &str, else_like: &str| match request.get(name) {
        Some(value) => value.to_string(),
        None => format!("\"{else_like}\""),
    };
    let (client, symbol) = (
        given("client_order_id", "load18a3c-1000"),
        given("symbol", "BTC/USDT"),
    );
    let (kind, side) = (given("order_type", "LIMIT"), given("side", "BUY"));
    let (price, quantity) = (given("price", "59321.07"), given("quantity", "0.000123"));
    let lasts = given("time_in_force", "GTC");
    format!(
        concat!(
            r#"{{"id":{id},"op":{op},"status":{status},"result":{{"average_price":null,"cancelled_at":null,"#,
            r#""client_order_id":{client},"created_at":"2026-01-01T00:00:00.000000Z","#,
            r#""deadline":"2026-01-01T00:01:00.000000Z","display_quantity":null,"expires_at":null,"fee":"0","#,
            r#""fee_asset":"BTC","filled_at":null,"filled_quantity":"0","filled_quote_quantity":"0","#,
            r#""institution_id":null,"order_id":{order_id},"order_type":{kind},"post_only":false,"price":{price},"#,
            r#""protection_price":null,"quantity":{quantity},"quote_quantity":null,"reject_reason":null,"#,
            r#""remaining_quantity":{quantity},"self_trade_prevention":"EXPIRE_TAKER","side":{side},"#,
            r#""status":"{word}","stop_price":null,"symbol":{symbol},"time_in_force":{lasts},"triggered_at":null,"#,
            r#""updated_at":"2026-01-01T00:00:00.000000Z","user_id":"00000000-0000-4000-8000-0000000000a1"}}}}"#,
        ),
        id = id,
        op = op,
        status = status,
        client = client,
        order_id = order_id,
        kind = kind,
        price = price,
        quantity = quantity,
        side = side,
        word = word,
        symbol = symbol,
        lasts = lasts,
    )
}
