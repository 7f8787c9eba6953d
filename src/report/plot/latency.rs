//! `latency`: for each operation, its percentiles by phase, and its median and 99th over time.

use std::collections::BTreeMap;

use crate::kernel::math;
use crate::measure::outcome::OperationSeries;
use crate::report::words;

use super::axis::{Panel, SMALL, Scale, TITLE, legend_rows};
use super::scene::{Anchor, DASHED, Dash, Ink, SOLID, Scene};
use super::{Plot, Shown, WIDTH};

/// Most operations drawn, the busiest first; the table has all.
const OPERATIONS_MAX: usize = 6;
/// Height of an operation's row, of its frames, and where they begin [logical px].
const ROW: f64 = 198.0;
const FRAME: f64 = 124.0;
const HEAD: f64 = 62.0;
const LEFT: f64 = 62.0;
const SPLIT: f64 = 362.0;

/// Percentiles at the ticks.
const PERCENTILES: [(f64, &str); 6] = [
    (0.5, "50 %"),
    (0.9, "90 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
    (0.99999, "99.999 %"),
];

/// Colour, dash and width of a phase; they differ in lightness and in form.
fn style_of(phase: &str) -> (Ink, Dash, f64) {
    match phase {
        "before" => (Ink::Blue, SOLID, 1.4),
        "during" => (Ink::Vermillion, SOLID, 2.6),
        "after" => (Ink::Green, DASHED, 1.6),
        _ => (Ink::Text, SOLID, 1.6),
    }
}

/// The histogram of a phase over all regions: upper edge of the bin [s] and count.
pub(crate) fn merged(
    shown: &Shown<'_>,
    client: &str,
    operation: &str,
    phase: &str,
) -> Vec<(f64, u64)> {
    let mut bins: BTreeMap<u64, u64> = BTreeMap::new();
    let rows = shown
        .trial
        .latency
        .iter()
        .filter(|row| row.client == client && row.operation == operation && row.phase == phase);
    for (edge_s, count) in rows.flat_map(|row| &row.histogram) {
        // Positive floats are in the order of their bits.
        *bins.entry(edge_s.max(0.0).to_bits()).or_default() += count;
    }
    bins.into_iter().map(|(bits, count)| (f64::from_bits(bits), count)).collect()
}

/// Phases that have data: before, during and after, or all where there was no incident.
fn phases(shown: &Shown<'_>) -> Vec<&'static str> {
    let has =
        |phase: &&str| shown.trial.latency.iter().any(|row| row.phase == **phase && row.count > 0);
    let parts: Vec<&str> = ["before", "during", "after"].into_iter().filter(|p| has(p)).collect();
    if parts.len() > 1 {
        parts
    } else {
        ["all", "before"].into_iter().filter(|p| has(p)).take(1).collect()
    }
}

/// Draws the latency of the busiest operations; `None` without any answer.
pub(super) fn plot(shown: &Shown<'_>) -> Option<Plot> {
    let phases = phases(shown);
    let mut operations: Vec<&OperationSeries> =
        shown
            .trial
            .series
            .operations
            .iter()
            .filter(|o| {
                shown.trial.latency.iter().any(|row| {
                    row.client == o.client && row.operation == o.operation && row.count > 0
                })
            })
            .collect();
    let demand = |o: &OperationSeries| o.demand_per_s.iter().sum::<f64>();
    operations.sort_by(|a, b| demand(b).total_cmp(&demand(a)));
    let left_out = operations.len().saturating_sub(OPERATIONS_MAX);
    operations.truncate(OPERATIONS_MAX);
    if operations.is_empty() || phases.is_empty() {
        return None;
    }
    let mut scene = Scene::new(WIDTH, HEAD + operations.len() as f64 * ROW);
    let title = "Latency from intended start to final answer [s, log scale]";
    scene.text((14.0, 20.0), TITLE, Anchor::Start, Ink::Text, title);
    let mut entries: Vec<(String, Ink, Dash, f64)> = Vec::new();
    for phase in &phases {
        let (ink, dash, width) = style_of(phase);
        let name = if *phase == "all" { "whole run" } else { phase };
        entries.push((name.to_string(), ink, dash, width));
    }
    legend_rows(&mut scene, (14.0, 38.0), SPLIT - 20.0, &entries);
    let over_time = [
        ("median".to_string(), Ink::Blue, SOLID, 1.6),
        ("99th percentile".to_string(), Ink::Orange, SOLID, 1.6),
    ];
    legend_rows(&mut scene, (SPLIT + 60.0, 38.0), WIDTH - SPLIT, &over_time);
    for (index, operation) in operations.iter().enumerate() {
        let last = index + 1 == operations.len();
        draw_row(&mut scene, shown, operation, HEAD + index as f64 * ROW, &phases, last);
    }
    scene.height += 8.0;
    let mut caption =
        "Left: percentiles on a scale on which each further nine takes the same room; \
        a curve ends where a single answer is left. Right: the same over time, the fault shaded."
            .to_string();
    if left_out > 0 {
        caption.push_str(&format!(" The {left_out} less busy operations are in the table."));
    }
    Some(Plot { name: "latency", title: "Latency", caption: caption + &shown.which(), scene })
}

fn draw_row(
    scene: &mut Scene,
    shown: &Shown<'_>,
    operation: &OperationSeries,
    top: f64,
    phases: &[&str],
    last: bool,
) {
    let curves: Vec<(&str, Vec<(f64, u64)>)> = phases
        .iter()
        .map(|phase| (*phase, merged(shown, &operation.client, &operation.operation, phase)))
        .collect();
    let y = value_scale(operation, &curves);
    let name = format!("{} · {}", operation.client, operation.operation);
    let name = words::shortened(&name, 48);
    let frame = |left: f64, right: f64, x: Scale| Panel {
        left,
        top: top + 26.0,
        width: right - left,
        height: FRAME,
        x,
        y,
    };
    let most: u64 =
        curves.iter().map(|(_, bins)| bins.iter().map(|b| b.1).sum()).max().unwrap_or(1);
    let nines = math::log10(most.max(10) as f64).ceil().clamp(2.0, 5.0);
    let left = frame(LEFT, SPLIT - 10.0, Scale::Linear { from: 0.0, to: nines });
    left.value_axis(scene, &name, seconds);
    for (share, label) in PERCENTILES {
        let nine = -math::log10(1.0 - share);
        if nine > nines + 1e-6 {
            break;
        }
        let x = left.at_x(nine);
        scene.line(vec![(x, left.top), (x, left.bottom())], Ink::Grid, 0.5, SOLID);
        let place = (x, left.bottom() + 5.0 + SMALL);
        scene.text(place, 9.5, Anchor::Middle, Ink::Muted, label);
    }
    let foot = (left.left, left.bottom() + 17.0 + SMALL);
    scene.text(foot, 9.0, Anchor::Start, Ink::Muted, "share of answers that were faster [%]");
    for (phase, bins) in &curves {
        let (ink, dash, width) = style_of(phase);
        scene.line(percentile_curve(bins, &left, nines), ink, width, dash);
    }
    let x = Scale::Linear { from: 0.0, to: shown.duration_s() };
    let right = frame(SPLIT + 60.0, WIDTH - 22.0, x);
    right.value_axis(scene, "over time", seconds);
    right.time_axis(scene, &shown.clock, true);
    if last {
        right.time_title(scene, &shown.clock);
    }
    if let Some(fault_s) = shown.trial.incident.fault_s {
        let end_s = shown.trial.incident.fault_end_s.unwrap_or_else(|| shown.duration_s());
        right.shade(scene, fault_s, end_s, Ink::Vermillion);
    }
    if let Some(at_s) = shown.trial.incident.recovered_s {
        right.mark(scene, at_s, Ink::Green, SOLID);
    }
    let slice_s = shown.trial.series.slice_s;
    right.series(scene, (slice_s, &operation.latency_p99_s), (Ink::Orange, SOLID), 1.6);
    right.series(scene, (slice_s, &operation.latency_p50_s), (Ink::Blue, SOLID), 1.6);
}

/// Label of a latency at a tick: `10 ms`, `1 s`, `1000 s`; not minutes, a decade being ten.
fn seconds(latency_s: f64) -> String {
    if latency_s < 0.999 { words::latency(latency_s) } else { format!("{} s", latency_s.round()) }
}

/// One scale for both frames of a row: from the median's decade to the slowest answer's.
fn value_scale(operation: &OperationSeries, curves: &[(&str, Vec<(f64, u64)>)]) -> Scale {
    let edges = curves.iter().flat_map(|(_, bins)| bins.iter().map(|bin| bin.0));
    let medians = curves.iter().filter_map(|(_, bins)| {
        let count: u64 = bins.iter().map(|bin| bin.1).sum();
        let mut below = 0;
        bins.iter().find(|bin| {
            below += bin.1;
            below * 10 >= count
        })
    });
    let slices = operation.latency_p50_s.iter().chain(&operation.latency_p99_s).flatten().copied();
    let lowest = medians
        .map(|bin| bin.0)
        .chain(operation.latency_p50_s.iter().flatten().copied())
        .filter(|value| *value > 0.0)
        .fold(f64::INFINITY, f64::min);
    Scale::decades(lowest, edges.chain(slices).fold(0.0, f64::max))
}

/// Points of a percentile curve: after each bin, the share of answers up to it.
fn percentile_curve(bins: &[(f64, u64)], panel: &Panel, nines: f64) -> Vec<(f64, f64)> {
    let count: u64 = bins.iter().map(|bin| bin.1).sum();
    let mut below = 0;
    let mut points: Vec<(f64, f64)> = Vec::new();
    for &(edge_s, in_bin) in bins {
        // The slowest answer alone is at 1 - 1/count: a share of one is nowhere on this axis.
        let from = -math::log10(1.0 - below as f64 / count as f64);
        below += in_bin;
        let rest = (count - below).max(1) as f64;
        let to = -math::log10(rest / count as f64);
        points.push((panel.at_x(from.min(nines)), panel.at_y(edge_s)));
        points.push((panel.at_x(to.min(nines)), panel.at_y(edge_s)));
        if to >= nines {
            break;
        }
    }
    // Steps narrower than a pixel are no steps; dropping them keeps the files small.
    let mut thin: Vec<(f64, f64)> = Vec::new();
    for point in points {
        let near = thin
            .last()
            .is_some_and(|last| (last.0 - point.0).abs() < 0.5 && (last.1 - point.1).abs() < 0.5);
        if !near {
            thin.push(point);
        }
    }
    thin
}
