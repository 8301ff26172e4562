//! Commands that made the fold panic: written down, never logged, and counted at the next start.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use domain::{Command, MarketNumber, Stamp};
use exchange::{LogBody, LogEntry};

/// So many deaths within the window halt a market.
const DEATHS: usize = 3;
/// The window: ten minutes.
const WINDOW_MICROS: u64 = 600 * 1_000_000;

/// The market that a command speaks of.
pub(crate) const fn market_of(command: &Command) -> Option<MarketNumber> {
    match command {
        Command::Place(place) => Some(place.market),
        Command::SetMarketState(set) => Some(set.market),
        Command::DefineMarket(define) => Some(define.definition.number),
        Command::CancelAll(all) => all.selection.market,
        Command::Cancel(_)
        | Command::Amend(_)
        | Command::Transfer(_)
        | Command::Tick
        | Command::CancelAllAfter(_)
        | Command::OpenSession(_)
        | Command::CloseSession(_)
        | Command::DefineTier(_)
        | Command::SetAccountTier(_)
        | Command::AddApiKey(_)
        | Command::RevokeApiKey(_) => None,
    }
}

/// Writes a poisonous command down, durably.
///
/// # Errors
/// The disk's; the command is lost then, and so is nothing that was answered.
pub(crate) fn keep(
    dir: &Path,
    at: Stamp,
    market: Option<MarketNumber>,
    command: &Command,
    panic: &str,
) -> io::Result<PathBuf> {
    let dir = dir.join("poison");
    fs::create_dir_all(&dir)?;
    let market = market.map_or_else(|| "none".to_owned(), |number| number.0.to_string());
    let mut bytes = Vec::new();
    let entry = LogEntry {
        rules: engine::RULES_VERSION,
        at,
        body: LogBody::Command(command.clone()),
    };
    entry.encode(&mut bytes).map_err(io::Error::other)?;
    let (path, mut file) = create(&dir, &format!("{:020}-{market}", at.micros()))?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::write(path.with_extension("txt"), format!("{panic}\n{command:#?}\n"))?;
    File::open(&dir)?.sync_all()?;
    Ok(path)
}

/// A new file. Deaths can have one stamp (after the clock went back, stamps stand still), and each of them counts.
fn create(dir: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    let mut number = 1;
    loop {
        let path = dir.join(format!("{name}-{number}.bin"));
        match File::create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            file => return file.map(|file| (path, file)),
        }
    }
}

/// The markets whose commands killed the writer three times within the last ten minutes.
///
/// # Errors
/// The directory cannot be read.
pub(crate) fn deadly(dir: &Path, now: Stamp) -> io::Result<Vec<MarketNumber>> {
    let entries = match fs::read_dir(dir.join("poison")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut deaths = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let mut parts = name
            .to_str()
            .and_then(|name| name.strip_suffix(".bin"))
            .into_iter()
            .flat_map(|name| name.split('-'));
        let at = parts.next().and_then(|at| at.parse::<u64>().ok());
        let market = parts.next().and_then(|market| market.parse::<u32>().ok());
        let (Some(at), Some(market)) = (at, market) else {
            continue;
        };
        if at.saturating_add(WINDOW_MICROS) > now.micros() {
            deaths.push(market);
        }
    }
    deaths.sort_unstable();
    let deadly = deaths
        .chunk_by(|a, b| a == b)
        .filter(|chunk| chunk.len() >= DEATHS);
    Ok(deadly.map(|chunk| MarketNumber(chunk[0])).collect())
}
