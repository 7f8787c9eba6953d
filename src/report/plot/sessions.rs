//! `sessions`: who is signed in where, who is trying, against who would be.

use crate::measure::outcome::SessionSeries;
use crate::report::words;

use super::axis::{Scale, TITLE, legend_rows};
use super::scene::{Anchor, DASHED, Dash, Ink, SERIES, SOLID, Scene};
use super::{
    Plot, Shown, WIDTH, envelope, full, highest, mark_incident, marks_in_words, time_panel,
};

const LEFT: f64 = 62.0;
const FRAME: f64 = 170.0;

/// Draws a panel for each client with sessions; `None` without any.
pub(super) fn plot(shown: &Shown<'_>) -> Option<Plot> {
    let clients = &shown.trial.series.sessions;
    if clients.is_empty() {
        return None;
    }
    let mut scene = Scene::new(WIDTH, 0.0);
    scene.text((14.0, 20.0), TITLE, Anchor::Start, Ink::Text, "Sessions [count at full size]");
    let mut entries: Vec<(String, Ink, Dash, f64)> = Vec::new();
    for (site, (ink, _)) in shown.results.scenario.sites.iter().zip(SERIES) {
        entries.push((format!("signed in at {site}"), ink, SOLID, 7.0));
    }
    entries.push(("signing in".to_string(), Ink::Vermillion, SOLID, 1.6));
    entries.push(("present".to_string(), Ink::Text, DASHED, 1.2));
    let mut top = 38.0 + legend_rows(&mut scene, (14.0, 38.0), WIDTH - 28.0, &entries) + 14.0;
    for client in clients {
        draw_client(&mut scene, shown, client, top);
        top += FRAME + 66.0;
    }
    scene.height = top - 14.0;
    let caption = "Users signed in, by site (stacked), those attempting or backing off, and those \
        present who would be signed in."
        .to_string();
    let caption = caption + &marks_in_words(shown);
    Some(Plot { name: "sessions", title: "Sessions", caption, scene })
}

fn draw_client(scene: &mut Scene, shown: &Shown<'_>, client: &SessionSeries, top: f64) {
    let window_s = shown.trial.series.window_s;
    let mut stacked = vec![0.0; client.present.len()];
    let mut layers: Vec<Vec<f64>> = vec![stacked.clone()];
    for site in &client.signed_in {
        for (sum, value) in stacked.iter_mut().zip(site) {
            *sum += value;
        }
        layers.push(stacked.clone());
    }
    let top_of = highest(client.present.iter().chain(&client.signing_in).chain(&stacked));
    let mut panel = time_panel(shown, LEFT, WIDTH - 22.0, top, FRAME);
    panel.y = Scale::from_zero(top_of);
    panel.value_axis(scene, &client.client, words::tick);
    for (index, pair) in layers.windows(2).enumerate() {
        let ink = SERIES[index % SERIES.len()].0;
        let edge = |values: &[f64]| -> Vec<(f64, f64)> {
            let points = envelope::runs(&full(values), window_s, &panel).into_iter().flatten();
            points.map(|(at_s, value)| (panel.at_x(at_s), panel.at_y(value))).collect()
        };
        let mut outline = edge(&pair[1]);
        outline.extend(edge(&pair[0]).into_iter().rev());
        scene.area(outline, ink, 0.75);
    }
    panel.time_axis(scene, &shown.clock, true);
    panel.time_title(scene, &shown.clock);
    mark_incident(scene, shown, &panel);
    panel.series(scene, (window_s, &full(&client.signing_in)), (Ink::Paper, SOLID), 3.4);
    panel.series(scene, (window_s, &full(&client.signing_in)), (Ink::Vermillion, SOLID), 1.6);
    panel.series(scene, (window_s, &full(&client.present)), (Ink::Text, DASHED), 1.2);
}
