//! Batches: up to fifty places, cancels and amends in one request, answered one by one.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, ServiceConfig, post, resource};
use actix_web::{HttpRequest, Responder};
use futures_util::future::join_all;
use http::{BodyLimit, Bucket, JsonBody, Problem};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trading::Caller;

use crate::ApiState;
use crate::amendment::AmendOrderBody;
use crate::caller::{self, BatchTrader, charge};
use crate::entry::{self, by_either};
use crate::order_view::OrderView;
use crate::placement::PlaceOrderBody;
use crate::wire::DecimalText;

/// The most items.
pub(crate) const ITEMS: usize = 50;

pub(crate) fn routes(config: &mut ServiceConfig, state: &ApiState) {
    let batches = resource("/api/v1/orders/batch").app_data(BodyLimit(state.batch_bytes));
    config.service(batches.route(post().to(batch)));
}

/// What a batch asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchBody {
    items: Vec<BatchItem>,
}

/// One thing that a batch asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum BatchItem {
    /// Places an order.
    Place {
        /// The order.
        order: Box<PlaceOrderBody>,
    },
    /// Cancels an order.
    Cancel {
        /// By its id.
        order_id: Option<String>,
        /// By its owner's name for it.
        client_order_id: Option<String>,
    },
    /// Changes an order.
    Amend {
        /// By its id.
        order_id: Option<String>,
        /// By its owner's name for it.
        client_order_id: Option<String>,
        /// The new limit price.
        price: Option<DecimalText>,
        /// The new total quantity.
        quantity: Option<DecimalText>,
    },
}

/// The answers, in the order of the items.
#[derive(Debug, Serialize)]
pub(crate) struct BatchAnswer {
    results: Vec<ItemAnswer>,
}

/// What the item alone would have been answered.
#[derive(Debug, Serialize)]
pub(crate) struct ItemAnswer {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

impl BatchBody {
    /// A body that asks for these.
    pub(crate) const fn new(items: Vec<BatchItem>) -> Self {
        Self { items }
    }

    /// How many items cancel, and how many do something else.
    ///
    /// # Errors
    /// 400 for an empty batch and one with too many items.
    pub(crate) fn checked_costs(items: &[BatchItem]) -> Result<(u32, u32), Problem> {
        if !(1..=ITEMS).contains(&items.len()) {
            return Err(Problem::invalid_field("items", format!("must be 1 to {ITEMS}")));
        }
        let cancels = items
            .iter()
            .filter(|item| matches!(item, BatchItem::Cancel { .. }));
        let cancels = cancels.count() as u32;
        Ok((cancels, items.len() as u32 - cancels))
    }
}

impl BatchItem {
    /// The name of the order that the item is about, as far as the item tells.
    fn name(&self) -> Option<String> {
        match self {
            Self::Place { order } => order.client_order_id().map(str::to_owned),
            Self::Cancel {
                order_id,
                client_order_id,
            }
            | Self::Amend {
                order_id,
                client_order_id,
                ..
            } => order_id.clone().or_else(|| client_order_id.clone()),
        }
    }
}

async fn batch(
    BatchTrader(identity): BatchTrader,
    request: HttpRequest,
    state: Data<ApiState>,
    JsonBody(body): JsonBody<BatchBody>,
) -> Result<impl Responder, Problem> {
    let (cancels, others) = BatchBody::checked_costs(&body.items)?;
    for (bucket, cost) in [(Bucket::Cancels, cancels), (Bucket::Orders, others)] {
        if cost > 0 {
            charge(&request, identity, bucket, cost).await?;
        }
    }
    let caller = caller::caller(identity);
    entry::whole(
        &state,
        move |state| async move { Ok(run(state, caller, body).await) },
    )
    .await
    .map(Json)
}

/// Runs the items. They do not wait for one another, but those about one order keep their order.
pub(crate) async fn run(state: ApiState, caller: Caller, body: BatchBody) -> BatchAnswer {
    let count = body.items.len();
    let mut chains: Vec<Vec<(usize, BatchItem)>> = Vec::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    for (place, item) in body.items.into_iter().enumerate() {
        let chain = match item.name() {
            Some(name) => *by_name.entry(name).or_insert(chains.len()),
            None => chains.len(),
        };
        if chain == chains.len() {
            chains.push(Vec::new());
        }
        if let Some(chain) = chains.get_mut(chain) {
            chain.push((place, item));
        }
    }
    let chains = chains.into_iter().map(|chain| {
        let state = state.clone();
        async move {
            let mut answers = Vec::with_capacity(chain.len());
            for (place, item) in chain {
                answers.push((place, answer(run_one(state.clone(), caller, item).await)));
            }
            answers
        }
    });
    let mut answers: Vec<(usize, ItemAnswer)> = join_all(chains).await.into_iter().flatten().collect();
    answers.sort_unstable_by_key(|(place, _)| *place);
    debug_assert_eq!(answers.len(), count);
    BatchAnswer {
        results: answers.into_iter().map(|(_, answer)| answer).collect(),
    }
}

async fn run_one(
    state: ApiState,
    caller: Caller,
    item: BatchItem,
) -> Result<(StatusCode, OrderView), Problem> {
    match item {
        BatchItem::Place { order } => entry::place(state, caller, *order).await,
        BatchItem::Cancel {
            order_id,
            client_order_id,
        } => {
            let order = by_either(order_id.as_deref(), client_order_id.as_deref())?;
            entry::cancel(state, caller, order).await
        }
        BatchItem::Amend {
            order_id,
            client_order_id,
            price,
            quantity,
        } => {
            let order = by_either(order_id.as_deref(), client_order_id.as_deref())?;
            let body = AmendOrderBody::new(price, quantity);
            entry::amend(state, caller, order, body).await
        }
    }
}

fn answer(outcome: Result<(StatusCode, OrderView), Problem>) -> ItemAnswer {
    match outcome {
        Ok((status, order)) => ItemAnswer {
            status: status.as_u16(),
            order: Some(order),
            error: None,
        },
        Err(problem) => ItemAnswer {
            status: problem.status().as_u16(),
            order: None,
            error: Some(problem.body()),
        },
    }
}
