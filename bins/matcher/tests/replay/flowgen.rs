//! Makes order flows with a seed, and the totals that a right engine must reach: a plain price-time book inside gives
//! both the live orders to cancel and the fills.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write as _;

/// What a flow is like.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub name: &'static str,
    /// How many orders rest.
    pub target: usize,
    /// How far from the middle they rest, in ticks.
    pub half_depth: u64,
    /// The share of orders that trade.
    pub takers: f64,
    /// The share of other new orders.
    pub news: f64,
    /// How strongly the number of resting orders is held.
    pub gain: f64,
    /// How near to the touch new orders are.
    pub near: f64,
}

/// Orders near the touch, half of them cancelled.
pub const MIXED: Shape = Shape {
    name: "mixed",
    target: 10_000,
    half_depth: 500,
    takers: 0.10,
    news: 0.45,
    gain: 1.0,
    near: 60.0,
};
/// Many orders on many levels.
pub const DEEP: Shape = Shape {
    name: "deep",
    target: 100_000,
    half_depth: 25_000,
    gain: 20.0,
    near: 50.0,
    ..MIXED
};
/// Sweeps over 5 to 20 orders.
pub const TAKER: Shape = Shape {
    name: "taker",
    half_depth: 300,
    takers: 0.065,
    news: 0.86,
    near: 20.0,
    ..MIXED
};

/// A flow and what must come of it.
#[derive(Debug, Default)]
pub struct Made {
    pub csv: String,
    pub commands: usize,
    pub trades: u64,
    pub volume: u64,
    pub hash: u64,
    pub open_orders: usize,
    pub levels: usize,
    pub unknown_cancels: u64,
}

const MIDDLE: u32 = 32_768;

struct Random(u64);

impl Random {
    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[derive(Default)]
struct Book {
    bids: BTreeMap<u32, VecDeque<u32>>,
    asks: BTreeMap<u32, VecDeque<u32>>,
    /// Side (buy), price, open quantity.
    orders: HashMap<u32, (bool, u32, u32)>,
    live: Vec<u32>,
    places: HashMap<u32, usize>,
}

impl Book {
    fn side(&mut self, buy: bool) -> &mut BTreeMap<u32, VecDeque<u32>> {
        if buy { &mut self.bids } else { &mut self.asks }
    }

    fn best(&self, buy: bool) -> Option<u32> {
        if buy {
            self.bids.keys().next_back().copied()
        } else {
            self.asks.keys().next().copied()
        }
    }

    fn forget(&mut self, id: u32) {
        self.orders.remove(&id);
        let place = self.places.remove(&id).unwrap();
        let last = self.live.pop().unwrap();
        if place < self.live.len() {
            self.live[place] = last;
            self.places.insert(last, place);
        }
    }

    fn place(&mut self, id: u32, buy: bool, price: u32, mut open: u32, ioc: bool, made: &mut Made) {
        while open > 0 {
            let Some(best) = self.best(!buy) else { break };
            if (buy && best > price) || (!buy && best < price) {
                break;
            }
            let maker = *self.side(!buy)[&best].front().unwrap();
            let left = &mut self.orders.get_mut(&maker).unwrap().2;
            let traded = open.min(*left);
            *left -= traded;
            let gone = *left == 0;
            open -= traded;
            made.trades += 1;
            made.volume += u64::from(traded);
            made.hash = (made.hash ^ u64::from(maker) ^ (u64::from(id) << 32))
                .wrapping_mul(0x0100_0000_01B3)
                .wrapping_add(u64::from(traded))
                .wrapping_add(u64::from(best) << 20);
            if gone {
                self.unqueue(!buy, best, maker);
            }
        }
        if open > 0 && !ioc {
            self.orders.insert(id, (buy, price, open));
            self.side(buy).entry(price).or_default().push_back(id);
            self.places.insert(id, self.live.len());
            self.live.push(id);
        }
    }

    fn unqueue(&mut self, buy: bool, price: u32, id: u32) {
        let queue = self.side(buy).get_mut(&price).unwrap();
        let at = queue.iter().position(|queued| *queued == id).unwrap();
        queue.remove(at);
        if queue.is_empty() {
            self.side(buy).remove(&price);
        }
        self.forget(id);
    }

    fn cancel(&mut self, id: u32) -> bool {
        let Some((buy, price, _)) = self.orders.get(&id).copied() else {
            return false;
        };
        self.unqueue(buy, price, id);
        true
    }
}

struct Generator {
    shape: Shape,
    random: Random,
    book: Book,
    made: Made,
    last_id: u32,
    old_ids: Vec<u32>,
}

/// Makes a flow: the resting orders first, then so many commands.
pub fn make(shape: Shape, commands: usize, seed: u64) -> Made {
    let made = Made {
        csv: "seq,kind,order_id,user_id,side,type,tif,price,qty\n".to_owned(),
        ..Made::default()
    };
    let (random, book, old_ids) = (Random(seed), Book::default(), Vec::new());
    let mut generator = Generator {
        shape,
        random,
        book,
        made,
        last_id: 0,
        old_ids,
    };
    for _ in 0..shape.target {
        let buy = generator.random.next() & 1 == 0;
        let distance = 1 + generator.random.below(shape.half_depth) as u32;
        let price = if buy { MIDDLE - distance } else { MIDDLE + distance };
        let quantity = 1 + generator.random.below(100) as u32;
        generator.place(buy, "GTC", price, quantity);
    }
    for _ in 0..commands {
        generator.step();
    }
    let Generator { book, mut made, .. } = generator;
    made.open_orders = book.live.len();
    made.levels = book.bids.len() + book.asks.len();
    made
}

impl Generator {
    fn step(&mut self) {
        let Shape {
            target,
            takers,
            news,
            gain,
            ..
        } = self.shape;
        let x = self.random.share();
        let missing = (target as f64 - self.book.live.len() as f64) / target as f64;
        let news = (news + gain * missing).clamp(0.05, 1.0 - takers);
        let buy = self.random.next() & 1 == 0;
        if x < takers && self.shape.name == "taker" {
            self.sweep(buy);
        } else if x < takers {
            self.cross(buy);
        } else if x < takers + news {
            self.passive(buy);
        } else {
            self.cancel();
        }
    }

    fn emit(&mut self, kind: char, id: u32, buy: bool, tif: &str, price: u32, quantity: u32) {
        self.made.commands += 1;
        let user = 1 + u64::from(id).wrapping_mul(0x9E37_79B9_7F4A_7C15) % 1000;
        let (seq, side) = (self.made.commands, if buy { 'B' } else { 'S' });
        writeln!(
            self.made.csv,
            "{seq},{kind},{id},{user},{side},L,{tif},{price},{quantity}"
        )
        .unwrap();
    }

    fn place(&mut self, buy: bool, tif: &str, price: u32, quantity: u32) {
        self.last_id += 1;
        let id = self.last_id;
        self.emit('N', id, buy, tif, price, quantity);
        self.book
            .place(id, buy, price, quantity, tif == "IOC", &mut self.made);
    }

    /// Takes exactly so many orders, the last of them in part.
    fn sweep(&mut self, buy: bool) {
        let makers = 5 + self.random.below(16);
        let (mut need, mut count, mut limit) = (0, 0, MIDDLE);
        let orders = &self.book.orders;
        let mut walk = |price: u32, queue: &VecDeque<u32>| {
            queue.iter().any(|maker| {
                let open = orders[maker].2;
                count += 1;
                limit = price;
                need += if count == makers { 1 + (open - 1) / 2 } else { open };
                count == makers
            })
        };
        let _ = if buy {
            self.book.asks.iter().any(|(price, queue)| walk(*price, queue))
        } else {
            self.book
                .bids
                .iter()
                .rev()
                .any(|(price, queue)| walk(*price, queue))
        };
        let price = if buy { limit + 5 } else { limit - 5 };
        self.place(buy, "IOC", price, need.max(1));
    }

    /// Crosses the spread.
    fn cross(&mut self, buy: bool) {
        let best = self.book.best(!buy).unwrap_or(MIDDLE);
        let quantity = 1 + self.random.below(120) as u32;
        let rests = self.random.below(10) < 3;
        let slack = self.random.below(if rests { 2 } else { 10 }) as u32;
        let price = if buy { best + slack } else { best - slack };
        self.place(buy, if rests { "GTC" } else { "IOC" }, price, quantity);
    }

    /// Rests behind the opposite best, mostly near it.
    fn passive(&mut self, buy: bool) {
        let Shape { near, half_depth, .. } = self.shape;
        let distance = if self.random.below(10) < 7 {
            1 + (-(1.0 - self.random.share()).ln() * near) as u32
        } else {
            1 + self.random.below(half_depth) as u32
        };
        let (low, high) = (MIDDLE - half_depth as u32, MIDDLE + half_depth as u32);
        let price = if buy {
            let ask = self.book.best(false).unwrap_or(MIDDLE + 1).min(high + 200);
            ask.saturating_sub(distance).max(1)
        } else {
            let bid = self.book.best(true).unwrap_or(MIDDLE - 1).max(low - 200);
            (bid + distance).min(65_000)
        };
        let quantity = 1 + self.random.below(100) as u32;
        self.place(buy, "GTC", price, quantity);
    }

    /// Cancels any live order, or now and then one that may be gone.
    fn cancel(&mut self) {
        let stale = self.random.below(50) == 0 && !self.old_ids.is_empty();
        let ids = if stale { &self.old_ids } else { &self.book.live };
        let id = ids[self.random.below(ids.len() as u64) as usize];
        let (buy, price, _) = self.book.orders.get(&id).copied().unwrap_or((true, MIDDLE, 0));
        self.emit('C', id, buy, "GTC", price, 0);
        if !self.book.cancel(id) {
            self.made.unknown_cancels += 1;
        }
        if stale {
            return;
        }
        if self.old_ids.len() < 100_000 {
            self.old_ids.push(id);
        } else {
            let place = self.random.below(100_000) as usize;
            self.old_ids[place] = id;
        }
    }
}
