//! `timeline.csv` and `windows.csv`: for spreadsheets and notebooks.

use crate::measure::outcome::{Outcome, Results};

use super::words::Clock;

/// `timeline.csv`: every moment of every trial.
///
/// # Errors
/// What the CSV writer says.
pub(super) fn timeline(results: &Results) -> Result<Vec<u8>, csv::Error> {
    let clock = Clock::of(&results.scenario);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["seed", "at_s", "clock", "kind", "name", "text"])?;
    for trial in &results.trials {
        for moment in &trial.timeline {
            writer.write_record([
                trial.seed.to_string(),
                moment.at_s.to_string(),
                clock.full(moment.at_s),
                moment.kind.clone(),
                moment.name.clone(),
                moment.text.clone(),
            ])?;
        }
    }
    finished(writer)
}

/// A column of `windows.csv`: its name, and its cell in a window.
type Column<'a> = (String, Box<dyn Fn(usize) -> Option<f64> + 'a>);

/// `windows.csv`: the main series, a row a trial and window; an empty cell is no data.
///
/// # Errors
/// What the CSV writer says.
pub(super) fn windows(results: &Results) -> Result<Vec<u8>, csv::Error> {
    let clock = Clock::of(&results.scenario);
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (index, trial) in results.trials.iter().enumerate() {
        let columns = columns(trial, &results.scenario.sites);
        if index == 0 {
            let fixed = ["seed", "at_s", "clock"].map(str::to_string);
            writer.write_record(fixed.iter().chain(columns.iter().map(|(name, _)| name)))?;
        }
        for window in 0..trial.series.windows {
            let at_s = window as f64 * trial.series.window_s;
            let mut row = vec![trial.seed.to_string(), at_s.to_string(), clock.full(at_s)];
            let cells = columns.iter().map(|(_, cell)| cell(window));
            row.extend(cells.map(|cell| cell.map(|value| value.to_string()).unwrap_or_default()));
            writer.write_record(row)?;
        }
    }
    finished(writer)
}

fn finished(writer: csv::Writer<Vec<u8>>) -> Result<Vec<u8>, csv::Error> {
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// The columns of a trial, in the order of its scenario: the same for every trial of a run.
fn columns<'a>(trial: &'a Outcome, sites: &'a [String]) -> Vec<Column<'a>> {
    let mut columns: Vec<Column<'a>> = Vec::new();
    fn plain<'a>(columns: &mut Vec<Column<'a>>, name: String, values: &'a [f64]) {
        columns.push((name, Box::new(move |window| values.get(window).copied())));
    }
    fn partial<'a>(columns: &mut Vec<Column<'a>>, name: String, values: &'a [Option<f64>]) {
        columns.push((name, Box::new(move |window| values.get(window).copied().flatten())));
    }
    let series = &trial.series;
    partial(&mut columns, "availability".to_string(), &series.availability);
    partial(&mut columns, "amplification".to_string(), &series.amplification);
    for region in &series.regions {
        partial(&mut columns, format!("availability/{}", region.region), &region.availability);
    }
    for operation in &series.operations {
        for (quantity, values) in [
            ("demand_per_s", &operation.demand_per_s),
            ("good_per_s", &operation.good_per_s),
            ("late_per_s", &operation.late_per_s),
            ("failed_per_s", &operation.failed_per_s),
            ("suppressed_per_s", &operation.suppressed_per_s),
            ("attempts_per_s", &operation.attempts_per_s),
        ] {
            let name = format!("{}/{}/{quantity}", operation.client, operation.operation);
            plain(&mut columns, name, values);
        }
    }
    for station in &series.stations {
        let partition = station.partition.map(|p| format!("/{p}")).unwrap_or_default();
        let name = format!("{}/{}{partition}", station.site, station.service);
        partial(&mut columns, format!("{name}/utilisation"), &station.utilisation);
        plain(&mut columns, format!("{name}/queue"), &station.queue);
        plain(&mut columns, format!("{name}/stale_per_s"), &station.stale_per_s);
        plain(&mut columns, format!("{name}/refused_per_s"), &station.refused_per_s);
    }
    for middlebox in &series.middleboxes {
        let offered = &middlebox.offered_connections_per_s;
        plain(&mut columns, format!("{}/offered_connections_per_s", middlebox.name), offered);
        plain(&mut columns, format!("{}/loss", middlebox.name), &middlebox.loss);
    }
    for client in &series.sessions {
        plain(&mut columns, format!("{}/present", client.client), &client.present);
        for (site, signed_in) in sites.iter().zip(&client.signed_in) {
            plain(&mut columns, format!("{}/signed_in/{site}", client.client), signed_in);
        }
        plain(&mut columns, format!("{}/signing_in", client.client), &client.signing_in);
    }
    for pipeline in &series.pipelines {
        plain(&mut columns, format!("{}/backlog", pipeline.name), &pipeline.backlog);
        partial(&mut columns, format!("{}/oldest_s", pipeline.name), &pipeline.oldest_s);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{STORIES, results};

    #[test]
    fn windows_have_a_row_a_window_and_gaps_are_empty_cells() {
        let results = results(STORIES[3]);
        let bytes = windows(&results).expect("csv");
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let headers = reader.headers().expect("headers").clone();
        let place = headers.iter().position(|name| name == "availability").expect("column");
        assert!(headers.iter().any(|name| name == "chicago/front-door/utilisation"));
        let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("row")).collect();
        assert_eq!(rows.len(), 720);
        assert_eq!(&rows[310][place], "");
        assert_eq!(&rows[310][2], "06:51:40");
        let read: f64 = rows[100][place].parse().expect("number");
        assert_eq!(Some(read), results.trials[0].series.availability[100]);
    }

    #[test]
    fn timeline_quotes_what_people_wrote() {
        let bytes = timeline(&results(STORIES[0])).expect("csv");
        let text = String::from_utf8(bytes).expect("text");
        assert!(text.starts_with("seed,at_s,clock,kind,name,text\n"));
        assert!(text.contains("20140623,2820,06:47:00,fault,route-loss,"));
    }
}
