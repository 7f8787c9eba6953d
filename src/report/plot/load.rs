//! `load`: load against capacity, a row a site: stations at the left, middleboxes at the right.

use crate::measure::outcome::{MiddleboxSeries, StationSeries};
use crate::report::words;

use super::axis::{Panel, SMALL, Scale, TITLE, legend_rows};
use super::scene::{Anchor, DASHED, Dash, Ink, SERIES, SOLID, Scene};
use super::{
    Plot, Shown, WIDTH, full, highest, mark_incident, marks_in_words, percent, time_panel,
};

const FRAME: f64 = 120.0;

/// Name of a station inside its site.
fn name_of(station: &StationSeries) -> String {
    match station.partition {
        Some(partition) => format!("{} {partition}", station.service),
        None => station.service.clone(),
    }
}

/// Stations drawn for a site: at most six, those that were busiest at their peak.
fn busiest<'a>(shown: &Shown<'a>, site: &str) -> Vec<&'a StationSeries> {
    let mut stations: Vec<&StationSeries> =
        shown.trial.series.stations.iter().filter(|station| station.site == site).collect();
    let peak = |station: &StationSeries| highest(station.utilisation.iter().flatten());
    if stations.len() > SERIES.len() {
        stations.sort_by(|a, b| peak(b).total_cmp(&peak(a)));
        stations.truncate(SERIES.len());
    }
    stations
}

/// Draws a row for each site with stations or middleboxes; `None` without any.
pub(super) fn plot(shown: &Shown<'_>) -> Option<Plot> {
    let series = &shown.trial.series;
    let sites: Vec<&String> = shown
        .results
        .scenario
        .sites
        .iter()
        .filter(|site| {
            series.stations.iter().any(|station| station.site == **site)
                || series.middleboxes.iter().any(|middlebox| middlebox.site == **site)
        })
        .collect();
    if sites.is_empty() {
        return None;
    }
    let boxes = !series.middleboxes.is_empty();
    let split = if boxes { WIDTH / 2.0 } else { WIDTH };
    let mut scene = Scene::new(WIDTH, 0.0);
    scene.text((14.0, 20.0), TITLE, Anchor::Start, Ink::Text, "Load against capacity");
    let mut top = 34.0;
    for site in sites {
        scene.text((14.0, top + 12.0), TITLE, Anchor::Start, Ink::Text, site.clone());
        let stations = busiest(shown, site);
        let own: Vec<&MiddleboxSeries> =
            series.middleboxes.iter().filter(|middlebox| middlebox.site == *site).collect();
        let entries = station_entries(&stations);
        let left_height = legend_rows(&mut scene, (14.0, top + 30.0), split - 24.0, &entries);
        let mut right_height = 0.0;
        if !own.is_empty() {
            let entries = middlebox_entries(&own);
            let width = WIDTH - split - 24.0;
            right_height = legend_rows(&mut scene, (split + 14.0, top + 30.0), width, &entries);
        }
        top += 30.0 + left_height.max(right_height) + 14.0;
        draw_stations(
            &mut scene,
            shown,
            &stations,
            time_panel(shown, 52.0, split - 18.0, top, FRAME),
        );
        if !own.is_empty() {
            let panel = time_panel(shown, split + 52.0, WIDTH - 20.0, top, FRAME);
            draw_middleboxes(&mut scene, shown, &own, panel);
        }
        top += FRAME + 44.0;
    }
    let last = time_panel(shown, 52.0, split - 18.0, top - FRAME - 44.0, FRAME);
    last.time_title(&mut scene, &shown.clock);
    scene.height = top + 4.0;
    let mut caption = "Left: busy slots of each station; 100 % is all of them.".to_string();
    if boxes {
        caption.push_str(" Right: new connections offered to each middlebox, its limit dashed.");
    }
    let caption = caption + &marks_in_words(shown);
    Some(Plot { name: "load", title: "Load against capacity", caption, scene })
}

fn station_entries(stations: &[&StationSeries]) -> Vec<(String, Ink, Dash, f64)> {
    let each = stations.iter().zip(SERIES);
    each.map(|(station, (ink, dash))| (name_of(station), ink, dash, 1.5)).collect()
}

fn middlebox_entries(middleboxes: &[&MiddleboxSeries]) -> Vec<(String, Ink, Dash, f64)> {
    let mut entries = Vec::new();
    for (middlebox, (ink, _)) in middleboxes.iter().zip(SERIES) {
        entries.push((middlebox.name.clone(), ink, SOLID, 1.5));
        if let Some(limit) = middlebox.new_connections_limit_per_s {
            entries.push((format!("its limit {}/s", words::tick(limit)), ink, DASHED, 1.2));
        }
    }
    entries
}

fn draw_stations(scene: &mut Scene, shown: &Shown<'_>, stations: &[&StationSeries], panel: Panel) {
    if stations.is_empty() {
        let place = (panel.left, panel.top + panel.height / 2.0);
        scene.text(place, SMALL, Anchor::Start, Ink::Muted, "no station here");
        return;
    }
    panel.value_axis(scene, "busy slots [% of slots]", percent);
    panel.time_axis(scene, &shown.clock, true);
    mark_incident(scene, shown, &panel);
    for (station, style) in stations.iter().zip(SERIES) {
        panel.series(scene, (shown.trial.series.window_s, &station.utilisation), style, 1.4);
    }
}

fn draw_middleboxes(
    scene: &mut Scene,
    shown: &Shown<'_>,
    middleboxes: &[&MiddleboxSeries],
    mut panel: Panel,
) {
    let limits: Vec<f64> =
        middleboxes.iter().filter_map(|middlebox| middlebox.new_connections_limit_per_s).collect();
    let offered = middleboxes.iter().flat_map(|middlebox| &middlebox.offered_connections_per_s);
    panel.y = Scale::from_zero(highest(offered.chain(&limits)) * 1.04);
    panel.value_axis(scene, "new connections offered [1/s]", words::tick);
    panel.time_axis(scene, &shown.clock, true);
    mark_incident(scene, shown, &panel);
    for (middlebox, (ink, _)) in middleboxes.iter().zip(SERIES) {
        let values = full(&middlebox.offered_connections_per_s);
        panel.series(scene, (shown.trial.series.window_s, &values), (ink, SOLID), 1.5);
        if let Some(limit) = middlebox.new_connections_limit_per_s {
            panel.level(scene, limit, ink, DASHED);
        }
    }
}
