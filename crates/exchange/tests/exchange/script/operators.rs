//! Switches, sessions, tiers and API keys in scenarios.

use domain::{
    AddApiKey, ApiKey, ApiKeyId, CancelAllAfter, CloseSession, Command, DefineTier, FeeRate, KeyMaterial,
    OpenSession, RevokeApiKey, SessionId, SetAccountTier, Stamp, Tier,
};

use super::{DAY_SECONDS, FIRST_DAY, Stage, Words, user};

/// A stamp as scenarios write it.
pub(super) fn clock(at: Stamp) -> String {
    let micros = at.micros() - FIRST_DAY * 1_000_000;
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    let day = match seconds / DAY_SECONDS {
        0 => String::new(),
        day => format!("{day}d+"),
    };
    let seconds = seconds % DAY_SECONDS;
    let fraction = match rest {
        0 => String::new(),
        rest => format!(".{rest:06}"),
    };
    format!(
        "{day}{:02}:{:02}:{:02}{fraction}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A session's id: its name's letters.
fn session(name: &str) -> SessionId {
    SessionId::from_u128(user(name).as_u128())
}

impl Words<'_> {
    /// What stands behind `field=`.
    fn set(&self, field: &str) -> Option<&str> {
        let mut words = self.0.iter();
        words.find_map(|word| word.strip_prefix(field)?.strip_prefix('='))
    }
}

impl Stage {
    /// A command or question of this file; false: it is none.
    pub(super) fn run_operators(&mut self, first: &str, words: &Words<'_>) -> bool {
        let name = words.0.first().copied().unwrap_or_default();
        let id = || -> ApiKeyId { name.parse().unwrap() };
        match first {
            "after" => {
                let millis: u64 = words.0[1].parse().unwrap();
                let (user_id, timeout_micros) = (user(name), millis * 1_000);
                let after = CancelAllAfter {
                    user_id,
                    timeout_micros,
                };
                self.apply(name, Command::CancelAllAfter(after));
            }
            "open" => {
                let (session_id, user_id) = (session(name), words.user().unwrap());
                self.apply(name, Command::OpenSession(OpenSession { session_id, user_id }));
            }
            "close" => {
                let (session_id, cancel) = (session(name), words.has("cancel"));
                self.apply(name, Command::CloseSession(CloseSession { session_id, cancel }));
            }
            "tier" => {
                let number = |field| words.set(field).map(|number| number.parse().unwrap());
                let tier = Tier {
                    name: name.parse().unwrap(),
                    orders_per_second: number("rate"),
                    maker_fee: number("maker").map(FeeRate),
                    taker_fee: number("taker").map(FeeRate),
                };
                self.apply(name, Command::DefineTier(DefineTier { tier }));
            }
            "join" => {
                let tier = Some(words.0[1]).filter(|tier| *tier != "none");
                let set = SetAccountTier {
                    user_id: user(name),
                    tier: tier.map(|tier| tier.parse().unwrap()),
                };
                self.apply(name, Command::SetAccountTier(set));
            }
            "key" => {
                let key = api_key(id(), words);
                self.apply(name, Command::AddApiKey(Box::new(AddApiKey { key })));
            }
            "revoke" => self.apply(name, Command::RevokeApiKey(RevokeApiKey { key_id: id() })),
            "switch" => {
                let end = self.venue.exchange.engine().switch_of(user(name));
                let end = end.map_or("none".to_owned(), clock);
                self.told.push(format!("switch {name} {end}"));
            }
            "sessions" => {
                let sessions: Vec<u128> = self
                    .venue
                    .exchange
                    .engine()
                    .sessions()
                    .map(|(id, _)| id.as_u128())
                    .collect();
                let names = sessions.iter().map(|id| {
                    let letters = id.to_be_bytes();
                    String::from_utf8(letters.into_iter().filter(|letter| *letter != 0).collect()).unwrap()
                });
                let line = names.fold("sessions".to_owned(), |line, name| line + " " + &name);
                self.told.push(line);
            }
            "keys" => {
                let keys = self.venue.exchange.register().keys_of(user(name));
                let line = keys.fold("keys".to_owned(), |line, key| {
                    let end = key
                        .revoked_at
                        .map_or(String::new(), |at| format!("-{}", clock(at)));
                    format!("{line} {}@{}{end}", key.key_id, clock(key.created_at))
                });
                self.told.push(line);
            }
            _ => return false,
        }
        true
    }
}

fn api_key(key_id: ApiKeyId, words: &Words<'_>) -> ApiKey {
    ApiKey {
        key_id,
        user_id: words.user().unwrap(),
        institution_id: None,
        label: words.set("label").unwrap_or("desk").to_owned(),
        material: KeyMaterial::Ed25519([1; 32]),
        scope: words.set("scope").unwrap_or("trade").to_owned(),
        addresses: Vec::new(),
        // Neither is the caller's to say.
        created_at: Stamp::FIRST,
        revoked_at: Some(Stamp::FIRST),
    }
}
