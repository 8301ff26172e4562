//! `cargo xtask image`: the images of the programs, built and pushed by the engine that is at hand.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// The targets of docker/Dockerfile, each a program.
const PROGRAMS: [&str; 3] = ["gateway", "matcher", "wallet-service"];
/// The bases of docker/Dockerfile, as its build arguments.
const BUILD_BASE: &str = "BUILD_BASE";
const RUN_BASE: &str = "RUN_BASE";
/// What the programs tell as their commit (crates/http, `build_info`), a build argument too.
const COMMIT: &str = "BUILD_COMMIT";

/// What `cargo xtask image` can be told.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    what: What,
    /// The images are REPOSITORY/gateway, REPOSITORY/matcher and REPOSITORY/wallet-service
    #[arg(long, global = true, default_value = "trade-engine")]
    repository: String,
    #[arg(long, global = true, default_value = "dev")]
    tag: String,
    /// Docker with buildx, or buildah, which needs no daemon [default: docker where its daemon answers]
    #[arg(long, global = true)]
    engine: Option<Engine>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Builds all three, out of one build of the workspace
    Build {
        /// Where the workspace is built, instead of the base that docker/Dockerfile names; by its digest: NAME@sha256:...
        #[arg(long)]
        build_base: Option<String>,
        /// What the programs run in
        #[arg(long)]
        run_base: Option<String>,
        /// Further words for the engine, such as `--volume=/etc/ssl/certs:/etc/ssl/certs:ro` for buildah
        #[arg(last = true)]
        words: Vec<String>,
    },
    /// Pushes all three, and prints commit and digests as deploy/roll-out.sh takes them
    Push,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    Docker,
    Buildah,
}

/// Builds or pushes.
pub fn run(options: &Options) -> Result<()> {
    let engine = match options.engine {
        Some(engine) => engine,
        None => at_hand()?,
    };
    match &options.what {
        What::Build {
            build_base,
            run_base,
            words,
        } => {
            let bases = [(BUILD_BASE, build_base), (RUN_BASE, run_base)];
            let commit = commit()?;
            for program in PROGRAMS {
                let mut command = build(engine, program, &options.name(program));
                command.arg(format!("--build-arg={COMMIT}={commit}"));
                for (name, base) in bases {
                    if let Some(base) = base {
                        command.arg(format!("--build-arg={name}={base}"));
                    }
                }
                shell::run(command.args(words).arg("."))?;
            }
            Ok(())
        }
        What::Push => push(engine, options),
    }
}

impl Options {
    fn name(&self, program: &str) -> String {
        format!("{}/{program}:{}", self.repository, self.tag)
    }
}

/// Docker where its daemon answers, else buildah.
fn at_hand() -> Result<Engine> {
    if shell::succeeds(Command::new("docker").arg("info")) {
        return Ok(Engine::Docker);
    }
    if shell::succeeds(Command::new("buildah").arg("--version")) {
        return Ok(Engine::Buildah);
    }
    bail!("neither a daemon of Docker nor buildah is at hand (Debian: apt-get install buildah)")
}

/// The command but for its folder.
fn build(engine: Engine, program: &str, name: &str) -> Command {
    let mut command = match engine {
        Engine::Docker => {
            let mut docker = Command::new("docker");
            docker.args(["buildx", "build", "--load"]);
            docker
        }
        Engine::Buildah => {
            let mut buildah = Command::new("buildah");
            // The health check is part of Docker's format alone. Chroots work also within containers.
            buildah.args(["build", "--layers", "--format=docker", "--isolation=chroot"]);
            buildah
        }
    };
    command.args(["--file=docker/Dockerfile", "--target", program, "--tag", name]);
    command.current_dir(shell::root());
    command
}

/// The commit that is checked out; with `-dirty` behind it where files differ from it.
fn commit() -> Result<String> {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]);
    Ok(shell::output(git.current_dir(shell::root()))?.trim().to_owned())
}

fn push(engine: Engine, options: &Options) -> Result<()> {
    let mut git = Command::new("git");
    git.args(["rev-parse", "HEAD"]).current_dir(shell::root());
    let mut release = shell::output(&mut git)?.trim().to_owned();
    for program in PROGRAMS {
        let name = options.name(program);
        let digest = match engine {
            Engine::Docker => {
                shell::run(Command::new("docker").args(["push", &name]))?;
                let mut inspect = Command::new("docker");
                inspect.args([
                    "image",
                    "inspect",
                    "--format={{join .RepoDigests \"\\n\"}}",
                    &name,
                ]);
                shell::output(&mut inspect)?
            }
            Engine::Buildah => {
                let file = shell::target()?.join(format!("{program}.digest"));
                let mut buildah = Command::new("buildah");
                buildah.arg("push").arg("--digestfile").arg(&file).arg(&name);
                shell::run(&mut buildah)?;
                std::fs::read_to_string(&file).with_context(|| file.display().to_string())?
            }
        };
        let repository = format!("{}/{program}", options.repository);
        let digest = digest_of(&digest, &repository)
            .with_context(|| format!("{name}: the engine names no digest: {digest:?}"))?;
        release.push_str(&format!(" {program}={digest}"));
    }
    println!("{release}");
    Ok(())
}

/// The digest in what an engine says: `sha256:...`, or a line `REPOSITORY@sha256:...`, of which an image may have many.
fn digest_of<'a>(said: &'a str, repository: &str) -> Option<&'a str> {
    said.lines().find_map(|line| match line.trim().split_once('@') {
        Some((name, digest)) => (name == repository).then_some(digest),
        None => Some(line.trim()).filter(|digest| digest.starts_with("sha256:")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_repository() {
        let many = "other.example.com/gateway@sha256:1\nghcr.io/o/r/gateway@sha256:2\n";
        assert_eq!(digest_of(many, "ghcr.io/o/r/gateway"), Some("sha256:2"));
        assert_eq!(digest_of(many, "ghcr.io/o/r/matcher"), None);
        assert_eq!(digest_of("sha256:3\n", "ghcr.io/o/r/gateway"), Some("sha256:3"));
        assert_eq!(digest_of("", "x"), None);
    }

    #[test]
    fn every_program_is_a_target_with_a_health_check_and_bases_are_arguments() {
        let text = std::fs::read_to_string(shell::root().join("docker/Dockerfile")).unwrap();
        for program in PROGRAMS {
            assert!(text.contains(&format!("FROM run AS {program}\n")), "{program}");
            let asks = format!("CMD [\"/usr/local/bin/{program}\", \"healthcheck\"]");
            assert!(text.contains(&asks), "{program}");
        }
        for base in [BUILD_BASE, RUN_BASE] {
            assert!(text.contains(&format!("ARG {base}=")), "{base}");
        }
    }

    #[test]
    fn the_commit_is_an_argument_behind_the_build_and_what_the_programs_read() {
        let read = |path: &str| std::fs::read_to_string(shell::root().join(path)).unwrap();
        let text = read("docker/Dockerfile");
        let stages: Vec<&str> = text.split("\nFROM ").collect();
        let argument = format!("\nARG {COMMIT}\n");
        for stage in &stages {
            assert_eq!(
                stage.contains(&argument),
                stage.contains(" AS build\n"),
                "{stage}"
            );
            // Anywhere before, a new commit would build the programs anew.
            let (built, told) = (stage.find("docker/build.sh"), stage.find(&argument));
            assert!(
                told.is_none() || built.is_some_and(|built| Some(built) < told),
                "{stage}"
            );
        }
        assert!(text.contains(&argument));
        let file = "/etc/trade-engine/commit";
        assert!(text.contains(&format!("COPY --from=build /programs/commit {file}\n")));
        assert!(read("crates/http/src/metrics/mod.rs").contains(&format!("\"{file}\"")));
        assert!(read(".github/workflows/ci.yml").contains(&format!("--build-arg \"{COMMIT}=$GITHUB_SHA\"")));
        let commit = commit().unwrap();
        let hash = commit.strip_suffix("-dirty").unwrap_or(&commit);
        assert!(
            hash.len() == 40 && hash.chars().all(|letter| letter.is_ascii_hexdigit()),
            "{commit}"
        );
    }
}
