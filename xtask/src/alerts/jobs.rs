//! The jobs of Prometheus, as deploy/prometheus/prometheus.yml has them, with the addresses of this machine.

use anyhow::{Context, Result, ensure};

use crate::shell;

const BEGINNING: &str = "scrape_configs:\n";
const JOB: &str = "  - job_name: ";
const TARGETS: &str = "      - targets: ";

/// A job, and what of it is another here.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name there.
    pub name: &'static str,
    /// What is scraped, or probed.
    pub targets: Vec<String>,
    /// Words of it that stand for something else here.
    pub instead: Option<(&'static str, String)>,
    /// Settings that it has here alone, in a line.
    pub besides: Option<String>,
}

impl Job {
    /// One with these targets.
    pub fn new(name: &'static str, targets: Vec<String>) -> Self {
        Self {
            name,
            targets,
            instead: None,
            besides: None,
        }
    }
}

/// The settings of these jobs.
///
/// # Errors
/// One of them is not there, or has not one list of targets.
pub fn settings(jobs: &[Job]) -> Result<String> {
    let file = shell::root().join("deploy/prometheus/prometheus.yml");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let (_, below) = text.split_once(BEGINNING).context("no scrape_configs")?;
    let mut settings = BEGINNING.to_owned();
    for job in jobs {
        settings += &of(job, below).with_context(|| format!("the job {}", job.name))?;
    }
    Ok(settings)
}

fn of(job: &Job, below: &str) -> Result<String> {
    let lines = below
        .lines()
        .skip_while(|line| *line != format!("{JOB}{}", job.name));
    let lines = lines
        .enumerate()
        .take_while(|(at, line)| *at == 0 || !line.starts_with(JOB));
    let (mut settings, mut lists, mut replaced) = (String::new(), 0, job.instead.is_none());
    for (_, line) in lines.filter(|(_, line)| !line.trim_start().starts_with('#')) {
        if line.starts_with(TARGETS) {
            lists += 1;
            settings += &format!("{TARGETS}['{}']\n", job.targets.join("', '"));
            continue;
        }
        match &job.instead {
            Some((from, to)) if line.contains(from) => {
                replaced = true;
                settings += &line.replace(from, to);
            }
            _ => settings += line,
        }
        settings.push('\n');
    }
    ensure!(lists == 1, "{lists} lists of targets");
    ensure!(replaced, "nothing stands there of {:?}", job.instead);
    if let Some(besides) = &job.besides {
        settings += &format!("    {besides}\n");
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_that_of_the_file_with_other_addresses() {
        let mut door = Job::new("front-door", vec!["https://127.0.0.1:1/health/ready".to_owned()]);
        door.instead = Some(("blackbox-exporter:9115", "127.0.0.1:2".to_owned()));
        door.besides = Some("scheme: http".to_owned());
        let gateways = Job::new(
            "gateway",
            vec!["127.0.0.1:3".to_owned(), "127.0.0.1:4".to_owned()],
        );
        let settings = settings(&[gateways, door]).unwrap();
        for line in [
            "scrape_configs:",
            "  - job_name: gateway",
            "      - targets: ['127.0.0.1:3', '127.0.0.1:4']",
            "  - job_name: front-door",
            "    metrics_path: /probe",
            "      module: [front_door]",
            "      - targets: ['https://127.0.0.1:1/health/ready']",
            "        replacement: 127.0.0.1:2",
            "    scheme: http",
        ] {
            assert!(settings.lines().any(|there| there == line), "{line}: {settings}");
        }
        assert!(!settings.contains("matcher"), "{settings}");
    }

    #[test]
    fn what_the_file_does_not_have_is_told() {
        let error = settings(&[Job::new("nobody", Vec::new())]).unwrap_err();
        assert!(error.to_string().contains("nobody"), "{error}");
        let mut gateway = Job::new("gateway", Vec::new());
        gateway.instead = Some(("nobody:9115", String::new()));
        assert!(
            settings(&[gateway]).is_err(),
            "what is to be replaced is not there"
        );
    }
}
