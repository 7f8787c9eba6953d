//! Mail: what holds the workers that deliver it, what frees them, what it may hold at most.

use blackstart::measure::outcome::Outcome;
use blackstart::scenario::problem::Code;
use blackstart::scenario::{Options, parse};
use blackstart::study;

/// 10 messages a second; 40 workers, 40 ms each; a directory in four parts that answers at once.
const MAIL: &str = r#"
blackstart: 1
name: mail
title: Mail
clock: { start: "2026-01-12T09:00[UTC]", duration: 2h 30m, warmup: 1m, window: 10s }
seed: 1
network:
  routers: { users: {}, north: {} }
  links: { wire: { between: [users, north], delay: 5ms, bandwidth: 1Gbps } }
regions:
  office: { mailboxes: 10k, time_zone: UTC, routers: { users: 100% }, clients: { outlook: 100% } }
sites: { north: { router: north } }
services:
  front-door:
    sites: { north: { instances: 1 } }
    concurrency: 1000
    service_time: { constant: 20ms }
  directory:
    sites: { north: { instances: 1 } }
    concurrency: 4000
    partitions: 4
    service_time: { constant: 2ms }
    abandoned_work: dropped
  transport:
    sites: { north: { instances: 1 } }
    concurrency: 40
    service_time: { exponential: { mean: 40ms } }
    calls: [{ service: directory, timeout: 30s }]
pipelines:
  post:
    enters: transport
    timeout: 1d
    retry: { attempts: unlimited, backoff: { constant: 20m } }
    expires: 1d
    good_within: 1m
    limit: 20k
clients:
  outlook:
    operations:
      send: { enters: front-door, rate: 7.2/h, timeout: 10s, feeds: post, retry: { attempts: 1 } }
steering: { post: { dns: { ttl: 1m }, answers: { north: 100% } } }
faults:
  hangs: { at: 10m, for: 90m, fault: { hung: { service: directory, partition: 2 } } }
runbook:
  cut: { at: 20m, do: { isolate: { service: directory, partition: 2, from: transport } } }
  join: { at: 101m, do: { rejoin: { service: directory, partition: 2, from: transport } } }
"#;

fn run(text: &str) -> Outcome {
    let loaded = parse(text, &Options::default()).unwrap_or_else(|problems| panic!("{problems}"));
    study::trials(&loaded.scenario, &|_, _| {}).expect("the ledgers balance").remove(0)
}

/// Share of the messages accepted between two times [min] that were not delivered in time.
fn late(outcome: &Outcome, from: usize, to: usize) -> f64 {
    let post = outcome.series.operations.iter().find(|op| op.operation == "post").unwrap();
    let sum = |of: &[f64]| of[6 * from..6 * to].iter().sum::<f64>();
    1.0 - sum(&post.good_per_s) / sum(&post.demand_per_s)
}

#[test]
fn workers_held_by_one_partition_delay_all_mail_until_they_are_cut_free() {
    let outcome = run(MAIL);
    assert!(late(&outcome, 0, 9) < 1e-9);
    // A quarter of 10/s, held for 30 s each: 75 workers of 40. All mail waits.
    assert!(late(&outcome, 16, 19) > 0.9, "{}", late(&outcome, 16, 19));
    // Cut free: only the partition's own mail, a quarter, waits for it.
    let after = late(&outcome, 30, 60);
    assert!((after - 0.25).abs() < 0.02, "{after}");
    // The others' calls are not cut, and what was late is delivered once the partition is mended.
    let ledger = &outcome.ledgers.pipelines[0];
    assert!(ledger.queued < 30 && ledger.bounced == 0, "{ledger:?}");
}

#[test]
fn an_isolation_of_another_caller_or_partition_frees_nobody() {
    let held = |cut: &str| {
        let outcome =
            run(&MAIL
                .replace("isolate: { service: directory, partition: 2, from: transport } }", cut));
        late(&outcome, 30, 60)
    };
    let other = held("isolate: { service: directory, partition: 1, from: transport } }");
    assert!(other > 0.9, "{other}");
    assert!(
        (held("isolate: { service: directory, partition: 2 } }") - 0.25).abs() < 0.02,
        "all callers are cut off"
    );
    // Joined again while it still hangs: the workers are held again.
    let joined = MAIL.replace("at: 101m", "at: 25m");
    let joined = late(&run(&joined), 40, 60);
    assert!(joined > 0.9, "{joined}");
}

#[test]
fn a_full_pipeline_takes_no_more_and_its_senders_are_refused() {
    let never = MAIL.replace("at: 20m", "at: 1h 59m").replace("20k", "5k");
    let outcome = run(&never);
    let post = &outcome.series.pipelines[0];
    let highest = post.backlog.iter().copied().fold(0.0, f64::max);
    // What was on its way through the front door when it filled still gets in.
    assert!((5_000.0..5_010.0).contains(&highest), "{highest}");
    let send = outcome.series.operations.iter().find(|op| op.operation == "send").unwrap();
    assert!(send.failed_per_s[6 * 80] > 0.0, "refused while it is full");
    let unlimited = run(&never.replace("    limit: 5k\n", ""));
    assert!(unlimited.series.pipelines[0].backlog.iter().copied().fold(0.0, f64::max) > 10_000.0);
}

#[test]
fn what_does_not_call_can_not_be_isolated() {
    let code = |cut: &str| {
        let text =
            MAIL.replace("isolate: { service: directory, partition: 2, from: transport } }", cut);
        parse(&text, &Options::default()).expect_err("an error").list[0].code
    };
    assert_eq!(
        code("isolate: { service: directory, partition: 2, from: front-door } }"),
        Code::Conflict
    );
    assert_eq!(
        code("isolate: { service: directory, partition: 4, from: transport } }"),
        Code::OutOfRange
    );
    assert_eq!(code("isolate: { service: directory, from: nobody } }"), Code::UnknownName);
}
