//! `queues`: requests waiting at stations, and messages waiting in pipelines.

use crate::report::words;

use super::axis::{Scale, TITLE, legend_rows};
use super::scene::{Anchor, Dash, Ink, SERIES, Scene};
use super::{Plot, Shown, WIDTH, full, highest, mark_incident, marks_in_words, time_panel};

/// A queue of fewer than this at its peak is not worth a line.
const PEAK_MIN: f64 = 1.0;

/// Draws the longest queues on a log scale; `None` where nothing ever waited.
pub(super) fn plot(shown: &Shown<'_>) -> Option<Plot> {
    let series = &shown.trial.series;
    let stations = series.stations.iter().map(|station| {
        let partition = station.partition.map(|p| format!(" {p}")).unwrap_or_default();
        (format!("{}{partition} at {}", station.service, station.site), &station.queue)
    });
    let pipelines = series
        .pipelines
        .iter()
        .map(|pipeline| (format!("{} (messages)", pipeline.name), &pipeline.backlog));
    let mut queues: Vec<(String, &Vec<f64>)> =
        stations.chain(pipelines).filter(|(_, queue)| highest(*queue) >= PEAK_MIN).collect();
    queues.sort_by(|a, b| highest(b.1).total_cmp(&highest(a.1)));
    let left_out = queues.len().saturating_sub(SERIES.len());
    queues.truncate(SERIES.len());
    let peak = highest(queues.first()?.1);
    let mut scene = Scene::new(WIDTH, 0.0);
    let title = "Waiting: requests at stations, messages in pipelines [count, log scale]";
    scene.text((14.0, 20.0), TITLE, Anchor::Start, Ink::Text, title);
    let entries: Vec<(String, Ink, Dash, f64)> = queues
        .iter()
        .zip(SERIES)
        .map(|((name, _), (ink, dash))| (name.clone(), ink, dash, 1.5))
        .collect();
    let top = 38.0 + legend_rows(&mut scene, (14.0, 38.0), WIDTH - 28.0, &entries) + 4.0;
    let mut panel = time_panel(shown, 52.0, WIDTH - 22.0, top, 170.0);
    panel.y = Scale::decades(1.0, peak.max(10.0));
    panel.value_axis(&mut scene, "", words::tick);
    panel.time_axis(&mut scene, &shown.clock, true);
    panel.time_title(&mut scene, &shown.clock);
    mark_incident(&mut scene, shown, &panel);
    for ((_, queue), style) in queues.iter().zip(SERIES) {
        panel.series(&mut scene, (series.window_s, &full(queue)), style, 1.4);
    }
    scene.height = panel.bottom() + 52.0;
    let mut caption = "The longest queues; less than one waiting is drawn at one.".to_string();
    if left_out > 0 {
        caption.push_str(&format!(" {left_out} shorter ones are left out."));
    }
    let caption = caption + &marks_in_words(shown);
    Some(Plot { name: "queues", title: "Queues", caption, scene })
}
