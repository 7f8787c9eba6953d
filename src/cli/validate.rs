//! `blackstart validate`: everything wrong with scenario files, at once.

use super::{ExitCode, input, output};
use crate::scenario::{Options, Scenario};
use clap::Args;
use std::path::PathBuf;

const AFTER: &str = "\
Examples:
  blackstart validate outage.yaml
  blackstart validate scenarios/*.yaml

Every variant of a file is checked too. Ends with 0 when all are good, with 20 when one is wrong,
with 30 when the only trouble is a file that can't be read.";

/// Check scenario files and their variants, without running them
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct Arguments {
    /// The scenario files
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Checks each file; the exit code is that of the worst.
pub fn validate(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut worst = ExitCode::Success;
    for file in &arguments.files {
        match input::load(file, &Options::default()) {
            Ok(scenario) => output::print(&format!("{}: {}\n", file.display(), good(&scenario)))?,
            Err(code) if worst != ExitCode::ScenarioInvalid => worst = code,
            Err(_) => {}
        }
    }
    Ok(worst)
}

fn good(scenario: &Scenario) -> String {
    let count = |number: usize, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    };
    format!(
        "good ({}, {}, {}, {})",
        count(scenario.faults.len(), "fault", "faults"),
        count(scenario.runbook.len(), "step", "steps"),
        count(scenario.targets.len(), "target", "targets"),
        count(scenario.variants.len(), "variant", "variants"),
    )
}
