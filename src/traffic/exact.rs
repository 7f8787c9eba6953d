//! `exact`: every request is its own sequence of events.
//!
//! **Which question.** What becomes of each attempt of each mailbox, given the world as it is now?
//! **Model.** DESIGN.md, section 5. An *operation* lives in a slab while it makes *attempts*; an
//! attempt that arrives becomes a *job* at a station; a job's calls become jobs elsewhere. Events
//! carry a slab key and an attempt (or run) number, so that whatever was given up, answered or
//! crashed in the meantime no longer matches and the event falls on nothing.
//!
//! **What it leaves out.** An answer takes effect at the client when the server sends it, stamped
//! with the time of its arrival: state at the client is early by one network delay, no measured
//! time is. **Cost.** Two calendar events an attempt and one a station visit; timeouts wait in one
//! queue a length, with one calendar entry a queue. No allocation, hash, string or `dyn` an event.
//! What every request passes is compiled into few functions (`inline(always)`): a call takes some
//! dozen instructions for its registers, and there were fifteen a visit.
//! **Validation.** `tests/theory*.rs` against closed forms; both ledgers in every window.

mod call;
pub mod client;
pub mod demand;
mod ending;
mod fork;
pub mod ledger;
mod line;
mod loss;
pub mod op;
mod ops;
pub mod pipeline;
pub mod session;
pub mod station;
mod sweep;

use crate::control::change::Change;
use crate::kernel::calendar::Calendar;
use crate::kernel::slab::{Key, Slab};
use crate::kernel::stream::{Luck, RootSeed};
use crate::kernel::time::{SimDuration, SimTime};
use crate::measure::outcome::Cost;
use crate::scenario::model::{Scenario, SiteId};
use crate::traffic::books::Operations;
use crate::traffic::plan::Plan;
use crate::traffic::{ProbeResult, Scene};
use crate::world::World;
use line::Line;
use ops::Ops;
use session::Mailboxes;
use station::Job;
use std::collections::VecDeque;

/// Events of the calendar; 16 bytes with their tag. No field is shorter than four bytes, and so the
/// tag is not either: else an event is copied in parts that overlap, which processors are slow at.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Rates, presence and pending demands of the next second.
    Second,
    /// The pending demand of a class is due.
    Demand { class: u32 },
    /// A mailbox with closed load demands again.
    Think { class: u32, mailbox: u32 },
    /// A user has come and the client signs in.
    SignIn { mailbox: u32, group: u32 },
    /// An attempt opens its connection (again).
    Connect { op: Key, attempt: u32 },
    /// An attempt reaches its site.
    Arrive { op: Key, attempt: u32 },
    /// A refusal reaches the client.
    Refused { op: Key, attempt: u32 },
    /// A reset from a site that does not know the session reaches the client.
    Reset { op: Key, attempt: u32 },
    /// The next attempt is due.
    Resend { op: Key, attempt: u32 },
    /// Patience or deadline is over.
    GiveUp { op: Key, attempt: u32 },
    /// The head of a timeout queue is due.
    TimeoutQueue { queue: u32 },
    /// A job's own work is done.
    Release { job: Key, run: u32 },
    /// A call reaches another site.
    CallArrive { job: Key, call: u32 },
    /// A call's answer comes back from another site.
    CallAnswered { job: Key, call: u32 },
    /// A call's refusal or error comes back.
    CallFailed { job: Key, call: u32 },
    /// A call is tried again.
    CallAgain { job: Key, call: u32 },
    /// A slice of a sweep over sessions is due.
    Sweep { sweep: u32, slice: u32 },
}

impl Event {
    /// The operation that it is of.
    #[inline]
    fn op_mut(&mut self) -> Option<&mut Key> {
        match self {
            Event::Connect { op, .. }
            | Event::Arrive { op, .. }
            | Event::Refused { op, .. }
            | Event::Reset { op, .. }
            | Event::Resend { op, .. }
            | Event::GiveUp { op, .. } => Some(op),
            _ => None,
        }
    }
}

/// Who waits in a timeout queue.
#[derive(Clone, Copy, Debug)]
enum Waiter {
    Op(Key, u32),
    Call(Key, u32),
}

/// A timeout queue: all of one length, so first in is first due.
#[derive(Clone, Debug, Default)]
struct TimeoutQueue {
    waiting: VecDeque<(SimTime, Waiter)>,
    /// So many of the first have been fetched ([`Ops::fetch`]).
    fetched: usize,
    armed: bool,
}

/// Waiters that are fetched at a time.
const FETCHED_COUNT: usize = 64;

/// A list keeps its memory until it fills less than one part in so many, then twice what it needs.
const SPARSE: usize = 4;

impl TimeoutQueue {
    /// Gives memory back that a storm has left.
    fn shrink(&mut self) {
        if self.waiting.len() < self.waiting.capacity() / SPARSE {
            self.waiting.shrink_to(2 * self.waiting.len());
        }
    }

    #[inline(never)]
    fn fetch_next(&mut self, ops: &Ops) {
        self.fetched = self.waiting.len().min(FETCHED_COUNT);
        let soon = self.waiting.iter().take(self.fetched);
        ops.fetch(soon.filter_map(|&(_, waiter)| match waiter {
            Waiter::Op(op, _) => Some(op),
            Waiter::Call(..) => None,
        }));
    }
}

/// The whole state of the traffic.
#[derive(Clone, Debug)]
pub struct Exact {
    plan: Plan,
    calendar: Calendar<Event>,
    ops: Ops,
    /// [class]: operations begun and ended, for the books.
    operations: Vec<Operations>,
    jobs: Slab<Job>,
    lines: Vec<Line>,
    timeouts: Vec<TimeoutQueue>,
    mailboxes: Mailboxes,
    sources: Vec<demand::Source>,
    /// Pipelines: messages in order of acceptance, with dead heads taken off lazily.
    backlogs: Vec<pipeline::Backlog>,
    /// [cache][site]: share of entries filled.
    caches: Vec<Vec<f64>>,
    /// [throttle of the world]: tokens.
    buckets: Vec<client::Bucket>,
    /// Probes answered since control last looked.
    pub probe_results: Vec<ProbeResult>,
    probe_luck: Luck,
    probes_sent: u64,
    /// Retries and re-sign-ins are off: the fork that asks whether a state is metastable.
    relieved: bool,
    jobs_made: u64,
    /// How often paths have changed: a path found before is still the right one while this stands.
    paths_changes: u16,
    /// Until when requests have been moved.
    clock: SimTime,
    /// Work done so far.
    pub cost: Cost,
}

impl Exact {
    /// Traffic at t = 0: stations empty, sessions signed in by the presence curves.
    pub fn new(scenario: &Scenario, world: &mut World, seed: RootSeed) -> Exact {
        let plan = Plan::new(scenario, &world.population);
        let lines = world.services.stations.iter().map(Line::new).collect();
        let timeouts = vec![TimeoutQueue::default(); plan.timeout_lengths.len()];
        let caches = vec![vec![1.0; scenario.sites.len()]; plan.caches.len()];
        let mut traffic = Exact {
            calendar: Calendar::new(),
            ops: Ops::default(),
            operations: vec![Operations::default(); plan.classes.len()],
            jobs: Slab::new(),
            lines,
            timeouts,
            mailboxes: Mailboxes::new(world.population.mailboxes),
            sources: demand::sources(scenario, &plan, &world.population, seed),
            backlogs: vec![pipeline::Backlog::default(); scenario.pipelines.len()],
            caches,
            buckets: Vec::new(),
            probe_results: Vec::new(),
            probe_luck: Luck::named(seed, "observers/probes"),
            probes_sent: 0,
            relieved: false,
            jobs_made: 0,
            paths_changes: 0,
            clock: SimTime::ZERO,
            cost: Cost::default(),
            plan,
        };
        traffic.sign_in_initially(world);
        traffic.think_initially(world);
        traffic.calendar.push(SimTime::ZERO, Event::Second);
        traffic
    }

    /// Moves all requests on until `until` (events at `until` itself wait).
    pub fn advance(&mut self, until: SimTime, scene: &mut Scene) {
        // Nothing is before t = 0, where control may act (a fault from the beginning, a probe).
        let Some(limit) = until.0.checked_sub(1).map(SimTime) else { return };
        self.follow_control(scene.world, self.clock);
        self.clock = until;
        while let Some((now, event)) = self.calendar.pop_until(limit) {
            self.cost.events += 1;
            if self.calendar.has_newly_due() {
                self.fetch_newly_due();
            }
            self.handle(now, event, scene);
        }
    }

    /// Gives memory back that is needed no more: when a fault ends, millions of attempts are waited
    /// for at a time, and soon after nearly all of them back off.
    pub(super) fn shrink(&mut self) {
        self.ops.shrink();
        self.timeouts.iter_mut().for_each(TimeoutQueue::shrink);
    }

    /// Forgets all that is in progress.
    pub fn forget_requests(&mut self) {
        self.calendar = Calendar::new();
        self.ops = Ops::default();
        self.jobs = Slab::new();
        self.timeouts.clear();
        self.backlogs.clear();
    }

    #[inline(never)]
    fn fetch_newly_due(&mut self) {
        let soon = self.calendar.newly_due().iter();
        self.ops.fetch(soon.filter_map(|&(mut event)| event.op_mut().copied()));
    }

    /// Takes over what control has made of the stations: it acts between two advances only.
    pub(super) fn follow_control(&mut self, world: &World, now: SimTime) {
        for (line, station) in self.lines.iter_mut().zip(&world.services.stations) {
            line.follow(station, now);
        }
    }

    /// Takes what control has changed in the world.
    pub fn apply(&mut self, change: Change, now: SimTime, scene: &mut Scene) {
        self.follow_control(scene.world, now);
        match change {
            Change::Slots(station) => self.slots_changed(station.index(), now, scene),
            Change::WorkLost { station, share, how } => {
                self.work_lost(station.index(), share, how, now, scene);
            }
            Change::Unhung(station) => self.unhung(station.index(), now, scene),
            Change::Paths => {
                self.paths_changes = self.paths_changes.wrapping_add(1);
                self.paths_changed(now, scene);
            }
            Change::SessionsLost { client, site, share } => {
                self.sessions_lost(client, site, share, now, scene);
            }
            Change::DrainMoved { steering, over } => {
                self.begin_sweep(sweep::Sweep::moved(steering, over), now, scene);
            }
            Change::DrainSite { site, over } => {
                self.begin_sweep(sweep::Sweep::site(site, over), now, scene);
            }
            Change::CacheLost { service, site, share } => {
                for (cache, filled) in self.plan.caches.iter().zip(&mut self.caches) {
                    let at = |s: usize| site.is_none_or(|site| site == SiteId(s as u32));
                    let planted = crate::kernel::defect::planted("cache-survives-its-loss");
                    if cache.caller == service && !planted {
                        for (_, fill) in filled.iter_mut().enumerate().filter(|(s, _)| at(*s)) {
                            *fill *= 1.0 - share;
                        }
                    }
                }
            }
            Change::Probe { pair } => self.probe(pair, now, scene),
        }
    }

    #[inline(always)]
    fn handle(&mut self, now: SimTime, event: Event, scene: &mut Scene) {
        match event {
            Event::Second => self.second(now, scene),
            Event::Demand { class } => self.demand_due(class as u16, now, scene),
            Event::Think { class, mailbox } => self.think_due(class as u16, mailbox, now, scene),
            Event::SignIn { mailbox, group } => self.user_came(mailbox, group, now, scene),
            Event::Connect { op, attempt } => self.connect(op, attempt, now, scene),
            Event::Arrive { op, attempt } => self.arrive(op, attempt, now, scene),
            Event::Refused { op, attempt } => self.refused(op, attempt, now, scene),
            Event::Reset { op, attempt } => self.reset(op, attempt, now, scene),
            Event::Resend { op, attempt } => self.resend(op, attempt, now, scene),
            Event::GiveUp { op, attempt } => self.timed_out(op, attempt, now, scene),
            Event::TimeoutQueue { queue } => self.timeouts_due(queue as u16, now, scene),
            Event::Release { job, run } => self.released(job, run, now, scene),
            Event::CallArrive { job, call } => self.call_arrives(job, call, now, scene),
            Event::CallAnswered { job, call } => self.call_ended(job, call, true, now, scene),
            Event::CallFailed { job, call } => self.call_ended(job, call, false, now, scene),
            Event::CallAgain { job, call } => self.call_again(job, call, now, scene),
            Event::Sweep { sweep, slice } => self.sweep_due(sweep, slice, now, scene),
        }
    }

    /// Puts a waiter at the end of the timeout queue.
    #[inline]
    fn await_timeout(&mut self, queue: u16, waiter: Waiter, now: SimTime) {
        let due = now + SimDuration(self.plan.timeout_lengths[queue as usize]);
        let line = &mut self.timeouts[queue as usize];
        line.waiting.push_back((due, waiter));
        if !line.armed {
            line.armed = true;
            self.calendar.push(due, Event::TimeoutQueue { queue: u32::from(queue) });
        }
    }

    /// Lets all due waiters time out, passes over those who no longer wait, and arms the queue for
    /// the first who still does.
    fn timeouts_due(&mut self, queue: u16, now: SimTime, scene: &mut Scene) {
        while let Some(waiter) = self.next_timed_out(queue, now) {
            match waiter {
                Waiter::Op(op, attempt) => self.timed_out(op, attempt, now, scene),
                Waiter::Call(job, call) => self.call_ended(job, call, false, now, scene),
            }
        }
    }

    /// Takes the first who still waits out of a queue, if its time is over; else arms the queue.
    fn next_timed_out(&mut self, queue: u16, now: SimTime) -> Option<Waiter> {
        let line = &mut self.timeouts[queue as usize];
        while let Some(&(due, waiter)) = line.waiting.front() {
            if line.fetched == 0 {
                line.fetch_next(&self.ops);
            }
            let waits = match waiter {
                Waiter::Op(op, attempt) => self.ops.waits(op, attempt),
                Waiter::Call(job, call) => {
                    self.jobs.get(job).is_some_and(|job| job.waits_for(call))
                }
            };
            if waits && due > now {
                self.calendar.push(due, Event::TimeoutQueue { queue: u32::from(queue) });
                return None;
            }
            line.waiting.pop_front();
            line.fetched -= 1;
            if waits {
                return Some(waiter);
            }
        }
        line.armed = false;
        None
    }
}
