//! How fast a flow is applied: one pass for the whole, another that looks at the clock after each command.

use std::time::Instant;

use anyhow::anyhow;

use crate::flow::Flow;
use crate::report::LatencyReport;
use crate::tally::{Listener, Tally};
use crate::target::{StillRests, Target};

/// What one pass gives.
#[derive(Debug)]
pub(crate) struct Pass<T> {
    pub(crate) target: T,
    pub(crate) tally: Tally,
    pub(crate) seconds: f64,
}

/// Applies a flow to a new target, measuring the whole.
pub(crate) fn whole<T: Target>(flow: &Flow) -> anyhow::Result<Pass<T>> {
    let mut tally = Tally::default();
    let start = now();
    let target = apply(flow, &mut tally)?;
    let seconds = (now() - start).as_secs_f64();
    Ok(Pass {
        target,
        tally,
        seconds,
    })
}

/// Applies a flow to a new target.
pub(crate) fn apply<T: Target>(flow: &Flow, listener: &mut impl Listener) -> anyhow::Result<T> {
    let mut target = T::for_flow(flow);
    for (place, step) in flow.steps.iter().enumerate() {
        target
            .apply(step, listener)
            .map_err(|refusal| at(place, refusal))?;
    }
    Ok(target)
}

/// Applies a flow to a new target, measuring each command. What it takes to look at the clock is included.
pub(crate) fn each<T: Target>(flow: &Flow) -> anyhow::Result<(Tally, LatencyReport)> {
    let mut tally = Tally::default();
    let mut target = T::for_flow(flow);
    let mut nanos = vec![0u32; flow.steps.len()];
    let mut before = now();
    for (place, (step, nanos)) in flow.steps.iter().zip(&mut nanos).enumerate() {
        target
            .apply(step, &mut tally)
            .map_err(|refusal| at(place, refusal))?;
        let after = now();
        *nanos = u32::try_from((after - before).as_nanos()).unwrap_or(u32::MAX);
        before = after;
    }
    Ok((tally, LatencyReport::of(nanos)))
}

#[cold]
fn at(place: usize, StillRests: StillRests) -> anyhow::Error {
    anyhow!(
        "line {}: a new order has the id of one that still rests",
        place + 2
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "the replay measures, and decides nothing by the clock"
)]
#[inline]
fn now() -> Instant {
    Instant::now()
}
