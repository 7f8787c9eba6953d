//! Small random scenarios: topology, services with calls, policies, faults, runbook.
//!
//! A [`Recipe`] is drawn, then built: [`Sort::Anything`] reaches into every corner of the model
//! with a handful of servers; [`Sort::InCounts`] keeps to what counts can do, at stations of 20
//! servers or more, for runs long enough to collapse and to recover in.

#![allow(dead_code, reason = "each target uses its own part")]

use crate::model::{Model, call, exponential, seconds};
use blackstart::scenario::model::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Which scenarios are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// All of the model; two minutes, few servers.
    Anything,
    /// What both fidelities can do; ten minutes.
    InCounts,
}

/// One fault: which, when, for how long, how much, whether it flaps.
type DrawnFault = (u8, f64, f64, f64, bool);

/// What a scenario is made of; every field is drawn.
#[derive(Clone, Debug)]
pub struct Recipe {
    sort: Sort,
    /// Load of the entry's slots.
    load: f64,
    /// Load half-way through, as a factor.
    drift: f64,
    servers: u64,
    concurrency: u32,
    service_s: f64,
    limit: Option<u32>,
    discipline: u8,
    dropped: bool,
    holds: bool,
    timeout_s: f64,
    attempts: u32,
    backoff_s: f64,
    exponential_backoff: bool,
    jitter: u8,
    sites: u8,
    linked: bool,
    /// Room of links and middlebox, as a factor of what they are asked for.
    room: f64,
    partitions: u32,
    sessions: bool,
    calls: u8,
    callee_load: f64,
    cache: bool,
    faults: Vec<DrawnFault>,
    steps: Vec<(u8, f64)>,
}

/// Recipes of a sort.
pub fn recipes(sort: Sort) -> impl Strategy<Value = Recipe> {
    let anything = sort == Sort::Anything;
    let of = |anything_range: std::ops::Range<f64>, counts: std::ops::Range<f64>| {
        if anything { anything_range } else { counts }
    };
    let upto =
        |anything_end: u8, counts_end: u8| 0..if anything { anything_end } else { counts_end };
    let (servers, together, limits) =
        if anything { (1_u64..6, 1_u32..4, 0_u32..20) } else { (20..50, 1..2, 1..40) };
    let load = (of(0.05..3.0, 0.35..0.95), of(1.0..1.1, 0.8..1.15));
    let service = (servers, together, of(0.1..0.3, 0.08..0.3));
    let queue = (proptest::option::of(limits), upto(4, 1), any::<bool>(), any::<bool>());
    let policy = (of(0.2..5.0, 1.0..6.0), 1_u32..5, of(0.05..0.3, 0.2..4.0), any::<bool>());
    let topology = (upto(4, 3), 1_u8..4, any::<bool>(), of(1.0..1.5, 1.2..5.0));
    let partitions = if anything { 1_u32..4 } else { 1..2 };
    let rest = (partitions, any::<bool>(), 0_u8..3, of(0.3..1.5, 0.3..0.9), any::<bool>());
    let (at, lasts) = (of(5.0..60.0, 60.0..240.0), of(1.0..40.0, 10.0..160.0));
    let fault = (0_u8..14, at, lasts, 0.05..1.0, any::<bool>());
    let fault = fault.prop_map(move |(kind, at, lasts, share, flaps)| {
        // Of ten minutes' faults one in four flaps, not every other.
        (kind, at, lasts, share, flaps && (anything || ((at * 8.0) as u64).is_multiple_of(2)))
    });
    let faults = proptest::collection::vec(fault, if anything { 0..4 } else { 1..4 });
    let steps = proptest::collection::vec((0_u8..7, of(5.0..100.0, 90.0..400.0)), 0..4);
    let parts = (load, service, queue, policy, topology, rest, faults, steps);
    parts.prop_map(move |(load, service, queue, policy, topology, rest, faults, steps)| Recipe {
        sort,
        load: load.0,
        drift: load.1,
        servers: service.0,
        concurrency: service.1,
        service_s: service.2,
        limit: queue.0,
        discipline: queue.1,
        dropped: queue.2,
        holds: queue.3,
        timeout_s: policy.0,
        attempts: policy.1,
        backoff_s: policy.2,
        exponential_backoff: policy.3,
        jitter: topology.0,
        sites: topology.1,
        linked: topology.2,
        room: topology.3,
        partitions: rest.0,
        sessions: rest.1,
        calls: rest.2,
        callee_load: rest.3,
        cache: anything && rest.4,
        faults,
        steps,
    })
}

/// The first `count` recipes of a sort from a fixed seed: the same on every machine.
pub fn drawn(sort: Sort, count: usize, seed: u64) -> Vec<Recipe> {
    let config = Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() };
    let mut runner = TestRunner::new(config);
    let strategy = recipes(sort);
    let one = |_| strategy.new_tree(&mut runner).expect("nothing is filtered out").current();
    (0..count).map(one).collect()
}

impl Recipe {
    /// Slots of the entry at one site.
    fn slots(&self) -> f64 {
        self.servers as f64 * f64::from(self.concurrency)
    }

    /// Mean service time of what is called [s].
    fn callee_s(&self) -> f64 {
        0.5 * self.service_s
    }

    /// Demand at one site that loads the entry as drawn [1/s].
    fn rate_per_site(&self) -> f64 {
        let held = if self.holds { f64::from(self.calls) * 0.8 * self.callee_s() } else { 0.0 };
        self.load * self.slots() / (self.service_s + held)
    }

    fn rate(&self) -> f64 {
        self.rate_per_site() * f64::from(self.sites)
    }

    /// Warm-up, measured time and window [s].
    fn clock(&self) -> (f64, f64, f64) {
        if self.sort == Sort::Anything { (10.0, 120.0, 5.0) } else { (30.0, 600.0, 5.0) }
    }

    fn retry(&self) -> Retry {
        Retry {
            attempts: Some(self.attempts),
            backoff: if self.exponential_backoff {
                let cap = seconds(20.0 * self.backoff_s);
                Backoff::Exponential { first: seconds(self.backoff_s), factor: 2.0, cap }
            } else {
                Backoff::Constant(seconds(2.0 * self.backoff_s))
            },
            jitter: [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated]
                [usize::from(self.jitter)],
        }
    }

    /// The scenario.
    pub fn scenario(&self) -> Scenario {
        let (warmup_s, duration_s, window_s) = self.clock();
        let mailboxes = if self.sort == Sort::Anything { 400 } else { 20_000 };
        let mut model = Model::new().mailboxes(mailboxes).clock(warmup_s, duration_s, window_s);
        let operation = |operation: &mut Operation| {
            operation.size_bytes = 2_000.0;
            operation.deferred = 0.5;
        };
        model = model.rate(self.rate()).timeout(self.timeout_s).retries(self.retry());
        model = self.entry(model.with_operation(operation));
        model = self.callees(model);
        let curve = vec![(0.0, 1.0), (duration_s / 2.0, self.drift), (duration_s, 1.0)];
        model.scenario.regions[0].load = Curve { points: curve };
        if self.linked {
            self.link(&mut model.scenario);
        }
        steer(&mut model.scenario);
        if self.sessions {
            sign_in(&mut model, self.retry(), duration_s);
        }
        if self.sort == Sort::InCounts {
            model.scenario.targets.push(back_in_time());
        }
        for &(kind, at, lasts, share, flaps) in &self.faults {
            let kind = fault(kind, share, &model.scenario);
            let for_good = if self.sort == Sort::Anything { 35.0 } else { 145.0 };
            model = model.fault(at, (lasts < for_good).then_some(lasts), kind);
            let fault = model.scenario.faults.last_mut().expect("just added");
            if flaps {
                fault.flap = Some((seconds(3.0), seconds(2.0)));
                fault.ramp = seconds(2.0);
            }
        }
        for &(action, at) in &self.steps {
            let action = self.step(action, &model.scenario);
            model = model.step(at, action);
        }
        model.build()
    }

    fn entry(&self, model: Model) -> Model {
        let discipline = match self.discipline {
            0 => Discipline::Fifo,
            1 => Discipline::Lifo,
            2 => Discipline::Codel { target: seconds(0.1), interval: seconds(1.0) },
            _ => Discipline::Priority { first: vec![OperationId(0)] },
        };
        let mut model = model.with_service(|service| {
            service.sites[0].instances = self.servers;
            service.concurrency = self.concurrency;
            service.service_time = exponential(self.service_s);
            service.queue = Queue { limit: self.limit, discipline };
            service.partitions = self.partitions;
            if self.dropped {
                service.abandoned_work = AbandonedWork::Dropped;
            }
            if !self.holds {
                service.while_calling = WhileCalling::Release;
            }
        });
        for site in 1..self.sites {
            model = model.site(&format!("site-{site}"), self.servers);
        }
        model
    }

    /// What the entry calls: at the first site, or wherever counts need it, which is everywhere.
    fn callees(&self, mut model: Model) -> Model {
        let (least, elsewhere) =
            if self.sort == Sort::Anything { (1, 1) } else { (20, u32::from(self.sites)) };
        let busy = 0.8 * self.rate_per_site() * self.callee_s();
        let servers = ((busy / self.callee_load).ceil() as u64).max(least);
        for callee in 0..self.calls {
            let name = format!("callee-{callee}");
            model =
                model.service(&name).servers(servers).service_time(exponential(self.callee_s()));
            model = model.with_service(|service| {
                let placed = |site| Placement { site: SiteId(site), instances: servers };
                service.sites.extend((1..elsewhere).map(placed));
            });
            let mut call = call(model.service_id(&name));
            call.timeout = seconds(self.timeout_s / 2.0);
            call.retry = self.retry();
            call.probability = 0.8;
            call.required = callee == 0;
            call.cache = self.cache.then_some(Cache { hit: 0.7, entries: 50 });
            model = model.calls("station", call);
        }
        model
    }

    /// A second router for every site, reached over two links of which one has a middlebox behind
    /// it.
    fn link(&self, scenario: &mut Scenario) {
        let mailboxes = scenario.regions[0].mailboxes as f64;
        scenario.network.routers.push(Router {
            name: "far".into(),
            coordinates: None,
            system: SystemId(0),
        });
        for (name, delay) in [("short", 0.01), ("long", 0.05)] {
            scenario.network.links.push(Link {
                name: name.into(),
                between: (RouterId(0), RouterId(1)),
                delay: seconds(delay),
                bandwidth: self.rate() * 16_000.0 * self.room,
                loss: 0.001,
                metric: (delay * 1e6) as u64,
                buffer: seconds(0.2),
                preference: None,
                prefixes_max: None,
            });
        }
        scenario.sites.iter_mut().for_each(|site| site.router = RouterId(1));
        scenario.network.middleboxes.push(Middlebox {
            name: "box".into(),
            before: SiteId(0),
            new_connections: Some(self.rate_per_site() * self.room),
            sessions: (self.sort == Sort::Anything).then_some((0.9 * mailboxes) as u64),
            bandwidth: None,
            packets: None,
            when_full: WhenFull::Drop,
            buffer: seconds(1.0),
        });
    }

    fn step(&self, action: u8, scenario: &Scenario) -> Action {
        let (service, site, steering) = (ServiceId(0), SiteId(0), SteeringId(0));
        let last = SiteId(scenario.sites.len() as u32 - 1);
        let (operation, takes) = (OperationId(0), seconds(7.0));
        let drain = Some(seconds(10.0));
        let admit = 0.3 * self.rate_per_site();
        let instances = (self.servers / 4).max(2);
        match action {
            0 => Action::Move { steering, from: site, to: last, share: 0.4, drain },
            1 => Action::Restore { steering, steps: 3, every: seconds(5.0), stop_if: None, drain },
            2 => Action::Drain { site, over: seconds(15.0) },
            3 => Action::Throttle { operation, site, admit, ramp: Some(seconds(20.0)) },
            4 => Action::Restart { service, site, takes },
            5 => Action::AddCapacity { service, site, instances, takes },
            _ => Action::Set { steering, answers: vec![(last, 1.0)], drain: None },
        }
    }
}

/// Even shares of all sites, by DNS.
fn steer(scenario: &mut Scenario) {
    let count = scenario.sites.len();
    let share = 1.0 / count as f64;
    scenario.steering[0].answers = (0..count).map(|s| (SiteId(s as u32), share)).collect();
    scenario.steering[0].kind =
        SteeringKind::Dns { ttl: seconds(20.0), ignoring: 0.1, ignoring_for: seconds(200.0) };
}

fn sign_in(model: &mut Model, retry: Retry, duration_s: f64) {
    let sign_in = OperationId(model.scenario.operations.len() as u32);
    let built = model.clone().operation("sign-in", ServiceId(0)).timeout(2.0).retries(retry);
    *model = built.with_operation(|operation| operation.load = Load::Induced);
    let session = Session { sign_in, keepalive: seconds(5.0), lost_after: Some(seconds(3.0)) };
    model.scenario.clients[0].session = Some(session);
    model.scenario.regions[0].present = Curve { points: vec![(0.0, 0.8), (duration_s, 0.95)] };
}

fn back_in_time() -> Target {
    let kind = TargetKind::RecoveryTime {
        objective: seconds(600.0),
        availability: 0.95,
        sustained: seconds(120.0),
        relapse_allowed: false,
    };
    Target { name: "recovery_time".into(), confidence: 1.0, kind }
}

fn fault(kind: u8, share: f64, scenario: &Scenario) -> FaultKind {
    let (service, site) = (ServiceId(0), SiteId(0));
    let linked = !scenario.network.links.is_empty();
    match kind {
        0 => FaultKind::InstancesLost { service, site, share, jobs: LostJobs::Requeue },
        1 => FaultKind::InstancesLost { service, site, share: 1.0, jobs: LostJobs::Reset },
        2 => FaultKind::Slow { service, site: None, factor: 1.0 + 9.0 * share },
        3 => FaultKind::Erroring { service, site: None, share },
        4 => FaultKind::Hung { service, site: Some(site), partition: Some(0) },
        5 => FaultKind::SiteDown { site },
        6 => FaultKind::MassReconnect { client: None, site: None, share },
        7 => FaultKind::CacheLost { service, site: None, share },
        8 if linked => FaultKind::LinkDown { link: LinkId(0) },
        9 if linked => FaultKind::LinkLoss { link: LinkId(0), from: None, loss: share },
        10 if linked => FaultKind::RouterSilent { router: RouterId(1) },
        11 if linked => FaultKind::MiddleboxCapacity { middlebox: MiddleboxId(0), to: 1.0 - share },
        12 if linked => FaultKind::LinkBandwidth { link: LinkId(0), to: 0.01 },
        _ => FaultKind::LoadSurge { region: None, operation: None, factor: 4.0 * share },
    }
}
