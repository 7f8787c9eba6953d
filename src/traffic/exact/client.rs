//! The client's side: attempts, timeouts, retries, and what an operation's end brings about.

use super::op::{Op, Phase};
use super::{Event, Exact, Waiter};
use crate::kernel::defect::planted;
use crate::kernel::slab::Key;
use crate::kernel::stream::Luck;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::SiteId;
use crate::traffic::Scene;
use crate::traffic::exact::station::{Caller, Request};
use crate::traffic::plan::{ClassPlan, TimeoutPlan};
use crate::world::network::{AttachmentId, PathView};
use crate::world::population::ClassKind;
use crate::world::steering::tag;

/// A lost SYN is sent again after 1, 2, 4 s (RFC 6298, section 2: initial timeout 1 s, doubled);
/// after these the attempt is lost.
const SYN_TRIES: u8 = 4;
/// First wait of a SYN, and the retransmission timeout of lost data: 1 s (RFC 6298, section 2.4).
const RETRANSMISSION: SimDuration = SimDuration(1_000_000_000);

/// Tags of the draws of one operation; the attempt's number is added in the upper half.
pub(super) mod draw {
    /// Whether the connection is refused or its SYN lost; plus the try in bits 8 and up.
    pub const SYN: u64 = 1;
    /// Whether data is lost.
    pub const DATA: u64 = 2;
    /// Jitter of the backoff.
    pub const JITTER: u64 = 3;
    /// Luck of the work at the stations.
    pub const WORK: u64 = 4;
    /// Whether a suppressed demand comes back.
    pub const DEFER: u64 = 5;
    /// A person's patience.
    pub const PATIENCE: u64 = 6;
    /// Flow hash of a connection opened for the attempt.
    pub const FLOW: u64 = 7;
    /// Recipients of messages; plus the copy's number in bits 8 and up.
    pub const RECIPIENT: u64 = 8;
    /// Time to the next demand of a closed load.
    pub const THINK: u64 = 9;

    /// Which of the users present demands.
    pub const MAILBOX: u64 = 10;
    /// Unit-rate mass until the demand after this one.
    pub const GAP: u64 = 11;

    /// The tag of a draw that belongs to one attempt.
    #[inline]
    pub fn of(purpose: u64, attempt: u32) -> u64 {
        purpose | (u64::from(attempt) << 32)
    }
}

/// Tokens of a throttle.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    tokens: f64,
    filled: SimTime,
    since: SimTime,
}

/// Why an attempt ended without a correct answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    TimedOut,
    Refused,
    /// With its session.
    Reset,
    Lost,
}

impl Exact {
    /// Begins an operation: its first attempt is sent now.
    #[inline]
    pub(super) fn begin(&mut self, class: u16, op: Op, now: SimTime, scene: &mut Scene) -> Key {
        let key = self.open(class, op);
        self.send(key, now, scene);
        key
    }

    /// Takes an operation into the books.
    #[inline(always)]
    pub(super) fn open(&mut self, class: u16, op: Op) -> Key {
        self.operations[class as usize].begun += 1;
        let key = self.ops.insert(class, op);
        self.cost.operations_peak = self.cost.operations_peak.max(self.ops.len() as u64);
        key
    }

    /// Takes an operation out of the books: its class, and what it was; `None` if it is not in
    /// them.
    #[inline(always)]
    pub(super) fn close_operation(&mut self, key: Key) -> Option<(u16, Op)> {
        let (class, op) = self.ops.remove(key)?;
        self.operations[class as usize].ended += 1;
        Some((class, op))
    }

    /// Has the first attempt of an operation sent at `at`.
    pub(super) fn send_at(&mut self, key: Key, at: SimTime) {
        self.ops.set_phase(key, Phase::BackingOff);
        self.calendar.push(at, Event::Resend { op: key, attempt: 0 });
    }

    /// Sends the next attempt of an operation.
    pub(super) fn send(&mut self, key: Key, now: SimTime, scene: &mut Scene) {
        let attempt = self.ops.next_attempt(key, now);
        let class_index = self.ops.class(key) as usize;
        let op = &mut self.ops[key.index];
        let class = &self.plan.classes[class_index];
        self.cost.attempts += 1;
        scene.recorder.clients[class_index].sent += 1;
        if let Some(cell) = scene.recorder.cell(class_index, now) {
            cell.sent += 1;
            cell.first += u32::from(attempt == 1);
        }
        if let ClassKind::Group(group) = class.kind {
            op.set_site(if class.in_session() {
                self.mailboxes.site(op.mailbox).unwrap_or(op.site())
            } else if class.anycast.is_some() {
                op.site() // Routers decide, when it is sent.
            } else {
                let group = &scene.world.population.groups[group as usize];
                let steering = scene.world.steering_of_client[group.client.index()];
                let luck = scene.world.population.luck(op.mailbox);
                scene.world.steering[steering.index()].answer(luck, now)
            });
        }
        let mut deadline = SimTime(op.intended.0.saturating_add(class.deadline_ns));
        if planted("timeout-from-the-first-attempt") {
            deadline = deadline.min(op.intended + SimDuration(self.plan.timeout_lengths[0]));
        }
        let give_up = match &class.timeout {
            TimeoutPlan::Never => deadline,
            TimeoutPlan::Queue(queue) => {
                let length = SimDuration(self.plan.timeout_lengths[*queue as usize]);
                if now + length <= deadline {
                    self.await_timeout(*queue, Waiter::Op(key, attempt), now);
                    SimTime::MAX
                } else {
                    deadline
                }
            }
            TimeoutPlan::Patience(patience) => {
                let luck = op.luck.derive(draw::of(draw::PATIENCE, attempt));
                deadline.min(now + SimDuration::from_secs_f64(patience.sample(luck)))
            }
        };
        if give_up < SimTime::MAX {
            self.calendar.push(give_up, Event::GiveUp { op: key, attempt });
        }
        self.open_connection(key, attempt, now, scene);
    }

    /// Whether a client still waits for this attempt.
    #[inline]
    pub(super) fn op_waits(&self, key: Key, attempt: u32) -> bool {
        self.ops.waits(key, attempt)
    }

    /// The connection of an attempt is tried again.
    pub(super) fn connect(&mut self, key: Key, attempt: u32, now: SimTime, scene: &mut Scene) {
        if self.op_waits(key, attempt) {
            self.open_connection(key, attempt, now, scene);
        }
    }

    /// Opens the connection, if one is needed, and puts the request on its way.
    #[inline]
    fn open_connection(&mut self, key: Key, attempt: u32, now: SimTime, scene: &mut Scene) {
        let class = &self.plan.classes[self.ops.class(key) as usize];
        let (op, under_way) = self.ops.under_way_mut(key);
        let first_try = under_way.syn_tries == 0;
        // A lost SYN goes the same way again, unless routers have changed it.
        if first_try || under_way.paths_changes != self.paths_changes {
            let Some((from, mailbox)) = source_of(class.kind, op.mailbox, scene) else {
                // A pipeline's message is already at its site.
                self.reach_site(key, attempt, now, scene);
                return;
            };
            under_way.opens = class.connects || op.reconnect;
            let flow = flow_of(op, class, under_way.opens, attempt, mailbox);
            let network = &scene.world.network;
            under_way.path = match class.anycast {
                None => network.path(from, op.site(), flow),
                Some(name) => network.path_to_name(from, name, flow),
            };
            under_way.paths_changes = self.paths_changes;
        }
        let (path, opens) = (under_way.path, under_way.opens);
        let network = &mut scene.world.network;
        let (bits, packets) = if first_try { (class.bits, class.packets) } else { (0.0, 1.0) };
        let view = network.offer(path, u32::from(opens), bits, packets);
        // Without a way back no connection opens; in an open one the request gets there.
        if !view.carries && (opens || !view.arrives) {
            self.ops.set_phase(key, Phase::Lost);
            return;
        }
        if class.anycast.is_some() {
            let site = network.site_of(path);
            if class.in_session() && site != op.site() {
                self.meets_stranger(key, attempt, view, now);
                return;
            }
            op.set_site(site);
        }
        let delivered = 1.0 - view.loss;
        let mut delay = view.delay;
        if opens {
            let syn = draw::of(draw::SYN | u64::from(under_way.syn_tries) << 8, attempt);
            // No draw is below 0: where nothing is refused or lost, none is needed.
            let refused = view.connection_refused;
            if refused > 0.0 && op.luck.uniform(syn) < refused {
                let back = now + view.delay * 2;
                self.calendar.push(back, Event::Refused { op: key, attempt });
                return;
            }
            // SYN or SYN-ACK lost, or the middlebox would not take it.
            let lost = 1.0 - delivered * delivered * (1.0 - view.connection_loss);
            if lost > 0.0 && op.luck.uniform(syn | 1 << 16) < lost {
                under_way.syn_tries += 1;
                if under_way.syn_tries == SYN_TRIES {
                    self.ops.set_phase(key, Phase::Lost);
                    return;
                }
                let again = now + RETRANSMISSION * (1 << (under_way.syn_tries - 1));
                self.calendar.push(again, Event::Connect { op: key, attempt });
                return;
            }
            // The handshake takes a round trip before the request can go.
            delay += view.delay * 2 + view.connection_delay;
        }
        let lost = 1.0 - delivered * delivered;
        if lost > 0.0 && op.luck.uniform(draw::of(draw::DATA, attempt)) < lost {
            delay += RETRANSMISSION;
        }
        if delay == SimDuration::ZERO {
            self.reach_site(key, attempt, now, scene);
        } else {
            self.calendar.push(now + delay, Event::Arrive { op: key, attempt });
        }
    }

    /// The routes lead a session's request to another site of its anycast name, which knows nothing
    /// of the session and resets the connection (RFC 9293, section 3.5.2).
    fn meets_stranger(&mut self, key: Key, attempt: u32, view: PathView, now: SimTime) {
        if view.carries {
            self.calendar.push(now + view.delay * 2, Event::Reset { op: key, attempt });
        } else {
            self.ops.set_phase(key, Phase::Lost);
        }
    }

    /// An attempt comes to its site.
    pub(super) fn arrive(&mut self, key: Key, attempt: u32, now: SimTime, scene: &mut Scene) {
        if self.op_waits(key, attempt) {
            self.reach_site(key, attempt, now, scene);
        }
    }

    /// An attempt that is waited for is at its site: admitted, or refused by a throttle.
    #[inline(always)]
    fn reach_site(&mut self, key: Key, attempt: u32, now: SimTime, scene: &mut Scene) {
        let (op, under_way) = self.ops.under_way(key);
        if under_way.path().is_some_and(|path| !scene.world.network.arrives(path)) {
            // The path broke under it: what is in transit is lost.
            self.ops.set_phase(key, Phase::Lost);
            return;
        }
        let class_index = self.ops.class(key);
        let class = &self.plan.classes[class_index as usize];
        let caller = Caller::Op(key, attempt);
        let work = op.luck.derive(draw::of(draw::WORK, attempt));
        let (site, entry, mailbox) = (op.site(), class.entry, op.mailbox);
        let has_room = class.feeds.is_none_or(|(pipeline, _)| self.has_room(pipeline));
        let throttled = !scene.world.throttles.is_empty();
        if !has_room || throttled && !self.admit(class.operation, site, now, scene) {
            self.answer(key, false, now, scene);
            return;
        }
        let place = match self.plan.classes[class_index as usize].kind {
            // A probe has a luck of its own, drawn for it.
            ClassKind::Probe => self.ops[key.index].luck,
            _ => scene.world.population.luck(mailbox),
        };
        let class = class_index;
        let request = Request { service: entry, site, caller, class, place, luck: work };
        // A job that was taken in has not ended yet: time passes before it can.
        if let Some(job) = self.job_arrives(request, now, scene) {
            self.ops.under_way_mut(key).1.job = Some(job);
        }
    }

    /// Whether the throttles of a site admit one more attempt of an operation (token buckets that
    /// hold one second's worth).
    fn admit(
        &mut self,
        operation: crate::scenario::model::OperationId,
        site: SiteId,
        now: SimTime,
        scene: &Scene,
    ) -> bool {
        let throttles = &scene.world.throttles;
        self.buckets.resize(throttles.len(), Bucket::default());
        let found = throttles.iter().position(|t| t.operation == operation && t.site == site);
        let Some(index) = found else { return true };
        let Some(rate) = throttles[index].admits_per_s(now) else { return true };
        let bucket = &mut self.buckets[index];
        if bucket.since != throttles[index].since {
            *bucket = Bucket { tokens: 0.0, filled: now, since: throttles[index].since };
        }
        let elapsed = (now - bucket.filled).as_secs_f64();
        bucket.tokens = (bucket.tokens + elapsed * rate).min(rate.max(1.0));
        bucket.filled = now;
        if planted("throttle-open") {
            return true;
        }
        let admitted = bucket.tokens >= 1.0;
        bucket.tokens -= f64::from(u8::from(admitted));
        admitted
    }

    /// The site answers the attempt under way, which its client waits for, at `now`; the answer
    /// reaches the client one delay later, unless
    /// the path is gone or the client has stopped waiting by then.
    #[inline(always)]
    pub(super) fn answer(&mut self, key: Key, ok: bool, now: SimTime, scene: &mut Scene) {
        let (op, under_way) = self.ops.under_way(key);
        let class = &self.plan.classes[self.ops.class(key) as usize];
        let mut at = now;
        if let Some(mut path) = under_way.path() {
            let network = &scene.world.network;
            if under_way.paths_changes != self.paths_changes
                && let Some((from, mailbox)) = source_of(class.kind, op.mailbox, scene)
            {
                // The answer goes the way that routers know now.
                let attempt = self.ops.attempt(key);
                let flow = flow_of(op, class, under_way.opens, attempt, mailbox);
                path = network.path(from, op.site(), flow);
            }
            let Some(delay) = network.delay_back(path) else {
                self.ops.set_phase(key, Phase::Lost);
                return;
            };
            at = now + delay;
        }
        let due = match &class.timeout {
            TimeoutPlan::Queue(queue) => {
                under_way.sent + SimDuration(self.plan.timeout_lengths[*queue as usize])
            }
            _ => SimTime::MAX,
        };
        if at > due {
            return; // Too late by its way back: the timeout will say so.
        }
        if ok {
            self.succeed(key, at, scene);
        } else {
            self.fail(key, Failure::Refused, at, scene);
        }
    }
}

/// Where an operation's attempts come from: an attachment, and the luck of its mailbox; `None` for
/// a pipeline, which is at its site already.
#[inline]
fn source_of(kind: ClassKind, mailbox: u32, scene: &Scene) -> Option<(AttachmentId, Luck)> {
    let population = &scene.world.population;
    match kind {
        ClassKind::Group(group) => {
            let luck = population.luck(mailbox);
            let group = &population.groups[group as usize];
            Some((AttachmentId(population.attachment(group, luck)), luck))
        }
        ClassKind::Probe => {
            let from = scene.world.probe_pairs[mailbox as usize].0;
            Some((from, Luck(u64::from(mailbox))))
        }
        ClassKind::Pipeline(_) => None,
    }
}

/// The flow hash of an attempt: of the connection that it opens, or of its session's. To an anycast
/// name all of a mailbox's connections have one (a hash of addresses alone), so that all of them
/// come to the same site.
#[inline]
fn flow_of(op: &Op, class: &ClassPlan, opens: bool, attempt: u32, mailbox: Luck) -> u64 {
    if class.anycast.is_none() && opens {
        op.luck.bits(draw::of(draw::FLOW, attempt))
    } else {
        mailbox.bits(tag::FLOW)
    }
}
