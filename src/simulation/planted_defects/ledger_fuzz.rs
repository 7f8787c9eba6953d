//! Deletes records in flight at random and asks the books each time.
//!
//! Whatever is in flight must be missed: a job in any stage by its station's ledger, an attempt by
//! its client's, and an operation that is parked or backs off, which has no attempt outstanding, by
//! begun = ended + in progress (messages of a pipeline by their own ledger too).

use crate::kernel::sample::Distribution;
use crate::kernel::stream::{RootSeed, Stream};
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::*;
use crate::simulation::Trial;
use crate::simulation::model::{Model, call, constant, exponential, retry, seconds};
use crate::traffic::exact::ledger::damage::Deleted;
use crate::traffic::exact::op::Phase;
use crate::traffic::exact::station::Stage;

/// Instants looked at, and deletions at each.
const INSTANTS: u64 = 60;
const DELETIONS: u64 = 40;

/// A small world in which records stand everywhere: a front door that holds its slot while it
/// calls, a mailbox tier that gives it back, a store with a hung partition, sessions lost and
/// signed in again, parked demands, mail in transit, and a router between that goes silent.
fn busy() -> Scenario {
    let mut model = Model::new().clock(0.0, 600.0, 10.0).mailboxes(400);
    model = model.service_time(exponential(0.2)).servers(12).queue_limit(48);
    model = model.service("tier").service_time(exponential(0.3)).servers(10).releases_slot();
    model = model.service("store").service_time(exponential(0.4)).servers(8);
    model = model.with_service(|store| store.partitions = 2);
    let to =
        |service: ServiceId| Call { timeout: seconds(3.0), retry: retry(2, 0.5), ..call(service) };
    let (tier, store) = (to(model.service_id("tier")), to(model.service_id("store")));
    model = model.calls("station", tier).calls("tier", store);
    model = model.rate(8.0).timeout(4.0).retries(retry(3, 2.0));
    model = model.with_operation(|operation| {
        operation.deferred = 0.7;
        operation.feeds = Some(PipelineId(0));
    });
    model = model.operation("sign-in", ServiceId(0)).timeout(5.0).retries(retry(4, 3.0));
    model = model.with_operation(|operation| operation.load = Load::Induced);
    let mut scenario = model.build();
    scenario.clients[0].session = Some(Session {
        sign_in: OperationId(1),
        keepalive: seconds(10.0),
        lost_after: Some(seconds(5.0)),
    });
    let delivery = Operation {
        name: "delivery".into(),
        by: Demander::Pipeline(PipelineId(0)),
        enters: ServiceId(1),
        load: Load::Induced,
        deadline: Some(seconds(60.0)),
        deferred: 0.0,
        retry: retry(20, 4.0),
        feeds: None,
        ..scenario.operations[0].clone()
    };
    scenario.operations.push(delivery);
    let pipeline =
        Pipeline { name: "mail".into(), delivery: OperationId(2), copies: 1, limit: None };
    scenario.pipelines.push(pipeline);
    add_faults(&mut scenario);
    scenario
}

/// A router of its own for the site, and everything that makes work wait.
fn add_faults(scenario: &mut Scenario) {
    let router = |name: &str| Router::named(name);
    scenario.network.routers.push(router("far"));
    scenario.network.links.push(Link {
        name: "between".into(),
        between: (RouterId(0), RouterId(1)),
        delay: SimDuration::from_secs_f64(0.02),
        bandwidth: 1e9,
        loss: 0.02,
        metric: 1,
        buffer: seconds(0.1),
        preference: None,
        prefixes_max: None,
    });
    scenario.sites[0].router = RouterId(1);
    let fault = |at_s: f64, lasts_s: f64, kind| Fault {
        name: format!("fault-{at_s}"),
        at: SimTime::ZERO + seconds(at_s),
        lasts: Some(seconds(lasts_s)),
        ramp: SimDuration::ZERO,
        flap: Some((seconds(15.0), seconds(25.0))),
        kind,
    };
    let hung = FaultKind::Hung { service: ServiceId(2), site: None, partition: Some(1) };
    let silent = FaultKind::RouterSilent { router: RouterId(1) };
    let lost = FaultKind::MassReconnect { client: None, site: None, share: 0.5 };
    scenario.faults =
        vec![fault(20.0, 560.0, hung), fault(60.0, 500.0, silent), fault(120.0, 10.0, lost)];
    scenario.services[0].service_time = Distribution::Exponential { mean: 0.25 };
    scenario.services[2].service_time = constant(0.35);
}

#[test]
fn every_deleted_record_is_missed() {
    let scenario = busy();
    let mut luck = Stream::named(RootSeed(1), "ledger fuzz");
    let mut deleted: Vec<Deleted> = Vec::new();
    let mut trial = Trial::new(&scenario, 7);
    for instant in 1..=INSTANTS {
        // A random instant in each of as many equal parts of the run.
        let part = (instant as f64 - luck.uniform()) / INSTANTS as f64;
        let until = SimTime::from_secs_f64(scenario.end().as_secs_f64() * part);
        trial.run(&scenario, until, &mut |_| {}).expect("an undamaged run balances");
        trial.traffic.check_ledgers(&trial.recorder).expect("undamaged books balance");
        for _ in 0..DELETIONS {
            let mut damaged = trial.traffic.clone();
            let Some(what) = damaged.exact().delete_in_flight(luck.next_u64()) else { continue };
            let found = damaged.check_ledgers(&trial.recorder);
            assert!(found.is_err(), "{what:?} deleted at {until}: nobody missed it");
            deleted.push(what);
        }
    }
    assert!(deleted.len() >= 1_000, "{} deletions", deleted.len());
    for stage in
        [Stage::Waiting, Stage::Serving, Stage::Stuck, Stage::Calling, Stage::CallingOutside]
    {
        assert!(deleted.contains(&Deleted::Job(stage)), "no job was deleted in {stage:?}");
    }
    for phase in [Phase::Parked, Phase::Sent, Phase::Lost, Phase::BackingOff] {
        let met = deleted.contains(&Deleted::Operation(phase));
        assert!(met, "no operation was deleted in {phase:?}");
    }
}
