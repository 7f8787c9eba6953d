//! The fork that asks whether a state is metastable: a copy without what sustains its load.
//!
//! Most of a collapsed state are clients that wait to sign in again, and what they have parked
//! until then. Relief throws both away at once, so they are not copied in the first place: the copy
//! takes a small part of the original's memory. What stays gets other keys. What is parked of users
//! who have gone is left out too: nobody counts it as demand, and it would come back only with
//! those of them who come within the fork's time.

use super::op::Phase;
use super::ops::Ops;
use super::pipeline::Backlog;
use super::station::{Caller, Job};
use super::{Event, Exact, TimeoutQueue, Waiter};
use crate::kernel::slab::{Held, Key, Slab};
use crate::kernel::time::SimTime;
use crate::traffic::Scene;

/// Keys of the operations that were copied: the original's, in order, and the copy's.
struct Moved<'a> {
    from: &'a Ops,
    pairs: Vec<(Key, Key)>,
}

impl Moved<'_> {
    /// The copy's key of an operation; `None` if it is gone or was left out.
    fn key(&self, key: Key) -> Option<Key> {
        let found = self.pairs.binary_search_by_key(&key, |pair| pair.0).ok()?;
        Some(self.pairs[found].1)
    }

    fn held(&self, held: Held) -> Option<Held> {
        self.from.key_of(held).and_then(|key| self.key(key)).map(Held::of)
    }

    fn event(&self, mut event: Event) -> Option<Event> {
        if let Some(op) = event.op_mut() {
            *op = self.key(*op)?;
        }
        Some(event)
    }

    fn jobs(&self, jobs: &Slab<Job>) -> Slab<Job> {
        let mut jobs = jobs.clone();
        for job in jobs.iter_mut() {
            if let Caller::Op(op, _) = &mut job.caller {
                *op = self.key(*op).unwrap_or(Key::GONE);
            }
        }
        jobs
    }

    fn timeouts(&self, queue: &TimeoutQueue) -> TimeoutQueue {
        let moved = |waiter| match waiter {
            Waiter::Op(op, attempt) => Some(Waiter::Op(self.key(op)?, attempt)),
            Waiter::Call(..) => Some(waiter),
        };
        let waiting = queue.waiting.iter().filter_map(|&(due, who)| Some((due, moved(who)?)));
        TimeoutQueue { waiting: waiting.collect(), fetched: 0, armed: queue.armed }
    }

    fn backlog(&self, backlog: &Backlog) -> Backlog {
        let order = backlog.order.iter().filter_map(|&(at, key)| Some((at, self.key(key)?)));
        Backlog { order: order.collect(), count: backlog.count }
    }
}

impl Exact {
    /// A copy from which the sustaining load is taken away, for the question whether the state is
    /// metastable: no retry from here on, whoever is signed out is signed in at once, without a
    /// request, and look-aside caches are full: an empty one that cannot refill sustains an
    /// overload as retries do (Bronson et al., HotOS 2021, section 2). Nobody's downtime is
    /// followed in it.
    pub fn relieved(&self, now: SimTime, scene: &mut Scene) -> Exact {
        let mut copy = self.copy_without_those_who_wait();
        copy.relieve(now, scene);
        copy
    }

    /// A copy without sign-ins that back off and without what is parked.
    fn copy_without_those_who_wait(&self) -> Exact {
        let stays = |class: u16, phase: Phase| match phase {
            Phase::Parked => false,
            Phase::BackingOff => !self.plan.classes[class as usize].signs_in,
            Phase::Sent | Phase::Lost => true,
        };
        let (ops, pairs) = self.ops.copy_of(stays);
        let moved = Moved { from: &self.ops, pairs };
        let mut operations = self.operations.clone();
        for (class, phase) in self.ops.present() {
            operations[class as usize].ended += u64::from(!stays(class, phase));
        }
        Exact {
            plan: self.plan.clone(),
            calendar: self.calendar.copy_of(|event| moved.event(event)),
            ops,
            operations,
            jobs: moved.jobs(&self.jobs),
            lines: self.lines.clone(),
            timeouts: self.timeouts.iter().map(|queue| moved.timeouts(queue)).collect(),
            mailboxes: self.mailboxes.copy_of(|held| moved.held(held)),
            sources: self.sources.clone(),
            backlogs: self.backlogs.iter().map(|backlog| moved.backlog(backlog)).collect(),
            caches: self.caches.clone(),
            buckets: self.buckets.clone(),
            probe_results: self.probe_results.clone(),
            probe_luck: self.probe_luck,
            probes_sent: self.probes_sent,
            relieved: self.relieved,
            jobs_made: self.jobs_made,
            paths_changes: self.paths_changes,
            clock: self.clock,
            cost: self.cost.clone(),
        }
    }

    /// Takes the sustaining load away from a whole copy.
    pub(crate) fn relieve(&mut self, now: SimTime, scene: &mut Scene) {
        self.relieved = true;
        self.caches.iter_mut().for_each(|sites| sites.fill(1.0));
        for index in 0..scene.world.population.groups.len() {
            let group = &scene.world.population.groups[index];
            if !group.sessions {
                continue;
            }
            let first = group.first;
            for mailbox in first..first + self.mailboxes.present[index] {
                if self.mailboxes.signed_in(mailbox) {
                    continue;
                }
                if let Some(key) = self.sign_in_of(mailbox) {
                    self.cancel(key, now, scene);
                }
                let luck = scene.world.population.luck(mailbox);
                let site = scene.world.home_of(&scene.world.population.groups[index], luck);
                self.discard_parked(mailbox);
                self.signed_in(mailbox, index as u32, site, now, scene);
            }
        }
    }
}
