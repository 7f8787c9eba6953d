//! Colours, the font, and the only place that knows the drawing library (`plotters`).
//!
//! The bundled font has the widths of Arial, which SVG readers have or replace by one of equal
//! widths; so labels that do not overlap in the PNG do not overlap in the SVG either. Text in SVG
//! stays text. Both backends are handed the *baseline* of a text: they disagree on all else.

use std::path::Path;
use std::sync::OnceLock;

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle};

use super::scene::{Anchor, Ink, Mark, Scene, dashes};

/// Pixels of a file for one logical pixel: PNG for sharp screens, and half-pixel steps in SVG.
const PIXELS: f64 = 2.0;
/// Samples across a pixel of the PNG, then averaged: the library's wide lines are not smooth.
const SAMPLES: usize = 2;
/// Family named in SVG; the bundled font is registered under this very name.
const FAMILY: &str = "Arial, Liberation Sans, Helvetica, sans-serif";
/// The bundled font (see `font/OFL.txt`).
const FONT: &[u8] = include_bytes!("../font/plot-sans.ttf");
/// Height over em of the bundled font: (ascent 1854 + descent 434) / 2048, its `hhea` table.
/// The library takes the height for the size of a bitmap font.
const HEIGHT_PER_EM: f64 = 2288.0 / 2048.0;
/// The library divides SVG font sizes by this.
const SVG_SIZE_DIVISOR: f64 = 1.24;
/// Where the library's SVG texts with their top at y have their baseline [em].
const SVG_TOP_TO_BASELINE_EM: f64 = 0.76;

/// Failure to draw, in the drawing library's words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DrawError(String);

impl DrawError {
    fn new(error: impl std::fmt::Display) -> DrawError {
        DrawError(error.to_string())
    }
}

/// Colours of an ink on light and on dark paper; Okabe and Ito (2008), lightened where dark paper
/// would swallow them.
pub(crate) const fn colours(ink: Ink) -> ((u8, u8, u8), (u8, u8, u8)) {
    match ink {
        Ink::Paper => ((0xFF, 0xFF, 0xFF), (0x17, 0x1A, 0x1F)),
        Ink::Text => ((0x1F, 0x1F, 0x1F), (0xEC, 0xEC, 0xEA)),
        Ink::Muted => ((0x5E, 0x5E, 0x5E), (0xA9, 0xAE, 0xB5)),
        Ink::Grid => ((0xDF, 0xDF, 0xDF), (0x39, 0x3E, 0x46)),
        Ink::Blue => ((0x00, 0x72, 0xB2), (0x4D, 0xAA, 0xE6)),
        Ink::Orange => ((0xE6, 0x9F, 0x00), (0xF0, 0xB4, 0x2E)),
        Ink::Green => ((0x00, 0x9E, 0x73), (0x2F, 0xC0, 0x98)),
        Ink::Vermillion => ((0xD5, 0x5E, 0x00), (0xF0, 0x80, 0x2C)),
        Ink::Purple => ((0xCC, 0x79, 0xA7), (0xDC, 0x94, 0xBC)),
        Ink::Sky => ((0x56, 0xB4, 0xE9), (0x8C, 0xCD, 0xF2)),
    }
}

/// All inks, for the style sheet of a page on dark paper.
pub(crate) const INKS: [Ink; 10] = [
    Ink::Paper,
    Ink::Text,
    Ink::Muted,
    Ink::Grid,
    Ink::Blue,
    Ink::Orange,
    Ink::Green,
    Ink::Vermillion,
    Ink::Purple,
    Ink::Sky,
];

/// A colour as `#RRGGBB`.
pub(crate) fn hex((red, green, blue): (u8, u8, u8)) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// Registers the bundled font once a process; without it the library draws nothing at all.
fn register() -> Result<(), DrawError> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let done = REGISTERED
        .get_or_init(|| plotters::style::register_font(FAMILY, FontStyle::Normal, FONT).is_ok());
    if *done { Ok(()) } else { Err(DrawError::new("the bundled font cannot be read")) }
}

/// Width of a text in the bundled font [logical px].
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    const MEASURED_AT: f64 = 1000.0;
    let estimate = text.chars().count() as f64 * 0.55 * size;
    if register().is_err() {
        return estimate;
    }
    let family = FontFamily::Name(FAMILY);
    let font = FontDesc::new(family, MEASURED_AT * HEIGHT_PER_EM, FontStyle::Normal);
    match font.layout_box(text) {
        Ok(((left, _), (right, _))) => f64::from(right - left) / MEASURED_AT * size,
        Err(_) => estimate,
    }
}

/// What differs between the two backends.
#[derive(Clone, Copy)]
struct Medium {
    /// Pixels a logical pixel.
    scale: f64,
    /// The library's font size for one em.
    size_per_em: f64,
    /// From the library's y of a text to its baseline [em].
    baseline_em: f64,
    /// Whether lines are drawn piece by piece: the library's joins of wide lines grow spikes.
    joins: bool,
}

fn style_of(ink: Ink, opacity: f64) -> (RGBColor, f64) {
    let ((red, green, blue), _) = colours(ink);
    (RGBColor(red, green, blue), opacity)
}

fn draw<B: DrawingBackend>(
    scene: &Scene,
    area: &DrawingArea<B, Shift>,
    medium: Medium,
) -> Result<(), DrawError> {
    let at =
        |(x, y): (f64, f64)| ((x * medium.scale).round() as i32, (y * medium.scale).round() as i32);
    area.fill(&style_of(Ink::Paper, 1.0).0).map_err(DrawError::new)?;
    for mark in &scene.marks {
        match mark {
            Mark::Line { points, ink, width, dash } => {
                let width = (width * medium.scale).round().max(1.0) as u32;
                let (colour, _) = style_of(*ink, 1.0);
                let stroke =
                    ShapeStyle { color: colour.to_rgba(), filled: false, stroke_width: width };
                for piece in dashes(points, dash) {
                    let mut piece: Vec<(i32, i32)> = piece.into_iter().map(at).collect();
                    piece.dedup();
                    if medium.joins {
                        area.draw(&PathElement::new(piece, stroke)).map_err(DrawError::new)?;
                    } else {
                        for pair in piece.windows(2) {
                            area.draw(&PathElement::new(pair.to_vec(), stroke))
                                .map_err(DrawError::new)?;
                        }
                    }
                }
            }
            Mark::Area { points, ink, opacity } => {
                let (colour, opacity) = style_of(*ink, *opacity);
                let points: Vec<(i32, i32)> = points.iter().copied().map(at).collect();
                area.draw(&Polygon::new(points, colour.mix(opacity))).map_err(DrawError::new)?;
            }
            Mark::Rect { from, to, ink, opacity } => {
                let (colour, opacity) = style_of(*ink, *opacity);
                let fill = colour.mix(opacity).filled();
                area.draw(&Rectangle::new([at(*from), at(*to)], fill)).map_err(DrawError::new)?;
            }
            Mark::Text { x, y, size, anchor, ink, text } => {
                let em = size * medium.scale;
                let family = FontFamily::Name(FAMILY);
                let font = FontDesc::new(family, em * medium.size_per_em, FontStyle::Normal);
                let horizontal = match anchor {
                    Anchor::Start => HPos::Left,
                    Anchor::Middle => HPos::Center,
                    Anchor::End => HPos::Right,
                };
                let (colour, _) = style_of(*ink, 1.0);
                let style =
                    TextStyle::from(font).color(&colour).pos(Pos::new(horizontal, VPos::Top));
                let (x, baseline) = at((*x, *y));
                let y = baseline - (em * medium.baseline_em).round() as i32;
                area.draw(&Text::new(text.as_str(), (x, y), style)).map_err(DrawError::new)?;
            }
        }
    }
    area.present().map_err(DrawError::new)
}

/// Pixels of a scene at a scale.
fn pixels(scene: &Scene, scale: f64) -> (u32, u32) {
    ((scene.width * scale).round() as u32, (scene.height * scale).round() as u32)
}

/// Draws a scene as SVG; `label` is what it shows, for those who cannot see it.
///
/// # Errors
/// [`DrawError`] when the font or the library fails.
pub(crate) fn svg(scene: &Scene, label: &str) -> Result<String, DrawError> {
    register()?;
    let medium = Medium {
        scale: PIXELS,
        size_per_em: SVG_SIZE_DIVISOR,
        baseline_em: SVG_TOP_TO_BASELINE_EM,
        joins: true,
    };
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, pixels(scene, PIXELS)).into_drawing_area();
    draw(scene, &area, medium)?;
    drop(area);
    let label = label.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let opening = format!("<svg role=\"img\" aria-label=\"{label}\" stroke-linejoin=\"round\" ");
    Ok(text.replacen("<svg ", &opening, 1))
}

/// Draws a scene as a PNG file, two pixels a logical pixel.
///
/// # Errors
/// [`DrawError`] when the font, the library or the file system fails.
pub(crate) fn png(scene: &Scene, path: &Path) -> Result<(), DrawError> {
    register()?;
    let medium = Medium {
        scale: PIXELS * SAMPLES as f64,
        size_per_em: HEIGHT_PER_EM,
        baseline_em: HEIGHT_PER_EM / 2.0,
        joins: false,
    };
    let (width, height) = pixels(scene, PIXELS);
    let (fine_width, fine_height) = (width as usize * SAMPLES, height as usize * SAMPLES);
    let mut fine = vec![0_u8; fine_width * fine_height * 3];
    let size = (fine_width as u32, fine_height as u32);
    let area = BitMapBackend::with_buffer(&mut fine, size).into_drawing_area();
    draw(scene, &area, medium)?;
    drop(area);
    let coarse = averaged(&fine, width as usize, height as usize);
    let mut file = BitMapBackend::new(path, (width, height));
    file.blit_bitmap((0, 0), (width, height), &coarse).map_err(DrawError::new)?;
    file.present().map_err(DrawError::new)
}

/// Mean of each square of samples, a channel.
fn averaged(fine: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut coarse = vec![0; width * height * 3];
    let mut sums = vec![0_u32; width * 3];
    let line = width * SAMPLES * 3;
    for (lines, coarse) in fine.chunks_exact(line * SAMPLES).zip(coarse.chunks_exact_mut(width * 3))
    {
        sums.fill(0);
        for line in lines.chunks_exact(line) {
            let squares = line.chunks_exact(3 * SAMPLES).zip(sums.chunks_exact_mut(3));
            for (samples, sums) in squares {
                for sample in samples.chunks_exact(3) {
                    for (sum, &value) in sums.iter_mut().zip(sample) {
                        *sum += u32::from(value);
                    }
                }
            }
        }
        for (coarse, sum) in coarse.iter_mut().zip(&sums) {
            *coarse = (sum / (SAMPLES * SAMPLES) as u32) as u8;
        }
    }
    coarse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_arial() {
        // Advance of Arial's digits and space: 1139 and 569 of 2048 units an em.
        assert!((text_width("0000000000", 10.0) - 55.6).abs() < 0.2);
        assert!((text_width("0 0 0", 20.0) - 44.5).abs() < 0.3);
    }

    #[test]
    fn svg_keeps_text_as_escaped_text() {
        let mut scene = Scene::new(100.0, 50.0);
        scene.text((5.0, 20.0), 10.0, Anchor::Start, Ink::Text, "a <b> & c");
        let svg = svg(&scene, "less < \"more\"").expect("drawn");
        assert!(svg.contains("a &lt;b&gt; &amp; c"), "{svg}");
        assert!(svg.contains("aria-label=\"less &lt; &quot;more&quot;\""), "{svg}");
        assert!(svg.contains("viewBox=\"0 0 200 100\""));
    }
}
