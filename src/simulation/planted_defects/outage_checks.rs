//! Checks of sessions: how they are lost and drained, and what becomes of demands meanwhile.

use super::{assert_within, finish, total};
use crate::scenario::model::*;
use crate::simulation::model::{Model, constant, retry, seconds, wide_link};
use crate::simulation::run;

const MAILBOXES: u64 = 20_000;

/// 20,000 mailboxes with sessions at two sites (the first behind a router of its own, with nobody
/// at the second at first), and 100 demands a second.
fn sessions(shares: &[f64], sign_in_s: f64) -> Scenario {
    let mut model = Model::new().clock(0.0, 400.0, 5.0).mailboxes(MAILBOXES);
    model = model.service_time(constant(0.01)).servers(100_000).site("second", 100_000);
    model = model.steering(SteeringKind::Direct, shares).rate(100.0).timeout(5.0);
    model = model.operation("sign-in", ServiceId(0)).timeout(30.0).retries(retry(100, 20.0));
    model = model.with_operation(|operation| {
        operation.load = Load::Induced;
        operation.cost = sign_in_s / 0.01;
    });
    let mut scenario = model.build();
    scenario.clients[0].session = Some(Session {
        sign_in: OperationId(1),
        keepalive: seconds(40.0),
        lost_after: Some(seconds(20.0)),
    });
    scenario.network.routers.push(Router::named("edge"));
    scenario.network.links.push(wide_link("to the edge", 1, 0.001));
    scenario.sites[0].router = RouterId(1);
    scenario
}

fn with_fault(mut scenario: Scenario, at_s: f64, kind: FaultKind) -> Scenario {
    scenario = Model { scenario }.fault(at_s, None, kind).build();
    scenario
}

#[test]
pub(super) fn sessions_are_lost_within_keepalive_and_lost_after() {
    let silent = FaultKind::RouterSilent { router: RouterId(1) };
    let scenario = with_fault(sessions(&[1.0, 0.0], 0.01), 100.0, silent);
    let outcome = run(&scenario, 1, &mut |_| {}).expect("the ledgers balance");
    let here = &outcome.series.sessions[0].signed_in[0];
    let share = |at_s: usize| here[at_s / 5 - 1] / MAILBOXES as f64;
    // Nobody notices for 20 s, then everybody over 40 s, evenly.
    assert_eq!(share(120), 1.0);
    assert_within(share(130), 0.74..=0.76);
    assert_within(share(140), 0.49..=0.51);
    assert_eq!(share(165), 0.0);
}

#[test]
pub(super) fn a_drain_closes_exactly_the_moved_share_of_sessions() {
    let set = Action::Set {
        steering: SteeringId(0),
        answers: vec![(SiteId(0), 0.5), (SiteId(1), 0.5)],
        drain: Some(seconds(100.0)),
    };
    let scenario = Model { scenario: sessions(&[0.8, 0.2], 0.01) }.step(100.0, set).build();
    let trial = finish(&scenario, 1);
    // Every session closed signs in again: 30 % of 20,000, five standard deviations are 324.
    let closed = trial.recorder.clients[1].sent as f64;
    assert_within(closed, 6_000.0 - 324.0..=6_000.0 + 324.0);
    let (at, present) = trial.traffic.sessions_of(ClientId(0), &trial.world);
    assert_eq!(u64::from(at[0] + at[1]), u64::from(present));
    assert_within(f64::from(at[1]) / f64::from(present), 0.48..=0.52);
}

/// Everybody is signed out at 100 s, and a sign-in takes 20 s: 2,000 demands are suppressed.
fn everybody_out(deferred: f64) -> Scenario {
    let mut scenario = sessions(&[0.0, 1.0], 20.0);
    scenario.operations[0].deferred = deferred;
    let lost = FaultKind::MassReconnect { client: None, site: None, share: 1.0 };
    with_fault(scenario, 100.0, lost)
}

#[test]
pub(super) fn the_deferred_share_of_suppressed_demands_comes_back() {
    let trial = finish(&everybody_out(0.6), 1);
    let suppressed = total(&trial, 0, |cell| cell.suppressed);
    assert_within(suppressed as f64, 1_750.0..=2_250.0);
    let (kept, back) = trial.recorder.deferred;
    assert_eq!(kept, back);
    // Five standard deviations of a share of 0.6 among 2,000 are 0.055.
    assert_within(back as f64 / suppressed as f64, 0.545..=0.655);
}

#[test]
pub(super) fn demand_does_not_depend_on_the_outage() {
    let (calm, outage) = (sessions(&[0.0, 1.0], 20.0), everybody_out(0.6));
    let (calm, outage) = (finish(&calm, 1), finish(&outage, 1));
    assert_eq!(total(&calm, 0, |cell| cell.suppressed), 0);
    for window in 0..80 {
        let demand = |trial: &crate::simulation::Trial| trial.recorder.cell_at(0, window).demand;
        assert_eq!(demand(&calm), demand(&outage), "in window {window}");
    }
    let cell = |window: usize| outage.recorder.cell_at(0, window);
    // Each demand of a final window is good, late, failed or suppressed: none is left out.
    for window in 0..78 {
        let c = cell(window);
        assert_eq!(c.demand, c.good + c.late + c.failed + c.suppressed, "in window {window}");
    }
}
