//! Latency as HdrHistogram interval logs (V2), which HdrHistogram tools of other languages read.
//!
//! Values are microseconds. A log has one interval a trial, tagged with its seed, over the whole
//! run: phases have no other bounds in `results.json`. All regions are added up.

use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::measure::outcome::{LatencyRow, Results};

/// Significant digits of a value: 0.1 %, well under the width of the measuring bins.
const DIGITS: u8 = 3;

/// A log: name of its file, and its bytes.
pub(super) struct LatencyLog {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// A log for each client, operation and phase with answers, in order of their first appearance.
///
/// # Errors
/// What the histogram library says, in words.
pub(super) fn all(results: &Results) -> Result<Vec<LatencyLog>, String> {
    let mut keys: Vec<(&str, &str, &str)> = Vec::new();
    for row in results.trials.iter().flat_map(|trial| &trial.latency) {
        let key = (row.client.as_str(), row.operation.as_str(), row.phase.as_str());
        if row.count > 0 && !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.into_iter().map(|key| log(results, key)).collect()
}

fn log(
    results: &Results,
    (client, operation, phase): (&str, &str, &str),
) -> Result<LatencyLog, String> {
    let mut bytes = Vec::new();
    let mut serializer = V2Serializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&format!(
            "[blackstart {}: latency of {client} {operation}, phase {phase}, all regions, in \
             microseconds]",
            results.version
        ))
        .add_comment(&format!("[start {}; one interval a trial]", results.scenario.start));
    let start = u64::try_from(results.scenario.start_unix_s).unwrap_or(0);
    let length = Duration::try_from_secs_f64(results.scenario.duration_s).unwrap_or_default();
    let mut writer =
        builder.begin_log_with(&mut bytes, &mut serializer).map_err(|error| error.to_string())?;
    for trial in &results.trials {
        let rows = trial
            .latency
            .iter()
            .filter(|row| row.client == client && row.operation == operation && row.phase == phase);
        let histogram = histogram(rows)?;
        if histogram.is_empty() {
            continue;
        }
        let tag = format!("seed-{}", trial.seed);
        writer
            .write_histogram(&histogram, Duration::from_secs(start), length, Tag::new(&tag))
            .map_err(|error| error.to_string())?;
    }
    Ok(LatencyLog { name: format!("latency-{client}-{operation}-{phase}.hlog"), bytes })
}

/// The rows' histograms added up, in microseconds.
fn histogram<'a>(rows: impl Iterator<Item = &'a LatencyRow>) -> Result<Histogram<u64>, String> {
    let mut histogram = Histogram::<u64>::new(DIGITS).map_err(|error| error.to_string())?;
    for (edge_s, count) in rows.flat_map(|row| &row.histogram) {
        // The library counts in whole microseconds, from one on.
        let value_us = (edge_s * 1e6).round().max(1.0) as u64;
        histogram.record_n(value_us, *count).map_err(|error| error.to_string())?;
    }
    Ok(histogram)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{STORIES, results};
    use base64::Engine;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn the_logs_read_back_give_the_percentiles_of_the_results() {
        let mut results = results(STORIES[5]);
        for trial in &mut results.trials {
            // One region, so that the quantiles of a row are those of the log.
            trial.latency.retain(|row| row.region.as_deref() == Some("us-east"));
        }
        let logs = all(&results).expect("logs");
        assert_eq!(logs.len(), 9);
        assert_eq!(logs[1].name, "latency-outlook-sync-during.hlog");
        assert!(logs[1].bytes.starts_with(b"#[Histogram log format version 1.3]\n"));
        let mut trials = results.trials.iter();
        for entry in IntervalLogIterator::new(&logs[1].bytes) {
            let Ok(LogEntry::Interval(interval)) = entry else { panic!("{entry:?}") };
            let trial = trials.next().expect("as many intervals as trials");
            assert_eq!(interval.tag().expect("tag").as_str(), format!("seed-{}", trial.seed));
            assert_eq!(interval.duration().as_secs(), 21_600);
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(interval.encoded_histogram())
                .expect("base64");
            let read: Histogram<u64> =
                Deserializer::new().deserialize(&mut bytes.as_slice()).expect("histogram");
            let row = trial.latency.iter().find(|row| row.phase == "during").expect("row");
            assert_eq!(read.len(), row.count);
            for (q, latency_s) in &row.quantiles {
                let read_s = read.value_at_quantile(*q) as f64 / 1e6;
                assert!((read_s / latency_s - 1.0).abs() < 0.002, "{q}: {read_s} {latency_s}");
            }
        }
        assert!(trials.next().is_none());
    }
}
