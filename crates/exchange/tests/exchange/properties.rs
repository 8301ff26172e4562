//! Random sessions of everything: what must always hold, holds after every command, over restarts and in the replay.

use domain::{Command, Stamp, UserId};
use engine::RULES_VERSION;
use exchange::{Exchange, LogBody, LogEntry, LogError, Output};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use crate::moves::{Director, Move, any_move};
use crate::venue::{Venue, replay};

/// Bounded, and the same in every run.
pub fn config(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(20_261_122),
        failure_persistence: None,
        ..Config::default()
    }
}

/// Plays a session; every so many commands the whole is compared.
pub fn play(moves: &[Move], every: usize) -> Venue {
    let (mut venue, mut director) = (Venue::new(), Director::new());
    for command in director.opening([20, 20, 3_000]) {
        venue.apply(director.now, command);
    }
    for (turn, step) in moves.iter().enumerate() {
        if let Move::Restart { hash_seed } = step {
            venue.restart(*hash_seed);
        }
        if let Some(command) = director.command(step) {
            venue.apply(director.now, command);
        }
        if turn % every == 0 {
            venue.compare();
        }
    }
    venue.compare();
    venue
}

fn state(exchange: &Exchange) -> (u64, Stamp, u128, u128) {
    let digests = (exchange.event_digest(), exchange.state_digest().unwrap());
    (exchange.seq(), exchange.last(), digests.0, digests.1)
}

proptest! {
    #![proptest_config(config(150))]
    #[test]
    fn all_that_must_hold_holds_after_every_command(moves in prop::collection::vec(any_move(), 1..120)) {
        let venue = play(&moves, 1);
        prop_assert_eq!(state(&replay(&venue.log, 3)), state(&venue.exchange));
    }
}

proptest! {
    #![proptest_config(config(3))]
    #[test]
    fn long_sessions_replay_to_the_same_digests(moves in prop::collection::vec(any_move(), 3_000..3_500)) {
        let venue = play(&moves, 200);
        let digests = venue.log.iter().filter(|entry| matches!(entry.body, LogBody::Digest(_)));
        prop_assert!(digests.count() >= 2, "a digest stands in the log after every 1,000 commands");
        prop_assert_eq!(state(&replay(&venue.log, 4)), state(&venue.exchange));
    }
}

/// Changes a record of the log so that it says something else.
fn change(entry: &mut LogEntry, how: u8) {
    let LogBody::Command(command) = &mut entry.body else {
        return;
    };
    let other = UserId::from_u128(501);
    match (command, how % 4) {
        (_, 0) => entry.at = entry.at.plus_micros(1),
        (command, 1) => *command = Command::Tick,
        (Command::Place(place), 2) => place.user_id = other,
        (Command::Place(place), _) => place.side = place.side.opposite(),
        (Command::Transfer(transfer), 2) => transfer.user_id = other,
        (Command::Transfer(transfer), _) => transfer.amount = domain::Amount(transfer.amount.0 + 1),
        (Command::Cancel(cancel), _) => cancel.user_id = other,
        (Command::Amend(amend), 2) => amend.price = None,
        (Command::Amend(amend), _) => amend.quantity = None,
        (Command::CancelAll(all), _) => all.selection.side = all.selection.side.map(domain::Side::opposite),
        (Command::SetMarketState(set), _) => set.state = domain::MarketState::Open,
        (Command::DefineMarket(define), _) => define.definition.maker_fee.0 ^= 1,
        (Command::CancelAllAfter(after), 2) => after.user_id = other,
        (Command::CancelAllAfter(after), _) => after.timeout_micros ^= 1 << 20,
        (Command::OpenSession(open), _) => open.user_id = other,
        (Command::CloseSession(close), _) => close.cancel = !close.cancel,
        (Command::DefineTier(define), 2) => define.tier.maker_fee = None,
        (Command::DefineTier(define), _) => define.tier.taker_fee = Some(domain::FeeRate(7)),
        (Command::SetAccountTier(set), 2) => set.user_id = other,
        (Command::SetAccountTier(set), _) => set.tier = None,
        (Command::AddApiKey(add), 2) => add.key.user_id = other,
        (Command::AddApiKey(add), _) => add.key.scope.push('s'),
        (Command::RevokeApiKey(revoke), _) => revoke.key_id = "key-1".parse().unwrap(),
        (Command::Tick, _) => {}
    }
}

/// Whether the record is a transfer that is refused.
fn refuses_transfer(log: &[LogEntry], place: usize) -> bool {
    let LogBody::Command(command @ Command::Transfer(_)) = &log[place].body else {
        return false;
    };
    let (mut exchange, mut out) = (Exchange::new(5), Output::default());
    for entry in &log[..place] {
        exchange.replay(entry, &mut out).unwrap();
    }
    let outcome = exchange.apply(log[place].at, command, &mut out);
    matches!(outcome, domain::Outcome::Refused(_))
}

/// Replays up to and with the last digest.
fn replay_to_last_digest(log: &[LogEntry]) -> Result<Exchange, LogError> {
    let (mut exchange, mut out) = (Exchange::new(5), Output::default());
    let end = log
        .iter()
        .rposition(|entry| matches!(entry.body, LogBody::Digest(_)))
        .unwrap();
    for entry in &log[..=end] {
        exchange.replay(entry, &mut out)?;
    }
    Ok(exchange)
}

proptest! {
    #![proptest_config(config(6))]
    #[test]
    fn a_changed_record_is_caught_or_changed_nothing(
        moves in prop::collection::vec(any_move(), 1_150..1_200),
        changes in prop::collection::vec((0..1_000usize, any::<u8>()), 30),
    ) {
        let venue = play(&moves, 400);
        let whole = replay_to_last_digest(&venue.log).unwrap();
        let mut caught = 0;
        for (place, how) in changes {
            let mut log = venue.log.clone();
            change(&mut log[place], how);
            match replay_to_last_digest(&log) {
                Err(LogError::DigestDiffers { .. }) => caught += 1,
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
                // The ledger remembers a refused transfer under its key; no event tells of it, and no digest.
                Ok(_) if refuses_transfer(&log, place) => {}
                Ok(other) => prop_assert_eq!(state(&other), state(&whole), "{:?} {}", log[place], how),
            }
        }
        prop_assert!(caught > 0);
    }
}

#[test]
fn a_log_of_other_rules_is_refused() {
    let mut exchange = Exchange::new(1);
    let entry = LogEntry {
        rules: RULES_VERSION + 1,
        at: Stamp::FIRST,
        body: LogBody::Command(Command::Tick),
    };
    let refused = exchange.replay(&entry, &mut Output::default());
    let (found, ours) = (RULES_VERSION + 1, RULES_VERSION);
    assert_eq!(refused, Err(LogError::UnknownRules { found, ours }));
    assert_eq!(exchange.seq(), 0, "nothing was applied");
}

/// What a session reached, by name.
fn reached(venue: &Venue, met: &mut std::collections::BTreeSet<String>) {
    let (mut exchange, mut out) = (Exchange::new(8), Output::default());
    for entry in &venue.log {
        let LogBody::Command(command) = &entry.body else {
            continue;
        };
        let outcome = exchange.apply(entry.at, command, &mut out);
        if let domain::Outcome::Refused(refusal) = &outcome {
            let words = format!("{refusal:?}");
            met.insert(format!(
                "refused {}",
                words.split(['(', '{']).next().unwrap_or_default()
            ));
        }
        if let (Command::Amend(_), domain::Outcome::Amended(_)) = (command, &outcome) {
            let traded = out
                .events
                .iter()
                .any(|event| matches!(event.event, domain::Event::Trade(_)));
            met.insert(format!("amended, traded: {traded}"));
        }
        for event in out.events.drain(..) {
            match event.event {
                domain::Event::OrderClosed(order) => {
                    let status = order.state.status().word();
                    let reason = order.state.reason_code().unwrap_or_default();
                    met.insert(format!("{status} {reason}").trim().to_owned());
                }
                domain::Event::OrderTriggered { .. } => drop(met.insert("triggered".to_owned())),
                domain::Event::OrderPrevented { .. } => drop(met.insert("prevented".to_owned())),
                domain::Event::Trade(trade) if trade.buyer.fee.0 > 0 => drop(met.insert("fee".to_owned())),
                _ => {}
            }
        }
        met.insert(match outcome {
            domain::Outcome::Repeated(_) => "repeated".to_owned(),
            domain::Outcome::Armed(Some(_)) => "armed".to_owned(),
            domain::Outcome::Armed(None) => "disarmed".to_owned(),
            domain::Outcome::SessionOpened(_) => "opened".to_owned(),
            _ => continue,
        });
    }
}

#[test]
fn the_sessions_reach_what_they_are_to_test() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::new(config(1));
    let sessions = prop::collection::vec(any_move(), 400..500);
    let mut met = std::collections::BTreeSet::new();
    for _ in 0..10 {
        let moves = sessions.new_tree(&mut runner).unwrap().current();
        reached(&play(&moves, 500), &mut met);
    }
    for what in [
        "CANCELLED amended",
        "CANCELLED dead_mans_switch",
        "CANCELLED disconnected",
        "CANCELLED mass_cancel",
        "CANCELLED operator",
        "CANCELLED requested",
        "CANCELLED self_trade",
        "EXPIRED fill_or_kill",
        "EXPIRED immediate",
        "EXPIRED time_in_force",
        "EXPIRED too_late",
        "FILLED",
        "REJECTED insufficient_balance",
        "REJECTED market_state",
        "REJECTED post_only_would_take",
        "REJECTED stop_already_triggered",
        "amended, traded: false",
        "amended, traded: true",
        "fee",
        "prevented",
        "armed",
        "disarmed",
        "opened",
        "refused Amendment",
        "refused ApiKeyTaken",
        "refused UnknownApiKey",
        "refused UnknownTier",
        "refused ClientIdConflict",
        "refused InsufficientBalance",
        "refused MarketState",
        "refused OrderEnded",
        "refused Shape",
        "refused TransferKeyConflict",
        "repeated",
        "triggered",
    ] {
        assert!(
            met.contains(what),
            "no session reached: {what}; they reached {met:#?}"
        );
    }
}
