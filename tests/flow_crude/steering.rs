//! A retry goes where its mailbox is answered, as the first attempt did.

use crate::check::mean;
use crate::model::{Model, exponential, retry, seconds};
use crate::runs;
use blackstart::scenario::model::{
    Action, Backoff, FaultKind, Fidelity, Jitter, Load, LostJobs, OperationId, Retry, ServiceId,
    Session, SiteId, SteeringId, SteeringKind,
};

/// One of three sites refuses everything: a third of the mailboxes get nothing, however often they
/// try. Drawing the site anew for each of three attempts would serve all but one in 27.
#[test]
fn who_is_answered_a_dead_site_stays_without_service() {
    let model = Model::new().mailboxes(20_000).rate(300.0).servers(100);
    let model = model.service_time(exponential(0.1)).timeout(2.0).good_within(20.0);
    let model = model.retries(retry(3, 1.0)).site("second", 100).site("third", 100);
    let model = model.steering(SteeringKind::Direct, &[1.0 / 3.0; 3]).clock(5.0, 200.0, 5.0);
    let kind = FaultKind::InstancesLost {
        service: ServiceId(0),
        site: SiteId(0),
        share: 1.0,
        jobs: LostJobs::Reset,
    };
    let scenario = model.fault(50.0, None, kind).build();
    for outcome in runs(&scenario, Fidelity::Flow, 3) {
        let served: Vec<f64> =
            outcome.series.availability[15..35].iter().flatten().copied().collect();
        let served = mean(&served);
        // 30,000 demands: a standard deviation is 0.003.
        assert!((served - 2.0 / 3.0).abs() < 0.015, "{served} are served");
    }
}

/// A dead site's clients wait up to 100 s before each sign-in, evenly, and have done so for long
/// when all of them are sent to another one. Each then comes when what is left of his wait is over:
/// by renewal theory within t seconds with probability 1 - (1 - t/100)^2. Taking those who are due
/// at any moment out of all who wait would have them come as an exponential law, a quarter of them
/// after all others have come.
#[test]
fn sign_ins_that_are_sent_elsewhere_come_when_their_waits_end() {
    let model = Model::new().mailboxes(100_000).rate(1.0).servers(10_000);
    let model = model.service_time(exponential(0.05)).timeout(2.0).site("second", 10_000);
    let model = model.steering(SteeringKind::Direct, &[1.0, 0.0]).clock(5.0, 720.0, 5.0);
    let mut model = model.operation("sign-in", ServiceId(0)).timeout(2.0).retries(Retry {
        attempts: None,
        backoff: Backoff::Constant(seconds(100.0)),
        jitter: Jitter::Full,
    });
    let sign_in = OperationId(1);
    model = model.with_operation(|operation| operation.load = Load::Induced);
    let session = Session { sign_in, keepalive: seconds(60.0), lost_after: None };
    model.scenario.clients[0].session = Some(session);
    let (service, site) = (ServiceId(0), SiteId(0));
    let dead = FaultKind::InstancesLost { service, site, share: 1.0, jobs: LostJobs::Reset };
    let all = FaultKind::MassReconnect { client: None, site: None, share: 1.0 };
    let model = model.fault(0.0, None, dead).fault(1.0, None, all);
    let elsewhere = vec![(SiteId(1), 1.0)];
    let set = Action::Set { steering: SteeringId(0), answers: elsewhere, drain: None };
    let scenario = model.step(600.0, set).build();
    for outcome in runs(&scenario, Fidelity::Flow, 3) {
        let back = &outcome.series.sessions[0].signed_in[1];
        for after_s in [10.0, 25.0, 50.0, 75.0, 90.0_f64] {
            let back = back[(120.0 + after_s / 5.0) as usize - 1] / 100_000.0;
            let expected = 1.0 - (1.0 - after_s / 100.0).powi(2);
            println!("{after_s} s: {back:.4} for {expected:.4}");
            // A standard deviation is 0.0016, a beat and a sign-in 0.5 s.
            assert!((back - expected).abs() < 0.015, "{after_s} s: {back} for {expected}");
        }
    }
}

/// A drain comes to each session once, evenly over its length, and ends it if its name would send
/// it elsewhere *then*. So what a second change moves is drained in what is left of the first
/// drain, and what it moves back is no longer drained. Here all names are asked each time.
#[test]
fn a_drain_goes_by_the_answers_of_its_time() {
    const MAILBOXES: f64 = 100_000.0;
    const WINDOW_S: f64 = 5.0;
    // Sessions at the first site at the windows' ends, and all that were begun again.
    let at_first_site = |first: f64, steps: &[(f64, Action)]| {
        let model = Model::new().mailboxes(MAILBOXES as u64).rate(1.0).servers(10_000);
        let model = model.service_time(exponential(0.01)).timeout(2.0).site("second", 10_000);
        let model = model.steering(SteeringKind::Direct, &[first, 1.0 - first]);
        let mut model = model.clock(5.0, 40.0, WINDOW_S);
        model = model.operation("sign-in", ServiceId(0)).timeout(2.0);
        model = model.with_operation(|operation| operation.load = Load::Induced);
        let session =
            Session { sign_in: OperationId(1), keepalive: seconds(60.0), lost_after: None };
        model.scenario.clients[0].session = Some(session);
        for (at_s, action) in steps {
            model = model.step(*at_s, action.clone());
        }
        let scenario = model.build();
        [Fidelity::Exact, Fidelity::Flow].map(|fidelity| {
            let outcome = &runs(&scenario, fidelity, 1)[0];
            let signed_in = outcome.series.sessions[0].signed_in[0].iter();
            let again: f64 = outcome.series.operations[1].answered_per_s.iter().sum();
            (signed_in.map(|n| n / MAILBOXES).collect::<Vec<f64>>(), again * WINDOW_S / MAILBOXES)
        })
    };
    let steering = SteeringId(0);
    let set = |first: f64, drain: Option<f64>| {
        let answers = vec![(SiteId(0), first), (SiteId(1), 1.0 - first)];
        Action::Set { steering, answers, drain: drain.map(seconds) }
    };
    let back = Action::Restore {
        steering,
        steps: 2,
        every: seconds(5.0),
        stop_if: None,
        drain: Some(seconds(10.0)),
    };
    // Everybody is sent to the second site, but sessions stay. Then a quarter goes back, which ends
    // half of the sessions of another quarter within 5 s, until that goes back as well.
    let restored = at_first_site(0.5, &[(5.0, set(0.0, None)), (10.0, back)]);
    // Half of the sessions are drained over 10 s; after 5 s the others should be elsewhere, too:
    // half of them are come to.
    let moved = at_first_site(1.0, &[(10.0, set(0.5, Some(10.0))), (15.0, set(0.0, None))]);
    let cases = [(restored, [0.5, 0.375, 0.5], 0.25), (moved, [1.0, 0.75, 0.25], 0.75)];
    for (found, expected, expected_again) in cases {
        for (there, again) in found {
            println!("{there:.3?}, {again:.3} again");
            // A standard deviation is 0.002, a beat and a sign-in 0.2 s.
            assert!((again - expected_again).abs() < 0.01, "{again} for {expected_again}");
            for (window, expected) in [1, 2, 4].into_iter().zip(expected) {
                let off = there[window] - expected;
                assert!(off.abs() < 0.01, "window {window}: {} for {expected}", there[window]);
            }
        }
    }
}
