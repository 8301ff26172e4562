//! The engine alone: what it asks of balances, order by order, and that it keeps to what it was granted.

#[cfg(test)]
mod instructions;
#[cfg(test)]
mod recorder;
#[cfg(test)]
mod timers;
