//! The network between regions and sites: who reaches whom, how long it takes, what is lost.
//!
//! **Which question.** What does one attempt meet on its way at this instant, and how does the load
//! of all attempts change what the next ones meet? **Model.** Routes are shortest paths with
//! equal-cost splits on the topology *as routing knows it*; the *actual* state of links and routers
//! decides what is carried. Between a failure and [`Network::reroute`] the paths over it are black
//! holes, and those through a silent router stay so. Links (each direction) and middleboxes (bits,
//! packets, new connections) are fluid queues that are advanced by [`Network::tick`]; session
//! tables are counts.
//!
//! **What it leaves out.** Packets; loops while routers disagree (all tables change at once); the
//! relief that an upstream loss gives to what lies behind it. Bits are split evenly between request
//! and answer (assumption: no scenario states the two sizes apart), and the answer returns the way
//! of the request. A path's delay and loss are the mean of both ways. **Cost.** A tick walks paths
//! times hops; choosing a path and looking at it are a few loads, independent of the population.
//! **Validation.** Hand-checked shortest paths on the Abilene backbone, Newell's closed forms,
//! conservation under random loads.

mod element;
mod fluid;
mod load;
mod route;
mod table;
#[cfg(test)]
mod tests;
mod view;

pub use load::{LinkWindow, MSS_BITS, MiddleboxWindow, TICK_BUSY, TICK_QUIET, packets_of};
pub use view::PathView;

use crate::kernel::time::SimDuration;
use crate::scenario::model::{LinkId, MiddleboxId, RegionId, RouterId, Scenario, SiteId, WhenFull};
use element::{LinkNow, MiddleboxNow, SessionTable, SiteNow, sites_of};
use fluid::Fluid;
use load::{Grain, Tally};
use route::{Known, Topology};
use table::{PathKind, PathTable};

/// Equal-cost paths followed between two ends; of more, the first in link order share the flows.
pub const MAX_PATHS: usize = 16;

/// Index of a (region, router) pair, in the order of the scenario's regions and their routers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttachmentId(pub u32);

/// Index of a path; it stays valid, and means the same way, for the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathId(pub u32);

impl AttachmentId {
    /// The identifier as an index.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl PathId {
    /// The identifier as an index.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a part of a region's mailboxes enters the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attachment {
    /// The region.
    pub region: RegionId,
    /// The router that it enters at.
    pub router: RouterId,
    /// Share of the region's mailboxes.
    pub share: f64,
}

/// What faults have made of a link; the default is a healthy one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkState {
    /// Whether it carries anything; its ends notice when not.
    pub up: bool,
    /// Share of packets lost on top of the link's own.
    pub loss: f64,
    /// Delay added one way.
    pub extra_delay: SimDuration,
    /// Share of the bandwidth that is left.
    pub bandwidth_factor: f64,
}

impl Default for LinkState {
    fn default() -> LinkState {
        LinkState { up: true, loss: 0.0, extra_delay: SimDuration::ZERO, bandwidth_factor: 1.0 }
    }
}

/// What faults have made of a router.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouterState {
    /// Forwards.
    #[default]
    Up,
    /// Gone; its neighbours notice.
    Down,
    /// Forwards nothing, yet speaks the routing protocol: nobody routes around it.
    Silent,
}

/// The whole network; see the module's page.
#[derive(Clone, Debug)]
pub struct Network {
    topology: Topology,
    known: Known,
    links: Vec<LinkNow>,
    /// Queue of every direction of every link.
    directions: Vec<Fluid>,
    routers: Vec<RouterState>,
    middleboxes: Vec<MiddleboxNow>,
    sites: Vec<SiteNow>,
    attachments: Vec<Attachment>,
    table: PathTable,
    views: Vec<PathView>,
    tallies: Vec<Tally>,
    grain: Grain,
    /// Something was set or re-routed since the last tick.
    changed: bool,
    /// Something is over 80 % or has a queue.
    busy: bool,
}

impl Network {
    /// The network of a scenario, all healthy and empty, at the scenario's scale.
    pub fn new(scenario: &Scenario) -> Network {
        let network = &scenario.network;
        let scale = scenario.scale as f64;
        let attachments = attachments_of(scenario);
        let site_count = scenario.sites.len();
        let known = Known {
            links: vec![true; network.links.len()],
            routers: vec![true; network.routers.len()],
        };
        let mut this = Network {
            topology: Topology::new(network.routers.len(), &network.links),
            known,
            links: network.links.iter().map(|link| LinkNow::new(link, scale)).collect(),
            directions: vec![Fluid::default(); 2 * network.links.len()],
            routers: vec![RouterState::Up; network.routers.len()],
            middleboxes: network.middleboxes.iter().map(|m| MiddleboxNow::new(m, scale)).collect(),
            sites: sites_of(scenario),
            table: PathTable::new((attachments.len() + site_count) * site_count),
            attachments,
            views: Vec::new(),
            tallies: Vec::new(),
            grain: Grain::new(scale),
            changed: true,
            busy: false,
        };
        for site in 0..site_count {
            this.find_table(site);
        }
        this.reroute();
        this
    }

    /// Where regions enter the network; an [`AttachmentId`] is an index into it.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// Sets what faults make of a link, from now on.
    pub fn set_link(&mut self, link: LinkId, state: LinkState) {
        let link = &mut self.links[link.index()];
        if link.state != state {
            link.state = state;
            self.note_change();
        }
    }

    /// Sets what faults make of a router, from now on.
    pub fn set_router(&mut self, router: RouterId, state: RouterState) {
        if self.routers[router.index()] != state {
            self.routers[router.index()] = state;
            self.note_change();
        }
    }

    /// Sets whether anything at a site answers, from now on.
    pub fn set_site(&mut self, site: SiteId, up: bool) {
        if self.sites[site.index()].up != up {
            self.sites[site.index()].up = up;
            self.note_change();
        }
    }

    /// Sets the share that is left of all limits of a middlebox, from now on. Sessions over a table
    /// cut so stay; it only takes no more.
    pub fn set_middlebox(&mut self, id: MiddleboxId, factor: f64) {
        if self.middleboxes[id.index()].factor != factor {
            self.middleboxes[id.index()].factor = factor;
            for site in 0..self.sites.len() {
                self.find_table(site);
            }
            self.note_change();
        }
    }

    fn note_change(&mut self) {
        self.changed = true;
        self.refresh_views();
    }

    /// Whether something went up or down that neighbours notice and the tables do not know yet.
    pub fn needs_reroute(&self) -> bool {
        let links = self.links.iter().zip(&self.known.links);
        let routers = self.routers.iter().zip(&self.known.routers);
        links.into_iter().any(|(link, &known)| link.state.up != known)
            || routers.into_iter().any(|(&state, &known)| seems_up(state) != known)
    }

    /// Routing learns what is up and down now, and all tables change.
    pub fn reroute(&mut self) {
        for (known, link) in self.known.links.iter_mut().zip(&self.links) {
            *known = link.state.up;
        }
        for (known, &state) in self.known.routers.iter_mut().zip(&self.routers) {
            *known = seems_up(state);
        }
        let Network { topology, known, sites, table, .. } = self;
        let distances: Vec<Vec<u64>> =
            sites.iter().map(|site| topology.distances(site.router, known)).collect();
        let regions = self.attachments.iter().map(|a| (a.router, None));
        let between = sites.iter().enumerate().map(|(index, site)| (site.router, Some(index)));
        table.clear_choices();
        for (start, source_site) in regions.chain(between) {
            for (to, distances) in distances.iter().enumerate() {
                let (kind, routes) = match source_site {
                    Some(site) if site == to => (PathKind::Local, vec![route::Route::LOCAL]),
                    Some(_) => (PathKind::BetweenSites, topology.routes(start, distances, known)),
                    None => (PathKind::FromRegion, topology.routes(start, distances, known)),
                };
                table.add_pair(start, SiteId(to as u32), kind, &routes);
            }
        }
        self.views.resize(self.table.paths.len(), PathView::NOTHING);
        self.tallies.resize(self.table.paths.len(), Tally::default());
        self.note_change();
    }

    /// The path of a flow: the same hash takes the same path until the next re-route.
    #[inline]
    pub fn path(&self, from: AttachmentId, to: SiteId, flow_hash: u64) -> PathId {
        self.table.choose(from.index() * self.sites.len() + to.index(), flow_hash)
    }

    /// The path of a flow from one site to another; it passes no middlebox.
    #[inline]
    pub fn path_between_sites(&self, from: SiteId, to: SiteId, flow_hash: u64) -> PathId {
        self.table.choose(self.pair_between_sites(from, to), flow_hash)
    }

    /// What an attempt from one site to another meets on the first of their paths.
    pub fn between_sites(&self, from: SiteId, to: SiteId) -> PathView {
        let first = self.table.shares(self.pair_between_sites(from, to)).next();
        first.map_or(PathView::NOTHING, |(path, _)| self.view(path))
    }

    #[inline]
    fn pair_between_sites(&self, from: SiteId, to: SiteId) -> usize {
        (self.attachments.len() + from.index()) * self.sites.len() + to.index()
    }

    /// The equal-cost paths in use, with the share of flows on each.
    pub fn shares(&self, from: AttachmentId, to: SiteId) -> impl Iterator<Item = (PathId, f64)> {
        self.table.shares(from.index() * self.sites.len() + to.index())
    }

    /// Links of a path, in order.
    pub fn links_of(&self, path: PathId) -> impl Iterator<Item = LinkId> {
        let path = &self.table.paths[path.index()];
        self.table.hops(path).iter().map(|hop| LinkId(hop.link() as u32))
    }

    /// What an attempt meets on a path now.
    #[inline]
    pub fn view(&self, path: PathId) -> PathView {
        let mut view = self.views[path.index()];
        let path = &self.table.paths[path.index()];
        if path.kind == PathKind::FromRegion
            && let Some(table) = self.sites[path.to.index()].full_table()
        {
            let dropped = f64::from(u8::from(table.when_full == WhenFull::Drop));
            view.connection_loss = dropped;
            view.connection_refused = 1.0 - dropped;
        }
        view
    }

    /// A session was signed in at a site: an entry in every table before it.
    #[inline]
    pub fn session_opened(&mut self, site: SiteId) {
        self.sessions_opened(site, 1);
    }

    /// A session at a site ended.
    #[inline]
    pub fn session_closed(&mut self, site: SiteId) {
        self.sessions_closed(site, 1);
    }

    /// So many sessions were signed in at a site.
    #[inline]
    pub fn sessions_opened(&mut self, site: SiteId, count: u64) {
        self.sites[site.index()].sessions += count;
    }

    /// So many sessions at a site ended.
    #[inline]
    pub fn sessions_closed(&mut self, site: SiteId, count: u64) {
        let sessions = &mut self.sites[site.index()].sessions;
        debug_assert!(*sessions >= count, "more sessions closed than opened");
        *sessions = sessions.saturating_sub(count);
    }

    /// Sessions at a site [count at this run's scale].
    #[inline]
    pub fn sessions(&self, site: SiteId) -> u64 {
        self.sites[site.index()].sessions
    }

    fn find_table(&mut self, site: usize) {
        let mut smallest: Option<SessionTable> = None;
        for &at in &self.sites[site].middleboxes {
            let middlebox = &self.middleboxes[at.index()];
            if middlebox.sessions == f64::INFINITY {
                continue;
            }
            let limit = middlebox.sessions * middlebox.factor;
            if smallest.is_none_or(|table| limit < table.limit) {
                smallest = Some(SessionTable { limit, at, when_full: middlebox.when_full });
            }
        }
        self.sites[site].table = smallest;
    }
}

fn seems_up(state: RouterState) -> bool {
    state != RouterState::Down
}

fn attachments_of(scenario: &Scenario) -> Vec<Attachment> {
    let mut attachments = Vec::new();
    for (index, region) in scenario.regions.iter().enumerate() {
        for &(router, share) in &region.routers {
            attachments.push(Attachment { region: RegionId(index as u32), router, share });
        }
    }
    attachments
}
