//! Caches in counts: how fast one that was lost fills again, and a backend near its limit
//! meanwhile.

use super::{Figure, agree_in_pairs, latency, runs};
use crate::check::mean;
use crate::model::{Model, call, exponential, retry, seconds};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{Cache, FaultKind, Fidelity, Placement, ServiceId, SiteId};

/// A thousand requests a second whose calls a cache saves to 95 %; it is lost at 60 s.
fn cached(entries: u64, servers: u64) -> Model {
    let model = Model::new().mailboxes(20_000).rate(1_000.0).servers(5_000);
    let model = model.service_time(exponential(0.02)).timeout(4.0).clock(20.0, 300.0, 5.0);
    let model = model.service("backend").service_time(exponential(0.05));
    let model = model.with_service(|service| {
        service.sites = vec![Placement { site: SiteId(0), instances: servers }];
    });
    let mut called = call(ServiceId(1));
    (called.timeout, called.retry) = (seconds(1.0), retry(2, 0.2));
    called.cache = Some(Cache { hit: 0.95, entries });
    let lost = FaultKind::CacheLost { service: ServiceId(0), site: None, share: 1.0 };
    model.calls("station", called).fault(60.0, Some(1.0), lost)
}

fn calls(outcome: &Outcome, from: usize, to: usize) -> f64 {
    mean(&outcome.series.stations[1].arrivals_per_s[from..to])
}

/// With f the share that is there, 1000 (1 - 0.95 f) calls a second are made, and each answer
/// brings (1 - f) / N of what there is: df/dt = 1000 (1 - 0.95 f) (1 - f) / N, which is solved in
/// steps of a millisecond; answers come 50 ms late on average.
#[test]
fn a_lost_cache_fills_as_its_differential_equation_says() {
    for entries in [500.0, 20_000.0, 200_000.0] {
        let mut expected = vec![0.0; 48];
        let (mut fill, dt) = (0.0, 0.001);
        let delay = 50;
        let mut under_way = std::collections::VecDeque::from(vec![50.0; delay]);
        for step in 0..240_000 {
            let made = 1_000.0 * (1.0 - 0.95 * fill);
            expected[step / 5_000] += made * dt / 5.0;
            under_way.push_back(made);
            let answered = under_way.pop_front().expect("as many as the delay is long");
            fill += answered * (1.0 - fill) / entries * dt;
        }
        let scenario = cached(entries as u64, 5_000).build();
        let outcomes = runs(&scenario, Fidelity::Flow, 8);
        for (window, &expected) in expected.iter().enumerate() {
            let found = outcomes.iter().map(|o| calls(o, 12 + window, 13 + window));
            let found = mean(&found.collect::<Vec<f64>>());
            // Eight runs of windows of 5 s, four standard errors; and 1 %.
            let within = 4.0 * (expected / 40.0_f64).sqrt() + 0.01 * expected;
            assert!(
                (found - expected).abs() < within,
                "{entries} entries, window {window}: {found} for {expected}"
            );
        }
    }
}

const FIGURES: &[Figure] = &[
    ("attempts", |o| o.cost.attempts as f64, 0.01),
    ("calls before", |o| calls(o, 2, 12), 0.01),
    ("calls at once", |o| calls(o, 12, 13), 0.02),
    ("calls soon", |o| calls(o, 13, 20), 0.03),
    ("calls later", |o| calls(o, 20, 40), 0.03),
    ("lost mailbox-minutes", |o| o.impact.mailbox_minutes_lost, 0.02),
    ("affected", |o| o.impact.mailboxes_affected, 0.02),
    ("queue", |o| mean(&o.series.stations[1].queue[12..40]), 0.03),
    ("p50 before", |o| latency(o, "before", 0.5), 0.03),
    ("p99 before", |o| latency(o, "before", 0.99), 0.03),
];

/// The backend can do 800 a second of the thousand that come once the cache is lost, then more than
/// come; and 1,100, which is near its limit.
#[test]
fn a_cache_fills_while_the_backend_is_near_its_limit() {
    for servers in [55, 46] {
        agree_in_pairs(&cached(20_000, servers).build(), FIGURES);
    }
}
