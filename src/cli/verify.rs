//! `blackstart verify`: both fidelities on one scenario, and how far they are apart.

use super::bug::{self, Replay};
use super::input::{ScenarioArguments, scale};
use super::{ExitCode, output};
use crate::measure::agreement::{Agreement, Quoted};
use crate::report;
use crate::scenario::capacity::capacity;
use crate::scenario::{self, Options, Scenario};
use crate::simulation::RunError;
use crate::study::agreement::{AGREEMENT_FORMAT, Verified, model_digest, verify as run_both};
use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

const AFTER: &str = "\
Examples:
  blackstart verify scenarios/first-steps.yaml
  blackstart verify outage.yaml --seeds 20 --budget 500
  blackstart verify outage.yaml --sizes 1/1000,1/200 --out agreement.json

Later runs of the scenario in counts quote what is measured here, from the file beside it.
Ends with 0 when no figure is off by more than its bound and a standard error, with 10 when one
is, with 12 when a run that is repeated differs.";

/// Fewest and most trials of each fidelity and size, unless told otherwise [count].
const SEEDS: (u32, u32) = (4, 100);
/// Sizes that are tried for a smaller one, as multiples of the larger one's denominator.
const SMALLER: [f64; 4] = [4.0, 3.0, 2.0, 1.5];

/// Run a scenario in counts and request by request, scaled down to what the latter can do, and
/// compare
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct Arguments {
    /// The scenario file
    file: PathBuf,
    /// Apply this variant of the file
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Root seed of all randomness
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Trials of each fidelity at each size [default: 4 to 100, as the budget allows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    seeds: Option<u32>,
    /// Operations that may be simulated one by one in all, in millions: about 1 s each
    #[arg(long, value_name = "MILLIONS", default_value_t = 200,
          value_parser = clap::value_parser!(u64).range(1..))]
    budget: u64,
    /// Sizes to run, instead of those the budget allows
    #[arg(long, value_name = "1/N,…", value_delimiter = ',', value_parser = scale)]
    sizes: Vec<u64>,
    /// File of what is measured [default: <scenario>[-<variant>].agreement.json, beside it]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs both fidelities, says and writes how far they are apart.
pub fn verify(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let sizes = match sizes(arguments) {
        Ok(sizes) => sizes,
        Err(code) => return Ok(code),
    };
    let (first, seeds) = (&sizes[0], seeds(arguments, &sizes));
    bug::remember(Replay {
        seed: first.seed,
        scenario_digest: first.digest(),
        command: replay(arguments).command("run"),
    });
    let bar = bar(first, 2 * (sizes.len() as u64 * u64::from(seeds) + 1));
    let done = run_both(&sizes, seeds, &|| bar.inc(1));
    bar.finish_and_clear();
    let Verified { agreement, differing } = match done {
        Ok(verified) => verified,
        Err(RunError::Unfit(unfit)) => {
            output::warn(&format!("error: {unfit}\n"));
            return Ok(ExitCode::ScenarioInvalid);
        }
        Err(error) => {
            output::warn(&bug::report(&error.to_string()));
            return Ok(ExitCode::Bug);
        }
    };
    let out = arguments
        .out
        .clone()
        .unwrap_or_else(|| beside(&arguments.file, arguments.variant.as_deref()));
    write(&agreement, &out)?;
    let summary = report::agreement::summary(&agreement, output::width());
    output::print(&format!("{summary}written: {}\n", out.display()))?;
    for (fidelity, scale, [one, other]) in &differing {
        let name = format!("{fidelity:?}").to_lowercase();
        output::warn(&format!(
            "error: `{name}` at 1/{scale} gave another digest when repeated: {one}, then {other}\n"
        ));
    }
    Ok(match agreement.passes() {
        _ if !differing.is_empty() => ExitCode::NotReproducible,
        true => ExitCode::Success,
        false => ExitCode::TargetMissed,
    })
}

/// What replays the first of the runs.
fn replay(arguments: &Arguments) -> ScenarioArguments {
    ScenarioArguments {
        file: arguments.file.clone(),
        variant: arguments.variant.clone(),
        set: Vec::new(),
        seed: arguments.seed,
        seeds: None,
        scale: arguments.sizes.iter().max().copied(),
        fidelity: None,
    }
}

fn options(arguments: &Arguments, scale: Option<u64>) -> Options {
    Options {
        variant: arguments.variant.clone(),
        seed: arguments.seed,
        scale,
        ..Options::default()
    }
}

/// The scenario at the sizes asked for, or at those that the budget allows; smallest first.
fn sizes(arguments: &Arguments) -> Result<Vec<Scenario>, ExitCode> {
    let at = |scale: u64| super::input::load(&arguments.file, &options(arguments, Some(scale)));
    if !arguments.sizes.is_empty() {
        let mut scales = arguments.sizes.clone();
        scales.sort_unstable_by(|a, b| b.cmp(a));
        scales.dedup();
        return scales.into_iter().map(at).collect();
    }
    let own = super::input::load(&arguments.file, &options(arguments, None))?;
    let full = capacity(&own).cost.operations * own.scale as f64;
    // The smaller size costs at most two thirds of the larger, and the smaller is repeated once.
    let runs = f64::from(arguments.seeds.unwrap_or(SEEDS.0)) * 5.0 / 3.0 + 1.0;
    let largest = round_up(full * runs / (arguments.budget as f64 * 1e6));
    let smaller = SMALLER
        .map(|factor| (largest as f64 * factor).ceil() as u64)
        .into_iter()
        .find_map(|scale| scenario::load(&arguments.file, &options(arguments, Some(scale))).ok());
    let largest = at(largest)?;
    if let Some(smaller) = smaller {
        return Ok(vec![smaller.scenario, largest]);
    }
    // It can be no smaller. One of twice the size costs twice as much.
    let fewest = capacity(&largest).cost.operations * (f64::from(SEEDS.0) * 3.0 + 1.0);
    let affordable = largest.scale > 1 && fewest <= arguments.budget as f64 * 1e6;
    let larger = affordable.then(|| at(largest.scale / 2)).transpose()?;
    Ok(std::iter::once(largest).chain(larger).collect())
}

/// Trials of each fidelity and size: as asked for, or what the budget allows.
fn seeds(arguments: &Arguments, sizes: &[Scenario]) -> u32 {
    let operations = |size: &Scenario| capacity(size).cost.operations;
    let one_each: f64 = sizes.iter().map(operations).sum();
    let room = arguments.budget as f64 * 1e6 - operations(&sizes[0]);
    arguments.seeds.unwrap_or(((room / one_each) as u32).clamp(SEEDS.0, SEEDS.1))
}

/// The next of 1, 2, 5, 10, 20 … that is no smaller.
fn round_up(denominator: f64) -> u64 {
    let mut decade: u64 = 1;
    loop {
        for step in [1, 2, 5] {
            if (step * decade) as f64 >= denominator {
                return step * decade;
            }
        }
        decade *= 10;
    }
}

fn bar(scenario: &Scenario, length: u64) -> ProgressBar {
    let shown = std::io::stderr().is_terminal();
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    let template = "{msg} {bar:40} {pos} of {len} runs  {elapsed} gone, {eta} left";
    bar.set_style(ProgressStyle::with_template(template).expect("a fixed, tested template"));
    bar.set_message(format!("verifying {}", scenario.name));
    bar
}

/// Where what is measured of a scenario lies.
fn beside(file: &Path, variant: Option<&str>) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let variant = variant.map(|variant| format!("-{variant}")).unwrap_or_default();
    file.with_file_name(format!("{stem}{variant}.agreement.json"))
}

/// Whole or not at all.
fn write(agreement: &Agreement, out: &Path) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(agreement)? + "\n";
    let mut staged = out.as_os_str().to_owned();
    staged.push(format!(".writing-{}", std::process::id()));
    let staged = PathBuf::from(staged);
    std::fs::write(&staged, text).with_context(|| staged.display().to_string())?;
    std::fs::rename(&staged, out).with_context(|| out.display().to_string())
}

/// What was measured of this scenario before, if anything: of its variant, else of the file.
pub(super) fn quoted(arguments: &ScenarioArguments) -> anyhow::Result<Option<Quoted>> {
    let variant = arguments.variant.as_deref();
    let places = [beside(&arguments.file, variant), beside(&arguments.file, None)];
    let Some(place) = places.into_iter().find(|place| place.exists()) else { return Ok(None) };
    let text = std::fs::read_to_string(&place).with_context(|| place.display().to_string())?;
    let way_out = || format!("{}: run `blackstart verify` again, or remove it", place.display());
    let agreement: Agreement = serde_json::from_str(&text).with_context(way_out)?;
    if agreement.format != AGREEMENT_FORMAT || agreement.sizes.is_empty() {
        anyhow::bail!("{}: not of the format {AGREEMENT_FORMAT}", way_out());
    }
    let scale = Some(agreement.judged().scale);
    let options = Options { scale, ..arguments.options() };
    let same_model = scenario::load(&arguments.file, &options)
        .is_ok_and(|loaded| model_digest(&loaded.scenario) == agreement.model);
    Ok(Some(Quoted { agreement, same_model }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_round() {
        let rounded = [0.2, 1.0, 1.2, 4.0, 5.1, 394.0, 501.0].map(round_up);
        assert_eq!(rounded, [1, 1, 2, 5, 10, 500, 1000]);
    }

    #[test]
    fn what_is_measured_lies_beside_the_scenario() {
        let path = |variant| beside(Path::new("a/outage.yaml"), variant);
        assert_eq!(path(None), PathBuf::from("a/outage.agreement.json"));
        assert_eq!(path(Some("calm")), PathBuf::from("a/outage-calm.agreement.json"));
    }
}
