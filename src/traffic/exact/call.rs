//! Calls between services: placed one by one, answered, lost, timed out, tried again.
//!
//! A job counts its calls, and every event of a call carries its number: whatever belongs to a call
//! that was answered or given up no longer matches. A call across sites takes the network's delay
//! and may be lost on its way there; its answer takes the delay back, and is lost with the path.

use super::station::{Caller, Job, Request, draw};
use super::{Event, Exact, Waiter};
use crate::kernel::slab::Key;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::SiteId;
use crate::traffic::Scene;
use crate::world::state::Isolation;
use crate::world::steering::tag;

impl Exact {
    /// Makes the next call of a job that is due for one, or finishes it.
    pub(super) fn next_call(&mut self, key: Key, now: SimTime, scene: &mut Scene) {
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
            // A draw is below 1, so what is always made needs none.
            let mut made = plan.probability >= 1.0
                || job.luck.uniform(ordinal | draw::MADE) < plan.probability;
            if let Some(cache) = plan.cache {
                let site = self.lines[job.station as usize].station.site;
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
    #[inline(always)]
    fn place_call(&mut self, key: Key, now: SimTime, scene: &mut Scene) {
        let job = &mut self.jobs[key.index];
        job.call += 1;
        job.call_attempts = job.call_attempts.saturating_add(1);
        job.child = None;
        let call = job.call;
        let queue = self.plan.calls[job.next_call as usize].timeout_queue;
        let job = &self.jobs[key.index];
        let from_site = self.lines[job.station as usize].station.site;
        let to = self.callee_site(job, now, scene);
        self.await_timeout(queue, Waiter::Call(key, call), now);
        let Some(to) = to else {
            self.call_ended(key, call, false, now, scene);
            return;
        };
        if to == from_site {
            self.call_reaches(key, to, now, scene);
            return;
        }
        let view = scene.world.network.between_sites(from_site, to);
        let lost = self.jobs[key.index].luck.uniform(u64::from(call) << 32 | draw::LOST);
        if view.arrives && lost >= view.loss {
            self.calendar.push(now + view.delay, Event::CallArrive { job: key, call });
        }
    }

    /// The site that the call under way goes to: the active copy of a store's database, else
    /// where the caller's site finds the service. `None`: nobody answers now.
    #[inline(always)]
    fn callee_site(&self, job: &Job, now: SimTime, scene: &Scene) -> Option<SiteId> {
        let service = self.plan.calls[job.next_call as usize].service;
        let caller = &self.lines[job.station as usize].station;
        let from = caller.site;
        if !scene.world.isolations.is_empty() {
            let partition =
                scene.world.services.partition(service, job.place.uniform(tag::PARTITION));
            let cuts = |cut: &Isolation| cut.cuts(caller.service, service, partition);
            if scene.world.isolations.iter().any(cuts) {
                return None;
            }
        }
        match self.plan.services[service.index()].store {
            None => scene.world.services.serving_site(service, from),
            Some(store) => {
                let store = &scene.world.stores[store as usize];
                let database = store.database(job.place.uniform(tag::DATABASE));
                (store.ready[database] <= now).then_some(store.active[database])
            }
        }
    }

    /// A call comes to the site that it was sent to.
    pub(super) fn call_arrives(&mut self, key: Key, call: u32, now: SimTime, scene: &mut Scene) {
        if !self.call_waits(key, call) {
            return;
        }
        match self.callee_site(&self.jobs[key.index], now, scene) {
            Some(to) => self.call_reaches(key, to, now, scene),
            None => self.respond_to(Caller::Job(key, call), false, None, now, scene),
        }
    }

    /// The call under way, which its job waits for, is a request at this site now.
    #[inline(always)]
    fn call_reaches(&mut self, key: Key, to: SiteId, now: SimTime, scene: &mut Scene) {
        let job = &self.jobs[key.index];
        let call = job.call;
        let request = Request {
            service: self.plan.calls[job.next_call as usize].service,
            site: to,
            caller: Caller::Job(key, call),
            class: job.class,
            place: job.place,
            luck: job.luck.derive(draw::CHILD | u64::from(call) << 8),
        };
        // A job that was taken in has not ended yet: time passes before it can.
        if let Some(child) = self.job_arrives(request, now, scene) {
            self.jobs[key.index].child = Some(child);
        }
    }

    /// Whether a job still waits for this call.
    #[inline]
    pub(super) fn call_waits(&self, key: Key, call: u32) -> bool {
        self.jobs.get(key).is_some_and(|job| job.waits_for(call))
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
        if self.call_waits(key, call) {
            self.end_call(key, ok, now, scene);
        }
    }

    /// Ends the call under way, which its job waits for.
    #[inline(always)]
    fn end_call(&mut self, key: Key, ok: bool, now: SimTime, scene: &mut Scene) {
        let job = &mut self.jobs[key.index];
        let plan = &self.plan.calls[job.next_call as usize];
        let child = job.child.take();
        // The number moves on, so that nothing of this call can match any more.
        job.call += 1;
        if ok {
            if let Some(cache) = plan.cache {
                let site = self.lines[job.station as usize].station.site;
                let entries = self.plan.caches[cache as usize].entries;
                let fill = &mut self.caches[cache as usize][site.index()];
                *fill += (1.0 - *fill) / entries;
            }
            job.times_done += 1;
            self.next_call(key, now, scene);
            return;
        }
        if plan.retry.allows_after(u32::from(job.call_attempts)) && !self.relieved {
            let call = job.call - 1;
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
        self.is_waited_for(self.jobs[key.index].caller)
    }

    /// Whether a caller still waits, and all who wait for it, up to the client.
    #[inline(always)]
    pub(super) fn is_waited_for(&self, mut caller: Caller) -> bool {
        loop {
            match caller {
                Caller::Op(op, attempt) => return self.op_waits(op, attempt),
                Caller::Job(job, call) => match self.jobs.get(job) {
                    Some(job) if job.waits_for(call) => caller = job.caller,
                    _ => return false,
                },
            }
        }
    }

    /// Whether a caller itself still waits.
    #[inline]
    pub(super) fn waits(&self, caller: Caller) -> bool {
        match caller {
            Caller::Op(op, attempt) => self.op_waits(op, attempt),
            Caller::Job(job, call) => self.call_waits(job, call),
        }
    }

    /// Tells a caller how its request ended, if it still waits; see [`Exact::respond_to`].
    pub(super) fn respond(
        &mut self,
        caller: Caller,
        ok: bool,
        site: Option<SiteId>,
        now: SimTime,
        scene: &mut Scene,
    ) {
        if self.waits(caller) {
            self.respond_to(caller, ok, site, now, scene);
        }
    }

    /// Tells a caller who waits how its request ended at a site (`None`: nowhere); across sites
    /// the word takes its time.
    #[inline(always)]
    pub(super) fn respond_to(
        &mut self,
        caller: Caller,
        ok: bool,
        site: Option<SiteId>,
        now: SimTime,
        scene: &mut Scene,
    ) {
        match caller {
            Caller::Op(op, _) => self.answer(op, ok, now, scene),
            Caller::Job(job, call) => {
                let from = self.jobs[job.index].station as usize;
                let from = self.lines[from].station.site;
                let to = site.unwrap_or(from);
                if to == from {
                    self.end_call(job, ok, now, scene);
                    return;
                }
                let view = scene.world.network.between_sites(to, from);
                if view.arrives {
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
}
