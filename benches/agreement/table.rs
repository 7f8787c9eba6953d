//! The study as Markdown.

use super::judge::Judgement;
use super::{AGAIN, Case, Kind, SEED};
use blackstart::measure::agreement::{Comparison, Finding, Quantity, moments};
use blackstart::measure::outcome::{OperationSeries, Outcome, StationSeries};

/// Every figure of one scenario.
pub fn print_all(case: &Case) {
    println!("scenario {}, {:?}, {} seeds, {}", case.number, case.kind, case.seeds, case.digest);
    for row in &case.agreement.comparisons {
        println!("{:<24} {}", row.name, described(row));
    }
}

fn described(row: &Comparison) -> String {
    let worst = row.worst.as_deref().unwrap_or("");
    format!(
        "exact {:.5} sd {:.5}, flow {:.5} sd {:.5}, off {:+.5} se {:.5}, bound {:.5}: {:?} {worst}",
        row.exact,
        row.exact_sd,
        row.flow,
        row.flow_sd,
        row.off(),
        row.se,
        row.bound,
        row.finding
    )
}

/// The whole study.
pub fn print(cases: &[Case], judgement: &Judgement, digest: &str) {
    println!("# Agreement of both fidelities on {} random scenarios\n", cases.len());
    println!("Made by `cargo bench --bench agreement`; what is asked and how is in");
    println!("`benches/agreement.rs`, what is made of it in `benches/agreement/judge.rs`.");
    let seeds = cases.iter().map(|case| case.seeds).min().unwrap_or(0);
    println!("Scenarios are drawn from seed {SEED}, {seeds} seeds each; those with a figure");
    println!("missed, or with outcomes of two kinds, ran {AGAIN} others, and only these count.");
    println!("Digest of all runs: {digest}.\n");
    let of = |kind: Kind| cases.iter().filter(|case| case.kind == kind).count();
    let mixed =
        |case: &&Case| case.agreement.comparisons.iter().any(|row| row.finding == Finding::Bimodal);
    println!("| what happens, by `exact` | scenarios |\n|---|---|");
    println!("| never under 95 % for a minute | {} |", of(Kind::Unharmed));
    println!("| an outage, and recovery | {} |", of(Kind::Recovered));
    println!("| no recovery, 5 to 95 % served at the end | {} |", of(Kind::PartialCollapse));
    println!("| no recovery, under 5 % served | {} |", of(Kind::Collapse));
    println!("| of all, outcomes of two kinds | {} |", cases.iter().filter(mixed).count());
    println!("| of all, looked at again | {} |\n", cases.iter().filter(|c| c.looked_again).count());
    println!("Off: flow less exact in parts of the bound, over all scenarios, weighted, with its");
    println!("standard error. By luck: comparisons of equal means that would be called missed.\n");
    println!("| figure | compared | agree | undecided | missed | by luck | off, in bounds |");
    println!("|---|---|---|---|---|---|---|");
    for (name, figure) in &judgement.figures {
        let bias = match figure.bias.0.is_finite() {
            true => format!("{:+.2} ± {:.2}", figure.bias.0, figure.bias.1),
            false => "—".to_owned(),
        };
        println!(
            "| {name} | {} | {} | {} | {} | {:.1} | {bias} |",
            figure.compared, figure.agreed, figure.undecided, figure.missed, figure.missed_by_luck
        );
    }
    println!("\n{} comparisons by their means. Missed:\n", judgement.comparisons);
    println!("| scenario | kind | figure | within | exact | flow | off | standard error |");
    println!("|---|---|---|---|---|---|---|---|");
    for case in cases {
        let missed = case.agreement.comparisons.iter().filter(|r| r.finding == Finding::Missed);
        for row in missed {
            let of_latency =
                if row.quantity == Quantity::Latency { row.worst.as_deref() } else { None };
            println!(
                "| {} | {:?} | {} {} | {:.4} | {:.4} | {:.4} | {:+.4} | {:.4} |",
                case.number,
                case.kind,
                row.name,
                of_latency.unwrap_or(""),
                row.bound,
                row.exact,
                row.flow,
                row.off(),
                row.se
            );
        }
    }
}

/// Means over the trials, window by window and side by side: what `exact` and `flow` have sent,
/// answered, served well and suppressed of each operation, and what their stations do.
pub fn print_series((exact, flow): &(Vec<Outcome>, Vec<Outcome>)) {
    type Column = (String, fn(&Outcome, usize) -> &[f64]);
    fn of_operation(outcome: &Outcome, index: usize) -> &OperationSeries {
        &outcome.series.operations[index]
    }
    fn of_station(outcome: &Outcome, index: usize) -> &StationSeries {
        &outcome.series.stations[index]
    }
    let first = &exact[0].series;
    let operations = first.operations.iter().enumerate().flat_map(|(index, operation)| {
        let name = |what: &str| format!("{} {what}", operation.operation);
        let columns: [Column; 5] = [
            (name("demand"), |o, i| &of_operation(o, i).demand_per_s),
            (name("attempts"), |o, i| &of_operation(o, i).attempts_per_s),
            (name("answered"), |o, i| &of_operation(o, i).answered_per_s),
            (name("good"), |o, i| &of_operation(o, i).good_per_s),
            (name("suppressed"), |o, i| &of_operation(o, i).suppressed_per_s),
        ];
        columns.map(|column| (index, column))
    });
    let stations = first.stations.iter().enumerate().flat_map(|(index, station)| {
        let name = |what: &str| format!("{} {} {what}", station.service, station.site);
        let columns: [Column; 4] = [
            (name("queue"), |o, i| &of_station(o, i).queue),
            (name("refused"), |o, i| &of_station(o, i).refused_per_s),
            (name("useful"), |o, i| &of_station(o, i).useful_per_s),
            (name("stale"), |o, i| &of_station(o, i).stale_per_s),
        ];
        columns.map(|column| (index, column))
    });
    let links = first.links.iter().enumerate().flat_map(|(index, link)| {
        let name = |what: &str| format!("link {} {what}", link.name);
        let columns: [Column; 2] = [
            (name("utilisation"), |o, i| &o.series.links[i].utilisation),
            (name("loss"), |o, i| &o.series.links[i].loss),
        ];
        columns.map(|column| (index, column))
    });
    for (index, (name, values)) in operations.chain(stations).chain(links) {
        println!("\n{name}: window [s], exact, flow; mean and standard deviation");
        let seen = |of: &[Outcome], window: usize| {
            let of: Vec<f64> = of.iter().map(|outcome| values(outcome, index)[window]).collect();
            let (mean, sd) = moments(&of);
            format!("{mean:10.3} {sd:9.3}")
        };
        for window in 0..first.windows {
            let at_s = window as f64 * first.window_s;
            println!("{at_s:7} {} {}", seen(exact, window), seen(flow, window));
        }
    }
}
