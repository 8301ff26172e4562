//! Lists the migrations of PostgreSQL for the program, and compiles again when one changes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=../../migrations/sqlite");
    println!("cargo:rerun-if-changed=../../migrations/postgres");
    let crate_folder = env::var_os("CARGO_MANIFEST_DIR").map_or_else(PathBuf::new, PathBuf::from);
    let out = env::var_os("OUT_DIR").map_or_else(PathBuf::new, PathBuf::from);
    let list = list(&crate_folder.join("../../migrations/postgres"))?;
    fs::write(out.join("postgres_migrations.rs"), list)
}

/// `&[Migration { .. }, ..]`, in the order of their numbers.
fn list(folder: &Path) -> io::Result<String> {
    let folders = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut folders = folders.collect::<io::Result<Vec<PathBuf>>>()?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    let mut text = "&[\n".to_owned();
    for folder in folders {
        let folder = folder.canonicalize()?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let version = name.split('_').next().unwrap_or_default();
        let (up, down) = (folder.join("up.sql"), folder.join("down.sql"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "    Migration {{ version: {version:?}, name: {name:?}, up: include_str!({up:?}), down: include_str!({down:?}) }},"
        );
    }
    text.push_str("]\n");
    Ok(text)
}
