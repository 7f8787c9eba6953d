//! Orders of service other than first come, first served, where more comes than a station can do:
//! who is served then, for whom, and how the rest is got rid of.

use super::{Figure, SEEDS, agree, agree_over, jittered};
use crate::check::mean;
use crate::model::{Model, call, exponential, seconds};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{
    AbandonedWork, Discipline, FaultKind, LostJobs, OperationId, Scenario, ServiceId, SiteId,
};

/// Four hundred requests a second of two operations, one more patient than the other; for a minute
/// three in five of the station's slots are lost.
fn overloaded(discipline: Discipline, queue: Option<u32>, dropping: bool) -> Scenario {
    overloaded_by(300.0, discipline, queue, dropping)
}

/// The same with so many a second of the first operation.
fn overloaded_by(
    rate: f64,
    discipline: Discipline,
    queue: Option<u32>,
    dropping: bool,
) -> Scenario {
    let again = jittered(3, 2.0);
    let model = Model::new().mailboxes(20_000).rate(rate).one_instance(40);
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

/// One of the two operations goes first.
fn priority(first: u32) -> Discipline {
    Discipline::Priority { first: vec![OperationId(first)] }
}

/// Two operations at a front door whose calls have the rank of their client's request.
fn called_by_two(first: u32, queue: Option<u32>, dropping: bool) -> Scenario {
    let mut model = Model::new().mailboxes(20_000).rate(250.0).servers(2_000);
    model = model.service_time(exponential(0.01)).timeout(4.0).retries(jittered(2, 2.0));
    model = model.operation("other", ServiceId(0)).rate(120.0).timeout(4.0);
    model = model.retries(jittered(2, 2.0)).clock(20.0, 300.0, 5.0);
    model = model.service("data").one_instance(40).service_time(exponential(0.05));
    model = model.discipline(priority(first)).with_service(|service| {
        service.queue.limit = queue;
        if dropping {
            service.abandoned_work = AbandonedWork::Dropped;
        }
    });
    let mut calling = call(model.service_id("data"));
    (calling.timeout, calling.retry) = (seconds(1.0), jittered(2, 0.2));
    with_loss(model.calls("station", calling), 1)
}

fn good((outcome, operation): (&Outcome, usize), from: usize, to: usize) -> f64 {
    mean(&outcome.series.operations[operation].good_per_s[from..to])
}

fn attempts((outcome, operation): (&Outcome, usize), from: usize, to: usize) -> f64 {
    mean(&outcome.series.operations[operation].attempts_per_s[from..to])
}

/// What becomes of each operation by itself.
const OF_EACH: &[Figure] = &[
    ("good then, 0", |o| good((o, 0), 14, 24), 0.02),
    ("good then, 1", |o| good((o, 1), 14, 24), 0.02),
    ("good after, 0", |o| good((o, 0), 24, 40), 0.02),
    ("good after, 1", |o| good((o, 1), 24, 40), 0.02),
    ("attempts then, 0", |o| attempts((o, 0), 14, 24), 0.02),
    ("attempts then, 1", |o| attempts((o, 1), 14, 24), 0.02),
    ("p50 during, 0", |o| latency(o, ("during", 0), 0.5), 0.05),
    ("p50 during, 1", |o| latency(o, ("during", 1), 0.5), 0.05),
    ("p90 during, 0", |o| latency(o, ("during", 0), 0.9), 0.1),
    ("p90 during, 1", |o| latency(o, ("during", 1), 0.9), 0.1),
    ("p99, 0", |o| latency(o, ("all", 0), 0.99), 0.05),
    ("p99, 1", |o| latency(o, ("all", 1), 0.99), 0.05),
];

/// All figures but that of the first 10 s, in which luck decides when the others tip over: over 40
/// seeds it is 0.35 % off, with a standard error of 1.9 %.
fn figures_by_rank() -> Vec<Figure> {
    let settled = FIGURES.iter().filter(|figure| figure.0 != "useful at once");
    settled.chain(OF_EACH).copied().collect()
}

#[test]
fn who_goes_first_is_served_while_others_are_not() {
    let figures = figures_by_rank();
    for (limit, dropping) in [(None, false), (None, true), (Some(400), false), (Some(100), true)] {
        for first in [0, 1] {
            println!("{first} first, limit {limit:?}, dropping {dropping}");
            agree(&overloaded(priority(first), limit, dropping), &figures);
        }
    }
}

/// Those who go first are by themselves 1.4 times as many as the slots that are left can serve.
#[test]
fn too_many_who_go_first_leave_no_slot_to_others() {
    let of_first = |o: &Outcome| {
        let all = good((o, 0), 14, 24) + good((o, 1), 14, 24);
        good((o, 0), 14, 24) / all
    };
    let figures: Vec<Figure> = vec![
        ("good then, of those who go first", of_first, 0.02),
        ("useful then", |o| of(o, 14, 24)[0], 0.02),
        ("refused then", |o| of(o, 14, 24)[2], 0.02),
        ("attempts then, 0", |o| attempts((o, 0), 14, 24), 0.02),
    ];
    for (limit, dropping) in [(Some(100), false), (None, true), (Some(100), true)] {
        println!("limit {limit:?}, dropping {dropping}");
        agree(&overloaded_by(450.0, priority(0), limit, dropping), &figures);
    }
}

#[test]
fn calls_go_first_with_whom_they_are_made_for() {
    let figures = figures_by_rank();
    for (limit, dropping) in [(None, false), (None, true), (Some(100), false)] {
        for first in [0, 1] {
            println!("{first} first, limit {limit:?}, dropping {dropping}");
            // Where the rest is dropped, 5 to 10 a second who wait for others come in time.
            let seeds = if dropping { 32 } else { SEEDS };
            agree_over(seeds, &called_by_two(first, limit, dropping), &figures);
        }
    }
}
