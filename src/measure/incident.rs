//! The incident's clock: when it began to hurt, was seen, acted on, and was over.

use super::outcome::{Incident, Moment};
use super::recovery::recovery;

/// What the clock is read from; times in seconds from `start`.
#[derive(Clone, Debug)]
pub struct Readings<'a> {
    /// Availability minute by minute [share].
    pub minutes: &'a [Option<f64>],
    /// Threshold of availability that defines impact [share].
    pub threshold: f64,
    /// How long it must be held [s].
    pub sustained_s: f64,
    /// What happened.
    pub timeline: &'a [Moment],
    /// Names of the steps that have an action.
    pub acting_steps: &'a [String],
    /// Sessions over users present at each window's end [share], if there are sessions.
    pub sessions: &'a [Option<f64>],
    /// By how much the oldest message of any pipeline is older than promised at each window's end
    /// [s]; 0 where none is, empty without pipelines.
    pub overdue_s: &'a [f64],
    /// Whether the steering was at its first shares at each window's end.
    pub steering_home: &'a [bool],
    /// Length of a window [s].
    pub window_s: f64,
}

/// Sessions are back when this share of the users present is signed in.
const SESSIONS_BACK: f64 = 0.99;

/// The incident's clock.
///
/// Mitigated is the first minute after the lowest one that is half-way back to the threshold.
/// A backlog is drained when no message is older than promised (than it was before impact, where
/// that was more): so what the incident has left is gone, whatever the load of the hour.
pub fn incident(readings: &Readings) -> Incident {
    let first = |kind: &str| {
        let found = readings.timeline.iter().find(|moment| moment.kind == kind);
        found.map(|moment| moment.at_s)
    };
    let fault_s = first("fault");
    let fault_end = readings.timeline.iter().rev().find(|moment| moment.kind == "fault_end");
    let minute_of = |at_s: f64| (at_s / 60.0).floor().max(0.0) as usize;
    let sustained_minutes = (readings.sustained_s / 60.0).ceil() as usize;
    let found =
        recovery(readings.minutes, fault_s.map(minute_of), readings.threshold, sustained_minutes);
    let seconds = |minute: usize| minute as f64 * 60.0;
    let impact_s = found.impact_minute.map(seconds);
    let lowest = found.impact_minute.and_then(|impact| lowest_after(readings.minutes, impact));
    let detected_s = first("alarm").filter(|_| impact_s.is_some() || fault_s.is_some());
    let step = |acting: bool| {
        let steps = readings.timeline.iter().filter(|moment| moment.kind == "step");
        let mut found = steps.filter(|m| readings.acting_steps.contains(&m.name) == acting);
        found.next().map(|moment| moment.at_s)
    };
    // Mail can be late while every demand is answered: without impact, the fault begins the search.
    let after_impact = |mut holds: Box<dyn FnMut(usize) -> bool>, count: usize| {
        let impact = impact_s.or(fault_s)?;
        let from = (impact / readings.window_s) as usize;
        let left = (from..count).find(|&window| !holds(window))?;
        let back = (left..count).find(|&window| holds(window))?;
        Some((back + 1) as f64 * readings.window_s)
    };
    let sessions = readings.sessions.to_vec();
    let sessions_back =
        Box::new(move |w: usize| sessions[w].is_none_or(|share| share >= SESSIONS_BACK));
    let overdue_s = readings.overdue_s.to_vec();
    let impact_window = (impact_s.or(fault_s).unwrap_or(0.0) / readings.window_s) as usize;
    let usual = overdue_s[..impact_window.min(overdue_s.len())].iter().copied().fold(0.0, f64::max);
    let began_s = impact_s.or(fault_s);
    let never_grew = !overdue_s.is_empty() && overdue_s.iter().all(|&by_s| by_s <= usual);
    let drained = Box::new(move |w: usize| overdue_s[w] <= usual);
    let home = readings.steering_home.to_vec();
    Incident {
        threshold: readings.threshold,
        sustained_s: readings.sustained_s,
        fault_s,
        fault_end_s: fault_end.map(|moment| moment.at_s),
        impact_s,
        detected_s,
        decided_s: step(false).filter(|&at| detected_s.is_some_and(|seen| at >= seen)),
        acted_s: step(true),
        mitigated_s: lowest.and_then(|(minute, value)| {
            let half_way = f64::midpoint(value, readings.threshold);
            let after = readings.minutes.iter().enumerate().skip(minute + 1);
            let mut back = after.filter(|(_, v)| v.is_some_and(|v| v >= half_way));
            back.next().map(|(minute, _)| seconds(minute))
        }),
        recovered_s: found.recovered.map(seconds),
        first_recovered_s: found
            .first_recovered
            .filter(|first| found.recovered != Some(*first))
            .map(seconds),
        relapses_s: found.relapses.iter().map(|&minute| seconds(minute)).collect(),
        sessions_back_s: after_impact(sessions_back, readings.sessions.len()),
        drained_s: after_impact(drained, readings.overdue_s.len())
            .or(began_s.filter(|_| never_grew)),
        failed_back_s: after_impact(
            Box::new(move |w: usize| home[w]),
            readings.steering_home.len(),
        ),
        published_s: first("status_page"),
        censored: found.censored,
        metastable: false,
        lowest_availability: lowest.map(|(_, value)| value),
    }
}

fn lowest_after(minutes: &[Option<f64>], from: usize) -> Option<(usize, f64)> {
    let values = minutes.iter().enumerate().skip(from);
    let values = values.filter_map(|(minute, value)| value.map(|value| (minute, value)));
    values.fold(None, |lowest, (minute, value)| match lowest {
        Some((_, least)) if least <= value => lowest,
        _ => Some((minute, value)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(at_s: f64, kind: &str, name: &str) -> Moment {
        Moment { at_s, kind: kind.into(), name: name.into(), text: String::new() }
    }

    #[test]
    fn the_clock_reads_each_moment_from_its_own_source() {
        // 10 good minutes, 20 bad ones, good again; a window a minute.
        let minutes: Vec<Option<f64>> =
            (0..60).map(|m| Some(if (10..30).contains(&m) { 0.2 } else { 1.0 })).collect();
        let sessions: Vec<Option<f64>> =
            (0..60).map(|m| Some(if (12..40).contains(&m) { 0.5 } else { 1.0 })).collect();
        let overdue_s: Vec<f64> =
            (0..60).map(|m| if (11..50).contains(&m) { 9.0 } else { 0.0 }).collect();
        let home: Vec<bool> = (0..60).map(|m| !(20..55).contains(&m)).collect();
        let timeline = [
            moment(590.0, "fault", "cut"),
            moment(900.0, "fault_end", "cut"),
            moment(700.0, "alarm", "low"),
            moment(800.0, "step", "notice"),
            moment(1200.0, "step", "shift"),
            moment(5000.0, "status_page", "status page"),
        ];
        let clock = incident(&Readings {
            minutes: &minutes,
            threshold: 0.99,
            sustained_s: 600.0,
            timeline: &timeline,
            acting_steps: &["shift".into()],
            sessions: &sessions,
            overdue_s: &overdue_s,
            steering_home: &home,
            window_s: 60.0,
        });
        assert_eq!(clock.impact_s, Some(600.0));
        assert_eq!((clock.detected_s, clock.decided_s), (Some(700.0), Some(800.0)));
        assert_eq!((clock.acted_s, clock.mitigated_s), (Some(1200.0), Some(1800.0)));
        assert_eq!((clock.recovered_s, clock.censored), (Some(1800.0), false));
        assert_eq!(clock.sessions_back_s, Some(41.0 * 60.0));
        assert_eq!(clock.drained_s, Some(51.0 * 60.0));
        assert_eq!(clock.failed_back_s, Some(56.0 * 60.0));
        assert_eq!(clock.lowest_availability, Some(0.2));
    }
}
