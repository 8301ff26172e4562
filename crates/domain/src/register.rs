//! What operators keep about users: account tiers with their limits and fees, and API keys.

use serde::{Deserialize, Serialize};

use crate::{ApiKeyId, FeeRate, FieldError, InstitutionId, Stamp, TierName, UserId};

/// The most requests a second that a tier may allow.
pub const MAX_ORDERS_PER_SECOND: u32 = 1_000_000;

/// What users of a tier may do and what they pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Its name.
    pub name: TierName,
    /// Requests a second that a user may make; none: as the settings say.
    pub orders_per_second: Option<u32>,
    /// Fee rate as a maker; none: the market's.
    pub maker_fee: Option<FeeRate>,
    /// Fee rate as a taker; none: the market's.
    pub taker_fee: Option<FeeRate>,
}

impl Tier {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// The first field that breaks a rule.
    pub fn check(&self) -> Result<(), FieldError> {
        if let Some(rate) = self.orders_per_second
            && !(1..=MAX_ORDERS_PER_SECOND).contains(&rate)
        {
            return Err(FieldError::new(
                "orders_per_second",
                format!("must be 1 to {MAX_ORDERS_PER_SECOND}"),
            ));
        }
        for (field, fee) in [("maker_fee", self.maker_fee), ("taker_fee", self.taker_fee)] {
            if fee.is_some_and(|fee| !fee.is_below_one()) {
                return Err(FieldError::new(field, "must be below 1"));
            }
        }
        Ok(())
    }
}

/// What proves that a request was made by the holder of an API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyMaterial {
    /// An Ed25519 public key.
    Ed25519([u8; 32]),
    /// An HMAC-SHA256 secret, sealed by the edge: the log never holds it in the clear.
    HmacSha256(Vec<u8>),
}

/// An API key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its public name.
    pub key_id: ApiKeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// The owner's institution.
    pub institution_id: Option<InstitutionId>,
    /// What its owner calls it; at most 100 characters.
    pub label: String,
    /// What proves its use.
    pub material: KeyMaterial,
    /// What it may do: words of the token claim `scope`, separated by spaces.
    pub scope: String,
    /// Networks (CIDR) that it may be used from; empty: any.
    pub addresses: Vec<String>,
    /// When it was made.
    pub created_at: Stamp,
    /// When it was revoked.
    pub revoked_at: Option<Stamp>,
}

/// The longest label, scope or network text.
const TEXT: usize = 100;
/// The most networks of a key.
const NETWORKS: usize = 32;
/// The largest sealed secret, in bytes.
const SEALED: usize = 256;

impl ApiKey {
    /// Whether the texts and lists are within their bounds.
    ///
    /// # Errors
    /// The first field that breaks a rule.
    pub fn check(&self) -> Result<(), FieldError> {
        if self.label.chars().count() > TEXT || self.label.chars().any(char::is_control) {
            return Err(FieldError::new(
                "label",
                "must be at most 100 printable characters",
            ));
        }
        if self.scope.len() > TEXT {
            return Err(FieldError::new("scope", "must be at most 100 characters"));
        }
        if self.addresses.len() > NETWORKS || self.addresses.iter().any(|network| network.len() > TEXT) {
            return Err(FieldError::new("addresses", "must be at most 32 networks"));
        }
        match &self.material {
            KeyMaterial::HmacSha256(sealed) if sealed.is_empty() || sealed.len() > SEALED => {
                Err(FieldError::new("secret", "must be sealed in 1 to 256 bytes"))
            }
            _ => Ok(()),
        }
    }
}
