//! Laws of times: `{ lognormal: { median: 3ms, p99: 25ms } }` to a [`Distribution`].

use crate::kernel::sample::{Distribution, DistributionKind, Moment};
use crate::scenario::problem::{Code, Reporter};
use crate::scenario::shape::percentile;
use crate::scenario::tree::{Entry, Node};
use crate::scenario::unit;

/// The law that a node says, `None` if it says none (then that is reported).
pub fn read(node: &Node, reporter: &Reporter) -> Option<Distribution> {
    let entry = node.only()?;
    let kind = match entry.key.as_str() {
        "constant" => {
            let value = unit::parse_duration(entry.value.text()?).ok()?.as_secs_f64();
            return Some(Distribution::Constant { value });
        }
        "exponential" => DistributionKind::Exponential,
        "lognormal" => DistributionKind::Lognormal,
        "gamma" => DistributionKind::Gamma,
        "weibull" => DistributionKind::Weibull,
        "pareto" => DistributionKind::Pareto,
        "empirical" => return table(entry, reporter),
        _ => return None,
    };
    let points: Option<Vec<(&str, f64)>> = entry.value.entries().iter().map(point).collect();
    let moments: Option<Vec<Moment>> = points?.into_iter().map(moment).collect();
    match Distribution::fit(kind, &moments?) {
        Ok(law) => Some(law),
        Err(error) => {
            reporter.error(Code::Distribution, entry.key_place, sentence(&error.to_string()));
            None
        }
    }
}

/// A key with its time in seconds.
fn point(entry: &Entry) -> Option<(&str, f64)> {
    let time = unit::parse_duration(entry.value.text()?).ok()?;
    Some((entry.key.as_str(), time.as_secs_f64()))
}

fn moment((key, value): (&str, f64)) -> Option<Moment> {
    match key {
        "mean" => Some(Moment::Mean(value)),
        "median" => Some(Moment::Median(value)),
        _ => Some(Moment::Quantile { p: percentile(key)?, value }),
    }
}

/// A table by percentiles; `median` is p50, a mean has no place in it.
fn table(entry: &Entry, reporter: &Reporter) -> Option<Distribution> {
    let mut points = Vec::new();
    for one in entry.value.entries() {
        let share = match one.key.as_str() {
            "mean" => {
                let message = "a table has no `mean`; it follows from the percentiles";
                reporter.error(Code::Distribution, one.key_place, message);
                return None;
            }
            "median" => 0.5,
            key => percentile(key)?,
        };
        points.push((share, point(one)?.1));
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    match Distribution::empirical(&points) {
        Ok(law) => Some(law),
        Err(error) => {
            let message = sentence(&error.to_string());
            let help = Some("a table goes up to `p100`, in times that never fall".to_owned());
            reporter.error_with_help(Code::Distribution, entry.key_place, message, help);
            None
        }
    }
}

fn sentence(text: &str) -> String {
    format!("no such distribution: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::yaml;

    fn law(text: &str) -> (Option<Distribution>, Vec<String>) {
        let reporter = Reporter::default();
        let source = reporter.add_source("t", text);
        let node = yaml::parse(text, source, &reporter).unwrap();
        let law = read(&node, &reporter);
        (law, reporter.finish().list.into_iter().map(|p| p.message).collect())
    }

    #[test]
    fn laws_have_the_moments_they_were_given() {
        let (law_read, _) = law("lognormal: { median: 3ms, p99: 25ms }");
        let law_read = law_read.unwrap();
        assert!((law_read.quantile(0.5) - 0.003).abs() < 1e-9);
        assert!((law_read.quantile(0.99) - 0.025).abs() < 1e-9);
        let (exponential, _) = law("exponential: { mean: 4ms }");
        assert_eq!(exponential, Some(Distribution::Exponential { mean: 0.004 }));
        let (constant, _) = law("constant: 25m");
        assert_eq!(constant, Some(Distribution::Constant { value: 1500.0 }));
        let (table, told) = law("empirical: { p100: 4s, p0: 1s, median: 2s }");
        assert!((table.unwrap().quantile(0.75) - 3.0).abs() < 1e-9, "{told:?}");
    }

    #[test]
    fn impossible_laws_are_told_once() {
        let cases = [
            ("lognormal: { median: 3ms }", "takes 2"),
            ("lognormal: { p50: 3ms, p99: 2ms }", "above"),
            ("exponential: { mean: 0s }", "positive"),
            ("empirical: { p50: 3ms }", "must be 1"),
            ("empirical: { mean: 3ms }", "no `mean`"),
        ];
        for (text, part) in cases {
            let (read, told) = law(text);
            assert!(read.is_none() && told.len() == 1 && told[0].contains(part), "{text} {told:?}");
        }
    }
}
