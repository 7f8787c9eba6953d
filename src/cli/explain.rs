//! `blackstart explain`: the whole scenario with its defaults, and what follows from it.

mod filled;
mod follows;

use super::input::ScenarioArguments;
use super::{ExitCode, output};
use clap::Args;

const AFTER: &str = "\
Examples:
  blackstart explain outage.yaml | less
  blackstart explain outage.yaml --variant no-diversion
  blackstart explain outage.yaml --scale 1/100";

/// Show the whole scenario filled in with its defaults, and what follows from it: load and
/// utilisation before the fault, load after each shift, the expected size of a run
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct Arguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
}

/// Prints the scenario, then what follows.
pub fn explain(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let scenario = match arguments.scenario.load() {
        Ok(scenario) => scenario,
        Err(code) => return Ok(code),
    };
    let text = format!("{}\n{}", filled::text(&scenario)?, follows::text(&scenario));
    output::print(&text)?;
    Ok(ExitCode::Success)
}
