//! Stores, pipelines and activation: where calls go, and what becomes of mail.

use crate::model::{Model, call, constant, exponential, retry, seconds};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::*;
use blackstart::simulation::run;

fn outcome(scenario: &Scenario) -> Outcome {
    run(scenario, 9, &mut |_| {}).expect("the ledgers balance")
}

/// Messages are accepted at 20 a second; their delivery calls a store that answers with errors
/// for a while; a delivery is tried again after 10 s, and bounced after `limit_s`.
fn mail(limit_s: f64, outage_s: f64) -> Outcome {
    let mut model = Model::new().rate(20.0).servers(100).service_time(constant(0.01));
    model = model.with_operation(|operation| operation.feeds = Some(PipelineId(0)));
    model = model.clock(10.0, 1_200.0, 10.0).service("workers").servers(50);
    model = model.service_time(constant(0.05)).operation("deliver", ServiceId(1));
    let delivery = OperationId(1);
    model.scenario.clients[0].operations.pop();
    model = model.with_operation(|operation| {
        operation.by = Demander::Pipeline(PipelineId(0));
        operation.load = Load::Induced;
        operation.deadline = Some(seconds(limit_s));
        operation.retry = Retry { attempts: None, ..retry(1, 10.0) };
    });
    let pipeline = Pipeline { name: "transport".into(), delivery, copies: 1, limit: None };
    model.scenario.pipelines.push(pipeline);
    let kind = FaultKind::Erroring { service: ServiceId(1), site: None, share: 1.0 };
    outcome(&model.fault(100.0, Some(outage_s), kind).build())
}

#[test]
fn a_pipeline_keeps_mail_and_delivers_it_after_the_repair() {
    let outcome = mail(3_600.0, 200.0);
    let ledger = &outcome.ledgers.pipelines[0];
    let kept = ledger.delivered + ledger.bounced + ledger.queued + ledger.lost;
    assert_eq!(ledger.accepted, kept);
    assert_eq!((ledger.bounced, ledger.lost), (0, 0), "{ledger:?}");
    let series = &outcome.series.pipelines[0];
    // 200 s at 20 a second, Poisson.
    let peak = series.backlog[29];
    assert!((peak - 4_000.0).abs() < 4.0 * 4_000.0_f64.sqrt() + 20.0, "{peak}");
    assert!((series.oldest_s[29].unwrap() - 200.0).abs() < 1.0, "{:?}", series.oldest_s[29]);
    assert!(series.backlog[32] < 20.0, "gone one retry later: {}", series.backlog[32]);
    assert!(outcome.series.operations[0].failed_per_s.iter().all(|&rate| rate == 0.0));
}

#[test]
fn a_pipeline_bounces_what_is_over_its_limit() {
    let outcome = mail(60.0, 300.0);
    let ledger = &outcome.ledgers.pipelines[0];
    let kept = ledger.delivered + ledger.bounced + ledger.queued + ledger.lost;
    assert_eq!(ledger.accepted, kept);
    // Whoever was accepted over 60 s before the repair: 240 s at 20 a second. A retry that is due
    // after the limit is not waited for, so the last is up to 10 s early.
    let bounced = ledger.bounced as f64;
    let noise = 4.0 * 5_000.0_f64.sqrt();
    assert!(bounced > 4_800.0 - noise && bounced < 5_000.0 + noise, "{bounced}");
    let backlog = &outcome.series.pipelines[0].backlog;
    let highest = backlog.iter().copied().fold(0.0, f64::max);
    assert!(highest < 60.0 * 20.0 + 4.0 * 1_200.0_f64.sqrt(), "no older than its limit: {highest}");
    assert_eq!(outcome.series.pipelines[0].bounced_per_s[50..].iter().sum::<f64>(), 0.0);
}

/// A front door at one site calls a store whose databases are active at one of two others. The
/// site is lost; its databases are activated at the other, which takes a minute.
#[test]
fn activation_moves_the_calls_after_its_delay_and_counts_lost_writes() {
    let mut model = Model::new().mailboxes(20_000).rate(100.0).servers(2_000).timeout(5.0);
    model = model.service_time(constant(0.01)).clock(10.0, 400.0, 10.0);
    for name in ["first", "second"] {
        model.scenario.sites.push(Site { name: name.into(), router: RouterId(0) });
    }
    model = model.service("store").service_time(exponential(0.01)).with_service(|service| {
        let at = |site| Placement { site: SiteId(site), instances: 100 };
        service.sites = vec![at(1), at(2)];
    });
    let mut store_call = call(ServiceId(1));
    store_call.timeout = seconds(1.0);
    model = model.calls("station", store_call);
    model.scenario.stores.push(Store {
        name: "mail".into(),
        service: ServiceId(1),
        databases: 10,
        copies: vec![(SiteId(1), 0.6), (SiteId(2), 0.4)],
        activation: constant(60.0),
        replication_lag: seconds(3.0),
        writes: vec![OperationId(0)],
    });
    model = model.fault(100.0, None, FaultKind::SiteDown { site: SiteId(1) });
    let (store, from, to) = (StoreId(0), SiteId(1), SiteId(2));
    model = model.step(120.0, Action::Activate { store, from, to, share: 1.0 });
    let outcome = outcome(&model.build());
    let series = &outcome.series;
    let station = |site: &str| {
        let mut rows = series.stations.iter();
        let found = rows.find(|row| row.service == "store" && row.site == site);
        found.expect("the store is there").arrivals_per_s.clone()
    };
    let (first, second) = (station("first"), station("second"));
    let mean = |column: &[f64]| column.iter().sum::<f64>() / column.len() as f64;
    let noise = |rate: f64, windows: f64| 4.0 * (rate / (10.0 * windows)).sqrt();
    // Mailboxes are spread over ten databases by draw: 0.6 within 4 sqrt(0.24 / 20000).
    let drawn = 100.0 * 4.0 * (0.24_f64 / 20_000.0).sqrt();
    assert!((mean(&first[..10]) - 60.0).abs() < noise(60.0, 10.0) + drawn, "{first:?}");
    assert_eq!(mean(&first[11..]), 0.0, "nobody is served by a dead site");
    assert!((mean(&second[..18]) - 40.0).abs() < noise(40.0, 18.0) + drawn, "{second:?}");
    assert!((mean(&second[18..]) - 100.0).abs() < noise(100.0, 22.0), "{second:?}");
    let operation = &series.operations[0];
    assert!(mean(&operation.failed_per_s[11..17]) > 50.0, "six in ten fail meanwhile");
    assert_eq!(mean(&operation.failed_per_s[19..]), 0.0, "all served again");
    // Lost: 3 s of the writes that were answered in the window before the site was lost, times the
    // six of ten databases that were moved.
    let expected = operation.answered_per_s[9] * 3.0 * 0.6;
    let lost = outcome.impact.writes_lost;
    assert!((lost - expected).abs() < 1e-6, "{lost} for {expected}");
    assert!(outcome.impact.writes_lost > 0.0);
}
