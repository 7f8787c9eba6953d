//! Attachments that nothing tells apart are one crowd: latencies must show the delays of each, and
//! what a silent router cuts off must be who is behind it.

use crate::model::{Model, constant, seconds, wide_link};
use crate::{SEEDS, agree, runs};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{
    Backoff, FaultKind, Fidelity, Jitter, LinkId, Retry, Router, RouterId,
};

/// Users behind three routers beside the site's own: shares, and one-way delays [s].
const PLACES: [(f64, f64); 4] = [(0.4, 0.0), (0.3, 0.02), (0.2, 0.06), (0.1, 0.06)];
const WORK_S: f64 = 0.01;

fn behind_four_routers() -> Model {
    let model = Model::new().mailboxes(20_000).rate(500.0).servers(1_000);
    let mut model = model.service_time(constant(WORK_S)).timeout(4.0).clock(10.0, 120.0, 10.0);
    for (number, (_, delay_s)) in PLACES.into_iter().enumerate().skip(1) {
        let network = &mut model.scenario.network;
        network.routers.push(Router::named(&format!("router-{number}")));
        network.links.push(wide_link(&format!("link-{number}"), number as u32, delay_s));
    }
    let routers = PLACES.iter().enumerate().map(|(number, of)| (RouterId(number as u32), of.0));
    model.scenario.regions[0].routers = routers.collect();
    model
}

/// Crowds that the scenario's users are, in counts.
fn crowds(model: Model) -> u64 {
    runs(&model.build(), Fidelity::Flow, 1)[0].cost.groups_peak
}

/// A crowd for all whom the scenario does not tell apart, and for those whom it does one each.
#[test]
fn attachments_are_together_until_a_fault_tells_them_apart() {
    let with = |kind| behind_four_routers().fault(30.0, Some(20.0), kind);
    assert_eq!(crowds(behind_four_routers()), 1, "nothing happens");
    assert_eq!(crowds(with(FaultKind::RouterSilent { router: RouterId(0) })), 1, "all are cut off");
    assert_eq!(crowds(with(FaultKind::RouterSilent { router: RouterId(3) })), 2, "one is");
    assert_eq!(crowds(with(FaultKind::LinkDown { link: LinkId(0) })), 4, "routes may change");
    let mut narrow = behind_four_routers();
    narrow.scenario.network.links[0].bandwidth = 1e4;
    narrow.scenario.operations[0].size_bytes = 100.0;
    assert_eq!(crowds(narrow), 4, "a link may be full");
}

/// A request that opens its connection takes two round trips and its work, no other time.
#[test]
fn each_attachment_keeps_its_delay() {
    let scenario = behind_four_routers().build();
    for fidelity in [Fidelity::Exact, Fidelity::Flow] {
        for outcome in runs(&scenario, fidelity, 3) {
            let row = outcome.latency.iter().find(|row| row.phase == "all").expect("answers");
            for delay_s in [0.0, 0.02, 0.06] {
                let of = PLACES.iter().filter(|place| (place.1 - delay_s).abs() < 1e-9);
                let expected: f64 = of.map(|place| place.0).sum();
                let at = WORK_S + 4.0 * delay_s;
                let near = row.histogram.iter().filter(|(upper, _)| (upper / at - 1.0).abs() < 0.1);
                let share = near.map(|&(_, n)| n).sum::<u64>() as f64 / row.count as f64;
                let noise = 4.0 * (0.25 / row.count as f64).sqrt();
                assert!(
                    (share - expected).abs() < noise,
                    "{fidelity:?}: {share} at {at} s, for {expected} +- {noise}"
                );
            }
        }
    }
}

/// One of the four goes silent for 20 s: a tenth of the users fail, always the same ones.
#[test]
fn who_is_behind_a_silent_router_fails_alone() {
    let model = behind_four_routers().retries(Retry {
        attempts: None,
        backoff: Backoff::Constant(seconds(4.0)),
        jitter: Jitter::Full,
    });
    let kind = FaultKind::RouterSilent { router: RouterId(3) };
    let scenario = model.fault(30.0, Some(20.0), kind).build();
    let during = |o: &Outcome| o.series.availability[3..5].iter().flatten().sum::<f64>() / 2.0;
    for fidelity in [Fidelity::Exact, Fidelity::Flow] {
        for outcome in runs(&scenario, fidelity, SEEDS) {
            // Of 10,000 demands.
            let (found, noise) = (during(&outcome), 4.0 * (0.09_f64 / 1e4).sqrt());
            assert!((found - 0.9).abs() < noise, "{fidelity:?}: availability {found}");
        }
    }
    agree(
        &scenario,
        &[
            ("availability", during, 0.002),
            ("lost mailbox-minutes", |o| o.impact.mailbox_minutes_lost, 0.03),
            ("affected", |o| o.impact.mailboxes_affected, 0.03),
        ],
    );
}
