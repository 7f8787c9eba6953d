//! Checks of steering: who is sent where after a shift, and when.

use super::assert_within;
use crate::kernel::stream::Luck;
use crate::kernel::time::SimTime;
use crate::measure::outcome::Outcome;
use crate::scenario::model::*;
use crate::simulation::model::{Model, constant, seconds};
use crate::simulation::run;
use crate::world::steering::SteeringState;

/// Three sites with more servers than they need, 200 requests a second.
fn sites(kind: SteeringKind, shares: &[f64]) -> Model {
    let model = Model::new().clock(100.0, 1_000.0, 10.0).mailboxes(100_000);
    let model = model.service_time(constant(0.01)).servers(100);
    model.site("second", 100).site("third", 100).steering(kind, shares).rate(200.0)
}

fn set(answers: &[f64]) -> Action {
    let answers = answers.iter().enumerate().map(|(site, &share)| (SiteId(site as u32), share));
    Action::Set { steering: SteeringId(0), answers: answers.collect(), drain: None }
}

/// Share of a site among the arrivals at all, in the windows from `from` to `to`.
fn share_of(outcome: &Outcome, site: usize, from: usize, to: usize) -> f64 {
    let stations = outcome.series.stations.iter();
    let sums: Vec<f64> =
        stations.map(|station| station.arrivals_per_s[from..to].iter().sum()).collect();
    sums[site] / sums.iter().sum::<f64>()
}

#[test]
pub(super) fn half_a_ttl_after_a_shift_half_hold_the_old_answer() {
    let (ignoring, ignoring_for) = (0.0, seconds(0.0));
    let dns = SteeringKind::Dns { ttl: seconds(300.0), ignoring, ignoring_for };
    let model = sites(dns, &[1.0, 0.0, 0.0]).step(300.0, set(&[0.0, 1.0, 0.0]));
    let outcome = run(&model.build(), 1, &mut |_| {}).expect("the ledgers balance");
    assert_eq!(share_of(&outcome, 0, 0, 30), 1.0);
    // 140 s to 160 s after the shift; 4,000 requests: five standard deviations are 0.04.
    assert_within(share_of(&outcome, 0, 44, 46), 0.46..=0.54);
    assert_eq!(share_of(&outcome, 0, 61, 90), 0.0);
}

#[test]
pub(super) fn a_shift_sends_each_site_its_new_share() {
    let model = sites(SteeringKind::Direct, &[0.7, 0.2, 0.1]).step(300.0, set(&[0.2, 0.3, 0.5]));
    let outcome = run(&model.build(), 1, &mut |_| {}).expect("the ledgers balance");
    for (site, (before, after)) in [(0.7, 0.2), (0.2, 0.3), (0.1, 0.5)].into_iter().enumerate() {
        // 60,000 requests: five standard deviations are 0.01.
        assert_within(share_of(&outcome, site, 0, 30), before - 0.01..=before + 0.01);
        assert_within(share_of(&outcome, site, 31, 61), after - 0.01..=after + 0.01);
    }
}

#[test]
pub(super) fn a_shift_moves_just_the_needed_mailboxes() {
    let scenario = sites(SteeringKind::Direct, &[0.8, 0.2, 0.0]).build();
    let mut name = SteeringState::new(&scenario.steering[0]);
    let at = |name: &SteeringState, mailbox: u64| name.authoritative(Luck(1).derive(mailbox));
    let before: Vec<SiteId> = (0..50_000).map(|mailbox| at(&name, mailbox)).collect();
    name.set(&[(SiteId(0), 0.55), (SiteId(1), 0.2), (SiteId(2), 0.25)], SimTime::from_secs(1));
    let mut moved = 0;
    for (mailbox, &old) in before.iter().enumerate() {
        let new = at(&name, mailbox as u64);
        moved += u32::from(new != old);
        assert!(new == old || (old, new) == (SiteId(0), SiteId(2)), "{old:?} to {new:?}");
    }
    assert_within(f64::from(moved) / 50_000.0, 0.24..=0.26);
}

#[test]
pub(super) fn a_restore_goes_back_in_equal_parts() {
    let restore = Action::Restore {
        steering: SteeringId(0),
        steps: 4,
        every: seconds(50.0),
        stop_if: None,
        drain: None,
    };
    let model = sites(SteeringKind::Direct, &[1.0, 0.0, 0.0]).step(100.0, set(&[0.2, 0.8, 0.0]));
    let outcome = run(&model.step(305.0, restore).build(), 1, &mut |_| {}).expect("balanced");
    let home = &outcome.series.steering[0].shares[0];
    for (window, wanted) in [(29, 0.2), (31, 0.4), (36, 0.6), (41, 0.8), (46, 1.0)] {
        assert_within(home[window], wanted - 1e-9..=wanted + 1e-9);
    }
}
