//! `downtime`: how long mailboxes were without service, as a distribution over mailboxes.

use crate::report::words;

use super::axis::{Panel, SMALL, Scale, TITLE};
use super::scene::{Anchor, Ink, SOLID, Scene};
use super::{Plot, Shown, WIDTH, highest};

/// Draws the histogram of the longest felt downtime; `None` if no mailbox felt any.
pub(super) fn plot(shown: &Shown<'_>) -> Option<Plot> {
    let impact = &shown.trial.impact;
    let bins: Vec<(f64, f64)> =
        impact.felt_downtime_histogram.iter().copied().filter(|bin| bin.0 > 0.0).collect();
    let peak = highest(bins.iter().map(|bin| &bin.1));
    if bins.is_empty() || peak <= 0.0 {
        return None;
    }
    let mut scene = Scene::new(WIDTH, 0.0);
    let title = "Longest felt downtime of a mailbox: mailboxes by its length [count at full size]";
    scene.text((14.0, 20.0), TITLE, Anchor::Start, Ink::Text, title);
    let (first, last) = (bins[0].0, bins[bins.len() - 1].0);
    // The first bin reaches down to zero, which a log scale does not: it gets the next one's width.
    let ratio = bins.get(1).map_or(2.0, |second| (second.0 / first).max(1.01));
    let panel = Panel {
        left: 52.0,
        top: 38.0,
        width: WIDTH - 74.0,
        height: 150.0,
        x: Scale::Log { from: first / ratio, to: last },
        y: Scale::from_zero(peak),
    };
    panel.value_axis(&mut scene, "", words::tick);
    let mut from_s = first / ratio;
    for (edge_s, mailboxes) in &bins {
        let (left, right) = (panel.at_x(from_s), panel.at_x(*edge_s));
        let gap = if right - left > 4.0 { 0.75 } else { 0.0 };
        if *mailboxes > 0.0 {
            let from = (left + gap, panel.at_y(*mailboxes));
            scene.rect(from, (right - gap, panel.bottom()), Ink::Blue, 0.85);
        }
        from_s = *edge_s;
    }
    let base = vec![(panel.left, panel.bottom()), (panel.right(), panel.bottom())];
    scene.line(base, Ink::Muted, 0.8, SOLID);
    let ticks =
        [0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 300.0, 1800.0, 7200.0, 28_800.0, 86_400.0, 604_800.0];
    for at_s in ticks.into_iter().filter(|at_s| (first / ratio..=last).contains(at_s)) {
        let x = panel.at_x(at_s);
        let foot = panel.bottom();
        scene.line(vec![(x, foot), (x, foot + 4.0)], Ink::Muted, 0.7, SOLID);
        let text = words::duration(at_s);
        scene.text((x, foot + 5.0 + SMALL), SMALL, Anchor::Middle, Ink::Text, text);
    }
    for (quantile, at_s) in &impact.felt_downtime_quantiles {
        if [0.5, 0.9].contains(quantile) && (first / ratio..=last).contains(at_s) {
            panel.mark(&mut scene, *at_s, Ink::Text, super::scene::DASHED);
            let place = (panel.at_x(*at_s) - 3.0, panel.top + 9.0);
            let text = if *quantile == 0.5 { "half" } else { "90 %" };
            scene.text(place, SMALL, Anchor::End, Ink::Text, text);
        }
    }
    let place = (panel.left, panel.bottom() + 34.0);
    let foot = "from the first demand not served to the next one served [log scale]";
    scene.text(place, 9.0, Anchor::Start, Ink::Muted, foot);
    scene.height = panel.bottom() + 44.0;
    let quantile = |q: f64| impact.felt_downtime_quantiles.iter().find(|(at, _)| *at == q);
    let mut caption = format!("{} mailboxes felt it.", words::count(impact.mailboxes_affected));
    if let Some((_, at_s)) = quantile(0.5) {
        caption.push_str(&format!(" Half of them for {} or less.", words::duration(*at_s)));
    }
    if let Some((_, at_s)) = quantile(0.99) {
        caption.push_str(&format!(" One in a hundred for {} or more.", words::duration(*at_s)));
    }
    if impact.felt_downtime_censored > 0.0 {
        let still = words::count(impact.felt_downtime_censored);
        caption.push_str(&format!(" {still} were still without service at the end."));
    }
    let caption = caption + &shown.which();
    Some(Plot { name: "downtime", title: "Felt downtime", caption, scene })
}
