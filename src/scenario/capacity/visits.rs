//! What one request brings to every station: visits and slot time, without queueing.

use super::paths::Paths;
use crate::scenario::model::{Call, OperationId, Scenario, ServiceId, SiteId, WhileCalling};

/// Visits and slot time at every (service, site), by `service * sites + site`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Visits {
    /// Requests that arrive there.
    pub(super) requests: Vec<f64>,
    /// Slot time that they take [s].
    pub(super) slot_s: Vec<f64>,
}

impl Visits {
    /// Nothing anywhere.
    pub(super) fn none(scenario: &Scenario) -> Visits {
        let count = scenario.services.len() * scenario.sites.len();
        Visits { requests: vec![0.0; count], slot_s: vec![0.0; count] }
    }

    /// Adds `factor` times the other.
    pub(super) fn add(&mut self, other: &Visits, factor: f64) {
        let pairs = self.requests.iter_mut().zip(&other.requests);
        pairs.for_each(|(sum, value)| *sum += factor * value);
        let pairs = self.slot_s.iter_mut().zip(&other.slot_s);
        // 0 x infinity (a law without a mean, nobody asking) is nothing.
        pairs.filter(|(_, value)| **value != 0.0).for_each(|(sum, value)| *sum += factor * value);
    }
}

/// Follows requests through the call graph.
pub(super) struct Walker<'a> {
    /// The scenario.
    pub(super) scenario: &'a Scenario,
    /// Its network.
    pub(super) paths: &'a Paths<'a>,
    /// [store]: share of its databases active at each site.
    pub(super) active: &'a [Vec<(SiteId, f64)>],
}

impl Walker<'_> {
    /// What one request of `operation` that the client sends to `site` brings, its messages'
    /// deliveries included.
    pub(super) fn request(&self, operation: OperationId, site: SiteId) -> (Visits, f64) {
        let mut visits = Visits::none(self.scenario);
        let entry = &self.scenario.operations[operation.index()];
        let response_s = self.visit(entry.enters, operation, site, 1.0, entry.cost, &mut visits);
        if let Some(pipeline) = entry.feeds.map(|p| &self.scenario.pipelines[p.index()]) {
            // A pipeline feeds nothing itself, so this goes one level deep.
            let delivery = &self.scenario.operations[pipeline.delivery.index()];
            let copies = f64::from(pipeline.copies);
            let enters = delivery.enters;
            self.visit(enters, pipeline.delivery, site, copies, delivery.cost, &mut visits);
        }
        (visits, response_s)
    }

    /// `amount` requests of `operation` come from `site` to `service`; gives their mean time [s]:
    /// own work, calls, and the network between sites.
    fn visit(
        &self,
        service: ServiceId,
        operation: OperationId,
        site: SiteId,
        amount: f64,
        cost: f64,
        visits: &mut Visits,
    ) -> f64 {
        let mut time_s = 0.0;
        for (at, share) in self.destinations(service, site) {
            let here = &self.scenario.services[service.index()];
            let work_s = here.service_time.mean() * cost;
            let mut calls_s = 0.0;
            let made = here.calls.iter().filter(|call| applies(call, operation));
            for call in made {
                let missed = call.cache.as_ref().map_or(1.0, |cache| 1.0 - cache.hit);
                let times = f64::from(call.times) * call.probability * missed;
                if times > 0.0 {
                    let asked = amount * share * times;
                    calls_s += times * self.visit(call.service, operation, at, asked, 1.0, visits);
                }
            }
            let held_s = match here.while_calling {
                WhileCalling::Hold => work_s + calls_s,
                WhileCalling::Release => work_s,
            };
            let station = service.index() * self.scenario.sites.len() + at.index();
            visits.requests[station] += amount * share;
            visits.slot_s[station] += amount * share * held_s;
            let there_and_back_s = 2.0 * self.paths.delay_s(site, at).unwrap_or(0.0);
            time_s += share * (work_s + calls_s + there_and_back_s);
        }
        time_s
    }

    /// Where requests from `site` to a service go, with shares that add up to 1.
    fn destinations(&self, service: ServiceId, site: SiteId) -> Vec<(SiteId, f64)> {
        let store = self.scenario.stores.iter().position(|store| store.service == service);
        if let Some(store) = store {
            return self.active[store].iter().copied().filter(|(_, share)| *share > 0.0).collect();
        }
        let places = self.scenario.services[service.index()].sites.iter();
        let to = self.paths.nearest(site, places.map(|placement| placement.site));
        to.map(|to| (to, 1.0)).into_iter().collect()
    }
}

fn applies(call: &Call, operation: OperationId) -> bool {
    call.operations.is_empty() || call.operations.contains(&operation)
}
