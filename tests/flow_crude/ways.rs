//! Answers go home as the network is when they leave, not as it was when their requests came.

use crate::model::{Model, constant, seconds, wide_link};
use crate::{each, mean, runs};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{FaultKind, Fidelity, LinkId, Router, RouterId};

const PER_S: f64 = 100.0;
const WORK_S: f64 = 5.0;
/// One-way delays of two links to the site's router [s].
const SHORT_S: f64 = 0.005;
const LONG_S: f64 = 1.0;

/// Users behind a router from which a short way leads to the site, and a long one if that is down.
fn by_two_ways() -> Model {
    let model = Model::new().mailboxes(20_000).rate(PER_S).servers(2_000).timeout(20.0);
    let mut model = model.service_time(constant(WORK_S)).clock(10.0, 120.0, 10.0);
    let network = &mut model.scenario.network;
    network.routers.push(Router::named("far"));
    network.links.push(wide_link("short", 1, SHORT_S));
    network.links.push(wide_link("long", 1, LONG_S));
    network.links[1].metric = 100;
    model.scenario.regions[0].routers = vec![(RouterId(1), 1.0)];
    model
}

/// Whether so many seconds' demands were answered after so long, under both.
fn answered_after(model: &Model, expected: &[(f64, f64)]) {
    for fidelity in [Fidelity::Exact, Fidelity::Flow] {
        let outcomes = runs(&model.clone().build(), fidelity, 4);
        for &(at_s, of_s) in expected {
            let near = |outcome: &Outcome| {
                let row = outcome.latency.iter().find(|row| row.phase == "all").expect("answers");
                let bins = row.histogram.iter();
                let bins = bins.filter(|(upper, _)| (upper / at_s - 1.0).abs() < 0.02);
                bins.map(|&(_, n)| n).sum::<u64>() as f64
            };
            let (found, expected) = (mean(&each(&outcomes, near)), of_s * PER_S);
            // A beat of luck at either end, and that of the demand.
            let room = PER_S + 4.0 * (expected / 4.0).sqrt();
            assert!(
                (found - expected).abs() < room,
                "{fidelity:?}: {found} after {at_s} s, for {expected} +- {room}"
            );
        }
    }
}

/// A link takes 1 s longer for 20 s. Whoever asked in the last of them that his work takes has
/// opened his connection and asked by the slow way, and is answered by the fast one.
#[test]
fn who_asked_while_it_was_slow_is_answered_when_it_no_longer_is() {
    let slow = FaultKind::LinkDelay { link: LinkId(0), add: seconds(LONG_S) };
    let model = by_two_ways().fault(40.0, Some(20.0), slow);
    let there_s = 3.0 * (LONG_S + SHORT_S) + WORK_S;
    let slow_s = 20.0 - there_s;
    // The others that answers leave to meanwhile: whose requests were there before it began.
    let before_s = 3.0 * SHORT_S + WORK_S;
    answered_after(
        &model,
        &[
            (there_s + LONG_S + SHORT_S, slow_s),
            (there_s + SHORT_S, there_s),
            (before_s + LONG_S + SHORT_S, before_s),
        ],
    );
}

/// The short link goes down for good, which takes routers 2 s. What is answered then is lost, and
/// what is answered afterwards goes the long way.
#[test]
fn an_answer_goes_the_way_that_routers_know_when_it_leaves() {
    let model = by_two_ways().fault(60.0, None, FaultKind::LinkDown { link: LinkId(0) });
    let there_s = 3.0 * SHORT_S + WORK_S;
    answered_after(
        &model,
        &[
            (there_s + LONG_S, there_s - 2.0),
            (4.0 * LONG_S + WORK_S, 120.0 - 62.0 - 4.0 * LONG_S - WORK_S),
        ],
    );
}
