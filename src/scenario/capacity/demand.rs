//! Demand over the day, laid on stations, middleboxes and links.

use super::paths::{Paths, Route};
use super::visits::{Visits, Walker};
use super::{ExpectedCost, LinkLoad, MiddleboxLoad, StationLoad};
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{
    ClientId, LinkId, Load, MiddleboxId, OperationId, Region, Scenario, ServiceId, SiteId,
    Steering, SteeringId,
};

/// Distance of two looks at the curves.
pub(super) const STEP: SimDuration = SimDuration::from_secs(300);

/// Time over which the slope of a presence curve is taken [s].
const SLOPE_S: f64 = 60.0;

/// A scenario with one set of shares, ready to be read at any time.
pub(super) struct Scan<'a> {
    scenario: &'a Scenario,
    /// [region][steering]: the sites that its users come to, and which way.
    routes: Vec<Vec<Vec<Route>>>,
    /// [operation][site]: what one request sent to the site brings, and its mean time [s].
    unit: Vec<Vec<(Visits, f64)>>,
    /// [service * sites + site]: slots, at full size.
    slots: Vec<f64>,
}

/// Peaks over a time.
pub(super) struct Peaks {
    pub(super) stations: Vec<StationLoad>,
    pub(super) middleboxes: Vec<MiddleboxLoad>,
    pub(super) links: Vec<LinkLoad>,
}

/// Everything at one instant, at full size.
struct Instant {
    visits: Visits,
    operations_per_s: f64,
    /// [site]
    connections_per_s: Vec<f64>,
    sessions: Vec<f64>,
    bits_per_s: Vec<f64>,
    /// [link][direction]
    link_bits_per_s: Vec<[f64; 2]>,
}

impl<'a> Scan<'a> {
    /// With the shares of `start`.
    pub(super) fn new(scenario: &'a Scenario, paths: &Paths<'_>) -> Scan<'a> {
        let answers: Vec<_> = scenario.steering.iter().map(|name| name.answers.clone()).collect();
        let active: Vec<_> = scenario.stores.iter().map(|store| store.copies.clone()).collect();
        Scan::with(scenario, paths, &answers, &active, &[])
    }

    /// With these shares of names and stores, and instances added at (service, site).
    pub(super) fn with(
        scenario: &'a Scenario,
        paths: &Paths<'_>,
        answers: &[Vec<(SiteId, f64)>],
        active: &[Vec<(SiteId, f64)>],
        added: &[(ServiceId, SiteId, u64)],
    ) -> Scan<'a> {
        let sites = (0..scenario.sites.len() as u32).map(SiteId);
        let walker = Walker { scenario, paths, active };
        let operations = (0..scenario.operations.len() as u32).map(OperationId);
        let unit = operations
            .map(|operation| sites.clone().map(|site| walker.request(operation, site)).collect())
            .collect();
        let routes = scenario.regions.iter().map(|region| {
            let of_name = |(name, answers): (&Steering, &Vec<(SiteId, f64)>)| match name.anycast() {
                Some(prefix) => {
                    let sites = name.answers.iter().map(|answer| answer.0);
                    paths.to_name(&region.routers, prefix, sites)
                }
                None => {
                    let to = |&(site, share): &(SiteId, f64)| Route {
                        share,
                        ..paths.to_site(&region.routers, site)
                    };
                    answers.iter().map(to).collect()
                }
            };
            scenario.steering.iter().zip(answers).map(of_name).collect()
        });
        let routes = routes.collect();
        let slots = slots(scenario, added);
        Scan { scenario, routes, unit, slots }
    }

    /// Shares of its sites that users of a name come to, by region: the catchments.
    pub(super) fn catchments(&self, name: SteeringId) -> Vec<Vec<(SiteId, f64)>> {
        let of = |routes: &Vec<Vec<Route>>| {
            routes[name.index()].iter().map(|route| (route.site, route.share)).collect()
        };
        self.routes.iter().map(of).collect()
    }

    /// Peaks from `from` to `to`, both included.
    pub(super) fn peaks(&self, from: SimTime, to: SimTime) -> Peaks {
        let scenario = self.scenario;
        let mut peaks = self.nothing(from);
        for at in grid(from, to) {
            let now = self.at(at);
            for (peak, station) in peaks.stations.iter_mut().zip(self.stations()) {
                let utilisation = ratio(now.visits.slot_s[station], self.slots[station]);
                if utilisation > peak.peak_utilisation {
                    peak.peak_utilisation = utilisation;
                    peak.peak_requests_per_s = now.visits.requests[station];
                    peak.at = at;
                }
            }
            for (peak, middlebox) in peaks.middleboxes.iter_mut().zip(&scenario.network.middleboxes)
            {
                let site = middlebox.before.index();
                let connections = now.connections_per_s[site];
                peak.peak_connections_per_s = peak.peak_connections_per_s.max(connections);
                let limits = [
                    ("new_connections", connections, middlebox.new_connections),
                    ("sessions", now.sessions[site], middlebox.sessions.map(|n| n as f64)),
                    ("bandwidth", now.bits_per_s[site], middlebox.bandwidth),
                ];
                for (limit, load, capacity) in limits {
                    let utilisation = capacity.map_or(0.0, |capacity| ratio(load, capacity));
                    if utilisation > peak.peak_utilisation {
                        (peak.peak_utilisation, peak.limit, peak.at) = (utilisation, limit, at);
                    }
                }
            }
            for (peak, link) in peaks.links.iter_mut().zip(&scenario.network.links) {
                let [there, back] = now.link_bits_per_s[peak.link.index()];
                let utilisation = ratio(there.max(back), link.bandwidth);
                if utilisation > peak.peak_utilisation {
                    (peak.peak_utilisation, peak.at) = (utilisation, at);
                }
            }
        }
        peaks
    }

    /// Size of the whole run, warm-up included, at its scale: each look stands for the time to the
    /// next.
    pub(super) fn cost(&self) -> ExpectedCost {
        let mut cost = ExpectedCost::default();
        let end = self.scenario.end();
        for at in grid(SimTime::ZERO, end) {
            let now = self.at(at);
            let lasts = ((at + STEP).min(end) - at).as_secs_f64() / self.scenario.scale as f64;
            cost.operations += now.operations_per_s * lasts;
            cost.station_visits += now.visits.requests.iter().sum::<f64>() * lasts;
        }
        cost
    }

    fn nothing(&self, at: SimTime) -> Peaks {
        let sites = self.scenario.sites.len();
        let station = |index: usize| StationLoad {
            service: ServiceId((index / sites) as u32),
            site: SiteId((index % sites) as u32),
            peak_requests_per_s: 0.0,
            peak_utilisation: 0.0,
            at,
        };
        let middlebox = |index: usize| MiddleboxLoad {
            middlebox: MiddleboxId(index as u32),
            peak_connections_per_s: 0.0,
            peak_utilisation: 0.0,
            limit: "new_connections",
            at,
        };
        let link = |i: usize| LinkLoad { link: LinkId(i as u32), peak_utilisation: 0.0, at };
        Peaks {
            stations: self.stations().map(station).collect(),
            middleboxes: (0..self.scenario.network.middleboxes.len()).map(middlebox).collect(),
            links: (0..self.scenario.network.links.len()).map(link).collect(),
        }
    }

    /// The stations that exist, by `service * sites + site`.
    fn stations(&self) -> impl Iterator<Item = usize> + '_ {
        let sites = self.scenario.sites.len();
        self.scenario.services.iter().enumerate().flat_map(move |(index, service)| {
            service.sites.iter().map(move |placement| index * sites + placement.site.index())
        })
    }

    fn at(&self, at: SimTime) -> Instant {
        let sites = self.scenario.sites.len();
        let mut now = Instant {
            visits: Visits::none(self.scenario),
            operations_per_s: 0.0,
            connections_per_s: vec![0.0; sites],
            sessions: vec![0.0; sites],
            bits_per_s: vec![0.0; sites],
            link_bits_per_s: vec![[0.0; 2]; self.scenario.network.links.len()],
        };
        for (index, region) in self.scenario.regions.iter().enumerate() {
            for &(client, share) in &region.clients {
                let mailboxes = region.mailboxes as f64 * share;
                self.add_group(&mut now, (index, region), client, mailboxes, at);
            }
        }
        now
    }

    fn add_group(
        &self,
        now: &mut Instant,
        (region_index, region): (usize, &Region),
        client: ClientId,
        mailboxes: f64,
        at: SimTime,
    ) {
        let client = &self.scenario.clients[client.index()];
        let local = self.local_second(region, at);
        let (present, arriving) = match client.session {
            None => (mailboxes, 0.0),
            Some(_) => {
                let slope = region.present.at(local + SLOPE_S) - region.present.at(local);
                (mailboxes * region.present.at(local), mailboxes * slope.max(0.0) / SLOPE_S)
            }
        };
        for route in &self.routes[region_index][client.connects.index()] {
            let (site, share) = (route.site, route.share);
            if client.session.is_some() {
                now.sessions[site.index()] += present * share;
            }
            for &id in &client.operations {
                let operation = &self.scenario.operations[id.index()];
                let signs_in = client.session.as_ref().is_some_and(|s| s.sign_in == id);
                let (visits, response_s) = &self.unit[id.index()][site.index()];
                let mut rate = share
                    * match &operation.load {
                        Load::Rate { per_hour } => {
                            present * region.load.at(local) * per_hour / 3600.0
                        }
                        Load::Think(think) => present / (think.mean() + response_s),
                        Load::Induced => 0.0,
                    };
                if signs_in {
                    rate += arriving * share;
                }
                if rate <= 0.0 {
                    continue;
                }
                now.operations_per_s += rate;
                now.visits.add(visits, rate);
                if client.session.is_none() || signs_in {
                    now.connections_per_s[site.index()] += rate;
                }
                let bits = rate * operation.size_bytes * 8.0;
                now.bits_per_s[site.index()] += bits;
                for (sum, part) in now.link_bits_per_s.iter_mut().zip(&route.load) {
                    *sum = [sum[0] + bits * part[0], sum[1] + bits * part[1]];
                }
            }
        }
    }

    /// Seconds since local midnight (of some day).
    fn local_second(&self, region: &Region, at: SimTime) -> f64 {
        let clock = &self.scenario.clock;
        (clock.start_unix_s + region.utc_offset_s) as f64 + at.as_secs_f64()
            - clock.warmup.as_secs_f64()
    }
}

/// Slots of every (service, site) at full size, such as the run's scale leaves them.
fn slots(scenario: &Scenario, added: &[(ServiceId, SiteId, u64)]) -> Vec<f64> {
    let sites = scenario.sites.len();
    let mut slots = vec![0.0; scenario.services.len() * sites];
    for (index, service) in scenario.services.iter().enumerate() {
        for placement in &service.sites {
            let id = ServiceId(index as u32);
            let more = added.iter().filter(|a| a.0 == id && a.1 == placement.site);
            let more: u64 = more.map(|a| a.2 * u64::from(service.concurrency)).sum();
            let here = scenario.slots(id, placement.site) + scenario.scaled(more);
            // The smallest partition of an uneven division is the one that overflows.
            let even = here / u64::from(service.partitions) * u64::from(service.partitions);
            slots[index * sites + placement.site.index()] = (even * scenario.scale) as f64;
        }
    }
    slots
}

fn ratio(load: f64, capacity: f64) -> f64 {
    if load == 0.0 { 0.0 } else { load / capacity }
}

/// `from`, every [`STEP`] after it, and `to`.
fn grid(from: SimTime, to: SimTime) -> impl Iterator<Item = SimTime> {
    let steps = (to - from).0.div_ceil(STEP.0.max(1));
    (0..steps).map(move |step| from + STEP * step).chain(std::iter::once(to))
}
