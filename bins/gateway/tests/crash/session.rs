//! A venue, its clients and the replayed log together: the steps of which a crash test is made.

use std::time::Duration;

use domain::UserId;
use exchange::{Exchange, LogBody, Output};
use tokio::task::JoinSet;

use crate::ask::Ask;
use crate::audit;
use crate::client::Client;
use crate::dice::Dice;
use crate::past;
use crate::tally::Tally;
use crate::twin::{Twin, entry};
use crate::venue::{Started, Venue, newest_snapshot};

/// How many clients trade at the same time.
const CLIENTS: u64 = 10;
/// How often a look at the API is tried again because a timer of the exchange came in between.
const LOOKS: u32 = 50;
/// The markets that are traded, as paths name them.
const MARKETS: [&str; 2] = ["BTC-USDT", "XRP-USDT"];

/// All of a crash test.
pub struct Session {
    pub venue: Venue,
    pub dice: Dice,
    pub tally: Tally,
    clients: Vec<Client>,
    twin: Twin,
    /// What was cut off at the last stop, by user, and whether it happened.
    cut: Vec<(UserId, Ask, bool)>,
    /// How many orders each client had when they were looked at last.
    looked: Vec<usize>,
}

impl Session {
    /// A new venue that runs, and clients.
    pub async fn open(seed: u64) -> Self {
        let (venue, dice) = (Venue::new(), Dice::new(seed));
        past::write(&venue.data());
        let clients: Vec<Client> = (1..=CLIENTS)
            .map(|number| Client::new(number, &venue, &dice))
            .collect();
        let looked = vec![0; clients.len()];
        let tally = Tally::default();
        let mut session = Self {
            venue,
            dice,
            tally,
            clients,
            twin: Twin::new(),
            cut: Vec::new(),
            looked,
        };
        session.start().await;
        session
    }

    /// Starts the gateway; the clients turn to it.
    pub async fn start(&mut self) -> Started {
        let started = self.venue.start().await;
        self.clients
            .iter_mut()
            .for_each(|client| client.turn_to(&started.base));
        self.tally.started(&started);
        started
    }

    /// Lets all clients trade until `end` has ended the gateway.
    pub async fn under_load<T>(&mut self, end: impl AsyncFnOnce(&mut Venue) -> T) -> T {
        let tasks: JoinSet<Client> = self.clients.drain(..).map(Client::load).collect();
        let ended = end(&mut self.venue).await;
        self.clients = gather(tasks).await;
        ended
    }

    /// After a stop: the log must be sound, and must hold exactly what the clients were told. After it each client has at
    /// most one request of which only the log knows what became of it.
    pub fn hold_against_log(&mut self) {
        self.tally.segments(&self.venue.verify());
        self.cut = self.compare();
        for (_, _, happened) in &self.cut {
            self.tally.cut(*happened);
        }
        self.twin.check();
    }

    /// After a start: what was cut off is asked again, old requests are repeated, and all of it is held against the log.
    pub async fn resolve(&mut self) {
        let tasks: JoinSet<Client> = self
            .clients
            .drain(..)
            .map(|client| {
                let cut = self.cut.iter().find(|(user_id, ..)| *user_id == client.user_id);
                let cut =
                    cut.map(|(user_id, ask, _)| (ask.clone(), self.twin.knows(*user_id, ask.client_id())));
                client.resolve(cut)
            })
            .collect();
        self.clients = gather(tasks).await;
        assert!(
            self.compare().is_empty(),
            "nothing is cut off while the gateway runs"
        );
        self.twin.check();
    }

    /// What the API shows of every user and market is what the log says. Looks at the orders that are new since the last
    /// look, or at all.
    pub async fn audit(&mut self, all: bool) {
        for _ in 0..LOOKS {
            self.follow();
            let before = self.twin.next();
            let looks = self.clients.drain(..).zip(&self.looked);
            let looks: JoinSet<_> = looks
                .map(|(client, from)| client.look(if all { 0 } else { *from }))
                .collect();
            let (clients, shown): (Vec<_>, Vec<_>) = looks.join_all().await.into_iter().unzip();
            self.clients = sorted(clients);
            let mut markets = Vec::new();
            for symbol in MARKETS {
                let path = |what: &str| format!("/api/v1/markets/{symbol}/{what}?limit=1000");
                let (depth, trades) = (path("depth"), path("trades"));
                markets.push((
                    symbol,
                    self.clients[0].get(&depth).await,
                    self.clients[0].get(&trades).await,
                ));
            }
            self.follow();
            // A timer that came in between may have changed what was shown.
            if self.twin.next() != before {
                continue;
            }
            shown.iter().for_each(|shown| audit::user(shown, &self.twin));
            markets
                .iter()
                .for_each(|(symbol, depth, trades)| audit::market(symbol, depth, trades, &self.twin));
            self.looked = self.clients.iter().map(|client| client.orders.len()).collect();
            self.tally
                .shown(shown.iter().map(|shown| shown.orders.len()).sum());
            return;
        }
        panic!("timers come between all looks");
    }

    /// After a stop: the whole log replayed from nothing gives the state that was followed record by record, and so does
    /// the newest snapshot with the rest of the log. Returns the record of that snapshot and the last record.
    pub fn replay_all(&mut self) -> (u64, u64) {
        self.follow();
        let dump = self.venue.dump(1);
        let mut whole = Twin::new();
        whole.follow(&dump);
        whole.check();
        let digest = whole.exchange.state_digest().unwrap();
        assert_eq!(
            digest,
            self.twin.exchange.state_digest().unwrap(),
            "the log has changed behind us"
        );
        let (seq, contents) = newest_snapshot(&self.venue.data());
        let mut restored = Exchange::restore(&contents, 3).unwrap();
        restored.check().unwrap();
        for line in &dump[usize::try_from(seq).unwrap()..] {
            restored.replay(&entry(line).1, &mut Output::default()).unwrap();
        }
        assert_eq!(
            digest,
            restored.state_digest().unwrap(),
            "the snapshot with the rest of the log"
        );
        let digests = dump
            .iter()
            .filter(|line| matches!(entry(line).1.body, LogBody::Digest(_)))
            .count();
        self.tally.replayed(dump.len(), digests, &whole);
        (seq, restored.seq())
    }

    /// A moment for a kill.
    pub fn moment(&mut self, longest_ms: u64) -> Duration {
        Duration::from_millis(self.dice.between(20, longest_ms))
    }

    fn follow(&mut self) {
        self.twin.follow(&self.venue.dump(self.twin.next()));
    }

    fn compare(&mut self) -> Vec<(UserId, Ask, bool)> {
        self.follow();
        let mut applied = self.twin.take_applied();
        let mut cut = Vec::new();
        for client in &mut self.clients {
            let told = std::mem::take(&mut client.told);
            let applied = applied.remove(&client.user_id).unwrap_or_default();
            self.tally.told(&told);
            let unknown = crate::compare::compare(client.user_id, &told, &applied, &self.twin);
            cut.extend(unknown.map(|(ask, happened)| (client.user_id, ask, happened)));
        }
        cut
    }
}

async fn gather(tasks: JoinSet<Client>) -> Vec<Client> {
    sorted(tasks.join_all().await)
}

fn sorted(mut clients: Vec<Client>) -> Vec<Client> {
    clients.sort_by_key(|client| client.user_id);
    clients
}
