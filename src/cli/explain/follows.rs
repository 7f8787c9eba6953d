//! What follows from a scenario, as tables.

use crate::kernel::time::SimTime;
use crate::scenario::capacity::{Capacity, Catchment, ShiftLoad, StationLoad, capacity};
use crate::scenario::model::{Scenario, SiteId};
use crate::simulation::fidelity;
use comfy_table::{CellAlignment, Table, presets};

/// Load before the fault, after each shift, and the size of a run.
pub(super) fn text(scenario: &Scenario) -> String {
    let found = capacity(scenario);
    let mut text = String::from("# What follows from it (mean load, no retries)\n\n");
    text.push_str("Peak before the first fault:\n");
    text.push_str(&stations(scenario, &found.stations));
    if !found.middleboxes.is_empty() || !found.links.is_empty() {
        text.push_str(&format!("\n\n{}", network(scenario, &found)));
    }
    for catchment in &found.catchments {
        text.push_str(&format!("\n\n{}", caught(scenario, catchment)));
    }
    for shift in &found.shifts {
        let title = shift_title(scenario, shift);
        text.push_str(&format!("\n\n{title}:\n{}", stations(scenario, &shift.stations)));
    }
    text.push_str(&format!("\n\n{}", cost(scenario, &found)));
    text
}

fn table<const N: usize>(header: [&str; N], names: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for column in table.column_iter_mut().skip(names) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn stations(scenario: &Scenario, loads: &[StationLoad]) -> String {
    let mut table = table(["service", "site", "requests/s", "utilisation", "at"], 2);
    for load in loads {
        table.add_row([
            scenario.services[load.service.index()].name.clone(),
            scenario.sites[load.site.index()].name.clone(),
            format!("{:.1}", load.peak_requests_per_s),
            percent(load.peak_utilisation),
            since_start(scenario, load.at),
        ]);
    }
    trimmed(&table)
}

fn network(scenario: &Scenario, found: &Capacity) -> String {
    let mut table = table(["network", "limit", "utilisation", "at"], 2);
    for load in &found.middleboxes {
        let middlebox = &scenario.network.middleboxes[load.middlebox.index()];
        let limit = load.limit.replace('_', " ");
        let at = since_start(scenario, load.at);
        table.add_row([middlebox.name.clone(), limit, percent(load.peak_utilisation), at]);
    }
    for load in &found.links {
        let link = &scenario.network.links[load.link.index()];
        let at = since_start(scenario, load.at);
        table.add_row([link.name.clone(), "bandwidth".into(), percent(load.peak_utilisation), at]);
    }
    trimmed(&table)
}

/// Where the routes lead a region's users of an anycast name.
fn caught(scenario: &Scenario, catchment: &Catchment) -> String {
    let share = |(site, share): &(SiteId, f64)| {
        format!("{} {}", scenario.sites[site.index()].name, percent(*share))
    };
    let mut sites: Vec<String> = catchment.sites.iter().map(share).collect();
    let found = catchment.sites.iter().map(|(_, share)| share).sum::<f64>();
    if found < 1.0 - 1e-9 {
        sites.push(format!("no way {}", percent(1.0 - found)));
    }
    let name = &scenario.steering[catchment.name.index()].name;
    let region = &scenario.regions[catchment.region.index()].name;
    format!("Catchment of `{name}` (anycast) in `{region}`: {}", sites.join(", "))
}

fn shift_title(scenario: &Scenario, shift: &ShiftLoad) -> String {
    let Some((steering, answers)) = &shift.answers else {
        return format!("Peak after step `{}`", shift.step);
    };
    let share = |(site, share): &(SiteId, f64)| {
        format!("{} {}", scenario.sites[site.index()].name, percent(*share))
    };
    let answers: Vec<String> = answers.iter().map(share).collect();
    let name = &scenario.steering[steering.index()].name;
    format!("Peak after step `{}` (`{name}`: {})", shift.step, answers.join(", "))
}

fn cost(scenario: &Scenario, found: &Capacity) -> String {
    let fidelity = match fidelity::choose(scenario) {
        Ok(choice) => format!("{} ({})", choice.engine.name(), choice.reason),
        Err(unfit) => unfit.to_string(),
    };
    format!(
        "Size of a run, {} x at 1/{}: {:.2} million operations, {:.2} million requests at \
         stations\nFidelity: {fidelity}\n",
        scenario.seeds,
        scenario.scale,
        found.cost.operations / 1e6,
        found.cost.station_visits / 1e6,
    )
}

fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", share * 100.0) } else { "no slots".to_owned() }
}

fn since_start(scenario: &Scenario, at: SimTime) -> String {
    (at - scenario.start()).to_string()
}

/// Without the blanks that a table leaves at the ends of its lines.
fn trimmed(table: &Table) -> String {
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::capacity::tests::{small, step};
    use crate::scenario::model::{Action, SteeringId};

    #[test]
    fn the_tables_say_what_the_load_is() {
        let mut scenario = small();
        let (from, to) = (SiteId(0), SiteId(1));
        let action = Action::Move { steering: SteeringId(0), from, to, share: 0.25, drain: None };
        scenario.runbook.push(step("part-1", action));
        insta::assert_snapshot!(text(&scenario));
    }
}
