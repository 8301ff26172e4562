//! Commands that leave no event: what they set goes into the digest itself, field by field, in an order that never
//! changes.

use domain::{
    AddApiKey, ApiKey, CancelAllAfter, CloseSession, Command, DefineTier, Digest, KeyMaterial, OpenSession,
    RevokeApiKey, SetAccountTier, Stamp, Tier,
};

/// Adds what a command set that was not refused. Commands that tell of themselves by events add nothing.
pub(crate) fn add(digest: &mut Digest, at: Stamp, command: &Command) {
    match command {
        Command::CancelAllAfter(CancelAllAfter {
            user_id,
            timeout_micros,
        }) => {
            digest.wide(user_id.as_u128());
            // The moment at which it runs out follows from these two.
            digest.word(*timeout_micros);
            digest.word(at.micros());
        }
        Command::OpenSession(OpenSession { session_id, user_id }) => {
            digest.wide(session_id.as_u128());
            digest.wide(user_id.as_u128());
        }
        Command::CloseSession(CloseSession { session_id, cancel }) => {
            digest.wide(session_id.as_u128());
            digest.word(u64::from(*cancel));
        }
        Command::DefineTier(DefineTier { tier }) => {
            digest.word(1);
            add_tier(digest, tier);
        }
        Command::SetAccountTier(SetAccountTier { user_id, tier }) => {
            digest.word(2);
            digest.wide(user_id.as_u128());
            digest.bytes(tier.as_ref().map_or(&[], |name| name.as_str().as_bytes()));
        }
        Command::AddApiKey(add) => {
            let AddApiKey { key } = &**add;
            digest.word(3);
            add_key(digest, at, key);
        }
        Command::RevokeApiKey(RevokeApiKey { key_id }) => {
            digest.word(4);
            digest.bytes(key_id.as_str().as_bytes());
            digest.word(at.micros());
        }
        Command::DefineMarket(_)
        | Command::SetMarketState(_)
        | Command::Place(_)
        | Command::Cancel(_)
        | Command::Amend(_)
        | Command::CancelAll(_)
        | Command::Transfer(_)
        | Command::Tick => {}
    }
}

fn add_tier(digest: &mut Digest, tier: &Tier) {
    let Tier {
        name,
        orders_per_second,
        maker_fee,
        taker_fee,
    } = tier;
    digest.bytes(name.as_str().as_bytes());
    for number in [
        *orders_per_second,
        maker_fee.map(|fee| fee.0),
        taker_fee.map(|fee| fee.0),
    ] {
        digest.word(number.map_or(0, |number| 1 + u64::from(number)));
    }
}

fn add_key(digest: &mut Digest, at: Stamp, key: &ApiKey) {
    // Both times are not the caller's to say: the stamp is kept, and nothing.
    let ApiKey {
        key_id,
        user_id,
        institution_id,
        label,
        material,
        scope,
        addresses,
        created_at: _,
        revoked_at: _,
    } = key;
    digest.bytes(key_id.as_str().as_bytes());
    digest.wide(user_id.as_u128());
    digest.word(u64::from(institution_id.is_some()));
    digest.wide(institution_id.map_or(0, |id| id.as_u128()));
    digest.bytes(label.as_bytes());
    match material {
        KeyMaterial::Ed25519(public) => {
            digest.word(1);
            digest.bytes(public);
        }
        KeyMaterial::HmacSha256(sealed) => {
            digest.word(2);
            digest.bytes(sealed);
        }
    }
    digest.bytes(scope.as_bytes());
    digest.word(addresses.len() as u64);
    addresses
        .iter()
        .for_each(|network| digest.bytes(network.as_bytes()));
    digest.word(at.micros());
}
