//! Tickets that open a WebSocket in place of a token: short-lived, good once, kept as hashes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

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

/// The tickets that wait to be redeemed.
pub struct Tickets {
    ids: Ids,
    waiting: Mutex<Waiting>,
}

impl Tickets {
    /// How long a ticket is good.
    pub const LIFE: Duration = Duration::from_secs(30);

    /// No ticket yet; their randomness comes from `ids`.
    pub fn new(ids: Ids) -> Self {
        Self {
            ids,
            waiting: Mutex::default(),
        }
    }

    /// A new ticket for a caller: good for 30 seconds from `now`, the clock's monotonic time. A user's oldest ticket
    /// gives way to the eleventh. None where 10,000 tickets wait already.
    ///
    /// The identity's own end is not looked at again here: whoever redeems the ticket has to.
    pub fn issue(&self, identity: Identity, now: Duration) -> Option<String> {
        let text = URL_SAFE_NO_PAD.encode(self.ids.random_bytes::<32>());
        let key = key(&text);
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
            return None;
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
        Some(text)
    }

    /// Who a ticket was issued to, the first time that it is shown, within its life.
    pub fn redeem(&self, text: &str, now: Duration) -> Option<Identity> {
        if text.len() != TEXT_LENGTH {
            return None;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = waiting.take(&key(text))?;
        (now < ticket.place.0).then_some(ticket.identity)
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

    #[test]
    fn a_ticket_is_good_once_within_30_seconds() {
        for (waited_ms, good) in [(0, true), (29_999, true), (30_000, false), (3_600_000, false)] {
            let tickets = tickets();
            let text = tickets.issue(user(1), START).unwrap();
            let now = START + Duration::from_millis(waited_ms);
            assert_eq!(
                tickets.redeem(&text, now),
                good.then(|| user(1)),
                "{waited_ms} ms"
            );
            assert_eq!(tickets.redeem(&text, now), None, "again after {waited_ms} ms");
        }
    }

    #[test]
    fn another_text_is_no_ticket() {
        let tickets = tickets();
        let text = tickets.issue(user(1), START).unwrap();
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
            assert_eq!(tickets.redeem(other, START), None, "{other}");
        }
        assert!(tickets.redeem(&text, START).is_some());
    }

    #[test]
    fn of_one_user_the_oldest_gives_way() {
        let tickets = tickets();
        let others = tickets.issue(user(2), START).unwrap();
        for _ in 0..3 * OUTSTANDING {
            assert!(tickets.issue(user(1), START).is_some());
        }
        let texts: Vec<_> = (0..11).map(|_| tickets.issue(user(1), START).unwrap()).collect();
        let good: Vec<_> = texts
            .iter()
            .map(|text| tickets.redeem(text, START).is_some())
            .collect();
        assert_eq!(good, [&[false][..], &[true; 10]].concat());
        assert_eq!(tickets.redeem(&others, START), Some(user(2)));
    }

    #[test]
    fn when_it_is_full_new_ones_are_refused_until_old_ones_end() {
        let tickets = tickets();
        let first = tickets.issue(user(0), START).unwrap();
        for number in 1..OUTSTANDING {
            assert!(tickets.issue(user(number), START).is_some(), "{number}");
        }
        assert_eq!(tickets.issue(user(OUTSTANDING), START), None);
        assert!(tickets.redeem(&first, START).is_some());
        assert!(tickets.issue(user(OUTSTANDING), START).is_some());
        assert_eq!(tickets.issue(user(OUTSTANDING + 1), START), None);
        let later = START + Tickets::LIFE;
        assert!(tickets.issue(user(1), later).is_some());
        let waiting = tickets.waiting.lock().unwrap();
        let counts = (waiting.tickets.len(), waiting.order.len(), waiting.of_user.len());
        assert_eq!(counts, (1, 1, 1), "nothing of the old ones is kept");
    }
}
