//! A drawing as data: marks on paper, in logical pixels, before any backend sees them.
//!
//! Plots build scenes and know nothing of a drawing library; `theme` draws a scene as SVG or PNG.
//! So a test can ask of every plot whether two of its texts overlap.

use super::theme;

/// What a mark is drawn in; `theme` says which colour that is on light and on dark paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// The background.
    Paper,
    /// Titles and the most important line.
    Text,
    /// Labels of axes, notes.
    Muted,
    /// Grid lines.
    Grid,
    /// Okabe-Ito blue, dark in grey.
    Blue,
    /// Okabe-Ito orange, light in grey.
    Orange,
    /// Okabe-Ito bluish green.
    Green,
    /// Okabe-Ito vermillion: faults and what is bad.
    Vermillion,
    /// Okabe-Ito reddish purple.
    Purple,
    /// Okabe-Ito sky blue.
    Sky,
}

/// How a line is broken, in logical pixels of ink and gap by turns; empty is solid.
pub(crate) type Dash = &'static [f64];

/// A line without gaps.
pub(crate) const SOLID: Dash = &[];
/// Long dashes.
pub(crate) const DASHED: Dash = &[6.0, 3.0];
/// Dots.
pub(crate) const DOTTED: Dash = &[1.5, 2.5];
/// Dash, dot.
pub(crate) const DASH_DOT: Dash = &[7.0, 2.5, 1.5, 2.5];

/// Styles of the n-th series: colour, dash and lightness all differ, so that one is enough.
pub(crate) const SERIES: [(Ink, Dash); 6] = [
    (Ink::Blue, SOLID),
    (Ink::Orange, DASHED),
    (Ink::Green, DASH_DOT),
    (Ink::Purple, DOTTED),
    (Ink::Sky, &[10.0, 3.0]),
    (Ink::Vermillion, &[3.0, 3.0]),
];

/// Where a text stands to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

/// One thing drawn.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// A line through points.
    Line { points: Vec<(f64, f64)>, ink: Ink, width: f64, dash: Dash },
    /// A filled polygon.
    Area { points: Vec<(f64, f64)>, ink: Ink, opacity: f64 },
    /// A filled rectangle from its upper left to its lower right corner.
    Rect { from: (f64, f64), to: (f64, f64), ink: Ink, opacity: f64 },
    /// A text with its baseline at `y`.
    Text { x: f64, y: f64, size: f64, anchor: Anchor, ink: Ink, text: String },
}

/// A rectangle that a text takes: left, top, right, bottom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Bounds {
    /// Whether two rectangles share more than an edge.
    pub(crate) fn overlaps(&self, other: &Bounds) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    /// Rectangle of a text, from the bundled font's widths; 0.75 em above the baseline, 0.2 below.
    pub(crate) fn of_text(x: f64, y: f64, size: f64, anchor: Anchor, text: &str) -> Bounds {
        let width = theme::text_width(text, size);
        let left = match anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        Bounds { left, top: y - 0.75 * size, right: left + width, bottom: y + 0.2 * size }
    }
}

/// A drawing.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// Width [logical px].
    pub(crate) width: f64,
    /// Height [logical px].
    pub(crate) height: f64,
    /// What is drawn, from below to above.
    pub(crate) marks: Vec<Mark>,
}

impl Scene {
    /// Empty paper.
    pub(crate) fn new(width: f64, height: f64) -> Scene {
        Scene { width, height, marks: Vec::new() }
    }

    /// Draws a line; one point or none draws nothing.
    pub(crate) fn line(&mut self, points: Vec<(f64, f64)>, ink: Ink, width: f64, dash: Dash) {
        if points.len() > 1 {
            self.marks.push(Mark::Line { points, ink, width, dash });
        }
    }

    /// Draws a filled polygon.
    pub(crate) fn area(&mut self, points: Vec<(f64, f64)>, ink: Ink, opacity: f64) {
        if points.len() > 2 {
            self.marks.push(Mark::Area { points, ink, opacity });
        }
    }

    /// Draws a filled rectangle.
    pub(crate) fn rect(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink, opacity: f64) {
        self.marks.push(Mark::Rect { from, to, ink, opacity });
    }

    /// Writes a text with its baseline at `y`; an empty one leaves no mark.
    pub(crate) fn text(
        &mut self,
        (x, y): (f64, f64),
        size: f64,
        anchor: Anchor,
        ink: Ink,
        text: impl Into<String>,
    ) {
        let text = text.into();
        if !text.is_empty() {
            self.marks.push(Mark::Text { x, y, size, anchor, ink, text });
        }
    }

    /// Rectangles of all texts, with the texts.
    #[cfg(test)]
    pub(crate) fn texts(&self) -> Vec<(Bounds, &str)> {
        let texts = self.marks.iter().filter_map(|mark| match mark {
            Mark::Text { x, y, size, anchor, text, .. } => {
                Some((Bounds::of_text(*x, *y, *size, *anchor, text), text.as_str()))
            }
            _ => None,
        });
        texts.collect()
    }
}

/// What a step up or down counts along a dashed curve, against one sideways. A noisy series goes up
/// and down for many times its width: measured along it, dashes would shrink to dust.
const RISE: f64 = 0.25;
/// All that goes up and down counts at most this share of the width, however noisy the curve is.
const RISE_MAX: f64 = 1.0;

/// Cuts a polyline into the inked pieces of a dash pattern.
pub(crate) fn dashes(points: &[(f64, f64)], dash: Dash) -> Vec<Vec<(f64, f64)>> {
    if dash.is_empty() {
        return vec![points.to_vec()];
    }
    let mut pieces = Vec::new();
    let upright = points.iter().all(|point| (point.0 - points[0].0).abs() < 0.5);
    let steps = points.windows(2);
    let (wide, high) = steps.fold((0.0, 0.0), |(wide, high): (f64, f64), pair| {
        (wide + (pair[1].0 - pair[0].0).abs(), high + (pair[1].1 - pair[0].1).abs())
    });
    let rise = if upright { 1.0 } else { RISE.min(RISE_MAX * wide / high.max(1e-9)) };
    let (mut place, mut left, mut inked) = (0, dash[0], true);
    let mut piece = vec![points[0]];
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let length = dx.abs() + rise * dy.abs();
            if length <= left {
                left -= length;
                if inked {
                    piece.push(to);
                }
                break;
            }
            let share = left / length;
            from = (from.0 + dx * share, from.1 + dy * share);
            if inked {
                piece.push(from);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            inked = !inked;
            place = (place + 1) % dash.len();
            left = dash[place];
        }
    }
    if inked && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_count_width_and_a_quarter_of_the_rise() {
        let pieces = dashes(&[(0.0, 0.0), (24.0, 0.0), (24.0, 80.0)], DASHED);
        let lengths: Vec<f64> = pieces
            .iter()
            .map(|p| p.windows(2).map(|w| (w[1].0 - w[0].0).abs() + (w[1].1 - w[0].1).abs()).sum())
            .collect();
        // 24 px sideways, then 80 px down that count 20: 6 on, 3 off, until 44 are used.
        assert_eq!(lengths, [6.0, 6.0, 6.0, 24.0, 24.0]);
        assert_eq!(pieces[3], [(24.0, 12.0), (24.0, 36.0)]);
        let upright = dashes(&[(4.0, 0.0), (4.0, 20.0)], DASHED);
        assert_eq!(upright.len(), 3);
        assert_eq!(upright[0], [(4.0, 0.0), (4.0, 6.0)]);
    }
}
