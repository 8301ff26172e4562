//! Tickets that open a WebSocket in place of a token: short-lived, good once, kept as hashes; here, or where all gateways
//! look.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use runtime::Ids;
use uuid::Uuid;

use crate::Identity;

/// The most tickets that wait to be redeemed.
const OUTSTANDING: usize = 10_000;
/// The most of them for one user.
const PER_USER: usize = 10;
/// The length of a ticket's text: 32 bytes in base64url.
const TEXT_LENGTH: usize = 43;

/// The hash of a ticket. The ticket itself is not kept.
type Key = [u8; 32];

struct Ticket {
    identity: Identity,
    place: Place,
}

/// When a ticket ends, and its number among those that end then.
type Place = (Duration, u64);

#[derive(Default)]
struct Waiting {
    tickets: HashMap<Key, Ticket>,
    order: BTreeMap<Place, Key>,
    /// Oldest first.
    of_user: HashMap<Uuid, VecDeque<Key>>,
    issued: u64,
}

/// Where tickets are kept so that every gateway finds them.
#[async_trait]
pub trait TicketStore: Send + Sync {
    /// Keeps a ticket's contents under its name for a while; false where that is not possible now.
    async fn keep(&self, name: &str, contents: &[u8], life: Duration) -> bool;
    /// Takes a ticket's contents out; only one of those who ask gets them. None: there are none, or it cannot be known.
    async fn take(&self, name: &str) -> Option<Vec<u8>>;
}

/// The tickets that wait to be redeemed.
pub struct Tickets {
    ids: Ids,
    waiting: Mutex<Waiting>,
    shared: Option<Arc<dyn TicketStore>>,
}

impl Tickets {
    /// How long a ticket is good.
    pub const LIFE: Duration = Duration::from_secs(30);

    /// No ticket yet; their randomness comes from `ids`.
    pub fn new(ids: Ids) -> Self {
        Self {
            ids,
            waiting: Mutex::default(),
            shared: None,
        }
    }

    /// Keeps tickets in this store, so that another gateway can redeem them; here only where the store cannot.
    #[must_use]
    pub fn shared_in(mut self, store: Arc<dyn TicketStore>) -> Self {
        self.shared = Some(store);
        self
    }

    /// A new ticket for a caller: good for 30 seconds from `now`, the clock's monotonic time. Where tickets are kept here,
    /// a user's oldest one gives way to the eleventh, and none is given where 10,000 wait already.
    ///
    /// The identity's own end is not looked at again here: whoever redeems the ticket has to.
    pub async fn issue(&self, identity: Identity, now: Duration) -> Option<String> {
        let text = URL_SAFE_NO_PAD.encode(self.ids.random_bytes::<32>());
        let key = key(&text);
        if let Some(store) = &self.shared {
            let contents = identity.to_bytes();
            if store.keep(&name(&key), &contents, Self::LIFE).await {
                return Some(text);
            }
        }
        self.keep_here(key, identity, now).then_some(text)
    }

    /// Who a ticket was issued to, the first time that it is shown, within its life.
    pub async fn redeem(&self, text: &str, now: Duration) -> Option<Identity> {
        if text.len() != TEXT_LENGTH {
            return None;
        }
        let key = key(text);
        if let Some(identity) = self.take_here(&key, now) {
            return Some(identity);
        }
        let contents = self.shared.as_ref()?.take(&name(&key)).await?;
        Identity::from_bytes(&contents)
    }

    fn take_here(&self, key: &Key, now: Duration) -> Option<Identity> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = waiting.take(key)?;
        (now < ticket.place.0).then_some(ticket.identity)
    }

    /// Whether there was room.
    fn keep_here(&self, key: Key, identity: Identity, now: Duration) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.forget_ended(now);
        let oldest = waiting
            .of_user
            .get(&identity.user_id)
            .filter(|keys| keys.len() >= PER_USER)
            .and_then(|keys| keys.front().copied());
        if let Some(oldest) = oldest {
            waiting.take(&oldest);
        }
        if waiting.tickets.len() >= OUTSTANDING {
            return false;
        }
        waiting.issued += 1;
        let place = (now.saturating_add(Self::LIFE), waiting.issued);
        waiting.order.insert(place, key);
        waiting
            .of_user
            .entry(identity.user_id)
            .or_default()
            .push_back(key);
        waiting.tickets.insert(key, Ticket { identity, place });
        true
    }
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl Waiting {
    fn forget_ended(&mut self, now: Duration) {
        while let Some(((ends, _), key)) = self.order.first_key_value() {
            if now < *ends {
                return;
            }
            let key = *key;
            self.take(&key);
        }
    }

    fn take(&mut self, key: &Key) -> Option<Ticket> {
        let ticket = self.tickets.remove(key)?;
        self.order.remove(&ticket.place);
        let user_id = ticket.identity.user_id;
        if let Some(keys) = self.of_user.get_mut(&user_id) {
            keys.retain(|one| one != key);
            if keys.is_empty() {
                self.of_user.remove(&user_id);
            }
        }
        Some(ticket)
    }
}

fn key(text: &str) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    key
}

/// The name under which a ticket is kept elsewhere.
fn name(key: &Key) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Credential, Scopes};
    use runtime::Clock;

    fn user(number: usize) -> Identity {
        Identity {
            user_id: Uuid::from_u128(number as u128),
            institution_id: None,
            scopes: Scopes::NONE,
            expires_secs: None,
            credential: Credential::Token,
        }
    }

    fn tickets() -> Tickets {
        Tickets::new(Ids::seeded(Clock::System, 7))
    }

    const START: Duration = Duration::from_secs(1_000);

    #[tokio::test]
    async fn a_ticket_is_good_once_within_30_seconds() {
        for (waited_ms, good) in [(0, true), (29_999, true), (30_000, false), (3_600_000, false)] {
            let tickets = tickets();
            let text = tickets.issue(user(1), START).await.unwrap();
            let now = START + Duration::from_millis(waited_ms);
            assert_eq!(
                tickets.redeem(&text, now).await,
                good.then(|| user(1)),
                "{waited_ms} ms"
            );
            assert_eq!(
                tickets.redeem(&text, now).await,
                None,
                "again after {waited_ms} ms"
            );
        }
    }

    #[tokio::test]
    async fn another_text_is_no_ticket() {
        let tickets = tickets();
        let text = tickets.issue(user(1), START).await.unwrap();
        assert_eq!(text.len(), TEXT_LENGTH);
        let swapped: String = text.chars().rev().collect();
        for other in [
            "",
            "x",
            &swapped,
            &format!("{text}="),
            &"A".repeat(10_000),
            &text[1..],
        ] {
            assert_eq!(tickets.redeem(other, START).await, None, "{other}");
        }
        assert!(tickets.redeem(&text, START).await.is_some());
    }

    #[tokio::test]
    async fn of_one_user_the_oldest_gives_way() {
        let tickets = tickets();
        let others = tickets.issue(user(2), START).await.unwrap();
        for _ in 0..3 * OUTSTANDING {
            assert!(tickets.issue(user(1), START).await.is_some());
        }
        let (mut texts, mut good) = (Vec::new(), Vec::new());
        for _ in 0..11 {
            texts.push(tickets.issue(user(1), START).await.unwrap());
        }
        for text in &texts {
            good.push(tickets.redeem(text, START).await.is_some());
        }
        assert_eq!(good, [&[false][..], &[true; 10]].concat());
        assert_eq!(tickets.redeem(&others, START).await, Some(user(2)));
    }

    #[tokio::test]
    async fn when_it_is_full_new_ones_are_refused_until_old_ones_end() {
        let tickets = tickets();
        let first = tickets.issue(user(0), START).await.unwrap();
        for number in 1..OUTSTANDING {
            assert!(tickets.issue(user(number), START).await.is_some(), "{number}");
        }
        assert_eq!(tickets.issue(user(OUTSTANDING), START).await, None);
        assert!(tickets.redeem(&first, START).await.is_some());
        assert!(tickets.issue(user(OUTSTANDING), START).await.is_some());
        assert_eq!(tickets.issue(user(OUTSTANDING + 1), START).await, None);
        let later = START + Tickets::LIFE;
        assert!(tickets.issue(user(1), later).await.is_some());
        let waiting = tickets.waiting.lock().unwrap();
        let counts = (waiting.tickets.len(), waiting.order.len(), waiting.of_user.len());
        assert_eq!(counts, (1, 1, 1), "nothing of the old ones is kept");
    }

    /// A store in memory that may be away.
    #[derive(Default)]
    struct Store {
        kept: Mutex<HashMap<String, Vec<u8>>>,
        away: std::sync::atomic::AtomicBool,
    }

    #[async_trait]
    impl TicketStore for Store {
        async fn keep(&self, name: &str, contents: &[u8], _: Duration) -> bool {
            let here = !self.away.load(std::sync::atomic::Ordering::SeqCst);
            if here {
                let mut kept = self.kept.lock().unwrap();
                kept.insert(name.to_owned(), contents.to_vec());
            }
            here
        }

        async fn take(&self, name: &str) -> Option<Vec<u8>> {
            self.kept.lock().unwrap().remove(name)
        }
    }

    #[tokio::test]
    async fn a_ticket_of_one_gateway_is_good_once_at_another() {
        let store = Arc::new(Store::default());
        let one = tickets().shared_in(Arc::clone(&store) as _);
        let two = Tickets::new(Ids::seeded(Clock::System, 8)).shared_in(Arc::clone(&store) as _);
        let identity = Identity {
            institution_id: Some(Uuid::from_u128(9)),
            scopes: Scopes::from_claim("trade admin:read"),
            expires_secs: Some(12),
            credential: Credential::ApiKey(crate::KeyId::new("key-1").unwrap()),
            ..user(1)
        };
        let text = one.issue(identity, START).await.unwrap();
        assert!(
            !store.kept.lock().unwrap().contains_key(&text),
            "only hashes are kept"
        );
        assert_eq!(two.redeem(&text, START).await, Some(identity));
        assert_eq!(one.redeem(&text, START).await, None);
        store.away.store(true, std::sync::atomic::Ordering::SeqCst);
        let text = one.issue(user(1), START).await.unwrap();
        assert_eq!(two.redeem(&text, START).await, None);
        assert_eq!(one.redeem(&text, START).await, Some(user(1)));
    }
}
