//! Results of probes: failures in a row, and what the open window counts.

use super::Control;
use crate::measure::log::{Log, ProbeCell};
use crate::scenario::model::Scenario;

impl Control {
    /// Takes the results of probes that traffic has ended.
    pub fn probe_ended(&mut self, scenario: &Scenario, pair: u32, ok: bool) {
        let (failures, cell) = &mut self.probes[pair as usize];
        cell.ended += 1;
        cell.ok += u32::from(ok);
        *failures = if ok { 0 } else { *failures + 1 };
        debug_assert!(scenario.observers.probes.is_some());
    }

    /// Forgets the open window's probe counts: they were of the warm-up. Failures in a row stay.
    pub fn forget_probes(&mut self) {
        for (_, cell) in &mut self.probes {
            *cell = ProbeCell::default();
        }
    }

    /// Hands the open window's probe counts to the log, before the window is closed.
    pub fn log_probes(&mut self, scenario: &Scenario, log: &mut Log) {
        let Some(probes) = &scenario.observers.probes else {
            log.unhealthy.push(None);
            return;
        };
        let mut unhealthy = 0;
        for (failures, cell) in &mut self.probes {
            log.probes.push(std::mem::take(cell));
            unhealthy += u32::from(*failures >= probes.unhealthy_after);
        }
        let share = f64::from(unhealthy) / self.probes.len().max(1) as f64;
        log.unhealthy.push((!self.probes.is_empty()).then_some(share));
    }
}
