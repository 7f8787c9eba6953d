//! One bare M/M/c station: a whole trial of the engine against a loop that does nothing else.
//!
//! The loop has no network, mailbox, timeout, retry, window or ledger: one stream of arrivals, one
//! of service times (ChaCha with 8 rounds and libm, as the engine's), a heap of departures and a
//! line of those who wait. What the engine takes on top is the price of its generality. See
//! `benches/README.md` for what came out.

#[path = "../tests/support/model.rs"]
mod model;
#[path = "support/stopwatch.rs"]
mod stopwatch;

use blackstart::kernel::digest::Digest;
use blackstart::kernel::stream::{RootSeed, Stream};
use blackstart::kernel::time::{SimDuration, SimTime};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{Scenario, ServiceId};
use blackstart::simulation;
use model::Model;
use std::collections::VecDeque;
use stopwatch::{Arguments, median, timed};

/// A timeout that no customer reaches: over 100 times the longest wait of these queues [s].
const TIMEOUT_S: f64 = 10.0;

/// Measuring window [s].
const WINDOW_S: f64 = 10.0;

/// One queue.
struct Case {
    name: &'static str,
    servers: u32,
    utilisation: f64,
    /// Mean service time [s].
    service_s: f64,
    customers: u32,
    customers_small: u32,
    /// Mean wait before service in steady state [mean service times].
    wait: f64,
    /// Standard deviation of a run's mean wait [mean service times], times the root of the
    /// number of customers.
    deviation: f64,
}

/// M/M/1: wait and asymptotic variance rho (2 + 5 rho - 4 rho^2 + rho^3) / (1 - rho)^4 after
/// Whitt, "Planning queueing simulations", Management Science 35 (1989), there for mean service 1.
/// M/M/1000: Erlang C; its deviation is that of 20 runs of 200,000 customers of an independent
/// Kiefer-Wolfowitz recursion (0.33), rounded up.
const CASES: [Case; 2] = [
    Case {
        name: "mm1",
        servers: 1,
        utilisation: 0.8,
        service_s: 0.001,
        customers: 4_000_000,
        customers_small: 100_000,
        wait: 4.0,
        deviation: 44.5,
    },
    Case {
        name: "mm1000",
        servers: 1_000,
        utilisation: 0.95,
        service_s: 0.05,
        customers: 4_000_000,
        customers_small: 200_000,
        wait: 0.001_365_068,
        deviation: 0.35,
    },
];

fn main() {
    let arguments = Arguments::read();
    for case in CASES.iter().filter(|case| arguments.wants(case.name)) {
        let customers = if arguments.small { case.customers_small } else { case.customers };
        let scenario = case.scenario(customers);
        let (mut engine_rate, mut loop_rate, mut ratios) = (vec![], vec![], vec![]);
        let mut line = String::new();
        for _ in 0..arguments.repetitions {
            let (outcome, engine_s) = timed(|| simulation::run(&scenario, 1, &mut |_| {}));
            let outcome = outcome.expect("the books of a bare station balance");
            let (bare, loop_s) = timed(|| case.by_hand(customers));
            let visits = outcome.cost.station_visits;
            let engine_wait = case.wait_of(&outcome);
            case.check("engine", engine_wait, visits);
            case.check("loop", bare.wait, u64::from(customers));
            engine_rate.push(visits as f64 * 1e-6 / engine_s);
            loop_rate.push(f64::from(customers) * 1e-6 / loop_s);
            ratios.push((engine_s / visits as f64) / (loop_s / f64::from(customers)));
            line = format!(
                "mean wait {engine_wait:.5} and {:.5} service times (theory {}); digests {} and {}",
                bare.wait, case.wait, outcome.digest, bare.digest
            );
        }
        println!(
            "station/{}: engine {:.3} million customers/s, loop {:.3}: {:.2} times as long; {line}",
            case.name,
            median(engine_rate),
            median(loop_rate),
            median(ratios),
        );
    }
}

/// What the loop found.
struct Bare {
    /// Mean wait before service [mean service times].
    wait: f64,
    digest: String,
}

impl Case {
    /// Arrivals [1/s].
    fn rate(&self) -> f64 {
        self.utilisation * f64::from(self.servers) / self.service_s
    }

    fn scenario(&self, customers: u32) -> Scenario {
        let measured_s = f64::from(customers) / self.rate();
        Model::new()
            .clock(10.0 * self.service_s, measured_s, WINDOW_S.min(measured_s))
            .one_instance(self.servers)
            .service_time(model::exponential(self.service_s))
            .with_operation(|operation| operation.enters = ServiceId(0))
            .timeout(TIMEOUT_S)
            .rate(self.rate())
            .build()
    }

    /// Mean wait by Little's law: mean number waiting over the rate of arrivals.
    fn wait_of(&self, outcome: &Outcome) -> f64 {
        let station = &outcome.series.stations[0];
        let waiting: f64 = station.queue.iter().sum();
        let arrivals_per_s: f64 = station.arrivals_per_s.iter().sum();
        waiting / arrivals_per_s / self.service_s
    }

    /// Six standard errors: fixed seeds, so what passes once passes always.
    fn check(&self, who: &str, wait: f64, customers: u64) {
        let allowed = 6.0 * self.deviation / (customers as f64).sqrt();
        let error = (wait - self.wait).abs();
        assert!(error <= allowed, "{}: {who}: mean wait {wait}, not {}", self.name, self.wait);
    }

    /// The same queue, and nothing else.
    fn by_hand(&self, customers: u32) -> Bare {
        let mut arrivals = Stream::named(RootSeed(1), "bench/station/arrivals");
        let mut work = Stream::named(RootSeed(1), "bench/station/work");
        let between_s = 1.0 / self.rate();
        let draw = |stream: &mut Stream, mean_s: f64| {
            SimDuration::from_secs_f64(stream.exponential() * mean_s)
        };
        let mut departures = Departures::with_capacity(self.servers as usize);
        let mut line: VecDeque<SimTime> = VecDeque::new();
        let mut waited_ns = 0_u64;
        let (mut arrived, mut served) = (0_u32, 0_u32);
        let mut arrival = SimTime::ZERO + draw(&mut arrivals, between_s);
        while served < customers {
            let departure = departures.earliest();
            if arrived < customers && departure.is_none_or(|departure| arrival < departure) {
                arrived += 1;
                if departures.len() < self.servers as usize {
                    departures.push(arrival + draw(&mut work, self.service_s));
                } else {
                    line.push_back(arrival);
                }
                arrival += draw(&mut arrivals, between_s);
                continue;
            }
            let now = departure.expect("who has arrived and is not served will leave");
            served += 1;
            match line.pop_front() {
                Some(since) => {
                    waited_ns += (now - since).0;
                    departures.replace_earliest(now + draw(&mut work, self.service_s));
                }
                None => departures.remove_earliest(),
            }
        }
        let mut digest = Digest::new();
        digest.update_u64(waited_ns);
        digest.update_u64(arrival.0);
        let wait = waited_ns as f64 * 1e-9 / f64::from(customers) / self.service_s;
        Bare { wait, digest: digest.finish() }
    }
}

/// Times of departure, the earliest first: a 4-ary heap of bare times.
struct Departures {
    heap: Vec<SimTime>,
}

impl Departures {
    fn with_capacity(servers: usize) -> Departures {
        Departures { heap: Vec::with_capacity(servers) }
    }

    fn len(&self) -> usize {
        self.heap.len()
    }

    fn earliest(&self) -> Option<SimTime> {
        self.heap.first().copied()
    }

    fn push(&mut self, time: SimTime) {
        let mut place = self.heap.len();
        self.heap.push(time);
        while place > 0 {
            let parent = (place - 1) / 4;
            if self.heap[parent] <= time {
                break;
            }
            self.heap[place] = self.heap[parent];
            place = parent;
        }
        self.heap[place] = time;
    }

    fn remove_earliest(&mut self) {
        let last = self.heap.pop().expect("only called when somebody is served");
        if !self.heap.is_empty() {
            self.replace_earliest(last);
        }
    }

    fn replace_earliest(&mut self, time: SimTime) {
        let mut place = 0;
        loop {
            let first = 4 * place + 1;
            let end = (first + 4).min(self.heap.len());
            let children = first.min(end)..end;
            let Some(least) = children.min_by_key(|&child| self.heap[child]) else { break };
            if self.heap[least] >= time {
                break;
            }
            self.heap[place] = self.heap[least];
            place = least;
        }
        self.heap[place] = time;
    }
}
