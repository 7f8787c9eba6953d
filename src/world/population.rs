//! Who is out there: groups of mailboxes, and the classes of demand that they make.
//!
//! A *group* is a (region, client): a dense range of mailbox numbers. A *class* is one operation of
//! a group, of a pipeline or of the probes. Mailbox number i of a group of n has its user present
//! while i < n x present(local time): the presence curve makes sign-ins at the rate of its own
//! slope, without a draw. All other traits of a mailbox (steering, resolver, partition, database)
//! are drawn from its own luck, which its number does not order.

use crate::kernel::stream::{Luck, RootSeed};
use crate::kernel::time::SimTime;
use crate::scenario::model::{
    ClientId, Curve, Demander, OperationId, PipelineId, RegionId, Scenario,
};

/// A (region, client): mailboxes `first..first + count`.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its region.
    pub region: RegionId,
    /// Its client.
    pub client: ClientId,
    /// Its first mailbox.
    pub first: u32,
    /// Its mailboxes, at the run's scale.
    pub count: u32,
    /// First of the region's attachments, and the cumulative shares of all of them.
    pub attachments: (u32, Vec<f64>),
    /// Whether its client holds sessions.
    pub sessions: bool,
}

/// What a class of demand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassKind {
    /// An operation of the mailboxes of a group (index into [`Population::groups`]).
    Group(u32),
    /// The delivery of a pipeline's messages.
    Pipeline(PipelineId),
    /// Synthetic requests of the probes.
    Probe,
}

/// One class of demand.
#[derive(Clone, Copy, Debug)]
pub struct Class {
    /// What it is.
    pub kind: ClassKind,
    /// Its operation.
    pub operation: OperationId,
}

/// All mailboxes.
#[derive(Clone, Debug)]
pub struct Population {
    /// The groups.
    pub groups: Vec<Group>,
    /// The classes: those of the groups, then the pipelines', then the probes' (if any).
    pub classes: Vec<Class>,
    /// Mailboxes in all.
    pub mailboxes: u32,
    /// Luck that every mailbox's own is derived from.
    luck: Luck,
    curves: Vec<(Curve, Curve)>,
    /// Seconds after local midnight at t = 0, a region.
    midnight_offset_s: Vec<f64>,
}

impl Population {
    /// The population of a scenario, at its scale.
    pub fn new(scenario: &Scenario, seed: RootSeed) -> Population {
        let mut groups: Vec<Group> = Vec::new();
        let mut classes = Vec::new();
        let mut attachment = 0;
        let mut first = 0;
        for (r, region) in scenario.regions.iter().enumerate() {
            let mut upper = 0.0;
            let cumulative = region.routers.iter().map(|&(_, share)| {
                upper += share;
                upper
            });
            let attachments = (attachment, cumulative.collect::<Vec<f64>>());
            attachment += region.routers.len() as u32;
            for &(client, share) in &region.clients {
                let exact = region.mailboxes as f64 * share / scenario.scale as f64;
                let count = exact.round() as u32;
                groups.push(Group {
                    region: RegionId(r as u32),
                    client,
                    first,
                    count,
                    attachments: attachments.clone(),
                    sessions: scenario.clients[client.index()].session.is_some(),
                });
                first += count;
            }
        }
        for (g, group) in groups.iter().enumerate() {
            let kind = ClassKind::Group(g as u32);
            let operations = &scenario.clients[group.client.index()].operations;
            classes.extend(operations.iter().map(|&operation| Class { kind, operation }));
        }
        for (index, operation) in scenario.operations.iter().enumerate() {
            if let Demander::Pipeline(pipeline) = operation.by {
                let kind = ClassKind::Pipeline(pipeline);
                classes.push(Class { kind, operation: OperationId(index as u32) });
            }
        }
        if let Some(probes) = &scenario.observers.probes {
            classes.push(Class { kind: ClassKind::Probe, operation: probes.operation });
        }
        let start_s = (scenario.clock.start_unix_s as f64) - scenario.clock.warmup.as_secs_f64();
        let regions = &scenario.regions;
        Population {
            groups,
            classes,
            mailboxes: first,
            luck: Luck::named(seed, "population/mailboxes"),
            curves: regions.iter().map(|r| (r.load.clone(), r.present.clone())).collect(),
            midnight_offset_s: regions.iter().map(|r| start_s + r.utc_offset_s as f64).collect(),
        }
    }

    /// The luck of one mailbox: what is drawn from it stays for the whole run.
    #[inline]
    pub fn luck(&self, mailbox: u32) -> Luck {
        self.luck.derive(u64::from(mailbox))
    }

    /// Load factor of a region at `now`.
    pub fn load(&self, region: RegionId, now: SimTime) -> f64 {
        self.curves[region.index()].0.at(self.local_second(region, now))
    }

    /// Mailboxes of a group whose user is present at `now`; all, for clients without sessions.
    pub fn present(&self, group: &Group, now: SimTime) -> u32 {
        if !group.sessions {
            return group.count;
        }
        let share = self.curves[group.region.index()].1.at(self.local_second(group.region, now));
        (f64::from(group.count) * share).round() as u32
    }

    /// The attachment of a mailbox of this group, by its own luck.
    #[inline]
    pub fn attachment(&self, group: &Group, mailbox: Luck) -> u32 {
        let (first, cumulative) = &group.attachments;
        if cumulative.len() == 1 {
            return *first;
        }
        let draw = mailbox.uniform(super::steering::tag::ATTACHMENT);
        let found = cumulative.iter().position(|&upper| draw < upper);
        first + found.unwrap_or(cumulative.len() - 1) as u32
    }

    fn local_second(&self, region: RegionId, now: SimTime) -> f64 {
        self.midnight_offset_s[region.index()] + now.as_secs_f64()
    }
}
