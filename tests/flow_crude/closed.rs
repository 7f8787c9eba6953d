//! Closed loads under an outage: who asks where is known, how often, and by how many at a time.

use super::{Figure, agree, each, runs};
use crate::check::{Comparisons, mean};
use crate::model::{Model, exponential, flat, retry, seconds};
use blackstart::kernel::math;
use blackstart::kernel::sample::Distribution;
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{
    Curve, FaultKind, Fidelity, Load, OperationId, Scenario, ServiceId, Session, SiteId,
    SteeringKind,
};

/// 20,000 mailboxes that think between two sites of 100 servers, half of them at each; attempts
/// with a timeout of 4 s, two in all; the first site goes down at 100 s.
fn half_goes_down(think: Distribution, lasts_s: f64) -> Model {
    let model = Model::new().servers(100).service_time(exponential(0.1)).closed(20_000, think);
    let model = model.timeout(4.0).good_within(8.0).retries(retry(2, 3.0)).site("second", 100);
    let model = model.steering(SteeringKind::Direct, &[0.5, 0.5]).clock(100.0, 400.0, 5.0);
    model.fault(100.0, Some(lasts_s), FaultKind::SiteDown { site: SiteId(0) })
}

/// The same with sessions, of users who come meanwhile; a third of what is suppressed comes back.
fn with_sessions(mut model: Model, present: Curve) -> Scenario {
    model = model.with_operation(|operation| operation.deferred = 0.3);
    model = model.operation("sign-in", ServiceId(0)).timeout(2.0).retries(retry(9, 5.0));
    model = model.with_operation(|operation| operation.load = Load::Induced);
    model.scenario.regions[0].present = present;
    model.scenario.clients[0].session = Some(Session {
        sign_in: OperationId(1),
        keepalive: seconds(5.0),
        lost_after: Some(seconds(3.0)),
    });
    model.build()
}

fn demands(outcome: &Outcome, from: usize, to: usize) -> f64 {
    mean(&outcome.series.operations[0].demand_per_s[from..to])
}

const FIGURES: &[Figure] = &[
    ("attempts", |o| o.cost.attempts as f64, 0.01),
    ("demands before", |o| demands(o, 5, 20), 0.01),
    ("demands during", |o| demands(o, 25, 40), 0.01),
    ("demands after", |o| demands(o, 42, 80), 0.01),
    ("lost mailbox-minutes", |o| o.impact.mailbox_minutes_lost, 0.02),
    ("affected", |o| o.impact.mailboxes_affected, 0.02),
    ("felt downtime", |o| o.impact.felt_downtime_mean_s, 0.02),
];

/// Half the members ask in vain and think between; they are the same ones all the time. Drawing
/// any member as the next to ask would have nearly all of them wait for the dead site in the end,
/// and the other site without anything to do.
#[test]
fn who_asks_in_vain_is_not_drawn_for_the_other_site() {
    agree(&half_goes_down(exponential(10.0), 100.0).build(), FIGURES);
    agree(&half_goes_down(exponential(60.0), 100.0).build(), FIGURES);
}

#[test]
fn a_constant_time_of_thinking() {
    // All at once, in waves: each finds a server.
    let think = Distribution::Constant { value: 23.3 };
    let mut model = half_goes_down(think, 100.0);
    model.scenario.services[0].concurrency = 200;
    agree(&model.build(), FIGURES);
}

#[test]
fn closed_loads_in_sessions() {
    agree(&with_sessions(half_goes_down(exponential(20.0), 100.0), flat(1.0)), FIGURES);
    let growing = Curve { points: vec![(0.0, 0.4), (500.0, 1.0)] };
    agree(&with_sessions(half_goes_down(exponential(20.0), 100.0), growing), FIGURES);
}

/// For 20 s every other demand of members who think for 10 s is answered with an error. Each member
/// demands, and then fails, as a Poisson process: who is affected is 1 - exp(-20 / 20) of all. If
/// of those who ask together always the same were served first, fewer would fail, more often.
#[test]
fn whose_demands_fail_is_luck_each_time() {
    let model = Model::new().servers(10_000).service_time(exponential(0.005));
    let model = model.closed(20_000, exponential(10.0)).timeout(4.0).clock(60.0, 100.0, 5.0);
    let half = FaultKind::Erroring { service: ServiceId(0), site: None, share: 0.5 };
    let scenario = model.fault(40.0, Some(20.0), half).build();
    let affected = |outcome: &Outcome| outcome.impact.mailboxes_affected / 20_000.0;
    let mut comparisons = Comparisons::new();
    let expected = 1.0 - math::exp(-20.0 / 20.01);
    comparisons.add("affected", each(&runs(&scenario, Fidelity::Flow, 20), affected), expected);
    comparisons.check();
}
