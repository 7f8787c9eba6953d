//! Links, middleboxes and sites as they are at this instant, at the run's scale.

use super::LinkState;
use super::fluid::Fluid;
use super::load::{LinkTotals, MiddleboxTotals};
use crate::kernel::time::SimDuration;
use crate::scenario::model::{self, MiddleboxId, RouterId, Scenario, WhenFull};

/// A link, as it is.
#[derive(Clone, Debug)]
pub(super) struct LinkNow {
    pub(super) delay: SimDuration,
    pub(super) loss: f64,
    /// Of each direction, at this run's scale [bit/s].
    pub(super) bandwidth: f64,
    pub(super) buffer_s: f64,
    pub(super) prefixes_max: Option<u32>,
    pub(super) state: LinkState,
    pub(super) totals: [LinkTotals; 2],
}

/// A middlebox, as it is; limits at this run's scale, infinite without one.
#[derive(Clone, Debug)]
pub(super) struct MiddleboxNow {
    pub(super) connections_per_s: f64,
    pub(super) packets_per_s: f64,
    pub(super) bits_per_s: f64,
    pub(super) sessions: f64,
    pub(super) buffer_s: f64,
    pub(super) when_full: WhenFull,
    pub(super) factor: f64,
    pub(super) connections: Fluid,
    pub(super) packets: Fluid,
    pub(super) bits: Fluid,
    pub(super) totals: MiddleboxTotals,
}

/// A site, as the network sees it.
#[derive(Clone, Debug)]
pub(super) struct SiteNow {
    pub(super) router: RouterId,
    pub(super) up: bool,
    pub(super) middleboxes: Vec<MiddleboxId>,
    pub(super) sessions: u64,
    /// The smallest session table before it, where there is one: it fills first.
    pub(super) table: Option<SessionTable>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct SessionTable {
    pub(super) limit: f64,
    pub(super) at: MiddleboxId,
    pub(super) when_full: WhenFull,
}

impl SiteNow {
    #[inline]
    pub(super) fn full_table(&self) -> Option<SessionTable> {
        self.table.filter(|table| self.sessions as f64 >= table.limit)
    }
}

impl LinkNow {
    pub(super) fn new(link: &model::Link, scale: f64) -> LinkNow {
        LinkNow {
            delay: link.delay,
            loss: link.loss,
            bandwidth: link.bandwidth / scale,
            buffer_s: link.buffer.as_secs_f64(),
            prefixes_max: link.prefixes_max,
            state: LinkState::default(),
            totals: [LinkTotals::default(); 2],
        }
    }

    /// Share of packets that no error on the line loses in one direction, overload apart.
    pub(super) fn passes(&self, side: usize) -> f64 {
        (1.0 - self.loss) * (1.0 - self.state.loss[side]).clamp(0.0, 1.0)
    }

    /// Whether users' packets pass, overload apart.
    pub(super) fn carries(&self) -> bool {
        self.state.up && !self.state.silent
    }

    /// What it carries a second in each direction now [bit/s].
    pub(super) fn capacity(&self) -> f64 {
        if self.state.up { self.bandwidth * self.state.bandwidth_factor } else { 0.0 }
    }
}

impl MiddleboxNow {
    pub(super) fn new(middlebox: &model::Middlebox, scale: f64) -> MiddleboxNow {
        let limit = |full_size: Option<f64>| full_size.map_or(f64::INFINITY, |l| l / scale);
        MiddleboxNow {
            connections_per_s: limit(middlebox.new_connections),
            packets_per_s: limit(middlebox.packets),
            bits_per_s: limit(middlebox.bandwidth),
            sessions: limit(middlebox.sessions.map(|count| count as f64)),
            buffer_s: middlebox.buffer.as_secs_f64(),
            when_full: middlebox.when_full,
            factor: 1.0,
            connections: Fluid::default(),
            packets: Fluid::default(),
            bits: Fluid::default(),
            totals: MiddleboxTotals::default(),
        }
    }
}

pub(super) fn sites_of(scenario: &Scenario) -> Vec<SiteNow> {
    let before = |site: usize| {
        let all = scenario.network.middleboxes.iter().enumerate();
        let here = all.filter(move |(_, middlebox)| middlebox.before.index() == site);
        here.map(|(index, _)| MiddleboxId(index as u32)).collect()
    };
    let sites = scenario.sites.iter().enumerate();
    let now = sites.map(|(index, site)| SiteNow {
        router: site.router,
        up: true,
        middleboxes: before(index),
        sessions: 0,
        table: None,
    });
    now.collect()
}
