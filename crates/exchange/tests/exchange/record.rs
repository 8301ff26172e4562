//! The log's records and the snapshots as bytes: what is not one of ours is refused, never guessed.

use domain::{
    AddApiKey, Amount, ApiKey, CancelAllAfter, CloseSession, Command, DefineTier, FeeRate, InstitutionId,
    KeyMaterial, OpenSession, Outcome, RevokeApiKey, SessionId, SetAccountTier, Stamp, Tier, Transfer,
    TransferKind, UserId,
};
use engine::RULES_VERSION;
use exchange::{DIGEST_EVERY, Exchange, LogBody, LogEntry, LogError, Output, SnapshotError};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::moves::any_move;
use crate::properties::{config, play};

fn deposit(user: u128, key: &str, amount: u64) -> Command {
    Command::Transfer(Transfer {
        kind: TransferKind::Deposit,
        key: key.parse().unwrap(),
        user_id: UserId::from_u128(user),
        asset: "USD".parse().unwrap(),
        amount: Amount(amount),
    })
}

/// The digest that stands in the log after these commands and as many ticks as are needed.
fn digest_after(commands: &[Command]) -> u128 {
    let mut exchange = Exchange::new(1);
    let ticks = std::iter::repeat_n(&Command::Tick, DIGEST_EVERY as usize - commands.len());
    for command in commands.iter().chain(ticks) {
        exchange.apply(Stamp::FIRST, command, &mut Output::default());
    }
    match exchange.digest_due() {
        Some(LogBody::Digest(digest)) => digest,
        other => panic!("a digest is due after {DIGEST_EVERY} commands, not {other:?}"),
    }
}

#[test]
fn the_digest_tells_transfers_apart() {
    let first = digest_after(&[deposit(1, "a", 5)]);
    assert_eq!(first, digest_after(&[deposit(1, "a", 5)]));
    let withdrawal = |amount| {
        let Command::Transfer(mut transfer) = deposit(1, "b", amount) else {
            panic!()
        };
        transfer.kind = TransferKind::Withdrawal;
        Command::Transfer(transfer)
    };
    let mut asset = deposit(1, "a", 5);
    if let Command::Transfer(transfer) = &mut asset {
        transfer.asset = "EUR".parse().unwrap();
    }
    for (what, other) in [
        ("user", vec![deposit(2, "a", 5)]),
        ("key", vec![deposit(1, "b", 5)]),
        ("amount", vec![deposit(1, "a", 6)]),
        ("asset", vec![asset]),
        ("more", vec![deposit(1, "a", 5), deposit(1, "b", 5)]),
        ("withdrawal", vec![deposit(1, "a", 5), withdrawal(1)]),
    ] {
        assert_ne!(first, digest_after(&other), "another {what} gives another digest");
    }
}

/// Commands without events, each with changes of which every one must give another digest.
type Changes<T> = Vec<(&'static str, fn(&mut T))>;

fn tell_apart<T: Clone>(first: &T, changes: Changes<T>, commands: impl Fn(&T) -> Vec<Command>) {
    let digest = digest_after(&commands(first));
    assert_eq!(digest, digest_after(&commands(first)));
    assert_ne!(digest, digest_after(&[]));
    for (what, change) in changes {
        let mut other = first.clone();
        change(&mut other);
        let other = digest_after(&commands(&other));
        assert_ne!(digest, other, "another {what} gives another digest");
    }
}

fn user(number: u128) -> UserId {
    UserId::from_u128(number)
}

#[test]
fn the_digest_tells_switches_and_sessions_apart() {
    let after = CancelAllAfter {
        user_id: user(1),
        timeout_micros: 1_000_000,
    };
    let changes: Changes<CancelAllAfter> = vec![
        ("user", |after| after.user_id = user(2)),
        ("time", |after| after.timeout_micros += 1),
        ("end", |after| after.timeout_micros = 0),
        ("refusal", |after| after.timeout_micros = 1),
    ];
    tell_apart(&after, changes, |after| vec![Command::CancelAllAfter(*after)]);
    let disarm = CancelAllAfter {
        timeout_micros: 0,
        ..after
    };
    let changes: Changes<CancelAllAfter> = vec![("user", |after| after.user_id = user(2))];
    tell_apart(&disarm, changes, |after| vec![Command::CancelAllAfter(*after)]);

    let open = OpenSession {
        session_id: SessionId::from_u128(1),
        user_id: user(1),
    };
    let changes: Changes<OpenSession> = vec![
        ("session", |open| open.session_id = SessionId::from_u128(2)),
        ("user", |open| open.user_id = user(2)),
    ];
    tell_apart(&open, changes, |open| vec![Command::OpenSession(*open)]);
    let close = CloseSession {
        session_id: open.session_id,
        cancel: false,
    };
    let changes: Changes<CloseSession> = vec![
        ("session", |close| close.session_id = SessionId::from_u128(2)),
        ("wish", |close| close.cancel = true),
    ];
    tell_apart(&close, changes, |close| {
        vec![Command::OpenSession(open), Command::CloseSession(*close)]
    });
}

#[test]
fn the_digest_tells_tiers_apart() {
    let tier = Tier {
        name: "gold".parse().unwrap(),
        orders_per_second: Some(5),
        maker_fee: Some(FeeRate(0)),
        taker_fee: None,
    };
    let changes: Changes<Tier> = vec![
        ("name", |tier| tier.name = "silver".parse().unwrap()),
        ("rate", |tier| tier.orders_per_second = Some(6)),
        ("no rate", |tier| tier.orders_per_second = None),
        ("maker fee", |tier| tier.maker_fee = Some(FeeRate(1))),
        ("no maker fee", |tier| tier.maker_fee = None),
        ("taker fee", |tier| tier.taker_fee = Some(FeeRate(0))),
        ("order of fees", |tier| {
            std::mem::swap(&mut tier.maker_fee, &mut tier.taker_fee)
        }),
    ];
    let define = |tier: &Tier| Command::DefineTier(DefineTier { tier: tier.clone() });
    tell_apart(&tier, changes, |tier| vec![define(tier)]);
    let set = SetAccountTier {
        user_id: user(1),
        tier: Some(tier.name.clone()),
    };
    let changes: Changes<SetAccountTier> = vec![
        ("user", |set| set.user_id = user(2)),
        ("no tier", |set| set.tier = None),
        ("tier", |set| set.tier = Some("silver".parse().unwrap())),
    ];
    let silver = Tier {
        name: "silver".parse().unwrap(),
        ..tier.clone()
    };
    tell_apart(&set, changes, |set| {
        vec![
            define(&tier),
            define(&silver),
            Command::SetAccountTier(set.clone()),
        ]
    });
}

fn api_key() -> ApiKey {
    ApiKey {
        key_id: "ak_1".parse().unwrap(),
        user_id: user(1),
        institution_id: None,
        label: "desk".to_owned(),
        material: KeyMaterial::Ed25519([1; 32]),
        scope: "trade".to_owned(),
        addresses: vec!["10.0.0.0/8".to_owned()],
        created_at: Stamp::FIRST,
        revoked_at: None,
    }
}

#[test]
fn the_digest_tells_api_keys_apart() {
    let add = |key: &ApiKey| Command::AddApiKey(Box::new(AddApiKey { key: key.clone() }));
    let changes: Changes<ApiKey> = vec![
        ("id", |key| key.key_id = "ak_2".parse().unwrap()),
        ("user", |key| key.user_id = user(2)),
        ("institution", |key| {
            key.institution_id = Some(InstitutionId::from_u128(0))
        }),
        ("label", |key| key.label.push('s')),
        ("public key", |key| key.material = KeyMaterial::Ed25519([2; 32])),
        ("material", |key| {
            key.material = KeyMaterial::HmacSha256(vec![1; 32])
        }),
        ("scope", |key| key.scope.push('s')),
        ("network", |key| key.addresses[0].push('0')),
        ("number of networks", |key| key.addresses.push(String::new())),
        ("any network", |key| key.addresses.clear()),
    ];
    tell_apart(&api_key(), changes, |key| vec![add(key)]);
    let times = ApiKey {
        created_at: Stamp::from_micros(9),
        revoked_at: Some(Stamp::from_micros(9)),
        ..api_key()
    };
    let [one, other] = [api_key(), times].map(|key| digest_after(&[add(&key)]));
    assert_eq!(one, other, "a key's times are not its caller's to say");

    let second = ApiKey {
        key_id: "ak_2".parse().unwrap(),
        ..api_key()
    };
    let revoke = RevokeApiKey {
        key_id: second.key_id.clone(),
    };
    let changes: Changes<RevokeApiKey> = vec![
        ("key", |revoke| revoke.key_id = "ak_1".parse().unwrap()),
        ("refusal", |revoke| revoke.key_id = "ak_3".parse().unwrap()),
    ];
    tell_apart(&revoke, changes, |revoke| {
        vec![
            add(&api_key()),
            add(&second),
            Command::RevokeApiKey(revoke.clone()),
        ]
    });
}

#[test]
fn the_digest_tells_when_a_switch_was_armed_and_a_key_was_made_and_revoked() {
    let arm = Command::CancelAllAfter(CancelAllAfter {
        user_id: user(1),
        timeout_micros: 1_000_000,
    });
    let add = Command::AddApiKey(Box::new(AddApiKey { key: api_key() }));
    let revoke = Command::RevokeApiKey(RevokeApiKey {
        key_id: api_key().key_id,
    });
    let digest = |stamps: [u64; 3]| {
        let mut exchange = Exchange::new(1);
        for (at, command) in stamps.into_iter().zip([&arm, &add, &revoke]) {
            exchange.apply(Stamp::from_micros(at), command, &mut Output::default());
        }
        exchange.event_digest()
    };
    let first = digest([1, 10, 20]);
    for stamps in [[2, 10, 20], [1, 11, 20], [1, 10, 21]] {
        assert_ne!(first, digest(stamps), "{stamps:?}");
    }
}

#[test]
fn sessions_switches_and_the_register_live_through_a_restart() {
    let mut exchange = Exchange::new(1);
    let tier = Tier {
        name: "gold".parse().unwrap(),
        orders_per_second: Some(5),
        maker_fee: None,
        taker_fee: Some(FeeRate(7)),
    };
    let open = |number| {
        Command::OpenSession(OpenSession {
            session_id: SessionId::from_u128(number),
            user_id: user(number % 2),
        })
    };
    for command in [
        open(3),
        open(1),
        open(2),
        Command::CancelAllAfter(CancelAllAfter {
            user_id: user(1),
            timeout_micros: 30_000_000,
        }),
        Command::DefineTier(DefineTier { tier: tier.clone() }),
        Command::SetAccountTier(SetAccountTier {
            user_id: user(1),
            tier: Some(tier.name.clone()),
        }),
        Command::AddApiKey(Box::new(AddApiKey { key: api_key() })),
        Command::RevokeApiKey(RevokeApiKey {
            key_id: api_key().key_id,
        }),
    ] {
        let outcome = exchange.apply(Stamp::FIRST, &command, &mut Output::default());
        assert!(
            !matches!(outcome, Outcome::Refused(_)),
            "{command:?}: {outcome:?}"
        );
    }
    let bytes = exchange.snapshot().unwrap();
    let restored = Exchange::restore(&bytes, 9).unwrap();
    assert_eq!(restored.snapshot().unwrap(), bytes);
    let sessions: Vec<_> = restored.engine().sessions().collect();
    let expected = [1, 2, 3].map(|number| (SessionId::from_u128(number), user(number % 2)));
    assert_eq!(sessions, expected);
    let end = Stamp::FIRST.plus_micros(30_000_000);
    assert_eq!(restored.engine().switch_of(user(1)), Some(end));
    assert_eq!(restored.engine().next_due(), Some(end));
    assert_eq!(restored.register(), exchange.register());
    assert_eq!(
        restored.register().tier_of(user(1)).map(|tier| &**tier),
        Some(&tier)
    );
    assert_eq!(restored.register().tier_of(user(2)), None);
    let key = restored.register().key(&api_key().key_id).unwrap();
    assert_eq!(key.revoked_at, Some(Stamp::FIRST));
    assert_eq!(restored.register().tiers().count(), 1);
}

#[test]
fn a_snapshot_of_the_earlier_format_is_refused_by_its_name() {
    let mut bytes = filled().snapshot().unwrap();
    bytes[0] = 1;
    let refused = Exchange::restore(&bytes, 1).map(|_| ()).unwrap_err();
    assert_eq!(refused, SnapshotError::UnknownFormat(1));
    assert_eq!(
        refused.to_string(),
        "the snapshot has format version 1, and this program reads version 2 only"
    );
}

#[test]
fn no_digest_is_due_before_its_turn() {
    let mut exchange = Exchange::new(1);
    for _ in 1..DIGEST_EVERY {
        exchange.apply(Stamp::FIRST, &Command::Tick, &mut Output::default());
        assert_eq!(exchange.digest_due(), None);
    }
    exchange.apply(Stamp::FIRST, &Command::Tick, &mut Output::default());
    assert!(exchange.digest_due().is_some());
    assert_eq!(exchange.digest_due(), None, "it is told once");
    assert_eq!(
        exchange.seq(),
        u64::from(DIGEST_EVERY) + 1,
        "the digest is a record of its own"
    );
}

#[test]
fn a_record_survives_its_bytes_and_nothing_else_is_a_record() {
    let body = LogBody::Command(deposit(1, "a", 5));
    let entry = LogEntry {
        rules: RULES_VERSION,
        at: Stamp::from_micros(5),
        body,
    };
    let mut bytes = Vec::new();
    entry.encode(&mut bytes).unwrap();
    assert_eq!(LogEntry::decode(&bytes), Ok(entry));
    assert!(matches!(LogEntry::decode(&[]), Err(LogError::Malformed(_))));
    assert_eq!(LogEntry::decode(&[9, 1, 2]), Err(LogError::UnknownFormat(9)));
    for end in 1..bytes.len() {
        let cut = LogEntry::decode(&bytes[..end]);
        assert!(
            matches!(cut, Err(LogError::Malformed(_))),
            "cut at {end}: {cut:?}"
        );
    }
    bytes.push(0);
    let long = LogEntry::decode(&bytes);
    assert!(
        matches!(long, Err(LogError::Malformed(_))),
        "a byte too many: {long:?}"
    );
}

/// An exchange with a bit of everything in it.
fn filled() -> Exchange {
    let mut runner = TestRunner::new(config(1));
    let sessions = proptest::collection::vec(any_move(), 120..121);
    play(&sessions.new_tree(&mut runner).unwrap().current(), 200).exchange
}

#[test]
fn a_snapshot_is_whole_or_refused() {
    let bytes = filled().snapshot().unwrap();
    assert!(Exchange::restore(&bytes, 1).is_ok());
    assert!(matches!(
        Exchange::restore(&[], 1),
        Err(SnapshotError::Malformed(_))
    ));
    assert!(matches!(
        Exchange::restore(&[7, 7], 1),
        Err(SnapshotError::UnknownFormat(7))
    ));
    for end in 1..bytes.len() {
        assert!(Exchange::restore(&bytes[..end], 1).is_err(), "cut at {end}");
    }
    let long: Vec<u8> = bytes.iter().copied().chain([0]).collect();
    assert!(Exchange::restore(&long, 1).is_err(), "a byte too many");
    let mut newer = bytes;
    newer[1] += 1;
    let rules = RULES_VERSION + 1;
    let refused = Exchange::restore(&newer, 1).map(|_| ());
    assert_eq!(
        refused,
        Err(SnapshotError::UnknownRules {
            found: rules,
            ours: RULES_VERSION
        })
    );
}

#[test]
fn a_damaged_snapshot_is_refused_or_gives_an_exchange_that_holds() {
    let bytes = filled().snapshot().unwrap();
    let mut refused = 0;
    for place in 0..bytes.len() {
        for flip in [1, 0x80] {
            let mut damaged = bytes.clone();
            damaged[place] ^= flip;
            match Exchange::restore(&damaged, 1) {
                Err(_) => refused += 1,
                Ok(exchange) => assert_eq!(exchange.check(), Ok(()), "byte {place} ^ {flip}"),
            }
        }
    }
    assert!(refused > 0);
}
