//! Puts load on a running gateway through its public API alone, and checks what came of it.
//!
//! One thread does everything, because the gateway under load needs the processors more; arrivals come from a schedule
//! that no answer can delay.

mod api;
mod book;
mod book_run;
mod check;
mod cli;
mod connection;
mod decimal;
mod dice;
mod drive;
mod echo;
mod echo_ws;
mod fanout;
mod flow;
mod http_lanes;
mod lag;
mod lanes;
mod latency;
mod market;
mod output;
mod owed;
mod pacer;
mod parallel;
mod private;
mod private_run;
mod report;
mod response;
mod run;
mod saturate;
mod schedule;
mod setup;
mod tally;
mod writer;
mod ws;
mod ws_lanes;

pub use cli::Cli;
pub use output::exit_code;

#[cfg(test)]
mod tests;
