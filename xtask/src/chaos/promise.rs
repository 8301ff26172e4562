//! What one order's client was told, and what may therefore be shown of the order afterwards.

use serde_json::Value;

use super::decimal;
use crate::http::{Answer, Asked};

/// The words for orders that are over.
const FINAL: [&str; 4] = ["FILLED", "CANCELLED", "REJECTED", "EXPIRED"];

/// Whether an order of this status is over.
pub fn is_final(status: &str) -> bool {
    FINAL.contains(&status)
}

/// An order as a gateway shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its id.
    pub order_id: String,
    /// Its owner's name for it.
    pub client_id: String,
    /// PENDING, OPEN.
    pub status: String,
    /// In units of 1e-8.
    pub filled: u64,
    /// Market, side, type.
    pub kind: (String, String, String),
    /// As amended; absent: none.
    pub price: Option<u64>,
    /// As amended; absent: by budget.
    pub quantity: Option<u64>,
}

impl Shown {
    /// Reads a view; none where it has a hole.
    pub fn read(view: &Value) -> Option<Self> {
        let text = |field: &str| view.get(field).and_then(Value::as_str);
        let owned = |field: &str| text(field).map(str::to_owned);
        let units = |field: &str| match view.get(field) {
            Some(Value::String(text)) => decimal::parse(text).map(Some),
            _ => Some(None),
        };
        Some(Self {
            order_id: owned("order_id")?,
            client_id: owned("client_order_id").unwrap_or_default(),
            status: owned("status")?,
            filled: units("filled_quantity")??,
            kind: (owned("symbol")?, owned("side")?, owned("order_type")?),
            price: units("price")?,
            quantity: units("quantity")?,
        })
    }
}

/// What became of a placement so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placing {
    /// It was answered: the order exists, or was refused and does not.
    Told,
    /// It may exist or not.
    Doubtful,
}

/// An order that was asked for, and all that was told of it.
#[derive(Debug, Clone, Default)]
pub struct Promise {
    /// Whose, as a place in the list of users.
    pub user: usize,
    /// The client's name for it.
    pub client_id: String,
    /// The body, for repeats.
    pub body: String,
    /// Its id, once some answer named it.
    pub order_id: Option<String>,
    /// Whether some request for it was sent and not answered.
    pub doubtful: bool,
    /// Whether a 202 was among the answers.
    pub waited: bool,
    asked: Shown,
    rejected: bool,
    filled: u64,
    ended: Option<String>,
    ended_filled: Option<u64>,
    must_end: bool,
    /// Whether a change of its price or quantity may still come, or has come unseen.
    unsteady: bool,
    faults: Vec<String>,
}

impl Promise {
    /// An order that is about to be asked for.
    pub fn new(user: usize, client_id: String, body: &Value) -> Self {
        let text = |field: &str| body.get(field).and_then(Value::as_str);
        let owned = |field: &str| text(field).unwrap_or_default().to_owned();
        let units = |field: &str| text(field).and_then(decimal::parse);
        let asked = Shown {
            kind: (owned("symbol"), owned("side"), owned("order_type")),
            price: units("price"),
            quantity: units("quantity"),
            ..Shown::default()
        };
        Self {
            user,
            client_id,
            body: body.to_string(),
            asked,
            ..Self::default()
        }
    }

    /// Its market, as bodies have it.
    pub fn symbol(&self) -> &str {
        &self.asked.kind.0
    }

    /// Whether nobody knows if it exists.
    pub fn is_open_question(&self) -> bool {
        self.doubtful && self.order_id.is_none()
    }

    /// Whether an answer said that it exists.
    pub fn is_acknowledged(&self) -> bool {
        self.order_id.is_some()
    }

    /// Takes in what became of a request to place it.
    pub fn placed(&mut self, asked: &Asked) -> Placing {
        let answer = match asked {
            Asked::NotSent => return Placing::Doubtful,
            Asked::Unknown => {
                self.doubtful = true;
                return Placing::Doubtful;
            }
            Asked::Answer(answer) => answer,
        };
        match answer.status {
            200..=202 => {
                self.waited |= answer.status == 202;
                self.learn(&answer.body);
            }
            422 if answer.text("order_id").is_some() => {
                self.named(answer.text("order_id").unwrap_or_default());
                self.rejected = true;
            }
            429 | 503 => {}
            // Asked for again after its end had passed.
            400 if answer.text("field") == Some("expires_at") => {}
            500 | 504 => {
                self.doubtful = true;
                return Placing::Doubtful;
            }
            _ => self.odd("placing", answer),
        }
        Placing::Told
    }

    /// Takes in what became of a request to cancel it.
    pub fn cancelled(&mut self, asked: &Asked) {
        let Asked::Answer(answer) = asked else { return };
        match answer.status {
            200 => {
                self.learn(&answer.body);
                if self.ended.is_none() {
                    self.fault(format!("a cancel was answered with {}", answer.body));
                }
            }
            // It is in the log, so the order ends if it has not ended before.
            202 => {
                self.must_end = true;
                self.learn(&answer.body);
            }
            409 => self.ended_as(answer),
            429 | 500 | 503 | 504 => {}
            _ => self.odd("a cancel", answer),
        }
    }

    /// Takes in what became of a request to amend it.
    pub fn amended(&mut self, asked: &Asked) {
        let Asked::Answer(answer) = asked else {
            self.unsteady |= matches!(asked, Asked::Unknown);
            return;
        };
        match answer.status {
            200 => self.amended_to(&answer.body),
            202 if answer.body["settled"] == false => self.amended_to(&answer.body),
            202 | 500 | 504 => self.unsteady = true,
            409 => self.ended_as(answer),
            // The order is as it was.
            422 | 429 | 503 => {}
            _ => self.odd("an amendment", answer),
        }
    }

    /// A mass cancel that covers it was done after it was acknowledged.
    pub fn swept(&mut self) {
        self.must_end = true;
    }

    /// What an answer shows of it.
    pub fn learn(&mut self, view: &Value) {
        let Some(shown) = Shown::read(view) else {
            return self.fault(format!("an answer is no order: {view}"));
        };
        self.named(&shown.order_id);
        self.filled = self.filled.max(shown.filled);
        if is_final(&shown.status) {
            self.end(&shown.status, Some(shown.filled));
        }
    }

    fn amended_to(&mut self, view: &Value) {
        self.learn(view);
        if let Some(shown) = Shown::read(view) {
            self.asked.price = shown.price;
            self.asked.quantity = shown.quantity;
        }
    }

    fn ended_as(&mut self, answer: &Answer) {
        match answer.text("order_status") {
            Some(status) if is_final(status) => self.end(status, None),
            _ => self.odd("a change", answer),
        }
    }

    fn end(&mut self, status: &str, filled: Option<u64>) {
        match &self.ended {
            Some(before) if before != status => {
                let fault = format!("ended as {before} and as {status}");
                self.fault(fault);
            }
            _ => self.ended = Some(status.to_owned()),
        }
        match (self.ended_filled, filled) {
            (Some(before), Some(now)) if before != now => {
                self.fault(format!("ended with {before} and with {now} filled"));
            }
            (None, Some(_)) => self.ended_filled = filled,
            _ => {}
        }
    }

    fn named(&mut self, order_id: &str) {
        match &self.order_id {
            Some(before) if before != order_id => {
                let fault = format!("was called {before} and {order_id}");
                self.fault(fault);
            }
            _ => self.order_id = Some(order_id.to_owned()),
        }
    }

    fn odd(&mut self, what: &str, answer: &Answer) {
        self.fault(format!(
            "{what} was answered with {}: {}",
            answer.status, answer.body
        ));
    }

    /// Something that was told and cannot be.
    pub fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    /// What does not fit: between the answers, and between them and what is shown now that nothing waits.
    pub fn differences(&self, shown: Option<&Shown>) -> Vec<String> {
        let mut found = self.faults.clone();
        match (shown, &self.order_id) {
            (None, Some(_)) => found.push("was acknowledged and is not there".to_owned()),
            (Some(_), None) if !self.doubtful => found.push("was refused and is there".to_owned()),
            (Some(shown), _) => self.compare(shown, &mut found),
            (None, None) => {}
        }
        let name = || {
            format!(
                "{} ({})",
                self.client_id,
                self.order_id.as_deref().unwrap_or("no id")
            )
        };
        found
            .into_iter()
            .map(|what| format!("order {}: {what}", name()))
            .collect()
    }

    fn compare(&self, shown: &Shown, found: &mut Vec<String>) {
        let mut need = |holds: bool, what: String| {
            if !holds {
                found.push(what);
            }
        };
        let Shown {
            order_id,
            client_id: _,
            status,
            filled,
            kind,
            price,
            quantity,
        } = shown;
        let named = self.order_id.as_ref().is_none_or(|known| known == order_id);
        need(named, format!("is called {order_id}"));
        need(status != "PENDING", "is still PENDING".to_owned());
        need(
            *kind == self.asked.kind,
            format!("is {kind:?}, not {:?}", self.asked.kind),
        );
        need(
            *filled >= self.filled,
            format!("{filled} filled after {}", self.filled),
        );
        let rejected = status == "REJECTED";
        // After a 202, or an answer that was lost, it may still be refused.
        let may_differ = rejected && (self.waited || self.doubtful) || self.order_id.is_none();
        need(
            self.rejected == rejected || may_differ,
            format!("is {status}; told that it is refused: {}", self.rejected),
        );
        if let Some(ended) = &self.ended {
            need(ended == status, format!("ended as {ended} and is {status}"));
        }
        if let Some(ended) = self.ended_filled {
            need(
                ended == *filled,
                format!("ended with {ended} filled and has {filled}"),
            );
        }
        need(
            !self.must_end || is_final(status),
            format!("was cancelled and is {status}"),
        );
        if !self.unsteady {
            let asked = (self.asked.price, self.asked.quantity);
            need(
                (*price, *quantity) == asked,
                format!("has {price:?} and {quantity:?}, not {asked:?}"),
            );
        }
    }
}

#[cfg(test)]
mod tests;
