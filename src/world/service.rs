//! The stations: one pooled station a (service, site, partition), and where calls go.
//!
//! A station here is what control can change (slots, slowness, errors, hangs); who waits and who
//! is served is traffic's, since the two fidelities solve it differently. Everything is a dense
//! array. A pooled station is somewhat better than many instances behind a random balancer and
//! equal to them behind an ideal one.

use crate::kernel::stream::Luck;
use crate::kernel::time::SimTime;
use crate::scenario::model::{Scenario, ServiceId, SiteId};

/// Index into [`Services::stations`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StationId(pub u32);

impl StationId {
    /// As an index.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What control knows and changes of one station.
#[derive(Clone, Debug, PartialEq)]
pub struct Station {
    /// Its service.
    pub service: ServiceId,
    /// Its site.
    pub site: SiteId,
    /// Its partition, 0 where there is one only.
    pub partition: u32,
    /// Slots at `start`, at the run's scale.
    pub slots_at_start: u32,
    /// Slots now.
    pub slots: u32,
    /// Requests that may wait now; `u32::MAX`: no limit.
    pub queue_limit: u32,
    /// Whether anybody answers at all: with no instance left, connections are refused.
    pub accepts: bool,
    /// Factor on service times.
    pub slow: f64,
    /// Share of requests answered with an error.
    pub error_share: f64,
    /// What is picked up never ends.
    pub hung: bool,
    /// Since when its capacity is new and cold; `None`: warm.
    pub cold_since: Option<SimTime>,
}

/// All stations, and the tables that find them.
#[derive(Clone, Debug)]
pub struct Services {
    /// The stations.
    pub stations: Vec<Station>,
    /// [service][site] -> first station (its partitions follow), by `service * sites + site`.
    first: Vec<Option<StationId>>,
    /// [service][site] -> site where a request from there finds the service.
    serving_site: Vec<Option<SiteId>>,
    partitions: Vec<u32>,
    sites: usize,
}

impl Services {
    /// The stations of a scenario, at its scale. `distance` orders the sites that a service without
    /// instances at the caller's site may be called at (nearest first).
    pub fn new(scenario: &Scenario, distance: impl Fn(SiteId, SiteId) -> u64) -> Services {
        let sites = scenario.sites.len();
        let mut stations = Vec::new();
        let mut first = vec![None; scenario.services.len() * sites];
        let mut serving_site = vec![None; scenario.services.len() * sites];
        for (s, service) in scenario.services.iter().enumerate() {
            let service_id = ServiceId(s as u32);
            for placement in &service.sites {
                first[s * sites + placement.site.index()] = Some(StationId(stations.len() as u32));
                let slots = scenario.slots(service_id, placement.site);
                for partition in 0..service.partitions {
                    let share = split(slots, service.partitions, partition) as u32;
                    stations.push(Station {
                        service: service_id,
                        site: placement.site,
                        partition,
                        slots_at_start: share,
                        slots: share,
                        queue_limit: u32::MAX,
                        accepts: true,
                        slow: 1.0,
                        error_share: 0.0,
                        hung: false,
                        cold_since: None,
                    });
                }
            }
            for site in 0..sites {
                let from = SiteId(site as u32);
                let nearest = service.sites.iter().map(|placement| placement.site);
                serving_site[s * sites + site] =
                    nearest.min_by_key(|&to| (to != from, distance(from, to), to));
            }
        }
        let partitions = scenario.services.iter().map(|service| service.partitions).collect();
        let mut services = Services { stations, first, serving_site, partitions, sites };
        for index in 0..services.stations.len() {
            let slots = services.stations[index].slots;
            services.stations[index].queue_limit = services.queue_limit(scenario, index, slots);
        }
        services
    }

    /// Requests that may wait at a station that has `slots` slots: the limit is an instance's.
    pub fn queue_limit(&self, scenario: &Scenario, station: usize, slots: u32) -> u32 {
        let service = &scenario.services[self.stations[station].service.index()];
        service.queue.limit.map_or(u32::MAX, |limit| {
            let instances = f64::from(slots) / f64::from(service.concurrency);
            (instances * f64::from(limit)).round() as u32
        })
    }

    /// The station of a service at a site for a mailbox whose partition draw is `draw` (in 0..1).
    #[inline]
    pub fn at(&self, service: ServiceId, site: SiteId, draw: f64) -> Option<StationId> {
        let first = self.first[service.index() * self.sites + site.index()]?;
        Some(StationId(first.0 + self.partition(service, draw)))
    }

    /// The station of a service at a site for a mailbox: where there is one partition, its luck is
    /// not asked.
    #[inline]
    pub fn station_of(&self, service: ServiceId, site: SiteId, place: Luck) -> Option<StationId> {
        let first = self.first[service.index() * self.sites + site.index()]?;
        if self.partitions[service.index()] == 1 {
            return Some(first);
        }
        let draw = place.uniform(super::steering::tag::PARTITION);
        Some(StationId(first.0 + self.partition(service, draw)))
    }

    /// The partition of a service for a mailbox whose partition draw is `draw` (in 0..1).
    #[inline]
    pub fn partition(&self, service: ServiceId, draw: f64) -> u32 {
        let partitions = self.partitions[service.index()];
        if partitions == 1 { 0 } else { (draw * f64::from(partitions)) as u32 }
    }

    /// Number of partitions of a service.
    pub fn partition_count(&self, service: ServiceId) -> u32 {
        self.partitions[service.index()]
    }

    /// The site at which a request at `from` finds the service: its own, else the nearest.
    #[inline]
    pub fn serving_site(&self, service: ServiceId, from: SiteId) -> Option<SiteId> {
        self.serving_site[service.index() * self.sites + from.index()]
    }

    /// The stations of a service, at one site or at all, in one partition or in all.
    pub fn matching(
        &self,
        service: ServiceId,
        site: Option<SiteId>,
        partition: Option<u32>,
    ) -> impl Iterator<Item = usize> + '_ {
        let stations = self.stations.iter().enumerate();
        let found = stations.filter(move |(_, station)| {
            station.service == service
                && site.is_none_or(|site| site == station.site)
                && partition.is_none_or(|partition| partition == station.partition)
        });
        found.map(|(index, _)| index)
    }
}

/// Part number `part` of `whole` divided as evenly as integers allow.
fn split(whole: u64, parts: u32, part: u32) -> u64 {
    let (parts, part) = (u64::from(parts), u64::from(part));
    whole * (part + 1) / parts - whole * part / parts
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn parts_add_up_to_the_whole_and_differ_by_one_at_most() {
        for whole in [0, 1, 7, 100, 1_003] {
            for parts in [1, 3, 8] {
                let all: Vec<u64> = (0..parts).map(|part| split(whole, parts, part)).collect();
                assert_eq!(all.iter().sum::<u64>(), whole);
                assert!(all.iter().max().unwrap() - all.iter().min().unwrap() <= 1);
            }
        }
    }
}
