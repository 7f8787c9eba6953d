//! Faults, actions and recovery as labelled vertical lines, their labels placed without overlap.

use crate::measure::outcome::Outcome;
use crate::report::words::{self, Clock};

use super::axis::{Panel, SMALL};
use super::scene::{Anchor, Bounds, DASHED, DOTTED, Dash, Ink, SOLID, Scene};

/// Height of a row of labels [logical px].
const ROW: f64 = 14.0;
/// Most rows of labels; what finds no place keeps its line and is in the timeline.
const ROWS_MAX: usize = 7;

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

impl Labels {
    /// Finds each label the lowest row in which it meets no other label and no line.
    pub(crate) fn place(
        events: Vec<Event>,
        clock: &Clock,
        panel: &Panel,
        limits: (f64, f64),
    ) -> Labels {
        let mut placed: Vec<Placed> = Vec::new();
        for event in events {
            let text = format!("{} {}", event.label, clock.minutes(event.at_s));
            let x = panel.at_x(event.at_s);
            let fits = |row: usize, anchor: Anchor| {
                let own = bounds(x, row, anchor, &text);
                let own_leader = leader(x, row);
                own.left >= limits.0
                    && own.right <= limits.1
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
            let places =
                (0..ROWS_MAX).rev().flat_map(|row| [(row, Anchor::Start), (row, Anchor::End)]);
            let place = places.into_iter().find(|(row, anchor)| fits(*row, *anchor));
            placed.push(Placed { event, text, x, place });
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
