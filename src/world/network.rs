//! The network between regions and sites: who reaches whom, how long it takes, what is lost.
//!
//! **Which question.** What does one attempt meet on its way at this instant, and how does the load
//! of all attempts change what the next ones meet? **Model.** Every router has a forwarding table
//! of its own (`forwarding`); who writes them, and when, is the business of `control`. Paths are
//! what comes out of following the tables as they are ([`Network::retrace`]), there and back, each
//! pair of ends by itself: where routers disagree they end in black holes and loops. The *actual*
//! state of links and routers decides what is carried. Links (each direction) and middleboxes
//! (bits, packets, new connections) are fluid queues that are advanced by [`Network::tick`];
//! session tables are counts.
//!
//! **What it leaves out.** Packets; the relief that an upstream loss gives to what lies behind it.
//! Bits are split evenly between request and answer (assumption: no scenario states the two sizes
//! apart). A path's delay and loss are the mean of both ways; where only one of them leads
//! anywhere, that one's: a connection needs both, but a request in an open session arrives without
//! a way back. An anycast name is one more destination, whose paths end at several sites; the parts
//! of the flow hashes that come to each are its catchments. **Cost.** A tick walks the paths that
//! were sent on, and those in use; a change of a table walks the pairs that pass it; choosing a
//! path and looking at it are a few loads, independent of the population and of the tables' size.
//! **Validation.** Hand-checked shortest paths on the Abilene backbone, a second implementation
//! (`tests/routing.rs`), figures by hand with traffic (`tests/network.rs`), Newell's closed forms,
//! conservation under random loads.

mod element;
mod fluid;
mod load;
mod paths;
mod table;
#[cfg(test)]
mod tests;
mod tick;
mod view;

pub use crate::scenario::routes::{bgp, chart, forwarding, prefix, settings, settle, topology};
pub use forwarding::MAX_PATHS;
pub use load::{LinkWindow, MSS_BITS, MiddleboxWindow, packets_of};
pub use paths::{Destination, PathNow};
pub use tick::{TICK_QUIET, tick_busy};
pub use view::PathView;

use crate::kernel::time::SimDuration;
use crate::scenario::model::{
    LinkId, MiddleboxId, PrefixId, RegionId, RouterId, Scenario, SiteId, Steering,
};
use crate::scenario::routes::AtRest;
use bgp::Sessions;
use element::{LinkNow, MiddleboxNow, SessionTable, SiteNow, sites_of};
use fluid::Fluid;
use forwarding::Tables;
use load::{Grain, Tally};
use paths::Trace;
use prefix::Prefixes;
use settings::Settings;
use std::sync::Arc;
use table::PathTable;
use topology::{Direction, Topology};

/// Index of a (region, router) pair, in the order of the scenario's regions and their routers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttachmentId(pub u32);

/// Index of an anycast name, among those of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnycastId(pub u32);

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

impl AnycastId {
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

/// The address of a name that several sites announce.
#[derive(Clone, Debug)]
struct AnycastName {
    prefix: PrefixId,
    sites: Vec<SiteId>,
}

/// What faults have made of a link; the default is a healthy one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkState {
    /// Whether it carries anything; its ends notice when not.
    pub up: bool,
    /// Carries the routing protocols' packets and nothing else: nobody routes around it.
    pub silent: bool,
    /// Share of packets lost on top of the link's own, in the order of its ends and against it.
    pub loss: [f64; 2],
    /// Delay added one way.
    pub extra_delay: SimDuration,
    /// Share of the bandwidth that is left.
    pub bandwidth_factor: f64,
}

impl Default for LinkState {
    fn default() -> LinkState {
        LinkState {
            up: true,
            silent: false,
            loss: [0.0; 2],
            extra_delay: SimDuration::ZERO,
            bandwidth_factor: 1.0,
        }
    }
}

/// What faults have made of a router.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouterState {
    /// Forwards.
    #[default]
    Up,
    /// Without power: its neighbours see no light, and its memory is empty when it comes back.
    Down,
    /// Forwards nothing, yet speaks the routing protocol: nobody routes around it.
    Silent,
}

/// The whole network; see the module's page.
#[derive(Clone, Debug)]
pub struct Network {
    topology: Arc<Topology>,
    prefixes: Arc<Prefixes>,
    sessions: Arc<Sessions>,
    first_settings: Arc<Settings>,
    tables: Tables,
    links: Vec<LinkNow>,
    /// Queue of every direction of every link.
    directions: Vec<Fluid>,
    routers: Vec<RouterState>,
    middleboxes: Vec<MiddleboxNow>,
    sites: Vec<SiteNow>,
    attachments: Vec<Attachment>,
    /// [anycast name].
    names: Vec<AnycastName>,
    table: PathTable,
    trace: Trace,
    views: Vec<PathView>,
    tallies: Vec<Tally>,
    /// Paths with a tally.
    offered: Vec<PathId>,
    grain: Grain,
    /// Something was set or re-routed since the last tick.
    changed: bool,
    /// Something is over 80 % or has a queue.
    busy: bool,
    /// How often the delay of any path has become another, or a pair has come to use other paths.
    delay_changes: u64,
    /// For how long ticks are as short as they can be then.
    unsettled: SimDuration,
    /// Time between two ticks after that.
    tick_busy: SimDuration,
    /// Some link's queue lost something in the last tick.
    lossy: bool,
}

impl Network {
    /// The network of a scenario, all healthy, empty and converged, at the scenario's scale.
    pub fn new(scenario: &Scenario) -> Network {
        let network = &scenario.network;
        let scale = scenario.scale as f64;
        let attachments = attachments_of(scenario);
        let site_count = scenario.sites.len();
        let names: Vec<AnycastName> = anycast_names(scenario);
        let AtRest { topology, prefixes, sessions, settings, tables } = AtRest::new(scenario);
        let mut this = Network {
            tables,
            links: network.links.iter().map(|link| LinkNow::new(link, scale)).collect(),
            directions: vec![Fluid::default(); 2 * network.links.len()],
            routers: vec![RouterState::Up; network.routers.len()],
            middleboxes: network.middleboxes.iter().map(|m| MiddleboxNow::new(m, scale)).collect(),
            sites: sites_of(scenario),
            table: PathTable::new(
                (attachments.len() + site_count) * site_count + attachments.len() * names.len(),
            ),
            names,
            trace: Trace::default(),
            attachments,
            views: Vec::new(),
            tallies: Vec::new(),
            offered: Vec::new(),
            grain: Grain::new(scale),
            changed: false,
            busy: false,
            delay_changes: 0,
            unsettled: SimDuration::ZERO,
            tick_busy: tick_busy(scenario),
            lossy: false,
            topology: Arc::new(topology),
            prefixes: Arc::new(prefixes),
            sessions: Arc::new(sessions),
            first_settings: Arc::new(settings),
        };
        for site in 0..site_count {
            this.find_table(site);
        }
        this.retrace_all();
        this
    }

    /// Who is connected to whom.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// The prefixes that are routed.
    pub fn prefixes(&self) -> &Arc<Prefixes> {
        &self.prefixes
    }

    /// Sessions between routers of different systems, and what goes on inside from them.
    pub fn sessions_between_routers(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// How the routers are set up at t = 0.
    pub fn first_settings(&self) -> &Arc<Settings> {
        &self.first_settings
    }

    /// The forwarding tables, as they are.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// What faults have made of a link.
    pub fn link(&self, link: LinkId) -> LinkState {
        self.links[link.index()].state
    }

    /// What faults have made of a router.
    pub fn router(&self, router: RouterId) -> RouterState {
        self.routers[router.index()]
    }

    /// One-way delay of a link without queues.
    pub fn link_delay(&self, direction: Direction) -> SimDuration {
        let link = &self.links[direction.link()];
        link.delay + link.state.extra_delay
    }

    /// Whether a signal passes: the link is up, and both routers have power.
    pub fn has_signal(&self, direction: Direction) -> bool {
        let alive = |router: RouterId| self.routers[router.index()] != RouterState::Down;
        let ends = [self.topology.near_end(direction), self.topology.far_end(direction)];
        self.links[direction.link()].state.up && ends.into_iter().all(alive)
    }

    /// Whether any link loses packets, for whatever reason.
    pub fn is_lossy(&self) -> bool {
        self.lossy || self.links.iter().any(|link| link.passes(0) < 1.0 || link.passes(1) < 1.0)
    }

    /// Prefixes that a link between systems accepts.
    pub fn prefixes_max(&self, link: LinkId) -> Option<u32> {
        self.links[link.index()].prefixes_max
    }

    /// Share of packets that a direction loses: errors on the line, and, unless `separate`, what
    /// its queue had no room for in the last tick.
    pub fn packet_loss(&self, direction: Direction, separate: bool) -> f64 {
        let link = &self.links[direction.link()];
        let queue = if separate { 0.0 } else { self.directions[direction.index()].loss };
        1.0 - link.passes(direction.side()) * (1.0 - queue)
    }

    /// Where regions enter the network; an [`AttachmentId`] is an index into it.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// Sets what faults make of a link, from now on.
    pub fn set_link(&mut self, link: LinkId, state: LinkState) {
        let now = &mut self.links[link.index()];
        if now.state == state {
            return;
        }
        if state.up && !now.state.up {
            // What was lost while it was down is not what it loses now.
            for queue in &mut self.directions[2 * link.index()..][..2] {
                queue.forget();
            }
        }
        now.state = state;
        self.note_change();
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

    /// The same of flows whose hashes are in a part of the unit interval; shares of all flows.
    pub fn shares_within(
        &self,
        from: AttachmentId,
        to: SiteId,
        (lower, upper): (f64, f64),
    ) -> impl Iterator<Item = (PathId, f64)> {
        let mut before = 0.0;
        let pair = from.index() * self.sites.len() + to.index();
        self.table.shares(pair).filter_map(move |(path, share)| {
            let (start, end) = (before, before + share);
            before = end;
            if lower <= 0.0 && upper >= 1.0 {
                return Some((path, share));
            }
            let inside = end.min(upper) - start.max(lower);
            (inside > 0.0).then_some((path, inside))
        })
    }

    /// Links of a path's way there, in order.
    pub fn links_of(&self, path: PathId) -> impl Iterator<Item = LinkId> {
        let path = &self.table.paths[path.index()];
        self.table.hops(path).iter().map(|hop| hop.link_id())
    }

    /// Whether a path passes a link, on the way there or back.
    pub fn passes_link(&self, path: PathId, link: LinkId) -> bool {
        let path = &self.table.paths[path.index()];
        let hops = self.table.hops(path).iter().chain(self.table.hops_back(path));
        hops.into_iter().any(|hop| hop.link_id() == link)
    }

    /// Whether a path comes through a router, its beginning included, on the way there or back.
    pub fn passes_router(&self, path: PathId, router: RouterId) -> bool {
        let path = &self.table.paths[path.index()];
        let hops = self.table.hops(path).iter().chain(self.table.hops_back(path));
        path.start == router || hops.into_iter().any(|&hop| self.topology.far_end(hop) == router)
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

fn anycast_names(scenario: &Scenario) -> Vec<AnycastName> {
    let name = |name: &Steering| {
        let sites = name.answers.iter().map(|answer| answer.0).collect();
        Some(AnycastName { prefix: name.anycast()?, sites })
    };
    scenario.steering.iter().filter_map(name).collect()
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
