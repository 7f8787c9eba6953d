//! What must hold of a scenario as a whole, once every part of it can be read.
//!
//! Identifiers of unknown names are in no list, so every look-up here may find nothing; what it
//! would have said is then already reported as an unknown name.

mod count;
mod cycle;
mod load;

use crate::scenario::lower::{Context, read};
use crate::scenario::model::{
    Action, Demander, Fault, FaultKind, Operation, OperationId, PipelineId, RouterId, Scenario,
    Service, ServiceId, Site, SiteId, Steering,
};
use crate::scenario::problem::{Code, Place};
use crate::scenario::tree::Node;

/// Servers that a scaled-down station must keep (DESIGN.md, section 1): with fewer, the noise of
/// small numbers, not the scenario, decides the outcome.
const SCALED_SERVERS_MIN: u64 = 20;

/// Reports everything that contradicts itself across parts.
pub fn check(scenario: &Scenario, context: &Context<'_>) {
    let checker = Checker { scenario, context };
    cycle::calls(scenario, context);
    cycle::steps(scenario, context);
    checker.entries();
    checker.pipelines();
    checker.stores();
    checker.faults();
    checker.actions();
    checker.connections();
    checker.servers();
    count::things(scenario, context);
    load::before_the_fault(scenario, context);
}

struct Checker<'a> {
    scenario: &'a Scenario,
    context: &'a Context<'a>,
}

impl Checker<'_> {
    fn site(&self, id: SiteId) -> Option<&Site> {
        self.scenario.sites.get(id.index())
    }

    fn service(&self, id: ServiceId) -> Option<&Service> {
        self.scenario.services.get(id.index())
    }

    fn has(&self, service: ServiceId, site: SiteId) -> bool {
        self.service(service).is_none_or(|service| service.sites.iter().any(|p| p.site == site))
    }

    fn steering_of(&self, operation: &Operation) -> Option<&Steering> {
        let Demander::Client(client) = operation.by else {
            return None;
        };
        let client = self.scenario.clients.get(client.index())?;
        self.scenario.steering.get(client.connects.index())
    }

    fn absent(&self, service: ServiceId, site: SiteId, place: Place) {
        if let (Some(service), Some(at)) = (self.service(service), self.site(site))
            && !service.sites.iter().any(|placement| placement.site == site)
        {
            let places: Vec<&str> = service
                .sites
                .iter()
                .filter_map(|placement| Some(self.site(placement.site)?.name.as_str()))
                .collect();
            let message = format!("`{}` is not at site `{}`", service.name, at.name);
            let help = Some(format!("it is at: `{}`", places.join("`, `")));
            self.context.reporter.error_with_help(Code::NotAtSite, place, message, help);
        }
    }

    /// Clients must find the service that an operation enters where their name sends them.
    fn entries(&self) {
        for operation in &self.scenario.operations {
            let (Some(steering), Some(service)) =
                (self.steering_of(operation), self.service(operation.enters))
            else {
                continue;
            };
            let Demander::Client(client) = operation.by else {
                continue;
            };
            let client = &self.scenario.clients[client.index()].name;
            let place =
                self.place_of(&["clients", client, "operations", &operation.name, "enters"]);
            let answered = steering.answers.iter().filter(|(site, _)| self.site(*site).is_some());
            let (there, not_there): (Vec<_>, Vec<_>) =
                answered.partition(|(site, _)| self.has(operation.enters, *site));
            if there.is_empty() && !not_there.is_empty() {
                let message = format!(
                    "`{}` enters `{}`, which is at no site that `{}` answers",
                    operation.name, service.name, steering.name
                );
                self.context.reporter.error(Code::NotAtSite, place, message);
            } else if let Some((site, _)) = not_there.iter().find(|(_, share)| *share > 0.0) {
                let site = self.site(*site).map_or("", |site| site.name.as_str());
                let message = format!(
                    "`{}` enters `{}`, which is not at `{site}`, where `{}` sends some clients",
                    operation.name, service.name, steering.name
                );
                self.context.reporter.warn(Code::NotAtSite, place, message, None);
            }
        }
    }

    /// A pipeline needs a source, and its delivery a place at a site of its source.
    fn pipelines(&self) {
        for (index, pipeline) in self.scenario.pipelines.iter().enumerate() {
            let id = PipelineId(index as u32);
            let feeders: Vec<&Operation> =
                self.scenario.operations.iter().filter(|o| o.feeds == Some(id)).collect();
            if feeders.is_empty() {
                let place = self.place_of(&["pipelines", &pipeline.name]);
                let message = format!("nothing feeds `{}`", pipeline.name);
                let help = Some("an operation hands it messages by `feeds`".to_owned());
                self.context.reporter.warn(Code::Unused, place, message, help);
                continue;
            }
            let Some(delivery) = self.operation(pipeline.delivery) else {
                continue;
            };
            let answers: Vec<SiteId> = feeders
                .iter()
                .filter_map(|operation| self.steering_of(operation))
                .flat_map(|steering| steering.answers.iter().map(|(site, _)| *site))
                .collect();
            let found = answers.iter().any(|site| self.has(delivery.enters, *site));
            if let Some(service) = self.service(delivery.enters).filter(|_| !found)
                && answers.iter().any(|site| self.site(*site).is_some())
            {
                let place = self.place_of(&["pipelines", &pipeline.name, "enters"]);
                let message = format!(
                    "`{}` delivers through `{}`, which is at no site that its senders are sent to",
                    pipeline.name, service.name
                );
                self.context.reporter.error(Code::NotAtSite, place, message);
            }
        }
    }

    fn operation(&self, id: OperationId) -> Option<&Operation> {
        self.scenario.operations.get(id.index())
    }

    /// A store's service must be wherever its copies are.
    fn stores(&self) {
        for store in &self.scenario.stores {
            for (site, _) in &store.copies {
                if let Some(at) = self.site(*site) {
                    let place = self.context.place(&["stores", &store.name, "copies", &at.name]);
                    self.absent(store.service, *site, place);
                }
            }
        }
    }

    fn faults(&self) {
        for fault in &self.scenario.faults {
            let at = match &fault.kind {
                FaultKind::InstancesLost { service, site, .. } => Some((*service, *site)),
                FaultKind::Slow { service, site: Some(site), .. }
                | FaultKind::Erroring { service, site: Some(site), .. }
                | FaultKind::Hung { service, site: Some(site), .. } => Some((*service, *site)),
                _ => None,
            };
            if let Some((service, site)) = at {
                self.absent(service, site, self.fault_place(fault, "site"));
            }
            if let FaultKind::CacheLost { service, .. } = fault.kind {
                let cached = |service: &Service| service.calls.iter().any(|c| c.cache.is_some());
                if let Some(service) = self.service(service).filter(|service| !cached(service)) {
                    let message = format!("no call of `{}` has a `cache`", service.name);
                    let place = self.fault_place(fault, "service");
                    self.context.reporter.error(Code::Conflict, place, message);
                }
            }
        }
    }

    fn fault_place(&self, fault: &Fault, key: &str) -> Place {
        let node = self.context.tree.at(&["faults", &fault.name, "fault"]);
        let kind = node.and_then(Node::only);
        kind.and_then(|kind| kind.value.get(key)).or(node).map_or(Place::default(), |n| n.place)
    }

    fn actions(&self) {
        for step in &self.scenario.runbook {
            let node = self.context.tree.at(&["runbook", &step.name, "do"]).and_then(Node::only);
            let place = |key: &str| {
                let value = node.and_then(|kind| kind.value.get(key));
                value.map_or(self.context.place(&["runbook", &step.name]), |value| value.place)
            };
            match &step.action {
                Some(Action::Restart { service, site, .. })
                | Some(Action::AddCapacity { service, site, .. }) => {
                    self.absent(*service, *site, place("site"));
                }
                Some(Action::Isolate { service, from, .. })
                | Some(Action::Rejoin { service, from, .. }) => {
                    self.calls(*from, *service, place("from"), place("service"));
                }
                Some(Action::Activate { store, from, to, .. }) => {
                    let Some(store) = self.scenario.stores.get(store.index()) else {
                        continue;
                    };
                    for (site, key) in [(from, "from"), (to, "to")] {
                        let held = store.copies.iter().any(|(copy, _)| copy == site);
                        if let Some(at) = self.site(*site).filter(|_| !held) {
                            let message = format!("`{}` has no copy at `{}`", store.name, at.name);
                            self.context.reporter.error(Code::NotAtSite, place(key), message);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// What is isolated from a service must call it.
    fn calls(&self, from: Option<ServiceId>, to: ServiceId, at: Place, service_at: Place) {
        let services = &self.scenario.services;
        let Some(called) = services.get(to.index()) else { return };
        let calls = |service: &Service| service.calls.iter().any(|call| call.service == to);
        let (found, who, at) = match from {
            None => (services.iter().any(calls), "no service".to_owned(), service_at),
            Some(from) => match services.get(from.index()) {
                None => return,
                Some(service) => (calls(service), format!("`{}`", service.name), at),
            },
        };
        if !found {
            let verb = if from.is_none() { "calls" } else { "does not call" };
            let message = format!("{who} {verb} `{}`", called.name);
            self.context.reporter.error(Code::Conflict, at, message);
        }
    }

    /// Every region must reach every site when nothing is wrong.
    fn connections(&self) {
        let network = &self.scenario.network;
        let known = |router: RouterId| router.index() < network.routers.len();
        if !network.links.iter().all(|link| known(link.between.0) && known(link.between.1)) {
            return;
        }
        for region in &self.scenario.regions {
            for (from, _) in &region.routers {
                let Some(router) = self.scenario.network.routers.get(from.index()) else {
                    continue;
                };
                let reached = self.reached(*from);
                for site in &self.scenario.sites {
                    if reached.get(site.router.index()) == Some(&false) {
                        let name = &router.name;
                        let place = self.context.place(&["regions", &region.name, "routers", name]);
                        let message = format!(
                            "no links lead from `{name}` to site `{}`: `{}` cannot reach it",
                            site.name, region.name
                        );
                        let help = (network.systems.len() > 1).then(|| {
                            "between systems a way goes up to providers, across one peering at \
                             most, then down to customers"
                                .to_owned()
                        });
                        let reporter = self.context.reporter;
                        reporter.error_with_help(Code::NotConnected, place, message, help);
                    }
                }
            }
        }
    }

    /// For every router, whether links lead there that policies between systems let a way take: up
    /// to providers, across one peering at most, then down to customers (Gao and Rexford 2001).
    fn reached(&self, from: RouterId) -> Vec<bool> {
        let network = &self.scenario.network;
        let system = |router: RouterId| network.routers.get(router.index()).map(|r| r.system);
        let pays = |one: RouterId, other: RouterId| {
            let provider = system(other).and_then(|system| network.systems.get(system.index()));
            provider.is_some_and(|of| system(one).is_some_and(|one| of.customers.contains(&one)))
        };
        // [router]: reached on the way up, and on the way down.
        let mut reached = vec![[false; 2]; network.routers.len()];
        let mut open = vec![(from, false)];
        while let Some((router, down)) = open.pop() {
            let Some(seen) = reached.get_mut(router.index()) else {
                continue;
            };
            if std::mem::replace(&mut seen[usize::from(down)], true) {
                continue;
            }
            for link in &network.links {
                let next = match link.between {
                    (a, b) if a == router => b,
                    (a, b) if b == router => a,
                    _ => continue,
                };
                let inside = system(router) == system(next);
                if inside || (pays(router, next) && !down) {
                    open.push((next, down));
                } else if pays(next, router) || (!down && !pays(router, next)) {
                    open.push((next, true));
                }
            }
        }
        reached.into_iter().map(|ways| ways[0] || ways[1]).collect()
    }

    /// At a scale, every partition of every station keeps enough servers.
    fn servers(&self) {
        let scale = self.scenario.scale;
        if scale <= 1 {
            return;
        }
        for service in &self.scenario.services {
            let written = self.context.tree.at(&["services", &service.name, "concurrency"]);
            if read::count(written).is_none() {
                continue;
            }
            for placement in &service.sites {
                let Some(site) = self.site(placement.site) else {
                    continue;
                };
                let slots = placement.instances.saturating_mul(u64::from(service.concurrency));
                let partitions = u64::from(service.partitions);
                let left = self.scenario.scaled(slots) / partitions;
                if left >= SCALED_SERVERS_MIN {
                    continue;
                }
                let path = ["services", &service.name, "sites", &site.name, "instances"];
                let each = if partitions > 1 { " in each partition" } else { "" };
                let message = format!(
                    "at 1/{scale} `{}` keeps {left} of its {slots} servers at `{}`{each}: \
                     fewer than {SCALED_SERVERS_MIN}",
                    service.name, site.name
                );
                let most = slots / (SCALED_SERVERS_MIN * partitions);
                let help = match most {
                    0 | 1 => "this station cannot be scaled down".to_owned(),
                    _ => format!("the scale can be 1/{most} at most for this station"),
                };
                let place = self.place_of(&path);
                self.context.reporter.error_with_help(
                    Code::TooFewServers,
                    place,
                    message,
                    Some(help),
                );
            }
        }
    }

    /// Place of the value at the end of a path, or of the nearest key above it.
    fn place_of(&self, path: &[&str]) -> Place {
        match self.context.tree.at(path) {
            Some(node) if node.text().is_some() => node.place,
            _ => self.context.place(path),
        }
    }
}
