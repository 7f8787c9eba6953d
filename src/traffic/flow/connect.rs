//! The network between clients and sites: what attempts meet on their way, in counts.

use super::cohort::{Kind, Reach, Row};
use super::program::Step;
use super::station::Token;
use super::{Flow, Scene};
use crate::kernel::sample::binomial;
use crate::kernel::slab::Key;
use crate::kernel::time::SimTime;
use crate::scenario::model::SiteId;
use crate::world::network::AttachmentId;

/// Waits before a lost SYN is sent again [s], then the attempt is lost (RFC 6298, section 2).
pub(super) const SYN_WAITS: [f64; 3] = [1.0, 2.0, 4.0];
/// Retransmission timeout of lost data [s] (RFC 6298, section 2.4).
const RETRANSMISSION_S: f64 = 1.0;

/// What is sent: attempts alike, to one site.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    pub row: Row,
    pub site: SiteId,
    pub from: AttachmentId,
}

impl Flow {
    /// Sends attempts: they join this step's cohort of their program.
    pub(super) fn send(&mut self, sending: Sending, step: Step, scene: &mut Scene) {
        let Sending { row, site, .. } = sending;
        if row.count == 0 {
            return;
        }
        let row = Row { site, alive: self.survival(&row, site), ..row };
        let class = row.class as usize;
        self.cost.attempts += row.count;
        scene.recorder.clients[class].sent += row.count;
        if let Some(cell) = scene.recorder.cell(class, step.middle()) {
            cell.sent += row.count as u32;
            cell.first += if row.attempt == 1 { row.count as u32 } else { 0 };
        }
        let program = self.programs.of(self.plan.classes[class].operation, site);
        let key = self.cohort_of(program, step);
        self.connect(key, row, sending.from, 0, step, scene);
    }

    /// The cohort's attempts open their connections (try number `tries`), and go.
    pub(super) fn connect(
        &mut self,
        key: Key,
        row: Row,
        from: AttachmentId,
        tries: usize,
        step: Step,
        scene: &mut Scene,
    ) {
        let cohort = self.cohorts.get(key).expect("the caller has it");
        let site = self.programs.all[cohort.program as usize].site;
        let bits = if tries == 0 { self.plan.classes[row.class as usize].bits } else { 0.0 };
        let paths: Vec<(crate::world::network::PathId, f64)> =
            scene.world.network.shares(from, site).collect();
        let (mut left, mut share_left) = (row.count, 1.0);
        for (path, share) in paths {
            let n = binomial(&mut self.draws, left, share / share_left);
            (left, share_left) = (left - n, share_left - share);
            if n == 0 {
                continue;
            }
            scene.world.network.offer_many(path, n, u32::from(row.opens), bits);
            let view = scene.world.network.view(path);
            let part = Row { count: n, ..row };
            if !view.carries {
                self.add_row(key, Row { reach: Reach::Lost, ..part });
                continue;
            }
            let arrived = 1.0 - view.loss;
            let mut ways_s = 2.0 * view.delay.as_secs_f64();
            let mut through = n;
            if row.opens {
                let refused = binomial(&mut self.draws, n, view.connection_refused);
                if refused > 0 {
                    self.refused.push(Row { count: refused, ..part });
                }
                let lost = 1.0 - arrived * arrived * (1.0 - view.connection_loss);
                let lost = binomial(&mut self.draws, n - refused, lost);
                through = n - refused - lost;
                if lost > 0 {
                    self.lose_syn(key, Row { count: lost, ..part }, from, tries, step);
                }
                ways_s += 2.0 * view.delay.as_secs_f64() + view.connection_delay.as_secs_f64();
            }
            let late = binomial(&mut self.draws, through, 1.0 - arrived * arrived);
            for (count, more_s) in [(through - late, 0.0), (late, RETRANSMISSION_S)] {
                let network_s = row.network_s + ways_s + more_s;
                if count > 0 {
                    self.add_row(key, Row { count, network_s, reach: Reach::Open, ..part });
                    self.reached.push((key, count));
                }
            }
        }
    }

    fn lose_syn(&mut self, key: Key, row: Row, from: AttachmentId, tries: usize, step: Step) {
        match SYN_WAITS.get(tries) {
            None => self.add_row(key, Row { reach: Reach::Lost, ..row }),
            Some(&wait) => {
                let place = self.add_row_at(key, Row { reach: Reach::Pending, ..row });
                let due = step.middle().0 + (wait * 1e9) as u64;
                self.syn[tries].push_back((due, key, place, from));
            }
        }
    }

    /// Lost SYNs that are due are sent again.
    pub(super) fn resend_syn(&mut self, step: Step, scene: &mut Scene) {
        for (tries, wait) in SYN_WAITS.iter().enumerate() {
            while let Some(&(due, key, place, from)) = self.syn[tries].front() {
                if due > step.middle().0 {
                    break;
                }
                self.syn[tries].pop_front();
                let Some(cohort) = self.cohorts.get_mut(key) else { continue };
                let row = &mut cohort.rows[place as usize];
                let (network_s, opening_s) = (row.network_s + wait, row.opening_s + wait);
                let again = Row { network_s, opening_s, ..*row };
                cohort.standing -= row.count;
                row.count = 0;
                if again.count > 0 {
                    self.connect(key, again, from, tries + 1, step, scene);
                }
            }
        }
    }

    fn add_row(&mut self, key: Key, row: Row) {
        self.add_row_at(key, row);
    }

    /// Adds attempts to a cohort; where they stand in it.
    pub(super) fn add_row_at(&mut self, key: Key, row: Row) -> u32 {
        let cohort = self.cohorts.get_mut(key).expect("the caller has it");
        cohort.standing += row.count;
        if row.reach == Reach::Open {
            cohort.open += row.count;
        }
        self.cost.cells_updated += 1;
        cohort.rows.push(row);
        cohort.rows.len() as u32 - 1
    }

    /// What has reached its site in this step is admitted, or refused by a throttle.
    pub(super) fn admit(&mut self, step: Step, scene: &mut Scene) {
        let reached = std::mem::take(&mut self.reached);
        for &(key, count) in &reached {
            let Some(cohort) = self.cohorts.get(key) else { continue };
            let program_index = cohort.program;
            let program = &self.programs.all[program_index as usize];
            let throttles = &scene.world.throttles;
            let found = throttles
                .iter()
                .position(|t| t.operation == program.operation && t.site == program.site);
            let no_station = program.visits.is_empty();
            let admitted = match found {
                _ if no_station => 0,
                None => count,
                Some(index) => self.tokens(index, count, step, scene),
            };
            if admitted < count {
                self.outcomes.push((key, false, count - admitted, 0));
            }
            if admitted == 0 {
                continue;
            }
            match self.arriving.iter_mut().find(|token| token.cohort == Some(key)) {
                Some(token) => token.count += admitted,
                None => self.arriving.push(Token {
                    cohort: Some(key),
                    program: program_index,
                    visit: 0,
                    tries: 0,
                    orphan: false,
                    start: step.from,
                    width: step.length(),
                    slack: u64::MAX,
                    waited: 0,
                    count: admitted,
                }),
            }
        }
        self.reached = reached;
        self.reached.clear();
    }

    /// Tokens that a throttle's bucket, which holds one second's worth, gives for `count` attempts.
    fn tokens(&mut self, index: usize, count: u64, step: Step, scene: &Scene) -> u64 {
        let throttle = &scene.world.throttles[index];
        let Some(rate) = throttle.admits_per_s(step.middle()) else { return count };
        self.buckets.resize(scene.world.throttles.len(), (0.0, SimTime::ZERO, SimTime::MAX));
        let (tokens, filled, since) = &mut self.buckets[index];
        if *since != throttle.since {
            (*tokens, *filled, *since) = (0.0, SimTime(step.from), throttle.since);
        }
        let now = SimTime(step.to);
        *tokens = (*tokens + (now - *filled).as_secs_f64() * rate).min(rate.max(1.0));
        *filled = now;
        let admitted = count.min(*tokens as u64);
        *tokens -= admitted as f64;
        admitted
    }

    /// Share of the answers from a site that find their way back.
    pub(super) fn carried(from: AttachmentId, site: SiteId, scene: &Scene) -> f64 {
        let network = &scene.world.network;
        let paths = network.shares(from, site);
        paths.filter(|&(path, _)| network.view(path).carries).map(|(_, share)| share).sum()
    }

    /// Where a row's attempts come from.
    pub(super) fn attachment_of(&self, row: &Row, scene: &Scene) -> AttachmentId {
        match row.kind {
            Kind::Probe(pair) => scene.world.probe_pairs[pair as usize].0,
            _ => AttachmentId(self.cells[row.cell as usize].attachment),
        }
    }
}
