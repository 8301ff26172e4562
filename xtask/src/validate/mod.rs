//! `cargo xtask validate`: what is written for other programs (shells, GitHub, Kubernetes, Docker, Prometheus) is right.

mod files;
mod openapi;
mod overlays;
mod settings;
mod table;
mod tools;

use anyhow::{Result, bail};

use crate::shell;
use crate::steps::Steps;
use table::{CHECKS, Check, Runs};
use tools::Tools;

/// The steps that are not rows of the table.
const OVERLAYS: &str = "overlays";
const SETTINGS: &str = "settings of overlays";
const OPENAPI: &str = "OpenAPI";

/// What `cargo xtask validate` can be told.
#[derive(clap::Args)]
pub struct Options {
    /// Some of the checks, such as `shellcheck,overlays`; else all
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// Gets the tools, holds every file against those that know its kind, and names what failed and what could not be done.
pub fn run(options: &Options) -> Result<()> {
    let names: Vec<&str> = CHECKS
        .iter()
        .map(|check| check.name)
        .chain([OVERLAYS, SETTINGS, OPENAPI])
        .collect();
    if let Some(unknown) = options.only.iter().find(|name| !names.contains(&name.as_str())) {
        bail!(
            "--only: there is no check {unknown}; there are {}",
            names.join(", ")
        );
    }
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let mut steps = Steps::default();
    let mut tools = None;
    steps.step("tools", || {
        tools = Some(Tools::get(&shell::target()?.join("validators"))?);
        Ok(())
    });
    let Some(tools) = tools else {
        return steps.finish("validate");
    };
    let files = files::of_repository()?;
    for check in CHECKS.iter().filter(|check| wanted(check.name)) {
        steps.step_if_possible(check.name, || hold(check, &files, &tools));
    }
    if wanted(OVERLAYS) {
        steps.step_if_possible(OVERLAYS, || overlays::validate(&files, &tools));
    }
    if wanted(SETTINGS) {
        steps.step_if_possible(SETTINGS, || settings::check(&files));
    }
    if wanted(OPENAPI) {
        steps.step_if_possible(OPENAPI, || openapi::check(&tools));
    }
    steps.finish("validate")
}

/// The programs that run our own scripts, and what those end with where something that they need is not there.
const SCRIPTS: [&str; 2] = ["bash", "python3"];
const NOT_ALL_CHECKED: i32 = 3;

/// Says what could not be looked at, which with `CI=true` is an error.
fn left_out(why: &str) -> Result<bool> {
    if shell::is_ci() {
        bail!("{why}");
    }
    println!("{why}");
    Ok(false)
}

/// Holds the files of one row against its tool; false where there is no such file, or the tool cannot be had.
fn hold(check: &Check, files: &[String], tools: &Tools) -> Result<bool> {
    let files = files::that_fit(files, check.files);
    if files.is_empty() {
        return left_out(&format!("there is no file {}", check.files.join(", ")));
    }
    // Looked for once, not by the first file that needs it.
    for tool in check.with.iter().chain([&check.tool]) {
        if !tools.have(tool)? {
            return Ok(false);
        }
    }
    let each: Vec<&[&str]> = match check.runs {
        Runs::Once => vec![&files],
        Runs::ForEach => files.chunks(1).collect(),
    };
    let (mut wrong, mut partly) = (0, false);
    for some in &each {
        let mut command = tools.command(check.tool);
        command.args(check.words).args(*some);
        println!("{} {}: {}", check.tool, check.words.join(" "), some.join(" "));
        // All of them are tried, so that one look shows everything.
        let status = command.status()?;
        if SCRIPTS.contains(&check.tool) && status.code() == Some(NOT_ALL_CHECKED) {
            partly = true;
        } else {
            wrong += usize::from(!status.success());
        }
    }
    if wrong > 0 {
        bail!(
            "{} has found faults ({wrong} of {} times that it ran)",
            check.tool,
            each.len()
        );
    }
    if partly {
        return left_out(&format!("{}: not all of it was looked at", check.name));
    }
    Ok(true)
}
