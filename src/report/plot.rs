//! The plots of a report: scenes built from `Results`, drawn by `theme`.

use crate::measure::outcome::{Outcome, Results};

use super::words::{self, Clock};

mod amplification;
mod axis;
mod downtime;
mod envelope;
mod events;
mod latency;
mod load;
mod mail;
mod network;
mod queues;
mod recovery;
mod scene;
mod sessions;
pub(crate) mod theme;

use scene::Scene;

/// Width of every plot [logical px]; its files have twice as many pixels.
const WIDTH: f64 = 800.0;

/// One plot, ready to be drawn.
pub(crate) struct Plot {
    /// Name of its files, such as `recovery`.
    pub(crate) name: &'static str,
    /// Title in the page.
    pub(crate) title: &'static str,
    /// What it shows, in a sentence or two: caption, and text for those who cannot see it.
    pub(crate) caption: String,
    /// The drawing.
    scene: Scene,
}

impl Plot {
    /// The plot as SVG.
    ///
    /// # Errors
    /// [`theme::DrawError`] when the drawing library fails.
    pub(crate) fn svg(&self) -> Result<String, theme::DrawError> {
        theme::svg(&self.scene, &format!("{}. {}", self.title, self.caption))
    }

    /// Draws the plot as a PNG file.
    ///
    /// # Errors
    /// [`theme::DrawError`] when the drawing library or the file system fails.
    pub(crate) fn png(&self, path: &std::path::Path) -> Result<(), theme::DrawError> {
        theme::png(&self.scene, path)
    }
}

/// What every plot reads: the run, the trial shown, and its clock.
pub(crate) struct Shown<'a> {
    /// The run.
    pub(crate) results: &'a Results,
    /// The trial whose course is drawn.
    pub(crate) trial: &'a Outcome,
    /// The scenario's clock.
    pub(crate) clock: Clock,
}

impl<'a> Shown<'a> {
    /// The trial whose recovery is the (lower) median: a course that happened, neither the
    /// luckiest nor an average that no trial took. `None` without any trial.
    pub(crate) fn of(results: &'a Results) -> Option<Shown<'a>> {
        let recovery_s = |trial: &Outcome| match trial.incident.impact_s {
            None => 0.0,
            Some(impact_s) => {
                trial.incident.recovered_s.map_or(f64::INFINITY, |at_s| at_s - impact_s)
            }
        };
        let mut order: Vec<&Outcome> = results.trials.iter().collect();
        order.sort_by(|a, b| recovery_s(a).total_cmp(&recovery_s(b)));
        let trial = *order.get(order.len().saturating_sub(1) / 2)?;
        Some(Shown { results, trial, clock: Clock::of(&results.scenario) })
    }

    /// Length of the run [s], never zero.
    fn duration_s(&self) -> f64 {
        let series = &self.trial.series;
        self.results.scenario.duration_s.max(series.window_s * series.windows as f64).max(1.0)
    }

    /// Which of several trials is drawn, in words; empty if there is one only.
    fn which(&self) -> String {
        let count = self.results.trials.len();
        if count < 2 {
            return String::new();
        }
        format!(" Of {count} trials, the one with the median recovery (seed {}).", self.trial.seed)
    }

    /// Whether something went wrong: a fault, or availability under the threshold.
    fn has_incident(&self) -> bool {
        self.trial.incident.fault_s.is_some() || self.trial.incident.impact_s.is_some()
    }
}

/// All plots that the results have data for, in the order of the page.
pub(crate) fn all(shown: &Shown<'_>) -> Vec<Plot> {
    let plots = [
        Some(recovery::plot(shown)),
        latency::plot(shown),
        sessions::plot(shown),
        load::plot(shown),
        network::plot(shown),
        amplification::plot(shown),
        queues::plot(shown),
        mail::plot(shown),
        downtime::plot(shown),
    ];
    plots.into_iter().flatten().collect()
}

/// Fault and recovery on a panel over time, without labels: `recovery` has those.
fn mark_incident(scene: &mut Scene, shown: &Shown<'_>, panel: &axis::Panel) {
    let incident = &shown.trial.incident;
    if let Some(fault_s) = incident.fault_s {
        let end_s = incident.fault_end_s.unwrap_or_else(|| shown.duration_s());
        panel.shade(scene, fault_s, end_s, scene::Ink::Vermillion);
    }
    if let Some(at_s) = incident.recovered_s.filter(|at_s| *at_s <= shown.duration_s()) {
        panel.mark(scene, at_s, scene::Ink::Green, scene::SOLID);
    }
}

/// What the marks of [`mark_incident`] mean, for a caption.
fn marks_in_words(shown: &Shown<'_>) -> String {
    let incident = &shown.trial.incident;
    let fault = if incident.fault_s.is_some() { " Shaded: the fault." } else { "" };
    let recovered =
        if incident.recovered_s.is_some() { " Green line: availability recovered." } else { "" };
    format!("{fault}{recovered}{}", shown.which())
}

/// A frame over the whole run.
fn time_panel(shown: &Shown<'_>, left: f64, right: f64, top: f64, height: f64) -> axis::Panel {
    axis::Panel {
        left,
        top,
        width: right - left,
        height,
        x: axis::Scale::Linear { from: 0.0, to: shown.duration_s() },
        y: axis::Scale::Linear { from: 0.0, to: 1.0 },
    }
}

/// Highest finite value, 0 without any.
fn highest<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    values.into_iter().copied().filter(|value| value.is_finite()).fold(0.0, f64::max)
}

/// A column that has data in every window.
fn full(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().copied().map(Some).collect()
}

/// Label of a share at a tick: `99.5 %`.
fn percent(value: f64) -> String {
    format!("{} %", words::tick(value * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{STORIES, results};

    /// Asserts that no text of any plot meets another or leaves the paper.
    fn check_texts(results: &Results, name: &str) {
        let shown = Shown::of(results).expect("a trial");
        for plot in all(&shown) {
            let texts = plot.scene.texts();
            for (index, (bounds, text)) in texts.iter().enumerate() {
                let inside = bounds.left >= 0.0
                    && bounds.top >= 0.0
                    && bounds.right <= plot.scene.width
                    && bounds.bottom <= plot.scene.height;
                assert!(inside, "{name}/{}: {text:?} leaves the paper", plot.name);
                for (other, other_text) in &texts[index + 1..] {
                    let apart = !bounds.overlaps(other);
                    assert!(apart, "{name}/{}: {text:?} meets {other_text:?}", plot.name);
                }
            }
        }
    }

    #[test]
    fn no_two_texts_overlap_and_none_leaves_the_paper() {
        for story in STORIES {
            check_texts(&results(story), story.name);
        }
    }

    #[test]
    fn a_large_scenario_with_long_names_still_has_room() {
        let mut results = results(STORIES[0]);
        let Outcome { series, timeline, .. } = &mut results.trials[0];
        let long =
            |what: &str, index: usize| format!("{what}-{index}-{}", "of-a-long-name".repeat(4));
        for (index, region) in series.regions.iter_mut().enumerate() {
            region.region = long("region", index);
        }
        for index in 0..12 {
            let mut station = series.stations[index % 4].clone();
            station.service = long("service", index);
            series.stations.push(station);
            let mut middlebox = series.middleboxes[index % 2].clone();
            middlebox.name = long("middlebox", index);
            series.middleboxes.push(middlebox);
            let mut moment = timeline[6].clone();
            moment.at_s += 700.0 * index as f64;
            moment.name = long("step", index);
            timeline.push(moment);
        }
        check_texts(&results, "large");
        for region in 0..12 {
            let mut series = results.trials[0].series.regions[0].clone();
            series.region = long("more", region);
            results.trials[0].series.regions.push(series);
        }
        check_texts(&results, "many regions");
    }

    #[test]
    fn the_same_results_give_the_same_svg_byte_for_byte() {
        let results = results(STORIES[0]);
        let draw = || -> Vec<String> {
            let shown = Shown::of(&results).expect("a trial");
            all(&shown).iter().map(|plot| plot.svg().expect("drawn")).collect()
        };
        let first = draw();
        assert_eq!(first, draw());
        assert_eq!(first.len(), 9);
        assert!(first.iter().all(|svg| svg.len() < 400_000), "an SVG too large for the page");
        assert!(first[0].contains(">\nrecovered") || first[0].contains("recovered 1"));
    }

    #[test]
    fn the_median_trial_is_shown() {
        let results = results(STORIES[5]);
        let shown = Shown::of(&results).expect("a trial");
        let of_shown = shown.trial.incident.recovered_s.expect("recovered");
        let earlier = results.trials.iter().filter(|t| t.incident.recovered_s < Some(of_shown));
        assert_eq!(earlier.count(), 3);
    }
}
