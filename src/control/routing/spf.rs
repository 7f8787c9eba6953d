//! When routers compute their paths, on which chart, and when their tables say so.

use std::sync::Arc;

use super::flooding::{Advertised, keep_mutual};
use super::{Event, Routing, Write};
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::RouterId;
use crate::world::network::Network;
use crate::world::network::chart::{Chart, UNUSABLE};

/// Charts kept that no router uses any more: a flapping link comes back to its last one.
const SPARE_CHARTS: usize = 8;

/// A router's back-off.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    waiting: bool,
    dead: bool,
    last: Option<SimTime>,
    hold: SimDuration,
}

/// Back-offs, and the charts in use.
#[derive(Clone, Debug)]
pub(super) struct Computing {
    /// [router].
    paces: Vec<Pace>,
    /// By the fingerprint of what it is made of, the newest last.
    charts: Vec<(u64, Arc<Chart>)>,
}

impl Computing {
    pub(super) fn new(advertised: &Advertised, charts: &[Arc<Chart>]) -> Computing {
        let mut known: Vec<(u64, Arc<Chart>)> = Vec::new();
        for (router, chart) in charts.iter().enumerate() {
            if !known.iter().any(|(_, other)| Arc::ptr_eq(other, chart)) {
                known.push((advertised.key(RouterId(router as u32)), Arc::clone(chart)));
            }
        }
        Computing { paces: vec![Pace::default(); charts.len()], charts: known }
    }

    /// Whether a router had power when it was last looked at.
    pub(super) fn had_power(&self, router: RouterId) -> bool {
        !self.paces[router.index()].dead
    }

    pub(super) fn set_power(&mut self, router: RouterId, power: bool) {
        self.paces[router.index()].dead = !power;
    }

    /// A router's memory is gone.
    pub(super) fn forget(&mut self, router: RouterId) {
        self.paces[router.index()] = Pace::default();
    }
}

impl Routing {
    /// A router has heard something new: it will compute, as soon as its back-off lets it.
    pub(super) fn compute_soon(&mut self, router: RouterId, now: SimTime) {
        let spf = self.timers.spf;
        let pace = &mut self.computing.paces[router.index()];
        if pace.waiting {
            return;
        }
        let quiet = pace.last.is_none_or(|last| now >= last + spf.maximum * 2);
        let mut at = now + spf.initial;
        if quiet {
            pace.hold = spf.secondary;
        } else {
            at = at.max(pace.last.unwrap_or(now) + pace.hold);
            pace.hold = (pace.hold * 2).min(spf.maximum);
        }
        pace.waiting = true;
        self.push(at, Event::Spf { router });
    }

    /// A router computes its paths; its table follows after `fib`.
    pub(super) fn compute(&mut self, router: RouterId, now: SimTime, network: &Network) {
        let alive = self.is_alive(router, network);
        let pace = &mut self.computing.paces[router.index()];
        if !std::mem::take(&mut pace.waiting) || !alive {
            return;
        }
        pace.last = Some(now);
        let chart = self.chart_of(router);
        let own = &self.charts[router.index()];
        // The other end of a cut says what one end has said already.
        if Arc::ptr_eq(&chart, own) || chart.shows_the_same(own) {
            return;
        }
        self.charts[router.index()] = Arc::clone(&chart);
        self.write(now + self.timers.fib, router, Write::Chart(chart));
        self.chart_changed(router, now, network);
    }

    /// The chart of all that a router knows; one for all that know the same.
    fn chart_of(&mut self, router: RouterId) -> Arc<Chart> {
        let key = self.advertised.key(router);
        let system = self.topology.system(router);
        let same = |(other, chart): &&(u64, Arc<Chart>)| *other == key && chart.system() == system;
        if let Some((_, chart)) = self.computing.charts.iter().find(same) {
            return Arc::clone(chart);
        }
        let mut metrics = vec![UNUSABLE; self.topology.direction_count()];
        let mut overloaded = vec![false; self.topology.router_count()];
        let mut origins = Vec::new();
        for (origin, said) in self.advertised.all_known(router) {
            said.enter(&mut metrics);
            overloaded[origin.index()] = said.overloaded;
            origins.extend(said.prefixes.iter().map(|&prefix| (prefix, origin)));
        }
        keep_mutual(&mut metrics);
        origins.sort_unstable();
        let mut chart = Chart::new(system, metrics, overloaded, origins);
        chart.keep_from(&self.charts[router.index()], &self.topology);
        let chart = Arc::new(chart);
        self.drop_spare_charts();
        self.computing.charts.push((key, Arc::clone(&chart)));
        chart
    }

    fn drop_spare_charts(&mut self) {
        let charts = &mut self.computing.charts;
        let spare = charts.iter().filter(|(_, chart)| Arc::strong_count(chart) == 1).count();
        let mut surplus = spare.saturating_sub(SPARE_CHARTS);
        charts.retain(|(_, chart)| {
            let goes = surplus > 0 && Arc::strong_count(chart) == 1;
            surplus -= usize::from(goes);
            !goes
        });
    }

    /// The chart of a router that knows nothing but itself.
    pub(super) fn blank_chart(&self, router: RouterId) -> Arc<Chart> {
        Arc::new(Chart::new(
            self.topology.system(router),
            vec![UNUSABLE; self.topology.direction_count()],
            vec![false; self.topology.router_count()],
            Vec::new(),
        ))
    }
}
