//! Scenarios as text: commands in, happenings out, one line each, separated by `;` or a new line.
//!
//! Commands (all words after the size in any order):
//! - `buy|sell NAME LOTS|$BUDGET [@ PRICE] [stop PRICE] [show LOTS] [post] [gtc|ioc|fok|day|gtd TIME] [by USER]
//!   [stp none|taker|maker|both|decrement] [id CLIENT_ID] [in MARKET] [received TIME] [deadline TIME]`
//! - `amend NAME|#CLIENT_ID [LOTS] [@ PRICE] [by USER]`, `cancel NAME|#CLIENT_ID [by USER]`
//! - `cancel-all [by USER] [in MARKET] [buy|sell] [operator]`, `tick`, `at TIME`
//! - `deposit|withdraw USER AMOUNT ASSET [key KEY]`, `state STATE [in MARKET]`, `define [FIELD=VALUE]... [in MARKET]`
//! - `after USER MILLISECONDS`, `open SESSION by USER`, `close SESSION [cancel]`, `tier NAME [maker=RATE] [taker=RATE]
//!   [rate=NUMBER]`, `join USER TIER|none`, `key KEY by USER [label=TEXT] [scope=TEXT]`, `revoke KEY`
//! - questions: `switch USER`, `sessions`, `keys USER`, `balance USER`, `order NAME`, `fees ASSET`, `tape`, `book off` (no book at the end)
//! - `N times COMMAND`, where `{}` in the command is the turn; `restart` goes on from a snapshot; `-` tells `-`
//!
//! A user without a deposit has a million of everything. Times are `HH:MM[:SS[.MICROS]]`, later days `1d+HH:MM`. Two markets of a
//! tick of 1 and a lot of 1 exist: `main` (ABC/USD) and `side` (XYZ/USD).
//! Happenings: `trade MAKER TAKER LOTS @ PRICE`, `trigger NAME`, `prevent NAME LOTS`, `amended NAME LOTS [@ PRICE]`,
//! `spent NAME` (filled before all its lots), `cancelled|expired|rejected NAME REASON`, `refused NAME WHY`, `same NAME`
//! (repeated), `cancelled-all COUNT`, `armed USER TIME`, `disarmed USER`, `opened SESSION`; a hundred and more that differ in numbers only: `2500 x trigger s#`; at the end what waits and what the books show.

mod operators;

use std::collections::BTreeMap;

use domain::{
    Amend, Amount, Cancel, CancelAll, Command, DefineMarket, Event, MarketDefinition, MarketEvent,
    MarketNumber, MarketState, Order, OrderId, OrderRef, OrderState, Outcome, Place, Refusal, RequestId,
    Selection, SelfTradePrevention, SetMarketState, Side, Size, Stamp, Terms, TimeInForce, Transfer,
    TransferKind, UserId,
};
use domain::{Band, FeeRate, Lots, Price, Quantity};

use crate::venue::{Venue, replay};

/// Runs a scenario, compares what came of it, and asks what must always hold.
#[track_caller]
pub fn check(script: &str, expected: &str) {
    check_all(&[(script, expected)]);
}

/// Runs many, and tells of all that went otherwise.
#[track_caller]
pub fn check_all(cases: &[(&str, &str)]) {
    let mut wrong = String::new();
    for (script, expected) in cases {
        let expected = lines(expected).collect::<Vec<_>>().join("; ");
        let told = match std::panic::catch_unwind(|| run(script).join("; ")) {
            Ok(told) => told,
            Err(_) => "(it panicked)".to_owned(),
        };
        if told != expected {
            wrong += &format!("\n  scenario: {script}\n  expected: {expected}\n      told: {told}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn run(script: &str) -> Vec<String> {
    let mut stage = Stage::new();
    let commands: Vec<&str> = lines(script).collect();
    let half = commands.len() / 2;
    for (turn, command) in commands.iter().enumerate() {
        if turn == half {
            stage.venue.restart(turn as u64 + 7);
        }
        stage.run(command);
        stage.venue.compare();
    }
    stage.books();
    let replayed = replay(&stage.venue.log, 99);
    let state = |exchange: &exchange::Exchange| exchange.state_digest().unwrap();
    assert_eq!(
        state(&replayed),
        state(&stage.venue.exchange),
        "the log gives the same state"
    );
    gather(&stage.told)
}

/// Tells a hundred and more happenings that differ in numbers only as one line: `2500 x trigger s#`.
fn gather(told: &[String]) -> Vec<String> {
    let shape = |line: &String| {
        let mut shape = line.replace(|letter: char| letter.is_ascii_digit(), "#");
        while shape.contains("##") {
            shape = shape.replace("##", "#");
        }
        shape
    };
    let runs = told.chunk_by(|a, b| shape(a) == shape(b));
    runs.flat_map(|run| match run.len() {
        0..100 => run.to_vec(),
        many => vec![format!("{many} x {}", shape(&run[0]))],
    })
    .collect()
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split([';', '\n'])
        .map(str::trim)
        .filter(|line| !line.is_empty())
}

/// The markets by name.
const MARKETS: [(&str, &str); 2] = [("main", "ABC/USD"), ("side", "XYZ/USD")];
const ASSETS: [&str; 3] = ["ABC", "XYZ", "USD"];
const DAY_SECONDS: u64 = 24 * 60 * 60;
/// 00:00 UTC of the scenario's first day, in seconds since 1970.
const FIRST_DAY: u64 = 20_000 * DAY_SECONDS;
const WHOLE: u64 = 100_000_000;

pub fn user(name: &str) -> UserId {
    let letters = name
        .bytes()
        .fold(0u128, |bits, letter| bits << 8 | u128::from(letter));
    UserId::from_u128(letters)
}

pub fn definition(number: u32, symbol: &str) -> MarketDefinition {
    MarketDefinition {
        number: MarketNumber(number),
        symbol: symbol.parse().unwrap(),
        tick: Amount(WHOLE),
        lot: Amount(WHOLE),
        min_quantity: Lots(1),
        max_quantity: Lots(10_000),
        max_price: Price::from_ticks(10_000).unwrap(),
        min_notional: Amount::ZERO,
        market_band: None,
        limit_band: None,
        initial_price: Price::from_ticks(100),
        maker_fee: FeeRate(0),
        taker_fee: FeeRate(0),
        max_open_orders: 5_000,
    }
}

struct Stage {
    venue: Venue,
    now: Stamp,
    definitions: Vec<MarketDefinition>,
    names: BTreeMap<OrderId, String>,
    ids: BTreeMap<String, OrderId>,
    owners: BTreeMap<String, String>,
    funded: Vec<String>,
    commands: u64,
    told: Vec<String>,
    shows_books: bool,
}

/// The words of a command after the first.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn has(&self, word: &str) -> bool {
        self.0.contains(&word)
    }

    fn after(&self, word: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|other| *other == word)?;
        Some(
            self.0
                .get(at + 1)
                .unwrap_or_else(|| panic!("nothing after {word}")),
        )
    }

    fn market(&self) -> MarketNumber {
        let name = self.after("in").unwrap_or("main");
        let place = MARKETS.iter().position(|(other, _)| *other == name);
        MarketNumber(place.map_or(77, |place| place as u32))
    }

    fn price(&self, word: &str) -> Option<Price> {
        let ticks = self.after(word)?;
        Some(Price::from_ticks(ticks.parse().unwrap()).unwrap())
    }

    fn user(&self) -> Option<UserId> {
        self.after("by").map(user)
    }
}

impl Stage {
    fn new() -> Self {
        let mut stage = Self {
            venue: Venue::new(),
            now: time("12:00"),
            definitions: Vec::new(),
            names: BTreeMap::new(),
            ids: BTreeMap::new(),
            owners: BTreeMap::new(),
            funded: Vec::new(),
            commands: 0,
            told: Vec::new(),
            shows_books: true,
        };
        for (number, (_, symbol)) in MARKETS.iter().enumerate() {
            let definition = definition(number as u32, symbol);
            stage.definitions.push(definition.clone());
            stage.apply("", Command::DefineMarket(DefineMarket { definition }));
        }
        stage
    }

    fn run(&mut self, line: &str) {
        if let Some((turns, command)) = line.split_once(" times ") {
            for turn in 1..=turns.parse().unwrap() {
                let turn: u32 = turn;
                self.run(&command.replace("{}", &turn.to_string()));
            }
            return;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let (first, rest) = words.split_first().unwrap();
        let words = Words(rest.to_vec());
        match *first {
            "buy" => self.place(Side::Buy, &words),
            "sell" => self.place(Side::Sell, &words),
            "amend" => self.amend(&words),
            "cancel" => {
                let (user_id, order) = self.named(&words);
                self.apply(words.0[0], Command::Cancel(Cancel { user_id, order }));
            }
            "cancel-all" => self.cancel_all(&words),
            "tick" => self.apply("", Command::Tick),
            "at" => self.now = time(words.0[0]),
            "deposit" => self.transfer(TransferKind::Deposit, &words),
            "withdraw" => self.transfer(TransferKind::Withdrawal, &words),
            "state" => {
                let state = MarketState::from_word(words.0[0]).unwrap();
                let market = words.market();
                self.apply("", Command::SetMarketState(SetMarketState { market, state }));
            }
            "define" => self.define(&words),
            "balance" => self.balance(words.0[0]),
            "order" => self.order(words.0[0]),
            "fees" => {
                let fees = self.venue.exchange.ledger().fees(words.0[0].parse().unwrap());
                self.told.push(format!("fees {fees} {}", words.0[0]));
            }
            "tape" => self.tape(words.market()),
            "book" => self.shows_books = false,
            "-" => self.told.push("-".to_owned()),
            "restart" => self.venue.restart(self.commands),
            other => assert!(self.run_operators(other, &words), "unknown command {other}"),
        }
    }

    fn place(&mut self, side: Side, words: &Words<'_>) {
        let (name, size) = (words.0[0], words.0[1]);
        let owner = words.after("by").unwrap_or(name);
        self.fund(owner);
        let order_id = OrderId::from_u128(1_000 + self.commands as u128);
        self.names.insert(order_id, name.to_owned());
        self.ids.insert(name.to_owned(), order_id);
        self.owners.insert(name.to_owned(), owner.to_owned());
        let place = Place {
            order_id,
            user_id: user(owner),
            institution_id: None,
            market: words.market(),
            side,
            terms: terms(size, words),
            time_in_force: time_in_force(words),
            self_trade_prevention: prevention(words.after("stp").unwrap_or("taker")),
            client_order_id: words.after("id").map(|id| id.parse().unwrap()),
            received_at: words.after("received").map_or(self.now, time),
            deadline: words.after("deadline").map(time),
            protection_price: None,
        };
        self.apply(name, Command::Place(place));
    }

    fn amend(&mut self, words: &Words<'_>) {
        let (user_id, order) = self.named(words);
        let quantity = words.0.get(1).and_then(|lots| lots.parse().ok());
        let amend = Amend {
            request_id: RequestId::from_u128(1_000 + self.commands as u128),
            user_id,
            order,
            price: words.price("@"),
            quantity: quantity.map(|lots| Quantity::from_lots(Lots(lots)).unwrap()),
        };
        self.apply(words.0[0], Command::Amend(amend));
    }

    fn named(&mut self, words: &Words<'_>) -> (UserId, OrderRef) {
        let name = words.0[0];
        let owner = words.after("by").or(self.owners.get(name).map(String::as_str));
        let owner = user(owner.expect("an order of somebody"));
        match name.strip_prefix('#') {
            Some(id) => (owner, OrderRef::Client(id.parse().unwrap())),
            None => {
                let unknown = OrderId::from_u128(1);
                (
                    owner,
                    OrderRef::Id(self.ids.get(name).copied().unwrap_or(unknown)),
                )
            }
        }
    }

    fn cancel_all(&mut self, words: &Words<'_>) {
        let sides = [(Side::Buy, "buy"), (Side::Sell, "sell")];
        let side = sides.iter().find(|(_, word)| words.has(word));
        let selection = Selection {
            user_id: words.user(),
            market: words.after("in").map(|_| words.market()),
            side: side.map(|(side, _)| *side),
        };
        let by_operator = words.has("operator");
        self.apply(
            "",
            Command::CancelAll(CancelAll {
                selection,
                by_operator,
            }),
        );
    }

    fn transfer(&mut self, kind: TransferKind, words: &Words<'_>) {
        let (name, amount, asset) = (words.0[0], words.0[1], words.0[2]);
        self.funded.push(name.to_owned());
        let key = words
            .after("key")
            .map_or(format!("key-{}", self.commands), str::to_owned);
        let transfer = Transfer {
            kind,
            key: key.parse().unwrap(),
            user_id: user(name),
            asset: asset.parse().unwrap(),
            amount: Amount::parse(amount).unwrap(),
        };
        self.apply(name, Command::Transfer(transfer));
    }

    /// A user without a deposit gets a million of everything.
    fn fund(&mut self, name: &str) {
        if self.funded.iter().any(|other| other == name) {
            return;
        }
        self.funded.push(name.to_owned());
        for asset in ASSETS {
            let transfer = Transfer {
                kind: TransferKind::Deposit,
                key: format!("first-{name}-{asset}").parse().unwrap(),
                user_id: user(name),
                asset: asset.parse().unwrap(),
                amount: Amount(1_000_000 * WHOLE),
            };
            self.venue.apply(self.now, Command::Transfer(transfer));
        }
    }

    fn define(&mut self, words: &Words<'_>) {
        let place = words.market().0 as usize;
        let mut definition = self.definitions[place].clone();
        for word in &words.0 {
            if let Some((field, value)) = word.split_once('=') {
                set(&mut definition, field, value);
            }
        }
        self.apply(
            "market",
            Command::DefineMarket(DefineMarket {
                definition: definition.clone(),
            }),
        );
        self.definitions[place] = definition;
    }

    fn apply(&mut self, name: &str, command: Command) {
        self.commands += 1;
        let (outcome, events) = self.venue.apply(self.now, command);
        for event in &events {
            self.tell(event);
        }
        match outcome {
            Outcome::Refused(refusal) => {
                let why = self.why(&refusal);
                self.told.push(format!("refused {name} {why}"));
            }
            Outcome::Repeated(order) => {
                let first = self.name(order.order_id);
                self.told.push(format!("same {first}"));
            }
            Outcome::RepeatedLongAgo(id) => {
                let first = self.name(id);
                self.told.push(format!("same-long-ago {first}"));
            }
            Outcome::CancelledAll(count) => self.told.push(format!("cancelled-all {count}")),
            Outcome::Placed(order) | Outcome::Cancelled(order) | Outcome::Amended(order) => {
                assert_eq!(self.venue.exchange.order(order.order_id), Some(order));
            }
            Outcome::Armed(Some(end)) => self.told.push(format!("armed {name} {}", operators::clock(end))),
            Outcome::Armed(None) => self.told.push(format!("disarmed {name}")),
            Outcome::SessionOpened(_) => self.told.push(format!("opened {name}")),
            Outcome::Done | Outcome::Transferred(_) => {}
        }
    }

    fn tell(&mut self, event: &MarketEvent) {
        let line = match &event.event {
            Event::Trade(trade) => {
                let (maker, taker) = match trade.maker_side {
                    Side::Buy => (trade.buyer.order_id, trade.seller.order_id),
                    Side::Sell => (trade.seller.order_id, trade.buyer.order_id),
                };
                let (maker, taker) = (self.name(maker), self.name(taker));
                format!(
                    "trade {maker} {taker} {} @ {}",
                    trade.quantity.lots().0,
                    trade.price.ticks()
                )
            }
            Event::OrderTriggered { order_id, .. } => format!("trigger {}", self.name(*order_id)),
            Event::OrderPrevented {
                order_id, quantity, ..
            } => {
                format!("prevent {} {}", self.name(*order_id), quantity.lots().0)
            }
            Event::OrderAmended(order) => {
                let price = order
                    .terms
                    .price()
                    .map_or(String::new(), |price| format!(" @ {}", price.ticks()));
                format!(
                    "amended {} {}{price}",
                    self.name(order.order_id),
                    order.quantity.0
                )
            }
            Event::OrderClosed(order) => match self.end(order) {
                Some(line) => line,
                None => return,
            },
            Event::OrderAccepted(_)
            | Event::Level { .. }
            | Event::MarketDefined(_)
            | Event::MarketStateChanged(_) => return,
        };
        self.told.push(line);
    }

    fn end(&self, order: &Order) -> Option<String> {
        let name = self.name(order.order_id);
        match order.state {
            OrderState::Filled(progress) if progress.remaining.is_zero() => None,
            OrderState::Filled(_) => Some(format!("spent {name}")),
            OrderState::Cancelled(_, reason) => Some(format!("cancelled {name} {reason}")),
            OrderState::Expired(_, reason) => Some(format!("expired {name} {reason}")),
            OrderState::Rejected(reason) => Some(format!("rejected {name} {reason}")),
            OrderState::Pending | OrderState::Open(_) => panic!("{name} ended in a live state"),
        }
    }

    fn why(&self, refusal: &Refusal) -> String {
        match refusal {
            Refusal::UnknownMarket => "unknown_market".to_owned(),
            Refusal::UnknownOrder => "unknown_order".to_owned(),
            Refusal::OrderEnded(order) => format!("ended {}", order.state.status().word()),
            Refusal::MarketState(state) => format!("state {}", state.word()),
            Refusal::ClientIdConflict(id) => format!("conflict {}", self.name(*id)),
            Refusal::Amendment(reason) => reason.to_string(),
            Refusal::Shape(error) => format!("shape {}", error.field),
            Refusal::Definition(errors) => {
                let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
                format!("definition {}", fields.join(" "))
            }
            Refusal::TransferKeyConflict => "key_conflict".to_owned(),
            Refusal::InsufficientBalance => "insufficient_balance".to_owned(),
            Refusal::BalanceTooLarge => "balance_too_large".to_owned(),
            Refusal::UnknownTier => "unknown_tier".to_owned(),
            Refusal::UnknownApiKey => "unknown_key".to_owned(),
            Refusal::ApiKeyTaken => "key_taken".to_owned(),
        }
    }

    fn name(&self, id: OrderId) -> String {
        self.names[&id].clone()
    }

    fn balance(&mut self, name: &str) {
        let balances = self.venue.exchange.balances(user(name));
        let parts = balances
            .iter()
            .filter(|(_, balance)| balance.available.0 + balance.reserved.0 > 0);
        let parts: Vec<String> = parts
            .map(|(asset, balance)| match balance.reserved {
                Amount::ZERO => format!("{} {asset}", balance.available),
                reserved => format!("{}+{reserved} {asset}", balance.available),
            })
            .collect();
        self.told.push(format!("{name} has {}", parts.join(", ")));
    }

    fn order(&mut self, name: &str) {
        let order = self.venue.exchange.order(self.ids[name]).unwrap();
        let progress = order.state.progress();
        let mut line = format!(
            "{name} {} {}/{}",
            order.state.status().word(),
            progress.filled.0,
            order.quantity.0
        );
        if !progress.prevented.is_zero() {
            line += &format!(" prevented {}", progress.prevented.0);
        }
        if let Some(price) = order.protection_price {
            line += &format!(" protected {}", price.ticks());
        }
        self.told.push(line);
    }

    fn tape(&mut self, market: MarketNumber) {
        let trades = self.venue.exchange.trades(market);
        let trades: Vec<_> = trades
            .map(|trade| format!("{}@{}", trade.quantity.lots().0, trade.price.ticks()))
            .collect();
        self.told.push(format!("tape {}", trades.join(" ")));
    }

    fn books(&mut self) {
        if !self.shows_books {
            return;
        }
        for (number, _) in MARKETS.iter().enumerate() {
            let (_, bids, asks) = self
                .venue
                .exchange
                .engine()
                .depth(MarketNumber(number as u32), 100)
                .unwrap();
            for (word, levels) in [("bid", bids), ("ask", asks)] {
                for level in levels {
                    self.told
                        .push(format!("{word} {} @ {}", level.quantity.0, level.price.ticks()));
                }
            }
        }
        for (name, id) in &self.ids {
            let order = self.venue.exchange.engine().order(*id);
            if order.is_some_and(Order::awaits_trigger) {
                self.told.push(format!("waits {name}"));
            }
        }
    }
}

/// Seconds of the scenario's time.
fn time(text: &str) -> Stamp {
    let (day, clock) = text.split_once("d+").unwrap_or(("0", text));
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut seconds = 0;
    let parts: Vec<u64> = clock.split(':').map(|part| part.parse().unwrap()).collect();
    for (part, unit) in parts.iter().zip([3_600, 60, 1]) {
        seconds += part * unit;
    }
    let day: u64 = day.parse().unwrap();
    let micros: u64 = format!("{fraction:0<6}").parse().unwrap();
    Stamp::from_micros((FIRST_DAY + day * DAY_SECONDS + seconds) * 1_000_000 + micros)
}

fn terms(size: &str, words: &Words<'_>) -> Terms {
    let lots = |text: &str| Quantity::from_lots(Lots(text.parse().unwrap())).unwrap();
    let display = words.after("show").map(lots);
    let any = match size.strip_prefix('$') {
        Some(budget) => Size::Budget(Amount::parse(budget).unwrap()),
        None => Size::Quantity(lots(size)),
    };
    match (words.price("stop"), words.price("@"), any) {
        (None, Some(price), Size::Quantity(quantity)) => Terms::Limit {
            price,
            quantity,
            display,
            post_only: words.has("post"),
        },
        (Some(stop_price), Some(price), Size::Quantity(quantity)) => Terms::StopLimit {
            stop_price,
            price,
            quantity,
            display,
        },
        (Some(stop_price), None, size) => Terms::Stop { stop_price, size },
        (None, None, size) => Terms::Market { size },
        (_, Some(_), Size::Budget(_)) => panic!("a budget has no limit price"),
    }
}

fn time_in_force(words: &Words<'_>) -> TimeInForce {
    let resting = words.has("@") || words.has("stop");
    match (words.after("gtd"), resting) {
        (Some(end), _) => TimeInForce::Gtd(time(end)),
        _ if words.has("ioc") => TimeInForce::Ioc,
        _ if words.has("fok") => TimeInForce::Fok,
        _ if words.has("day") => TimeInForce::Day,
        _ if words.has("gtc") => TimeInForce::Gtc,
        (None, true) => TimeInForce::Gtc,
        (None, false) => TimeInForce::Ioc,
    }
}

fn prevention(word: &str) -> SelfTradePrevention {
    match word {
        "none" => SelfTradePrevention::None,
        "taker" => SelfTradePrevention::ExpireTaker,
        "maker" => SelfTradePrevention::ExpireMaker,
        "both" => SelfTradePrevention::ExpireBoth,
        "decrement" => SelfTradePrevention::Decrement,
        other => panic!("unknown mode {other}"),
    }
}

fn set(definition: &mut MarketDefinition, field: &str, value: &str) {
    let number = || value.parse::<u64>().unwrap();
    let narrow = || value.parse::<u32>().unwrap();
    match field {
        "maker_fee" => definition.maker_fee = FeeRate(narrow()),
        "taker_fee" => definition.taker_fee = FeeRate(narrow()),
        "min_quantity" => definition.min_quantity = Lots(number()),
        "max_quantity" => definition.max_quantity = Lots(number()),
        "max_price" => definition.max_price = Price::from_ticks(narrow()).unwrap(),
        "min_notional" => definition.min_notional = Amount(number() * WHOLE),
        "market_band" => definition.market_band = Some(Band(narrow())),
        "limit_band" => definition.limit_band = Some(Band(narrow())),
        "initial_price" => definition.initial_price = Price::from_ticks(narrow()),
        "max_open_orders" => definition.max_open_orders = narrow(),
        "tick" => definition.tick = Amount::parse(value).unwrap(),
        "lot" => definition.lot = Amount::parse(value).unwrap(),
        "symbol" => definition.symbol = value.parse().unwrap(),
        other => panic!("unknown field {other}"),
    }
}
