//! How far `flow` and `exact` are apart, as a table and as a sentence.

use crate::measure::agreement::{Agreement, Comparison, Finding, Quantity, SizeAgreement};
use crate::measure::outcome::Results;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};

use super::words;

/// Figures that the sentence tells, where they were measured.
const TOLD: [&str; 5] =
    ["lost mailbox-minutes", "recovered", "felt downtime, mean", "p99 before", "p99 during"];

/// A verification: every figure at every size, then what it comes to; ends with a line break.
pub fn summary(agreement: &Agreement, width: usize) -> String {
    let variant = agreement.variant.as_ref().map(|name| format!(" [{name}]")).unwrap_or_default();
    let mut lines = vec![
        format!(
            "{}{variant} · flow against exact · {} seeds each from {}",
            agreement.scenario, agreement.seeds, agreement.seed
        ),
        "off: flow less exact, ± its standard error · exact, flow: mean ± standard deviation"
            .to_owned(),
        String::new(),
    ];
    lines.extend(table(agreement, width).lines().map(|line| line.trim_end().to_owned()));
    lines.push(String::new());
    let rows = agreement.judged().comparisons.iter().filter(|row| row.finding != Finding::Agrees);
    let worst = rows
        .filter_map(|row| Some(format!("{}: {} is furthest off", row.name, row.worst.as_ref()?)));
    lines.extend(worst);
    lines.push(in_all(agreement));
    if agreement.sizes.len() == 1 {
        lines.push("One size only: no trend can be told.".to_owned());
    }
    lines.join("\n") + "\n"
}

fn table(agreement: &Agreement, width: usize) -> Table {
    let judged = agreement.judged();
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width as u16);
    let mut header = vec!["figure".to_owned(), "within".to_owned()];
    let size = |of: &SizeAgreement| format!("1/{}", words::integer(of.scale));
    header.extend(agreement.sizes.iter().map(|of| format!("off at {}", size(of))));
    header.extend(["exact", "flow"].map(|who| format!("{who} at {}", size(judged))));
    header.push(String::new());
    table.set_header(header);
    for row in &judged.comparisons {
        let mut cells = vec![row.name.clone(), within(row)];
        let others = agreement.sizes.iter().map(|of| find(of, &row.name));
        cells.extend(others.map(|found| found.map_or_else(|| "—".to_owned(), off)));
        cells.push(valued(row.quantity, row.exact, row.exact_sd));
        cells.push(valued(row.quantity, row.flow, row.flow_sd));
        cells.push(found(row.finding).to_owned());
        table.add_row(cells);
    }
    let names = table.column_mut(0).expect("a column of names");
    names.set_constraint(ColumnConstraint::ContentWidth);
    table
}

fn find<'a>(size: &'a SizeAgreement, name: &str) -> Option<&'a Comparison> {
    size.comparisons.iter().find(|row| row.name == name)
}

fn name(row: &Comparison) -> String {
    let worst = row.worst.as_ref().map(|worst| format!(" ({worst})"));
    row.name.clone() + &worst.unwrap_or_default()
}

fn found(finding: Finding) -> &'static str {
    match finding {
        Finding::Agrees => "agrees",
        Finding::Bimodal => "bimodal",
        Finding::Undecided => "undecided",
        Finding::Missed => "MISSED",
    }
}

fn value(quantity: Quantity, value: f64) -> String {
    match quantity {
        Quantity::Count => words::count(value),
        Quantity::Ratio => format!("{value:.2}"),
        Quantity::Time => words::duration(value),
        Quantity::Latency => words::latency(value),
        Quantity::Trials => format!("{value:.0}"),
    }
}

fn valued(quantity: Quantity, mean: f64, sd: f64) -> String {
    match quantity {
        Quantity::Trials => value(quantity, mean),
        _ => format!("{} ± {}", value(quantity, mean), value(quantity, sd)),
    }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = if percent.abs() < 9.95 { 1 } else { 0 };
    format!("{percent:.decimals$}").replace('-', "−")
}

fn within(row: &Comparison) -> String {
    match row.quantity {
        Quantity::Time => words::duration(row.bound),
        Quantity::Trials => "chance".to_owned(),
        _ if row.exact == 0.0 => value(row.quantity, row.bound),
        _ => format!("{} %", percent(row.bound / row.exact.abs())),
    }
}

/// The difference as it is judged: times in seconds, all else in parts of `exact`.
fn off(row: &Comparison) -> String {
    let sign = if row.off() < 0.0 { "" } else { "+" };
    match row.quantity {
        Quantity::Trials => format!("{:+.0}", row.off()),
        Quantity::Time => {
            format!("{sign}{} ± {}", words::duration(row.off()), words::duration(row.se))
        }
        _ if row.exact == 0.0 => format!("{sign}{}", value(row.quantity, row.off())),
        _ => {
            let share = |of: f64| percent(of / row.exact.abs());
            format!("{sign}{} ± {} %", share(row.off()), share(row.se))
        }
    }
}

/// `MISSED  2 of 20 figures missed, 3 undecided`.
fn in_all(agreement: &Agreement) -> String {
    let rows = &agreement.judged().comparisons;
    let count = |finding| rows.iter().filter(|row| row.finding == finding).count();
    let (missed, undecided) = (count(Finding::Missed), count(Finding::Undecided));
    let of = rows.len();
    match agreement.finding() {
        Finding::Agrees => format!("AGREES  {of} of {of} figures within their bounds"),
        Finding::Bimodal => format!(
            "AGREES  in how often it collapses; the other {} figures are of two kinds of day",
            count(Finding::Bimodal)
        ),
        Finding::Undecided if agreement.passes() => format!(
            "PASSES  {} of {of} figures agree; {undecided} are undecided, none off by more than its \
             bound and a standard error: more --seeds would tell",
            of - undecided
        ),
        Finding::Undecided => format!(
            "UNDECIDED  {undecided} of {of} figures, one or more off by over a standard error more \
             than its bound: more --seeds would tell"
        ),
        Finding::Missed => {
            format!("MISSED  {missed} of {of} figures outside their bounds, {undecided} undecided")
        }
    }
}

/// What a run in counts can say of its own error; `None` where every request was simulated.
pub(super) fn sentence(results: &Results) -> Option<String> {
    if results.scenario.fidelity != "flow" {
        return None;
    }
    let Some(quoted) = &results.agreement else {
        return Some(
            "In counts, and never measured against `exact` here: `blackstart verify` does."
                .to_owned(),
        );
    };
    let agreement = &quoted.agreement;
    let judged = agreement.judged();
    let told = TOLD.iter().filter_map(|name| find(judged, name));
    let told: Vec<String> = told.map(|row| format!("{} {}", name(row), off(row))).collect();
    let missed = judged.comparisons.iter().filter(|row| row.finding == Finding::Missed).count();
    let form = if quoted.same_model { "" } else { " on another form of this scenario" };
    Some(format!(
        "In counts; against `exact`, measured{form} at 1/{} over {} seeds: {}. {missed} of {} \
         figures outside their bounds.",
        words::integer(judged.scale),
        agreement.seeds,
        told.join("; "),
        judged.comparisons.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, quantity: Quantity, exact: f64, flow: f64, finding: Finding) -> Comparison {
        let (name, worst) = (name.to_owned(), None);
        let (exact_sd, flow_sd, se) = (exact * 0.01, exact * 0.02, exact * 0.005);
        let bound = exact * 0.02;
        Comparison { name, worst, quantity, exact, exact_sd, flow, flow_sd, se, bound, finding }
    }

    fn agreement(finding: Finding) -> Agreement {
        let comparisons = vec![
            row("collapsed", Quantity::Trials, 0.0, 0.0, Finding::Agrees),
            row("lost mailbox-minutes", Quantity::Count, 5.8e9, 5.83e9, Finding::Agrees),
            row("recovered", Quantity::Time, 18_000.0, 17_940.0, Finding::Undecided),
            row("p99 during", Quantity::Latency, 2.5, 7.5, finding),
        ];
        let size = |scale| SizeAgreement {
            scale,
            operations: 1e7 / scale as f64,
            comparisons: comparisons.clone(),
        };
        Agreement {
            format: "blackstart-agreement/1".into(),
            version: "0.1.0".into(),
            scenario: "outage".into(),
            variant: None,
            model: String::new(),
            seed: 7,
            seeds: 4,
            sizes: vec![size(2000), size(500)],
        }
    }

    #[test]
    fn a_verification_in_a_table() {
        insta::assert_snapshot!(summary(&agreement(Finding::Missed), 100));
    }

    #[test]
    fn what_is_worst_is_what_it_comes_to() {
        assert!(in_all(&agreement(Finding::Missed)).starts_with("MISSED  1 of 4"));
        // Off by 60 s of 5 h, of which 2 % and a standard error, 450 s, are allowed; then by 480.
        let mut undecided = agreement(Finding::Agrees);
        assert!(undecided.passes());
        assert!(in_all(&undecided).starts_with("PASSES  3 of 4"));
        undecided.sizes[1].comparisons[2].flow = 18_480.0;
        assert!(!undecided.passes() && !agreement(Finding::Missed).passes());
        assert!(in_all(&undecided).starts_with("UNDECIDED  1 of 4"));
    }

    #[test]
    fn a_run_in_counts_says_how_far_off_it_is() {
        let mut results = super::super::fixture::results(super::super::fixture::STORIES[0]);
        assert_eq!(sentence(&results), None, "every request was simulated");
        results.scenario.fidelity = "flow".into();
        assert!(sentence(&results).unwrap().contains("never measured"));
        let agreement = agreement(Finding::Missed);
        results.agreement =
            Some(crate::measure::agreement::Quoted { agreement, same_model: false });
        let told = sentence(&results).unwrap();
        assert!(told.contains("p99 during +200 ± 0.5 %"), "{told}");
        assert!(told.contains("on another form of this scenario at 1/500"), "{told}");
    }
}
