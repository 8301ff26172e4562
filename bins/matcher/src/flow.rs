//! An order flow: CSV lines, read by hand into steps that can be applied without looking anything up.

use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, Read as _};

use domain::{Lots, Price, Side};

/// The first line of every flow.
const HEADER: &str = "seq,kind,order_id,user_id,side,type,tif,price,qty";
/// The longest line that is read, in bytes.
const LINE_LIMIT: u64 = 512;
/// Users are numbered below this, as the book asks.
const USER_LIMIT: u32 = 1 << 30;

/// How long a new order lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Until it is cancelled (a market order never rests, though).
    Gtc,
    /// What cannot trade at once is gone.
    Ioc,
    /// All at once, or nothing.
    Fok,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A new order.
    New(Lifetime),
    /// Cancel.
    Cancel,
    /// Reduce the open quantity; the order keeps its place.
    Reduce,
    /// Another price and open quantity; the order goes to the back.
    Amend,
}

/// One command of a flow. Its line in the file is its place plus two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The order's id in the flow.
    pub order_id: u64,
    /// The quantity.
    pub quantity: Lots,
    /// The price; none for market orders, and where it plays no part.
    pub price: Option<Price>,
    /// The order's number, dense from zero.
    pub order: u32,
    /// The user's number, dense from zero.
    pub user: u32,
    /// What is done.
    pub action: Action,
    /// The order's side.
    pub side: Side,
}

const _: () = assert!(size_of::<Step>() == 32);

/// A whole flow.
#[derive(Debug, Default)]
pub struct Flow {
    /// The commands.
    pub steps: Vec<Step>,
    /// How many different orders they name.
    pub orders: usize,
}

/// Why a flow could not be read.
#[derive(Debug)]
pub enum FlowError {
    /// A line is wrong.
    Line {
        /// Its number, the header being line 1.
        number: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The file could not be read.
    Io(std::io::Error),
}

impl fmt::Display for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { number, reason } => write!(f, "line {number}: {reason}"),
            Self::Io(_) => f.write_str("the flow cannot be read"),
        }
    }
}

impl std::error::Error for FlowError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Line { .. } => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl Flow {
    /// Reads a flow.
    ///
    /// # Errors
    /// The first line that is wrong, or the reader's error.
    pub fn read(mut reader: impl BufRead) -> Result<Self, FlowError> {
        let (mut steps, mut numbers) = (Vec::new(), Numbers::default());
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let limited = &mut reader.by_ref().take(LINE_LIMIT);
            if limited.read_until(b'\n', &mut line).map_err(FlowError::Io)? == 0 {
                if number == 1 {
                    return Err(FlowError::Line {
                        number,
                        reason: format!("must be the header {HEADER}"),
                    });
                }
                break;
            }
            match parse_line(number, &line, &mut numbers) {
                Ok(step) => steps.extend(step),
                Err(reason) => return Err(FlowError::Line { number, reason }),
            }
        }
        let orders = numbers.orders.len();
        Ok(Self { steps, orders })
    }
}

/// The dense numbers of the ids met so far.
#[derive(Default)]
struct Numbers {
    orders: HashMap<u64, u32>,
    users: HashMap<u64, u32>,
}

/// The number of an id, a new one if it is met for the first time.
fn number_of(ids: &mut HashMap<u64, u32>, id: u64) -> Option<u32> {
    let next = u32::try_from(ids.len()).ok()?;
    Some(*ids.entry(id).or_insert(next))
}

/// Reads a line; the header is no step.
fn parse_line(number: u64, line: &[u8], numbers: &mut Numbers) -> Result<Option<Step>, String> {
    if line.len() as u64 == LINE_LIMIT && !line.ends_with(b"\n") {
        return Err(format!("is longer than {LINE_LIMIT} bytes"));
    }
    let line = std::str::from_utf8(line).map_err(|_| "is not text")?;
    let line = line.trim_end_matches(['\n', '\r']);
    match (number, line == HEADER) {
        (1, true) => Ok(None),
        (1, false) => Err(format!("must be the header {HEADER}")),
        _ => parse_step(line, numbers).map(Some),
    }
}

/// Reads a line that is not the header.
fn parse_step(line: &str, numbers: &mut Numbers) -> Result<Step, String> {
    let columns: Vec<&str> = line.split(',').collect();
    let [
        seq,
        kind,
        order_id,
        user_id,
        side,
        order_type,
        tif,
        price,
        quantity,
    ] = columns[..]
    else {
        return Err(format!("has {} columns, not 9", columns.len()));
    };
    whole("seq", seq)?;
    let order_id = whole("order_id", order_id)?;
    let user_id = whole("user_id", user_id)?;
    let ticks = whole("price", price)?;
    let quantity = Lots(whole("qty", quantity)?);
    let side = match side {
        "B" => Side::Buy,
        "S" => Side::Sell,
        other => return Err(format!("side must be B or S, not {other:?}")),
    };
    let lifetime = match tif {
        "GTC" => Lifetime::Gtc,
        "IOC" => Lifetime::Ioc,
        "FOK" => Lifetime::Fok,
        other => return Err(format!("tif must be GTC, IOC or FOK, not {other:?}")),
    };
    let market = match order_type {
        "L" => false,
        "M" => true,
        other => return Err(format!("type must be L or M, not {other:?}")),
    };
    let action = match kind {
        "N" => Action::New(lifetime),
        "C" => Action::Cancel,
        "R" => Action::Reduce,
        "A" => Action::Amend,
        other => return Err(format!("kind must be N, C, R or A, not {other:?}")),
    };
    let placed = matches!(action, Action::New(_) | Action::Amend);
    if placed && quantity.is_zero() {
        return Err("qty must not be 0".to_owned());
    }
    if market && action == Action::Amend {
        return Err("a market order cannot be amended".to_owned());
    }
    let price = if placed && !market {
        Some(price_of(ticks)?)
    } else {
        None
    };
    let order = number_of(&mut numbers.orders, order_id).ok_or("names more than 2^32 orders")?;
    let user = number_of(&mut numbers.users, user_id).filter(|user| *user < USER_LIMIT);
    let user = user.ok_or("names more than 2^30 users")?;
    Ok(Step {
        order_id,
        quantity,
        price,
        order,
        user,
        action,
        side,
    })
}

fn price_of(ticks: u64) -> Result<Price, String> {
    let price = u32::try_from(ticks).map_err(|_| "price must be below 2^32 ticks")?;
    Price::from_ticks(price).ok_or_else(|| "price must not be 0".to_owned())
}

/// A whole number without sign.
fn whole(column: &str, text: &str) -> Result<u64, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    number.ok_or_else(|| format!("{column} must be a whole number below 2^64, not {text:?}"))
}
