//! Checks of the client's side: attempts, backoff, timeouts, latency, luck, throttles.

use super::{assert_within, finish, total};
use crate::scenario::model::*;
use crate::simulation::model::{Model, constant, exponential, retry, seconds};
use crate::simulation::run;
use crate::traffic::books::Imbalance;

/// One mailbox that thinks 4.4 s and asks a service that fails after 0.1 s: six attempts, waits of
/// 1, 2, 4, 4, 4 s, so a circle of 4.4 + 6 x 0.1 + 15 = 20 s without any luck.
fn circle() -> Scenario {
    let error = FaultKind::Erroring { service: ServiceId(0), site: None, share: 1.0 };
    let backoff = Backoff::Exponential { first: seconds(1.0), factor: 2.0, cap: seconds(4.0) };
    let model = Model::new().clock(0.0, 10_000.0, 100.0).closed(1, constant(4.4));
    let model = model.service_time(constant(0.1)).from_the_beginning(error);
    let retries = Retry { attempts: Some(6), backoff, jitter: Jitter::None };
    model.timeout(50.0).retries(retries).build()
}

#[test]
pub(super) fn attempts_are_the_total_with_the_first_included() {
    let trial = finish(&circle(), 1);
    let (failed, sent) = (total(&trial, 0, |cell| cell.failed), total(&trial, 0, |c| c.sent));
    assert!(failed > 100, "{failed}");
    assert!((6 * failed..=6 * failed + 6).contains(&sent), "{sent} attempts of {failed}");
}

#[test]
pub(super) fn backoff_stops_growing_at_its_cap() {
    let trial = finish(&circle(), 1);
    // 10,000 s are 500 circles of 20 s; the last may be cut.
    assert_within(total(&trial, 0, |cell| cell.failed) as f64, 498.0..=500.0);
}

#[test]
pub(super) fn every_attempt_has_its_whole_timeout() {
    // Nothing is ever answered: 4 s of thinking and three timeouts of 2 s make a circle of 10 s.
    let hung = FaultKind::Hung { service: ServiceId(0), site: None, partition: None };
    let model = Model::new().clock(0.0, 1_000.0, 100.0).closed(1, constant(4.0));
    let model = model.timeout(2.0).retries(retry(3, 0.0)).from_the_beginning(hung);
    let trial = finish(&model.build(), 1);
    assert_within(total(&trial, 0, |cell| cell.failed) as f64, 98.0..=100.0);
    let totals = trial.recorder.clients[0];
    assert_eq!(totals.answered + totals.refused + totals.lost, 0);
    assert_within(totals.timed_out as f64, 297.0..=300.0);
}

#[test]
pub(super) fn latency_counts_from_the_intended_start() {
    // The first attempt at 4 s meets an error at 4.1 s; the second is sent 10 s later.
    let error = FaultKind::Erroring { service: ServiceId(0), site: None, share: 1.0 };
    let model = Model::new().clock(0.0, 30.0, 10.0).closed(1, constant(4.0));
    let model = model.service_time(constant(0.1)).retries(retry(2, 10.0));
    let model = model.timeout(20.0).fault(1.0, Some(8.0), error);
    let outcome = run(&model.build(), 1, &mut |_| {}).expect("the ledgers balance");
    let all = outcome.latency.iter().find(|row| row.phase == "all").expect("answers");
    let longest = all.quantiles.last().expect("the maximum").1;
    assert_within(longest, 10.1..=10.4);
}

#[test]
pub(super) fn a_late_answer_is_not_a_good_one() {
    // No queue, service exponential of mean 1 s: a share of 1 - 1/e is answered within 1 s.
    let model = Model::new().clock(0.0, 2_000.0, 100.0).servers(1_000);
    let model = model.service_time(exponential(1.0)).rate(20.0).timeout(100.0).good_within(1.0);
    let trial = finish(&model.build(), 1);
    let good = total(&trial, 0, |cell| cell.good) as f64;
    let late = total(&trial, 0, |cell| cell.late) as f64;
    // 40,000 answers: five standard deviations are 0.012.
    assert_within(good / (good + late), 0.632 - 0.012..=0.632 + 0.012);
}

#[test]
pub(super) fn an_outage_leaves_every_arrival_as_it_was() {
    let model = Model::new().clock(0.0, 600.0, 1.0).servers(20).rate(5.0);
    let jitter = Retry { jitter: Jitter::Full, ..retry(4, 3.0) };
    let quiet = model.timeout(5.0).retries(jitter);
    let error = FaultKind::Erroring { service: ServiceId(0), site: None, share: 0.9 };
    let outage = quiet.clone().fault(200.0, Some(200.0), error);
    let (quiet, outage) = (finish(&quiet.build(), 3), finish(&outage.build(), 3));
    assert!(outage.recorder.clients[0].refused > 1_000);
    for window in 0..600 {
        let demand = |trial: &crate::simulation::Trial| trial.recorder.cell_at(0, window).demand;
        assert_eq!(demand(&quiet), demand(&outage), "in second {window}");
    }
}

#[test]
pub(super) fn a_throttle_admits_its_rate() {
    let throttle =
        Action::Throttle { operation: OperationId(0), site: SiteId(0), admit: 3.0, ramp: None };
    let model = Model::new().clock(0.0, 1_000.0, 10.0).servers(1_000).rate(20.0);
    let trial = finish(&model.step(0.0, throttle).build(), 1);
    // 20 a second ask for 3 a second: a bucket of 3 is as good as never full.
    assert_within(trial.recorder.stations[0].arrived as f64, 2_970.0..=3_001.0);
}

/// The books are what other checks stand on: they name what does not balance, and by how much.
#[test]
fn an_imbalance_says_which_ledger_and_by_how_much() {
    let scenario = Model::new().build();
    let mut trial = finish(&scenario, 1);
    trial.recorder.clients[0].sent += 2;
    let sent = trial.recorder.clients[0].sent;
    let found = trial.traffic.check_ledgers(&trial.recorder).expect_err("two made up");
    let what = "class 0".to_string();
    assert_eq!(found, Imbalance { side: "client", what, expected: sent, found: sent - 2 });
}
