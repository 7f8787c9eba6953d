//! The bundled scenarios: goldens, the contrast between their variants, and repetition.
//!
//! A golden holds the digest and the headline figures of a scenario file as it stands. Tests
//! are built with other settings than the released program, and `.ci/run` compares the digests
//! of both, so a golden that holds in both says that they agree. `BLESS=1 cargo test --test
//! replays` rewrites goldens and removes stale ones; the commit says which change moved them
//! and by how much.

use blackstart::measure::outcome::{Outcome, Results};
use blackstart::scenario::model::Fidelity;
use blackstart::scenario::{Options, load};
use blackstart::study;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const LYNC: &str = "lync-2014-06-23";
const EXCHANGE: &str = "exchange-2014-06-24";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn run_with(name: &str, options: &Options) -> Results {
    let path = root().join("scenarios").join(format!("{name}.yaml"));
    let loaded = load(&path, options).unwrap_or_else(|problems| panic!("{problems}"));
    let trials = study::trials(&loaded.scenario, &|_, _| {}).expect("the ledgers balance");
    study::results(&loaded.scenario, trials)
}

/// Request by request, the replays at the scale at which that is quick: 1/500 and 1/2000.
fn request_by_request(name: &str) -> Options {
    let scale = match name {
        LYNC => Some(500),
        EXCHANGE => Some(2_000),
        _ => None,
    };
    Options { scale, fidelity: Some(Fidelity::Exact), ..Options::default() }
}

fn variant(name: &str, variant: &str) -> Results {
    run_with(name, &Options { variant: Some(variant.into()), ..request_by_request(name) })
}

/// Both ways: all mailboxes in counts, as the file stands, and request by request.
fn both_ways(name: &str) -> [Results; 2] {
    [run_with(name, &Options::default()), run_with(name, &request_by_request(name))]
}

fn trial(results: &Results) -> &Outcome {
    &results.trials[0]
}

/// Impact until recovery [s]; `None`: not seen to end.
fn outage_s(outcome: &Outcome) -> Option<f64> {
    Some(outcome.incident.recovered_s? - outcome.incident.impact_s?)
}

/// Mean availability between two times from `start` [share].
fn availability(outcome: &Outcome, from_s: f64, to_s: f64) -> f64 {
    let series = &outcome.series;
    let window = |at_s: f64| (at_s / series.window_s) as usize;
    let values: Vec<f64> =
        series.availability[window(from_s)..window(to_s)].iter().flatten().copied().collect();
    values.iter().sum::<f64>() / values.len() as f64
}

fn headline(results: &Results) -> serde_json::Value {
    let outcome = trial(results);
    json!({
        "fidelity": results.scenario.fidelity,
        "scale": results.scenario.scale,
        "digest": results.digest,
        "passed": results.verdict.passed,
        "impact_s": outcome.incident.impact_s,
        "recovered_s": outcome.incident.recovered_s,
        "metastable": outcome.incident.metastable,
        "lowest_availability": outcome.incident.lowest_availability,
        "mailbox_minutes_lost": outcome.impact.mailbox_minutes_lost,
        "amplification_peak": outcome.impact.amplification_peak,
        "attempts": outcome.cost.attempts,
    })
}

fn scenario_names() -> BTreeSet<String> {
    let files = std::fs::read_dir(root().join("scenarios")).expect("the bundled scenarios");
    let yaml = files.filter_map(|file| {
        let path = file.expect("a readable folder").path();
        let is_yaml = path.extension().is_some_and(|end| end == "yaml");
        is_yaml.then(|| path.file_stem().unwrap().to_string_lossy().into_owned())
    });
    yaml.collect()
}

fn check_golden(name: &str, results: &[Results]) {
    let path = root().join("tests/golden").join(format!("{name}.json"));
    let headlines: Vec<serde_json::Value> = results.iter().map(headline).collect();
    let found = serde_json::to_string_pretty(&headlines).unwrap() + "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, found).expect("the golden can be written");
        return;
    }
    let golden = std::fs::read_to_string(&path)
        .unwrap_or_else(|_| panic!("{name} has no golden: BLESS=1 cargo test --test replays"));
    assert_eq!(found, golden, "{name} has moved: if it should have, BLESS=1 and say why");
}

#[test]
fn every_scenario_has_its_golden_and_every_golden_its_scenario() {
    let folder = root().join("tests/golden");
    let mut names = scenario_names();
    for file in std::fs::read_dir(folder).expect("the goldens") {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let known = names.remove(&name);
        if !known && std::env::var_os("BLESS").is_some() {
            std::fs::remove_file(&path).expect("a stale golden can be removed");
        } else {
            assert!(known, "{name} is the golden of no scenario");
        }
    }
    assert!(names.is_empty() || std::env::var_os("BLESS").is_some(), "without golden: {names:?}");
}

/// Little's law at every station: the area under its queue is the sum of its waits. What was
/// started in the warm-up, and what has waited and was not started, is all that can differ; where
/// waiting work was dropped, that is most of it.
fn check_little(outcome: &Outcome) {
    let books = outcome.series.stations.iter().zip(&outcome.ledgers.stations);
    for (station, _) in books.filter(|(_, ledger)| ledger.dropped == 0) {
        let area: f64 = station.queue.iter().sum::<f64>() * outcome.series.window_s;
        let waits = station.started * station.mean_wait_s.unwrap_or(0.0);
        let name = format!("{} at {}", station.service, station.site);
        assert!((area - waits).abs() <= 0.01 * area.max(1_000.0), "{name}: {area}, {waits}");
    }
}

#[test]
fn first_steps_is_as_it_was_and_repeats() {
    let first = run_with("first-steps", &Options::default());
    check_little(trial(&first));
    check_golden("first-steps", std::slice::from_ref(&first));
    assert_eq!(first.digest, run_with("first-steps", &Options::default()).digest);
    let other = Options { seed: Some(2), ..Options::default() };
    assert_ne!(first.digest, run_with("first-steps", &other).digest);
}

#[test]
fn lync_as_it_happened_shows_the_published_course() {
    let results = both_ways(LYNC);
    check_golden(LYNC, &results);
    results.iter().for_each(check_lync);
}

fn check_lync(results: &Results) {
    let outcome = trial(results);
    check_little(outcome);
    let incident = &outcome.incident;
    let clock = |hour: f64| (hour - 6.0) * 3_600.0;
    assert!(!results.verdict.passed, "it happened, and met no target of four hours");
    // One fault of at most 15 minutes, and nothing else that reduces capacity.
    let faults = outcome.timeline.iter().filter(|moment| moment.kind == "fault");
    assert_eq!(faults.count(), 1);
    assert!(incident.fault_end_s.unwrap() - incident.fault_s.unwrap() <= 900.0);
    // Connectivity was back in minutes, users were not; still degraded at 15:30.
    assert!(availability(outcome, clock(11.2), clock(12.1)) < 0.30);
    assert!(availability(outcome, clock(15.4), clock(15.5)) < 0.75);
    assert!(incident.metastable, "the overload kept itself up");
    // Sending a part of the traffic elsewhere brought a part of the users back.
    let (before, after) = (clock(12.1), clock(12.8));
    let gained =
        availability(outcome, after, after + 300.0) - availability(outcome, before - 300.0, before);
    assert!((0.10..0.30).contains(&gained), "{gained}");
    // Then all, after several hours.
    let hours = outage_s(outcome).expect("it ended that day") / 3_600.0;
    assert!((3.0..9.0).contains(&hours), "{hours} h");
    assert!(availability(outcome, clock(18.0), clock(19.0)) > 0.995);
}

#[test]
fn lync_without_its_sustaining_effect_is_an_outage_of_about_the_fault_s_length() {
    let results = variant(LYNC, "no-sustaining-effect");
    let outcome = trial(&results);
    let fault = outcome.incident.fault_end_s.unwrap() - outcome.incident.fault_s.unwrap();
    let outage = outage_s(outcome).expect("it ends by itself");
    assert!(outage <= 2.0 * fault, "{outage} s for a fault of {fault} s");
    assert!(outage >= 0.5 * fault, "the fault itself must hurt: {outage} s");
    assert!(!outcome.incident.metastable);
}

#[test]
fn lync_without_diversion_lasts_longer_or_does_not_end() {
    let results = variant(LYNC, "no-diversion");
    let outcome = trial(&results);
    assert!(outcome.incident.metastable);
    // As it happened it took 5 hours (the golden); here nobody moves or limits anything.
    assert!(outage_s(outcome).is_none_or(|outage| outage > 6.0 * 3_600.0));
}

#[test]
fn lync_without_the_fault_is_an_ordinary_day() {
    let results = variant(LYNC, "no-fault");
    let outcome = trial(&results);
    let all = availability(outcome, 0.0, 13.9 * 3_600.0);
    assert!(all >= 0.999, "{all}");
    for station in &outcome.series.stations {
        // Averages over five minutes: a window of ten seconds at 1/500 is noise.
        let slices = station.utilisation.chunks(30);
        let busiest = slices.map(|s| s.iter().flatten().sum::<f64>() / s.len() as f64);
        let busiest = busiest.fold(0.0, f64::max);
        assert!(busiest < 0.75, "{} at {}: {busiest}", station.service, station.site);
    }
    let alarms = outcome.timeline.iter().filter(|moment| moment.kind == "alarm");
    assert_eq!(alarms.count(), 0);
    assert_eq!(outcome.incident.impact_s, None);
}

#[test]
fn lync_rehearsed_meets_every_target() {
    let results = variant(LYNC, "rehearsed");
    assert!(results.verdict.passed, "{:#?}", results.verdict);
}

/// Share of the mail accepted between two clock hours of 24 June that came late.
fn mail_late(outcome: &Outcome, from_h: f64, to_h: f64) -> f64 {
    let mail = outcome.series.operations.iter().find(|op| op.operation == "transport").unwrap();
    let window = |hour: f64| ((hour - 4.0) * 3_600.0 / outcome.series.window_s) as usize;
    let sum = |of: &[f64]| of[window(from_h)..window(to_h)].iter().sum::<f64>();
    1.0 - sum(&mail.good_per_s) / sum(&mail.demand_per_s)
}

#[test]
fn exchange_as_it_happened_shows_the_published_course() {
    let results = both_ways(EXCHANGE);
    check_golden(EXCHANGE, &results);
    results.iter().for_each(check_exchange);
}

fn check_exchange(results: &Results) {
    let outcome = trial(results);
    check_little(outcome);
    assert!(!results.verdict.passed, "nine of ten messages were not prompt");
    // One fault, in one of twenty partitions; nothing else reduces any capacity.
    let faults = outcome.timeline.iter().filter(|moment| moment.kind == "fault");
    assert_eq!(faults.count(), 1);
    // A small subset had no access, for as long as the partition hung.
    let read = availability(outcome, 3.0 * 3_600.0, 13.5 * 3_600.0);
    assert!((0.94..0.97).contains(&read), "{read}");
    // Everybody's mail was late, for hours, until the delivery system was cut free.
    assert!(mail_late(outcome, 4.0, 6.4) < 1e-9);
    assert!(mail_late(outcome, 8.5, 12.0) > 0.99, "{}", mail_late(outcome, 8.5, 12.0));
    // Then the backlog drained: some reported service back at about 13:00, others later.
    assert!(mail_late(outcome, 14.0, 17.4) < 0.10, "{}", mail_late(outcome, 14.0, 17.4));
    // What comes back when the cause is mended at 17:50 makes all mail late once more.
    assert!(mail_late(outcome, 18.0, 18.07) > 0.9, "{}", mail_late(outcome, 18.0, 18.07));
    // Queued mail was still being delivered at 18:00, the oldest of it more than 8 hours late.
    let mail = &outcome.series.pipelines[0];
    let at = |hour: f64| ((hour - 4.0) * 3_600.0 / outcome.series.window_s) as usize;
    assert!(mail.backlog[at(18.0)] > 50e6, "{}", mail.backlog[at(18.0)]);
    assert!(mail.oldest_s[at(18.0)].unwrap() > 8.0 * 3_600.0);
    // By night it is over, and nothing was lost.
    assert!(mail_late(outcome, 20.0, 29.0) < 1e-3);
    let ledger = &outcome.ledgers.pipelines[0];
    assert_eq!((ledger.lost, ledger.bounced), (0, 0));
    assert_eq!(outcome.incident.published_s, None, "the status page said that all was well");
}

#[test]
fn exchange_with_workers_that_are_not_held_delays_the_partition_s_mail_only() {
    let results = variant(EXCHANGE, "no-held-workers");
    let late = mail_late(trial(&results), 8.5, 17.4);
    assert!((late - 0.05).abs() < 0.01, "{late}");
    assert!(results.verdict.passed, "{:#?}", results.verdict);
}

#[test]
fn exchange_without_the_cut_is_late_until_the_partition_is_mended() {
    let results = variant(EXCHANGE, "no-cut");
    assert!(mail_late(trial(&results), 8.5, 17.4) > 0.99);
    assert!(trial(&results).impact.mailbox_minutes_lost > 3e9, "a full pipeline takes no more");
}

#[test]
fn exchange_without_the_fault_is_an_ordinary_day() {
    let results = variant(EXCHANGE, "no-fault");
    let outcome = trial(&results);
    assert!(results.verdict.passed, "{:#?}", results.verdict);
    assert!(mail_late(outcome, 4.0, 29.5) < 1e-9);
    assert_eq!(outcome.incident.impact_s, None);
    assert_eq!(outcome.timeline.iter().filter(|moment| moment.kind == "alarm").count(), 0);
}

#[test]
fn exchange_rehearsed_meets_every_target() {
    let results = variant(EXCHANGE, "rehearsed");
    assert!(results.verdict.passed, "{:#?}", results.verdict);
}

/// Whether an alarm of this name rose.
fn rose(outcome: &Outcome, alarm: &str) -> bool {
    outcome.timeline.iter().any(|moment| moment.kind == "alarm" && moment.name == alarm)
}

#[test]
fn one_dead_ecmp_member_is_an_eighth_of_the_users_and_no_health_check_sees_it() {
    const NAME: &str = "dead-ecmp-member";
    let results = run_with(NAME, &Options::default());
    check_golden(NAME, std::slice::from_ref(&results));
    let outcome = trial(&results);
    let out = availability(outcome, 660.0, 2_000.0);
    assert!((out - 7.0 / 8.0).abs() < 0.02, "{out}");
    // Always the same ones: out for all of it, not all for a part of it.
    let (affected, mailboxes) = (outcome.impact.mailboxes_affected, outcome.impact.mailboxes);
    assert!((affected / mailboxes - 0.125).abs() < 0.02, "{affected}");
    assert!(!rose(outcome, "health-checks") && rose(outcome, "complaints"));
    assert!(variant(NAME, "people-look-closer").verdict.passed);
    assert_eq!(trial(&variant(NAME, "no-fault")).incident.impact_s, None);
}

#[test]
fn a_second_best_link_that_loses_its_own_keepalives_falls_over() {
    const NAME: &str = "second-best-link";
    let results = run_with(NAME, &Options::default());
    check_golden(NAME, std::slice::from_ref(&results));
    let (during, protected) = (
        availability(trial(&results), 500.0, 1_060.0),
        availability(trial(&variant(NAME, "protected")), 500.0, 1_060.0),
    );
    assert!(during < 0.2 && protected > 0.35, "{during}, {protected}");
    // Paths change again and again, though only one link was ever cut.
    let routes = |results: &Results| trial(results).network.routes.len();
    assert!(routes(&results) > 10 * routes(&variant(NAME, "protected")), "{}", routes(&results));
    assert!(variant(NAME, "protected").verdict.passed && !results.verdict.passed);
    assert!(variant(NAME, "wide-enough").verdict.passed);
}

#[test]
fn what_is_withdrawn_with_its_tools_comes_back_when_somebody_gets_there() {
    const NAME: &str = "withdrawn-with-the-tools";
    let results = run_with(NAME, &Options::default());
    check_golden(NAME, std::slice::from_ref(&results));
    let (there, beside) = (
        outage_s(trial(&results)).expect("it ends"),
        outage_s(trial(&variant(NAME, "out-of-band-works"))).expect("it ends"),
    );
    assert!(availability(trial(&results), 660.0, 1_800.0) < 0.01);
    assert!(beside < 1_200.0 && there > 2.0 * beside, "{there}, {beside}");
}

#[test]
fn a_silent_router_is_unseen_by_servers() {
    const NAME: &str = "unseen-by-servers";
    let results = run_with(NAME, &Options::default());
    check_golden(NAME, std::slice::from_ref(&results));
    let outcome = trial(&results);
    assert!((availability(outcome, 660.0, 2_000.0) - 0.5).abs() < 0.02);
    assert!(!rose(outcome, "servers") && rose(outcome, "outside"));
    assert!(outcome.incident.acted_s.is_none(), "nobody was called");
    assert!(variant(NAME, "watched-from-outside").verdict.passed);
}

#[test]
fn an_anycast_name_moves_all_or_nothing_and_all_sign_in_at_once() {
    const NAME: &str = "moved-by-a-withdrawal";
    let results = run_with(NAME, &Options::default());
    check_golden(NAME, std::slice::from_ref(&results));
    let outcome = trial(&results);
    // All of the west and a fifth of the east are the catchment of san-jose: 60 %.
    let share = |outcome: &Outcome, site: usize, at_s: f64| {
        outcome.series.steering[0].shares[site][(at_s / outcome.series.window_s) as usize]
    };
    assert!((share(outcome, 1, 300.0) - 0.6).abs() < 1e-9);
    assert!((share(outcome, 0, 900.0) - 1.0).abs() < 1e-9);
    assert!((share(outcome, 1, 3_000.0) - 0.6).abs() < 1e-9);
    // Two storms, the second when it is mended; routing itself took a quarter of a second.
    assert!(!results.verdict.passed && availability(outcome, 600.0, 660.0) < 0.3);
    assert!(availability(outcome, 1_200.0, 2_000.0) > 0.99);
    // Now only the catchment that moves back (60 %) suffers: ashburn has room.
    assert!(availability(outcome, 2_110.0, 2_160.0) < 0.6);
    assert_eq!(outcome.network.events.len(), 2);
    assert!(outcome.network.events.iter().all(|event| event.converged_s < Some(1.0)));
    assert!(variant(NAME, "room-for-all").verdict.passed);
    let reserve = variant(NAME, "prepended");
    assert!((share(trial(&reserve), 0, 1_200.0) - 1.0).abs() < 1e-9);
    let hijacked = trial(&variant(NAME, "hijacked")).clone();
    assert_eq!(availability(&hijacked, 720.0, 1_790.0), 0.0);
    assert_eq!(trial(&variant(NAME, "no-fault")).incident.impact_s, None);
}
