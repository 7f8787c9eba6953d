//! `blackstart run`: the main job.

use super::bug::{self, Replay};
use super::input::ScenarioArguments;
use super::progress::Progress;
use super::{ExitCode, output, verify};
use crate::measure::outcome::Results;
use crate::report;
use crate::scenario::model::Scenario;
use crate::simulation::fidelity;
use crate::study;
use crate::traffic::Engine;
use clap::Args;
use std::path::PathBuf;

const AFTER: &str = "\
Examples:
  blackstart run scenarios/first-steps.yaml
  blackstart run outage.yaml --variant no-fault --out reports/calm
  blackstart run outage.yaml --seeds 20 --scale 1/100
  blackstart run outage.yaml --set faults.silent-router.for=3m

Ends with 0 when every target is met, with 10 when one is missed.";

/// Run a scenario; write its report and judge its targets
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct Arguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// Folder of the report [default: reports/<scenario>[-<variant>]]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Show neither progress nor summary
    #[arg(long)]
    quiet: bool,
}

/// Runs all trials, writes the report, says how it went.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let scenario = match arguments.scenario.load() {
        Ok(scenario) => scenario,
        Err(code) => return Ok(code),
    };
    let engine = match fidelity::choose(&scenario) {
        Ok(choice) => choice.engine,
        Err(unfit) => {
            output::warn(&format!("error: {unfit}\n"));
            return Ok(ExitCode::ScenarioInvalid);
        }
    };
    let agreement = match engine {
        Engine::Flow => verify::quoted(&arguments.scenario)?,
        Engine::Exact => None,
    };
    bug::remember(Replay {
        seed: scenario.seed,
        scenario_digest: scenario.digest(),
        command: arguments.scenario.command("run"),
    });
    let progress = Progress::new(&scenario, arguments.quiet);
    let trials = study::trials(&scenario, &|trial, now| progress.came_to(trial, now));
    progress.finish();
    let trials = match trials {
        Ok(trials) => trials,
        // A checked scenario can be run; that this one could not is nobody's fault but ours.
        Err(error) => {
            output::warn(&bug::report(&error.to_string()));
            return Ok(ExitCode::Bug);
        }
    };
    let results = Results { agreement, ..study::results(&scenario, trials) };
    let out = arguments.out.clone().unwrap_or_else(|| default_folder(&scenario));
    let written = report::write(&results, &out)?;
    if !arguments.quiet {
        let color = output::colored(&std::io::stdout());
        let summary = report::terminal::summary(&results, output::width(), color);
        let folder = written.folder.display();
        output::print(&format!("{}\nreport: {folder}\n", summary.trim_end()))?;
    }
    match results.verdict.passed {
        true => Ok(ExitCode::Success),
        false => Ok(ExitCode::TargetMissed),
    }
}

fn default_folder(scenario: &Scenario) -> PathBuf {
    let variant = scenario.variant.as_ref().map(|variant| format!("-{variant}"));
    PathBuf::from("reports").join(format!("{}{}", scenario.name, variant.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::capacity::tests::small;

    #[test]
    fn a_variant_has_a_folder_of_its_own() {
        let mut scenario = small();
        assert_eq!(default_folder(&scenario), PathBuf::from("reports/small"));
        scenario.variant = Some("no-fault".into());
        assert_eq!(default_folder(&scenario), PathBuf::from("reports/small-no-fault"));
    }
}
