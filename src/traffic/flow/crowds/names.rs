//! Cells and the names that send them to sites: who is answered what, and when cells are cut for it
//! and put together.

use super::{Cell, Crowd, Resolver};
use crate::kernel::defect::planted;
use crate::kernel::stream::Stream;
use crate::kernel::time::SimTime;
use crate::scenario::model::SiteId;
use crate::traffic::flow::backoff::Knowledge;
use crate::world::steering::SteeringState;

/// Phases of ordinary resolvers that are told apart while a change spreads, and of those that
/// ignore TTLs.
const PHASES: [u32; 2] = [32, 16];

/// Attempts that were sent to a site, evenly over a span [ns].
#[derive(Clone, Copy, Debug)]
pub(in crate::traffic::flow) struct Sent {
    pub site: SiteId,
    from: u64,
    to: u64,
}

impl Sent {
    /// Attempts of this number, by what is known of them `now`: that they ended within a timeout, a
    /// wait of this range ago.
    pub(in crate::traffic::flow) fn by(
        (attempt, know): (u16, &Knowledge),
        site: SiteId,
        now: u64,
        timeout: u64,
        (least, most): (u64, u64),
    ) -> Sent {
        let since = |start_s: f64| (now as f64 - 1e9 * start_s).max(0.0) as u64;
        let (begun, longest) = (since(know.intended_s), most.saturating_add(timeout));
        // One like the other since the first, which was sent as it was meant to be; where that is
        // too long ago numbers are not counted, and all are of those who fail by timeout.
        let each = begun / u64::from(attempt);
        let mean = match each <= longest {
            true => each.max(least),
            false => least.midpoint(most).saturating_add(timeout),
        };
        let oldest = longest.min(since(know.earliest_s)).min(2 * mean).max(mean);
        let youngest = (2 * mean).saturating_sub(oldest);
        Sent { site, from: now.saturating_sub(oldest), to: now.saturating_sub(youngest) }
    }

    /// Share of them that was sent before a time [ns].
    fn share_before(&self, time: u64) -> f64 {
        if time <= self.from {
            0.0
        } else if time >= self.to {
            1.0
        } else {
            (time - self.from) as f64 / (self.to - self.from) as f64
        }
    }
}

impl Cell {
    /// Asks the name again; if its answer is another one, what it was.
    fn ask(&mut self, name: &SteeringState, now: u64) -> Option<SiteId> {
        let answer = self.answer(name, SimTime(now));
        let other = answer != self.answered;
        if other {
            (self.was, self.since, self.answered) = (self.answered, now, answer);
        }
        other.then_some(self.was)
    }

    /// Share of what its members sent over a span that went to this site, by their answer then.
    pub(in crate::traffic::flow) fn sent(&self, of: &Sent) -> f64 {
        let before = of.share_before(self.since);
        if self.answered == of.site {
            1.0 - before
        } else if self.was == of.site {
            before
        } else {
            0.0
        }
    }

    fn middle(&self) -> f64 {
        f64::midpoint(self.lower, self.upper)
    }

    /// The site that its members are answered at `now`.
    pub(super) fn answer(&self, name: &SteeringState, now: SimTime) -> SiteId {
        let asked = match self.resolver {
            Resolver::All | Resolver::Kind(_) => now,
            Resolver::Phase(kind, phase) => {
                let period = name.resolvers()[kind].1.0;
                let part = (f64::from(phase) + 0.5) / f64::from(PHASES[kind]);
                let since = (now.0 + (part * period as f64) as u64) % period.max(1);
                SimTime(now.0.saturating_sub(since))
            }
        };
        let asked = if planted("flow-epoch-off-by-one") { SimTime(asked.0 / 2) } else { asked };
        name.answered_at(self.middle(), asked)
    }

    /// The site that the authority itself answers now.
    pub(in crate::traffic::flow) fn authoritative(&self, name: &SteeringState) -> SiteId {
        self.answered_at(name, SimTime::MAX)
    }

    /// The site that it answers at `now`.
    pub(in crate::traffic::flow) fn answered_at(
        &self,
        name: &SteeringState,
        now: SimTime,
    ) -> SiteId {
        name.answered_at(self.middle(), now)
    }
}

impl Crowd {
    /// Cuts whatever the newest epoch of its name tells apart.
    pub(in crate::traffic::flow) fn follow_epoch(
        &mut self,
        steering: &SteeringState,
        draws: &mut Stream,
    ) {
        let ends: Vec<f64> = steering.ends().collect();
        for index in 0..self.cells.len() {
            let (lower, upper) = (self.cells[index].lower, self.cells[index].upper);
            let inside = |end: &f64| *end > lower + 1e-9 && *end < upper - 1e-9;
            let mut cuts: Vec<f64> = ends.iter().copied().filter(inside).collect();
            cuts.push(upper);
            let mut from = lower;
            let mut parts = Vec::new();
            for end in cuts {
                let part = Cell { lower: from, upper: end, ..self.cells[index].like() };
                parts.push((part, (end - from) / (upper - lower)));
                from = end;
            }
            if parts.len() > 1 {
                self.cut(index, parts, draws);
            }
        }
        let before = SimTime(steering.latest().0.saturating_sub(1));
        let changes = |cell: &Cell| cell.answer(steering, before) != cell.authoritative(steering);
        // Cuts of what was cut before would multiply.
        self.put_together(u64::MAX, changes);
        for index in 0..self.cells.len() {
            let cell = &self.cells[index];
            if changes(cell) {
                let parts = by_resolver(cell, steering);
                if parts.len() > 1 {
                    self.cut(index, parts, draws);
                }
            }
        }
    }

    /// Divides a cell by multinomial draws: the first part takes its place.
    fn cut(&mut self, index: usize, parts: Vec<(Cell, f64)>, draws: &mut Stream) {
        let mut whole = self.cells[index].clone();
        let last = parts.len() - 1;
        let mut share_left = 1.0;
        for (number, (mut part, share)) in parts.into_iter().enumerate() {
            let p = if number == last { 1.0 } else { (share / share_left).min(1.0) };
            share_left -= share;
            whole.give(&mut part, p, draws);
            if number == 0 {
                self.cells[index] = part;
            } else {
                self.cells.push(part);
            }
        }
    }

    /// Has the cells ask the name at `now`, and their sign-ins (of this class) go where it says;
    /// puts such together as nothing tells apart any more: those whose resolvers have refreshed
    /// since the last epoch began, when nobody asks again who was sent `memory` ago [ns]. Whether
    /// some are to come.
    pub(in crate::traffic::flow) fn join(
        &mut self,
        steering: &SteeringState,
        (now, memory): (SimTime, u64),
        sign_in: Option<u16>,
        draws: &mut Stream,
    ) -> bool {
        for index in 0..self.cells.len() {
            if let Some(was) = self.cells[index].ask(steering, now.0)
                && let Some(class) = sign_in
            {
                self.redirect(index, was, class, draws);
            }
        }
        let resolvers = steering.resolvers();
        let mut spreading = false;
        for cell in &mut self.cells {
            if let Resolver::Phase(kind, phase) = cell.resolver {
                let period = resolvers[kind].1.0.max(1);
                let part = (f64::from(phase) + 0.5) / f64::from(PHASES[kind]);
                let since = (now.0 + (part * period as f64) as u64) % period;
                if now.0.saturating_sub(since) >= steering.latest().0 {
                    cell.resolver = Resolver::Kind(kind);
                } else {
                    spreading = true;
                }
            }
        }
        let horizon = now.0.saturating_sub(memory);
        self.put_together(horizon, |_| true);
        spreading || self.cells.iter().any(|cell| cell.since > horizon)
    }

    /// Puts settled cells of those asked for together whose answers changed at the same time, or
    /// before `horizon`.
    fn put_together(&mut self, horizon: u64, of: impl Fn(&Cell) -> bool) {
        let mut index = 0;
        while index < self.cells.len() {
            let cell = &self.cells[index];
            let key = |cell: &Cell| (cell.lower.to_bits(), cell.upper.to_bits());
            let settled = |cell: &Cell| !matches!(cell.resolver, Resolver::Phase(..));
            let all = spreading_in(&self.cells, key(cell)) == 0;
            let alike = |other: &Cell| {
                key(other) == key(cell)
                    && settled(other)
                    && (all || other.resolver == cell.resolver)
                    && (other.since == cell.since || other.since.max(cell.since) <= horizon)
            };
            let mine = settled(cell) && of(cell);
            let found = mine.then(|| self.cells[..index].iter().position(alike)).flatten();
            match found {
                Some(target) => {
                    let from = self.cells.swap_remove(index);
                    if all {
                        self.cells[target].resolver = Resolver::All;
                    }
                    self.cells[target].absorb(from);
                }
                None => index += 1,
            }
        }
    }
}

/// Cells of a piece that still wait for their resolvers.
fn spreading_in(cells: &[Cell], piece: (u64, u64)) -> usize {
    let phased = |cell: &&Cell| matches!(cell.resolver, Resolver::Phase(..));
    let of = cells.iter().filter(phased);
    of.filter(|cell| (cell.lower.to_bits(), cell.upper.to_bits()) == piece).count()
}

/// The parts of a cell, by resolvers of each kind and phase.
fn by_resolver(cell: &Cell, steering: &SteeringState) -> Vec<(Cell, f64)> {
    let mut parts = Vec::new();
    for (kind, (share, period)) in steering.resolvers().into_iter().enumerate() {
        let of_kind = match cell.resolver {
            Resolver::All => share,
            Resolver::Kind(of) if of == kind => 1.0,
            _ => 0.0,
        };
        if of_kind == 0.0 {
            continue;
        }
        if period.0 == 0 {
            parts.push((Cell { resolver: Resolver::Kind(kind), ..cell.like() }, of_kind));
            continue;
        }
        for phase in 0..PHASES[kind] {
            let part = Cell { resolver: Resolver::Phase(kind, phase), ..cell.like() };
            parts.push((part, of_kind / f64::from(PHASES[kind])));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    /// Seconds ago, of the first and last of those attempts, at 100 s.
    fn ages(attempt: u16, intended_s: f64, timeout_s: u64, wait_s: (u64, u64)) -> (u64, u64) {
        let know = Knowledge { intended_s, earliest_s: intended_s - 1.0, ..Knowledge::default() };
        let wait = (wait_s.0 * S, wait_s.1 * S);
        let of = Sent::by((attempt, &know), SiteId(0), 100 * S, timeout_s * S, wait);
        (100 - of.from / S, 100 - of.to / S)
    }

    #[test]
    fn attempts_were_sent_a_wait_and_what_they_lasted_ago() {
        assert_eq!(ages(1, 95.0, 4, (0, 2)), (6, 4), "timed out");
        assert_eq!(ages(1, 99.0, 4, (0, 2)), (2, 0), "refused");
        assert_eq!(ages(2, 80.0, 4, (0, 2)), (6, 4), "a later one of those begun long ago");
        assert_eq!(ages(1, 10.0, 4, (0, 2)), (6, 4), "numbers are not counted");
        assert_eq!(ages(3, 97.0, 4, (0, 2)), (2, 0), "refused each time");
        assert_eq!(ages(3, 93.0, 4, (4, 4)), (8, 0), "refused, with longer and longer waits");
    }

    #[test]
    fn what_is_even_over_a_span_is_in_part_before_a_time_in_it() {
        let sent = Sent { site: SiteId(0), from: 10, to: 20 };
        let shares = [5, 10, 15, 20, 25].map(|time| sent.share_before(time));
        assert_eq!(shares, [0.0, 0.0, 0.5, 1.0, 1.0]);
        let at_once = Sent { from: 10, to: 10, ..sent };
        assert_eq!([10, 11].map(|time| at_once.share_before(time)), [0.0, 1.0]);
    }
}
