//! Retries in clumps: who was turned away in one burst, and waits as long as the others, comes
//! again in that burst.
//!
//! **Which question.** How much likelier than a first attempt is such a retry turned away again?
//! **Model.** The free places of a full queue are a queue themselves: of openings, which come when
//! slots become free, and of which each is taken by the next attempt. Attempts that come in its
//! idle times are turned away. With jitter they come back evenly; with one constant wait in the
//! same idle times, as these were then. So attempts come at one rate between such bursts and at
//! another within them, and openings are an M/M/1 queue with two rates of service (its stationary
//! law by generating functions, as in M. F. Neuts, *Matrix-Geometric Solutions*, 1981, chapter 6;
//! written out at [`Crush::odds`]). Bursts have the idle times' share of all time, and its variance
//! over a long time (alternating renewals: D. R. Cox, *Renewal Theory*, 1962, chapter 7). Who has
//! been turned away several times comes in as many bursts at once; they are taken at the root mean
//! square of their rates. What differs from beat to beat is in the counts already: a part of the
//! effect, by the time in which a burst is forgotten.
//! **Leaves out.** Attachments that are one crowd are taken to come back together, though their
//! ways may differ; of the lanes of one cohort any is as likely to be turned away; calls from other
//! services. Three retries after one wait where little is too much: 3 % too many attempts.
//! **Validation.** Against a simulation of nothing but attempts, openings and waits (the test
//! below), and against `exact` in `tests/flow_crude/clumps.rs`.

use super::Flow;
use super::backoff::Knowledge;
use super::cohort::{Lane, LaneKey, Row};
use super::token::Token;
use crate::kernel::math;
use crate::kernel::sample::hypergeometric;
use crate::kernel::stream::Stream;
use crate::world::network::AttachmentId;

/// Iterations in which the share of the idle times is found, at most, and to which accuracy.
const ROUNDS: usize = 50;
const ACCURACY: f64 = 1e-4;
/// Steps in which a root is found, at most, and to which accuracy.
const STEPS: usize = 60;
const EXACT: f64 = 1e-13;
/// Orders of retries that are told apart, at most: those of attempts that are no longer counted.
const MANY: u16 = 16;
/// Beats over which arrivals and openings are averaged.
const MEAN_OVER: f64 = 4.0;
/// Shares are at least this, and at most 1 less this.
const LEAST: f64 = 0.01;
/// A burst is forgotten so many times as fast as an M/M/1 queue relaxes: read off the simulation of
/// the test below, with beats of 50 ms to 1 s.
const FORGOTTEN: f64 = 1.5;

/// What a full queue sees within a beat.
#[derive(Clone, Copy, Debug)]
struct Crush {
    /// Attempts, and the share of them that it lets in.
    came: f64,
    let_in: f64,
    /// Of all, the share of those that come in clumps, and how often these have been turned away,
    /// at most.
    clumped: f64,
    orders: u16,
    /// In how many bursts at once, of waits of other lengths too, the first of them come, and their
    /// share of the time.
    nested: u16,
    bursts: f64,
}

impl Crush {
    /// Odds of those in clumps of being turned away, over those of others; and what part fewer of
    /// the others than of all are.
    fn odds(&self) -> (f64, f64) {
        let share = |of: f64| of.clamp(LEAST, 1.0 - LEAST);
        let (u, f) = (share(self.let_in), share(self.clumped));
        let (nested, of_time) = (f64::from(self.nested), share(self.bursts));
        // How often they end (and, below, begin), by attempts.
        let of_each = math::pow(of_time, 1.0 / nested);
        let ends = nested * of_each * (1.0 - of_each);
        // Shares of the time without a place, of all of it and within bursts.
        let (mut idle, mut within) = (1.0 - u, 1.0 - u);
        for _ in 0..ROUNDS {
            // Who comes in a burst has been turned away once, and again with each order.
            let (mut mean, mut square, mut left) = (0.0, 0.0, 1.0);
            for order in 1..=self.orders {
                mean += left;
                square += f64::from(2 * order - 1) * left;
                left *= within;
            }
            let bursts = of_time * mean / math::sqrt(square);
            // Attempts outside and within them, of all.
            let (outside, inside) = (1.0 - f, 1.0 - f + f / bursts);
            let begins = ends * bursts / (1.0 - bursts);
            // With p(z) the generating function of free places outside bursts, and q(z) within:
            // (1 - z) (u - outside / z) p + begins p - ends q = outside (1 - 1 / z) p(0), and the
            // same for q; both are finite at the root of their determinant.
            let determinant = |z: f64| {
                let (p, q) = (u * z - outside, u * z - inside);
                (1.0 - z) * p * q + z * (ends * p + begins * q)
            };
            let z = root(|z| -determinant(z));
            let refused_outside = ends * (1.0 - u) / ((1.0 - z) * (inside / z - u));
            let (p, q) = (refused_outside / outside, (1.0 - u - refused_outside) / inside);
            let apart = (p + q - idle).abs() + (q / bursts - within).abs();
            (idle, within) = (0.5 * (idle + p + q), 0.5 * (within + q / bursts));
            if apart < ACCURACY {
                break;
            }
        }
        let odds = within * (1.0 - idle) / ((1.0 - within) * idle);
        (1.0 + (odds - 1.0) * self.within_beats(), 1.0 - idle / (1.0 - u))
    }

    /// The part of the effect that does not differ from beat to beat.
    fn within_beats(&self) -> f64 {
        let relaxes = 1.0 - math::sqrt(self.let_in.min(1.0));
        let times = FORGOTTEN * relaxes * relaxes * self.came;
        // Variance of a beat's mean, of what is forgotten at a constant rate.
        let between = match times < 1e-3 {
            true => 1.0,
            false => 2.0 * (times - 1.0 + math::exp(-times)) / (times * times),
        };
        1.0 - between
    }
}

/// The one root in 0..1 of a function that is negative at 0; 1 if there is none.
///
/// # Source
/// Regula falsi in the Illinois form: M. Dowell and P. Jarratt, "A modified regula falsi method for
/// computing the root of an equation", BIT 11 (1971), 168-174.
fn root(of: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    let (mut below, mut above) = (of(low), of(high));
    if above.is_nan() || above <= 0.0 {
        return high;
    }
    let (mut last, mut was_above) = (low, None);
    for _ in 0..STEPS {
        let next = low + (high - low) * below / (below - above);
        let value = of(next);
        if value > 0.0 {
            (high, above) = (next, value);
        } else {
            (low, below) = (next, value);
        }
        // The value at an end that stays twice running counts half.
        if was_above.replace(value > 0.0) == Some(value > 0.0) {
            *(if value > 0.0 { &mut below } else { &mut above }) *= 0.5;
        }
        if (next - last).abs() < EXACT {
            return next;
        }
        last = next;
    }
    last
}

/// Retries of one beat that come in the same bursts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clump {
    /// How long all of them have waited [ns], and where from they come.
    wait: u64,
    from: Option<AttachmentId>,
    count: u64,
    /// The least and the largest number of their attempts.
    attempts: (u16, u16),
    /// Some of these are no longer counted.
    endless: bool,
    /// Of those of the least: how many, and their bursts' share of the time.
    first: u64,
    bursts: f64,
    /// Odds of being turned away, over those of others.
    odds: f64,
}

/// What a queue has turned away, and whom it may.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    /// Arrivals, openings, and those turned away since the beat began.
    pub came: u64,
    pub opened: u64,
    pub turned: u64,
    /// Arrivals that are in no clump and openings of a beat, in the mean over the last ones, and
    /// whether the queue was full in the last of them.
    mean: (f64, f64),
    was_full: bool,
    /// Who comes in clumps within this beat.
    clumps: Vec<Clump>,
    /// What part fewer of those who come alone than of all are turned away for them.
    fewer: f64,
}

impl Refusals {
    /// A beat ends.
    fn next(&mut self) {
        self.mean = self.mean_now();
        self.was_full = self.turned > 0;
        (self.came, self.opened, self.turned) = (0, 0, 0);
        self.clumps.clear();
        self.fewer = 0.0;
    }

    /// Attempts of this beat that come in clumps.
    fn in_clumps(&self) -> u64 {
        self.clumps.iter().map(|clump| clump.count).sum()
    }

    /// The means with this beat.
    fn mean_now(&self) -> (f64, f64) {
        let mean = |before: f64, now: u64| before + (now as f64 - before) / MEAN_OVER;
        let others = self.came.saturating_sub(self.in_clumps());
        (mean(self.mean.0, others), mean(self.mean.1, self.opened))
    }

    fn add(&mut self, row: &Row, (wait, from): (u64, Option<AttachmentId>), endless: bool) {
        let attempt = row.attempt;
        let place = self.clumps.iter().position(|clump| (clump.wait, clump.from) == (wait, from));
        let place = place.unwrap_or_else(|| {
            let attempts = (attempt, attempt);
            let (count, first, bursts, odds) = (0, 0, 0.0, 1.0);
            self.clumps.push(Clump { wait, from, count, attempts, endless, first, bursts, odds });
            self.clumps.len() - 1
        });
        let clump = &mut self.clumps[place];
        clump.count += row.count;
        clump.endless |= endless;
        clump.attempts.1 = clump.attempts.1.max(attempt);
        if attempt < clump.attempts.0 {
            (clump.attempts.0, clump.first) = (attempt, 0);
        }
        if attempt == clump.attempts.0 {
            clump.first += row.count;
            let part = row.count as f64 / clump.first as f64;
            clump.bursts += part * (row.know.crush - clump.bursts);
        }
    }

    /// Finds the odds of all clumps, as a full queue lets in as many as in the last beats.
    fn find_odds(&mut self) {
        if !self.was_full {
            return;
        }
        let came = self.mean.0 + self.in_clumps() as f64;
        for clump in &mut self.clumps {
            let (first, last) = clump.attempts;
            let crush = Crush {
                came,
                let_in: self.mean.1 / came,
                clumped: clump.count as f64 / came,
                orders: if clump.endless { MANY } else { (1 + last - first).min(MANY) },
                nested: first - 1,
                bursts: clump.bursts,
            };
            let (odds, fewer) = crush.odds();
            clump.odds = odds;
            self.fewer = self.fewer.max(fewer);
        }
    }

    /// Share of the time without a place within this beat, once the queue was full: of who came at
    /// any time, so many were turned away.
    fn idle(&self) -> f64 {
        let came = self.came.max(1) as f64;
        let turned = self.turned as f64 / came;
        let all = if self.was_full { turned } else { turned.max(1.0 - self.mean_now().1 / came) };
        ((1.0 - self.fewer) * all).clamp(LEAST, 1.0 - LEAST)
    }
}

impl Flow {
    /// Attempts come again with whom they were refused with: their entry's queue may know.
    pub(super) fn come_in_clumps(&mut self, program: usize, lane: LaneKey, row: &Row) {
        let retry = &self.plan.classes[lane.class as usize].retry;
        let wait = retry.wait_range_ns(u32::from(row.attempt) - 1).unwrap_or_default().0;
        let endless = u32::from(row.attempt) > retry.settled_attempt();
        let Some(entry) = self.programs.all[program].visits.first() else { return };
        for &(station, share) in &entry.dealt {
            let count = (share * row.count as f64).round() as u64;
            let of = (wait, lane.from);
            self.lines[station as usize].refusals.add(&Row { count, ..*row }, of, endless);
        }
    }

    /// All who are sent within the beat that begins are known.
    pub(super) fn find_odds(&mut self) {
        for line in self.lines.iter_mut().filter(|line| !line.refusals.clumps.is_empty()) {
            line.refusals.find_odds();
        }
    }

    /// A beat ends.
    pub(super) fn forget_clumps(&mut self) {
        self.lines.iter_mut().for_each(|line| line.refusals.next());
    }

    /// Odds of a row's attempts of being turned away at a station, over those of who comes alone.
    fn odds_of(&self, station: usize, lane: LaneKey, row: &Row) -> f64 {
        if row.know.crush == 0.0 {
            return 1.0;
        }
        let retry = &self.plan.classes[lane.class as usize].retry;
        let wait = retry.wait_range_ns(u32::from(row.attempt) - 1).unwrap_or_default().0;
        let with = |clump: &&Clump| (clump.wait, clump.from) == (wait, lane.from);
        let found = self.lines[station].refusals.clumps.iter().find(with);
        found.map_or(1.0, |clump| clump.odds)
    }

    /// Mean odds of a token's requests of being turned away at its station.
    pub(super) fn odds_of_token(&self, token: &Token) -> f64 {
        let station = token.station as usize;
        if token.visit > 0 || self.lines[station].refusals.clumps.is_empty() {
            return 1.0;
        }
        let Some(cohort) = token.cohort.and_then(|key| self.cohorts.get(key)) else { return 1.0 };
        let rows = cohort.lanes.iter().flat_map(|lane| lane.rows.iter().map(|row| (lane.key, row)));
        let (all, sum) = rows.fold((0.0, 0.0), |(all, sum), (lane, row)| {
            let count = row.count as f64;
            (all + count, sum + count * self.odds_of(station, lane, row))
        });
        if all > 0.0 { sum / all } else { 1.0 }
    }

    /// Takes `n` attempts that were refused out of a lane's rows: of a full queue, more of those
    /// that come in clumps. They know how crowded it was, if all will wait equally long.
    pub(super) fn draw_refused(
        &mut self,
        program: u16,
        lane: &mut Lane,
        n: u64,
        rows: &mut Vec<Row>,
    ) {
        let retry = &self.plan.classes[lane.key.class as usize].retry;
        let (least, most) = retry.wait_range_ns(1).unwrap_or_default();
        let entry = self.programs.all[program as usize].visits.first();
        let station = entry.and_then(|entry| entry.dealt.first()).map(|at| at.0 as usize);
        let station = station.filter(|&station| self.lines[station].refusals.turned > 0);
        let Some(station) = station.filter(|_| least == most) else {
            lane.draw_rows(n, &mut self.draws, |row| rows.push(row));
            return;
        };
        let odds = |row: &Row| (row.count, self.odds_of(station, lane.key, row));
        let of: Vec<(u64, f64)> = lane.rows.iter().map(odds).collect();
        let idle = self.lines[station].refusals.idle();
        for (row, count) in lane.rows.iter_mut().zip(drawn(&of, n, &mut self.draws)) {
            // Whose attempts are no longer counted have been in any number of bursts.
            let counted = u32::from(row.attempt) <= retry.settled_attempt();
            let before = if counted && row.know.crush > 0.0 { row.know.crush } else { 1.0 };
            let know = Knowledge { crush: before * idle, ..row.know };
            row.count -= count;
            if count > 0 {
                rows.push(Row { count, know, ..*row });
            }
        }
        lane.rows.retain(|row| row.count > 0);
    }
}

/// How many of each are among `n` drawn of so many, with such odds.
pub(super) fn drawn(of: &[(u64, f64)], n: u64, draws: &mut Stream) -> Vec<u64> {
    let all: u64 = of.iter().map(|of| of.0).sum();
    debug_assert!(n <= all, "more are drawn than there are");
    let even = of.iter().all(|one| one.1.total_cmp(&of[0].1).is_eq());
    let expected = |part: f64| {
        let share = move |odds: f64| odds * part / (1.0 - part + odds * part);
        of.iter().map(move |&(count, odds)| count as f64 * share(odds))
    };
    // So many of each there would have to be that as many are drawn in the mean without odds.
    let sizes: Vec<u64> = match even || n == 0 {
        true => of.iter().map(|of| of.0).collect(),
        false => {
            let part = root(|part| expected(part).sum::<f64>() - n as f64);
            let size = |expected: f64| (expected * all as f64 / n as f64).round() as u64;
            expected(part).map(size).collect()
        }
    };
    let (mut left, mut others, mut others_size) = (n, all, sizes.iter().sum::<u64>());
    let one = |(&(count, _), &size): (&(u64, f64), &u64)| {
        (others, others_size) = (others - count, others_size - size);
        let drawn = hypergeometric(draws, size, others_size, left.min(size + others_size));
        let drawn = drawn.clamp(left.saturating_sub(others), left.min(count));
        left -= drawn;
        drawn
    };
    of.iter().zip(&sizes).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::stream::RootSeed;
    use std::collections::VecDeque;

    /// Attempts and openings alone, for so many seconds: of each attempt when it came, its number,
    /// and whether it was turned away. Who is comes again after a wait, up to `attempts` times.
    fn simulated(
        (rate, openings): (f64, f64),
        (attempts, wait_s): (u16, f64),
        lasts_s: f64,
    ) -> Vec<(f64, u16, bool)> {
        let mut stream = Stream::named(RootSeed(1), "clumps");
        let (mut free, mut came) = (0_u64, Vec::new());
        let mut again: VecDeque<(f64, u16)> = VecDeque::new();
        let (mut first, mut opening) = (0.0, 0.0);
        loop {
            let retry = again.front().map_or(f64::INFINITY, |next| next.0);
            let now = f64::min(retry, f64::min(first, opening));
            if now > lasts_s {
                return came;
            }
            if now >= opening {
                free += 1;
                opening += stream.exponential() / openings;
                continue;
            }
            let attempt = if now >= retry { again.pop_front().map_or(1, |next| next.1) } else { 1 };
            if now >= first {
                first += stream.exponential() / rate;
            }
            let turned_away = free == 0;
            free -= u64::from(!turned_away);
            came.push((now, attempt, turned_away));
            if turned_away && attempt < attempts {
                again.push_back((now + wait_s, attempt + 1));
            }
        }
    }

    /// By how much more retries were turned away than if they and first attempts had been alike
    /// within each beat; and by how much more by the odds.
    fn more(came: &[(f64, u16, bool)], beat_s: f64, orders: u16) -> (f64, f64) {
        let share = |of: &dyn Fn(&&(f64, u16, bool)) -> bool| {
            let all = || came.iter().filter(of);
            all().filter(|came| came.2).count() as f64 / all().count() as f64
        };
        let (bursts, let_in) = (share(&|came| came.1 == 1), 1.0 - share(&|_| true));
        let (mut found, mut expected, mut alike) = (0.0, 0.0, 0.0);
        for beat in came.chunk_by(|a, b| (a.0 / beat_s) as u64 == (b.0 / beat_s) as u64) {
            let count = |of: &dyn Fn(&&(f64, u16, bool)) -> bool| beat.iter().filter(of).count();
            let (all, turned) = (beat.len() as f64, count(&|came| came.2) as f64);
            let clumped = count(&|came| came.1 > 1) as f64;
            let crush =
                Crush { came: all, let_in, clumped: clumped / all, orders, nested: 1, bursts };
            let (odds, _) = crush.odds();
            let retries = |part: f64| clumped * odds * part / (1.0 - part + odds * part);
            let part = root(|part| (all - clumped) * part + retries(part) - turned);
            found += count(&|came| came.1 > 1 && came.2) as f64;
            expected += retries(part);
            alike += turned * clumped / all;
        }
        (found / alike - 1.0, expected / alike - 1.0)
    }

    #[test]
    fn retries_are_turned_away_as_in_a_simulation_of_nothing_else() {
        for (rate, attempts) in [(328.7, 2), (328.7, 4), (385.0, 2), (260.0, 4), (500.0, 4)] {
            let came = simulated((rate, 241.2), (attempts, 2.366), 2_000.0);
            let warm = came.partition_point(|came| came.0 < 20.0);
            for beat_s in [0.05, 0.2, 1.0] {
                let (found, expected) = more(&came[warm..], beat_s, attempts - 1);
                println!("{rate}/s, {attempts}, {beat_s} s: {found:.4} more, for {expected:.4}");
                assert!((found - expected).abs() < 0.012, "{rate}/s, {attempts}, {beat_s} s");
                assert!(beat_s < 1.0 || found > 0.005, "there would be nothing to find");
            }
        }
    }

    #[test]
    fn as_many_are_drawn_as_odds_say() {
        let mut stream = Stream::named(RootSeed(2), "test");
        let of = [(400, 1.0), (100, 3.0), (5, 3.0), (0, 2.0)];
        let mut sums = [0_u64; 4];
        const TIMES: u64 = 2_000;
        for _ in 0..TIMES {
            let drawn = drawn(&of, 200, &mut stream);
            assert_eq!(drawn.iter().sum::<u64>(), 200);
            for (sum, (drawn, of)) in sums.iter_mut().zip(drawn.iter().zip(&of)) {
                assert!(*drawn <= of.0);
                *sum += drawn;
            }
        }
        // 400 p + 105 q = 200, with q / (1 - q) = 3 p / (1 - p).
        let means = sums.map(|sum| sum as f64 / TIMES as f64);
        let q = (means[1] + means[2]) / 105.0;
        let p = means[0] / 400.0;
        let odds = q * (1.0 - p) / ((1.0 - q) * p);
        assert!((odds - 3.0).abs() < 0.05, "{means:?}: {odds}");
    }
}
