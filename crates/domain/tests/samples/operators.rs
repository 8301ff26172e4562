//! Samples of what came later: switches, sessions, tiers and API keys.

use domain::{
    AddApiKey, ApiKey, CancelAllAfter, CloseSession, Command, DefineTier, FeeRate, InstitutionId,
    KeyMaterial, OpenSession, RevokeApiKey, SessionId, SetAccountTier, Tier,
};

use super::{ALICE, at};

/// A tier that sets all there is to set.
pub fn tier() -> Tier {
    Tier {
        name: "market-maker".parse().unwrap(),
        orders_per_second: Some(500),
        maker_fee: Some(FeeRate(0)),
        taker_fee: Some(FeeRate(50_000)),
    }
}

/// A key that has all there is to have.
pub fn api_key() -> ApiKey {
    ApiKey {
        key_id: "ak_1".parse().unwrap(),
        user_id: ALICE,
        institution_id: Some(InstitutionId::from_u128(0x1257)),
        label: "Köln desk 1".to_owned(),
        material: KeyMaterial::Ed25519([7; 32]),
        scope: "trade read".to_owned(),
        addresses: vec!["10.0.0.0/8".to_owned(), "2001:db8::/32".to_owned()],
        created_at: at(0),
        revoked_at: None,
    }
}

pub fn commands() -> Vec<(&'static str, Command)> {
    let after = |timeout_micros| {
        Command::CancelAllAfter(CancelAllAfter {
            user_id: ALICE,
            timeout_micros,
        })
    };
    let session_id = SessionId::at(at(0), 3);
    let close = |cancel| Command::CloseSession(CloseSession { session_id, cancel });
    let market_fees = Tier {
        name: "plain".parse().unwrap(),
        orders_per_second: None,
        maker_fee: None,
        taker_fee: None,
    };
    let into = |tier| Command::SetAccountTier(SetAccountTier { user_id: ALICE, tier });
    let sealed = ApiKey {
        institution_id: None,
        label: String::new(),
        material: KeyMaterial::HmacSha256(vec![1, 2, 3]),
        addresses: Vec::new(),
        revoked_at: Some(at(9)),
        ..api_key()
    };
    let add = |key| Command::AddApiKey(Box::new(AddApiKey { key }));
    vec![
        ("cancel-all-after", after(30_000_000)),
        ("cancel-all-after-disarm", after(0)),
        (
            "open-session",
            Command::OpenSession(OpenSession {
                session_id,
                user_id: ALICE,
            }),
        ),
        ("close-session", close(false)),
        ("close-session-and-cancel", close(true)),
        ("define-tier", Command::DefineTier(DefineTier { tier: tier() })),
        (
            "define-tier-without-numbers",
            Command::DefineTier(DefineTier { tier: market_fees }),
        ),
        ("set-account-tier", into(Some(tier().name))),
        ("set-account-tier-none", into(None)),
        ("add-api-key-ed25519", add(api_key())),
        ("add-api-key-hmac", add(sealed)),
        (
            "revoke-api-key",
            Command::RevokeApiKey(RevokeApiKey {
                key_id: api_key().key_id,
            }),
        ),
    ]
}
