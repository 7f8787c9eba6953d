//! Faults, actions and recovery as labelled vertical lines, their labels placed without overlap.

use crate::measure::outcome::Outcome;
use crate::report::words::{self, Clock};

use super::axis::{Panel, SMALL, Scale};
use super::scene::{Anchor, Bounds, DASHED, DOTTED, Dash, Ink, SOLID, Scene};

/// Height of a row of labels [logical px].
const ROW: f64 = 14.0;
/// Most rows of labels; what finds no place keeps its line and is in the timeline.
const ROWS_MAX: usize = 7;

/// Labels this near compete for the same rows [logical px].
const NEAR: f64 = 200.0;

/// A line over the plot.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// When [s].
    at_s: f64,
    /// Its label, without the clock time.
    label: String,
    ink: Ink,
    dash: Dash,
}

/// What is marked, the most important first: it finds its place first.
pub(crate) fn of(trial: &Outcome, duration_s: f64) -> Vec<Event> {
    let incident = &trial.incident;
    let mut events = Vec::new();
    let mut push = |at_s: Option<f64>, label: &str, ink, dash| {
        if let Some(at_s) = at_s.filter(|at_s| (0.0..=duration_s).contains(at_s)) {
            events.push(Event { at_s, label: label.to_string(), ink, dash });
        }
    };
    push(incident.recovered_s, "recovered", Ink::Green, SOLID);
    push(incident.fault_s, "fault", Ink::Vermillion, SOLID);
    for at_s in &incident.relapses_s {
        push(Some(*at_s), "relapse", Ink::Vermillion, DASHED);
    }
    for moment in trial.timeline.iter().filter(|moment| moment.kind == "step") {
        push(Some(moment.at_s), &words::shortened(&moment.name, 24), Ink::Text, DASHED);
    }
    let later_faults = trial.timeline.iter().filter(|moment| {
        moment.kind == "fault" && incident.fault_s.is_none_or(|first| moment.at_s > first + 0.5)
    });
    for moment in later_faults {
        push(Some(moment.at_s), &words::shortened(&moment.name, 24), Ink::Vermillion, DOTTED);
    }
    events
}

/// A label with its place.
struct Placed {
    event: Event,
    text: String,
    /// Abscissa of the line [logical px].
    x: f64,
    /// Row of the label from above, and the side it stands on; `None` without a place.
    place: Option<(usize, Anchor)>,
}

/// Labels placed over a panel.
pub(crate) struct Labels {
    placed: Vec<Placed>,
    /// Rows that are used.
    rows: usize,
}

/// Rectangle of a label in a row, with air around it.
fn bounds(x: f64, row: usize, anchor: Anchor, text: &str) -> Bounds {
    let x = if anchor == Anchor::Start { x + 3.0 } else { x - 3.0 };
    let mut bounds = Bounds::of_text(x, row as f64 * ROW, SMALL, anchor, text);
    bounds.left -= 3.0;
    bounds.right += 3.0;
    bounds
}

/// The line of a label: from its row down to the panel.
fn leader(x: f64, row: usize) -> Bounds {
    let top = row as f64 * ROW - 0.8 * SMALL;
    Bounds { left: x - 0.5, top, right: x + 0.5, bottom: 1e6 }
}

/// Places the wanted labels from right to left; gives back the first that finds no place.
fn place_wanted(placed: &mut [Placed], wanted: &[usize], limits: (f64, f64)) -> Option<usize> {
    for label in placed.iter_mut() {
        label.place = None;
    }
    let mut order = wanted.to_vec();
    order.sort_by(|a, b| placed[*b].x.total_cmp(&placed[*a].x).then(b.cmp(a)));
    for index in order {
        let (x, text) = (placed[index].x, placed[index].text.clone());
        let fits = |row: usize, anchor: Anchor| {
            let own = bounds(x, row, anchor, &text);
            let own_leader = leader(x, row);
            let inside = own.left >= limits.0 && own.right <= limits.1;
            inside
                && placed.iter().all(|other| match other.place {
                    None => true,
                    Some((other_row, other_anchor)) => {
                        let label = bounds(other.x, other_row, other_anchor, &other.text);
                        !label.overlaps(&own)
                            && !label.overlaps(&own_leader)
                            && !leader(other.x, other_row).overlaps(&own)
                    }
                })
        };
        // At the right edge a label stands to the left of its line, above the labels of the events
        // that it covers: as many rows higher as there are of these.
        let left = bounds(x, 0, Anchor::End, &text).left;
        let covered = wanted.iter().filter(|other| (left..x).contains(&placed[**other].x)).count();
        let rows = |end: usize| (0..end.max(1)).rev();
        let right_hand = rows(ROWS_MAX).map(|row| (row, Anchor::Start));
        let left_hand = rows(ROWS_MAX.saturating_sub(covered)).map(|row| (row, Anchor::End));
        let mut places = right_hand.chain(left_hand);
        let place = places.find(|(row, anchor)| fits(*row, *anchor));
        placed[index].place = place;
        if place.is_none() {
            return Some(index);
        }
    }
    None
}

impl Labels {
    /// Finds each label the lowest row in which it meets no other label and no line.
    ///
    /// From right to left: a label stands to the right of its line and over the lines of later
    /// events, which begin lower. Where rows run out, the least important label near is given up.
    pub(crate) fn place(
        events: Vec<Event>,
        clock: &Clock,
        panel: &Panel,
        limits: (f64, f64),
    ) -> Labels {
        let Scale::Linear { from, to } = panel.x else {
            return Labels { placed: Vec::new(), rows: 0 };
        };
        let mut placed: Vec<Placed> = events
            .into_iter()
            .map(|event| {
                let at = clock.label(event.at_s, to - from);
                let text = format!("{} {at}", event.label);
                let x = panel.at_x(event.at_s);
                Placed { event, text, x, place: None }
            })
            .collect();
        let mut wanted: Vec<usize> = (0..placed.len()).collect();
        while let Some(failed) = place_wanted(&mut placed, &wanted, limits) {
            let near = |index: &usize| (placed[*index].x - placed[failed].x).abs() < NEAR;
            let least = wanted.iter().copied().filter(|index| near(index)).max().unwrap_or(failed);
            wanted.retain(|index| *index != least);
        }
        let top = placed.iter().filter_map(|p| p.place).map(|p| p.0).min().unwrap_or(ROWS_MAX);
        for label in &mut placed {
            if let Some((row, _)) = &mut label.place {
                *row -= top;
            }
        }
        Labels { placed, rows: ROWS_MAX - top }
    }

    /// Height that the labels take above the panel [logical px].
    pub(crate) fn height(&self) -> f64 {
        self.rows as f64 * ROW + if self.rows > 0 { 6.0 } else { 0.0 }
    }

    /// Lines whose label found no place.
    pub(crate) fn unlabelled(&self) -> usize {
        self.placed.iter().filter(|label| label.place.is_none()).count()
    }

    /// Draws lines and labels; the first row begins at `top`, the lines end at the panel's foot.
    pub(crate) fn draw(&self, scene: &mut Scene, top: f64, panel: &Panel) {
        for label in &self.placed {
            let (ink, dash) = (label.event.ink, label.event.dash);
            let Some((row, anchor)) = label.place else {
                panel.mark(scene, label.event.at_s, ink, dash);
                continue;
            };
            let baseline = top + row as f64 * ROW + 0.8 * SMALL;
            let line = vec![(label.x, baseline - 0.8 * SMALL), (label.x, panel.bottom())];
            scene.line(line, ink, 1.1, dash);
            let x = if anchor == Anchor::Start { label.x + 3.0 } else { label.x - 3.0 };
            scene.text((x, baseline), SMALL, anchor, Ink::Text, label.text.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{STORIES, results};

    #[test]
    fn every_label_of_a_crowded_runbook_that_is_placed_meets_nothing() {
        let results = results(STORIES[0]);
        let clock = Clock::of(&results.scenario);
        let panel = Panel {
            left: 90.0,
            top: 0.0,
            width: 680.0,
            height: 100.0,
            x: Scale::Linear { from: 0.0, to: 50_400.0 },
            y: Scale::Linear { from: 0.0, to: 1.0 },
        };
        let event = |index: usize, at_s: f64| Event {
            at_s,
            label: format!("step-number-{index}"),
            ink: Ink::Text,
            dash: DASHED,
        };
        let few = (0..6).map(|i| event(i, 5000.0 + 600.0 * i as f64)).collect();
        let few = Labels::place(few, &clock, &panel, (30.0, 798.0));
        assert_eq!((few.unlabelled(), few.rows), (0, 6));
        let at_the_end = vec![event(0, 50_400.0), event(1, 50_000.0)];
        assert_eq!(Labels::place(at_the_end, &clock, &panel, (30.0, 798.0)).unlabelled(), 0);
        let many = (0..40).map(|i| event(i, 5000.0 + 300.0 * i as f64)).collect();
        let many = Labels::place(many, &clock, &panel, (30.0, 798.0));
        assert!(many.unlabelled() > 0 && many.unlabelled() < 33, "{}", many.unlabelled());
        assert!(many.placed[0].place.is_some(), "the most important label was given up");
        let boxes: Vec<Bounds> = many
            .placed
            .iter()
            .filter_map(|p| p.place.map(|(row, anchor)| bounds(p.x, row, anchor, &p.text)))
            .collect();
        for (index, bounds) in boxes.iter().enumerate() {
            assert!(boxes[index + 1..].iter().all(|other| !bounds.overlaps(other)));
        }
    }
}
