//! Following from a snapshot: what it has seen already is passed over, and the rest leads to the next snapshot.

use std::collections::BTreeMap;
use std::pin::Pin;

use domain::{Asset, Event, Lots, Order, OrderId, OrderRef, Price, Side, Side::Buy, Side::Sell};

use crate::behaviour::Venue;
use crate::behaviour::stage::{Stage, together};
use crate::{AccountBalance, Caller, DepthView, Feeds, LevelView, OrderEntry, Update};

/// A book as a follower keeps it.
struct Book {
    seq: u64,
    levels: BTreeMap<(Side, Price), Lots>,
}

impl Book {
    fn of(view: &DepthView) -> Self {
        let side = |side, levels: &[LevelView]| -> Vec<_> {
            let level = |level: &LevelView| ((side, level.price), level.quantity);
            levels.iter().map(level).collect()
        };
        let (bids, asks) = (side(Buy, &view.bids), side(Sell, &view.asks));
        Self {
            seq: view.seq,
            levels: bids.into_iter().chain(asks).collect(),
        }
    }
}

async fn book<V: Venue>(stage: &Stage<'_, V>) -> Book {
    let books = stage.exchange().books().await.expect("books are told");
    let view = books.iter().find(|view| view.market == stage.number());
    Book::of(view.expect("every market has a book"))
}

/// Two users who place, trade, amend nothing and cancel, many commands at once.
async fn trade<V: Venue>(stage: &Stage<'_, V>, users: [Caller; 2], rounds: u32) {
    for round in 0..rounds {
        let orders = (0..8).map(|turn: u32| {
            let side = if (turn + round).is_multiple_of(2) {
                Buy
            } else {
                Sell
            };
            let order = stage.limit(side, 2 + u64::from(turn), 97 + (turn * 3 + round) % 7);
            stage.place(users[turn as usize % 2], order)
        });
        together(orders).await;
        let user = users[round as usize % 2];
        let cancelled = stage
            .exchange()
            .cancel_all(user, Some(stage.number()), None)
            .await;
        assert!(cancelled.is_ok(), "{cancelled:?}");
    }
}

pub(super) async fn a_book_followed_from_its_snapshot_is_the_book<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let users = [stage.user(500, 50_000).await, stage.user(500, 50_000).await];
    trade(&stage, users, 3).await;
    // The snapshot is taken somewhere in the middle of these commands.
    type Part<'a> = Pin<Box<dyn Future<Output = Option<Book>> + 'a>>;
    let looking: Part<'_> = Box::pin(async { Some(book(&stage).await) });
    let trading: Part<'_> = Box::pin(async {
        trade(&stage, users, 3).await;
        None
    });
    let both = together([trading, looking]).await;
    let mut followed = both.into_iter().flatten().next().expect("the book is told");
    trade(&stage, users, 2).await;
    stage.limits(users[0], Buy, 5, 90).await;
    let end = book(&stage).await;
    // The case's own receiver was there before everything: it still has all of it.
    while followed.seq < end.seq {
        let Some(update) = stage.next_update().await else {
            panic!("the case is too short to fall behind");
        };
        let public = update.events.iter().filter(|_| update.audience.is_public());
        let ours = public.filter(|event| event.market == stage.number());
        for event in ours.filter(|event| event.seq > followed.seq).collect::<Vec<_>>() {
            assert_eq!(event.seq, followed.seq + 1, "no gap");
            followed.seq = event.seq;
            if let Event::Level {
                side,
                price,
                quantity,
            } = &event.event
            {
                followed.levels.insert((*side, *price), *quantity);
            }
        }
    }
    followed.levels.retain(|_, quantity| quantity.0 > 0);
    assert_eq!(followed.levels, end.levels);
}

/// What is a user's, as a follower keeps it.
struct Followed {
    user: Caller,
    seq: u64,
    orders: BTreeMap<OrderId, Order>,
    balances: BTreeMap<Asset, AccountBalance>,
}

impl Followed {
    async fn start<V: Venue>(stage: &Stage<'_, V>, user: Caller) -> Self {
        let snapshot = stage.exchange().user_snapshot(user).await;
        let snapshot = snapshot.expect("a snapshot is told");
        let market = |(number, _): &&(_, u64)| *number == stage.number();
        let seq = snapshot
            .markets
            .iter()
            .find(market)
            .expect("every market is in it")
            .1;
        let orders = snapshot.orders.into_iter();
        let balances = snapshot.balances.into_iter();
        Self {
            user,
            seq,
            orders: orders.map(|order| (order.order_id, order)).collect(),
            balances: balances.map(|balance| (balance.asset, balance)).collect(),
        }
    }

    fn apply<V: Venue>(&mut self, stage: &Stage<'_, V>, update: &Update) {
        if !update.audience.is_for_owners() {
            assert_eq!(update.balances, [], "balances are for their owners");
            return;
        }
        let ours = update
            .events
            .iter()
            .filter(|event| event.market == stage.number());
        for event in ours {
            if event.seq <= self.seq {
                continue;
            }
            assert_eq!(event.seq, self.seq + 1, "no gap");
            self.seq = event.seq;
            match &event.event {
                Event::OrderAccepted(order) | Event::OrderAmended(order)
                    if order.user_id == self.user.user_id =>
                {
                    self.orders.insert(order.order_id, Order::clone(order));
                }
                Event::OrderClosed(order) => {
                    self.orders.remove(&order.order_id);
                }
                _ => {}
            }
        }
        for change in &update.balances {
            if change.user_id != self.user.user_id {
                continue;
            }
            let known = self.balances.get(&change.balance.asset);
            if known.is_none_or(|known| known.version < change.balance.version) {
                self.balances.insert(change.balance.asset, change.balance);
            } else if let Some(known) = known.filter(|known| known.version == change.balance.version) {
                assert_eq!(*known, change.balance, "one version is one balance");
            }
        }
    }
}

pub(super) async fn a_users_orders_and_balances_followed_from_their_snapshot_are_the_users<V: Venue>(
    venue: &V,
) {
    let stage = Stage::open(venue).await;
    let users = [stage.user(500, 50_000).await, stage.user(500, 50_000).await];
    trade(&stage, users, 3).await;
    let mut followed = Followed::start(&stage, users[0]).await;
    trade(&stage, users, 3).await;
    let kept = stage.limits(users[0], Buy, 5, 90).await;
    let gone = stage.limits(users[0], Buy, 5, 89).await;
    let cancelled = stage
        .exchange()
        .cancel(users[0], OrderRef::Id(gone.order_id))
        .await;
    assert!(cancelled.is_ok(), "{cancelled:?}");
    let end = Followed::start(&stage, users[0]).await;
    assert!(end.orders.contains_key(&kept.order_id));
    while followed.seq < end.seq || followed.balances != end.balances {
        let Some(update) = stage.next_update().await else {
            panic!("the case is too short to fall behind");
        };
        followed.apply(&stage, &update);
    }
    assert_eq!(followed.orders, end.orders);
}
