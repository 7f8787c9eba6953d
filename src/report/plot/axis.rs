//! Panels: a frame with a time axis or another, a value axis, grid, ticks with units, and series.

use crate::kernel::math;
use crate::report::words::{self, Clock};

use super::envelope;
use super::scene::{Anchor, Dash, Ink, SOLID, Scene};

/// Size of tick labels [logical px].
pub(crate) const SMALL: f64 = 10.5;
/// Size of titles of panels [logical px].
pub(crate) const TITLE: f64 = 12.5;

/// Longest name in a legend [characters].
const NAME_MAX: usize = 40;

/// How values reach the paper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    /// In proportion.
    Linear { from: f64, to: f64 },
    /// In proportion to the logarithm; what is below `from` is drawn at `from`.
    Log { from: f64, to: f64 },
}

impl Scale {
    /// Place of a value from 0 (`from`) to 1 (`to`), held inside.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let place = match *self {
            Scale::Linear { from, to } => (value - from) / (to - from),
            Scale::Log { from, to } => {
                let start = math::log10(from);
                (math::log10(value.max(from)) - start) / (math::log10(to) - start)
            }
        };
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// From zero up to a round number at or above `highest`.
    pub(crate) fn from_zero(highest: f64) -> Scale {
        let highest = if highest.is_finite() && highest > 0.0 { highest } else { 1.0 };
        let step = nice_step(highest / 4.0);
        Scale::Linear { from: 0.0, to: (highest / step - 1e-9).ceil() * step }
    }

    /// Powers of ten around the values given.
    pub(crate) fn decades(lowest: f64, highest: f64) -> Scale {
        let lowest = if lowest > 0.0 && lowest.is_finite() { lowest } else { 1e-3 };
        let highest = if highest > lowest { highest } else { lowest * 10.0 };
        let from = math::pow(10.0, math::log10(lowest).floor());
        let to = math::pow(10.0, math::log10(highest).ceil());
        Scale::Log { from, to: if to > from { to } else { from * 10.0 } }
    }

    /// Values at the ticks.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        match *self {
            Scale::Linear { from, to } => {
                let step = nice_step((to - from) / 4.0);
                let count = ((to - from) / step + 1e-6).floor() as usize;
                (0..=count).map(|i| from + step * i as f64).collect()
            }
            Scale::Log { from, to } => {
                let decades = math::log10(to / from).round() as i32;
                let every = if decades > 5 { 2 } else { 1 };
                (0..=decades).step_by(every).map(|i| from * math::pow(10.0, f64::from(i))).collect()
            }
        }
    }
}

/// The least of 1, 2, 2.5, 5 times a power of ten that is at least `raw`.
fn nice_step(raw: f64) -> f64 {
    let power = math::pow(10.0, math::log10(raw).floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let step = steps.into_iter().find(|step| step * power >= raw * (1.0 - 1e-9));
    step.unwrap_or(10.0) * power
}

/// Steps of a time axis [s].
const TIME_STEPS_S: [f64; 16] = [
    1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0,
    21_600.0, 43_200.0, 86_400.0,
];

/// A frame on the paper.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel {
    /// Left edge of the frame [logical px].
    pub(crate) left: f64,
    /// Upper edge.
    pub(crate) top: f64,
    /// Width.
    pub(crate) width: f64,
    /// Height.
    pub(crate) height: f64,
    /// Along the paper.
    pub(crate) x: Scale,
    /// Up the paper.
    pub(crate) y: Scale,
}

impl Panel {
    /// Right edge of the frame.
    pub(crate) fn right(&self) -> f64 {
        self.left + self.width
    }

    /// Lower edge of the frame.
    pub(crate) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Where an abscissa is on the paper.
    pub(crate) fn at_x(&self, value: f64) -> f64 {
        self.left + self.x.place(value) * self.width
    }

    /// Where an ordinate is on the paper.
    pub(crate) fn at_y(&self, value: f64) -> f64 {
        self.bottom() - self.y.place(value) * self.height
    }

    /// Grid and labels of the value axis, and its title above the frame, which says the unit.
    pub(crate) fn value_axis(&self, scene: &mut Scene, title: &str, label: fn(f64) -> String) {
        for value in self.y.ticks() {
            let y = self.at_y(value);
            scene.line(vec![(self.left, y), (self.right(), y)], Ink::Grid, 0.5, SOLID);
            let place = (self.left - 5.0, y + 0.35 * SMALL);
            scene.text(place, SMALL, Anchor::End, Ink::Muted, label(value));
        }
        self.title(scene, title);
    }

    /// Title above the upper left corner of the frame.
    pub(crate) fn title(&self, scene: &mut Scene, title: &str) {
        scene.text((self.left, self.top - 7.0), SMALL, Anchor::Start, Ink::Text, title);
    }

    /// Grid and labels of a time axis: clock times, below them the offset from `start`.
    pub(crate) fn time_axis(&self, scene: &mut Scene, clock: &Clock, labelled: bool) {
        let Scale::Linear { from, to } = self.x else { return };
        const ROOM_PX: f64 = 58.0;
        let places = (self.width / ROOM_PX).max(2.0);
        let step_s = TIME_STEPS_S
            .into_iter()
            .find(|step| (to - from) / step <= places)
            .unwrap_or_else(|| ((to - from) / places / 86_400.0).ceil() * 86_400.0);
        let midnight_s = -clock.since_midnight_s();
        let mut at_s = midnight_s + ((from - midnight_s) / step_s - 1e-9).ceil() * step_s;
        while at_s <= to + 1e-6 {
            let x = self.at_x(at_s);
            scene.line(vec![(x, self.top), (x, self.bottom())], Ink::Grid, 0.5, SOLID);
            scene.line(vec![(x, self.bottom()), (x, self.bottom() + 4.0)], Ink::Muted, 0.7, SOLID);
            if labelled {
                let midnight = (at_s - midnight_s).rem_euclid(86_400.0) < 0.5 && at_s > 0.5;
                let text = match (midnight, step_s < 60.0) {
                    (true, _) => day_and_month(clock, at_s),
                    (false, true) => clock.seconds(at_s),
                    (false, false) => clock.minutes(at_s),
                };
                let y = self.bottom() + 5.0 + SMALL;
                scene.text((x, y), SMALL, Anchor::Middle, Ink::Text, text);
                let short = if step_s < 60.0 {
                    words::offset(at_s)
                } else {
                    let long = words::offset(at_s);
                    long[..long.len() - 3].to_string()
                };
                scene.text((x, y + 12.0), 9.0, Anchor::Middle, Ink::Muted, short);
            }
            at_s += step_s;
        }
        scene.line(
            vec![(self.left, self.bottom()), (self.right(), self.bottom())],
            Ink::Muted,
            0.8,
            SOLID,
        );
    }

    /// What the two rows of numbers under a time axis are, below its left end.
    pub(crate) fn time_title(&self, scene: &mut Scene, clock: &Clock) {
        let text = format!(
            "clock time ({}), {}; below it hours:minutes from the start",
            clock.zone(),
            clock.date(0.0)
        );
        let place = (self.left, self.bottom() + 5.0 + SMALL + 26.0);
        scene.text(place, 9.0, Anchor::Start, Ink::Muted, text);
    }

    /// Shades a span of time over the height of the frame.
    pub(crate) fn shade(&self, scene: &mut Scene, from_s: f64, to_s: f64, ink: Ink) {
        let left = self.at_x(from_s);
        // A fault of seconds in a run of hours must still be seen.
        let right = self.at_x(to_s).max(left + 1.5);
        scene.rect((left, self.top), (right.min(self.right()), self.bottom()), ink, 0.16);
    }

    /// A horizontal line over the whole frame.
    pub(crate) fn level(&self, scene: &mut Scene, value: f64, ink: Ink, dash: Dash) {
        let y = self.at_y(value);
        scene.line(vec![(self.left, y), (self.right(), y)], ink, 1.0, dash);
    }

    /// A vertical line over the whole frame.
    pub(crate) fn mark(&self, scene: &mut Scene, at_s: f64, ink: Ink, dash: Dash) {
        let x = self.at_x(at_s);
        scene.line(vec![(x, self.top), (x, self.bottom())], ink, 0.9, dash);
    }

    /// A column over windows as a line; windows without data leave a gap.
    pub(crate) fn series(
        &self,
        scene: &mut Scene,
        (window_s, values): (f64, &[Option<f64>]),
        (ink, dash): (Ink, Dash),
        width: f64,
    ) {
        for run in envelope::runs(values, window_s, self) {
            let points: Vec<(f64, f64)> =
                run.iter().map(|&(at_s, value)| (self.at_x(at_s), self.at_y(value))).collect();
            match points.as_slice() {
                // A lone window between two gaps is a dot, not nothing.
                [(x, y)] => scene.rect((x - 0.8, y - 0.8), (x + 0.8, y + 0.8), ink, 1.0),
                _ => scene.line(points, ink, width, dash),
            }
        }
    }
}

/// `24 Jun`, for the tick at a midnight.
fn day_and_month(clock: &Clock, at_s: f64) -> String {
    let date = clock.date(at_s);
    let words: Vec<&str> = date.split(' ').collect();
    words.get(1..3).map(|words| words.join(" ")).unwrap_or_default()
}

/// A row of legend entries from `x` on, each with a piece of its line; gives back where it ends.
pub(crate) fn legend(
    scene: &mut Scene,
    (x, y): (f64, f64),
    entries: &[(String, Ink, Dash, f64)],
) -> f64 {
    let mut x = x;
    for (name, ink, dash, width) in entries {
        let name = words::shortened(name, NAME_MAX);
        let line = y - 0.33 * SMALL;
        scene.line(vec![(x, line), (x + 22.0, line)], *ink, *width, dash);
        scene.text((x + 26.0, y), SMALL, Anchor::Start, Ink::Text, name.clone());
        x += 26.0 + super::theme::text_width(&name, SMALL) + 14.0;
    }
    x
}

/// Legend entries in rows that fit a width; gives back the height taken [logical px].
pub(crate) fn legend_rows(
    scene: &mut Scene,
    (left, top): (f64, f64),
    width: f64,
    entries: &[(String, Ink, Dash, f64)],
) -> f64 {
    let (mut x, mut y) = (left, top);
    for entry in entries {
        let name = words::shortened(&entry.0, NAME_MAX);
        let wide = 40.0 + super::theme::text_width(&name, SMALL);
        if x > left && x + wide > left + width {
            x = left;
            y += 15.0;
        }
        x = legend(scene, (x, y), std::slice::from_ref(entry));
    }
    y + 15.0 - top
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_axes_end_at_round_numbers() {
        assert_eq!(Scale::from_zero(1.37), Scale::Linear { from: 0.0, to: 1.5 });
        assert_eq!(Scale::from_zero(1.37).ticks(), [0.0, 0.5, 1.0, 1.5]);
        assert_eq!(Scale::from_zero(0.0), Scale::Linear { from: 0.0, to: 1.0 });
        assert_eq!(Scale::from_zero(23_900.0), Scale::Linear { from: 0.0, to: 30_000.0 });
        let decades = Scale::decades(0.004, 31.0);
        let Scale::Log { from, to } = decades else { panic!("{decades:?}") };
        assert!((from - 0.001).abs() < 1e-12 && (to - 100.0).abs() < 1e-9);
        assert_eq!(decades.ticks().len(), 6);
        assert!((decades.place(1.0) - 0.6).abs() < 1e-12);
        assert_eq!(decades.place(0.0), 0.0);
    }
}
