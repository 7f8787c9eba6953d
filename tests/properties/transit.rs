//! What is on its way when its path breaks.

use blackstart::scenario::{Options, parse};
use blackstart::simulation;

/// One link of 2 s, cut for one second: what was sent into the cut is lost, and so is what was
/// sent up to 2 s before and would have arrived in it.
#[test]
fn a_broken_path_loses_what_is_in_transit() {
    let text = "
blackstart: 1
name: transit
title: transit
description: a long link
clock: { start: '2026-01-12T09:00[Etc/UTC]', duration: 2m, warmup: 1m, window: 10s }
seed: 1
network:
  routing: { detect: 100s, spf: { initial: 100s } }
  routers: { a: {}, b: {} }
  links: { long: { between: [a, b], delay: 2s, bandwidth: 10Gbps } }
regions:
  all:
    mailboxes: 1000
    time_zone: Etc/UTC
    routers: { a: 100% }
    clients: { c: 100% }
sites: { s: { router: b } }
services:
  web:
    sites: { s: { instances: 1 } }
    concurrency: 1000
    service_time: { constant: 1ms }
clients:
  c:
    session: { sign_in: in, keepalive: 60s, lost_after: never }
    operations:
      in: { enters: web, timeout: 20s, retry: { attempts: 1 } }
      get: { enters: web, rate: 360/h, timeout: 20s, retry: { attempts: 1 } }
steering: { name: { direct: {}, answers: { s: 100% } } }
faults:
  cut: { at: 60s, for: 1s, fault: { link_down: { link: long } } }
";
    let loaded = parse(text, &Options::default()).unwrap_or_else(|p| panic!("{p}"));
    let outcome = simulation::run(&loaded.scenario, 1, &mut |_| {}).expect("ledgers balance");
    let get = outcome.ledgers.clients.iter().find(|row| row.operation == "get").unwrap();
    // 100 a second: 100 sent into the cut, and 100 that would have arrived in it.
    let lost = get.lost as f64;
    assert!((lost - 200.0).abs() < 4.0 * 200.0_f64.sqrt(), "{lost} lost");
}
