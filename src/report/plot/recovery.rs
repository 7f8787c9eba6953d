//! `recovery`: availability over time with what happened drawn on it, the incident's clock below.

use crate::measure::outcome::Incident;
use crate::report::words;

use super::axis::{Panel, SMALL, Scale, TITLE, legend_rows};
use super::events::{self, Labels};
use super::scene::{Anchor, DASHED, Dash, Ink, SERIES, SOLID, Scene};
use super::{Plot, Shown, WIDTH, percent};

const LEFT: f64 = 92.0;
const RIGHT: f64 = 22.0;
const HEIGHT: f64 = 250.0;
/// Height of a row of the incident's clock [logical px].
const ROW: f64 = 17.0;

/// Draws availability, threshold, fault, actions, recovery and the incident's clock.
pub(super) fn plot(shown: &Shown<'_>) -> Plot {
    let trial = shown.trial;
    let duration_s = shown.duration_s();
    let mut panel = Panel {
        left: LEFT,
        top: 0.0,
        width: WIDTH - LEFT - RIGHT,
        height: HEIGHT,
        x: Scale::Linear { from: 0.0, to: duration_s },
        y: Scale::Linear { from: floor_of(shown), to: 1.0 },
    };
    let labels = Labels::place(
        events::of(trial, duration_s),
        &shown.clock,
        &panel,
        (LEFT - 60.0, WIDTH - 2.0),
    );
    let rows = clock_rows(&trial.incident, duration_s);
    let mut scene = Scene::new(WIDTH, 0.0);
    scene.text((14.0, 20.0), TITLE, Anchor::Start, Ink::Text, axis_title(&panel));
    let legend = legend_rows(&mut scene, (14.0, 38.0), WIDTH - 28.0, &legend_entries(shown));
    let labels_top = 38.0 + legend;
    panel.top = labels_top + labels.height() + 4.0;
    draw_panel(&mut scene, shown, &panel);
    labels.draw(&mut scene, labels_top, &panel);
    panel.time_axis(&mut scene, &shown.clock, true);
    panel.time_title(&mut scene, &shown.clock);
    let clock_top = panel.bottom() + 58.0;
    draw_clock(&mut scene, shown, &panel, clock_top, &rows);
    scene.height = (clock_top + rows.len() as f64 * ROW + 8.0).round();
    Plot { name: "recovery", title: "Recovery", caption: caption(shown, &labels), scene }
}

/// Lower end of the axis: the highest of a few round shares that all the data stay above, so that
/// an outage of a tenth of a percent is seen too.
fn floor_of(shown: &Shown<'_>) -> f64 {
    let series = &shown.trial.series;
    let regions = series.regions.iter().flat_map(|region| &region.availability);
    let lowest = series.availability.iter().chain(regions).flatten().copied().fold(1.0, f64::min);
    let lowest = lowest.min(shown.trial.incident.threshold);
    [0.999, 0.995, 0.99, 0.95, 0.9, 0.8, 0.5]
        .into_iter()
        .find(|floor| lowest > floor + 0.05 * (1.0 - floor))
        .unwrap_or(0.0)
}

fn axis_title(panel: &Panel) -> String {
    let title = "Availability: demands answered well [% of all demands], by window";
    match panel.y {
        Scale::Linear { from, .. } if from > 0.0 => {
            format!("{title} — the axis begins at {}", percent(from))
        }
        _ => title.to_string(),
    }
}

fn legend_entries(shown: &Shown<'_>) -> Vec<(String, Ink, Dash, f64)> {
    let incident = &shown.trial.incident;
    let mut entries = vec![("all regions".to_string(), Ink::Text, SOLID, 2.0)];
    let regions = &shown.trial.series.regions;
    if (2..=SERIES.len()).contains(&regions.len()) {
        let each = regions.iter().zip(SERIES);
        entries.extend(each.map(|(region, (ink, dash))| (region.region.clone(), ink, dash, 1.0)));
    } else if regions.len() > SERIES.len() {
        entries.push((format!("each of {} regions", regions.len()), Ink::Sky, SOLID, 0.7));
    }
    if shown.results.trials.len() > 1 {
        let others = shown.results.trials.len() - 1;
        entries.push((format!("{others} other trials"), Ink::Muted, SOLID, 0.5));
    }
    let threshold = format!("threshold {}", percent(incident.threshold));
    entries.push((threshold, Ink::Vermillion, DASHED, 1.0));
    entries
}

fn draw_panel(scene: &mut Scene, shown: &Shown<'_>, panel: &Panel) {
    let trial = shown.trial;
    let series = &trial.series;
    let incident = &trial.incident;
    panel.time_axis(scene, &shown.clock, false);
    for value in panel.y.ticks() {
        let y = panel.at_y(value);
        scene.line(vec![(panel.left, y), (panel.right(), y)], Ink::Grid, 0.5, SOLID);
        let place = (panel.left - 5.0, y + 0.35 * SMALL);
        scene.text(place, SMALL, Anchor::End, Ink::Muted, percent(value));
    }
    if let Some(fault_s) = incident.fault_s {
        let end_s = incident.fault_end_s.unwrap_or_else(|| shown.duration_s());
        panel.shade(scene, fault_s, end_s, Ink::Vermillion);
    }
    for other in &shown.results.trials {
        if other.seed != trial.seed {
            let values = (other.series.window_s, other.series.availability.as_slice());
            panel.series(scene, values, (Ink::Muted, SOLID), 0.35);
        }
    }
    let many = series.regions.len() > SERIES.len();
    if series.regions.len() > 1 {
        for (index, region) in series.regions.iter().enumerate() {
            let style = if many { (Ink::Sky, SOLID) } else { SERIES[index] };
            let width = if many { 0.6 } else { 1.0 };
            panel.series(scene, (series.window_s, &region.availability), style, width);
        }
    }
    panel.series(scene, (series.window_s, &series.availability), (Ink::Text, SOLID), 1.8);
    panel.level(scene, incident.threshold, Ink::Vermillion, DASHED);
}

/// A row of the incident's clock: what, from, to, and how that end is called.
struct ClockRow {
    name: &'static str,
    from_s: f64,
    /// `None`: not seen before the end of the run.
    to_s: Option<f64>,
    ink: Ink,
}

/// The spans of the incident's clock that exist: each from the end of the one before.
fn clock_rows(incident: &Incident, duration_s: f64) -> Vec<ClockRow> {
    let mut rows = Vec::new();
    if let Some(from_s) = incident.fault_s {
        let to_s = incident.fault_end_s.filter(|end| *end <= duration_s);
        rows.push(ClockRow { name: "fault", from_s, to_s, ink: Ink::Vermillion });
    }
    let Some(impact_s) = incident.impact_s else { return rows };
    let to_s = incident.recovered_s;
    rows.push(ClockRow { name: "impact", from_s: impact_s, to_s, ink: Ink::Text });
    let mut from_s = impact_s;
    let steps = [
        ("to detect", incident.detected_s, Ink::Sky),
        ("to decide", incident.decided_s, Ink::Blue),
        ("to act", incident.acted_s, Ink::Purple),
        ("to mitigate", incident.mitigated_s, Ink::Orange),
        ("to recover", incident.recovered_s, Ink::Green),
    ];
    for (name, to_s, ink) in steps {
        rows.push(ClockRow { name, from_s: from_s.min(to_s.unwrap_or(from_s)), to_s, ink });
        from_s = to_s.unwrap_or(from_s).max(from_s);
    }
    let Some(recovered_s) = incident.recovered_s else { return rows };
    for (name, to_s) in [
        ("sessions back", incident.sessions_back_s),
        ("queues drained", incident.drained_s),
        ("failed back", incident.failed_back_s),
    ] {
        if let Some(to_s) = to_s {
            let from_s = recovered_s.min(to_s);
            rows.push(ClockRow { name, from_s, to_s: Some(to_s), ink: Ink::Muted });
        }
    }
    rows
}

fn draw_clock(scene: &mut Scene, shown: &Shown<'_>, panel: &Panel, top: f64, rows: &[ClockRow]) {
    let duration_s = shown.duration_s();
    let at = |at_s: f64| shown.clock.label(at_s, duration_s);
    for (index, row) in rows.iter().enumerate() {
        let middle = top + (index as f64 + 0.5) * ROW;
        let baseline = middle + 0.35 * SMALL;
        scene.text((panel.left - 8.0, baseline), SMALL, Anchor::End, Ink::Text, row.name);
        let rule = vec![(panel.left, middle), (panel.right(), middle)];
        scene.line(rule, Ink::Grid, 0.5, SOLID);
        let never = row.to_s.is_none() && !matches!(row.name, "fault" | "impact" | "to recover");
        let left = panel.at_x(row.from_s);
        let right = panel.at_x(row.to_s.unwrap_or(duration_s)).max(left + 2.0);
        if !never {
            scene.rect((left, middle - 4.5), (right, middle + 4.5), row.ink, 1.0);
        }
        let text = match row.to_s {
            _ if never => "not seen".to_string(),
            None => format!("{} and not over at the end", words::duration(duration_s - row.from_s)),
            Some(to_s) if to_s - row.from_s < 0.5 => {
                format!("at once, {}", at(to_s))
            }
            Some(to_s) => {
                format!("{}, until {}", words::duration(to_s - row.from_s), at(to_s))
            }
        };
        let end = if never { left } else { right };
        let width = super::theme::text_width(&text, SMALL);
        let (x, anchor, from) = if end + 6.0 + width <= panel.right() {
            (end + 6.0, Anchor::Start, end + 6.0)
        } else if left - 6.0 - width >= panel.left {
            (left - 6.0, Anchor::End, left - 6.0 - width)
        } else {
            // A bar from end to end: the text stands on it, on paper of its own.
            let centre = (panel.left + panel.right()) / 2.0;
            (centre, Anchor::Middle, centre - width / 2.0)
        };
        scene.rect((from - 3.0, middle - 7.0), (from + width + 3.0, middle + 7.0), Ink::Paper, 1.0);
        scene.text((x, baseline), SMALL, anchor, Ink::Muted, text);
    }
}

fn caption(shown: &Shown<'_>, labels: &Labels) -> String {
    let incident = &shown.trial.incident;
    let threshold = words::share(incident.threshold);
    let lowest = incident.lowest_availability.map(words::share);
    let mut text = match (incident.impact_s, incident.recovered_s) {
        (None, _) => format!("Availability over time; it stayed above {threshold}."),
        (Some(impact_s), Some(at_s)) => format!(
            "Availability fell under {threshold} at {}{} and was back to stay at {}, {} later.",
            shown.clock.full(impact_s),
            lowest.map(|l| format!(", to {l} in its worst minute,")).unwrap_or_default(),
            shown.clock.full(at_s),
            words::duration(at_s - impact_s),
        ),
        (Some(impact_s), None) => format!(
            "Availability fell under {threshold} at {}{} and was not back to stay by the end.",
            shown.clock.full(impact_s),
            lowest.map(|l| format!(", to {l} in its worst minute,")).unwrap_or_default(),
        ),
    };
    if shown.has_incident() {
        text.push_str(" Shaded: the fault. Below: the incident's clock.");
    }
    if labels.unlabelled() > 0 {
        text.push_str(&format!(
            " {} lines have no label for want of room; the timeline names them.",
            labels.unlabelled()
        ));
    }
    text + &shown.which()
}
