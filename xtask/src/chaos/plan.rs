//! The faults: what each breaks, in which order, for how long, thrown by dice and the same for the same seed.

use std::time::Duration;

use clap::ValueEnum;
use testbed::Direction;

use super::dice::Dice;

/// How long a frozen matcher sleeps: its lease ends ten times over.
const SLEEP: Duration = Duration::from_secs(30);
/// As above, in the short form.
const NAP: Duration = Duration::from_secs(5);

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Fault {
    /// SIGKILL to one of the gateways
    KillGateway,
    /// SIGKILL to the matcher that owns the shard
    KillMatcher,
    /// SIGKILL to the wallet service
    KillWallet,
    /// SIGSTOP to the matcher that owns the shard, for 30 s; then it wakes
    FreezeMatcher,
    /// PostgreSQL is stopped or killed, and comes back
    RestartPostgres,
    /// RabbitMQ is stopped or killed, and comes back
    RestartRabbitmq,
    /// Redis is stopped or killed, and comes back
    RestartRedis,
    /// Every queue of RabbitMQ is emptied, again and again
    PurgeQueues,
    /// Each program's connections to PostgreSQL are cut in turn, some in the middle of a message, or go silent
    CutPostgres,
    /// Each program's connections to RabbitMQ are cut in turn
    CutRabbitmq,
    /// Each program's connections to Redis are cut in turn
    CutRedis,
    /// Each program's connections to the wallet service are cut in turn
    CutWallet,
    /// What the wallet service answers comes late
    LateWallet,
    /// What the wallet service is asked or answers does not come at all
    SilentWallet,
}

impl Fault {
    /// What the short form does.
    pub const CHEAP: [Self; 4] = [
        Self::KillGateway,
        Self::KillMatcher,
        Self::KillWallet,
        Self::PurgeQueues,
    ];

    /// As the command line has it.
    pub fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// Its dice in a round: those of the seed, the round and the fault alone, whatever else the round does.
    pub fn dice(self, seed: u64, round: u32) -> Dice {
        let place = Self::value_variants().iter().position(|fault| *fault == self);
        let place = u64::try_from(place.unwrap_or_default()).unwrap_or_default();
        Dice::new(seed).fork(u64::from(round)).fork(place)
    }
}

/// Who everybody needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    /// The database.
    Postgres,
    /// The broker.
    Rabbitmq,
    /// The cache.
    Redis,
    /// The wallet service.
    Wallet,
}

/// A program's way to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// `gateway-1`.
    pub program: String,
    /// Where it leads.
    pub server: Server,
}

/// Whom a signal hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Victim {
    /// The program of this name.
    Named(String),
    /// The matcher that owns the shard then.
    Owner,
}

/// How connections are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// At once.
    Now,
    /// When so many more bytes have passed: in the middle of a message.
    After(Direction, u64),
    /// Not at all: bytes of this direction are held back, and nobody is told.
    Held(Direction),
}

/// One thing that is done to the exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hit {
    /// SIGKILL, and a new start.
    Kill(Victim),
    /// SIGSTOP and SIGCONT.
    Freeze(Victim),
    /// A server stops, or is killed, and starts again.
    Down {
        /// Which; not the wallet, which is a program.
        server: Server,
        /// Whether it is killed.
        killed: bool,
    },
    /// Queues are emptied.
    Purge,
    /// Connections are reset, and new ones too.
    Cut(Way, Cut),
    /// Everything that goes to or comes from a server arrives that much later.
    Delay(Server, Duration),
    /// Nothing goes through in this direction.
    Mute(Server, Direction),
}

/// A hit, how long until it is healed, and how long the exchange is then left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blow {
    /// What.
    pub hit: Hit,
    /// Until it is healed.
    pub lasts: Duration,
    /// Until the next one.
    pub pause: Duration,
}

/// What a fault does to an exchange with these gateways and ways.
pub fn blows(fault: Fault, gateways: &[String], ways: &[Way], short: bool, dice: &mut Dice) -> Vec<Blow> {
    let one = |hit: Hit, lasts: Duration| {
        let pause = Duration::ZERO;
        vec![Blow { hit, lasts, pause }]
    };
    match fault {
        Fault::KillGateway => {
            let gateway = gateways.get(dice.place(gateways.len())).cloned();
            let victim = Victim::Named(gateway.unwrap_or_default());
            one(Hit::Kill(victim), dice.millis(0, 2_000))
        }
        Fault::KillMatcher => one(Hit::Kill(Victim::Owner), dice.millis(0, 6_000)),
        Fault::KillWallet => {
            let wallet = Victim::Named("wallet-1".to_owned());
            one(Hit::Kill(wallet), dice.millis(0, 3_000))
        }
        Fault::FreezeMatcher => one(Hit::Freeze(Victim::Owner), if short { NAP } else { SLEEP }),
        Fault::RestartPostgres => down(Server::Postgres, dice),
        Fault::RestartRabbitmq => down(Server::Rabbitmq, dice),
        Fault::RestartRedis => down(Server::Redis, dice),
        Fault::PurgeQueues => (0..dice.between(2, 4))
            .map(|_| Blow {
                hit: Hit::Purge,
                lasts: Duration::ZERO,
                pause: dice.millis(0, 800),
            })
            .collect(),
        Fault::CutPostgres => cuts(Server::Postgres, ways, dice),
        Fault::CutRabbitmq => cuts(Server::Rabbitmq, ways, dice),
        Fault::CutRedis => cuts(Server::Redis, ways, dice),
        Fault::CutWallet => cuts(Server::Wallet, ways, dice),
        Fault::LateWallet => {
            let late = Hit::Delay(Server::Wallet, dice.millis(300, 4_000));
            one(late, dice.millis(5_000, 9_000))
        }
        Fault::SilentWallet => {
            let silent = Hit::Mute(Server::Wallet, direction(dice));
            one(silent, dice.millis(5_000, 14_000))
        }
    }
}

fn down(server: Server, dice: &mut Dice) -> Vec<Blow> {
    let killed = dice.chance(50);
    let (lasts, pause) = (dice.millis(0, 3_000), Duration::ZERO);
    let hit = Hit::Down { server, killed };
    vec![Blow { hit, lasts, pause }]
}

/// Every way to this server, one after the other.
fn cuts(server: Server, ways: &[Way], dice: &mut Dice) -> Vec<Blow> {
    let mut ways: Vec<Way> = ways.iter().filter(|way| way.server == server).cloned().collect();
    dice.shuffle(&mut ways);
    ways.into_iter()
        .map(|way| {
            let cut = match dice.below(10) {
                0..4 => Cut::Now,
                4..8 => Cut::After(direction(dice), dice.between(1, 4_000)),
                _ => Cut::Held(direction(dice)),
            };
            Blow {
                hit: Hit::Cut(way, cut),
                lasts: dice.millis(100, 2_500),
                pause: dice.millis(0, 1_000),
            }
        })
        .collect()
}

fn direction(dice: &mut Dice) -> Direction {
    dice.pick(&[Direction::ToServer, Direction::ToClient], Direction::ToServer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways() -> Vec<Way> {
        let programs = ["wallet-1", "matcher-1", "matcher-2", "gateway-1", "gateway-2"];
        let servers = [Server::Postgres, Server::Rabbitmq, Server::Redis, Server::Wallet];
        let way = |program: &str, server| Way {
            program: program.to_owned(),
            server,
        };
        let all = programs
            .iter()
            .flat_map(|program| servers.map(|server| way(program, server)));
        all.filter(|way| way.program != "wallet-1" || way.server != Server::Wallet)
            .collect()
    }

    fn thrown(fault: Fault, seed: u64, round: u32) -> Vec<Blow> {
        let gateways = ["gateway-1".to_owned(), "gateway-2".to_owned()];
        blows(fault, &gateways, &ways(), false, &mut fault.dice(seed, round))
    }

    #[test]
    fn the_same_seed_does_the_same_and_another_round_something_else() {
        let mut differ = 0;
        for fault in Fault::value_variants() {
            assert_eq!(thrown(*fault, 7, 1), thrown(*fault, 7, 1));
            differ += u32::from(thrown(*fault, 7, 1) != thrown(*fault, 7, 2));
        }
        assert!(differ >= 12, "{differ}");
    }

    #[test]
    fn every_fault_hits_something_and_ends() {
        for fault in Fault::value_variants() {
            for seed in 0..50 {
                let blows = thrown(*fault, seed, 3);
                assert!(!blows.is_empty(), "{fault:?}");
                let whole: Duration = blows.iter().map(|blow| blow.lasts + blow.pause).sum();
                assert!(whole <= Duration::from_secs(31), "{fault:?}: {whole:?}");
            }
        }
    }

    #[test]
    fn each_way_to_a_server_is_cut_once() {
        let cut = thrown(Fault::CutPostgres, 5, 1);
        let mut programs: Vec<String> = cut
            .iter()
            .map(|blow| match &blow.hit {
                Hit::Cut(way, _) if way.server == Server::Postgres => way.program.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        programs.sort();
        let all = ["gateway-1", "gateway-2", "matcher-1", "matcher-2", "wallet-1"];
        assert_eq!(programs, all);
    }

    #[test]
    fn both_gateways_and_both_kinds_of_restart_come_up() {
        let hits = |fault| {
            (0..40)
                .map(|seed| thrown(fault, seed, 1).remove(0).hit)
                .collect::<Vec<_>>()
        };
        for name in ["gateway-1", "gateway-2"] {
            let kill = Hit::Kill(Victim::Named(name.to_owned()));
            assert!(hits(Fault::KillGateway).contains(&kill));
        }
        for killed in [true, false] {
            let server = Server::Redis;
            assert!(hits(Fault::RestartRedis).contains(&Hit::Down { server, killed }));
        }
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        assert_eq!(Fault::KillGateway.name(), "kill-gateway");
        assert_eq!(Fault::from_str("silent-wallet", false), Ok(Fault::SilentWallet));
    }
}
