//! Closed loads in counts: M/M/c//N up to 50 million sources, closed networks, any law of thinking.

use crate::check::in_system;
use crate::markov::station;
use crate::model::{Model, call, constant, exponential};
use crate::seen::Seen;
use crate::statistics::{Family, mean, trials};
use blackstart::kernel::sample::{Distribution, DistributionKind, Moment};
use blackstart::scenario::model::Call;

/// Sources that think and are served by so many servers, both times exponential [s].
struct FiniteSource {
    sources: u64,
    servers: u64,
    think_s: f64,
    service_s: f64,
}

/// What the stationary law of its birth-death process gives.
struct Law {
    mean: f64,
    variance: f64,
    throughput_per_s: f64,
}

impl FiniteSource {
    /// Number at the servers: p(n) / p(n - 1) = (N - n + 1) / Z x S / min(n, c) (Gross et al.,
    /// *Fundamentals of Queueing Theory*, 4th ed., section 2.7), from its mode as far as
    /// doubles reach.
    fn law(&self) -> Law {
        let ratio = |n: u64| {
            let thinking = (self.sources - n + 1) as f64;
            thinking / self.think_s * self.service_s / n.min(self.servers) as f64
        };
        let (mut mode, mut above) = (0, self.sources + 1);
        while above - mode > 1 {
            let middle = u64::midpoint(mode, above);
            (mode, above) = if ratio(middle) > 1.0 { (middle, above) } else { (mode, middle) };
        }
        let mut sums = [0.0; 4];
        let mut add = |n: u64, p: f64| {
            let off = n as f64 - mode as f64;
            let served = n.min(self.servers) as f64 / self.service_s;
            let terms = [p, p * off, p * off * off, p * served];
            sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
            p > 1e-17
        };
        let mut p = 1.0;
        let mut n = mode;
        while add(n, p) && n < self.sources {
            n += 1;
            p *= ratio(n);
        }
        (p, n) = (1.0, mode);
        while n > 0 {
            p /= ratio(n);
            n -= 1;
            if !add(n, p) {
                break;
            }
        }
        let [all, first, second, served] = sums;
        let off = first / all;
        Law {
            mean: mode as f64 + off,
            variance: second / all - off * off,
            throughput_per_s: served / all,
        }
    }

    fn model(&self, think: Distribution, warmup_s: f64, measured_s: f64) -> Model {
        let model = Model::new().clock(warmup_s, measured_s, 5.0).servers(self.servers);
        model.service_time(exponential(self.service_s)).closed(self.sources, think)
    }
}

/// Half as many sources as the servers can do, as many, and a quarter more. Fluid limit: the
/// throughput is the least of N / (Z + S) and c / S. Its fluctuations: below, whoever is served is
/// one of N by himself; above, those who think are a queue without limit, M/M/inf.
#[test]
fn fifty_million_sources() {
    let (think_s, service_s, sources) = (20.0, 0.1, 50_000_000);
    let mut family = Family::new("50 million sources");
    for (load, expected) in [(0.5, 0.5), (1.0, 0.9999), (1.25, 1.0)] {
        let asked_per_s = sources as f64 / (think_s + service_s);
        let servers = (asked_per_s * service_s / load) as u64;
        let source = FiniteSource { sources, servers, think_s, service_s };
        let law = source.law();
        let carried = law.throughput_per_s * service_s / servers as f64;
        assert!((carried - expected).abs() < 2e-4, "the fluid limit carries {carried}");
        let present = service_s / (think_s + service_s);
        let near = match load {
            0.5 => sources as f64 * present * (1.0 - present),
            1.25 => servers as f64 / service_s * think_s,
            _ => law.variance,
        };
        assert!((law.variance / near - 1.0).abs() < 1e-3, "{} {near}", law.variance);
        // Everybody thinks at t = 0: of 10 million too many, 20 Z leave one in 50.
        let scenario = source.model(exponential(think_s), 20.0 * think_s, 1_200.0).build();
        let figures = trials(&scenario, |outcome| {
            let present = in_system(outcome, 0);
            let squares = present.iter().map(|n| (n - law.mean) * (n - law.mean));
            let squares: Vec<f64> = squares.collect();
            let throughput = mean(&outcome.series.stations[0].arrivals_per_s);
            vec![throughput, mean(&present), mean(&squares)]
        });
        let label = |what: &str| format!("at {load} {what}");
        family.expect(label("throughput"), law.throughput_per_s, &figures[0], 1e-3);
        family.expect(label("mean at the servers"), law.mean, &figures[1], 1e-2);
        family.expect(label("variance"), law.variance, &figures[2], 0.3);
    }
    family.judge();
}

/// The law of M/M/c//N depends on the mean time of thinking only (BCMP, J. ACM 22, 1975: a station
/// without queue), and so does the throughput, however short the service is against a beat.
#[test]
fn any_law_of_thinking() {
    let fitted = |kind: DistributionKind, median: f64| {
        move |mean_s: f64| {
            let moments = [Moment::Mean(mean_s), Moment::Median(median * mean_s)];
            Distribution::fit(kind, &moments).expect("a law with these moments")
        }
    };
    let lognormal = fitted(DistributionKind::Lognormal, 0.8);
    let gamma = fitted(DistributionKind::Gamma, 0.95);
    let laws: [(&str, &dyn Fn(f64) -> Distribution); 3] =
        [("exponential", &exponential), ("gamma", &gamma), ("lognormal", &lognormal)];
    let mut family = Family::new("thinking");
    for (name, law) in laws {
        for think_s in [0.2, 0.7, 2.6, 20.0] {
            for (servers, service_s) in [(200, 0.1), (2_000, 0.001)] {
                let sources: f64 = 170.0 * (think_s + service_s) / service_s;
                let sources = sources.min(5e5) as u64;
                let source = FiniteSource { sources, servers, think_s, service_s };
                let model = source.model(law(think_s), 30.0 * think_s, 120.0);
                let figures = trials(&model.build(), |outcome| {
                    vec![mean(&outcome.series.stations[0].arrivals_per_s)]
                });
                let label = format!("{name} {think_s} s, service {service_s} s");
                family.expect(label, source.law().throughput_per_s, &figures[0], 0.02);
            }
        }
    }
    family.judge();
}

/// Thinking, then two stations by calls, one of them more than once: product form, by convolution
/// (Buzen 1973), with the means of Gordon and Newell (1967).
#[test]
fn closed_network() {
    const UNIT_S: f64 = crate::seen::UNIT_S;
    const SOURCES: usize = 400;
    // Name, servers, mean service, visits.
    let nodes = [("cas", 30, 1.0, 1.2), ("mbx", 25, 1.0, 1.0)];
    let think = 20.0;
    // Demands in units in which the largest term is a double.
    let scale = 19.0;
    let factors = |servers: usize, demand: f64| {
        let mut factors = vec![1.0];
        for n in 1..=SOURCES {
            factors.push(factors[n - 1] * demand * scale / n.min(servers) as f64);
        }
        factors
    };
    let convolve = |a: &[f64], b: &[f64]| -> Vec<f64> {
        (0..=SOURCES).map(|n| (0..=n).map(|k| a[k] * b[n - k]).sum()).collect()
    };
    let thinking = factors(SOURCES, think);
    let terms: Vec<Vec<f64>> = nodes.iter().map(|node| factors(node.1, node.2 * node.3)).collect();
    let all = convolve(&convolve(&thinking, &terms[0]), &terms[1]);
    let throughput = scale * all[SOURCES - 1] / all[SOURCES];
    let mut model = station(1_000, 0.0, 200.0, 2_000.0).service_time(constant(0.0)).releases_slot();
    model = model.with_service(|service| service.name = "journey".into()).timeout(1e5 * UNIT_S);
    model = model.closed(SOURCES as u64, exponential(think * UNIT_S));
    for (name, servers, service, visits) in nodes {
        model = model.service(name).servers(servers as u64);
        model = model.service_time(exponential(service * UNIT_S));
        let visit = |probability| Call { probability, ..call(model.service_id(name)) };
        let (once, again) = (visit(1.0), visit(visits - 1.0));
        model = model.calls("journey", once);
        if visits > 1.0 {
            model = model.calls("journey", again);
        }
    }
    let figures = trials(&model.build(), |outcome| {
        let seen = Seen(outcome);
        let present = nodes.map(|node| seen.busy(node.0) + seen.waiting(node.0));
        vec![seen.arrivals("journey"), present[0], present[1]]
    });
    let mut family = Family::new("closed network");
    family.expect("throughput".into(), throughput, &figures[0], 0.01);
    for (place, (name, ..)) in nodes.iter().enumerate() {
        let others = convolve(&thinking, &terms[1 - place]);
        let chance = |n: usize| terms[place][n] * others[SOURCES - n] / all[SOURCES];
        let present: f64 = (0..=SOURCES).map(|n| n as f64 * chance(n)).sum();
        family.expect(format!("{name} mean in node"), present, &figures[1 + place], 0.05);
    }
    family.judge();
}
