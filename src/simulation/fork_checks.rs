//! The fork that asks whether a state is metastable copies only what relief leaves; that must not
//! make a difference.

use super::Trial;
use super::model::{Model, constant, retry, seconds};
use crate::scenario::model::{FaultKind, Load, OperationId, Scenario, ServiceId, Session};
use crate::traffic::{Scene, Traffic};

/// Closed load in sessions that are all lost at 500 s, with too few slots for all to come back,
/// and beside it a client without sessions that tries again.
fn storm() -> Scenario {
    let model = Model::new().clock(0.0, 2_000.0, 10.0).closed(100, constant(9.0)).servers(12);
    let model = model.service_time(constant(1.0)).timeout(8.0).retries(retry(3, 20.0));
    let model = model.with_operation(|operation| operation.deferred = 0.7);
    let model = model.operation("sign-in", ServiceId(0)).timeout(5.0).retries(retry(1_000, 30.0));
    let model = model.with_operation(|operation| operation.load = Load::Induced);
    let lost = FaultKind::MassReconnect { client: None, site: None, share: 1.0 };
    let mut scenario = model.fault(507.0, None, lost).build();
    scenario.clients[0].session =
        Some(Session { sign_in: OperationId(1), keepalive: seconds(60.0), lost_after: None });
    scenario.operations[1].cost = 4.5;
    scenario
}

#[test]
fn a_fork_without_those_who_wait_goes_on_as_a_whole_copy_does() {
    let scenario = storm();
    let mut trial = Trial::new(&scenario, 1);
    let middle = scenario.start() + seconds(600.0);
    trial.run(&scenario, middle, &mut |_| {}).expect("the ledgers balance");
    let mut part = trial.relieved();

    let mut whole = trial.traffic.exact().clone();
    let waiting = whole.operations_in_progress();
    assert!(part.traffic.exact().operations_in_progress() + 20 < waiting, "{waiting}");
    let scene = &mut Scene { world: &mut trial.world, recorder: &mut trial.recorder };
    whole.relieve(middle, scene);
    trial.traffic = Traffic::Exact(Box::new(whole));

    for fork in [&mut part, &mut trial] {
        fork.run(&scenario, scenario.end(), &mut |_| {}).expect("the ledgers balance");
    }
    let (part, whole) = (&part.recorder, &trial.recorder);
    assert_eq!((&part.clients, &part.stations), (&whole.clients, &whole.stations));
    assert!((0..part.windows()).all(|w| part.cell_at(0, w).good == whole.cell_at(0, w).good));
    assert!(part.clients[0].answered > 10_000, "{:?}", part.clients);
}
