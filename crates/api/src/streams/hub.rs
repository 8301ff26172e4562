//! Who is connected and what each follows; takes updates and hands them on. Everything here happens under one lock.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::{Event, Market, MarketEvent, MarketNumber, Stamp, UserId};
use market_data::OutOfSequence;
use trading::{AccountBalance, Markets, Update};

use super::market::MarketStreams;
use super::outbox::{Close, Outbox};
use super::own::{Own, OwnSnapshot};
use super::topic::{Channel, OwnTopic, Topic};

/// An update that does not follow what is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutOfStep {
    /// Events are missing.
    #[error(transparent)]
    Sequence(#[from] OutOfSequence),
    /// Nobody has defined the market.
    #[error("market {} is not known", .0.0)]
    Market(MarketNumber),
}

/// One connection.
#[derive(Debug)]
struct Member {
    outbox: Outbox,
    user_id: Option<UserId>,
    topics: BTreeSet<Topic>,
    own_topics: BTreeSet<OwnTopic>,
    own: Option<Own>,
}

/// Everybody and everything. Connections have numbers.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    /// Whether the markets are known; not so while the server catches up.
    ready: bool,
    stopping: bool,
    last_id: u64,
    markets: HashMap<MarketNumber, MarketStreams>,
    members: HashMap<u64, Member>,
    /// The connections of each user that has signed in.
    of_user: HashMap<UserId, BTreeSet<u64>>,
}

impl Hub {
    /// How many connections there are.
    pub(crate) fn members(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody new may come.
    pub(crate) const fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether the markets are known.
    pub(crate) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// A new connection; its number.
    pub(crate) fn join(&mut self, outbox: Outbox) -> u64 {
        self.last_id += 1;
        let member = Member {
            outbox,
            user_id: None,
            topics: BTreeSet::new(),
            own_topics: BTreeSet::new(),
            own: None,
        };
        self.members.insert(self.last_id, member);
        self.last_id
    }

    /// A connection has signed in. False: the user has `most` already.
    pub(crate) fn sign_in(&mut self, id: u64, user_id: UserId, most: usize) -> bool {
        let Some(member) = self.members.get_mut(&id) else {
            return true;
        };
        let of_user = self.of_user.entry(user_id).or_default();
        if of_user.len() >= most && !of_user.contains(&id) {
            return false;
        }
        of_user.insert(id);
        member.user_id = Some(user_id);
        true
    }

    /// A connection is gone.
    pub(crate) fn leave(&mut self, id: u64) {
        let Some(member) = self.members.remove(&id) else {
            return;
        };
        for topic in member.topics {
            if let Some(market) = self.markets.get_mut(&topic.market()) {
                market.unsubscribe(topic, id);
            }
        }
        if let Some(user_id) = member.user_id
            && let Some(of_user) = self.of_user.get_mut(&user_id)
        {
            of_user.remove(&id);
            if of_user.is_empty() {
                self.of_user.remove(&user_id);
            }
        }
    }

    /// How many channels a connection would follow with these.
    pub(crate) fn count_with(&self, id: u64, channels: &BTreeSet<Channel>) -> usize {
        let Some(member) = self.members.get(&id) else {
            return 0;
        };
        let is_new = |channel: &&Channel| match channel {
            Channel::Public(topic) => !member.topics.contains(topic),
            Channel::Own(topic) => !member.own_topics.contains(topic),
        };
        member.topics.len() + member.own_topics.len() + channels.iter().filter(is_new).count()
    }

    /// The names of the channels that a connection follows.
    pub(crate) fn followed(&self, id: u64) -> Vec<String> {
        let Some(member) = self.members.get(&id) else {
            return Vec::new();
        };
        let name = |topic: &Topic| {
            let market = self.markets.get(&topic.market());
            market.map(|market| market.name(*topic))
        };
        let own = member.own_topics.iter().map(|topic| topic.name().to_owned());
        member.topics.iter().filter_map(name).chain(own).collect()
    }

    /// Lets a connection follow a public channel. False: the market is not known here yet.
    pub(crate) fn subscribe(&mut self, id: u64, topic: Topic, now: Stamp) -> bool {
        let (Some(member), Some(market)) = (self.members.get_mut(&id), self.markets.get_mut(&topic.market()))
        else {
            return false;
        };
        member.topics.insert(topic);
        market.subscribe(topic, id, &member.outbox, now);
        true
    }

    /// Begins to collect a connection's own news; what it follows stays until [`Hub::finish_own`].
    pub(crate) fn begin_own(&mut self, id: u64, topics: BTreeSet<OwnTopic>, most: usize) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let Some(user_id) = member.user_id else { return };
        let outbox = &member.outbox;
        let own = member
            .own
            .get_or_insert_with(|| Own::new(user_id, outbox.clone()));
        own.begin(topics, most);
    }

    /// Sends a connection's own snapshot and the news since; without one, it goes on as before.
    pub(crate) fn finish_own(
        &mut self,
        id: u64,
        topics: &BTreeSet<OwnTopic>,
        snapshot: Option<OwnSnapshot>,
        markets: &Markets,
    ) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let Some(own) = &mut member.own else { return };
        match snapshot {
            Some(snapshot) => {
                member.own_topics.extend(topics);
                if !own.finish(snapshot, markets) {
                    member.outbox.cut(Close::Behind);
                }
            }
            None => own.give_up(),
        }
    }

    /// Stops following a channel.
    pub(crate) fn unsubscribe(&mut self, id: u64, channel: Channel) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        match channel {
            Channel::Public(topic) => {
                member.topics.remove(&topic);
                if let Some(market) = self.markets.get_mut(&topic.market()) {
                    market.unsubscribe(topic, id);
                }
            }
            Channel::Own(topic) => {
                member.own_topics.remove(&topic);
                if let Some(own) = &mut member.own {
                    own.forget(topic);
                }
            }
        }
    }

    /// The streams of a market.
    pub(crate) fn market(&self, number: MarketNumber) -> Option<&MarketStreams> {
        self.markets.get(&number)
    }

    /// Begins anew with these markets.
    pub(crate) fn begin(&mut self, markets: Vec<MarketStreams>) {
        self.markets = markets
            .into_iter()
            .map(|streams| (streams.market.number(), streams))
            .collect();
        self.ready = true;
    }

    /// What is known is not right any more: everybody who follows anything has to come again.
    pub(crate) fn lose(&mut self) {
        self.ready = false;
        self.markets.clear();
        for member in self.members.values_mut() {
            if !member.topics.is_empty() || member.own.is_some() {
                member.outbox.cut(Close::Behind);
            }
            member.topics.clear();
            member.own_topics.clear();
            member.own = None;
        }
    }

    /// Ends every connection and lets nobody in any more.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        for member in self.members.values() {
            member.outbox.cut(Close::Stopping);
        }
    }

    /// Takes an update and sends what goes out at once.
    ///
    /// # Errors
    /// Something before it is missing.
    pub(crate) fn apply(&mut self, update: &Update) -> Result<(), OutOfStep> {
        let mut touched = BTreeSet::new();
        for event in &update.events {
            let number = event.market;
            let market = if update.audience.is_public() {
                touched.insert(number);
                self.tell_everybody(event)?
            } else {
                let streams = self.markets.get(&number).ok_or(OutOfStep::Market(number))?;
                Arc::clone(&streams.market)
            };
            if update.audience.is_for_owners() {
                self.tell_parties(event, &market);
            }
        }
        for number in touched {
            if let Some(streams) = self.markets.get_mut(&number) {
                streams.send_trades();
            }
        }
        if update.audience.is_for_owners() {
            self.tell_balances(update);
        }
        Ok(())
    }

    /// Takes an event into its market's streams; the market after it.
    fn tell_everybody(&mut self, event: &MarketEvent) -> Result<Arc<Market>, OutOfStep> {
        let number = event.market;
        if let (Event::MarketDefined(definition), false) = (&event.event, self.markets.contains_key(&number))
            && let Ok(market) = Market::new((**definition).clone())
        {
            self.markets.insert(number, MarketStreams::defined(market));
        }
        let streams = self.markets.get_mut(&number).ok_or(OutOfStep::Market(number))?;
        streams.apply(event)?;
        Ok(Arc::clone(&streams.market))
    }

    /// Sends what is sent now and then.
    pub(crate) fn send_conflated(&mut self, now: Stamp) {
        for streams in self.markets.values_mut() {
            streams.send_conflated(now);
        }
    }

    /// Tells the users whose orders an event is about.
    fn tell_parties(&mut self, event: &MarketEvent, market: &Arc<Market>) {
        let (first, second) = match &event.event {
            Event::OrderAccepted(order) | Event::OrderAmended(order) | Event::OrderClosed(order) => {
                (order.user_id, None)
            }
            Event::OrderTriggered { user_id, .. } | Event::OrderPrevented { user_id, .. } => (*user_id, None),
            Event::Trade(trade) => {
                let (buyer, seller) = (trade.buyer.user_id, trade.seller.user_id);
                (buyer, Some(seller).filter(|seller| *seller != buyer))
            }
            Event::MarketDefined(_) | Event::MarketStateChanged(_) | Event::Level { .. } => return,
        };
        for user_id in std::iter::once(first).chain(second) {
            self.tell(user_id, |own| own.take(event, market));
        }
    }

    fn tell_balances(&mut self, update: &Update) {
        let mut by_user: HashMap<UserId, Vec<AccountBalance>> = HashMap::new();
        for change in &update.balances {
            if self.of_user.contains_key(&change.user_id) {
                by_user.entry(change.user_id).or_default().push(change.balance);
            }
        }
        for (user_id, balances) in by_user {
            self.tell(user_id, |own| own.take_balances(&balances));
        }
    }

    fn tell(&mut self, user_id: UserId, mut news: impl FnMut(&mut Own) -> bool) {
        let Some(of_user) = self.of_user.get(&user_id) else {
            return;
        };
        for id in of_user {
            let Some(member) = self.members.get_mut(id) else {
                continue;
            };
            let Some(own) = &mut member.own else { continue };
            if !member.outbox.is_cut() && !news(own) {
                member.outbox.cut(Close::Slow);
            }
        }
    }
}
