//! Orders of service other than first come, first served, where more comes than a station can do:
//! who is served then, for whom, and how the rest is got rid of.

use super::{Figure, agree, jittered};
use crate::check::mean;
use crate::model::{Model, call, exponential, seconds};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{
    AbandonedWork, Discipline, FaultKind, LostJobs, Scenario, ServiceId, SiteId,
};

/// Four hundred requests a second of two operations, one more patient than the other; for a minute
/// three in five of the station's slots are lost.
fn overloaded(discipline: Discipline, queue: Option<u32>, dropping: bool) -> Scenario {
    let again = jittered(3, 2.0);
    let model = Model::new().mailboxes(20_000).rate(300.0).one_instance(40);
    let model = model.service_time(exponential(0.05)).discipline(discipline);
    let model = model.timeout(2.0).retries(again.clone()).clock(20.0, 300.0, 5.0);
    let model = model.operation("other", ServiceId(0)).rate(100.0).timeout(5.0).retries(again);
    let mut model = match queue {
        Some(limit) => model.queue_limit(limit),
        None => model,
    };
    if dropping {
        model.scenario.services[0].abandoned_work = AbandonedWork::Dropped;
    }
    with_loss(model, 0)
}

fn with_loss(model: Model, service: u32) -> Scenario {
    let (service, site) = (ServiceId(service), SiteId(0));
    let kind = FaultKind::InstancesLost { service, site, share: 0.6, jobs: LostJobs::Reset };
    model.fault(60.0, Some(60.0), kind).build()
}

/// The same behind a front door that calls.
fn called(discipline: Discipline) -> Scenario {
    let model = Model::new().mailboxes(20_000).rate(400.0).servers(2_000);
    let model = model.service_time(exponential(0.01)).timeout(4.0).retries(jittered(2, 2.0));
    let model = model.clock(20.0, 300.0, 5.0).service("data").one_instance(40);
    let model = model.service_time(exponential(0.05)).discipline(discipline);
    let mut calling = call(model.service_id("data"));
    (calling.timeout, calling.retry) = (seconds(1.0), jittered(2, 0.2));
    with_loss(model.calls("station", calling), 1)
}

/// Of the last station.
fn of(outcome: &Outcome, from: usize, to: usize) -> [f64; 4] {
    let station = outcome.series.stations.last().expect("there are stations");
    let columns =
        [&station.useful_per_s, &station.stale_per_s, &station.refused_per_s, &station.queue];
    columns.map(|column| mean(&column[from..to]))
}

fn latency(outcome: &Outcome, (phase, operation): (&str, usize), q: f64) -> f64 {
    let rows = outcome.latency.iter().filter(|row| row.phase == phase && row.count > 0);
    let row = rows.clone().nth(operation).expect("answers");
    row.quantiles.iter().find(|&&(of, _)| of == q).expect("the quantile").1
}

/// Windows of 5 s: the fault lasts from the 12th to the 24th.
const FIGURES: &[Figure] = &[
    ("attempts", |o| o.cost.attempts as f64, 0.01),
    ("useful at once", |o| of(o, 12, 14)[0], 0.02),
    ("useful then", |o| of(o, 14, 24)[0], 0.02),
    ("stale then", |o| of(o, 14, 24)[1], 0.02),
    ("refused then", |o| of(o, 14, 24)[2], 0.02),
    ("queue then", |o| of(o, 14, 24)[3], 0.02),
    ("useful after", |o| of(o, 24, 40)[0], 0.02),
    ("stale after", |o| of(o, 24, 40)[1], 0.05),
    ("lost mailbox-minutes", |o| o.impact.mailbox_minutes_lost, 0.02),
    ("affected", |o| o.impact.mailboxes_affected, 0.02),
    ("p50", |o| latency(o, ("all", 0), 0.5), 0.03),
    ("p99", |o| latency(o, ("all", 0), 0.99), 0.05),
    ("p50 during", |o| latency(o, ("during", 0), 0.5), 0.05),
    ("p90 during", |o| latency(o, ("during", 0), 0.9), 0.1),
];

fn codel() -> Discipline {
    Discipline::Codel { target: seconds(0.05), interval: seconds(0.5) }
}

#[test]
fn who_came_last_is_served_first() {
    agree(&overloaded(Discipline::Lifo, None, false), FIGURES);
    println!("dropping");
    agree(&overloaded(Discipline::Lifo, None, true), FIGURES);
    println!("limited");
    agree(&overloaded(Discipline::Lifo, Some(400), false), FIGURES);
    println!("called");
    agree(&called(Discipline::Lifo), FIGURES);
}

#[test]
fn who_has_waited_too_long_is_rejected() {
    agree(&overloaded(codel(), None, false), FIGURES);
    println!("dropping");
    agree(&overloaded(codel(), None, true), FIGURES);
    println!("called");
    agree(&called(codel()), FIGURES);
}
