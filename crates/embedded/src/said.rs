//! What the settings said of the markets at the last start and since, so that a start carries out only what is new in them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use domain::MarketDefinition;

const FILE: &str = "markets.json";

/// The definitions of the last start and since; none where there was no start, or its file cannot be read any more.
///
/// # Errors
/// The disk's.
pub(crate) fn last(dir: &Path) -> io::Result<Vec<MarketDefinition>> {
    match fs::read(dir.join(FILE)) {
        // A file of another program's version says nothing: the settings then count as new.
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Remembers what the settings say now of one market, durably, with what they said of the others.
///
/// # Errors
/// The disk's.
pub(crate) fn remember_too(dir: &Path, definition: MarketDefinition) -> io::Result<()> {
    let mut definitions = last(dir)?;
    definitions.retain(|other| other.symbol != definition.symbol);
    definitions.push(definition);
    remember(dir, &definitions)
}

/// Remembers what the settings say, durably.
///
/// # Errors
/// The disk's.
pub(crate) fn remember(dir: &Path, definitions: &[MarketDefinition]) -> io::Result<()> {
    let (path, new) = (dir.join(FILE), dir.join("markets.json.tmp"));
    let mut file = File::create(&new)?;
    file.write_all(&serde_json::to_vec_pretty(definitions)?)?;
    file.sync_all()?;
    fs::rename(&new, &path)?;
    File::open(dir)?.sync_all()
}
