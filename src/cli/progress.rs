//! How far a run has come, on a terminal only.

use crate::kernel::time::SimTime;
use crate::scenario::model::Scenario;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};

/// Progress of several trials together, with an estimate of the time left.
///
/// The estimate is made of wall-clock time (inside `indicatif`) and reaches nobody but the eye.
pub struct Progress {
    bar: ProgressBar,
    /// [trial]: simulated milliseconds that were counted.
    counted_ms: Vec<AtomicU64>,
}

impl Progress {
    /// A bar on stderr; nothing at all where stderr is no terminal, or `quiet`.
    pub fn new(scenario: &Scenario, quiet: bool) -> Progress {
        let shown = !quiet && std::io::stderr().is_terminal();
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let length_ms = millis(scenario.end()) * u64::from(scenario.seeds);
        let bar = ProgressBar::with_draw_target(Some(length_ms), target);
        let template = "{msg} {bar:40} {percent:>3} %  {elapsed} gone, {eta} left";
        bar.set_style(ProgressStyle::with_template(template).expect("a fixed, tested template"));
        bar.set_message(scenario.name.clone());
        Progress { bar, counted_ms: (0..scenario.seeds).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Trial number `trial` has come to `now`.
    pub fn came_to(&self, trial: usize, now: SimTime) {
        let before = self.counted_ms[trial].swap(millis(now), Ordering::Relaxed);
        self.bar.inc(millis(now).saturating_sub(before));
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn millis(time: SimTime) -> u64 {
    time.0 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::capacity::tests::small;

    #[test]
    fn trials_add_up_to_the_whole() {
        let mut scenario = small();
        scenario.seeds = 2;
        let progress = Progress::new(&scenario, true);
        progress.came_to(0, SimTime::from_secs(100));
        progress.came_to(1, scenario.end());
        progress.came_to(0, SimTime::from_secs(300));
        assert_eq!(progress.bar.position(), 300_000 + 7_800_000);
        assert_eq!(progress.bar.length(), Some(15_600_000));
    }
}
