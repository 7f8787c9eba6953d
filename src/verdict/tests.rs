//! Verdicts on trials written out minute by minute.

use super::*;
use crate::kernel::time::SimDuration;
use crate::measure::outcome::*;
use crate::scenario::capacity::tests::small;
use crate::scenario::model::{OperationId, Phase, TargetKind};

/// A trial of one operation, a window a minute: `.` good, `x` half of it not, `_` no demand.
fn trial(minutes: &str) -> Outcome {
    let of = |good: f64, half: f64| {
        let value = |letter| match letter {
            '.' => good,
            'x' => half,
            _ => 0.0,
        };
        minutes.chars().map(value).collect::<Vec<f64>>()
    };
    let none = vec![0.0; minutes.len()];
    let operation = OperationSeries {
        client: "phone".into(),
        operation: "read".into(),
        demand_per_s: of(100.0, 100.0),
        good_per_s: of(100.0, 50.0),
        late_per_s: none.clone(),
        failed_per_s: of(0.0, 50.0),
        suppressed_per_s: none.clone(),
        first_attempts_per_s: of(100.0, 100.0),
        attempts_per_s: of(100.0, 100.0),
        answered_per_s: of(100.0, 50.0),
        latency_p50_s: vec![],
        latency_p99_s: vec![],
    };
    let series = Series {
        window_s: 60.0,
        windows: minutes.len(),
        availability: vec![],
        amplification: vec![],
        slice_s: 60.0,
        operations: vec![operation],
        regions: vec![],
        stations: vec![],
        middleboxes: vec![],
        links: vec![],
        sessions: vec![],
        pipelines: vec![],
        steering: vec![],
    };
    Outcome {
        seed: 1,
        series,
        latency: vec![],
        incident: Incident { fault_s: Some(120.0), ..Incident::default() },
        impact: Impact::default(),
        ledgers: Ledgers::default(),
        timeline: vec![],
        network: Default::default(),
        cost: Cost::default(),
        digest: String::new(),
    }
}

fn minutes(count: u64) -> SimDuration {
    SimDuration::from_secs(60 * count)
}

fn judged(kind: TargetKind, confidence: f64, trials: &[Outcome]) -> Judgement {
    let mut scenario = small();
    scenario.targets = vec![Target { name: "target".into(), confidence, kind }];
    judge(&scenario, trials).targets.remove(0)
}

fn recovery_time(objective: u64, relapse_allowed: bool) -> TargetKind {
    let (objective, sustained) = (minutes(objective), minutes(3));
    TargetKind::RecoveryTime { objective, availability: 0.99, sustained, relapse_allowed }
}

#[test]
fn recovery_is_worked_out_at_the_targets_own_threshold() {
    let judgement = judged(recovery_time(4, false), 1.0, &[trial("..xxxx....")]);
    assert_eq!(judgement.achieved, "4m after impact");
    assert!(judgement.met);
    assert!(!judged(recovery_time(3, false), 1.0, &[trial("..xxxx....")]).met);
    let objective = "availability of 99 % again within 4m of impact, for 3m";
    assert_eq!(judgement.objective, objective);
}

#[test]
fn an_incident_of_the_same_threshold_is_taken_as_it_stands() {
    let mut known = trial("..xxxx....");
    known.incident.threshold = 0.99;
    known.incident.sustained_s = 180.0;
    (known.incident.impact_s, known.incident.recovered_s) = (Some(130.0), Some(190.0));
    assert_eq!(judged(recovery_time(4, false), 1.0, &[known]).achieved, "1m after impact");
}

#[test]
fn a_censored_recovery_fails_and_no_impact_meets() {
    let censored = judged(recovery_time(100, false), 1.0, &[trial("..xxxx..")]);
    assert!(!censored.met);
    assert_eq!(censored.achieved, "not seen before the end (impact began 2m after start)");
    let nothing = judged(recovery_time(1, false), 1.0, &[trial("x.......")]);
    assert_eq!((nothing.met, nothing.achieved.as_str()), (true, "no impact"));
}

#[test]
fn a_relapse_counts_unless_it_is_allowed() {
    let relapsing = [trial("..xx...xx...")];
    let strict = judged(recovery_time(4, false), 1.0, &relapsing);
    assert_eq!((strict.met, strict.achieved.as_str()), (false, "7m after impact, after a relapse"));
    let lenient = judged(recovery_time(4, true), 1.0, &relapsing);
    assert_eq!((lenient.met, lenient.achieved.as_str()), (true, "2m after impact"));
}

#[test]
fn a_target_is_met_when_enough_trials_meet_it() {
    let mut trials = vec![trial("..x......"); 19];
    trials.push(trial("..xxxxxxx"));
    let strict = judged(recovery_time(2, false), 1.0, &trials);
    assert_eq!((strict.met, strict.trials_met, strict.trials), (false, 19, 20));
    let enough = judged(recovery_time(2, false), 0.95, &trials);
    assert!(enough.met);
    assert_eq!(enough.achieved, "1m after impact (median of 20 trials)");
    assert!(!judged(recovery_time(2, false), 0.96, &trials).met);
    assert!(!judged(recovery_time(2, false), 0.0, &[]).met, "no trial shows nothing");
}

fn row(region: &str, phase: &str, histogram: &[(f64, u64)]) -> LatencyRow {
    LatencyRow {
        region: Some(region.into()),
        client: "phone".into(),
        operation: "read".into(),
        phase: phase.into(),
        count: histogram.iter().map(|bin| bin.1).sum(),
        mean_s: 0.0,
        quantiles: vec![],
        histogram: histogram.to_vec(),
    }
}

#[test]
fn a_latency_quantile_is_read_off_all_regions_together() {
    let mut both = trial("....");
    both.incident.impact_s = Some(0.0);
    both.latency = vec![
        row("east", "after", &[(0.1, 50), (0.5, 1)]),
        row("west", "after", &[(0.1, 48), (2.0, 1)]),
        row("west", "before", &[(9.0, 1_000)]),
    ];
    let kind = |quantile, operation| TargetKind::Latency {
        operation,
        quantile,
        at_most: SimDuration::from_millis(500),
        phase: Phase::After,
    };
    let p99 = judged(kind(0.99, Some(OperationId(0))), 1.0, std::slice::from_ref(&both));
    assert_eq!((p99.met, p99.achieved.as_str()), (true, "99 % of the answers within 500ms"));
    let p999 = judged(kind(0.999, None), 1.0, std::slice::from_ref(&both));
    assert_eq!((p999.met, p999.achieved.as_str()), (false, "99.9 % of the answers within 2s"));
    both.latency.clear();
    let nothing = judged(kind(0.5, None), 1.0, &[both]);
    assert!(!nothing.met && nothing.achieved.starts_with("no data"), "{}", nothing.achieved);
}

#[test]
fn availability_is_judged_in_its_phase() {
    let kind = |phase| TargetKind::Availability { operation: None, at_least: 0.9, phase };
    let mut run = trial("..xx......");
    (run.incident.impact_s, run.incident.recovered_s) = (Some(120.0), Some(240.0));
    let share = |phase| judged(kind(phase), 1.0, std::slice::from_ref(&run));
    assert_eq!(share(Phase::All).achieved, "90 %");
    assert!(share(Phase::All).met);
    assert_eq!(share(Phase::During).achieved, "50 %");
    assert_eq!(share(Phase::After).achieved, "100 %");
    let mut censored = trial("..xx");
    censored.incident.impact_s = Some(120.0);
    let after = judged(kind(Phase::After), 1.0, &[censored]);
    assert!(!after.met && after.achieved.starts_with("no data"));
}

#[test]
fn sessions_are_restored_when_they_stay_above_the_share() {
    let mut run = trial("..........");
    run.incident.impact_s = Some(120.0);
    let kind = TargetKind::SessionsRestored { share: 0.99, within: minutes(4) };
    assert_eq!(
        judged(kind.clone(), 1.0, std::slice::from_ref(&run)).achieved,
        "no client holds sessions"
    );
    let signed_in = [100.0, 100.0, 60.0, 40.0, 80.0, 99.0, 98.0, 100.0, 100.0, 100.0];
    run.series.sessions = vec![SessionSeries {
        client: "phone".into(),
        present: vec![100.0; 10],
        signed_in: vec![signed_in.map(|n| n * 0.75).to_vec(), signed_in.map(|n| n * 0.25).to_vec()],
        signing_in: vec![0.0; 10],
    }];
    let judgement = judged(kind, 1.0, &[run]);
    assert_eq!((judgement.met, judgement.achieved.as_str()), (true, "3m after impact"));
}

#[test]
fn sums_are_compared_with_their_limits() {
    let mut run = trial("....");
    run.impact.mailbox_minutes_lost = 12.34e6;
    run.impact.writes_lost = 3.0;
    let lost = |at_most| {
        judged(TargetKind::MailboxMinutesLost { at_most }, 1.0, std::slice::from_ref(&run))
    };
    assert_eq!(lost(600e6).achieved, "12.3M mailbox-minutes lost");
    assert!(lost(600e6).met && !lost(12e6).met);
    let writes = judged(TargetKind::DataLoss { at_most: 2.0 }, 1.0, &[run]);
    assert_eq!((writes.met, writes.achieved.as_str()), (false, "3 writes lost"));
}

#[test]
fn a_backlog_without_an_end_is_not_drained() {
    let mut run = trial("....");
    run.incident.impact_s = Some(60.0);
    run.series.pipelines = vec![PipelineSeries {
        name: "mail".into(),
        good_within_s: 300.0,
        backlog: vec![0.0; 4],
        oldest_s: vec![None; 4],
        delivered_per_s: vec![0.0; 4],
        bounced_per_s: vec![0.0; 4],
    }];
    let kind = TargetKind::BacklogDrained { within: minutes(2) };
    assert!(!judged(kind.clone(), 1.0, std::slice::from_ref(&run)).met);
    run.incident.drained_s = Some(180.0);
    assert!(judged(kind, 1.0, &[run]).met);
}

#[test]
fn without_targets_the_verdict_passes() {
    assert!(judge(&small(), &[trial("xxxx")]).passed);
}
