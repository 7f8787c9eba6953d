//! New capacity that is cold: work takes longer at first, and a station that was large enough is
//! not.

use super::{Figure, agree, each, latency, runs};
use crate::check::mean;
use crate::model::{Model, call, exponential, retry, seconds};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{
    FaultKind, Fidelity, LostJobs, Scenario, ServiceId, SiteId, WarmUp,
};

/// Four hundred requests a second that call a service, a third of which is lost for 20 s; when it
/// is back work takes three times as long, and less and less so for 100 s.
fn cold(servers: u64) -> Scenario {
    let model = Model::new().mailboxes(20_000).rate(400.0).servers(2_000);
    let model = model.service_time(exponential(0.01)).timeout(2.0).retries(retry(2, 1.0));
    let model = model.clock(20.0, 300.0, 5.0);
    let model = model.service("data").servers(servers).service_time(exponential(0.05));
    let model = model.with_service(|service| {
        service.warm_up = Some(WarmUp { slowdown: 3.0, over: seconds(100.0) });
    });
    let called = call(model.service_id("data"));
    let model = model.calls("station", called);
    let (service, site) = (ServiceId(1), SiteId(0));
    let kind = FaultKind::InstancesLost { service, site, share: 1.0 / 3.0, jobs: LostJobs::Reset };
    model.fault(60.0, Some(20.0), kind).build()
}

fn busy(outcome: &Outcome, from: usize, to: usize) -> f64 {
    let station = &outcome.series.stations[1];
    let slots = station.slots[from..to].iter();
    let busy = slots.zip(&station.utilisation[from..to]).map(|(n, busy)| n * busy.unwrap_or(0.0));
    busy.sum::<f64>() / (to - from) as f64
}

/// By Little's law 400 times the work at a time are busy, the work falling from 0.15 s to 0.05 s.
#[test]
fn work_is_longer_by_how_cold_a_station_is() {
    let outcomes = runs(&cold(300), Fidelity::Flow, 40);
    // Windows of 5 s: it is back at the end of the 16th.
    for (from, to) in [(2, 12), (17, 20), (20, 26), (30, 36), (37, 60)] {
        let middle_s = f64::midpoint(from as f64, to as f64) * 5.0 - 80.0;
        let factor = if from < 16 { 1.0 } else { (3.0 - 2.0 * middle_s / 100.0).max(1.0) };
        let found = mean(&each(&outcomes, |outcome| busy(outcome, from, to)));
        let expected = 400.0 * 0.05 * factor;
        assert!((found / expected - 1.0).abs() < 0.01, "{from} to {to}: {found} for {expected}");
    }
}

/// Windows of 5 s: cold from the 16th.
const FIGURES: &[Figure] = &[
    ("attempts", |o| o.cost.attempts as f64, 0.01),
    ("calls", |o| mean(&o.series.stations[1].arrivals_per_s[16..36]), 0.02),
    ("busy at first", |o| busy(o, 16, 20), 0.02),
    ("busy then", |o| busy(o, 20, 36), 0.02),
    ("queue", |o| mean(&o.series.stations[1].queue[16..40]), 0.03),
    ("lost mailbox-minutes", |o| o.impact.mailbox_minutes_lost, 0.02),
    ("affected", |o| o.impact.mailboxes_affected, 0.02),
    ("p50", |o| latency(o, "all", 0.5), 0.03),
    ("p99", |o| latency(o, "all", 0.99), 0.03),
];

/// Sixty slots are just enough at first, 48 are too few for 30 s.
#[test]
fn a_cold_station_may_be_too_small() {
    for servers in [300, 60, 48] {
        println!("{servers}");
        agree(&cold(servers), FIGURES);
    }
}
