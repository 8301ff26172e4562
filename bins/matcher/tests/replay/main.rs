//! The replay: recorded and made flows come out as they must, and bad lines are named.

#[cfg(test)]
mod bad_lines;
#[cfg(test)]
mod flowgen;
#[cfg(test)]
mod flows;
