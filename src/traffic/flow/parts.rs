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

use super::attached::{Attached, ways_stay};
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
    silent: Vec<Silent>,
    /// Whether what silent links and routers cut is all that tells attachments apart.
    ways_stay: bool,
}

/// What a fault makes silent.
#[derive(Clone, Copy, Debug)]
enum Silent {
    Link(LinkId),
    Router(RouterId),
}

/// What flow hashes up to one meet on the way to a site: which silent faults cut them off.
type Way = (f64, Vec<bool>);

/// Ends of flow hashes, and losses, that differ by less are the same.
const SAME: f64 = 1e-9;

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
        let (silent, ways_stay) = (silent(scenario), ways_stay(scenario));
        Parts { intervals, databases, silent, ways_stay }
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

    /// The ways from an attachment to a site, by parts of the unit interval of flow hashes.
    fn ways(&self, from: AttachmentId, site: SiteId, world: &World) -> Vec<Way> {
        let network = &world.network;
        let mut ways: Vec<Way> = Vec::new();
        let mut up_to = 0.0;
        for (path, share) in network.shares(from, site) {
            up_to += share;
            let cuts = |silent: &Silent| match *silent {
                Silent::Link(link) => network.passes_link(path, link),
                Silent::Router(router) => network.passes_router(path, router),
            };
            let cut_by: Vec<bool> = self.silent.iter().map(cuts).collect();
            match ways.last_mut() {
                Some(last) if last.1 == cut_by => last.0 = up_to,
                _ => ways.push((up_to, cut_by)),
            }
        }
        ways
    }

    /// The parts of the unit interval of flow hashes at an attachment.
    pub(super) fn flows(&self, from: AttachmentId, world: &World) -> Vec<(f64, f64)> {
        let sites = (0..world.sites as u32).map(SiteId);
        let ends = sites.flat_map(|site| self.ways(from, site, world)).map(|way| way.0);
        let mut cuts: Vec<f64> = ends.filter(|end| *end < 1.0 - SAME).chain([0.0]).collect();
        cuts.sort_unstable_by(f64::total_cmp);
        cuts.dedup_by(|a, b| (*a - *b).abs() < SAME);
        cuts.push(1.0);
        cuts.windows(2).map(|ends| (ends[0], ends[1])).collect()
    }

    /// Whether nothing in the scenario will tell two attachments apart.
    fn are_alike(&self, one: AttachmentId, other: AttachmentId, world: &World) -> bool {
        let lost = |from, site| -> f64 {
            let of = |(path, share)| share * world.network.view(path).loss;
            world.network.shares(from, site).map(of).sum()
        };
        let same = |a: &Way, b: &Way| (a.0 - b.0).abs() < SAME && a.1 == b.1;
        self.ways_stay
            && (0..world.sites as u32).map(SiteId).all(|site| {
                let (a, b) = (self.ways(one, site, world), self.ways(other, site, world));
                a.len() == b.len()
                    && a.iter().zip(&b).all(|(a, b)| same(a, b))
                    && (lost(one, site) - lost(other, site)).abs() < SAME
            })
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
        let anycast = world.anycast_of_client[client].is_some();
        // Attachments alike together, each with its share of the group's members.
        let (first, cumulative) = &group.attachments;
        let mut together: Vec<Vec<(AttachmentId, f64)>> = Vec::new();
        let mut below = 0.0;
        for (number, &up_to) in cumulative.iter().enumerate() {
            let one = (AttachmentId(first + number as u32), up_to - below);
            below = up_to;
            let alike = |of: &&mut Vec<(AttachmentId, f64)>| {
                !anycast && parts.are_alike(of[0].0, one.0, world)
            };
            match together.iter_mut().find(alike) {
                Some(others) => others.push(one),
                None => together.push(vec![one]),
            }
        }
        let mut others = 1.0;
        let mut left = u64::from(group.count);
        let all = together.len();
        for (number, mut of) in together.into_iter().enumerate() {
            let whole: f64 = of.iter().map(|one| one.1).sum();
            let last = number + 1 == all;
            let mut here = if last { left } else { binomial(draws, left, whole / others) };
            (left, others) = (left - here, others - whole);
            of.iter_mut().for_each(|one| one.1 /= whole);
            let from = of[0].0;
            let attached = Attached::new(of, world);
            let name = &world.steering[world.name_of(group.client, from)];
            let flows = match group.sessions && !anycast {
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
                    attached: attached.clone(),
                    part,
                    flows,
                    cells: pieces(name, members, (world.sites, classes[index]), draws),
                    members,
                    present: 0,
                    signed: vec![0; world.sites],
                    pools: Vec::new(),
                    near: 0,
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
fn silent(scenario: &Scenario) -> Vec<Silent> {
    let mut silent = Vec::new();
    for fault in &scenario.faults {
        match &fault.kind {
            FaultKind::LinkSilent { link } => silent.push(Silent::Link(*link)),
            FaultKind::RouterSilent { router } => silent.push(Silent::Router(*router)),
            FaultKind::ConfigPushed { effect: BadConfig::Silent, routers, .. } => {
                silent.extend(routers.iter().map(|&router| Silent::Router(router)));
            }
            _ => {}
        }
    }
    silent
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
