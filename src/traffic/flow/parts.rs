//! Parts of the directory: mailboxes that a fault or an action on one partition tells apart.
//!
//! A mailbox has one place in the unit interval, and a service with P partitions finds it in
//! partition floor(P x place). Partitions that some fault or action of the scenario names are parts
//! of their own for the whole run; all others are one part, whose requests are dealt to its
//! partitions' stations as they come. **Leaves out.** Within that part a retry may come to another
//! partition than the attempt before it; nothing tells these partitions apart but luck.

use crate::scenario::model::{Action, FaultKind, Scenario, ServiceId, SiteId};
use crate::world::World;

/// The parts of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    /// [part]: intervals of the unit interval.
    intervals: Vec<Vec<(f64, f64)>>,
}

impl Parts {
    /// The named partitions, one part each where none overlaps another's, then the rest.
    pub(super) fn new(scenario: &Scenario) -> Parts {
        let named = named(scenario);
        let interval = |&(service, partition): &(ServiceId, u32)| {
            let all = f64::from(scenario.services[service.index()].partitions);
            (f64::from(partition) / all, f64::from(partition + 1) / all)
        };
        let marked: Vec<(f64, f64)> = named.iter().map(interval).collect();
        let mut ends: Vec<f64> =
            marked.iter().flat_map(|&(a, b)| [a, b]).chain([0.0, 1.0]).collect();
        ends.sort_unstable_by(f64::total_cmp);
        ends.dedup();
        let inside = |&(a, b): &(f64, f64)| marked.iter().any(|&(c, d)| c <= a && b <= d);
        let pieces = ends.windows(2).map(|ends| (ends[0], ends[1]));
        let (told, rest): (Vec<_>, Vec<_>) = pieces.partition(inside);
        let mut intervals: Vec<Vec<(f64, f64)>> = told.into_iter().map(|one| vec![one]).collect();
        if !rest.is_empty() {
            intervals.push(rest);
        }
        Parts { intervals }
    }

    /// Number of parts; at least one.
    pub(super) fn count(&self) -> usize {
        self.intervals.len()
    }

    /// Share of the mailboxes in each.
    pub(super) fn shares(&self) -> impl Iterator<Item = f64> + '_ {
        self.intervals.iter().map(|part| part.iter().map(|(a, b)| b - a).sum())
    }

    /// The stations at which a service is found at a site by a part's mailboxes, with the share
    /// that each has of them; none where the site does not have the service.
    pub(super) fn stations(
        &self,
        part: usize,
        (service, site): (ServiceId, SiteId),
        world: &World,
    ) -> Vec<(u32, f64)> {
        let Some(first) = world.services.at(service, site, 0.0) else { return Vec::new() };
        let partitions = world.services.partition_count(service);
        let whole: f64 = self.intervals[part].iter().map(|(a, b)| b - a).sum();
        let width = 1.0 / f64::from(partitions);
        let mut stations = Vec::new();
        for partition in 0..partitions {
            let (from, to) = (f64::from(partition) * width, f64::from(partition + 1) * width);
            let common = |&(a, b): &(f64, f64)| (b.min(to) - a.max(from)).max(0.0);
            let share = self.intervals[part].iter().map(common).sum::<f64>() / whole;
            if share > 1e-9 {
                stations.push((first.0 + partition, share));
            }
        }
        stations
    }
}

/// The partitions that faults and actions name, in the order of the file.
fn named(scenario: &Scenario) -> Vec<(ServiceId, u32)> {
    let of_fault = |kind: &FaultKind| match *kind {
        FaultKind::Hung { service, partition: Some(partition), .. } => Some((service, partition)),
        _ => None,
    };
    let of_action = |action: &Action| match *action {
        Action::Isolate { service, partition: Some(partition), .. }
        | Action::Rejoin { service, partition: Some(partition), .. } => Some((service, partition)),
        _ => None,
    };
    let faults = scenario.faults.iter().filter_map(|fault| of_fault(&fault.kind));
    let actions = scenario.runbook.iter().filter_map(|step| step.action.as_ref());
    faults.chain(actions.filter_map(of_action)).collect()
}
