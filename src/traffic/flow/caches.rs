//! Caches in front of calls: how full each is at each site.
//!
//! A call is made for all that its cache does not have: a share 1 - hit x fill. Each answer fills
//! one of its entries, which is as likely to be a full one as any: after n answers what was empty
//! is (1 - 1/entries)^n of what it was. Within a step a cache is as full as it will be in its
//! middle, going on as in the step before.

use super::program::Step;
use crate::kernel::defect::planted;
use crate::kernel::math;
use crate::scenario::model::{ServiceId, SiteId};
use crate::traffic::plan::{CachePlan, Plan};

/// Part by which the calls that get past a cache may become fewer within a step.
const OF_MISSES: f64 = 0.125;

/// A cache at one site.
#[derive(Clone, Copy, Debug)]
struct Fill {
    /// Share of the entries that are there.
    now: f64,
    /// When the step began; in its middle.
    before: f64,
    middle: f64,
    /// Growth within the last step [1/s].
    growth_per_s: f64,
    /// Calls that have asked it in this step, and in the last one [1/s].
    asked: u64,
    asked_per_s: f64,
}

impl Fill {
    const FULL: Fill =
        Fill { now: 1.0, before: 1.0, middle: 1.0, growth_per_s: 0.0, asked: 0, asked_per_s: 0.0 };
}

/// All caches.
#[derive(Clone, Debug)]
pub(super) struct Caches {
    plans: Vec<CachePlan>,
    /// [cache][site].
    fills: Vec<Vec<Fill>>,
}

impl Caches {
    /// Caches that are full.
    pub(super) fn new(plan: &Plan, sites: usize) -> Caches {
        let fills = vec![vec![Fill::FULL; sites]; plan.caches.len()];
        Caches { plans: plan.caches.clone(), fills }
    }

    /// Share of the calls that are made for all that their cache has.
    #[inline]
    pub(super) fn misses(&self, cache: Option<u16>, site: SiteId) -> f64 {
        let Some(cache) = cache else { return 1.0 };
        let fill = &self.fills[cache as usize][site.index()];
        1.0 - self.plans[cache as usize].hit * fill.middle
    }

    /// So many calls would be made if there were no cache.
    #[inline]
    pub(super) fn asked(&mut self, cache: Option<u16>, site: SiteId, n: u64) {
        if let Some(cache) = cache {
            self.fills[cache as usize][site.index()].asked += n;
        }
    }

    /// Calls were answered: what they have brought is in the cache.
    #[inline]
    pub(super) fn answered(&mut self, cache: Option<u16>, site: SiteId, n: u64) {
        let Some(cache) = cache else { return };
        if planted("flow-cache-never-fills") {
            return;
        }
        let fill = &mut self.fills[cache as usize][site.index()];
        let empty = 1.0 - 1.0 / self.plans[cache as usize].entries;
        if fill.now < 1.0 {
            fill.now = 1.0 - (1.0 - fill.now) * math::pow(empty, n as f64);
        }
    }

    /// A share of what the caches of a service hold is lost, at a site or at all.
    pub(super) fn lost(&mut self, service: ServiceId, site: Option<SiteId>, share: f64) {
        for (cache, fills) in self.plans.iter().zip(&mut self.fills) {
            let at = |s: usize| site.is_none_or(|site| site.index() == s);
            let fills = fills.iter_mut().enumerate().filter(|(s, _)| at(*s));
            for (_, fill) in fills.filter(|_| cache.caller == service) {
                fill.now *= 1.0 - share;
                fill.growth_per_s = 0.0;
            }
        }
    }

    /// All caches are full.
    pub(super) fn fill_up(&mut self) {
        self.fills.iter_mut().for_each(|sites| sites.fill(Fill::FULL));
    }

    pub(super) fn begin_step(&mut self, step: Step) {
        for fill in self.fills.iter_mut().flatten() {
            fill.before = fill.now;
            let middle = fill.now + 0.5 * step.seconds() * fill.growth_per_s;
            (fill.middle, fill.asked) = (middle.min(1.0), 0);
        }
    }

    pub(super) fn end_step(&mut self, step: Step) {
        for fill in self.fills.iter_mut().flatten() {
            fill.growth_per_s = (fill.now - fill.before) / step.seconds();
            fill.asked_per_s = fill.asked as f64 / step.seconds();
        }
    }

    /// Length of a step in which no cache changes much [ns].
    pub(super) fn length(&self) -> u64 {
        let of = |(plan, fills): (&CachePlan, &Vec<Fill>)| {
            let fewer_per_s = |fill: &Fill| {
                // -d ln(misses)/dt, where every miss is answered.
                plan.hit * (1.0 - fill.now) * fill.asked_per_s / plan.entries
            };
            fills.iter().map(fewer_per_s).fold(0.0, f64::max)
        };
        let most_per_s = self.plans.iter().zip(&self.fills).map(of).fold(0.0, f64::max);
        (OF_MISSES / most_per_s.max(1e-9) * 1e9) as u64
    }
}
