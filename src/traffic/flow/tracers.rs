//! Tracers: real members of the counts that are followed one by one, for the time without service
//! of a mailbox, which counts cannot add up.
//!
//! A tracer is in one of the states of its cell: away, present and idle or signing in (again, or
//! as it came), or with a session at a site, for whose members nothing may work for hours while all
//! is well at another. When n of N members of a state change it, or demand something, each tracer
//! there is among them with probability n / N; those who do both are the same. A group's tracers
//! come and go in the order of its mailboxes. **Leaves out.** Which of a mailbox's own attempts
//! failed before: retries of one demand are told when it ends.

use super::Flow;
use super::beat::CELL;
use super::cohort::{Kind, LaneKey, Row, SIGN_INS};
use super::crowds::{Cell, Crowd, Owner, Sent};
use crate::kernel::defect::planted;
use crate::kernel::sample::binomial;
use crate::kernel::stream::Stream;
use crate::kernel::time::SimTime;
use crate::scenario::model::SiteId;
use crate::traffic::Scene;
use crate::traffic::plan::TimeoutPlan;
use crate::world::population::Population;

/// Tracers of a run.
pub(super) const COUNT: u64 = 10_000;
/// Units in which spells are kept [ns]: 10 ms.
const UNIT_NS: u64 = 10_000_000;

/// Where a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Away,
    /// Present with neither a session nor a sign-in.
    Idle,
    /// Of which of `cohort::SIGN_INS`.
    SigningIn(usize),
    /// With a session at this site; the first, for all that is present of clients without them.
    Session(SiteId),
}

impl At {
    /// Signing in as they came.
    pub(super) const CAME: At = At::SigningIn(Kind::Demanded.number());

    pub(super) fn place(self) -> usize {
        match self {
            At::Away => 0,
            At::Idle => 1,
            At::SigningIn(kind) => 2 + kind,
            At::Session(site) => 2 + SIGN_INS.len() + site.index(),
        }
    }

    /// Number of places.
    pub(super) fn places(sites: usize) -> usize {
        At::Session(SiteId(sites as u32)).place()
    }
}

/// What one tracer has felt; times in units + 1, 0: never.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tracer {
    /// When its user came.
    came: u32,
    unserved_since: u32,
    last_served: u32,
    longest: u32,
}

impl Tracer {
    pub(super) fn came(&self) -> SimTime {
        SimTime(u64::from(self.came.saturating_sub(1)) * UNIT_NS)
    }

    pub(super) fn told(&mut self, intended: SimTime, served: bool) {
        let unit = unit_of(intended);
        if served {
            self.last_served = self.last_served.max(unit);
            if self.unserved_since != 0 && unit >= self.unserved_since {
                self.longest = self.longest.max((unit - self.unserved_since).max(1));
                self.unserved_since = 0;
            }
        } else if self.last_served > unit {
            // Known only now: a later demand was served in the meantime.
            self.longest = self.longest.max(self.last_served - unit);
        } else if self.unserved_since == 0 || unit < self.unserved_since {
            self.unserved_since = unit;
        }
    }

    /// Longest spell [s], and whether it was still going on at `end`; `None`: never without.
    pub(super) fn longest(&self, end: SimTime) -> Option<(f64, bool)> {
        let since = self.unserved_since;
        let open = if since == 0 { 0 } else { unit_of(end).saturating_sub(since).max(1) };
        let spell = self.longest.max(open);
        let seconds = f64::from(spell) * (UNIT_NS as f64 / 1e9);
        (spell > 0).then_some((seconds, open >= self.longest && open > 0))
    }
}

fn unit_of(at: SimTime) -> u32 {
    (at.0 / UNIT_NS + 1).min(u64::from(u32::MAX)) as u32
}

/// Deals tracers out to the crowds' cells, in proportion to their members, all away; how many each
/// group has, and each tracer's crowd. A group's are in the order in which its users come.
pub(super) fn deal(
    crowds: &mut [Crowd],
    population: &Population,
    draws: &mut Stream,
) -> (Vec<u32>, Vec<u32>) {
    let all = u64::from(population.mailboxes);
    let count = COUNT.min(all);
    let mut up_to_now = 0_u32;
    let mut mailboxes = 0;
    let mut dealt = Vec::new();
    let mut homes = Vec::new();
    for (index, group) in population.groups.iter().enumerate() {
        mailboxes += u64::from(group.count);
        let up_to = (mailboxes as f64 / all.max(1) as f64 * count as f64).round() as u32;
        dealt.push(up_to - up_to_now);
        let mut places = places(u64::from(group.count), u64::from(up_to - up_to_now), draws);
        for tracer in up_to_now..up_to {
            // Whose mailbox it is has nothing to do with when its user comes.
            let place = places.swap_remove(draws.below(places.len() as u64) as usize);
            homes.push(settle(crowds, index as u32, place, tracer));
        }
        up_to_now = up_to;
    }
    (dealt, homes)
}

/// `n` of `of` members, one of each `n`th part of them: so crowds have their share of the tracers,
/// whose number in a small one luck would decide.
///
/// # Source
/// Stratified sampling: W. G. Cochran, *Sampling Techniques*, third edition, 1977, chapter 5.
fn places(of: u64, n: u64, draws: &mut Stream) -> Vec<u64> {
    let part = of as f64 / n.max(1) as f64;
    let place = |number: u64| ((number as f64 + draws.uniform()) * part) as u64;
    (0..n).map(place).map(|place| place.min(of.saturating_sub(1))).collect()
}

/// Puts a tracer to the cell of the group's member number `place`; its crowd.
fn settle(crowds: &mut [Crowd], group: u32, mut place: u64, tracer: u32) -> u32 {
    let mut last = 0;
    for (index, crowd) in crowds.iter_mut().enumerate() {
        if crowd.owner != Owner::Group(group) {
            continue;
        }
        last = index as u32;
        for cell in &mut crowd.cells {
            if place < cell.members {
                cell.tracers[At::Away.place()].push(tracer);
                crowd.traced[At::Away.place()] += 1;
                return last;
            }
            place -= cell.members;
        }
    }
    last
}

/// First tracer of each group, none of them present.
pub(super) fn firsts(counts: &[u32]) -> Vec<(u32, u32)> {
    let mut first = 0;
    let next = |&count: &u32| {
        first += count;
        (first - count, 0)
    };
    counts.iter().map(next).collect()
}

impl Crowd {
    /// Moves tracers as `n` of `of` members of a cell go from one state to another; `each` is told.
    pub(super) fn trace(
        &mut self,
        cell: usize,
        (from, to): (At, At),
        among: (u64, u64),
        draws: &mut Stream,
        mut each: impl FnMut(u32),
    ) {
        let any = |list: &[u32], draws: &mut Stream| {
            let place = draws.below(list.len() as u64) as usize;
            each(list[place]);
            place
        };
        self.trace_those(cell, (from, to), among, draws, any);
    }

    /// The same; `which` says which of a list is next.
    pub(super) fn trace_those(
        &mut self,
        cell: usize,
        (from, to): (At, At),
        (n, of): (u64, u64),
        draws: &mut Stream,
        mut which: impl FnMut(&[u32], &mut Stream) -> usize,
    ) {
        let lists = &mut self.cells[cell].tracers;
        let here = lists[from.place()].len() as u64;
        if here == 0 || n == 0 || planted("flow-tracers-outside") {
            return;
        }
        let moved = binomial(draws, here, n as f64 / of.max(1) as f64);
        for _ in 0..moved {
            let list = &mut lists[from.place()];
            let place = which(list, draws);
            let tracer = list.swap_remove(place);
            lists[to.place()].push(tracer);
        }
        self.traced[from.place()] -= moved as u32;
        self.traced[to.place()] += moved as u32;
    }

    /// The tracer number `place` in a state, of the cells that `theirs` are.
    fn tracer(&self, at: At, mut place: usize, theirs: impl Fn(&Cell) -> bool) -> u32 {
        for cell in self.cells.iter().filter(|cell| theirs(cell)) {
            let list = &cell.tracers[at.place()];
            if place < list.len() {
                return list[place];
            }
            place -= list.len();
        }
        unreachable!("fewer tracers than were counted")
    }
}

impl Flow {
    /// Tracers of a group come and go with the share of its users that is present: who comes first
    /// goes last.
    pub(super) fn tracers_follow(&mut self, group: usize, share: f64) {
        let (first, present) = self.tracers_of[group];
        let next = self.tracers_of.get(group + 1).map_or(self.tracers.len() as u32, |next| next.0);
        let now = (f64::from(next - first) * share).round() as u32;
        for tracer in first + present..first + now {
            // In their order, evenly over the second that begins.
            let place = f64::from(tracer - first - present) + 0.5;
            let after = (place / f64::from(now - present) * CELL as f64) as u64;
            self.tracers[tracer as usize].came = unit_of(SimTime(self.clock + after));
            self.place_tracer(tracer, At::CAME);
        }
        for tracer in first + now.min(present)..first + present {
            self.place_tracer(tracer, At::Away);
        }
        self.tracers_of[group].1 = now;
    }

    fn place_tracer(&mut self, tracer: u32, to: At) {
        let crowd = &mut self.crowds[self.homes[tracer as usize] as usize];
        for cell in &mut crowd.cells {
            for from in 0..cell.tracers.len() {
                if let Some(place) = cell.tracers[from].iter().position(|&other| other == tracer) {
                    cell.tracers[from].swap_remove(place);
                    cell.tracers[to.place()].push(tracer);
                    crowd.traced[from] -= 1;
                    crowd.traced[to.place()] += 1;
                    return;
                }
            }
        }
    }

    /// Tells tracers of the operations of a row that have ended, `good` of them well; whoever
    /// thinks after them begins to.
    pub(super) fn told(
        &mut self,
        lane: LaneKey,
        site: SiteId,
        row: Row,
        good: u64,
        intended: SimTime,
        scene: &Scene,
    ) {
        let share = good as f64 / row.count.max(1) as f64;
        if let Some(number) = self.closed_of(lane) {
            return self.demands_ended(number, (lane, site), (&row, share), scene);
        }
        if intended < scene.world.measured_from {
            return;
        }
        let class = &self.plan.classes[lane.class as usize];
        let n = row.count as f64;
        if class.signs_in {
            // Told as they change their states.
        } else if class.sessions {
            let held = n * self.survived(lane.crowd, site, &row);
            self.tell(lane.crowd, (At::Session(site), None), held, share, intended);
            if held >= n {
                return;
            }
            let crowd = &self.crowds[lane.crowd as usize];
            let (idle, signing) = (crowd.idle(), crowd.signing());
            let idle = idle as f64 / (idle + signing).max(1) as f64;
            self.tell(lane.crowd, (At::Idle, None), idle * (n - held), share, intended);
            self.tell_signing_in(lane.crowd, (1.0 - idle) * (n - held), share, intended);
        } else {
            // Who was sent to this site had it as his name's answer when his attempt was sent.
            let timeout = match class.timeout {
                TimeoutPlan::Queue(queue) => self.plan.timeout_lengths[queue as usize],
                _ => 0,
            };
            let sent = Sent::by((row.attempt, &row.know), site, self.clock, timeout, (0, 0));
            let those = (At::Session(SiteId(0)), Some(sent));
            self.tell(lane.crowd, those, n, share, intended);
        }
    }

    /// Tells tracers of a crowd that `n` of its members that sign in, of any kind, have demanded
    /// something, which a share `good` of them got.
    pub(super) fn tell_signing_in(&mut self, crowd: u32, n: f64, good: f64, intended: SimTime) {
        if n <= 0.0 {
            return;
        }
        let mut signing = [0; SIGN_INS.len()];
        for cell in &self.crowds[crowd as usize].cells {
            signing.iter_mut().zip(&cell.signing).for_each(|(all, here)| *all += here);
        }
        let all = signing.iter().sum::<u64>() as f64;
        for (kind, signing) in signing.into_iter().enumerate() {
            let n = n * signing as f64 / all.max(1.0);
            self.tell(crowd, (At::SigningIn(kind), None), n, good, intended);
        }
    }

    /// Tells tracers of a crowd that `n` of its members in a state have demanded something, which a
    /// share `good` of them got: of all, or of those who could have sent these attempts.
    pub(super) fn tell(
        &mut self,
        crowd: u32,
        (at, sent): (At, Option<Sent>),
        n: f64,
        good: f64,
        intended: SimTime,
    ) {
        let here = &self.crowds[crowd as usize];
        let Owner::Group(group) = here.owner else { return };
        if here.traced[at.place()] == 0 || n <= 0.0 {
            return;
        }
        let theirs = |cell: &Cell| sent.is_none_or(|sent| cell.sent(&sent) > 0.0);
        let signs_in = self.sign_in_class[group as usize].is_some();
        let members = |cell: &Cell| match at {
            At::Session(site) if signs_in => cell.signed[site.index()],
            At::Session(_) => cell.present,
            At::SigningIn(kind) => cell.signing[kind],
            At::Idle => cell.idle(),
            At::Away => cell.members - cell.present,
        };
        let (mut of, mut list) = (0, 0);
        for cell in here.cells.iter().filter(|cell| theirs(cell)) {
            of += members(cell);
            list += cell.tracers[at.place()].len() as u64;
        }
        let hit = binomial(&mut self.draws, list, n / (of as f64).max(n));
        for _ in 0..hit {
            let here = &self.crowds[crowd as usize];
            let tracer = here.tracer(at, self.draws.below(list) as usize, theirs);
            let served = good >= 1.0 || self.draws.bernoulli(good);
            self.tracers[tracer as usize].told(intended, served);
        }
    }
}
