//! What a right scenario file becomes.

use blackstart::kernel::sample::Distribution;
use blackstart::kernel::time::{SimDuration, SimTime};
use blackstart::scenario::model::*;
use blackstart::scenario::{Fidelity, Loaded, Options, load, parse, schema};

const FULL: &str = include_str!("scenario/full.yaml");

fn full(options: &Options) -> Loaded {
    parse(FULL, options).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn variant(name: &str) -> Options {
    Options { variant: Some(name.to_owned()), ..Options::default() }
}

#[test]
fn every_key_reaches_the_model() {
    let Loaded { scenario, warnings, .. } = full(&Options::default());
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(scenario.clock.start_unix_s, 1_403_517_600);
    assert_eq!(scenario.end(), SimTime::from_secs(14 * 3_600 + 1_800));
    assert_eq!((scenario.seed, scenario.seeds, scenario.scale), (20_140_623, 3, 100));
    assert_eq!(scenario.network.routers.len(), 12);
    assert_eq!(scenario.network.links.len(), 15);
    assert_eq!(scenario.regions[0].routers[1].1, 1.0 - 0.6);
    assert_eq!(scenario.regions[1].utc_offset_s, -7 * 3_600);
    assert_eq!(scenario.regions[1].load.points, [(0.0, 1.0)]);
    assert_eq!(scenario.operations.len(), 5);
    assert_eq!(scenario.operations[2].load, Load::Rate { per_hour: 9.0 });
    assert_eq!(scenario.operations[2].feeds, Some(PipelineId(0)));
    assert_eq!(scenario.operations[4].by, Demander::Pipeline(PipelineId(0)));
    assert_eq!(scenario.pipelines[0].delivery, OperationId(4));
    assert_eq!(scenario.clients[0].session.as_ref().unwrap().sign_in, OperationId(0));
    assert_eq!(scenario.faults[0].at, SimTime::from_secs(1_800 + 4 * 3_600 + 50 * 60));
    let flap = Some((SimDuration::from_secs(5), SimDuration::from_secs(20)));
    assert_eq!(
        (scenario.faults[2].flap, &scenario.faults[2].kind),
        (flap, &FaultKind::LinkDown { link: scenario_link(&scenario, "alone-chicago") })
    );
    let call = &scenario.services[0].calls[0];
    assert_eq!(
        (call.times, call.required, &call.operations[..]),
        (2, false, &[OperationId(0)][..])
    );
    assert_eq!(scenario.runbook[0].phase, StepPhase::Decide);
    assert_eq!(scenario.runbook[0].after, [Trigger::Alarm(AlarmId(0))]);
    assert_eq!(scenario.runbook[3].delay, Distribution::Constant { value: 0.0 });
    assert_eq!(scenario.runbook[2].otherwise, Otherwise::Wait(SimDuration::from_secs(1_800)));
    assert_eq!(scenario.targets.len(), 7);
    assert_eq!(scenario.variants.len(), 5);
}

fn scenario_link(scenario: &Scenario, name: &str) -> LinkId {
    LinkId(scenario.network.links.iter().position(|link| link.name == name).unwrap() as u32)
}

#[test]
fn delays_follow_from_distances() {
    let scenario = full(&Options::default()).scenario;
    let link = &scenario.network.links[scenario_link(&scenario, "washington-new-york").index()];
    // 328 km x 1.4 / 200 km/ms.
    assert!((link.delay.as_secs_f64() - 0.0023).abs() < 1e-4, "{}", link.delay);
    assert_eq!(link.metric, 233);
}

#[test]
fn conditions_are_resolved() {
    let scenario = full(&Options::default()).scenario;
    let Condition::Compare(low) = &scenario.observers.alarms[0].when else {
        panic!("{:?}", scenario.observers.alarms[0]);
    };
    assert_eq!(low.quantity.measure, Measure::SuccessRate);
    assert_eq!(low.quantity.seen_by, Vantage::Probes);
    assert_eq!((low.operator, low.value), (Operator::Below, 0.98));
    assert_eq!(low.sustained, SimDuration::from_secs(300));
    let Some(Condition::And(parts)) = &scenario.runbook[5].when else {
        panic!("{:?}", scenario.runbook[5].when);
    };
    let Condition::Compare(projected) = &parts[1] else { panic!("{parts:?}") };
    assert!(projected.quantity.projected);
    assert_eq!(projected.quantity.site, Some(SiteId(0)));
    let Some(Condition::And(parts)) = &scenario.runbook[4].when else { panic!("unshed") };
    assert_eq!(parts[0], Condition::Done(StepId(2)));
    let Condition::NoData(latency) = &parts[1] else { panic!("{parts:?}") };
    assert_eq!(latency.measure, Measure::Latency(0.99));
    assert_eq!(latency.operation, Some(OperationId(2)));
}

#[test]
fn variants_and_overrides_are_laid_over() {
    let fast = full(&variant("fast-detection")).scenario;
    assert_eq!(fast.network.routing.detect, SimDuration::from_millis(150));
    assert_eq!(fast.variant.as_deref(), Some("fast-detection"));
    let calm = full(&variant("no-sustaining-effect")).scenario;
    assert_eq!(calm.clients[0].session.as_ref().unwrap().lost_after, None);
    assert_eq!(calm.operations[2].retry.attempts, Some(1));
    assert_eq!(full(&variant("no-fault")).scenario.faults.len(), 15);
    let names: Vec<String> =
        full(&variant("no-diversion")).scenario.runbook.into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["notice", "s1", "s2", "s3", "s4", "s5"], "what follows part-1 goes too");
    let options = Options {
        overrides: vec![
            ("network.routing.detect".into(), "3s".into()),
            ("steering.web.answers".into(), "{ chicago: 50%, san-antonio: rest }".into()),
            ("seed".into(), "7".into()),
        ],
        scale: Some(50),
        fidelity: Some(Fidelity::Auto),
        seed: Some(9),
        ..variant("fast-detection")
    };
    let set = full(&options).scenario;
    assert_eq!(set.network.routing.detect, SimDuration::from_secs(3));
    assert_eq!(set.steering[1].answers, [(SiteId(0), 0.5), (SiteId(1), 0.5)]);
    assert_eq!((set.seed, set.scale, set.fidelity), (9, 50, Fidelity::Auto));
}

#[test]
fn the_digest_is_of_what_it_says_not_of_how() {
    let plain = full(&Options::default()).scenario;
    let commented = parse(&format!("# another comment\n{FULL}"), &Options::default()).unwrap();
    assert_eq!(plain.digest(), commented.scenario.digest());
    let other = Options { seed: Some(2), ..Options::default() };
    assert_ne!(plain.digest(), full(&other).scenario.digest());
}

#[test]
fn files_include_files_below_them_and_the_library() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("parts")).unwrap();
    let clock =
        "clock: { start: \"2014-06-23T06:00[America/New_York]\", duration: 14h }\nseed: 5\n";
    std::fs::write(folder.path().join("parts/clock.yaml"), clock).unwrap();
    let main: String = FULL
        .lines()
        .filter(|line| !line.starts_with("clock:"))
        .map(|line| format!("{line}\n"))
        .collect();
    let main = main.replace("include: [", "include: [parts/clock.yaml, ");
    let path = folder.path().join("main.yaml");
    std::fs::write(&path, main).unwrap();
    let loaded = load(&path, &Options::default()).unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(loaded.scenario.clock.warmup, SimDuration::from_secs(600), "the default");
    assert_eq!(loaded.scenario.seed, 20_140_623, "the including file wins");
    assert_eq!(loaded.sources.0.len(), 3);
}

#[test]
fn the_library_makes_a_scenario() {
    let text = "
blackstart: 1
name: library
clock: { start: \"2014-06-23T06:00[America/New_York]\", duration: 14h }
include: [library/us-backbone.yaml, library/us-mailboxes.yaml]
sites: { chicago: { router: chicago } }
services:
  front:
    { sites: { chicago: { instances: 9000 } }, concurrency: 64, service_time: { constant: 1ms } }
clients: { desktop: { operations: { message: { enters: front, rate: 9/h, timeout: 10s } } } }
steering: { name: { direct: {}, answers: { chicago: 100% } } }
";
    let loaded = parse(text, &Options::default()).unwrap_or_else(|p| panic!("{p}"));
    let mailboxes: u64 = loaded.scenario.regions.iter().map(|region| region.mailboxes).sum();
    assert_eq!(mailboxes, 50_000_000);
    assert_eq!(loaded.scenario.regions[0].present.peak(), 0.7);
}

#[test]
fn the_schema_holds_for_what_the_parser_takes() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let document: serde_json::Value = serde_yaml::from_str(FULL).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&document)
        .map(|e| format!("{} at {}", e, e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let mut wrong = document.clone();
    wrong["clock"]["zzz"] = serde_json::json!(1);
    assert!(!validator.is_valid(&wrong));
    let mut wrong = document;
    wrong["clock"]["duration"] = serde_json::json!("14 years");
    assert!(!validator.is_valid(&wrong));
}
