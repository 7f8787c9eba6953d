//! `blackstart routes`: which way the requests go at an instant, or what changed between two.

use super::input::ScenarioArguments;
use super::{ExitCode, output};
use crate::kernel::time::SimTime;
use crate::measure::outcome::{PathRow, RouteRow};
use crate::scenario::Scenario;
use crate::simulation::routes;
use clap::Args;
use std::fmt::Write;

const AFTER: &str = "\
Examples:
  blackstart routes outage.yaml --at 10m
  blackstart routes outage.yaml --at 10:50:30 --from us-east --to chicago
  blackstart routes outage.yaml --diff 9m59s 10m30s

The scenario is run up to that time with all its traffic, since congestion can change routes too.";

/// Show which way requests and answers go at a time: delivered, lost where, or in a loop
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct Arguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// When: an offset from `start`, or a clock time
    #[arg(long, value_name = "TIME", required_unless_present = "diff")]
    at: Option<String>,
    /// What is different at the second time from what was at the first
    #[arg(long, num_args = 2, value_names = ["TIME", "TIME"], conflicts_with = "at")]
    diff: Vec<String>,
    /// Only from this region
    #[arg(long, value_name = "REGION")]
    from: Option<String>,
    /// Only to this site, or anycast name
    #[arg(long, value_name = "SITE")]
    to: Option<String>,
}

/// Runs up to the time, and prints.
pub fn routes(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let scenario = match arguments.scenario.load() {
        Ok(scenario) => scenario,
        Err(code) => return Ok(code),
    };
    let times = match times(arguments, &scenario) {
        Ok(times) => times,
        Err(message) => {
            output::warn(&format!("error: {message}\n"));
            return Ok(ExitCode::Usage);
        }
    };
    let mut found = match routes::at_times(&scenario, scenario.seed, &times) {
        Ok(found) => found,
        Err(error) => {
            output::warn(&format!("error: {error}\n"));
            return Ok(ExitCode::ScenarioInvalid);
        }
    };
    for rows in &mut found {
        rows.retain(|row| {
            arguments.from.as_ref().is_none_or(|from| *from == row.region)
                && arguments.to.as_ref().is_none_or(|to| *to == row.site)
        });
    }
    let text = match &found[..] {
        [before, after] => differences(before, after),
        [rows] => rows.iter().map(|row| described(row, "")).collect(),
        _ => String::new(),
    };
    output::print(&text)?;
    Ok(ExitCode::Success)
}

fn times(arguments: &Arguments, scenario: &Scenario) -> Result<Vec<SimTime>, String> {
    let known = |given: &Option<String>, names: Vec<&str>, what: &str| match given {
        Some(name) if !names.contains(&name.as_str()) => {
            Err(format!("there is no {what} `{name}`; there are: {}", names.join(", ")))
        }
        _ => Ok(()),
    };
    let regions = scenario.regions.iter().map(|region| region.name.as_str()).collect();
    known(&arguments.from, regions, "region")?;
    let names = scenario.steering.iter().filter(|name| name.anycast().is_some());
    let sites = scenario.sites.iter().map(|site| site.name.as_str());
    let ends = sites.chain(names.map(|name| name.name.as_str())).collect();
    known(&arguments.to, ends, "site or anycast name")?;
    let texts = arguments.at.iter().chain(&arguments.diff);
    let mut times = Vec::new();
    for text in texts {
        let at = crate::scenario::time_of(scenario, text)?;
        if at > scenario.end() {
            return Err(format!("`{text}` is after the end of the run"));
        }
        times.push(at);
    }
    match times[..] {
        [first, second] if second < first => Err("the second time is before the first".to_owned()),
        _ => Ok(times),
    }
}

/// A pair of region and site: one line a path.
fn described(row: &RouteRow, mark: &str) -> String {
    let mut text = format!("{mark}{} ({}) to {}", row.region, row.router, row.site);
    let _ = writeln!(text, ": {} carried", percent(row.carried));
    for path in &row.paths {
        let to = path.catchment.iter().map(|site| format!("to {site}: ")).collect::<String>();
        let _ = writeln!(text, "{mark}  {:>6} {to}{}", percent(path.share), ways(path));
    }
    text
}

fn ways(path: &PathRow) -> String {
    let end = |end: &str| match end {
        "delivered" => String::new(),
        other => format!(" [{other}]"),
    };
    let there = path.there.join(" > ");
    if path.back.is_empty() {
        return format!("{there}{}", end(&path.there_ends));
    }
    let mut reversed = path.back.clone();
    reversed.reverse();
    let mut text = format!("{there}{}", end(&path.there_ends));
    if reversed == path.there && path.back_ends == path.there_ends {
        text.push_str(", and back");
    } else {
        let _ = write!(text, "; back {}{}", path.back.join(" > "), end(&path.back_ends));
    }
    let leads = path.there_ends == "delivered" && path.back_ends == "delivered";
    if leads && !path.carries {
        text.push_str(" [black hole: something on it is down]");
    }
    text
}

fn differences(before: &[RouteRow], after: &[RouteRow]) -> String {
    let mut text = String::new();
    for (old, new) in before.iter().zip(after) {
        if old.paths != new.paths {
            text.push_str(&described(old, "- "));
            text.push_str(&described(new, "+ "));
        }
    }
    if text.is_empty() { "no route is different\n".to_owned() } else { text }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
