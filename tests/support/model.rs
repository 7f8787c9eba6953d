//! Scenarios built in Rust: the smallest world, and methods that change one thing each.
//!
//! [`Model::new`] is one region and one site on the same router (so no network delay), one client
//! without sessions, one operation, one service: M/M/1 with a mean service time of 1 s, half busy,
//! without timeout or retry. Methods that change "the service" or "the operation" mean the one
//! added last. [`Model::build`] gives the scenario; nothing is checked, since the engine's input
//! is a checked scenario by type.

#![allow(dead_code, reason = "each test target uses its own part of the builder")]

use blackstart::kernel::sample::Distribution;
use blackstart::kernel::time::{SimDuration, SimTime};
use blackstart::scenario::model::*;

/// A timeout that no request of a test reaches [s].
pub const NEVER_S: f64 = 1e9;

/// Seconds as a duration.
pub fn seconds(s: f64) -> SimDuration {
    SimDuration::from_secs_f64(s)
}

/// Exponential law [s].
pub fn exponential(mean_s: f64) -> Distribution {
    Distribution::Exponential { mean: mean_s }
}

/// Always the same time [s].
pub fn constant(value_s: f64) -> Distribution {
    Distribution::Constant { value: value_s }
}

/// One attempt.
pub fn once() -> Retry {
    retry(1, 0.0)
}

/// So many attempts in all, a constant wait [s] before each retry, no jitter.
pub fn retry(attempts: u32, wait_s: f64) -> Retry {
    Retry {
        attempts: Some(attempts),
        backoff: Backoff::Constant(seconds(wait_s)),
        jitter: Jitter::None,
    }
}

/// A load or presence curve that is the same all day.
pub fn flat(factor: f64) -> Curve {
    Curve { points: vec![(0.0, factor)] }
}

/// A call to `service` without timeout or retry, for all operations, required.
pub fn call(service: ServiceId) -> Call {
    Call {
        service,
        operations: Vec::new(),
        times: 1,
        probability: 1.0,
        timeout: seconds(NEVER_S),
        retry: once(),
        required: true,
        cache: None,
    }
}

/// A link from the first router to another that is never full and loses nothing; one-way delay [s].
pub fn wide_link(name: &str, to: u32, delay_s: f64) -> Link {
    Link {
        name: name.into(),
        between: (RouterId(0), RouterId(to)),
        delay: seconds(delay_s),
        bandwidth: 1e12,
        loss: 0.0,
        metric: 1,
        buffer: seconds(0.1),
        preference: None,
        prefixes_max: None,
    }
}

/// A condition on what all clients see, that holds as soon as it is so.
pub fn compare(measure: Measure, operator: Operator, value: f64) -> Condition {
    let quantity = Quantity {
        measure,
        region: None,
        operation: None,
        site: None,
        service: None,
        seen_by: Vantage::Client,
        over: seconds(0.0),
        projected: false,
    };
    Condition::Compare(Comparison { quantity, operator, value, sustained: seconds(0.0) })
}

/// A scenario under construction.
#[derive(Clone, Debug)]
pub struct Model {
    /// What has been built so far; tests may change anything in it.
    pub scenario: Scenario,
}

impl Model {
    /// One station M/M/1 at utilisation 0.5, warm-up 100 s, measured 1000 s in windows of 10 s.
    pub fn new() -> Model {
        let router = RouterId(0);
        let scenario = Scenario {
            name: "model".into(),
            title: "A model of queueing theory".into(),
            description: String::new(),
            sources: Vec::new(),
            variant: None,
            clock: Clock {
                start: "1970-01-01T00:00:00Z[UTC]".into(),
                start_unix_s: 0,
                time_zone: "UTC".into(),
                utc_offset_s: 0,
                duration: seconds(1_000.0),
                warmup: seconds(100.0),
                window: seconds(10.0),
            },
            seed: 0,
            seeds: 1,
            fidelity: Fidelity::Exact,
            scale: 1,
            network: Network::of_one_system(
                vec![Router::named("router")],
                Vec::new(),
                Vec::new(),
                Routing::in_two_steps(seconds(1.0), seconds(1.0)),
            ),
            regions: vec![Region {
                name: "everyone".into(),
                mailboxes: 1_000,
                time_zone: "UTC".into(),
                utc_offset_s: 0,
                routers: vec![(router, 1.0)],
                load: flat(1.0),
                present: flat(1.0),
                clients: vec![(ClientId(0), 1.0)],
            }],
            sites: vec![Site { name: "here".into(), router }],
            services: Vec::new(),
            stores: Vec::new(),
            pipelines: Vec::new(),
            clients: vec![Client {
                name: "client".into(),
                connects: SteeringId(0),
                session: None,
                operations: Vec::new(),
            }],
            operations: Vec::new(),
            steering: vec![Steering {
                name: "name".into(),
                kind: SteeringKind::Direct,
                answers: vec![(SiteId(0), 1.0)],
            }],
            observers: Observers { probes: None, alarms: Vec::new(), status_page: None },
            faults: Vec::new(),
            runbook: Vec::new(),
            targets: Vec::new(),
            variants: Vec::new(),
        };
        Model { scenario }.service("station").operation("request", ServiceId(0)).rate(0.5)
    }

    /// The scenario.
    pub fn build(self) -> Scenario {
        self.scenario
    }

    /// Warm-up, measured time and measuring window [s].
    pub fn clock(mut self, warmup_s: f64, duration_s: f64, window_s: f64) -> Model {
        let clock = &mut self.scenario.clock;
        clock.warmup = seconds(warmup_s);
        clock.duration = seconds(duration_s);
        clock.window = seconds(window_s);
        self
    }

    /// An instant so many seconds after `start` (the end of the warm-up).
    pub fn after_start(&self, s: f64) -> SimTime {
        SimTime::ZERO + self.scenario.clock.warmup + seconds(s)
    }

    /// Mailboxes of the region; set before [`Model::rate`].
    pub fn mailboxes(mut self, count: u64) -> Model {
        self.scenario.regions[0].mailboxes = count;
        self
    }

    // Services.

    /// Adds a service with one server at the first site, exponential service of mean 1 s, FIFO
    /// without limit, that works on for callers that have gone.
    pub fn service(mut self, name: &str) -> Model {
        self.scenario.services.push(Service {
            name: name.into(),
            sites: vec![Placement { site: SiteId(0), instances: 1 }],
            concurrency: 1,
            service_time: exponential(1.0),
            queue: Queue { limit: None, discipline: Discipline::Fifo },
            abandoned_work: AbandonedWork::Continues,
            while_calling: WhileCalling::Hold,
            partitions: 1,
            warm_up: None,
            calls: Vec::new(),
        });
        self
    }

    /// The identifier of the service of this name.
    pub fn service_id(&self, name: &str) -> ServiceId {
        let found = self.scenario.services.iter().position(|service| service.name == name);
        ServiceId(found.expect("a service of the model") as u32)
    }

    /// Changes the service that was added last.
    pub fn with_service(mut self, change: impl FnOnce(&mut Service)) -> Model {
        change(self.scenario.services.last_mut().expect("new() adds a service"));
        self
    }

    /// Servers of the service at its first site: so many instances of concurrency 1.
    pub fn servers(self, count: u64) -> Model {
        self.with_service(|service| service.sites[0].instances = count)
    }

    /// Law of the service time.
    pub fn service_time(self, law: Distribution) -> Model {
        self.with_service(|service| service.service_time = law)
    }

    /// Requests that may wait at the station of the first site, all instances together; must be
    /// a multiple of the servers, since a scenario limits the queue of an instance. See
    /// [`Model::one_instance`] for any other.
    pub fn queue_limit(self, waiting: u32) -> Model {
        self.with_service(|service| {
            let instances = service.sites[0].instances as u32;
            assert_eq!(waiting % instances, 0, "the limit is per instance");
            service.queue.limit = Some(waiting / instances);
        })
    }

    /// One instance of so much concurrency: any queue limit can then be set.
    pub fn one_instance(self, concurrency: u32) -> Model {
        self.with_service(|service| {
            service.sites[0].instances = 1;
            service.concurrency = concurrency;
        })
    }

    /// Who is served next.
    pub fn discipline(self, discipline: Discipline) -> Model {
        self.with_service(|service| service.queue.discipline = discipline)
    }

    /// What waits is dropped when its caller goes.
    pub fn drops_abandoned(self) -> Model {
        self.with_service(|service| service.abandoned_work = AbandonedWork::Dropped)
    }

    /// A slot is given back while the request waits for its calls.
    pub fn releases_slot(self) -> Model {
        self.with_service(|service| service.while_calling = WhileCalling::Release)
    }

    /// Adds a call to the service of the name `from`.
    pub fn calls(mut self, from: &str, call: Call) -> Model {
        let from = self.service_id(from);
        self.scenario.services[from.index()].calls.push(call);
        self
    }

    // Demand.

    /// Adds an operation of the client, without timeout or retry, that enters `service`.
    pub fn operation(mut self, name: &str, enters: ServiceId) -> Model {
        let id = OperationId(self.scenario.operations.len() as u32);
        self.scenario.clients[0].operations.push(id);
        self.scenario.operations.push(Operation {
            name: name.into(),
            by: Demander::Client(ClientId(0)),
            enters,
            cost: 1.0,
            size_bytes: 0.0,
            load: Load::Rate { per_hour: 0.0 },
            timeout: Timeout::After(seconds(NEVER_S)),
            deadline: None,
            good_within: seconds(NEVER_S),
            deferred: 0.0,
            retry: once(),
            feeds: None,
        });
        self
    }

    /// Changes the operation that was added last.
    pub fn with_operation(mut self, change: impl FnOnce(&mut Operation)) -> Model {
        change(self.scenario.operations.last_mut().expect("new() adds an operation"));
        self
    }

    /// Open load: demands of all mailboxes together [1/s].
    pub fn rate(self, per_s: f64) -> Model {
        let mailboxes = self.scenario.regions[0].mailboxes as f64;
        self.with_operation(|operation| {
            operation.load = Load::Rate { per_hour: per_s * 3600.0 / mailboxes };
        })
    }

    /// Closed load: so many mailboxes, each demanding again this long after its last answer.
    pub fn closed(self, mailboxes: u64, think: Distribution) -> Model {
        self.mailboxes(mailboxes).with_operation(|operation| operation.load = Load::Think(think))
    }

    /// Every attempt is waited for so long [s], and an answer within that is good.
    pub fn timeout(self, s: f64) -> Model {
        self.with_operation(|operation| {
            operation.timeout = Timeout::After(seconds(s));
            operation.good_within = seconds(s);
        })
    }

    /// Patience is drawn for each attempt.
    pub fn patience(self, law: Distribution) -> Model {
        self.with_operation(|operation| operation.timeout = Timeout::Patience(law))
    }

    /// An answer within this of intended start is good [s].
    pub fn good_within(self, s: f64) -> Model {
        self.with_operation(|operation| operation.good_within = seconds(s))
    }

    /// Retries of the operation.
    pub fn retries(self, retry: Retry) -> Model {
        self.with_operation(|operation| operation.retry = retry)
    }

    // Sites, faults.

    /// Adds a site on the same router; the last service gets so many instances there.
    pub fn site(mut self, name: &str, instances: u64) -> Model {
        let site = SiteId(self.scenario.sites.len() as u32);
        self.scenario.sites.push(Site { name: name.into(), router: RouterId(0) });
        self.with_service(|service| service.sites.push(Placement { site, instances }))
    }

    /// How clients find the sites, with a share for each site in order.
    pub fn steering(mut self, kind: SteeringKind, shares: &[f64]) -> Model {
        let answers = shares.iter().enumerate().map(|(site, &share)| (SiteId(site as u32), share));
        self.scenario.steering[0].kind = kind;
        self.scenario.steering[0].answers = answers.collect();
        self
    }

    /// Adds a fault: begins so many seconds after `start`, for so many (`None`: to the end).
    pub fn fault(mut self, at_s: f64, lasts_s: Option<f64>, kind: FaultKind) -> Model {
        let at = self.after_start(at_s);
        let name = format!("fault-{}", self.scenario.faults.len());
        self.scenario.faults.push(Fault {
            name,
            at,
            lasts: lasts_s.map(seconds),
            ramp: SimDuration::ZERO,
            flap: None,
            kind,
        });
        self
    }

    /// Adds a fault that is there from t = 0, warm-up included, to the end.
    #[allow(clippy::wrong_self_convention, reason = "a time, not a conversion")]
    pub fn from_the_beginning(self, kind: FaultKind) -> Model {
        let mut model = self.fault(0.0, None, kind);
        model.scenario.faults.last_mut().expect("just added").at = SimTime::ZERO;
        model
    }

    /// Adds a step of the runbook without delay, so many seconds after `start`.
    pub fn step(mut self, at_s: f64, action: Action) -> Model {
        let at = Some(self.after_start(at_s));
        let name = format!("step-{}", self.scenario.runbook.len());
        self.scenario.runbook.push(Step {
            name,
            at,
            after: Vec::new(),
            when: None,
            delay: constant(0.0),
            only_if: None,
            otherwise: Otherwise::Skip,
            action: Some(action),
            phase: StepPhase::Act,
        });
        self
    }
}
