//! The ways that the undisturbed network's tables lead, for what a scenario asks of it before the
//! first fault.

use crate::scenario::model::{RouterId, Scenario, SiteId};
use crate::scenario::routes::AtRest;
use crate::scenario::routes::forwarding::{End, Way};
use crate::scenario::routes::prefix::Address;
use crate::scenario::routes::topology::Direction;

/// The network at rest, as routers forward in it.
pub(super) struct Paths<'a> {
    scenario: &'a Scenario,
    rest: AtRest,
}

/// What a region's requests to one name or site meet.
pub(super) struct Route {
    /// The site that they come to.
    pub(super) site: SiteId,
    /// Share of the region's flows.
    pub(super) share: f64,
    /// [link][side]: share of the bits of such a flow on each direction, both ways together.
    pub(super) load: Vec<[f64; 2]>,
}

impl<'a> Paths<'a> {
    /// Routing comes to rest as the scenario has it at t = 0.
    pub(super) fn new(scenario: &'a Scenario) -> Paths<'a> {
        Paths { scenario, rest: AtRest::new(scenario) }
    }

    fn router(&self, site: SiteId) -> RouterId {
        self.scenario.sites[site.index()].router
    }

    /// Mean one-way propagation delay between two sites, over the first of the ways there and of
    /// the ways back [s]; `None`: no way.
    pub(super) fn delay_s(&self, from: SiteId, to: SiteId) -> Option<f64> {
        if from == to {
            return Some(0.0);
        }
        let one_way = |from: SiteId, to: SiteId| {
            let ways = self.rest.ways(self.router(from), Address::Site(to));
            let first = ways.first().filter(|way| way.end == End::Delivered)?;
            let links = first.hops.iter().map(|hop| &self.scenario.network.links[hop.link()]);
            Some(links.map(|link| link.delay.as_secs_f64()).sum::<f64>())
        };
        Some(0.5 * (one_way(from, to)? + one_way(to, from)?))
    }

    /// Where a request from `site` finds a service that is at `places`: there, else at the nearest
    /// by delay. Sites without a way come last, in their own order.
    pub(super) fn nearest(
        &self,
        site: SiteId,
        places: impl Iterator<Item = SiteId>,
    ) -> Option<SiteId> {
        let far = |to: SiteId| self.delay_s(site, to).unwrap_or(f64::INFINITY);
        let mut places: Vec<(f64, SiteId)> = places.map(|to| (far(to), to)).collect();
        places.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let here = places.iter().find(|place| place.1 == site);
        here.or(places.first()).map(|place| place.1)
    }

    /// The way of a region's users to a site, and of the answers.
    pub(super) fn to_site(&self, users: &[(RouterId, f64)], site: SiteId) -> Route {
        let mut load = self.nothing();
        for &(router, share) in users {
            self.add(&self.rest.ways(router, Address::Site(site)), share, &mut load);
            self.add_back(site, router, share, &mut load);
        }
        Route { site, share: 1.0, load }
    }

    /// The catchments of a name that several sites announce: where a region's users come to. Who
    /// finds no way comes to none of them.
    pub(super) fn to_name(
        &self,
        users: &[(RouterId, f64)],
        prefix: crate::scenario::model::PrefixId,
        sites: impl Iterator<Item = SiteId>,
    ) -> Vec<Route> {
        let walked: Vec<(RouterId, f64, Vec<Way>)> = users
            .iter()
            .map(|&(router, share)| {
                (router, share, self.rest.ways(router, Address::Anycast(prefix)))
            })
            .collect();
        let mut claimed: Vec<RouterId> = Vec::new();
        let route = |site: SiteId| {
            let home = self.router(site);
            // Of two sites behind one router the first takes all.
            if claimed.contains(&home) {
                return None;
            }
            claimed.push(home);
            let (mut load, mut all) = (self.nothing(), 0.0);
            for (router, share, ways) in &walked {
                let ends = |way: &&Way| {
                    let last = way.hops.last().map(|&hop| self.rest.topology.far_end(hop));
                    way.end == End::Delivered && last.unwrap_or(*router) == home
                };
                let mine: Vec<Way> = ways.iter().filter(ends).cloned().collect();
                let part = share * mine.iter().map(|way| way.share).sum::<f64>();
                self.add(&mine, *share, &mut load);
                self.add_back(site, *router, part, &mut load);
                all += part;
            }
            if all > 0.0 {
                load.iter_mut().flatten().for_each(|part| *part /= all);
            }
            Some(Route { site, share: all, load })
        };
        sites.filter_map(route).collect()
    }

    fn nothing(&self) -> Vec<[f64; 2]> {
        vec![[0.0; 2]; self.scenario.network.links.len()]
    }

    fn add_back(&self, site: SiteId, users: RouterId, share: f64, load: &mut [[f64; 2]]) {
        self.add(&self.rest.ways(self.router(site), Address::Users(users)), share, load);
    }

    /// Half of the bits goes each way (as in a trial: no scenario states the two sizes apart).
    fn add(&self, ways: &[Way], share: f64, load: &mut [[f64; 2]]) {
        for way in ways {
            let mut hop = |hop: &Direction| load[hop.link()][hop.side()] += 0.5 * share * way.share;
            way.hops.iter().for_each(&mut hop);
        }
    }
}
