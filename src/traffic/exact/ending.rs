//! How attempts and operations end: served, failed, tried again, suppressed, taken away.
//!
//! Every operation that was opened is closed in one of three places: `succeed`, `end_failed` and
//! `cancel` (its user has gone; a parked one is discarded).

use super::client::{Failure, draw};
use super::op::{Flags, Op, Phase};
use super::{Event, Exact};
use crate::kernel::defect::planted;
use crate::kernel::slab::{Held, Key};
use crate::kernel::time::{SimDuration, SimTime};
use crate::traffic::{ProbeResult, Scene};
use crate::world::population::ClassKind;

impl Exact {
    /// A demand of a mailbox that is signed out: not served; a share comes back after sign-in.
    pub(super) fn suppress(&mut self, class: u16, op: Op, now: SimTime, scene: &mut Scene) {
        if let Some(cell) = scene.recorder.cell(class as usize, now) {
            cell.suppressed += 1;
            cell.demand -= u32::from(planted("suppressed-demand-forgotten"));
        }
        self.mailboxes.not_served(op.mailbox, op.intended, now >= self.mailboxes.measured_from);
        self.think_again(class, &op, now);
        let mailbox = op.mailbox;
        let kind = self.plan.classes[class as usize].kind;
        self.park(class, op, scene);
        // A user who wants something makes a client that has given up try again.
        if let ClassKind::Group(group) = kind {
            self.sign_in_again(mailbox, group, now, scene);
        }
    }

    /// Keeps a demand for after the sign-in, with the class's share of `deferred`.
    fn park(&mut self, class: u16, mut op: Op, scene: &mut Scene) {
        let mut share = self.plan.classes[class as usize].deferred;
        if planted("everything-deferred") {
            share = 1.0;
        }
        if self.relieved || op.luck.uniform(draw::DEFER) >= share {
            return;
        }
        scene.recorder.deferred.0 += 1;
        op.flags = Flags::INDUCED;
        let mailbox = op.mailbox;
        let key = self.open(class, op);
        self.ops[key.index].linked = self.mailboxes.park(mailbox, Held::of(key));
    }

    /// Sends whatever a mailbox has parked, at `at`.
    pub(super) fn unpark(&mut self, mailbox: u32, at: SimTime, scene: &mut Scene) {
        let mut next = self.mailboxes.unpark(mailbox);
        while let Some(key) = next.and_then(|held| self.ops.key_of(held)) {
            next = self.ops[key.index].linked.take();
            scene.recorder.deferred.1 += 1;
            self.send_at(key, at);
        }
    }

    /// Forgets whatever a mailbox has parked: its user has gone.
    pub(super) fn discard_parked(&mut self, mailbox: u32) {
        let mut next = self.mailboxes.unpark(mailbox);
        while let Some(key) = next.and_then(|held| self.ops.key_of(held)) {
            next = self.close_operation(key).and_then(|(_, op)| op.linked);
        }
    }

    /// The client stops waiting for this attempt.
    pub(super) fn timed_out(&mut self, key: Key, attempt: u32, now: SimTime, scene: &mut Scene) {
        let Some((_, phase)) = self.ops.stands(key).filter(|&(at, _)| at == attempt) else {
            return;
        };
        match phase {
            Phase::Sent => {
                self.abandon(key, now, scene);
                self.fail(key, Failure::TimedOut, now, scene);
            }
            Phase::Lost => self.fail(key, Failure::Lost, now, scene),
            // Patience for an attempt that has ended already.
            Phase::BackingOff | Phase::Parked => {}
        }
    }

    /// A refusal (a full middlebox, a reset) reaches the client.
    pub(super) fn refused(&mut self, key: Key, attempt: u32, now: SimTime, scene: &mut Scene) {
        if self.op_waits(key, attempt) {
            self.fail(key, Failure::Refused, now, scene);
        }
    }

    /// A reset reaches the client: its session is over, and the attempt has failed.
    pub(super) fn reset(&mut self, key: Key, attempt: u32, now: SimTime, scene: &mut Scene) {
        if !self.op_waits(key, attempt) {
            return;
        }
        let op = &self.ops[key.index];
        let (mailbox, site) = (op.mailbox, op.site());
        let kind = self.plan.classes[self.ops.class(key) as usize].kind;
        if let ClassKind::Group(group) = kind
            && self.mailboxes.site(mailbox) == Some(site)
        {
            scene.recorder.sessions_lost += 1;
            self.end_session(mailbox, group as usize, site, now, scene);
        }
        self.fail(key, Failure::Reset, now, scene);
    }

    pub(super) fn succeed(&mut self, key: Key, at: SimTime, scene: &mut Scene) {
        let sent = planted("latency-from-retry").then(|| self.ops.under_way(key).1.sent);
        let closed = self.close_operation(key);
        let (class, op) = closed.expect("an operation that waits is in the slab");
        let class_index = class as usize;
        let plan = &self.plan.classes[class_index];
        scene.recorder.clients[class_index].answered += 1;
        if let Some(cell) = scene.recorder.cell(class_index, at) {
            cell.answered += 1;
        }
        let intended = sent.unwrap_or(op.intended);
        let good = at - intended <= plan.good_within || planted("late-is-good");
        let (kind, feeds, signs_in) = (plan.kind, plan.feeds, plan.signs_in);
        match kind {
            ClassKind::Probe => {
                self.probe_results.push(ProbeResult { pair: op.mailbox, ok: good });
            }
            ClassKind::Pipeline(pipeline) => {
                scene.recorder.served(class_index, intended, at, good);
                self.message_left(pipeline);
                scene.recorder.pipelines[pipeline.index()].delivered += 1;
            }
            ClassKind::Group(group) => {
                if op.flags.is(Flags::DEMANDED) {
                    scene.recorder.served(class_index, intended, at, good);
                    let measured = intended >= self.mailboxes.measured_from;
                    if good {
                        self.mailboxes.served(op.mailbox, intended);
                    } else {
                        self.mailboxes.not_served(op.mailbox, intended, measured);
                    }
                }
                if let Some((pipeline, copies)) = feeds {
                    self.accept(pipeline, copies, &op, at, scene);
                }
                self.think_again(class, &op, at);
                if signs_in {
                    self.signed_in(op.mailbox, group, op.site(), at, scene);
                }
            }
        }
    }

    pub(super) fn fail(&mut self, key: Key, failure: Failure, at: SimTime, scene: &mut Scene) {
        let attempt = self.ops.attempt(key);
        let class_index = self.ops.class(key) as usize;
        let op = &mut self.ops[key.index];
        let class = &self.plan.classes[class_index];
        let totals = &mut scene.recorder.clients[class_index];
        match failure {
            Failure::TimedOut => totals.timed_out += 1,
            Failure::Refused | Failure::Reset => totals.refused += 1,
            Failure::Lost => totals.lost += 1,
        }
        if let Some(cell) = scene.recorder.cell(class_index, at) {
            cell.unanswered += 1;
        }
        let deadline = op.intended.0.saturating_add(class.deadline_ns);
        if planted("jitter-drawn-from-arrivals") {
            self.sources[class_index].luck();
        }
        let draw = op.luck.uniform(draw::of(draw::JITTER, attempt));
        let wait = class.retry.wait_ns(attempt, draw, op.last_wait_ns());
        let in_time = at.0.saturating_add(wait) < deadline;
        if !in_time || !class.retry.allows_after(attempt) || self.relieved {
            self.end_failed(key, at, scene);
            return;
        }
        op.reconnect = failure != Failure::Refused;
        op.set_last_wait_ns(wait);
        self.ops.set_phase(key, Phase::BackingOff);
        self.calendar.push(at + SimDuration(wait), Event::Resend { op: key, attempt });
    }

    /// The backoff is over.
    pub(super) fn resend(&mut self, key: Key, attempt: u32, now: SimTime, scene: &mut Scene) {
        if self.ops.stands(key) != Some((attempt, Phase::BackingOff)) {
            return;
        }
        let op = &self.ops[key.index];
        let class = &self.plan.classes[self.ops.class(key) as usize];
        let offline = class.sessions && !class.signs_in && !self.mailboxes.signed_in(op.mailbox);
        if offline || (self.relieved && attempt > 0) {
            self.end_failed(key, now, scene);
        } else {
            self.send(key, now, scene);
        }
    }

    /// An operation ends without a correct answer.
    fn end_failed(&mut self, key: Key, at: SimTime, scene: &mut Scene) {
        let closed = self.close_operation(key);
        let (class, op) = closed.expect("an operation that fails is in the slab");
        let class_index = class as usize;
        let plan = &self.plan.classes[class_index];
        let (kind, signs_in, sessions) = (plan.kind, plan.signs_in, plan.sessions);
        match kind {
            ClassKind::Probe => {
                self.probe_results.push(ProbeResult { pair: op.mailbox, ok: false });
            }
            ClassKind::Pipeline(pipeline) => {
                self.message_left(pipeline);
                let noticed = u64::from(!planted("bounce-unnoticed"));
                scene.recorder.pipelines[pipeline.index()].bounced += noticed;
                if let Some(cell) = scene.recorder.cell(class_index, op.intended) {
                    cell.failed += 1;
                }
            }
            ClassKind::Group(_) => {
                if op.flags.is(Flags::DEMANDED) {
                    if let Some(cell) = scene.recorder.cell(class_index, op.intended) {
                        cell.failed += 1;
                    }
                    let measured = op.intended >= self.mailboxes.measured_from;
                    self.mailboxes.not_served(op.mailbox, op.intended, measured);
                }
                self.think_again(class, &op, at);
                let mailbox = op.mailbox;
                if signs_in {
                    self.sign_in_ended(mailbox);
                } else if sessions
                    && op.flags.is(Flags::DEMANDED)
                    && !self.mailboxes.signed_in(mailbox)
                {
                    self.park(class, op, scene);
                }
            }
        }
    }

    /// Takes an operation away without an outcome: its user has gone.
    pub(super) fn cancel(&mut self, key: Key, now: SimTime, scene: &mut Scene) {
        let Some((_, phase)) = self.ops.stands(key) else { return };
        let class = self.ops.class(key) as usize;
        if matches!(phase, Phase::Sent | Phase::Lost) {
            if phase == Phase::Sent {
                self.abandon(key, now, scene);
            }
            // The attempt ends with its user: given up, though not for its timeout.
            scene.recorder.clients[class].timed_out += 1;
            if let Some(cell) = scene.recorder.cell(class, now) {
                cell.unanswered += 1;
            }
        }
        let (_, op) = self.close_operation(key).expect("found above");
        if op.flags.is(Flags::DEMANDED) {
            if let Some(cell) = scene.recorder.cell(class, op.intended) {
                cell.failed += 1;
            }
            let measured = op.intended >= self.mailboxes.measured_from;
            self.mailboxes.not_served(op.mailbox, op.intended, measured);
        }
    }
}
