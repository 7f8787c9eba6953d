//! `index.html`: one file that opens anywhere without a network, from one template.
//!
//! Everything a scenario says is escaped by the template engine; only the plots, made here, are
//! put in as they are.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use crate::measure::outcome::{Incident, LatencyRow, Outcome, Results};

use super::agreement;
use super::plot::theme::{INKS, colours, hex};
use super::plot::{Plot, Shown};
use super::{terminal, words};

/// The template.
const TEMPLATE: &str = include_str!("page/index.html");

/// The page.
///
/// # Errors
/// What the template engine says: a fault of this program.
pub(super) fn html(
    results: &Results,
    shown: Option<&Shown<'_>>,
    plots: &[(Plot, String)],
) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.add_filter("integer", |value: u64| words::integer(value));
    environment.add_template("index.html", TEMPLATE)?;
    let template = environment.get_template("index.html")?;
    let sections: Vec<Value> = plots
        .iter()
        .map(|(plot, svg)| {
            context! {
                name => plot.name,
                title => plot.title,
                caption => plot.caption.as_str(),
                svg => Value::from_safe_string(svg.clone()),
            }
        })
        .collect();
    let scenario = &results.scenario;
    template.render(context! {
        scenario => Value::from(Serde(scenario)),
        version => results.version.as_str(),
        digest => results.digest.as_str(),
        verdict => Value::from(Serde(&results.verdict)),
        headline => headline(results),
        mailboxes => words::count(scenario.mailboxes),
        duration => words::duration(scenario.duration_s),
        command => command(results),
        dark => Value::from_safe_string(dark_inks()),
        plots => sections,
        story => story(results, shown),
        clock => shown.map(|shown| clock_rows(&shown.trial.incident, shown)).unwrap_or_default(),
        figures => shown.map(|shown| figures(shown.trial)).unwrap_or_default(),
        latency => shown.map(|shown| latency_rows(shown.trial)).unwrap_or_default(),
        routes => shown.map(route_rows).unwrap_or_default(),
        routes_left_out => shown.map(route_rows_left_out).unwrap_or_default(),
        timeline => shown.map(timeline_rows).unwrap_or_default(),
        ledgers => shown.map(|shown| Value::from(Serde(&shown.trial.ledgers))),
        cost => shown.map(|shown| Value::from(Serde(&shown.trial.cost))),
        trials => trial_rows(results, shown),
    })
}

/// What happened, and how far it can be trusted.
fn story(results: &Results, shown: Option<&Shown<'_>>) -> Vec<String> {
    let happened = shown.map(terminal::story).unwrap_or_default();
    happened.into_iter().chain(agreement::sentence(results)).collect()
}

/// The verdict in a line.
fn headline(results: &Results) -> String {
    let targets = &results.verdict.targets;
    let missed = targets.iter().filter(|target| !target.met).count();
    match (targets.len(), results.verdict.passed) {
        (0, _) => "No targets were set.".to_string(),
        (1, true) => "The target was met.".to_string(),
        (count, true) => format!("All {count} targets were met."),
        (count, false) => format!("{missed} of {count} targets missed."),
    }
}

/// The command that gives the same run again.
fn command(results: &Results) -> String {
    let scenario = &results.scenario;
    let mut command = format!("blackstart run {}.yaml", scenario.name);
    if let Some(variant) = &scenario.variant {
        command.push_str(&format!(" --variant {variant}"));
    }
    if scenario.scale > 1 {
        command.push_str(&format!(" --scale 1/{}", scenario.scale));
    }
    command.push_str(&format!(" --fidelity {} --seed {}", scenario.fidelity, scenario.seed));
    if results.trials.len() > 1 {
        command.push_str(&format!(" --seeds {}", results.trials.len()));
    }
    command
}

/// Rules that turn the inks of light paper into those of dark paper, for plots inside the page.
fn dark_inks() -> String {
    let mut rules = String::new();
    for ink in INKS {
        let (light, dark) = colours(ink);
        let (light, dark) = (hex(light), hex(dark));
        rules.push_str(&format!(
            "figure svg [fill=\"{light}\"]{{fill:{dark}}}figure svg \
            [stroke=\"{light}\"]{{stroke:{dark}}}\n"
        ));
    }
    rules
}

/// The incident's clock: name, clock time, offset, and since the impact began.
fn clock_rows(incident: &Incident, shown: &Shown<'_>) -> Vec<[String; 4]> {
    let rows = [
        ("Fault began", incident.fault_s),
        ("Impact began", incident.impact_s),
        ("Fault ended", incident.fault_end_s),
        ("Detected", incident.detected_s),
        ("Published to customers", incident.published_s),
        ("Decided", incident.decided_s),
        ("Acted", incident.acted_s),
        ("Mitigated, half-way back", incident.mitigated_s),
        ("Recovered for a while", incident.first_recovered_s),
        ("Recovered", incident.recovered_s),
        ("Sessions back", incident.sessions_back_s),
        ("Queues drained", incident.drained_s),
        ("Failed back", incident.failed_back_s),
    ];
    let seen = rows.into_iter().filter_map(|(name, at_s)| Some((name, at_s?)));
    seen.map(|(name, at_s)| {
        let since = match incident.impact_s {
            Some(impact_s) if at_s >= impact_s => words::duration(at_s - impact_s),
            Some(impact_s) => format!("−{}", words::duration(impact_s - at_s)),
            None => String::new(),
        };
        [name.to_string(), shown.clock.full(at_s), words::offset(at_s), since]
    })
    .collect()
}

/// The impact in figures: what, how much.
fn figures(trial: &Outcome) -> Vec<[String; 2]> {
    let impact = &trial.impact;
    let incident = &trial.incident;
    let mut figures = vec![
        ("Mailbox-minutes lost", words::count(impact.mailbox_minutes_lost)),
        (
            "Mailboxes affected",
            format!(
                "{} of {}",
                words::count(impact.mailboxes_affected),
                words::count(impact.mailboxes)
            ),
        ),
        ("Mean felt downtime of these", words::duration(impact.felt_downtime_mean_s)),
        ("Still without service at the end", words::count(impact.felt_downtime_censored)),
        ("Sessions lost", words::count(impact.sessions_lost)),
        ("Demands suppressed while signed out", words::count(impact.suppressed)),
        ("… of these done after sign-in", words::count(impact.deferred)),
        ("Highest retry amplification of a minute", format!("{:.2}", impact.amplification_peak)),
        ("Writes lost with lagging copies", words::count(impact.writes_lost)),
        ("Metastable", if incident.metastable { "yes" } else { "no" }.to_string()),
        ("Censored (recovery not seen)", if incident.censored { "yes" } else { "no" }.to_string()),
    ];
    if let Some(tracers) = &impact.tracers {
        let within = format!(
            "of {} mailboxes followed, 95 %: affected ± {}, mean ± {}",
            words::count(tracers.count as f64),
            words::count(tracers.affected_within),
            words::duration(tracers.mean_within_s)
        );
        figures.insert(3, ("Felt downtime is a sample", within));
    }
    if let Some(lowest) = incident.lowest_availability {
        figures.insert(0, ("Lowest availability of a minute", words::share(lowest)));
    }
    figures.into_iter().map(|(name, value)| [name.to_string(), value]).collect()
}

/// Quantiles of every row: where, what, phase, count, then each quantile.
fn latency_rows(trial: &Outcome) -> Vec<Vec<String>> {
    let quantile = |row: &LatencyRow, q: f64| {
        let found = row.quantiles.iter().find(|(at, _)| (at - q).abs() < 1e-9);
        found.map_or_else(String::new, |(_, latency_s)| words::latency(*latency_s))
    };
    let answered = trial.latency.iter().filter(|row| row.count > 0);
    answered
        .map(|row| {
            let mut cells = vec![
                format!("{} · {}", row.client, row.operation),
                row.region.clone().unwrap_or_else(|| "—".to_string()),
                row.phase.clone(),
                words::integer(row.count),
            ];
            cells.extend([0.5, 0.9, 0.99, 0.999, 1.0].map(|q| quantile(row, q)));
            cells
        })
        .collect()
}

/// Moments in order: clock, offset, kind, name, text.
fn timeline_rows(shown: &Shown<'_>) -> Vec<[String; 5]> {
    let moments = shown.trial.timeline.iter();
    moments
        .map(|moment| {
            [
                shown.clock.full(moment.at_s),
                words::offset(moment.at_s),
                moment.kind.replace('_', " "),
                moment.name.clone(),
                moment.text.clone(),
            ]
        })
        .collect()
}

/// Rows of what touched the network that are shown.
const ROUTE_ROWS_MAX: usize = 40;

/// Those that are not shown.
fn route_rows_left_out(shown: &Shown<'_>) -> u64 {
    let network = &shown.trial.network;
    network.events.len().saturating_sub(ROUTE_ROWS_MAX) as u64 + network.events_left_out
}

/// What touched the network: when, what, and how long until the routers agreed again.
fn route_rows(shown: &Shown<'_>) -> Vec<[String; 7]> {
    let events = shown.trial.network.events.iter().take(ROUTE_ROWS_MAX);
    events
        .map(|event| {
            let after = |since_s: Option<f64>| since_s.map_or("–".to_string(), words::duration);
            let converged = match (event.converged_s, event.rested) {
                (None, _) => "no path moved".to_string(),
                (Some(since_s), true) => words::duration(since_s),
                (Some(since_s), false) => {
                    format!("not at rest, {} so far", words::duration(since_s))
                }
            };
            [
                shown.clock.full(event.at_s),
                words::offset(event.at_s),
                event.name.clone().unwrap_or_default(),
                event.what.clone(),
                after(event.noticed_s),
                converged,
                format!("{:.1} %", event.astray * 100.0),
            ]
        })
        .collect()
}

/// One row a trial: seed, recovery, mailbox-minutes, peak amplification, digest, whether shown.
fn trial_rows(results: &Results, shown: Option<&Shown<'_>>) -> Vec<Value> {
    let rows = results.trials.iter().map(|trial| {
        let incident = &trial.incident;
        let recovery = match (incident.impact_s, incident.recovered_s) {
            (None, _) => "no impact".to_string(),
            (Some(impact_s), Some(at_s)) => words::duration(at_s - impact_s),
            (Some(_), None) => "not seen".to_string(),
        };
        context! {
            seed => trial.seed.to_string(),
            recovery => recovery,
            lost => words::count(trial.impact.mailbox_minutes_lost),
            amplification => format!("{:.2}", trial.impact.amplification_peak),
            digest => trial.digest.as_str(),
            shown => shown.is_some_and(|shown| shown.trial.seed == trial.seed),
        }
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{STORIES, results};
    use crate::report::plot;

    fn page(results: &Results) -> String {
        let shown = Shown::of(results).expect("a trial");
        let plots = plot::all(&shown).into_iter().map(|plot| {
            let svg = plot.svg().expect("drawn");
            (plot, svg)
        });
        html(results, Some(&shown), &plots.collect::<Vec<_>>()).expect("rendered")
    }

    #[test]
    fn what_a_scenario_says_is_escaped_everywhere() {
        let mut results = results(STORIES[1]);
        let evil = "<script>alert('x')</script>\"&";
        results.scenario.title = evil.to_string();
        results.scenario.description = evil.to_string();
        results.scenario.sources = vec![evil.to_string()];
        results.scenario.variant = Some(evil.to_string());
        results.verdict.targets[0].achieved = evil.to_string();
        results.trials[0].timeline[2].text = evil.to_string();
        results.trials[0].timeline[6].name = evil.to_string();
        results.trials[0].series.stations[0].service = evil.to_string();
        results.trials[0].series.regions[0].region = evil.to_string();
        let page = page(&results);
        assert!(!page.contains("<script"), "a script got in");
        assert!(page.matches("&lt;script&gt;").count() >= 8);
    }

    #[test]
    fn the_page_needs_no_network_and_says_the_verdict_first() {
        let page = page(&results(STORIES[4]));
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text:?}"));
        assert!(place("1 of 3 targets missed") < place("id=\"recovery\""));
        assert!(place("id=\"recovery\"") < place("id=\"latency\""));
        assert!(place("not seen") > 0);
        for loaded in ["src=", "<link", "@import", "url(", "<script"] {
            assert!(!page.contains(loaded), "{loaded}");
        }
        // The template engine escapes slashes too.
        let page = page.replace("&#x2f;", "/");
        assert!(page.contains("--scale 1/1000 --fidelity exact --seed 20140623"));
    }
}
