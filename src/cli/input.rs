//! A scenario, and what the command line says about it.

use super::{ExitCode, output};
use crate::scenario::problem::{self, Code, Problems, Severity};
use crate::scenario::{self, Options, Scenario};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Which scenario, and what to change in it.
#[derive(Debug, Args)]
pub struct ScenarioArguments {
    /// The scenario file
    pub file: PathBuf,
    /// Apply this variant of the file
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Set the value at a dotted path, such as `clock.duration=2h`; can be repeated
    #[arg(long, value_name = "PATH=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// Root seed of all randomness
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Number of independent trials
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub seeds: Option<u32>,
    /// Shrink population, instances, links and buckets (never times)
    #[arg(long, value_name = "1/N", value_parser = scale)]
    pub scale: Option<u64>,
    /// How the traffic is solved
    #[arg(long, value_name = "HOW")]
    pub fidelity: Option<Fidelity>,
}

/// The fidelities that can be asked for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Fidelity {
    /// Every request is its own sequence of events
    Exact,
    /// All requests in counts: millions of mailboxes in seconds
    Flow,
    /// `exact` where the expected number of requests is small enough, else `flow`
    Auto,
}

impl ScenarioArguments {
    /// The checked scenario, its warnings told; else everything wrong with it told, and how to end.
    pub fn load(&self) -> Result<Scenario, ExitCode> {
        load(&self.file, &self.options())
    }

    /// What to change in the file.
    pub fn options(&self) -> Options {
        let mut overrides = self.set.clone();
        // The number of trials has a path like every other value; its own option wins.
        overrides.extend(self.seeds.map(|seeds| ("seeds".to_owned(), seeds.to_string())));
        Options {
            overrides,
            variant: self.variant.clone(),
            seed: self.seed,
            scale: self.scale,
            fidelity: self.fidelity.map(Fidelity::model),
        }
    }

    /// The command that does the same again.
    pub fn command(&self, subcommand: &str) -> String {
        let mut words = vec!["blackstart".to_owned(), subcommand.to_owned()];
        words.push(self.file.display().to_string());
        let mut option = |name: &str, value: Option<String>| {
            words.extend(value.into_iter().flat_map(|value| [format!("--{name}"), value]));
        };
        option("variant", self.variant.clone());
        for (path, value) in &self.set {
            option("set", Some(format!("{path}={value}")));
        }
        option("seed", self.seed.map(|seed| seed.to_string()));
        option("seeds", self.seeds.map(|seeds| seeds.to_string()));
        option("scale", self.scale.map(|scale| format!("1/{scale}")));
        option("fidelity", self.fidelity.map(|fidelity| fidelity.name().to_owned()));
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

impl Fidelity {
    fn model(self) -> scenario::Fidelity {
        match self {
            Fidelity::Exact => scenario::Fidelity::Exact,
            Fidelity::Flow => scenario::Fidelity::Flow,
            Fidelity::Auto => scenario::Fidelity::Auto,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Fidelity::Exact => "exact",
            Fidelity::Flow => "flow",
            Fidelity::Auto => "auto",
        }
    }
}

/// Reads and checks a file; tells all problems on stderr.
pub fn load(file: &Path, options: &Options) -> Result<Scenario, ExitCode> {
    let color = output::colored(&std::io::stderr());
    match scenario::load(file, options) {
        Ok(loaded) => {
            output::warn(&problem::render(&loaded.warnings, &loaded.sources, color));
            Ok(loaded.scenario)
        }
        Err(problems) => {
            output::warn(&problems.render(color));
            Err(exit_code(&problems))
        }
    }
}

/// A file that can't be read is not an invalid scenario.
fn exit_code(problems: &Problems) -> ExitCode {
    let errors = || problems.list.iter().filter(|problem| problem.severity == Severity::Error);
    match errors().count() > 0 && errors().all(|problem| problem.code == Code::Unreadable) {
        true => ExitCode::InputOutput,
        false => ExitCode::ScenarioInvalid,
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.is_empty() => Ok((path.to_owned(), value.to_owned())),
        _ => Err("write a dotted path, `=` and a value, such as `clock.duration=2h`".to_owned()),
    }
}

/// The denominator of a scale.
pub fn scale(text: &str) -> Result<u64, String> {
    match text.strip_prefix("1/").and_then(|denominator| denominator.parse().ok()) {
        Some(denominator @ 1..) => Ok(denominator),
        _ => Err("write `1/N` with a whole number N, such as `1/100`".to_owned()),
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%+@".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_replays_names_every_change() {
        let arguments = ScenarioArguments {
            file: "my file.yaml".into(),
            variant: Some("fast".into()),
            set: vec![("runbook.a.delay".into(), "{ constant: 5m }".into())],
            seed: Some(7),
            seeds: None,
            scale: Some(10),
            fidelity: Some(Fidelity::Exact),
        };
        assert_eq!(
            arguments.command("run"),
            "blackstart run 'my file.yaml' --variant fast --set 'runbook.a.delay={ constant: 5m }' \
             --seed 7 --scale 1/10 --fidelity exact"
        );
    }

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("a'b"), r"'a'\''b'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("50%"), "50%");
    }

    #[test]
    fn a_scale_is_one_in_a_whole_number() {
        assert_eq!(scale("1/100"), Ok(100));
        for wrong in ["1/0", "100", "2/3", "1/1.5", "1/"] {
            assert!(scale(wrong).is_err(), "{wrong}");
        }
    }
}
