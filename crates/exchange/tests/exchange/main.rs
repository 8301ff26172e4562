//! The whole exchange: scenarios as text, random sessions under every invariant, a naive twin, and others' bugs.

#[cfg(test)]
mod basics;
#[cfg(test)]
mod bugs;
#[cfg(test)]
mod chunks;
#[cfg(test)]
mod entries;
#[cfg(test)]
mod life;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod markets;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod old_log;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod record;
#[cfg(test)]
mod script;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod stops;
#[cfg(test)]
mod switches;
#[cfg(test)]
mod twin;
#[cfg(test)]
mod unhappy;
#[cfg(test)]
mod venue;
#[cfg(test)]
mod witness;
