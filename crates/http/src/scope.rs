//! Rights that a token can carry, as its `scope` claim names them.

use std::fmt;

/// One right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Place, amend and cancel one's own orders, and look at one's own things.
    Trade,
    /// Look at one's own things.
    Read,
    /// Define markets, change their states, cancel anybody's orders.
    AdminMarkets,
    /// Deposit and withdraw for anybody.
    AdminFunds,
    /// Change accounts.
    AdminAccounts,
    /// Look at anybody's things.
    AdminRead,
}

impl Scope {
    /// Every right.
    pub const ALL: &'static [Self] = &[
        Self::Trade,
        Self::Read,
        Self::AdminMarkets,
        Self::AdminFunds,
        Self::AdminAccounts,
        Self::AdminRead,
    ];

    /// The word for it in a token.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Read => "read",
            Self::AdminMarkets => "admin:markets",
            Self::AdminFunds => "admin:funds",
            Self::AdminAccounts => "admin:accounts",
            Self::AdminRead => "admin:read",
        }
    }

    /// The right of a word; none where the word is unknown.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.word() == word)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of rights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// No right at all.
    pub const NONE: Self = Self(0);

    /// These rights.
    pub fn of(scopes: &[Scope]) -> Self {
        Self(scopes.iter().fold(0, |bits, scope| bits | scope.bit()))
    }

    /// The rights of a space-separated claim. Words that mean something to other services are passed over.
    pub fn from_claim(claim: &str) -> Self {
        let bits = claim.split_ascii_whitespace().filter_map(Scope::from_word);
        Self(bits.fold(0, |bits, scope| bits | scope.bit()))
    }

    /// Whether the right is among them.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = Scope::ALL.iter().filter(|scope| self.has(**scope));
        f.write_str(&words.map(|scope| scope.word()).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_gives_the_rights_it_names_and_no_others() {
        for (claim, scopes) in [
            ("", &[][..]),
            ("trade", &[Scope::Trade]),
            ("trade read", &[Scope::Trade, Scope::Read]),
            ("admin:funds openid", &[Scope::AdminFunds]),
            ("admin", &[]),
            ("Trade TRADE trade,read", &[]),
        ] {
            assert_eq!(Scopes::from_claim(claim), Scopes::of(scopes), "{claim:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let all = Scopes::of(Scope::ALL);
        assert_eq!(Scopes::from_claim(&all.to_string()), all);
        assert_eq!(Scopes::NONE.to_string(), "");
    }
}
