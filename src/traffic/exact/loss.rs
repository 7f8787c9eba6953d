//! Work that ends unserved: abandoned by its caller, dropped from a queue, gone with a crash.
//!
//! What a caller has given up goes on unless its service drops abandoned work; what a crash takes
//! ends here, with a reset or without a word, and so does whatever was called on its behalf.

use super::Exact;
use super::station::{Caller, Job, Stage, draw};
use crate::control::change::Loss;
use crate::kernel::defect::planted;
use crate::kernel::slab::Key;
use crate::kernel::time::{SimDuration, SimTime};
use crate::traffic::Scene;

/// How a job leaves unserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Out of its queue, by the discipline or for nobody waits; its caller is told.
    Dropped,
    /// With its instance; its caller is told.
    Reset,
    /// With its instance; nobody is told.
    Vanished,
}

impl Exact {
    /// A client has given up its attempt: what it has under way is for nobody now.
    pub(super) fn abandon(&mut self, op: Key, now: SimTime, scene: &mut Scene) {
        let attempt_job = self.ops.under_way_mut(op).1.job.take();
        // From here on nobody waits, as far as the jobs below can see.
        self.ops.set_phase(op, super::op::Phase::BackingOff);
        if let Some(job) = attempt_job {
            self.give_up_job(job, now, scene);
        }
    }

    /// Where services drop abandoned work, takes it out of their queues and ends its calls.
    pub(super) fn give_up_job(&mut self, mut key: Key, now: SimTime, scene: &mut Scene) {
        loop {
            let Some(job) = self.jobs.get(key) else { return };
            let (index, stage, child) = (job.station as usize, job.stage, job.child);
            let service = self.lines[index].station.service;
            let drops = self.plan.services[service.index()].drops_abandoned;
            if drops && !planted("abandoned-work-kept") {
                match stage {
                    Stage::Waiting => {
                        self.unlink(key, now);
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
    pub(super) fn take_out(&mut self, key: Key, exit: Exit, now: SimTime, scene: &mut Scene) {
        let job = self.jobs.remove(key).expect("a job that is taken out is in the slab");
        let index = job.station as usize;
        let totals = &mut scene.recorder.stations[index];
        match exit {
            Exit::Dropped => totals.dropped += 1,
            Exit::Reset | Exit::Vanished => totals.crashed += 1,
        }
        // Nobody hears of what vanished, but a pipeline's messages are on disk: the delivery that
        // was under way is tried again after its backoff, when the site may be back.
        if exit != Exit::Vanished || self.is_delivery(job.caller) {
            let site = self.lines[index].station.site;
            self.respond(job.caller, false, Some(site), now, scene);
        }
        // What was lost no longer waits for its call.
        if let Some(child) = job.child {
            self.give_up_job(child, now, scene);
        }
    }

    /// Whether a caller is a pipeline that delivers: it has no timeout to run into.
    fn is_delivery(&self, caller: Caller) -> bool {
        let Caller::Op(op, _) = caller else { return false };
        self.ops.contains(op) && {
            let kind = self.plan.classes[self.ops.class(op) as usize].kind;
            matches!(kind, crate::world::population::ClassKind::Pipeline(_))
        }
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
                let slots = self.lines[index].station.slots;
                let excess = self.lines[index].busy.saturating_sub(slots) as usize;
                for &(_, key) in serving.iter().take(excess) {
                    self.free_slot(index, now);
                    let service = self.lines[index].station.service;
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
                    self.enqueue(key, true, now);
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
                self.unlink(key, now);
            } else {
                self.leave(key, now);
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
}
