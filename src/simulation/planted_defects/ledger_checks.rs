//! Checks that are the books themselves: nothing vanishes, in any window.

use crate::scenario::model::*;
use crate::simulation::model::{Model, call, constant, exponential, retry, seconds};
use crate::simulation::run;

/// Two tiers under load, with timeouts and retries.
fn two_tiers() -> Scenario {
    let mut model =
        Model::new().clock(10.0, 200.0, 10.0).service_time(exponential(0.5)).servers(12);
    model = model.service("behind").service_time(exponential(0.8)).servers(6);
    let behind = model.service_id("behind");
    let call = Call { timeout: seconds(2.0), retry: retry(2, 0.1), ..call(behind) };
    model.calls("station", call).rate(6.0).timeout(3.0).retries(retry(2, 1.0)).build()
}

#[test]
pub(super) fn slots_taken_are_slots_in_use() {
    let outcome = run(&two_tiers(), 1, &mut |_| {}).expect("the ledgers balance");
    assert_eq!(outcome.ledgers.windows_balanced, 20);
    for station in &outcome.series.stations {
        let busiest = station.utilisation.iter().flatten().copied().fold(0.0, f64::max);
        assert!(busiest > 0.5 && busiest < 1.0 + 1e-9, "{}: {busiest}", station.service);
    }
}

#[test]
pub(super) fn no_request_disappears() {
    let outcome = run(&two_tiers(), 2, &mut |_| {}).expect("the ledgers balance");
    for row in &outcome.ledgers.stations {
        let gone = row.useful + row.stale + row.rejected + row.dropped + row.crashed;
        assert_eq!(row.arrived, gone + row.waiting + row.holding, "{row:?}");
        assert!(row.arrived > 1_000, "{row:?}");
    }
}

#[test]
pub(super) fn every_message_is_delivered_bounced_or_queued() {
    let mut model = Model::new().clock(0.0, 400.0, 10.0).servers(100).rate(2.0);
    model = model.service_time(constant(0.1));
    model = model.with_operation(|operation| operation.feeds = Some(PipelineId(0)));
    model = model.service("delivery").service_time(constant(0.1)).servers(100);
    model.scenario.operations.push(Operation {
        name: "deliver".into(),
        by: Demander::Pipeline(PipelineId(0)),
        enters: ServiceId(1),
        load: Load::Induced,
        deadline: Some(seconds(20.0)),
        retry: Retry { attempts: None, ..retry(1, 3.0) },
        feeds: None,
        ..model.scenario.operations[0].clone()
    });
    let (name, delivery) = ("mail".into(), OperationId(1));
    model.scenario.pipelines.push(Pipeline { name, delivery, copies: 2, limit: None });
    let error = FaultKind::Erroring { service: ServiceId(1), site: None, share: 1.0 };
    let model = model.fault(100.0, Some(100.0), error);
    let outcome = run(&model.build(), 1, &mut |_| {}).expect("the ledgers balance");
    let row = &outcome.ledgers.pipelines[0];
    assert_eq!(row.accepted, row.delivered + row.bounced + row.queued);
    // 100 s of 4 messages a second, but for the 20 s of grace before the repair.
    assert!((250..400).contains(&row.bounced), "{row:?}");
}
