//! `mail`: how much of what pipelines took in was delivered in time, and how old the oldest is.

use crate::measure::outcome::{OperationSeries, PipelineSeries};
use crate::report::words;

use super::axis::{Scale, TITLE, legend_rows};
use super::scene::{Anchor, Dash, Ink, SERIES, Scene};
use super::{
    Plot, Shown, WIDTH, full, highest, mark_incident, marks_in_words, percent, time_panel,
};

const LEFT: f64 = 62.0;
const FRAME: f64 = 120.0;
const HOUR_S: f64 = 3_600.0;

/// Draws a panel of shares over one of ages; `None` without pipelines.
pub(super) fn plot(shown: &Shown<'_>) -> Option<Plot> {
    let series = &shown.trial.series;
    let pipelines = &series.pipelines;
    let ages: Vec<Vec<f64>> = pipelines.iter().map(ages_h).collect();
    let oldest = highest(ages.iter().flatten());
    if pipelines.is_empty() {
        return None;
    }
    let mut scene = Scene::new(WIDTH, 0.0);
    let title = "Messages delivered in time, by when they were accepted [% of these]";
    scene.text((14.0, 20.0), TITLE, Anchor::Start, Ink::Text, title);
    let entries: Vec<(String, Ink, Dash, f64)> = pipelines
        .iter()
        .zip(SERIES)
        .map(|(pipeline, (ink, dash))| (pipeline.name.clone(), ink, dash, 1.5))
        .collect();
    let top = 38.0 + legend_rows(&mut scene, (14.0, 38.0), WIDTH - 28.0, &entries) + 10.0;
    let mut panel = time_panel(shown, LEFT, WIDTH - 22.0, top, FRAME);
    panel.value_axis(&mut scene, "", percent);
    panel.time_axis(&mut scene, &shown.clock, false);
    mark_incident(&mut scene, shown, &panel);
    for (pipeline, style) in pipelines.iter().zip(SERIES) {
        let of = series.operations.iter().find(|of| of.client == pipeline.name);
        if let Some(of) = of {
            // What was accepted shortly before the end may still be delivered in time.
            let known = (shown.duration_s() - pipeline.good_within_s) / series.window_s;
            panel.series(&mut scene, (series.window_s, &in_time(of, known)), style, 1.4);
        }
    }
    let below = panel.bottom() + 48.0;
    let title = "Age of the oldest message not delivered yet [h]";
    scene.text((14.0, below - 16.0), TITLE, Anchor::Start, Ink::Text, title);
    panel = time_panel(shown, LEFT, WIDTH - 22.0, below, FRAME);
    panel.y = Scale::from_zero(oldest.max(0.1));
    panel.value_axis(&mut scene, "", words::tick);
    panel.time_axis(&mut scene, &shown.clock, true);
    panel.time_title(&mut scene, &shown.clock);
    mark_incident(&mut scene, shown, &panel);
    for (age, style) in ages.iter().zip(SERIES) {
        panel.series(&mut scene, (series.window_s, &full(age)), style, 1.4);
    }
    scene.height = panel.bottom() + 52.0;
    let caption = "Above: of the messages accepted at a time, those delivered within the promised \
        time. Below: how long the oldest undelivered message has waited; a few stragglers are \
        enough to keep it high."
        .to_string();
    let caption = caption + &marks_in_words(shown);
    Some(Plot { name: "mail", title: "Mail", caption, scene })
}

/// Share delivered in time, a window of acceptance each; `None` where nothing was accepted, and
/// after the first `known` windows.
fn in_time(of: &OperationSeries, known: f64) -> Vec<Option<f64>> {
    let windows = of.good_per_s.iter().zip(&of.demand_per_s).enumerate();
    let share = |(window, (good, demand)): (usize, (&f64, &f64))| {
        let is_known = *demand > 0.0 && (window as f64) < known.floor();
        is_known.then(|| (good / demand).min(1.0))
    };
    windows.map(share).collect()
}

/// Age of the oldest message [h], 0 where none waits.
fn ages_h(pipeline: &PipelineSeries) -> Vec<f64> {
    pipeline.oldest_s.iter().map(|age_s| age_s.unwrap_or(0.0) / HOUR_S).collect()
}
