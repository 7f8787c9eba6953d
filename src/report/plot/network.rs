//! `network`: what becomes of demand on its way, what is out of order, and the fullest links.

use crate::report::words;

use super::axis::{Panel, Scale, TITLE, legend_rows};
use super::scene::{Anchor, Dash, Ink, SERIES, SOLID, Scene};
use super::{
    Plot, Shown, WIDTH, full, highest, mark_incident, marks_in_words, percent, time_panel,
};

const LEFT: f64 = 58.0;
const FRAME: f64 = 120.0;

/// A link that was never this full is worth a line only if nothing else is drawn [share].
const FULL_MIN: f64 = 0.01;

const OUT_OF_ORDER: &str = "out of order [count]";

/// A named column with its style.
type Line = (String, Vec<f64>, (Ink, Dash));

/// Draws up to three panels; `None` where nothing touched the network and every link was empty.
pub(super) fn plot(shown: &Shown<'_>) -> Option<Plot> {
    let network = &shown.trial.network;
    let (fates, down, links) = (fates(shown), down(shown), links(shown));
    if network.events.is_empty() && links.is_empty() {
        return None;
    }
    let mut scene = Scene::new(WIDTH, 0.0);
    scene.text((14.0, 20.0), TITLE, Anchor::Start, Ink::Text, "The network over time");
    let mut top = 38.0;
    let panels = [
        ("demand, by what becomes of it on its way [% of demand]", fates, percent as fn(f64) -> _),
        (OUT_OF_ORDER, down, words::tick),
        ("the fullest links, the busier direction [% of capacity]", links, percent),
    ];
    let last = panels.iter().rposition(|(_, lines, _)| !lines.is_empty());
    for (number, (title, lines, label)) in panels.into_iter().enumerate() {
        if lines.is_empty() {
            continue;
        }
        let panel = draw(&mut scene, shown, (title, label), &lines, top);
        top = panel.bottom() + 54.0;
        if last == Some(number) {
            panel.time_title(&mut scene, &shown.clock);
        }
    }
    scene.height = top;
    let mut caption =
        "Demand is counted by mailboxes and the sites that their names send them to: \
        into something dead that tables still lead to, to routers that know no way or to \
        strangers, in a circle between routers that disagree, or by other paths than at first."
            .to_string();
    if !network.events.is_empty() {
        caption.push_str(" When routes changed, and for how long, is in the table below.");
    }
    let caption = caption + &marks_in_words(shown);
    Some(Plot { name: "network", title: "Network", caption, scene })
}

/// What became of demand, where it was not simply carried as at first.
fn fates(shown: &Shown<'_>) -> Vec<Line> {
    let demand = &shown.trial.network.demand;
    let columns = [
        ("into something dead", &demand.black_hole),
        ("no route", &demand.no_route),
        ("in a loop", &demand.looping),
        ("carried by other paths", &demand.rerouted),
    ];
    let styles = [SERIES[5], SERIES[1], SERIES[3], SERIES[0]];
    let lines = columns.into_iter().zip(styles);
    let lines = lines.filter(|((_, values), _)| highest(*values) > 0.0);
    lines.map(|((name, values), style)| (name.to_string(), values.clone(), style)).collect()
}

/// Routers and links that carried nothing.
fn down(shown: &Shown<'_>) -> Vec<Line> {
    let demand = &shown.trial.network.demand;
    let columns =
        [("routers", &demand.routers_down, SERIES[5]), ("links", &demand.links_down, SERIES[0])];
    let numbers = |values: &[u32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
    let lines = columns
        .into_iter()
        .map(|(name, values, style)| (name.to_string(), numbers(values), (style.0, SOLID)));
    lines.filter(|(_, values, _)| highest(values) > 0.0).collect()
}

/// The links that were fullest at their peak.
fn links(shown: &Shown<'_>) -> Vec<Line> {
    let mut links: Vec<_> = shown.trial.series.links.iter().collect();
    links.retain(|link| highest(&link.utilisation) >= FULL_MIN);
    links.sort_by(|a, b| highest(&b.utilisation).total_cmp(&highest(&a.utilisation)));
    let lines = links.into_iter().zip(SERIES);
    lines.map(|(link, style)| (link.name.clone(), link.utilisation.clone(), style)).collect()
}

/// One panel with its legend.
fn draw(
    scene: &mut Scene,
    shown: &Shown<'_>,
    (title, label): (&str, fn(f64) -> String),
    lines: &[Line],
    top: f64,
) -> Panel {
    let entry = |(name, _, (ink, dash)): &Line| (name.clone(), *ink, *dash, 1.5);
    let entries: Vec<(String, Ink, Dash, f64)> = lines.iter().map(entry).collect();
    let top = top + legend_rows(scene, (14.0, top), WIDTH - 28.0, &entries) + 16.0;
    let mut panel = time_panel(shown, LEFT, WIDTH - 22.0, top, FRAME);
    panel.y = Scale::from_zero(highest(lines.iter().flat_map(|line| &line.1)));
    if title == OUT_OF_ORDER {
        // No quarters of a router.
        panel.y = Scale::from_zero(highest(lines.iter().flat_map(|line| &line.1)).max(4.0));
    }
    panel.value_axis(scene, title, label);
    panel.time_axis(scene, &shown.clock, true);
    mark_incident(scene, shown, &panel);
    for (_, values, style) in lines {
        panel.series(scene, (shown.trial.series.window_s, &full(values)), *style, 1.5);
    }
    panel
}
