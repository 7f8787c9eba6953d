//! Figures taken off an outcome, in mean service times.

use blackstart::measure::outcome::{LatencyRow, Outcome, StationSeries};

/// The mean service time of all these models [s]: short against the cells of a second in which
/// demand is drawn, long against the microsecond to which latencies are summed.
pub const UNIT_S: f64 = 0.1;

/// An outcome, looked at.
pub struct Seen<'a>(pub &'a Outcome);

impl Seen<'_> {
    fn latency(&self, operation: &str) -> &LatencyRow {
        let found = |row: &&LatencyRow| row.operation == operation && row.phase == "all";
        self.0.latency.iter().find(found).expect("the operation was answered")
    }

    /// Mean latency of an operation.
    pub fn mean(&self, operation: &str) -> f64 {
        self.latency(operation).mean_s / UNIT_S
    }

    /// Variance of the latency of an operation, from the middles of the bins (a bin's own variance
    /// is under 1/48 000 of its value squared).
    pub fn variance(&self, operation: &str) -> f64 {
        let row = self.latency(operation);
        let (mut first, mut second) = (0.0, 0.0);
        for &(upper, count) in &row.histogram {
            let middle = (upper + lower_edge(upper)) / 2.0;
            first += count as f64 * middle;
            second += count as f64 * middle * middle;
        }
        let n = row.count as f64;
        (second / n - (first / n) * (first / n)) / (UNIT_S * UNIT_S)
    }

    /// Latency at quantile `q`, linear within its bin.
    pub fn quantile(&self, operation: &str, q: f64) -> f64 {
        let row = self.latency(operation);
        let mut left = q * row.count as f64;
        for &(upper, count) in &row.histogram {
            if left <= count as f64 {
                let lower = lower_edge(upper);
                return (lower + (upper - lower) * left / count as f64) / UNIT_S;
            }
            left -= count as f64;
        }
        unreachable!("the bins hold all values")
    }

    /// Share of an operation's requests that took longer than no time at all (16 ns).
    pub fn share_delayed(&self, operation: &str) -> f64 {
        let row = self.latency(operation);
        let at_once = row.histogram.iter().filter(|(upper, _)| *upper < 2e-8);
        1.0 - at_once.map(|&(_, count)| count).sum::<u64>() as f64 / row.count as f64
    }

    fn station(&self, service: &str) -> &StationSeries {
        let found = |station: &&StationSeries| station.service == service;
        self.0.series.stations.iter().find(found).expect("a station of the model")
    }

    /// Mean number of requests waiting.
    pub fn waiting(&self, service: &str) -> f64 {
        average(&self.station(service).queue)
    }

    /// Mean number of busy slots.
    pub fn busy(&self, service: &str) -> f64 {
        let station = self.station(service);
        let busy = station.utilisation.iter().zip(&station.slots);
        let busy: Vec<f64> = busy.map(|(share, slots)| share.unwrap_or(0.0) * slots).collect();
        average(&busy)
    }

    /// Requests that arrived, a mean service time.
    pub fn arrivals(&self, service: &str) -> f64 {
        average(&self.station(service).arrivals_per_s) * UNIT_S
    }

    /// Requests rejected or dropped, a mean service time.
    pub fn refused(&self, service: &str) -> f64 {
        average(&self.station(service).refused_per_s) * UNIT_S
    }
}

/// Lower edge of a histogram's bin [s]: 64 bins an octave above 1 us, 16 ns wide below.
fn lower_edge(upper_s: f64) -> f64 {
    let upper_ns = (upper_s * 1e9).round() as u64;
    let inside = upper_ns - 1;
    let octave = if inside < 1_024 { 10 } else { inside.ilog2() };
    (upper_ns - (1 << octave) / 64) as f64 / 1e9
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
