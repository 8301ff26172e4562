//! The markets and books as this gateway knows them: followed event by event, looked at by everybody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use domain::{Event, Market, MarketEvent, MarketNumber, Place, Stamp};
use market_data::Depth;
use persistence::postgres::orders::MarketGrids;
use persistence::postgres::views::Outset;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use trading::{Audience, DepthView, MarketView, Markets, Update};

use super::BadOutset;
use super::live::LiveCounts;
use super::market::Followed;
use crate::Batch;

/// Whether a batch follows what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It does.
    Next,
    /// Events of this market are missing before it: another shard has them, from which the market has moved.
    Blocked(MarketNumber),
}

/// The markets, for callers and for reading rows.
#[derive(Debug, Clone, Default)]
struct Shown {
    markets: Arc<Markets>,
    grids: Arc<MarketGrids>,
}

/// What everybody may look at. Whoever changes it holds its lock until the update is told, so that a look and the updates
/// after it leave nothing out.
#[derive(Debug)]
pub(crate) struct Board {
    places: Mutex<HashMap<MarketNumber, Followed>>,
    /// Locked with the places only.
    live: Mutex<LiveCounts>,
    shown: RwLock<Shown>,
    updates: broadcast::Sender<Arc<Update>>,
    updates_kept: usize,
    /// Counts the changes.
    progress: watch::Sender<u64>,
}

impl Board {
    /// An empty one, whose slowest receiver may lie so many updates behind.
    pub fn new(updates_kept: usize) -> Self {
        // The channel takes the next power of two; said here, since it is counted on.
        let updates_kept = updates_kept.max(1).next_power_of_two();
        Self {
            places: Mutex::default(),
            live: Mutex::default(),
            shown: RwLock::default(),
            updates: broadcast::channel(updates_kept).0,
            updates_kept,
            progress: watch::Sender::default(),
        }
    }

    /// Begins with what the database had at one moment.
    ///
    /// # Errors
    /// A market or a level that makes no sense.
    pub fn begin(&self, outset: &Outset) -> Result<(), BadOutset> {
        let mut found = HashMap::new();
        let mut numbers = HashMap::new();
        for row in &outset.markets {
            let place = Followed::from_row(row)?;
            numbers.insert(row.symbol.as_str(), row.number);
            found.insert(row.number, (place, Vec::new()));
        }
        for level in &outset.levels {
            let number = numbers.get(level.symbol.as_str());
            let Some((place, levels)) = number.and_then(|number| found.get_mut(number)) else {
                return Err(BadOutset(format!(
                    "a book of {}, which is no market",
                    level.symbol
                )));
            };
            levels.push((level.side, place.level(level.price, level.quantity)?));
        }
        let live = outset.live.iter().filter_map(|row| {
            let number = numbers.get(row.symbol.as_str())?;
            Some((row.user_id, *number, row.count))
        });
        let live = LiveCounts::begin(live);
        let places = found.into_iter().map(|(number, (mut place, levels))| {
            place.depth = Depth::from_levels(number, place.depth.last_seq(), levels);
            (number, place)
        });
        let mut held = self.hold();
        *held = places.collect();
        *self.hold_live() = live;
        self.show_markets(&held);
        drop(held);
        self.changed();
        Ok(())
    }

    fn hold(&self) -> MutexGuard<'_, HashMap<MarketNumber, Followed>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold_live(&self) -> MutexGuard<'_, LiveCounts> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.progress.send_modify(|count| *count += 1);
    }

    fn show_markets(&self, places: &HashMap<MarketNumber, Followed>) {
        let view = |place: &Followed| MarketView {
            market: Arc::clone(&place.market),
            state: place.state,
        };
        let grids = MarketGrids::new(places.values().map(|place| Arc::clone(&place.market)));
        let shown = Shown {
            markets: Arc::new(Markets::new(places.values().map(view).collect())),
            grids: Arc::new(grids),
        };
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = shown;
    }

    /// Whether a batch follows what is known.
    pub fn fits(&self, batch: &Batch) -> Fit {
        let places = self.hold();
        let mut seen: HashMap<MarketNumber, u64> = HashMap::new();
        for event in &batch.events {
            let known = || {
                places
                    .get(&event.market)
                    .map_or(0, |place| place.depth.last_seq())
            };
            let last = seen.entry(event.market).or_insert_with(known);
            if event.seq > *last + 1 {
                return Fit::Blocked(event.market);
            }
            *last = (*last).max(event.seq);
        }
        Fit::Next
    }

    /// Takes a batch that fits, and tells everybody of it.
    pub fn take(&self, batch: &Batch) {
        let mut places = self.hold();
        let mut live = self.hold_live();
        let mut markets_changed = false;
        let mut news: Vec<MarketEvent> = Vec::with_capacity(batch.events.len());
        for event in &batch.events {
            if let (Event::MarketDefined(definition), false) =
                (&event.event, places.contains_key(&event.market))
            {
                match Market::new((**definition).clone()) {
                    Ok(market) => places.insert(event.market, Followed::defined(market, batch.shard)),
                    Err(errors) => {
                        tracing::error!(
                            market = event.market.0,
                            ?errors,
                            "a market's definition in a log breaks a rule"
                        );
                        continue;
                    }
                };
            }
            let Some(place) = places.get_mut(&event.market) else {
                continue;
            };
            match place.depth.apply(event) {
                Ok(market_data::Applied::Next) => {
                    markets_changed |= place.take(event, batch.shard);
                    live.take(event);
                    news.push(event.clone());
                }
                Ok(market_data::Applied::Repeat) => {}
                Err(error) => {
                    tracing::error!(market = event.market.0, %error, "a batch was taken that does not fit")
                }
            }
        }
        if markets_changed {
            self.show_markets(&places);
        }
        if !news.is_empty() {
            // An error says only that nobody listens.
            let _ = self.updates.send(Arc::new(Update {
                audience: Audience::Public,
                seq: batch.seq,
                events: news,
                balances: Vec::new(),
            }));
        }
        drop(live);
        drop(places);
        self.changed();
    }

    /// Tells owners of what is theirs.
    pub fn tell_owners(&self, update: Update) {
        let _ = self.updates.send(Arc::new(update));
    }

    /// What was told does not lead on from here: makes every receiver start again, as one that fell behind.
    pub fn lose_followers(&self) {
        let _held = self.hold();
        let nothing = Arc::new(Update {
            audience: Audience::All,
            seq: 0,
            events: Vec::new(),
            balances: Vec::new(),
        });
        for _ in 0..=self.updates_kept {
            if self.updates.send(Arc::clone(&nothing)).is_err() {
                return;
            }
        }
    }

    /// Updates from now on.
    pub fn updates(&self) -> broadcast::Receiver<Arc<Update>> {
        self.updates.subscribe()
    }

    /// The markets.
    pub fn markets(&self) -> Arc<Markets> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner).markets)
    }

    /// The markets, to read rows of orders and trades with.
    pub fn grids(&self) -> Arc<MarketGrids> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner).grids)
    }

    /// The shard of a market.
    pub fn shard_of(&self, market: MarketNumber) -> Option<u32> {
        self.hold().get(&market).map(|place| place.shard)
    }

    /// The shard of a new order's market, if it will turn the order away before its funds matter, as far as this gateway has
    /// followed. A guess: the shard may be ahead.
    pub fn turns_away(&self, order: &Place, at: Stamp) -> Option<u32> {
        let places = self.hold();
        let place = places.get(&order.market)?;
        let is_beside = |market| {
            places
                .get(&market)
                .is_some_and(|other| other.shard == place.shard)
        };
        let live = self.hold_live().of(order.user_id, is_beside);
        place.turns_away(order, at, live).then_some(place.shard)
    }

    /// The markets live in these shards now.
    pub fn move_markets(&self, shards: impl IntoIterator<Item = (MarketNumber, u32)>) {
        let mut places = self.hold();
        for (number, shard) in shards {
            if let Some(place) = places.get_mut(&number) {
                place.shard = shard;
            }
        }
    }

    /// The best levels of a book, at most so many a side.
    pub fn depth(&self, market: MarketNumber, levels: usize) -> Option<DepthView> {
        self.hold().get(&market).map(|place| place.view(levels))
    }

    /// The number of the last event of a market; 0: it has none, or is not known.
    pub fn seq(&self, market: MarketNumber) -> u64 {
        self.hold().get(&market).map_or(0, |place| place.depth.last_seq())
    }

    /// Every book, whole, at one moment.
    pub fn books(&self) -> Vec<DepthView> {
        let places = self.hold();
        let mut books: Vec<DepthView> = places.values().map(|place| place.view(usize::MAX)).collect();
        books.sort_unstable_by_key(|book| book.market);
        books
    }

    /// Whether these markets' books have these events.
    fn has(&self, wanted: &[(MarketNumber, u64)]) -> bool {
        let places = self.hold();
        wanted.iter().all(|(market, seq)| {
            let known = places.get(market).map_or(0, |place| place.depth.last_seq());
            known >= *seq
        })
    }

    /// Waits until these markets' books have these events, at most so long; whether they do.
    pub async fn reach(&self, wanted: &[(MarketNumber, u64)], patience: Duration) -> bool {
        let mut progress = self.progress.subscribe();
        let until = Instant::now() + patience;
        loop {
            progress.mark_unchanged();
            if self.has(wanted) {
                return true;
            }
            if !matches!(
                tokio::time::timeout_at(until, progress.changed()).await,
                Ok(Ok(()))
            ) {
                return self.has(wanted);
            }
        }
    }
}
