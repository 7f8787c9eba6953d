//! The server's side: stations with slots and queues, and the work that they do.
//!
//! A job waits in a doubly linked list through the slab, so that one whose caller has gone can be
//! taken out of the middle; a job in a slot has one event pending, its release.

use super::{Event, Exact, Scene, Waiter};
use crate::control::change::Loss;
use crate::kernel::defect::planted;
use crate::kernel::slab::Key;
use crate::kernel::stream::Luck;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{ServiceId, SiteId};
use crate::traffic::plan::DisciplinePlan;
use crate::world::steering::tag;

/// Tags of the draws of one job.
mod draw {
    pub const SERVICE: u64 = 1;
    pub const ERROR: u64 = 2;
    pub const LOST: u64 = 3;
    /// Plus the call's ordinal and time in the upper half.
    pub const MADE: u64 = 4;
    pub const HIT: u64 = 5;
    pub const JITTER: u64 = 6;
    pub const CHILD: u64 = 7;
}

/// Whom a job answers to.
#[derive(Clone, Copy, Debug)]
pub enum Caller {
    /// A client's attempt.
    Op(Key, u32),
    /// A call of another job.
    Job(Key, u32),
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// In the queue.
    Waiting,
    /// In a slot, working.
    Serving,
    /// In a slot that hangs.
    Stuck,
    /// Its own work is done; waiting for calls, in its slot.
    Calling,
    /// The same, its slot given back.
    CallingOutside,
}

/// One request at one station.
#[derive(Clone, Debug)]
pub struct Job {
    caller: Caller,
    luck: Luck,
    /// The luck of its mailbox, which places it in partitions and databases.
    place: Luck,
    arrived: SimTime,
    /// When its present service ends; while it waits again after a requeue, what is left is kept.
    ends: SimTime,
    left: SimDuration,
    child: Option<Key>,
    prev: Option<Key>,
    next: Option<Key>,
    pub(super) station: u32,
    run: u32,
    /// Number of the call that is under way (from 1); 0 before the first.
    call: u32,
    /// Its calls: indices into the plan's.
    next_call: u16,
    calls_end: u16,
    times_done: u16,
    call_attempts: u16,
    class: u16,
    pub(super) stage: Stage,
    failed: bool,
}

/// One waiting line.
#[derive(Clone, Copy, Debug, Default)]
struct List {
    head: Option<Key>,
    tail: Option<Key>,
}

/// What traffic keeps of one station.
#[derive(Clone, Debug)]
pub struct Line {
    pub(super) busy: u32,
    pub(super) waiting: u32,
    /// Those who go first under priority, then the others.
    lists: [List; 2],
    /// When waits have been over CoDel's target since, plus its interval.
    codel_drops_after: Option<SimTime>,
    /// Until when the integrals below are kept.
    integrated: SimTime,
    /// Counts of the open window.
    pub(super) window: crate::measure::recorder::StationCell,
}

impl Line {
    pub(super) fn new() -> Line {
        Line {
            busy: 0,
            waiting: 0,
            lists: [List::default(); 2],
            codel_drops_after: None,
            integrated: SimTime::ZERO,
            window: crate::measure::recorder::StationCell::default(),
        }
    }

    /// Brings the time integrals up to `now`, before busy, waiting or `slots` change.
    #[inline]
    pub(super) fn integrate(&mut self, slots: u32, now: SimTime) {
        let elapsed = (now - self.integrated).as_secs_f64();
        self.integrated = now;
        self.window.slot_s += elapsed * f64::from(slots);
        self.window.busy_s += elapsed * f64::from(self.busy);
        self.window.queue_s += elapsed * f64::from(self.waiting);
    }
}

impl Exact {
    /// A request arrives at a service of a site. `None` if it was turned away (and answered so).
    #[allow(clippy::too_many_arguments)]
    pub(super) fn job_arrives(
        &mut self,
        service: ServiceId,
        site: SiteId,
        caller: Caller,
        class: u16,
        place: Luck,
        luck: Luck,
        now: SimTime,
        scene: &mut Scene,
    ) -> Option<Key> {
        let draw = place.uniform(tag::PARTITION);
        let Some(station) = scene.world.services.at(service, site, draw) else {
            self.respond(caller, false, now, scene);
            return None;
        };
        let index = station.index();
        self.cost.station_visits += 1;
        let state = &scene.world.services.stations[index];
        let line = &mut self.lines[index];
        line.window.arrived += 1;
        scene.recorder.stations[index].arrived += 1;
        let limit = if planted("queue-without-limit") { u32::MAX } else { state.queue_limit };
        let full = line.busy >= state.slots && line.waiting >= limit;
        if !state.accepts || full {
            line.window.refused += 1;
            scene.recorder.stations[index].rejected += 1;
            self.respond(caller, false, now, scene);
            return None;
        }
        let operation = self.plan.classes[class as usize].operation;
        let calls = self.plan.calls_of(service, operation);
        let key = self.jobs.insert(Job {
            caller,
            luck,
            place,
            arrived: now,
            ends: SimTime::ZERO,
            left: SimDuration::ZERO,
            child: None,
            prev: None,
            next: None,
            station: index as u32,
            run: 0,
            call: 0,
            next_call: calls.start,
            calls_end: calls.end,
            times_done: 0,
            call_attempts: 0,
            class,
            stage: Stage::Waiting,
            failed: false,
        });
        self.jobs_made += 1;
        // A job that ends now has freed its slot before the queue is looked at: nobody overtakes.
        let line = &mut self.lines[index];
        if line.busy < state.slots && line.waiting == 0 {
            // It waits not at all, which is under any target (RFC 8289: an empty queue ends it).
            line.codel_drops_after = None;
            self.start(key, now, scene);
        } else {
            self.enqueue(key, false, now, scene);
        }
        Some(key)
    }

    /// Puts a job at the end of its line, or at its head.
    fn enqueue(&mut self, key: Key, at_head: bool, now: SimTime, scene: &Scene) {
        let index = self.jobs[key.index].station as usize;
        let slots = scene.world.services.stations[index].slots;
        let list = self.list_of(key, scene);
        let line = &mut self.lines[index];
        line.integrate(slots, now);
        line.waiting += 1;
        let ends = &mut line.lists[list];
        let (head, tail) = (ends.head, ends.tail);
        let job = &mut self.jobs[key.index];
        job.stage = Stage::Waiting;
        if at_head {
            (job.prev, job.next) = (None, head);
            ends.head = Some(key);
            match head {
                Some(head) => self.jobs[head.index].prev = Some(key),
                None => ends.tail = Some(key),
            }
        } else {
            (job.prev, job.next) = (tail, None);
            ends.tail = Some(key);
            match tail {
                Some(tail) => self.jobs[tail.index].next = Some(key),
                None => ends.head = Some(key),
            }
        }
    }

    fn list_of(&self, key: Key, scene: &Scene) -> usize {
        let job = &self.jobs[key.index];
        let service = scene.world.services.stations[job.station as usize].service;
        let operation = self.plan.classes[job.class as usize].operation;
        let first = self.plan.services[service.index()].first[operation.index()];
        usize::from(!first || planted("priority-ignored"))
    }

    /// Takes a waiting job out of its line.
    fn unlink(&mut self, key: Key, now: SimTime, scene: &Scene) {
        let job = &self.jobs[key.index];
        let (prev, next, index) = (job.prev, job.next, job.station as usize);
        let list = self.list_of(key, scene);
        let slots = scene.world.services.stations[index].slots;
        let line = &mut self.lines[index];
        line.integrate(slots, now);
        line.waiting -= 1;
        match prev {
            Some(prev) => self.jobs[prev.index].next = next,
            None => line.lists[list].head = next,
        }
        match next {
            Some(next) => self.jobs[next.index].prev = prev,
            None => self.lines[index].lists[list].tail = prev,
        }
    }

    /// Gives a job a slot.
    fn start(&mut self, key: Key, now: SimTime, scene: &mut Scene) {
        let job = &mut self.jobs[key.index];
        let index = job.station as usize;
        let station = &scene.world.services.stations[index];
        let service = &self.plan.services[station.service.index()];
        let class = &self.plan.classes[job.class as usize];
        let waited = &mut scene.recorder.waits[index];
        if job.left == SimDuration::ZERO {
            waited.0 += (now - job.arrived).as_secs_f64();
            waited.1 += 1;
            let mut work = service.service_time.sample(job.luck.derive(draw::SERVICE));
            if matches!(job.caller, Caller::Op(..)) {
                work *= class.cost;
            }
            work *= station.slow * warm_factor(service.warm_up, station.cold_since, now);
            job.left = SimDuration::from_secs_f64(work);
        }
        let line = &mut self.lines[index];
        line.integrate(station.slots, now);
        line.busy += 1;
        job.stage = Stage::Serving;
        job.run += 1;
        job.ends = now + job.left;
        self.calendar.push(job.ends, Event::Release { job: key, run: job.run });
    }

    /// Fills free slots from the queue.
    fn start_waiting(&mut self, index: usize, now: SimTime, scene: &mut Scene) {
        loop {
            let station = &scene.world.services.stations[index];
            let line = &self.lines[index];
            if line.busy >= station.slots || line.waiting == 0 {
                return;
            }
            let service = &self.plan.services[station.service.index()];
            let mut discipline = service.discipline;
            if planted("fifo-as-lifo") {
                discipline = DisciplinePlan::Lifo;
            }
            let (ahead, behind) = (line.lists[0], line.lists[1]);
            let list = if ahead.head.is_some() { ahead } else { behind };
            let next = if discipline == DisciplinePlan::Lifo { list.tail } else { list.head };
            let key = next.expect("somebody waits");
            self.unlink(key, now, scene);
            if let DisciplinePlan::Codel { target_ns, interval_ns } = discipline {
                if self.codel_rejects(index, key, target_ns, interval_ns, now) {
                    self.take_out(key, Exit::Dropped, now, scene);
                    continue;
                }
            }
            if planted("stale-work-dropped") && !self.is_live(key) {
                self.take_out(key, Exit::Dropped, now, scene);
                continue;
            }
            self.start(key, now, scene);
        }
    }

    /// CoDel's test at the head of the queue: waits have been over the target for an interval.
    fn codel_rejects(
        &mut self,
        index: usize,
        key: Key,
        target_ns: u64,
        interval_ns: u64,
        now: SimTime,
    ) -> bool {
        let waited = now - self.jobs[key.index].arrived;
        let line = &mut self.lines[index];
        if waited.0 <= target_ns {
            line.codel_drops_after = None;
            return false;
        }
        let from = line.codel_drops_after.get_or_insert(now + SimDuration(interval_ns));
        now >= *from && !planted("codel-never-drops")
    }

    /// A job's own work is done.
    pub(super) fn released(&mut self, key: Key, run: u32, now: SimTime, scene: &mut Scene) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        if job.run != run || job.stage != Stage::Serving {
            return;
        }
        if planted("in-flight-deleted") && key.index % 8 == 7 {
            self.jobs.remove(key);
            return;
        }
        let index = job.station as usize;
        let station = &scene.world.services.stations[index];
        if station.hung {
            job.stage = Stage::Stuck;
            return;
        }
        if station.error_share > 0.0 && job.luck.uniform(draw::ERROR) < station.error_share {
            job.failed = true;
            self.lines[index].window.errors += 1;
            self.finish(key, now, scene);
            return;
        }
        if job.next_call == job.calls_end {
            self.finish(key, now, scene);
            return;
        }
        let service = &self.plan.services[station.service.index()];
        if service.drops_abandoned && !self.is_live(key) {
            self.finish(key, now, scene);
        } else if service.holds_slot {
            self.jobs[key.index].stage = Stage::Calling;
            self.next_call(key, now, scene);
        } else {
            self.jobs[key.index].stage = Stage::CallingOutside;
            self.free_slot(index, now, scene);
            self.next_call(key, now, scene);
            self.start_waiting(index, now, scene);
        }
    }

    fn free_slot(&mut self, index: usize, now: SimTime, scene: &Scene) {
        let slots = scene.world.services.stations[index].slots;
        let line = &mut self.lines[index];
        line.integrate(slots, now);
        if !planted("slot-leak") || !self.jobs_made.is_multiple_of(8) {
            line.busy -= 1;
        }
    }

    /// Makes the next call of a job that is due for one, or finishes it.
    fn next_call(&mut self, key: Key, now: SimTime, scene: &mut Scene) {
        loop {
            let job = &mut self.jobs[key.index];
            if job.next_call == job.calls_end {
                self.finish(key, now, scene);
                return;
            }
            let plan = &self.plan.calls[job.next_call as usize];
            if job.times_done >= plan.times as u16 {
                job.next_call += 1;
                job.times_done = 0;
                continue;
            }
            let ordinal = (u64::from(job.next_call) << 16 | u64::from(job.times_done)) << 16;
            let mut made = job.luck.uniform(ordinal | draw::MADE) < plan.probability;
            if let Some(cache) = plan.cache {
                let site = scene.world.services.stations[job.station as usize].site;
                let filled = self.caches[cache as usize][site.index()];
                let hits = self.plan.caches[cache as usize].hit * filled;
                made &= job.luck.uniform(ordinal | draw::HIT) >= hits;
            }
            if made {
                job.call_attempts = 0;
                self.place_call(key, now, scene);
                return;
            }
            job.times_done += 1;
        }
    }

    /// Sends one attempt of the call that is due.
    fn place_call(&mut self, key: Key, now: SimTime, scene: &mut Scene) {
        let job = &mut self.jobs[key.index];
        job.call += 1;
        job.call_attempts += 1;
        job.child = None;
        let (call, from) = (job.call, job.station as usize);
        let queue = self.plan.calls[job.next_call as usize].timeout_queue;
        self.await_timeout(queue, Waiter::Call(key, call), now);
        let from_site = scene.world.services.stations[from].site;
        let Some(to) = self.callee_site(key, now, scene) else {
            self.call_ended(key, call, false, now, scene);
            return;
        };
        if to == from_site {
            self.call_arrives(key, call, now, scene);
            return;
        }
        let view = scene.world.network.between_sites(from_site, to);
        let lost = self.jobs[key.index].luck.uniform(u64::from(call) << 32 | draw::LOST);
        if view.carries && lost >= view.loss {
            self.calendar.push(now + view.delay, Event::CallArrive { job: key, call });
        }
    }

    /// The site that the call under way goes to: the active copy of a store's database, else
    /// where the caller's site finds the service. `None`: nobody answers now.
    fn callee_site(&self, key: Key, now: SimTime, scene: &Scene) -> Option<SiteId> {
        let job = &self.jobs[key.index];
        let service = self.plan.calls[job.next_call as usize].service;
        let from = scene.world.services.stations[job.station as usize].site;
        match self.plan.services[service.index()].store {
            None => scene.world.services.serving_site(service, from),
            Some(store) => {
                let store = &scene.world.stores[store as usize];
                let database = store.database(job.place.uniform(tag::DATABASE));
                (store.ready[database] <= now).then_some(store.active[database])
            }
        }
    }

    /// A call reaches the site that it goes to.
    pub(super) fn call_arrives(&mut self, key: Key, call: u32, now: SimTime, scene: &mut Scene) {
        if !self.call_waits(key, call) {
            return;
        }
        let Some(to) = self.callee_site(key, now, scene) else {
            self.respond(Caller::Job(key, call), false, now, scene);
            return;
        };
        let job = &self.jobs[key.index];
        let service = self.plan.calls[job.next_call as usize].service;
        let luck = job.luck.derive(draw::CHILD | u64::from(call) << 8);
        let (class, place) = (job.class, job.place);
        let caller = Caller::Job(key, call);
        let child = self.job_arrives(service, to, caller, class, place, luck, now, scene);
        if let (Some(child), true) = (child, self.call_waits(key, call)) {
            self.jobs[key.index].child = Some(child);
        }
    }

    /// Whether a job still waits for this call.
    #[inline]
    pub(super) fn call_waits(&self, key: Key, call: u32) -> bool {
        self.jobs.get(key).is_some_and(|job| {
            job.call == call && matches!(job.stage, Stage::Calling | Stage::CallingOutside)
        })
    }

    /// A call came back, failed, or was given up.
    pub(super) fn call_ended(
        &mut self,
        key: Key,
        call: u32,
        ok: bool,
        now: SimTime,
        scene: &mut Scene,
    ) {
        if !self.call_waits(key, call) {
            return;
        }
        let job = &mut self.jobs[key.index];
        let plan = &self.plan.calls[job.next_call as usize];
        let child = job.child.take();
        // The number moves on, so that nothing of this call can match any more.
        job.call += 1;
        if ok {
            if let Some(cache) = plan.cache {
                let site = scene.world.services.stations[job.station as usize].site;
                let entries = self.plan.caches[cache as usize].entries;
                let fill = &mut self.caches[cache as usize][site.index()];
                *fill += (1.0 - *fill) / entries;
            }
            job.times_done += 1;
            self.next_call(key, now, scene);
            return;
        }
        if plan.retry.allows_after(u32::from(job.call_attempts)) && !self.relieved {
            let draw = job.luck.uniform(u64::from(call) << 32 | draw::JITTER);
            let wait = plan.retry.wait_ns(u32::from(job.call_attempts), draw, 0);
            let again = Event::CallAgain { job: key, call: job.call };
            self.calendar.push(now + SimDuration(wait), again);
        } else if plan.required {
            job.failed = true;
            self.finish(key, now, scene);
        } else {
            job.times_done += 1;
            self.next_call(key, now, scene);
        }
        if let Some(child) = child {
            self.give_up_job(child, now, scene);
        }
    }

    /// The backoff of a call is over.
    pub(super) fn call_again(&mut self, key: Key, call: u32, now: SimTime, scene: &mut Scene) {
        if self.call_waits(key, call) {
            self.place_call(key, now, scene);
        }
    }

    /// Whether anybody at the far end still waits for this job.
    pub(super) fn is_live(&self, key: Key) -> bool {
        let mut caller = self.jobs[key.index].caller;
        loop {
            match caller {
                Caller::Op(op, attempt) => return self.op_waits(op, attempt),
                Caller::Job(job, call) => {
                    if !self.call_waits(job, call) {
                        return false;
                    }
                    caller = self.jobs[job.index].caller;
                }
            }
        }
    }

    /// A job is done, well or not: its slot is free and its caller answered.
    fn finish(&mut self, key: Key, now: SimTime, scene: &mut Scene) {
        let live = self.is_live(key);
        let index = self.jobs[key.index].station as usize;
        let totals = &mut scene.recorder.stations[index];
        let window = &mut self.lines[index].window;
        if live {
            totals.useful += 1;
            window.useful += 1;
        } else {
            totals.stale += 1;
            window.stale += 1;
        }
        self.leave(key, now, scene);
        let job = self.jobs.remove(key).expect("a job that finishes is in the slab");
        self.respond(job.caller, !job.failed, now, scene);
        self.start_waiting(index, now, scene);
    }

    /// Frees the slot of a job that has one.
    fn leave(&mut self, key: Key, now: SimTime, scene: &Scene) {
        let job = &self.jobs[key.index];
        if matches!(job.stage, Stage::Serving | Stage::Stuck | Stage::Calling) {
            self.free_slot(job.station as usize, now, scene);
        }
    }

    /// Tells a caller how its request ended; across sites the word takes its time.
    fn respond(&mut self, caller: Caller, ok: bool, now: SimTime, scene: &mut Scene) {
        match caller {
            Caller::Op(op, attempt) => self.answer(op, attempt, ok, now, scene),
            Caller::Job(job, call) => {
                if !self.call_waits(job, call) {
                    return;
                }
                let from = self.jobs[job.index].station as usize;
                let from = scene.world.services.stations[from].site;
                let to = self.callee_site(job, now, scene).unwrap_or(from);
                if to == from {
                    self.call_ended(job, call, ok, now, scene);
                    return;
                }
                let view = scene.world.network.between_sites(to, from);
                if view.carries {
                    let event = if ok {
                        Event::CallAnswered { job, call }
                    } else {
                        Event::CallFailed { job, call }
                    };
                    self.calendar.push(now + view.delay, event);
                }
            }
        }
    }

    /// A client has given up its attempt: what it has under way is for nobody now.
    pub(super) fn abandon(&mut self, op: Key, now: SimTime, scene: &mut Scene) {
        let attempt_job = self.ops[op.index].job.take();
        // From here on nobody waits, as far as the jobs below can see.
        self.ops[op.index].phase = super::client::Phase::BackingOff;
        if let Some(job) = attempt_job {
            self.give_up_job(job, now, scene);
        }
    }

    /// Where services drop abandoned work, takes it out of their queues and ends its calls.
    fn give_up_job(&mut self, mut key: Key, now: SimTime, scene: &mut Scene) {
        loop {
            let Some(job) = self.jobs.get(key) else { return };
            let (index, stage, child) = (job.station as usize, job.stage, job.child);
            let service = scene.world.services.stations[index].service;
            let drops = self.plan.services[service.index()].drops_abandoned;
            if drops && !planted("abandoned-work-kept") {
                match stage {
                    Stage::Waiting => {
                        self.unlink(key, now, scene);
                        self.take_out(key, Exit::Dropped, now, scene);
                    }
                    Stage::Calling | Stage::CallingOutside => self.finish(key, now, scene),
                    Stage::Serving | Stage::Stuck => {}
                }
            }
            let Some(child) = child else { return };
            key = child;
        }
    }

    /// Ends a job that is in no line and in no slot any more, without serving it.
    fn take_out(&mut self, key: Key, exit: Exit, now: SimTime, scene: &mut Scene) {
        let job = self.jobs.remove(key).expect("a job that is taken out is in the slab");
        let index = job.station as usize;
        let totals = &mut scene.recorder.stations[index];
        match exit {
            Exit::Dropped => totals.dropped += 1,
            Exit::Reset | Exit::Vanished => totals.crashed += 1,
        }
        self.lines[index].window.refused += 1;
        // Nobody hears of what vanished, but a pipeline's messages are on disk: the delivery that
        // was under way is tried again after its backoff, when the site may be back.
        if exit != Exit::Vanished || self.is_delivery(job.caller) {
            self.respond(job.caller, false, now, scene);
        }
        // What was lost no longer waits for its call.
        if let Some(child) = job.child {
            self.give_up_job(child, now, scene);
        }
    }

    /// Whether a caller is a pipeline that delivers: it has no timeout to run into.
    fn is_delivery(&self, caller: Caller) -> bool {
        let Caller::Op(op, _) = caller else { return false };
        let op = self.ops.get(op);
        op.is_some_and(|op| {
            let kind = self.plan.classes[op.class as usize].kind;
            matches!(kind, crate::world::population::ClassKind::Pipeline(_))
        })
    }

    /// The slots of a station are others now: new ones are filled.
    pub(super) fn slots_changed(&mut self, index: usize, now: SimTime, scene: &mut Scene) {
        self.start_waiting(index, now, scene);
    }

    /// A share of a station's instances is gone with what it was doing.
    pub(super) fn work_lost(
        &mut self,
        index: usize,
        share: f64,
        how: Loss,
        now: SimTime,
        scene: &mut Scene,
    ) {
        let here = self.jobs.iter().filter(|(_, job)| job.station as usize == index);
        let exit = match how {
            Loss::Requeue => {
                let serving = here.filter(|(_, job)| job.stage == Stage::Serving);
                // Which jobs were on the lost instances is drawn: those that would end soonest
                // are no likelier to be spared than others.
                let drawn = |job: &Job| job.luck.uniform(draw::LOST ^ now.0 << 8);
                let mut serving: Vec<(f64, Key)> =
                    serving.map(|(key, job)| (drawn(job), key)).collect();
                serving
                    .sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.index.cmp(&b.1.index)));
                let slots = scene.world.services.stations[index].slots;
                let excess = self.lines[index].busy.saturating_sub(slots) as usize;
                for &(_, key) in serving.iter().take(excess) {
                    self.free_slot(index, now, scene);
                    let service = scene.world.services.stations[index].service;
                    if self.plan.services[service.index()].drops_abandoned && !self.is_live(key) {
                        // Nobody waits for it, so it must not wait either.
                        self.take_out(key, Exit::Dropped, now, scene);
                        continue;
                    }
                    let job = &mut self.jobs[key.index];
                    job.run += 1;
                    job.left = (job.ends - now).max(SimDuration(1));
                    if planted("requeued-work-starts-over") {
                        job.left = SimDuration::ZERO;
                    }
                    self.enqueue(key, true, now, scene);
                }
                return;
            }
            Loss::Reset if planted("reset-without-a-word") => Exit::Vanished,
            Loss::Reset => Exit::Reset,
            Loss::Vanish => Exit::Vanished,
        };
        let share = if planted("loss-takes-everything") { 1.0 } else { share };
        let lost = here.filter(|(_, job)| job.luck.uniform(draw::LOST ^ now.0 << 8) < share);
        let lost: Vec<Key> = lost.map(|(key, _)| key).collect();
        for key in lost {
            // An earlier one's end can have taken this one along.
            let Some(job) = self.jobs.get(key) else { continue };
            if job.stage == Stage::Waiting {
                self.unlink(key, now, scene);
            } else {
                self.leave(key, now, scene);
            }
            self.take_out(key, exit, now, scene);
        }
        self.start_waiting(index, now, scene);
    }

    /// What hung ends now.
    pub(super) fn unhung(&mut self, index: usize, now: SimTime, scene: &mut Scene) {
        let here = |job: &Job| job.station as usize == index && job.stage == Stage::Stuck;
        let stuck = self.jobs.iter().filter(|(_, job)| here(job));
        let stuck: Vec<Key> = stuck.map(|(key, _)| key).collect();
        for key in stuck {
            let Some(job) = self.jobs.get_mut(key) else { continue };
            if job.stage == Stage::Stuck {
                job.stage = Stage::Serving;
                let run = job.run;
                self.released(key, run, now, scene);
            }
        }
    }

    /// The jobs at all stations: (station, stage), by walking the slab.
    pub(super) fn jobs_present(&self) -> impl Iterator<Item = (usize, Stage)> + '_ {
        self.jobs.iter().map(|(_, job)| (job.station as usize, job.stage))
    }

    /// Length of a station's queue, counted along its links.
    pub(super) fn count_waiting(&self, index: usize) -> u64 {
        let mut count = 0;
        for list in &self.lines[index].lists {
            let mut next = list.head;
            while let Some(key) = next {
                count += 1;
                next = self.jobs.get(key).and_then(|job| job.next);
            }
        }
        count
    }
}

/// How a job leaves unserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Dropped,
    Reset,
    Vanished,
}

/// Factor on service times of capacity that is cold since `since`.
fn warm_factor(warm_up: Option<(f64, u64)>, since: Option<SimTime>, now: SimTime) -> f64 {
    match (warm_up, since) {
        (Some((slowdown, over_ns)), Some(since)) if !planted("always-warm") => {
            let part = ((now - since).0 as f64 / over_ns as f64).min(1.0);
            slowdown + (1.0 - slowdown) * part
        }
        _ => 1.0,
    }
}
