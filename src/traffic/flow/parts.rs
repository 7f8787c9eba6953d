//! Parts of the mailboxes that a fault or an action tells apart for the whole run: partitions of
//! the directory, databases (see `databases.rs`), and flows over one of several equal paths; and
//! the crowds of all parts at t = 0.
//!
//! A mailbox has one place in the unit interval, and a service with P partitions finds it in
//! partition floor(P x place). Partitions that some fault or action of the scenario names are parts
//! of their own for the whole run; all others are one part, whose requests are dealt to its
//! partitions' stations as they come. **Leaves out.** Within that part a retry may come to another
//! partition than the attempt before it; nothing tells these partitions apart but luck. A mailbox's
//! database is another draw: of each such part, each class of databases is a part.
//!
//! A session's requests have one flow hash, so that a silent link or router among several equal
//! paths loses always the same mailboxes'. Where the scenario has such a fault, flow hashes are
//! parted where the paths of t = 0 over it begin and end. New connections have new hashes, and draw
//! among all paths. **Leaves out.** While other paths are in use, whoever is in a part that they
//! divide draws among them anew each time.

use super::crowds::{ALL_FLOWS, Cell, Crowd, Owner};
use super::databases::Databases;
use super::signing::Pace;
use super::tracers::At;
use crate::kernel::sample::binomial;
use crate::kernel::stream::Stream;
use crate::scenario::model::{
    Action, BadConfig, FaultKind, LinkId, RouterId, Scenario, ServiceId, SiteId,
};
use crate::world::World;
use crate::world::network::AttachmentId;
use crate::world::steering::SteeringState;

/// The parts of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    /// [part]: intervals of the unit interval, but for databases.
    intervals: Vec<Vec<(f64, f64)>>,
    pub databases: Databases,
    /// Links and routers that some fault makes silent.
    silent: (Vec<LinkId>, Vec<RouterId>),
}

impl Parts {
    /// The named partitions, one part each where none overlaps another's, then the rest; of each,
    /// the classes of databases.
    pub(super) fn new(scenario: &Scenario, world: &World) -> Parts {
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
        let databases = Databases::new(scenario, &world.stores);
        Parts { intervals, databases, silent: silent(scenario) }
    }

    /// Number of parts; at least one.
    pub(super) fn count(&self) -> usize {
        self.intervals.len() * self.databases.shares().len()
    }

    /// The class of a part's databases.
    pub(super) fn databases_of(&self, part: usize) -> usize {
        part % self.databases.shares().len()
    }

    fn partitions_of(&self, part: usize) -> &[(f64, f64)] {
        &self.intervals[part / self.databases.shares().len()]
    }

    /// Share of the mailboxes in each.
    pub(super) fn shares(&self) -> impl Iterator<Item = f64> + '_ {
        let width = |part: usize| self.partitions_of(part).iter().map(|(a, b)| b - a).sum::<f64>();
        let of_class = |part: usize| self.databases.shares()[self.databases_of(part)];
        (0..self.count()).map(move |part| width(part) * of_class(part))
    }

    /// The parts of the unit interval of flow hashes at an attachment.
    pub(super) fn flows(&self, from: AttachmentId, world: &World) -> Vec<(f64, f64)> {
        let network = &world.network;
        let mut cuts = vec![0.0];
        for site in (0..world.sites as u32).map(SiteId) {
            let (mut upper, mut last) = (0.0, None);
            for (path, share) in network.shares(from, site) {
                let (links, routers) = &self.silent;
                let lost = links.iter().any(|&link| network.passes_link(path, link))
                    || routers.iter().any(|&router| network.passes_router(path, router));
                if last.replace(lost).is_some_and(|last| last != lost) {
                    cuts.push(upper);
                }
                upper += share;
            }
        }
        cuts.sort_unstable_by(f64::total_cmp);
        cuts.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
        cuts.push(1.0);
        cuts.windows(2).map(|ends| (ends[0], ends[1])).collect()
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
        let whole: f64 = self.partitions_of(part).iter().map(|(a, b)| b - a).sum();
        let width = 1.0 / f64::from(partitions);
        let mut stations = Vec::new();
        for partition in 0..partitions {
            let (from, to) = (f64::from(partition) * width, f64::from(partition + 1) * width);
            let common = |&(a, b): &(f64, f64)| (b.min(to) - a.max(from)).max(0.0);
            let share = self.partitions_of(part).iter().map(common).sum::<f64>() / whole;
            if share > 1e-9 {
                stations.push((first.0 + partition, share));
            }
        }
        stations
    }
}

/// The crowds of all mailboxes at t = 0, one cell a piece of their name.
pub(super) fn initial(
    world: &World,
    parts: &Parts,
    classes: &[usize],
    draws: &mut Stream,
) -> Vec<Crowd> {
    let mut crowds = Vec::new();
    for (index, group) in world.population.groups.iter().enumerate() {
        let client = group.client.index();
        let (first, cumulative) = &group.attachments;
        let mut below = 0.0;
        let mut left = u64::from(group.count);
        for (number, &up_to) in cumulative.iter().enumerate() {
            let share = (up_to - below) / (1.0 - below).max(1e-12);
            let last = number + 1 == cumulative.len();
            let mut here = if last { left } else { binomial(draws, left, share) };
            left -= here;
            below = up_to;
            let from = AttachmentId(first + number as u32);
            let name = &world.steering[world.name_of(group.client, from)];
            let flows = match group.sessions && world.anycast_of_client[client].is_none() {
                true => parts.flows(from, world),
                false => vec![ALL_FLOWS],
            };
            let shares: Vec<(u16, (f64, f64), f64)> = parts
                .shares()
                .enumerate()
                .flat_map(|(part, share)| {
                    let with = |&of: &(f64, f64)| (part as u16, of, share * (of.1 - of.0));
                    flows.iter().map(with).collect::<Vec<_>>()
                })
                .collect();
            let mut share_left = 1.0;
            for (number, &(part, flows, share)) in shares.iter().enumerate() {
                let last = number + 1 == shares.len();
                let share_of = share / share_left;
                let members = if last { here } else { binomial(draws, here, share_of) };
                here -= members;
                share_left -= share;
                crowds.push(Crowd {
                    owner: Owner::Group(index as u32),
                    attachment: Some(from),
                    part,
                    flows,
                    cells: pieces(name, members, (world.sites, classes[index]), draws),
                    members,
                    present: 0,
                    signed: vec![0; world.sites],
                    pools: Vec::new(),
                    survival: vec![0.0; world.sites],
                    pace: Pace::new(world.sites),
                    traced: vec![0; At::places(world.sites)],
                });
            }
        }
    }
    crowds
}

fn pieces(
    name: &SteeringState,
    mut members: u64,
    counts: (usize, usize),
    draws: &mut Stream,
) -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut lower = 0.0;
    for upper in name.ends() {
        let whole = upper >= 1.0 - 1e-12;
        let share = (upper - lower) / (1.0 - lower).max(1e-12);
        let here = if whole { members } else { binomial(draws, members, share) };
        members -= here;
        let piece = (lower, if whole { 1.0 } else { upper });
        cells.push(Cell::of_piece(piece, here, counts, name));
        lower = upper;
    }
    cells
}

/// Links and routers that some fault makes silent.
fn silent(scenario: &Scenario) -> (Vec<LinkId>, Vec<RouterId>) {
    let (mut links, mut silent) = (Vec::new(), Vec::new());
    for fault in &scenario.faults {
        match &fault.kind {
            FaultKind::LinkSilent { link } => links.push(*link),
            FaultKind::RouterSilent { router } => silent.push(*router),
            FaultKind::ConfigPushed { effect: BadConfig::Silent, routers, .. } => {
                silent.extend(routers);
            }
            _ => {}
        }
    }
    (links, silent)
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
