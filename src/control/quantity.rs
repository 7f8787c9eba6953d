//! What control can see: quantities of closed windows, each from its vantage.
//!
//! Clients' quantities are perfect knowledge. Probes cross the simulated network like anybody.
//! Servers' telemetry counts only what arrives, and takes an answer for a success whether or not
//! anybody still waited for it: a black hole is *no data* there, and overload looks well.

use super::watch::Sight;
use crate::measure::histogram::Histogram;
use crate::measure::log::Log;
use crate::measure::recorder::{Recorder, StationCell};
use crate::scenario::model::{
    AlarmId, Demander, Measure, Quantity, Scenario, SiteId, SteeringId, StepId, Vantage,
};
use crate::world::World;

/// Everything that a condition can be about, at one window's end.
pub struct View<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The world.
    pub world: &'a World,
    /// Counts by class.
    pub recorder: &'a Recorder,
    /// Closed windows.
    pub log: &'a Log,
    /// Which alarms have risen.
    pub alarms: &'a [bool],
    /// Which steps are done.
    pub steps: &'a [bool],
    /// Shares of a name that the step in question would set.
    pub projected: Option<(SteeringId, Vec<(SiteId, f64)>)>,
}

impl Sight for View<'_> {
    fn value(&self, quantity: &Quantity) -> Option<f64> {
        if self.log.windows == 0 {
            return None;
        }
        match quantity.measure {
            Measure::SuccessRate => self.success_rate(quantity),
            Measure::Latency(q) => self.latency(quantity, q),
            Measure::Utilisation => self.utilisation(quantity),
            Measure::Queue => {
                let queues = self.stations(quantity).map(|(_, cell)| cell.queue_s);
                let length = self.windows(quantity).len() as f64 * self.window_s();
                Some(queues.sum::<f64>() / length * self.scale())
            }
            Measure::Backlog => {
                let row = self.log.row(&self.log.pipelines, self.log.windows - 1);
                Some(row.iter().map(|cell| cell.backlog as f64).sum::<f64>() * self.scale())
            }
            Measure::OldestMessage => {
                let row = self.log.row(&self.log.pipelines, self.log.windows - 1);
                let oldest = row.iter().filter_map(|cell| cell.oldest_s);
                Some(oldest.fold(0.0, f64::max))
            }
            Measure::Sessions => self.sessions(quantity),
            Measure::Loss => self.loss(quantity),
            Measure::Amplification => {
                let (first, sent) = self.sum(quantity, |cell| (cell.first, cell.sent));
                (first > 0.0).then(|| sent / first)
            }
            Measure::Demand => {
                let (first, _) = self.sum(quantity, |cell| (cell.first, 0));
                let length = self.windows(quantity).len() as f64 * self.window_s();
                Some(first / length * self.scale())
            }
            Measure::Unhealthy => self.log.unhealthy.last().copied().flatten(),
        }
    }

    fn risen(&self, alarm: AlarmId) -> bool {
        self.alarms[alarm.index()]
    }

    fn done(&self, step: StepId) -> bool {
        self.steps[step.index()]
    }
}

impl View<'_> {
    fn scale(&self) -> f64 {
        self.scenario.scale as f64
    }

    fn window_s(&self) -> f64 {
        self.scenario.clock.window.as_secs_f64()
    }

    /// The closed windows that a quantity is taken over: the last, or those of `over`.
    fn windows(&self, quantity: &Quantity) -> std::ops::Range<usize> {
        let count = (quantity.over.0 / self.scenario.clock.window.0).max(1) as usize;
        self.log.windows.saturating_sub(count)..self.log.windows
    }

    /// Two counts, summed over the classes and windows that a quantity is about.
    fn sum(
        &self,
        quantity: &Quantity,
        counts: impl Fn(&crate::measure::recorder::Cell) -> (u32, u32),
    ) -> (f64, f64) {
        let mut sums = (0.0, 0.0);
        for class in self.world.classes_matching(quantity.region, quantity.operation) {
            for window in self.windows(quantity) {
                let (a, b) = counts(self.recorder.cell_at(class, window));
                sums.0 += f64::from(a);
                sums.1 += f64::from(b);
            }
        }
        sums
    }

    fn success_rate(&self, quantity: &Quantity) -> Option<f64> {
        let (good, all) = match quantity.seen_by {
            Vantage::Client => {
                let (answered, other) = self.sum(quantity, |c| (c.answered, c.unanswered));
                (answered, answered + other)
            }
            Vantage::Probes => {
                let mut sums = (0.0, 0.0);
                for window in self.windows(quantity) {
                    let row = self.log.row(&self.log.probes, window);
                    for (cell, pair) in row.iter().zip(&self.world.probe_pairs) {
                        if quantity.site.is_none_or(|site| site == pair.1) {
                            sums.0 += f64::from(cell.ok);
                            sums.1 += f64::from(cell.ended);
                        }
                    }
                }
                sums
            }
            Vantage::Server => {
                let mut sums = (0.0, 0.0);
                for (_, cell) in self.stations(quantity) {
                    let answered = f64::from(cell.useful + cell.stale);
                    sums.0 += answered - f64::from(cell.errors);
                    sums.1 += answered + f64::from(cell.refused);
                }
                sums
            }
        };
        (all > 0.0).then(|| good / all)
    }

    fn latency(&self, quantity: &Quantity, q: f64) -> Option<f64> {
        let mut sum = Histogram::new();
        for class in self.world.classes_matching(quantity.region, quantity.operation) {
            sum.merge(&self.recorder.window_latency[class]);
        }
        sum.quantile_s(q)
    }

    /// Matching stations with their counts, a window each. A server's success rate is that of the
    /// services that clients enter, unless one is named.
    fn stations<'v>(
        &'v self,
        quantity: &Quantity,
    ) -> impl Iterator<Item = (usize, &'v StationCell)> + 'v {
        let (service, site) = (quantity.service, quantity.site);
        let entry_only = quantity.measure == Measure::SuccessRate && service.is_none();
        let operation = quantity.operation;
        let matches = move |index: usize| {
            let station = &self.world.services.stations[index];
            let entered = self.scenario.operations.iter().enumerate().any(|(number, o)| {
                matches!(o.by, Demander::Client(_))
                    && o.enters == station.service
                    && operation.is_none_or(|operation| operation.index() == number)
            });
            service.is_none_or(|service| service == station.service)
                && site.is_none_or(|site| site == station.site)
                && (!entry_only || entered)
        };
        self.windows(quantity).flat_map(move |window| {
            let row = self.log.row(&self.log.stations, window).iter().enumerate();
            row.filter(move |(index, _)| matches(*index))
        })
    }

    /// Busy slots / slots of the worst matching station. Projected: the site's own work, in the
    /// proportion in which the step would change its share (a site without a share: its part of
    /// the work at all sites). That is how people reckon; that resolvers and sessions follow late
    /// and that a sick site's work says little is what makes the reckoning wrong at times.
    fn utilisation(&self, quantity: &Quantity) -> Option<f64> {
        let stations = &self.world.services.stations;
        let mut slots = vec![0.0; stations.len()];
        let mut busy = vec![0.0; stations.len()];
        let everywhere = Quantity { site: None, ..quantity.clone() };
        for (index, cell) in self.stations(&everywhere) {
            slots[index] += cell.slot_s;
            busy[index] += cell.busy_s;
        }
        let worst = |a: Option<f64>, b: f64| Some(a.map_or(b, |a| a.max(b)));
        let mut found = None;
        for (index, station) in stations.iter().enumerate() {
            if slots[index] == 0.0 || quantity.site.is_some_and(|site| site != station.site) {
                continue;
            }
            let mut work = busy[index];
            if let (true, Some((name, answers))) = (quantity.projected, &self.projected) {
                let share = answers.iter().find(|answer| answer.0 == station.site);
                let after = share.map_or(0.0, |answer| answer.1);
                let now = self.world.steering[name.index()].share(station.site);
                let alike = stations.iter().zip(&busy).filter(|(other, _)| {
                    other.service == station.service && other.partition == station.partition
                });
                let all: f64 = alike.map(|(_, busy)| busy).sum();
                work = if now > 0.0 { work * after / now } else { all * after };
            }
            found = worst(found, work / slots[index]);
        }
        found
    }

    fn sessions(&self, quantity: &Quantity) -> Option<f64> {
        let row = self.log.row(&self.log.sessions, self.log.windows - 1);
        let (mut at, mut present) = (0.0, 0.0);
        for (counts, client) in row.chunks(self.world.sites + 1).zip(&self.scenario.clients) {
            if client.session.is_none() {
                continue;
            }
            present += f64::from(counts[self.world.sites]);
            let sites = counts[..self.world.sites].iter().enumerate();
            let here = sites.filter(|(s, _)| quantity.site.is_none_or(|site| site.index() == *s));
            at += here.map(|(_, &count)| f64::from(count)).sum::<f64>();
        }
        (present > 0.0).then(|| at / present)
    }

    fn loss(&self, quantity: &Quantity) -> Option<f64> {
        let window = self.log.windows - 1;
        let boxes = self.log.row(&self.log.middleboxes, window).iter();
        let boxes = boxes.zip(&self.scenario.network.middleboxes);
        let here = boxes.filter(|(_, m)| quantity.site.is_none_or(|site| site == m.before));
        let worst_box = here.map(|(cell, _)| cell.loss).fold(0.0, f64::max);
        let links = self.log.row(&self.log.links, window).iter().map(|cell| cell.loss);
        let worst_link = if quantity.site.is_some() { 0.0 } else { links.fold(0.0, f64::max) };
        Some(worst_box.max(worst_link))
    }
}
