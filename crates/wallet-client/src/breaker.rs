//! The circuit breaker: a small state machine that reads no clock and does no I/O.

use std::collections::VecDeque;
use std::time::Duration;

/// When the breaker opens, and how it closes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// It opens when more calls than this failed in a row.
    pub failures: usize,
    /// Failures count together while they lie within this time.
    pub window: Duration,
    /// How long it stays open, unless one of the single calls that it lets through meanwhile is answered.
    pub open_for: Duration,
    /// While it is open, one call in this time is let through: what has healed is not left alone for all of `open_for`.
    pub probe_every: Duration,
    /// Then so many calls are let through; when all of them were answered it closes, and one that fails opens it again.
    pub trials: u32,
}

impl Default for BreakerOptions {
    /// More than 5 within 60 seconds, open for 30 seconds, 10 trials; meanwhile one call in each second.
    fn default() -> Self {
        Self {
            failures: 5,
            window: Duration::from_secs(60),
            open_for: Duration::from_secs(30),
            probe_every: Duration::from_secs(1),
            trials: 10,
        }
    }
}

/// What became of a call that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    /// It was answered, a refusal included.
    Answered,
    /// It was not.
    Failed,
    /// Its caller gave it up: that tells nothing.
    GivenUp,
}

/// A call that was let through, to be handed back with its end.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Admission {
    /// Which state let it through: the end of a call from an earlier one changes nothing.
    generation: u64,
}

#[derive(Debug)]
enum State {
    /// Calls are let through. When the latest failures in a row were.
    Closed { failed: VecDeque<Duration> },
    /// None are, up to this moment, but one call from each moment `probe` on.
    Open { until: Duration, probe: Duration },
    /// Some are, to see whether they are answered.
    Trying { admitted: u32, answered: u32 },
}

/// Counts calls that fail, and keeps further ones back once there are too many. Times are those of a monotonic clock.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    generation: u64,
    state: State,
}

impl Breaker {
    /// A closed one.
    pub const fn new(options: BreakerOptions) -> Self {
        Self {
            options,
            generation: 0,
            state: State::Closed {
                failed: VecDeque::new(),
            },
        }
    }

    /// Lets a call through, or not.
    pub fn admit(&mut self, now: Duration) -> Option<Admission> {
        if let State::Open { until, .. } = self.state
            && now >= until
        {
            self.enter(State::Trying {
                admitted: 0,
                answered: 0,
            });
        }
        match &mut self.state {
            State::Closed { .. } => {}
            State::Trying { admitted, .. } if *admitted < self.options.trials => *admitted += 1,
            State::Open { probe, .. } if now >= *probe => *probe = now + self.options.probe_every,
            State::Open { .. } | State::Trying { .. } => return None,
        }
        Some(Admission {
            generation: self.generation,
        })
    }

    /// Takes the end of a call that was let through. A call counts once, whatever its tries.
    pub fn end(&mut self, admission: Admission, end: CallEnd, now: Duration) {
        let Admission { generation } = admission;
        if generation != self.generation {
            return;
        }
        let BreakerOptions {
            failures,
            window,
            open_for,
            probe_every,
            trials,
        } = self.options;
        let opened = State::Open {
            until: now + open_for,
            probe: now + probe_every,
        };
        let trying = State::Trying {
            admitted: 0,
            answered: 0,
        };
        match (&mut self.state, end) {
            (State::Closed { failed }, CallEnd::Answered) => failed.clear(),
            (State::Closed { failed }, CallEnd::Failed) => {
                failed.retain(|at| now.saturating_sub(*at) < window);
                failed.push_back(now);
                if failed.len() > failures {
                    self.enter(opened);
                }
            }
            (State::Trying { answered, .. }, CallEnd::Answered) => {
                *answered += 1;
                if *answered >= trials {
                    self.enter(State::Closed {
                        failed: VecDeque::new(),
                    });
                }
            }
            (State::Trying { .. }, CallEnd::Failed) => self.enter(opened),
            (State::Trying { admitted, .. }, CallEnd::GivenUp) => *admitted = admitted.saturating_sub(1),
            (State::Open { .. }, CallEnd::Answered) => self.enter(trying),
            (State::Open { .. }, CallEnd::Failed | CallEnd::GivenUp)
            | (State::Closed { .. }, CallEnd::GivenUp) => {}
        }
    }

    /// Whether calls are kept back; those that would be let through as trials count as let through.
    pub fn is_open(&self, now: Duration) -> bool {
        match self.state {
            State::Open { until, .. } => now < until,
            State::Closed { .. } | State::Trying { .. } => false,
        }
    }

    fn enter(&mut self, state: State) {
        self.generation += 1;
        self.state = state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn call(breaker: &mut Breaker, end: CallEnd, now: Duration) -> bool {
        let admission = breaker.admit(now);
        admission
            .map(|admission| breaker.end(admission, end, now))
            .is_some()
    }

    /// As usual, but nobody probes while it is open.
    fn without_probes() -> BreakerOptions {
        BreakerOptions {
            probe_every: at(3_600),
            ..BreakerOptions::default()
        }
    }

    /// A breaker that opened at this second.
    fn open_at(second: u64) -> Breaker {
        opened(without_probes(), second)
    }

    fn opened(options: BreakerOptions, second: u64) -> Breaker {
        let mut breaker = Breaker::new(options);
        for _ in 0..6 {
            assert!(call(&mut breaker, CallEnd::Failed, at(second)));
        }
        assert!(breaker.is_open(at(second)));
        breaker
    }

    #[test]
    fn five_failures_in_a_row_are_borne_and_the_sixth_opens_it() {
        let mut breaker = Breaker::new(without_probes());
        for _ in 0..5 {
            assert!(call(&mut breaker, CallEnd::Failed, at(1)));
        }
        assert!(
            call(&mut breaker, CallEnd::Answered, at(1)),
            "an answer begins anew"
        );
        for _ in 0..5 {
            assert!(call(&mut breaker, CallEnd::Failed, at(2)));
        }
        assert!(call(&mut breaker, CallEnd::GivenUp, at(2)), "tells nothing");
        assert!(!breaker.is_open(at(2)));
        assert!(call(&mut breaker, CallEnd::Failed, at(2)));
        assert!(breaker.is_open(at(2)));
        assert!(!call(&mut breaker, CallEnd::Answered, at(31)));
        assert!(breaker.is_open(at(31)));
    }

    #[test]
    fn failures_that_lie_too_far_apart_do_not_open_it() {
        let mut breaker = Breaker::new(BreakerOptions::default());
        for turn in 0..20 {
            assert!(call(&mut breaker, CallEnd::Failed, at(turn * 12)), "{turn}");
        }
        assert!(!breaker.is_open(at(228)));
        assert!(call(&mut breaker, CallEnd::Failed, at(231)));
        assert!(breaker.is_open(at(231)), "six within a minute");
    }

    #[test]
    fn after_its_time_ten_trials_are_let_through_and_their_answers_close_it() {
        let mut breaker = open_at(5);
        assert!(breaker.admit(at(34)).is_none());
        let trials: Vec<_> = (0..10).filter_map(|_| breaker.admit(at(35))).collect();
        assert_eq!(trials.len(), 10);
        assert!(breaker.admit(at(35)).is_none(), "there is no eleventh");
        for trial in trials {
            assert!(!breaker.is_open(at(36)));
            assert!(breaker.admit(at(36)).is_none());
            breaker.end(trial, CallEnd::Answered, at(36));
        }
        for _ in 0..5 {
            assert!(
                call(&mut breaker, CallEnd::Failed, at(37)),
                "it is closed, and counts from zero"
            );
        }
        assert!(!breaker.is_open(at(37)));
    }

    #[test]
    fn a_trial_that_fails_opens_it_again_and_late_ends_change_nothing() {
        let mut breaker = open_at(0);
        let (first, second) = (breaker.admit(at(30)).unwrap(), breaker.admit(at(30)).unwrap());
        breaker.end(first, CallEnd::Failed, at(31));
        assert!(breaker.is_open(at(60)) && !breaker.is_open(at(61)));
        breaker.end(second, CallEnd::Failed, at(50));
        assert!(!breaker.is_open(at(61)), "it does not stay open for longer");
        assert!(breaker.admit(at(61)).is_some());
    }

    #[test]
    fn a_trial_that_is_given_up_makes_room_for_another() {
        let mut breaker = open_at(0);
        for _ in 0..25 {
            assert!(call(&mut breaker, CallEnd::GivenUp, at(40)));
        }
        for _ in 0..9 {
            assert!(call(&mut breaker, CallEnd::Answered, at(41)));
        }
        assert!(
            call(&mut breaker, CallEnd::Answered, at(41)),
            "the tenth closes it"
        );
        assert!(breaker.admit(at(41)).is_some());
    }

    #[test]
    fn while_it_is_open_one_call_a_second_finds_out_whether_it_is_still_needed() {
        let mut breaker = opened(BreakerOptions::default(), 0);
        for second in 1..20 {
            assert!(call(&mut breaker, CallEnd::Failed, at(second)), "{second}");
            assert!(breaker.admit(at(second)).is_none(), "{second}: one is enough");
            assert!(breaker.is_open(at(second)));
        }
        assert!(call(&mut breaker, CallEnd::GivenUp, at(20)), "tells nothing");
        assert!(breaker.is_open(at(20)));
        assert!(call(&mut breaker, CallEnd::Answered, at(21)));
        assert!(!breaker.is_open(at(21)), "ten trials follow at once");
        for _ in 0..10 {
            assert!(call(&mut breaker, CallEnd::Answered, at(21)));
        }
        for _ in 0..5 {
            assert!(call(&mut breaker, CallEnd::Failed, at(22)), "it is closed");
        }
    }

    #[test]
    fn an_end_from_before_it_opened_does_not_close_it() {
        let mut breaker = Breaker::new(BreakerOptions::default());
        let slow = breaker.admit(at(0)).unwrap();
        for _ in 0..6 {
            assert!(call(&mut breaker, CallEnd::Failed, at(1)));
        }
        breaker.end(slow, CallEnd::Answered, at(2));
        assert!(breaker.is_open(at(2)));
    }
}
