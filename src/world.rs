//! The state of the world, in dense arrays: what control changes and traffic moves through.
//!
//! The world does not know where it comes from (no file format), nor who moves in it (neither
//! requests nor counts): both fidelities use the same one.

pub mod network;
pub mod population;
pub mod service;
pub mod state;
pub mod steering;

use crate::kernel::stream::{Luck, RootSeed};
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{Client, ClientId, Demander, Scenario, SiteId, Steering, SteeringId};
use network::{AnycastId, AttachmentId, Destination, Network};
use population::{ClassKind, Group, Population};
use service::Services;
use state::{Isolation, StoreState, Throttle};
use steering::SteeringState;

/// Everything.
#[derive(Clone, Debug)]
pub struct World {
    /// Routers, links, middleboxes, routes.
    pub network: Network,
    /// Stations.
    pub services: Services,
    /// Steered names; after them for each anycast name its catchments, one an attachment.
    pub steering: Vec<SteeringState>,
    /// Of these, the names.
    pub names: usize,
    /// [anycast name][attachment]: share of the mailboxes that use it there.
    weights: Vec<Vec<f64>>,
    /// [client]: the anycast name that it connects to.
    pub anycast_of_client: Vec<Option<AnycastId>>,
    /// Mailboxes.
    pub population: Population,
    /// Stores.
    pub stores: Vec<StoreState>,
    /// Throttles in force.
    pub throttles: Vec<Throttle>,
    /// Calls that fail at once, in no order.
    pub isolations: Vec<Isolation>,
    /// [class]: factor on its demand.
    pub demand_factor: Vec<f64>,
    /// [client]: the name that it connects to.
    pub steering_of_client: Vec<SteeringId>,
    /// [client]: keepalive of its sessions and time until one is given up; `None` in the second:
    /// never lost by silence.
    pub session_of_client: Vec<Option<(SimDuration, Option<SimDuration>)>>,
    /// Where each probe goes: from an attachment to a site.
    pub probe_pairs: Vec<(AttachmentId, SiteId)>,
    /// Number of sites.
    pub sites: usize,
    /// Number of attachments.
    pub attachments: usize,
    /// The first measured instant.
    pub measured_from: SimTime,
}

impl World {
    /// The world of a scenario at t = 0, at its scale.
    pub fn new(scenario: &Scenario, seed: RootSeed) -> World {
        let network = Network::new(scenario);
        let distance = |from: SiteId, to: SiteId| {
            let view = network.between_sites(from, to);
            if view.carries { view.delay.0 } else { u64::MAX }
        };
        let services = Services::new(scenario, distance);
        let population = Population::new(scenario, seed);
        let sessions = scenario.clients.iter().map(|client| {
            let session = client.session.as_ref()?;
            Some((session.keepalive, session.lost_after))
        });
        let anycast = |client: &Client| {
            scenario.anycast_number(client.connects).map(|name| AnycastId(name as u32))
        };
        let mut steering: Vec<SteeringState> =
            scenario.steering.iter().map(SteeringState::new).collect();
        steering.extend(catchments(scenario, &network));
        World {
            services,
            steering,
            names: scenario.steering.len(),
            weights: weights(scenario),
            anycast_of_client: scenario.clients.iter().map(anycast).collect(),
            stores: StoreState::all(scenario, seed),
            throttles: Vec::new(),
            isolations: Vec::new(),
            demand_factor: vec![1.0; population.classes.len()],
            steering_of_client: scenario.clients.iter().map(|client| client.connects).collect(),
            session_of_client: sessions.collect(),
            probe_pairs: probe_pairs(scenario),
            sites: scenario.sites.len(),
            attachments: scenario.regions.iter().map(|region| region.routers.len()).sum(),
            measured_from: scenario.start(),
            population,
            network,
        }
    }

    /// The state in `steering` that decides for a client's mailboxes at an attachment: its name's,
    /// or the catchments there of an anycast name.
    pub fn name_of(&self, client: ClientId, from: AttachmentId) -> usize {
        match self.anycast_of_client[client.index()] {
            Some(name) => self.names + name.index() * self.attachments + from.index(),
            None => self.steering_of_client[client.index()].index(),
        }
    }

    /// The site that a mailbox of a group is sent to now, by the authority or by the routes.
    pub fn home_of(&self, group: &Group, mailbox: Luck) -> SiteId {
        match self.anycast_of_client[group.client.index()] {
            Some(name) => {
                let from = AttachmentId(self.population.attachment(group, mailbox));
                let flow = mailbox.bits(steering::tag::FLOW);
                self.network.site_of(self.network.path_to_name(from, name, flow))
            }
            None => {
                let name = self.steering_of_client[group.client.index()];
                self.steering[name.index()].authoritative(mailbox)
            }
        }
    }

    /// The share of a name's mailboxes that is sent to a site now; of an anycast name, that the
    /// routes lead there, or led there last.
    pub fn share(&self, scenario: &Scenario, name: SteeringId, site: SiteId) -> f64 {
        let Some(number) = scenario.anycast_number(name) else {
            return self.steering[name.index()].share(site);
        };
        let states = self.steering[self.names + number * self.attachments..].iter();
        let weights = &self.weights[number];
        weights.iter().zip(states).map(|(weight, state)| weight * state.share(site)).sum()
    }

    /// Share of the mailboxes that each region pair of the network has at present.
    pub fn demand_shares(&self) -> Vec<f64> {
        let mut shares = vec![0.0; self.network.region_pairs()];
        for group in &self.population.groups {
            let (first, cumulative) = &group.attachments;
            let mut below = 0.0;
            for (number, &upper) in cumulative.iter().enumerate() {
                let from = AttachmentId(first + number as u32);
                let part = f64::from(group.count) * (upper - below);
                below = upper;
                let mut add = |to: Destination, share: f64| {
                    shares[self.network.region_pair_to(from, to)] += part * share;
                };
                match self.anycast_of_client[group.client.index()] {
                    Some(name) => add(Destination::Name(name), 1.0),
                    None => {
                        let name = &self.steering[self.name_of(group.client, from)];
                        let sites = (0..self.sites as u32).map(SiteId);
                        sites.for_each(|site| add(Destination::Site(site), name.share(site)));
                    }
                }
            }
        }
        let all: f64 = shares.iter().sum();
        shares.iter_mut().filter(|_| all > 0.0).for_each(|share| *share /= all);
        shares
    }

    /// Paths are others: catchments follow.
    pub fn follow_routes(&mut self, now: SimTime) {
        for number in 0..self.weights.len() * self.attachments {
            let name = AnycastId((number / self.attachments) as u32);
            let from = AttachmentId((number % self.attachments) as u32);
            let catchments = self.network.catchments(from, name);
            self.steering[self.names + number].follow(catchments, now);
        }
    }

    /// Epochs of all catchments: another number if any has moved.
    pub fn catchment_epochs(&self) -> usize {
        self.steering[self.names..].iter().map(SteeringState::epochs).sum()
    }

    /// The groups' classes of an operation, or of all, in a region or in all.
    pub fn classes_matching(
        &self,
        region: Option<crate::scenario::model::RegionId>,
        operation: Option<crate::scenario::model::OperationId>,
    ) -> impl Iterator<Item = usize> + '_ {
        let classes = self.population.classes.iter().enumerate();
        let found = classes.filter(move |(_, class)| match class.kind {
            ClassKind::Group(group) => {
                let of = self.population.groups[group as usize].region;
                region.is_none_or(|region| region == of)
                    && operation.is_none_or(|operation| operation == class.operation)
            }
            _ => false,
        });
        found.map(|(index, _)| index)
    }
}

/// The catchments of every anycast name at every attachment.
fn catchments(scenario: &Scenario, network: &Network) -> Vec<SteeringState> {
    let anycast = scenario.steering.iter().filter(|name| name.anycast().is_some());
    let at_attachments = |(number, name): (usize, &Steering)| {
        let name_id = AnycastId(number as u32);
        let first = name.answers[0].0;
        let from = (0..network.attachments().len() as u32).map(AttachmentId);
        from.map(move |from| SteeringState::of_catchments(network.catchments(from, name_id), first))
    };
    anycast.enumerate().flat_map(at_attachments).collect()
}

/// [anycast name][attachment]: share of the mailboxes that use it there.
fn weights(scenario: &Scenario) -> Vec<Vec<f64>> {
    let mut weights = vec![Vec::new(); scenario.anycast_count()];
    for (number, weights) in weights.iter_mut().enumerate() {
        for region in &scenario.regions {
            let users = region.clients.iter().filter(|(client, _)| {
                let name = scenario.clients[client.index()].connects;
                scenario.anycast_number(name) == Some(number)
            });
            let users = users.map(|(_, share)| region.mailboxes as f64 * share).sum::<f64>();
            weights.extend(region.routers.iter().map(|(_, share)| users * share));
        }
        let all: f64 = weights.iter().sum();
        weights.iter_mut().filter(|_| all > 0.0).for_each(|weight| *weight /= all);
    }
    weights
}

/// Every probed (region, site): from each region's first router to each site that the name of the
/// probed operation can be answered with; of an anycast name, to wherever the routes lead (the site
/// is its first).
fn probe_pairs(scenario: &Scenario) -> Vec<(AttachmentId, SiteId)> {
    let Some(probes) = &scenario.observers.probes else { return Vec::new() };
    let Demander::Client(client) = scenario.operations[probes.operation.index()].by else {
        return Vec::new();
    };
    let name = scenario.clients[client.index()].connects;
    let sites = scenario.steering[name.index()].answers.iter().map(|answer| answer.0);
    let mut sites: Vec<SiteId> = sites.collect();
    if scenario.anycast_number(name).is_some() {
        sites.truncate(1);
    }
    let first_attachment = |region: usize| {
        let before = &scenario.regions[..region];
        AttachmentId(before.iter().map(|region| region.routers.len() as u32).sum())
    };
    let from = probes.from.iter().map(|region| first_attachment(region.index()));
    from.flat_map(|from| sites.iter().map(move |&site| (from, site))).collect()
}
