//! The state of the world, in dense arrays: what control changes and traffic moves through.
//!
//! The world does not know where it comes from (no file format), nor who moves in it (neither
//! requests nor counts): both fidelities use the same one.

pub mod network;
pub mod population;
pub mod service;
pub mod state;
pub mod steering;

use crate::kernel::stream::RootSeed;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{Demander, Scenario, SiteId, SteeringId};
use network::{AttachmentId, Network};
use population::{ClassKind, Population};
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
    /// Steered names.
    pub steering: Vec<SteeringState>,
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
    /// [client]: keepalive and time until a session is given up; `None`: never lost by silence.
    pub session_of_client: Vec<Option<(SimDuration, SimDuration)>>,
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
            Some((session.keepalive, session.lost_after?))
        });
        World {
            services,
            steering: scenario.steering.iter().map(SteeringState::new).collect(),
            stores: StoreState::all(scenario),
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

/// Every probed (region, site): from each region's first router to each site that the name of the
/// probed operation can be answered with.
fn probe_pairs(scenario: &Scenario) -> Vec<(AttachmentId, SiteId)> {
    let Some(probes) = &scenario.observers.probes else { return Vec::new() };
    let Demander::Client(client) = scenario.operations[probes.operation.index()].by else {
        return Vec::new();
    };
    let name = scenario.clients[client.index()].connects;
    let sites = scenario.steering[name.index()].answers.iter().map(|answer| answer.0);
    let sites: Vec<SiteId> = sites.collect();
    let first_attachment = |region: usize| {
        let before = &scenario.regions[..region];
        AttachmentId(before.iter().map(|region| region.routers.len() as u32).sum())
    };
    let from = probes.from.iter().map(|region| first_attachment(region.index()));
    from.flat_map(|from| sites.iter().map(move |&site| (from, site))).collect()
}
