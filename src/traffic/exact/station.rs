//! The server's side: stations with slots and queues, and the work that they do.
//!
//! A job waits in a doubly linked list through the slab, so that one whose caller has gone can be
//! taken out of the middle; a job in a slot has one event pending, its release.

use super::loss::Exit;
use super::{Event, Exact};
use crate::kernel::defect::planted;
use crate::kernel::slab::{Held, Key};
use crate::kernel::stream::Luck;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{ServiceId, SiteId};
use crate::traffic::Scene;
use crate::traffic::plan::DisciplinePlan;

/// Tags of the draws of one job.
pub(super) mod draw {
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

impl Stage {
    #[inline]
    fn holds_slot(self) -> bool {
        matches!(self, Stage::Serving | Stage::Stuck | Stage::Calling)
    }
}

/// One request at one station.
#[derive(Clone, Debug)]
pub struct Job {
    pub(super) caller: Caller,
    pub(super) luck: Luck,
    /// The luck of its mailbox, which places it in partitions and databases.
    pub(super) place: Luck,
    pub(super) arrived: SimTime,
    /// When its present service ends; while it waits again after a requeue, what is left is kept.
    pub(super) ends: SimTime,
    pub(super) left: SimDuration,
    pub(super) child: Option<Key>,
    pub(super) prev: Option<Key>,
    pub(super) next: Option<Key>,
    pub(super) station: u32,
    pub(super) run: u32,
    /// Number of the call that is under way (from 1); 0 before the first.
    pub(super) call: u32,
    /// Its calls: indices into the plan's.
    pub(super) next_call: u16,
    pub(super) calls_end: u16,
    pub(super) times_done: u16,
    pub(super) call_attempts: u16,
    pub(super) class: u16,
    /// Which of its station's lists it waits in ([`super::line::Line`]).
    pub(super) list: u8,
    pub(super) stage: Stage,
    pub(super) failed: bool,
}

impl Job {
    /// Whether it still waits for this call of its own.
    #[inline]
    pub(super) fn waits_for(&self, call: u32) -> bool {
        self.call == call && matches!(self.stage, Stage::Calling | Stage::CallingOutside)
    }
}

/// A request on its way to a station.
pub(super) struct Request {
    pub(super) service: ServiceId,
    pub(super) site: SiteId,
    pub(super) caller: Caller,
    pub(super) class: u16,
    /// The luck of its mailbox, which places it in partitions and databases.
    pub(super) place: Luck,
    pub(super) luck: Luck,
}

impl Exact {
    /// A request arrives at a service of a site. `None` if it was turned away (and answered so).
    #[inline]
    pub(super) fn job_arrives(
        &mut self,
        request: Request,
        now: SimTime,
        scene: &mut Scene,
    ) -> Option<Key> {
        let Request { service, site, caller, class, place, luck } = request;
        let Some(station) = scene.world.services.station_of(service, site, place) else {
            self.respond(caller, false, None, now, scene);
            return None;
        };
        let index = station.index();
        self.cost.station_visits += 1;
        let totals = &mut scene.recorder.stations[index];
        totals.arrived += 1;
        let line = &mut self.lines[index];
        let has_slot = line.busy < line.station.slots;
        let limit = line.station.queue_limit;
        let full = !has_slot && line.waiting >= limit && !planted("queue-without-limit");
        if !line.station.accepts || full {
            totals.rejected += 1;
            self.respond(caller, false, Some(site), now, scene);
            return None;
        }
        let operation = self.plan.classes[class as usize].operation;
        let plan = self.plan.request(service, operation);
        let first = plan.first && !planted("priority-ignored");
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
            next_call: plan.calls.start,
            calls_end: plan.calls.end,
            times_done: 0,
            call_attempts: 0,
            class,
            list: u8::from(!first),
            stage: Stage::Waiting,
            failed: false,
        });
        self.jobs_made += 1;
        // A job that ends now has freed its slot before the queue is looked at: nobody overtakes.
        if has_slot && line.waiting == 0 {
            // It waits not at all, which is under any target (RFC 8289: an empty queue ends it).
            line.codel_drops_after = None;
            self.start(key, now, scene);
        } else {
            self.enqueue(key, false, now);
        }
        Some(key)
    }

    /// Puts a job at the end of its line, or at its head.
    #[inline(always)]
    pub(super) fn enqueue(&mut self, key: Key, at_head: bool, now: SimTime) {
        let job = &mut self.jobs[key.index];
        let line = &mut self.lines[job.station as usize];
        line.queue_entered(now);
        let ends = &mut line.lists[job.list as usize];
        let (head, tail) = (ends.head, ends.tail);
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

    /// Takes a waiting job out of its line.
    #[inline(always)]
    pub(super) fn unlink(&mut self, key: Key, now: SimTime) {
        let job = &self.jobs[key.index];
        let (prev, next) = (job.prev, job.next);
        let line = &mut self.lines[job.station as usize];
        let list = &mut line.lists[job.list as usize];
        match prev {
            Some(prev) => self.jobs[prev.index].next = next,
            None => list.head = next,
        }
        match next {
            Some(next) => self.jobs[next.index].prev = prev,
            None => list.tail = prev,
        }
        line.queue_left(now);
    }

    /// Gives a job a slot.
    #[inline(always)]
    fn start(&mut self, key: Key, now: SimTime, scene: &mut Scene) {
        let job = &mut self.jobs[key.index];
        let line = &mut self.lines[job.station as usize];
        if job.left == SimDuration::ZERO {
            let waited = &mut scene.recorder.waits[job.station as usize];
            waited.1 += 1;
            if now > job.arrived {
                waited.0 += (now - job.arrived).as_secs_f64();
            }
            let station = &line.station;
            let service = &self.plan.services[station.service.index()];
            let mut work = service.service_time.sample_quickly(job.luck.derive(draw::SERVICE));
            if matches!(job.caller, Caller::Op(..)) {
                work *= self.plan.classes[job.class as usize].cost;
            }
            work *= station.slow;
            if let Some(since) = station.cold_since {
                work *= service.cold_factor(now - since);
            }
            job.left = SimDuration::from_secs_f64(work);
        }
        line.slot_taken(now);
        job.stage = Stage::Serving;
        job.run += 1;
        job.ends = now + job.left;
        self.calendar.push(job.ends, Event::Release { job: key, run: job.run });
    }

    /// Fills free slots from the queue.
    #[inline]
    pub(super) fn start_waiting(&mut self, index: usize, now: SimTime, scene: &mut Scene) {
        let line = &self.lines[index];
        if line.waiting > 0 && line.busy < line.station.slots {
            self.fill_slots(index, now, scene);
        }
    }

    fn fill_slots(&mut self, index: usize, now: SimTime, scene: &mut Scene) {
        loop {
            let line = &self.lines[index];
            if line.busy >= line.station.slots || line.waiting == 0 {
                return;
            }
            let service = &self.plan.services[line.station.service.index()];
            let mut discipline = service.discipline;
            if planted("fifo-as-lifo") {
                discipline = DisciplinePlan::Lifo;
            }
            let (ahead, behind) = (line.lists[0], line.lists[1]);
            let list = if ahead.head.is_some() { ahead } else { behind };
            let next = if discipline == DisciplinePlan::Lifo { list.tail } else { list.head };
            let key = next.expect("somebody waits");
            self.unlink(key, now);
            if let DisciplinePlan::Codel { target_ns, interval_ns } = discipline
                && self.codel_rejects(index, key, target_ns, interval_ns, now)
            {
                self.take_out(key, Exit::Dropped, now, scene);
                continue;
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
    #[inline(always)]
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
        let line = &mut self.lines[index];
        if line.station.hung {
            job.stage = Stage::Stuck;
            return;
        }
        let share = line.station.error_share;
        if share > 0.0 && job.luck.uniform(draw::ERROR) < share {
            job.failed = true;
            line.errors += 1;
        }
        if job.failed || job.next_call == job.calls_end {
            self.finish(key, now, scene);
            return;
        }
        let service = &self.plan.services[line.station.service.index()];
        let (drops, holds, caller) = (service.drops_abandoned, service.holds_slot, job.caller);
        job.stage = if holds { Stage::Calling } else { Stage::CallingOutside };
        if drops && !self.is_waited_for(caller) {
            self.jobs[key.index].stage = Stage::Serving;
            self.finish(key, now, scene);
        } else if holds {
            self.next_call(key, now, scene);
        } else {
            self.free_slot(index, now);
            self.next_call(key, now, scene);
            self.start_waiting(index, now, scene);
        }
    }

    #[inline]
    pub(super) fn free_slot(&mut self, index: usize, now: SimTime) {
        if planted("slot-leak") && self.jobs_made.is_multiple_of(8) {
            return;
        }
        self.lines[index].slot_freed(now);
    }

    /// A job is done, well or not: its slot is free and its caller answered.
    pub(super) fn finish(&mut self, key: Key, now: SimTime, scene: &mut Scene) {
        let job = self.jobs.release(Held::of(key));
        let (caller, index, failed) = (job.caller, job.station as usize, job.failed);
        let holds_slot = job.stage.holds_slot();
        let live = self.is_waited_for(caller);
        let totals = &mut scene.recorder.stations[index];
        if live {
            totals.useful += 1;
        } else {
            totals.stale += 1;
        }
        if holds_slot {
            self.free_slot(index, now);
        }
        if live || self.waits(caller) {
            let site = self.lines[index].station.site;
            self.respond_to(caller, !failed, Some(site), now, scene);
        }
        self.start_waiting(index, now, scene);
    }

    /// Frees the slot of a job that has one.
    pub(super) fn leave(&mut self, key: Key, now: SimTime) {
        let job = &self.jobs[key.index];
        if job.stage.holds_slot() {
            self.free_slot(job.station as usize, now);
        }
    }

    /// The slots of a station are others now: new ones are filled.
    pub(super) fn slots_changed(&mut self, index: usize, now: SimTime, scene: &mut Scene) {
        self.start_waiting(index, now, scene);
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
