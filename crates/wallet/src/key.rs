//! The key of a request, and the hash of its body in a form that never changes: both are kept for ever.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use domain::{Merge, Release, Reserve, Transfer, TransferKind};
use uuid::Uuid;
use wallet_client::{Instruction, SettleTrade, TradeParty};

use crate::request::Request;

/// The id of an order's own reservation, or of an amendment's.
pub(crate) fn reservation_id(order_id: domain::OrderId, request_id: Option<domain::RequestId>) -> Uuid {
    Uuid::from_u128(request_id.map_or(order_id.as_u128(), domain::RequestId::as_u128))
}

/// The key under which the answer is kept.
pub(crate) fn key(request: &Request) -> String {
    match request {
        Request::Instruct { instruction, .. } => match instruction {
            Instruction::Reserve(r) => format!("reserve:{}", reservation_id(r.order_id, r.request_id)),
            Instruction::Release(r) => {
                format!(
                    "release:{}:{}",
                    reservation_id(r.order_id, r.request_id),
                    r.number
                )
            }
            Instruction::Settle(s) => format!("settle:{}", s.trade_id),
            Instruction::Merge(m) => format!("merge:{}", m.request_id),
        },
        Request::Transfer(t) => format!("transfer:{}", t.key),
    }
}

/// The SHA-256 of the body. The shard is no part of it: a market may move between two tries.
pub(crate) fn body_hash(request: &Request) -> Vec<u8> {
    digest(&SHA256, canonical(request).as_bytes()).as_ref().to_vec()
}

/// The body as text: every field, in a fixed order, none with a `|` in it.
fn canonical(request: &Request) -> String {
    match request {
        Request::Instruct { instruction, .. } => match instruction {
            Instruction::Reserve(r) => reserve(r),
            Instruction::Release(r) => release(r),
            Instruction::Settle(s) => settle(s),
            Instruction::Merge(m) => merge(m),
        },
        Request::Transfer(t) => transfer(t),
    }
}

fn or_dash(id: Option<impl std::fmt::Display>) -> String {
    id.map_or_else(|| "-".to_owned(), |id| id.to_string())
}

fn reserve(r: &Reserve) -> String {
    let Reserve {
        order_id,
        request_id,
        user_id,
        asset,
        receives,
        amount,
    } = r;
    let request_id = or_dash(*request_id);
    format!(
        "reserve|{order_id}|{request_id}|{user_id}|{asset}|{receives}|{}",
        amount.0
    )
}

fn release(r: &Release) -> String {
    let Release {
        order_id,
        request_id,
        user_id,
        number,
        asset,
        amount,
        last,
    } = r;
    let request_id = or_dash(*request_id);
    format!(
        "release|{order_id}|{request_id}|{user_id}|{number}|{asset}|{}|{last}",
        amount.0
    )
}

fn settle(s: &SettleTrade) -> String {
    let SettleTrade {
        trade_id,
        symbol,
        base,
        quote,
        buyer,
        seller,
    } = s;
    let mut text = format!("settle|{trade_id}|{symbol}|{}|{}", base.0, quote.0);
    for party in [buyer, seller] {
        let TradeParty {
            user_id,
            order_id,
            fee,
            release,
        } = party;
        // Writing to a string cannot fail.
        let _ = write!(text, "|{user_id}|{}|{}|{}", or_dash(*order_id), fee.0, release.0);
    }
    text
}

fn merge(m: &Merge) -> String {
    let Merge {
        request_id,
        order_id,
        user_id,
        asset,
        amount,
    } = m;
    format!("merge|{request_id}|{order_id}|{user_id}|{asset}|{}", amount.0)
}

fn transfer(t: &Transfer) -> String {
    let Transfer {
        kind,
        key,
        user_id,
        asset,
        amount,
    } = t;
    let kind = match kind {
        TransferKind::Deposit => "deposit",
        TransferKind::Withdrawal => "withdrawal",
    };
    format!("{kind}|{key}|{user_id}|{asset}|{}", amount.0)
}
