//! The scenario as dense tables for the hot loops: no name, no nested list, no option to unwrap.

use crate::kernel::math;
use crate::kernel::sample::Distribution;
use crate::kernel::time::SimDuration;
use crate::scenario::model::{
    AbandonedWork, Backoff, Call, Demander, Discipline, Jitter, Load, OperationId, Pipeline,
    PipelineId, Retry, Scenario, ServiceId, Timeout, WhileCalling,
};
use crate::world::network::{AnycastId, packets_of};
use crate::world::population::{ClassKind, Population};
use std::ops::Range;

/// Everything that traffic needs to know of the scenario.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One a class, in the population's order.
    pub classes: Vec<ClassPlan>,
    /// One a service.
    pub services: Vec<ServicePlan>,
    /// All calls of all services, for one operation each.
    pub calls: Vec<CallPlan>,
    /// [service][operation], by `service * operations + operation`.
    requests: Vec<RequestPlan>,
    operations: usize,
    /// Lengths of the timeout queues [ns].
    pub timeout_lengths: Vec<u64>,
    /// Number of caches: one a call of the scenario.
    pub caches: Vec<CachePlan>,
    /// [pipeline]: messages with which it takes no more [count].
    pub pipeline_limits: Vec<u64>,
}

/// A class of demand, resolved.
#[derive(Clone, Debug)]
pub struct ClassPlan {
    /// Group, pipeline or probes.
    pub kind: ClassKind,
    /// Its operation.
    pub operation: OperationId,
    /// Where it enters.
    pub entry: ServiceId,
    /// Factor on the service time there.
    pub cost: f64,
    /// Bits both ways.
    pub bits: f64,
    /// Packets both ways.
    pub packets: f64,
    /// Demands a present mailbox and second, before the load curve; 0 for induced and closed load.
    pub rate_per_s: f64,
    /// Time between an answer and the next demand, for closed load.
    pub think: Option<Distribution>,
    /// How long an attempt is waited for.
    pub timeout: TimeoutPlan,
    /// From intended start [ns]; `u64::MAX`: none.
    pub deadline_ns: u64,
    /// An answer within this is good.
    pub good_within: SimDuration,
    /// Share of suppressed demands that come back.
    pub deferred: f64,
    /// Retries.
    pub retry: RetryPlan,
    /// Pipeline fed, and messages each time.
    pub feeds: Option<(PipelineId, u32)>,
    /// Every attempt opens a connection (the client holds no session, or this signs in).
    pub connects: bool,
    /// This is the sign-in of its client.
    pub signs_in: bool,
    /// Its client holds sessions.
    pub sessions: bool,
    /// The anycast name that its requests go to.
    pub anycast: Option<AnycastId>,
}

/// How an attempt times out.
#[derive(Clone, Debug)]
pub enum TimeoutPlan {
    /// Through the queue of this index in [`Plan::timeout_lengths`].
    Queue(u16),
    /// Drawn.
    Patience(Distribution),
    /// Never (a pipeline's worker waits for its calls' timeouts only).
    Never,
}

/// A retry policy with its waits worked out.
#[derive(Clone, Debug)]
pub struct RetryPlan {
    /// Attempts in all; `u32::MAX`: unlimited.
    pub attempts: u32,
    /// Wait before retry n at index n - 1 [ns]; the last entry holds for all later ones.
    waits_ns: Vec<u64>,
    /// The range of each [ns]; none where it depends on the waits before it.
    ranges_ns: Vec<(u64, u64)>,
    settled: u32,
    first_ns: u64,
    cap_ns: u64,
    jitter: Jitter,
}

/// Waits that are worked out; an exponential backoff reaches its cap long before.
const WAITS: u32 = 64;

impl RetryPlan {
    fn new(retry: &Retry) -> RetryPlan {
        let (waits_ns, first_ns, cap_ns) = match retry.backoff {
            Backoff::Constant(wait) => (vec![wait.0], wait.0, wait.0),
            Backoff::Exponential { first, factor, cap } => {
                let cap = if crate::kernel::defect::planted("backoff-uncapped") {
                    SimDuration::MAX
                } else {
                    cap
                };
                let wait = |n: u32| first.mul_f64(math::pow(factor, f64::from(n))).min(cap).0;
                ((0..WAITS).map(wait).collect(), first.0, cap.0)
            }
        };
        let attempts = retry.attempts.unwrap_or(u32::MAX);
        let last = waits_ns[waits_ns.len() - 1];
        let found = waits_ns.iter().position(|&wait| wait == last && attempts == u32::MAX);
        let settled = found.map_or(u32::MAX, |index| index as u32 + 1);
        let (jitter, ranges_ns) = (retry.jitter, Vec::new());
        let plan = RetryPlan { attempts, waits_ns, ranges_ns, settled, first_ns, cap_ns, jitter };
        let all = if jitter == Jitter::Decorrelated { 0 } else { plan.waits_ns.len() as u32 };
        let range = |retry: u32| (plan.wait_ns(retry, 0.0, 0), plan.wait_ns(retry, 1.0, 0));
        RetryPlan { ranges_ns: (1..=all).map(range).collect(), ..plan }
    }

    /// Whether attempt number `made` may be followed by another.
    #[inline]
    pub fn allows_after(&self, made: u32) -> bool {
        let made =
            if crate::kernel::defect::planted("attempts-off-by-one") { made - 1 } else { made };
        made < self.attempts
    }

    /// The range over which the wait before retry number `retry` (from 1) is spread evenly [ns];
    /// `None` where it depends on the waits before it.
    pub fn wait_range_ns(&self, retry: u32) -> Option<(u64, u64)> {
        let index = (retry as usize - 1).min(self.waits_ns.len() - 1);
        self.ranges_ns.get(index).copied()
    }

    /// The attempt from which on neither the wait that follows nor the number of attempts left
    /// tells one from the next; `u32::MAX` where the number is limited.
    pub fn settled_attempt(&self) -> u32 {
        self.settled
    }

    /// Wait before retry number `retry` (from 1) [ns]; `draw` in 0..1, `last` the wait before (ns).
    /// The jitters are those of the AWS Architecture Blog, "Exponential backoff and jitter" (2015).
    #[inline]
    pub fn wait_ns(&self, retry: u32, draw: f64, last: u64) -> u64 {
        let index = (retry as usize - 1).min(self.waits_ns.len() - 1);
        let full = self.waits_ns[index];
        match self.jitter {
            Jitter::None => full,
            Jitter::Full => (full as f64 * draw) as u64,
            Jitter::Equal => full / 2 + (full as f64 / 2.0 * draw) as u64,
            Jitter::Decorrelated => {
                let last = last.max(self.first_ns);
                let span = (last * 3).saturating_sub(self.first_ns) as f64;
                (self.first_ns + (span * draw) as u64).min(self.cap_ns)
            }
        }
    }
}

/// A service, resolved.
#[derive(Clone, Debug)]
pub struct ServicePlan {
    /// Work of one request.
    pub service_time: Distribution,
    /// Whether work for nobody is dropped.
    pub drops_abandoned: bool,
    /// Whether a slot is held while calling.
    pub holds_slot: bool,
    /// Who is next.
    pub discipline: DisciplinePlan,
    /// (slowdown, over [ns]) of cold capacity.
    pub warm_up: Option<(f64, u64)>,
    /// Store in front of which it stands.
    pub store: Option<u32>,
}

impl ServicePlan {
    /// Factor on the work that capacity begins so long after it has come [1]: it falls evenly to 1
    /// over the time that the scenario says (`warm_up`).
    pub fn cold_factor(&self, age: SimDuration) -> f64 {
        match self.warm_up {
            Some((slowdown, over_ns)) if !crate::kernel::defect::planted("always-warm") => {
                slowdown + (1.0 - slowdown) * (age.0 as f64 / over_ns as f64).min(1.0)
            }
            _ => 1.0,
        }
    }
}

/// Who is served next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisciplinePlan {
    /// First come, first served.
    Fifo,
    /// The same of those whose requests go first ([`RequestPlan::first`]), then of the others.
    Priority,
    /// Last come, first served.
    Lifo,
    /// Rejects what waited over `target_ns` once waits have been over it for `interval_ns`.
    Codel {
        /// Acceptable wait [ns].
        target_ns: u64,
        /// For how long it may be exceeded [ns].
        interval_ns: u64,
    },
}

/// What a request of an operation is at a service.
#[derive(Clone, Debug)]
pub struct RequestPlan {
    /// Its calls: indices into [`Plan::calls`].
    pub calls: Range<u16>,
    /// Whether it goes first, under priority.
    pub first: bool,
}

/// One call that a request of an operation makes.
#[derive(Clone, Debug)]
pub struct CallPlan {
    /// The service called.
    pub service: ServiceId,
    /// How many times.
    pub times: u32,
    /// Probability that it is made.
    pub probability: f64,
    /// Timeout queue.
    pub timeout_queue: u16,
    /// Retries.
    pub retry: RetryPlan,
    /// Whether its failure fails the request.
    pub required: bool,
    /// Index into [`Plan::caches`].
    pub cache: Option<u16>,
}

/// A look-aside cache.
#[derive(Clone, Debug)]
pub struct CachePlan {
    /// The service whose call it saves.
    pub caller: ServiceId,
    /// Share of hits when full.
    pub hit: f64,
    /// Entries at the run's scale.
    pub entries: f64,
}

impl ClassPlan {
    /// Whether its requests are sent in a session, to the site of that session.
    #[inline]
    pub fn in_session(&self) -> bool {
        self.sessions && !self.signs_in
    }
}

impl Plan {
    /// The tables of a scenario.
    pub fn new(scenario: &Scenario, population: &Population) -> Plan {
        let mut lengths = Lengths(Vec::new());
        let mut caches = Vec::new();
        let operations = scenario.operations.len();
        let mut calls = Vec::new();
        let mut requests = Vec::with_capacity(scenario.services.len() * operations);
        for (s, service) in scenario.services.iter().enumerate() {
            let cache_of = service.calls.iter().map(|call| {
                call.cache.as_ref().map(|cache| {
                    caches.push(CachePlan {
                        caller: ServiceId(s as u32),
                        hit: cache.hit,
                        entries: (cache.entries as f64 / scenario.scale as f64).max(1.0),
                    });
                    caches.len() as u16 - 1
                })
            });
            let cache_of: Vec<Option<u16>> = cache_of.collect();
            for operation in (0..operations as u32).map(OperationId) {
                let from = calls.len() as u16;
                for (call, &cache) in service.calls.iter().zip(&cache_of) {
                    if applies(call, operation) {
                        calls.push(call_plan(call, cache, &mut lengths));
                    }
                }
                let first = goes_first(&service.queue.discipline, operation);
                requests.push(RequestPlan { calls: from..calls.len() as u16, first });
            }
        }
        let classes = population.classes.iter();
        let classes = classes.map(|class| class_plan(scenario, population, class, &mut lengths));
        let classes = classes.collect();
        let services = (0..scenario.services.len()).map(|s| service_plan(scenario, s)).collect();
        let limit = |pipeline: &Pipeline| pipeline.limit.map_or(u64::MAX, |n| scenario.scaled(n));
        let pipeline_limits = scenario.pipelines.iter().map(limit).collect();
        let timeout_lengths = lengths.0;
        Plan {
            classes,
            services,
            calls,
            requests,
            operations,
            timeout_lengths,
            caches,
            pipeline_limits,
        }
    }

    /// What a request of an operation is at a service.
    #[inline]
    pub fn request(&self, service: ServiceId, operation: OperationId) -> &RequestPlan {
        &self.requests[service.index() * self.operations + operation.index()]
    }
}

/// The distinct timeout lengths, in order of first use.
struct Lengths(Vec<u64>);

impl Lengths {
    fn queue(&mut self, length: SimDuration) -> u16 {
        let found = self.0.iter().position(|&known| known == length.0);
        let index = found.unwrap_or_else(|| {
            self.0.push(length.0);
            self.0.len() - 1
        });
        index as u16
    }
}

fn goes_first(discipline: &Discipline, operation: OperationId) -> bool {
    matches!(discipline, Discipline::Priority { first } if first.contains(&operation))
}

fn applies(call: &Call, operation: OperationId) -> bool {
    call.operations.is_empty() || call.operations.contains(&operation)
}

fn call_plan(call: &Call, cache: Option<u16>, lengths: &mut Lengths) -> CallPlan {
    CallPlan {
        service: call.service,
        times: call.times,
        probability: call.probability,
        timeout_queue: lengths.queue(call.timeout),
        retry: RetryPlan::new(&call.retry),
        required: call.required,
        cache,
    }
}

fn class_plan(
    scenario: &Scenario,
    population: &Population,
    class: &crate::world::population::Class,
    lengths: &mut Lengths,
) -> ClassPlan {
    let operation = &scenario.operations[class.operation.index()];
    let session = match (class.kind, operation.by) {
        (ClassKind::Group(group), Demander::Client(client)) => {
            debug_assert_eq!(population.groups[group as usize].client, client);
            scenario.clients[client.index()].session.as_ref()
        }
        _ => None,
    };
    let signs_in = session.is_some_and(|session| session.sign_in == class.operation);
    let anycast = match operation.by {
        Demander::Client(client) => {
            scenario.anycast_number(scenario.clients[client.index()].connects)
        }
        Demander::Pipeline(_) => None,
    };
    let is_group = matches!(class.kind, ClassKind::Group(_));
    let timeout = match (&operation.timeout, class.kind) {
        (_, ClassKind::Pipeline(_)) => TimeoutPlan::Never,
        (Timeout::After(length), _) => TimeoutPlan::Queue(lengths.queue(*length)),
        (Timeout::Patience(distribution), _) => TimeoutPlan::Patience(distribution.clone()),
    };
    let once = Retry {
        attempts: Some(1),
        backoff: Backoff::Constant(SimDuration::ZERO),
        jitter: Jitter::None,
    };
    // A probe is one attempt: what it reports is the state of the service, not of a retry.
    let probe = class.kind == ClassKind::Probe;
    let pipelines = &scenario.pipelines;
    ClassPlan {
        kind: class.kind,
        operation: class.operation,
        entry: operation.enters,
        cost: operation.cost,
        bits: operation.size_bytes * 8.0,
        packets: packets_of(operation.size_bytes * 8.0),
        rate_per_s: match operation.load {
            Load::Rate { per_hour } if is_group => per_hour / 3600.0,
            _ => 0.0,
        },
        think: match &operation.load {
            Load::Think(think) if is_group => Some(think.clone()),
            _ => None,
        },
        timeout,
        deadline_ns: operation.deadline.map_or(u64::MAX, |deadline| deadline.0),
        good_within: operation.good_within,
        deferred: operation.deferred,
        retry: RetryPlan::new(if probe { &once } else { &operation.retry }),
        feeds: operation.feeds.filter(|_| is_group).map(|p| (p, pipelines[p.index()].copies)),
        connects: probe || (is_group && (session.is_none() || signs_in)),
        signs_in,
        sessions: session.is_some(),
        anycast: anycast.map(|name| AnycastId(name as u32)),
    }
}

fn service_plan(scenario: &Scenario, index: usize) -> ServicePlan {
    let service = &scenario.services[index];
    let discipline = match &service.queue.discipline {
        Discipline::Fifo => DisciplinePlan::Fifo,
        Discipline::Priority { .. } => DisciplinePlan::Priority,
        Discipline::Lifo => DisciplinePlan::Lifo,
        Discipline::Codel { target, interval } => {
            DisciplinePlan::Codel { target_ns: target.0, interval_ns: interval.0 }
        }
    };
    let store = scenario.stores.iter().position(|store| store.service.index() == index);
    ServicePlan {
        service_time: service.service_time.clone(),
        drops_abandoned: service.abandoned_work == AbandonedWork::Dropped,
        holds_slot: service.while_calling == WhileCalling::Hold,
        discipline,
        warm_up: service.warm_up.as_ref().map(|warm| (warm.slowdown, warm.over.0)),
        store: store.map(|store| store as u32),
    }
}
