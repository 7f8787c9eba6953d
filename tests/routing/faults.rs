//! What each fault and each order does to the way from users to a site, in one small internet.
//!
//! `home` buys from two providers, `one` and `two`, and so does `corp`, where the site is. All
//! paths are equally long, so the first neighbour is taken: `u > p1 > e1 > core`, and the same way
//! back.

use blackstart::kernel::time::SimTime;
use blackstart::measure::outcome::RouteRow;
use blackstart::scenario::{Fidelity, Options, parse, time_of};
use blackstart::simulation::{fidelity, routes};

const INTERNET: &str = r#"
blackstart: 1
name: internet
clock: { start: "2026-01-12T09:00[UTC]", duration: 40m, warmup: 1m }
network:
  routing: { profile: bfd-tuned, bgp: { jitter: no } }
  systems:
    one: { customers: [home, corp, rogue] }
    two: { customers: [home, corp] }
    home: {}
    corp: {}
    rogue: {}
  routers:
    u: { as: home }
    h: { as: rogue }
    p1: { as: one }
    p2: { as: two }
    e1: { as: corp }
    e2: { as: corp }
    core: { as: corp }
  links:
    u-p1: { between: [u, p1], delay: 1ms, bandwidth: 1Gbps }
    u-p2: { between: [u, p2], delay: 1ms, bandwidth: 1Gbps }
    p1-h: { between: [p1, h], delay: 1ms, bandwidth: 1Gbps }
    p1-e1: { between: [p1, e1], delay: 1ms, bandwidth: 1Gbps }
    p2-e2: { between: [p2, e2], delay: 1ms, bandwidth: 1Gbps }
    e1-core: { between: [e1, core], delay: 1ms, metric: 10, bandwidth: 1Gbps }
    e2-core: { between: [e2, core], delay: 1ms, metric: 10, bandwidth: 1Gbps }
    e1-e2: { between: [e1, e2], delay: 1ms, metric: 15, bandwidth: 1Gbps }
  prefixes:
    part: { sites: [main], within: main, announced: no }
regions:
  users: { mailboxes: 100, time_zone: UTC, routers: { u: 100% }, clients: { browser: 100% } }
sites: { main: { router: core } }
services:
  web: { sites: { main: { instances: 1 } }, concurrency: 20, service_time: { constant: 20ms } }
clients:
  browser:
    operations:
      read: { enters: web, rate: 6/h, size: 1KiB, timeout: 4s, retry: { attempts: 1 } }
steering: { mail: { dns: { ttl: 1m }, answers: { main: 100% } } }
faults: {}
runbook: {}
"#;

const USUAL: &str = "u > p1 > e1 > core";
const OTHER: &str = "u > p2 > e2 > core";

/// The way there at a time, its end where it is not the site, and the share that is carried.
fn way(row: &RouteRow) -> (String, f64) {
    let path = &row.paths[0];
    let end = match path.there_ends.as_str() {
        "delivered" => String::new(),
        end => format!(" [{end}]"),
    };
    (format!("{}{end}", path.there.join(" > ")), row.carried)
}

fn rows(faults: &str, runbook: &str, times: &[&str]) -> Vec<RouteRow> {
    let text = INTERNET
        .replace("faults: {}", &format!("faults: {{ {faults} }}"))
        .replace("runbook: {}", &format!("runbook: {{ {runbook} }}"));
    let loaded = parse(&text, &Options::default()).unwrap_or_else(|p| panic!("{p}"));
    let at = |text: &&str| time_of(&loaded.scenario, text).expect("a time");
    let times: Vec<SimTime> = times.iter().map(at).collect();
    let found = routes::at_times(&loaded.scenario, 1, &times).expect("it runs");
    found.into_iter().map(|rows| rows[0].clone()).collect()
}

/// After a fault of five minutes from minute 5: as expected at 9:00, and as usual at 20:00.
fn fault(kind: &str, expected: (&str, f64)) {
    let text = format!("it: {{ at: 5m, for: 5m, fault: {{ {kind} }} }}");
    let rows = rows(&text, "", &["4m", "9m", "20m"]);
    assert_eq!(way(&rows[0]), (USUAL.to_owned(), 1.0));
    assert_eq!(way(&rows[1]), (expected.0.to_owned(), expected.1), "{kind}");
    assert_eq!(way(&rows[2]), (USUAL.to_owned(), 1.0), "{kind} leaves a trace");
}

#[test]
fn faults_lead_where_they_should_and_leave_no_trace() {
    fault("link_down: { link: p1-e1 }", (OTHER, 1.0));
    fault("link_silent: { link: p1-e1 }", (USUAL, 0.0));
    fault("link_loss: { link: p1-e1, from: p1, loss: 100% }", (OTHER, 1.0));
    fault("duct_cut: { links: [p1-e1, p2-e2] }", ("u [no route]", 0.0));
    fault("router_down: { router: e1 }", (OTHER, 1.0));
    fault("router_silent: { router: e1 }", (USUAL, 0.0));
    fault("partition: { routers: [p1, h, e1] }", (OTHER, 1.0));
    fault("partition: { routers: [core] }", ("u [no route]", 0.0));
    fault("prefix_withdrawn: { prefix: main }", ("u [no route]", 0.0));
    fault("system_withdrawn: { system: corp }", ("u [no route]", 0.0));
    fault("weight_mistake: { link: e1-core, metric: 100 }", ("u > p1 > e1 > e2 > core", 1.0));
    fault("prefix_hijacked: { prefix: main, by: h }", ("u > p1 > h [elsewhere]", 0.0));
    let more = "prefix_hijacked: { prefix: main, by: h, more_specific: yes }";
    fault(more, ("u > p1 > h [elsewhere]", 0.0));
}

#[test]
fn a_site_that_no_policy_leads_to_is_told() {
    // Of two peers of one system neither carries for the other.
    let text = INTERNET
        .replace(
            "    one: { customers: [home, corp, rogue] }",
            "    one: { peers: [home, corp, rogue] }",
        )
        .replace("    two: { customers: [home, corp] }", "    two: { peers: [home, corp] }");
    let told = parse(&text, &Options::default()).expect_err("no way").to_string();
    assert!(told.contains("no links lead from `u` to site `main`"), "{told}");
    assert!(told.contains("across one peering at most"), "{told}");
}

#[test]
fn counts_refuse_silent_links_only_together_with_anycast_names() {
    let silent = "faults: { it: { at: 5m, fault: { link_silent: { link: p1-e1 } } } }";
    let options = Options { fidelity: Some(Fidelity::Flow), ..Options::default() };
    let text = INTERNET.replace("faults: {}", silent);
    let loaded = parse(&text, &options).unwrap_or_else(|p| panic!("{p}"));
    assert!(fidelity::choose(&loaded.scenario).is_ok(), "flows are told apart");
    let text = text
        .replace("dns: { ttl: 1m }, answers: { main: 100% }", "anycast: { prefix: shared }")
        .replace("  prefixes:\n", "  prefixes:\n    shared: { sites: [main] }\n");
    let loaded = parse(&text, &options).unwrap_or_else(|p| panic!("{p}"));
    let told = fidelity::choose(&loaded.scenario).expect_err("they are not told apart");
    assert!(told.to_string().contains("faults.it.fault: link_silent under `anycast`"), "{told}");
}

#[test]
fn a_hijack_is_taken_by_length_and_a_more_specific_one_by_everybody() {
    // To `one` both lead through as many systems, and the first neighbour decides: it takes the
    // hijack; `two` does not know the hijacker at all. The more specific part is taken wherever it
    // is heard of, and no better route to the whole helps.
    let prefer =
        "prefer: { at: 2m, do: { local_preference: { link: u-p2, at: u, preference: 500 } } }";
    for (more, expected) in [("no", OTHER), ("yes", "u > p1 > h [elsewhere]")] {
        let fault = format!(
            "it: {{ at: 5m, fault: {{ prefix_hijacked: {{ prefix: main, by: h, more_specific: {more} }} }} }}"
        );
        let rows = rows(&fault, prefer, &["4m", "9m"]);
        assert_eq!(way(&rows[0]).0, OTHER);
        assert_eq!(way(&rows[1]).0, expected);
    }
    // Announcing the part oneself is the usual answer.
    let fault = "it: { at: 5m, fault: { prefix_hijacked: { prefix: main, by: h } } }";
    let answer = "answer: { at: 10m, do: { announce: { prefix: part } } }";
    let rows = rows(fault, answer, &["9m", "15m"]);
    assert_eq!(way(&rows[0]).0, "u > p1 > h [elsewhere]");
    assert_eq!(way(&rows[1]), (USUAL.to_owned(), 1.0));
}

#[test]
fn a_mistake_in_one_direction_makes_the_way_back_another_one() {
    let fault =
        "it: { at: 5m, fault: { weight_mistake: { link: e1-core, from: core, metric: 100 } } }";
    let rows = rows(fault, "", &["9m"]);
    assert_eq!(way(&rows[0]), (USUAL.to_owned(), 1.0));
    // From the core the exit over e2 is nearer now: hot potato.
    assert_eq!(rows[0].paths[0].back, ["core", "e2", "p2", "u"]);
}

#[test]
fn a_leak_draws_traffic_through_a_customer() {
    // Without its own link to `corp`, `two` has no way there, as `home` does not carry what one of
    // its providers tells it to the other; with the leak it does.
    let cut = "cut: { at: 5m, fault: { link_down: { link: p2-e2 } } }";
    let prefer =
        "prefer: { at: 2m, do: { local_preference: { link: u-p2, at: u, preference: 500 } } }";
    let found = rows(cut, prefer, &["9m"]);
    assert_eq!(way(&found[0]), (USUAL.to_owned(), 1.0), "by the only provider that has a way");
    let leak = format!("{cut}, leak: {{ at: 5m, fault: {{ route_leak: {{ router: u }} }} }}");
    let found = rows(&leak, "", &["9m"]);
    assert_eq!(way(&found[0]), (USUAL.to_owned(), 1.0), "who leaks is not led through itself");
}

#[test]
fn a_bad_configuration_goes_from_router_to_router_and_back() {
    let fault = "it: { at: 5m, fault: { config_pushed: { routers: [e1, e2], every: 5m, effect: isolated } } }";
    let back = "back: { at: 15m, do: { roll_back: { fault: it, every: 5m } } }";
    let rows = rows(fault, back, &["4m", "9m", "14m", "19m", "29m"]);
    let ways: Vec<String> = rows.iter().map(|row| way(row).0).collect();
    assert_eq!(ways, [USUAL, OTHER, "u [no route]", USUAL, USUAL]);
}

#[test]
fn orders_do_what_they_say_and_can_be_taken_back() {
    let order = |first: &str, second: &str| {
        let steps = format!("one: {{ at: 5m, do: {first} }}, two: {{ at: 15m, do: {second} }}");
        let found = rows("", &steps, &["4m", "14m", "25m"]);
        assert_eq!(way(&found[0]).0, USUAL);
        assert_eq!(way(&found[2]), (USUAL.to_owned(), 1.0), "{second}");
        way(&found[1]).0
    };
    let shut = "{ shut_session: { link: p1-e1 } }";
    assert_eq!(order(shut, "{ open_session: { link: p1-e1 } }"), OTHER);
    let drain = "{ drain_link: { link: e1-core } }";
    assert_eq!(order(drain, "{ undrain_link: { link: e1-core } }"), "u > p1 > e1 > e2 > core");
    let weigh = "{ weight: { link: e1-core, metric: 99 } }";
    let back = "{ weight: { link: e1-core, metric: 10 } }";
    assert_eq!(order(weigh, back), "u > p1 > e1 > e2 > core");
    let withdraw = "{ withdraw: { prefix: main } }";
    assert_eq!(order(withdraw, "{ announce: { prefix: main } }"), "u [no route]");
    let prefer = "{ local_preference: { link: u-p2, at: u, preference: 300 } }";
    let back = "{ local_preference: { link: u-p2, at: u, preference: 50 } }";
    assert_eq!(order(prefer, back), OTHER);
}

#[test]
fn a_reboot_is_an_outage_of_its_length_and_takes_what_routing_takes() {
    let reboot = "reboot: { at: 5m, do: { reboot: { router: e1, down_for: 2m } } }";
    let rows = rows("", reboot, &["6m", "15m"]);
    assert_eq!(way(&rows[0]), (OTHER.to_owned(), 1.0));
    assert_eq!(way(&rows[1]), (USUAL.to_owned(), 1.0));
}

#[test]
fn orders_across_a_broken_network_take_another_way_or_none() {
    let withdrawn = "it: { at: 5m, fault: { system_withdrawn: { system: corp } } }";
    let repair = "mend: { at: 6m, do: { repair: { fault: it } } }";
    let with = |operators: &str, faults: &str| {
        let text = INTERNET
            .replace("  prefixes:", &format!("  operators: {{ at: u, {operators} }}\n  prefixes:"))
            .replace("faults: {}", &format!("faults: {{ {faults} }}"))
            .replace("runbook: {}", &format!("runbook: {{ {repair} }}"));
        let loaded = parse(&text, &Options::default()).unwrap_or_else(|p| panic!("{p}"));
        let times: Vec<SimTime> = ["8m", "14m", "30m"]
            .map(|text| time_of(&loaded.scenario, text).expect("a time"))
            .to_vec();
        let found = routes::at_times(&loaded.scenario, 1, &times).expect("it runs");
        found.iter().map(|rows| rows[0].carried).collect::<Vec<f64>>()
    };
    let beside = "out_of_band: { constant: 5m }, on_site: { constant: 20m }";
    assert_eq!(with(beside, withdrawn), [0.0, 1.0, 1.0], "beside the network");
    let lost = format!("{withdrawn}, oob: {{ at: 5m, fault: {{ out_of_band_lost: {{}} }} }}");
    assert_eq!(with(beside, &lost), [0.0, 0.0, 1.0], "somebody goes there");
    assert_eq!(with("out_of_band: { constant: 5m }", &lost), [0.0, 0.0, 0.0], "nobody can");
}
