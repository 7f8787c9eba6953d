//! `amplification`: attempts for each first attempt over time.

use crate::report::words;

use super::axis::{Scale, TITLE};
use super::scene::{Anchor, DASHED, Ink, SOLID, Scene};
use super::{Plot, Shown, WIDTH, highest, mark_incident, marks_in_words, time_panel};

/// Draws the factor; `None` where nothing was sent.
pub(super) fn plot(shown: &Shown<'_>) -> Option<Plot> {
    let series = &shown.trial.series;
    let peak = highest(series.amplification.iter().flatten());
    if peak <= 0.0 {
        return None;
    }
    let mut scene = Scene::new(WIDTH, 0.0);
    let title = "Retry amplification: attempts sent for each first attempt [factor]";
    scene.text((14.0, 20.0), TITLE, Anchor::Start, Ink::Text, title);
    let mut panel = time_panel(shown, 52.0, WIDTH - 22.0, 36.0, 150.0);
    panel.y = Scale::from_zero(peak.max(1.5));
    panel.value_axis(&mut scene, "", words::tick);
    panel.time_axis(&mut scene, &shown.clock, true);
    panel.time_title(&mut scene, &shown.clock);
    mark_incident(&mut scene, shown, &panel);
    panel.level(&mut scene, 1.0, Ink::Muted, DASHED);
    panel.series(&mut scene, (series.window_s, &series.amplification), (Ink::Blue, SOLID), 1.6);
    scene.height = panel.bottom() + 52.0;
    let caption = format!(
        "Dashed: 1, no retries. The highest minute had {}.{}",
        words::tick((shown.trial.impact.amplification_peak * 100.0).round() / 100.0),
        marks_in_words(shown)
    );
    Some(Plot { name: "amplification", title: "Retry amplification", caption, scene })
}
