//! What is wrong with a scenario file is told with its code, its exact place and what was meant.

use blackstart::scenario::problem::{Code, Problem, Problems, Reporter};
use blackstart::scenario::tree::{Node, Value};
use blackstart::scenario::{Options, load, parse, yaml};

const FULL: &str = include_str!("scenario/full.yaml");

/// The problems of a text.
fn problems(text: &str) -> Problems {
    match parse(text, &Options::default()) {
        Ok(loaded) => panic!("nothing wrong with:\n{text}\n{:?}", loaded.warnings),
        Err(problems) => problems,
    }
}

/// The full file with its only `from` replaced.
fn edited(from: &str, to: &str) -> String {
    assert_eq!(
        FULL.matches(from).count(),
        1,
        "`{from}` must be in the file once"
    );
    FULL.replace(from, to)
}

/// Line and column of a byte, both from 1.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    (
        text[..at].matches('\n').count() + 1,
        text[line_start..at].chars().count() + 1,
    )
}

fn told(problem: &Problem) -> String {
    format!(
        "{} {}",
        problem.message,
        problem.help.as_deref().unwrap_or("")
    )
}

/// (what is replaced, by what, code, what the place must cover, words of message or help).
type Case = (&'static str, &'static str, Code, &'static str, &'static str);

/// One mistake each: exactly one problem, at its place.
const CASES: &[Case] = &[
    // Units and numbers.
    (
        "duration: 14h",
        "duration: 14",
        Code::MissingUnit,
        "14",
        "`1h 30m`",
    ),
    (
        "duration: 14h",
        "duration: 14Gbps",
        Code::WrongUnit,
        "14Gbps",
        "not a duration",
    ),
    (
        "ttl: 5m",
        "ttl: 5M",
        Code::WrongUnit,
        "5M",
        "`m` is minutes",
    ),
    ("rate: 9/h", "rate: 9", Code::MissingUnit, "9", "`6/h`"),
    (
        "bandwidth: 10Gbps",
        "bandwidth: 10GB",
        Code::WrongUnit,
        "10GB",
        "bits",
    ),
    ("size: 2KiB", "size: 2", Code::MissingUnit, "2", "`64KiB`"),
    (
        "loss: 0.1%",
        "loss: 0.001",
        Code::MissingUnit,
        "0.001",
        "`20%`",
    ),
    (
        "at_most: 600M mailbox-min",
        "at_most: 600M",
        Code::WrongUnit,
        "600M",
        "mailbox-min",
    ),
    (
        "keepalive: 60s",
        "keepalive: -60s",
        Code::Negative,
        "-60s",
        "below zero",
    ),
    (
        "keepalive: 60s",
        "keepalive: .inf",
        Code::NotFinite,
        ".inf",
        "finite",
    ),
    ("cost: 8x", "cost: .nan", Code::NotFinite, ".nan", "finite"),
    (
        "cost: 8x",
        "cost: 1e999",
        Code::NotFinite,
        "1e999",
        "too large",
    ),
    (
        "mailboxes: 8.3M",
        "mailboxes: -8",
        Code::Negative,
        "-8",
        "below zero",
    ),
    (
        "mailboxes: 8.3M",
        "mailboxes: many",
        Code::NotANumber,
        "many",
        "whole number",
    ),
    (
        "probability: 50%",
        "probability: 150%",
        Code::OutOfRange,
        "150%",
        "whole",
    ),
    ("seeds: 3", "seeds: 0", Code::OutOfRange, "0", "between 1"),
    (
        "blackstart: 1",
        "blackstart: 2",
        Code::OutOfRange,
        "2",
        "between 1 and 1",
    ),
    (
        "scale: 1/100",
        "scale: 0.01",
        Code::NotANumber,
        "0.01",
        "1/N",
    ),
    (
        "at_most: 2s",
        "at_most: 30000d",
        Code::OutOfRange,
        "30000d",
        "ten years",
    ),
    (
        "fibre: 1.4x",
        "fibre: 0.5x",
        Code::OutOfRange,
        "0.5x",
        "great circle",
    ),
    (
        "every: 30s",
        "every: 0s",
        Code::OutOfRange,
        "0s",
        "longer than nothing",
    ),
    (
        "window: 10s",
        "window: 1ns",
        Code::OutOfRange,
        "1ns",
        "windows",
    ),
    // Words and kinds.
    (
        "fidelity: exact",
        "fidelity: exat",
        Code::UnknownWord,
        "exat",
        "did you mean `exact`?",
    ),
    (
        "discipline: lifo",
        "discipline: lilo",
        Code::UnknownWord,
        "lilo",
        "`lifo`",
    ),
    (
        "lost_after: 2m",
        "lost_after: nevr",
        Code::UnknownWord,
        "nevr",
        "`never`",
    ),
    (
        "discipline: lifo",
        "discipline: codel",
        Code::WrongShape,
        "codel",
        "needs its values",
    ),
    (
        "{ gamma:",
        "{ gama:",
        Code::UnknownKey,
        "gama",
        "did you mean `gamma`?",
    ),
    (
        "{ router_down:",
        "{ router_dwon:",
        Code::UnknownKey,
        "router_dwon",
        "`router_down`",
    ),
    (
        "when_full: drop",
        "when_full: [drop]",
        Code::WrongShape,
        "[drop]",
        "one word",
    ),
    (
        "sources: [\"none\"]",
        "sources: none",
        Code::WrongShape,
        "none",
        "a list",
    ),
    (
        "  web: {",
        "  Web: {}\n  web: {",
        Code::BadName,
        "Web",
        "lower case",
    ),
    (
        "name: full",
        "name: Full",
        Code::BadName,
        "Full",
        "lower case",
    ),
    // Missing keys.
    (
        "mailboxes: 8.3M\n    ",
        "",
        Code::MissingKey,
        "us-west",
        "needs `mailboxes`",
    ),
    (
        "concurrency: 64\n    ",
        "",
        Code::MissingKey,
        "front-door",
        "needs `concurrency`",
    ),
    (
        ", keepalive: 60s",
        "",
        Code::MissingKey,
        "session",
        "needs `keepalive`",
    ),
    (
        "timeout: 3s",
        "times: 1",
        Code::MissingKey,
        "{ service: mailbox, times: 1 }",
        "`timeout`",
    ),
    (
        ", delay: 6ms",
        "",
        Code::MissingKey,
        "alone-chicago",
        "`alone-chicago` needs `delay`",
    ),
    (
        "    connects: web\n",
        "",
        Code::MissingKey,
        "phone",
        "`connects`",
    ),
    (
        "{ patience: { pareto: { p50: 8s, p99: 60s } } }, good_within: 8s",
        "{ patience: { constant: 8s } }",
        Code::MissingKey,
        "look",
        "`good_within`",
    ),
    (
        "retry: { attempts: 2, backoff: { constant: 1s } }",
        "retry: { attempts: 2 }",
        Code::MissingKey,
        "2",
        "`backoff`",
    ),
    (
        "s1: { at: 6h, do",
        "s1: { do",
        Code::MissingKey,
        "s1",
        "nothing starts it",
    ),
    (
        "steps: 4, every: 10m",
        "steps: 4",
        Code::MissingKey,
        "restore",
        "`every`",
    ),
    // Shares.
    (
        "copies: { chicago: 60%, san-antonio: rest }",
        "copies: { chicago: 60%, san-antonio: 30% }",
        Code::Shares,
        "{ chicago: 60%, san-antonio: 30% }",
        "add up to 90%",
    ),
    (
        "{ desktop: 80%, phone: rest }",
        "{ desktop: rest, phone: rest }",
        Code::Shares,
        "rest }",
        "only one",
    ),
    (
        "{ alone: 100% }",
        "{ alone: 110% }",
        Code::OutOfRange,
        "110%",
        "whole",
    ),
    (
        "{ alone: 100% }",
        "{}",
        Code::Shares,
        "{}",
        "at least one router",
    ),
    (
        "{ new-york: 60%, washington: rest }",
        "{ new-york: 60%, washington: 60%, denver: rest }",
        Code::Shares,
        "{ new-york: 60%, washington: 60%, denver: rest }",
        "120%",
    ),
    // Names.
    (
        "{ router: houston }",
        "{ router: huston }",
        Code::UnknownName,
        "huston",
        "did you mean `houston`?",
    ),
    (
        "sign_in: sign-in",
        "sign_in: sign-on",
        Code::UnknownName,
        "sign-on",
        "`desktop.sign-in`",
    ),
    (
        "feeds: transport",
        "feeds: transprot",
        Code::UnknownName,
        "transprot",
        "`transport`",
    ),
    (
        "{ repair: { fault: f7 } }",
        "{ repair: { fault: f77 } }",
        Code::UnknownName,
        "f77",
        "no fault `f77`",
    ),
    (
        "after: alarm(low)",
        "after: alarm(lwo)",
        Code::UnknownName,
        "alarm(lwo)",
        "did you mean `low`?",
    ),
    (
        "after: notice",
        "after: notcie",
        Code::UnknownName,
        "notcie",
        "did you mean `notice`?",
    ),
    (
        "between: [alone, chicago]",
        "between: [alone, chicagoo]",
        Code::UnknownName,
        "chicagoo",
        "`chicago`",
    ),
    (
        "between: [alone, chicago]",
        "between: [alone, alone]",
        Code::WrongShape,
        "[alone, alone]",
        "different",
    ),
    (
        "      look: {",
        "      sign-in: { enters: front-door, rate: 1/h, timeout: 1s }\n      look: {",
        Code::AmbiguousName,
        "sign-in",
        "`desktop.sign-in`, `phone.sign-in`",
    ),
    // Times.
    (
        "at: \"10:50\"",
        "at: \"25:50\"",
        Code::BadTime,
        "\"25:50\"",
        "clock time",
    ),
    ("at: \"10:50\"", "at: 90", Code::BadTime, "90", "no unit"),
    (
        "at: \"10:50\"",
        "at: day 2 10:50",
        Code::AfterTheEnd,
        "day 2 10:50",
        "after the end",
    ),
    (
        "at: \"10:50\"",
        "at: 14h",
        Code::AfterTheEnd,
        "14h",
        "ends 14h after",
    ),
    (
        "time_zone: America/Los_Angeles",
        "time_zone: America/LosAngeles",
        Code::BadTime,
        "America/LosAngeles",
        "time zone",
    ),
    (
        "\"09:00\": 100%",
        "\"24:00\": 100%",
        Code::BadTime,
        "\"24:00\"",
        "not a clock time",
    ),
    (
        "present: { \"00:00\": 5%, \"09:00\": 70%",
        "present: { \"00:00\": 5%, \"09:00\": 170%",
        Code::OutOfRange,
        "170%",
        "present",
    ),
    (
        "ramp: 1m, flap",
        "ramp: 10m, flap",
        Code::OutOfRange,
        "10m",
        "longer than it lasts, 9m",
    ),
    // Laws.
    (
        "{ lognormal: { median: 12m, p95: 30m } }",
        "{ lognormal: { median: 12m } }",
        Code::Distribution,
        "lognormal",
        "takes 2",
    ),
    (
        "p99.9: 25ms",
        "p999: 25ms",
        Code::UnknownKey,
        "p999",
        "`p99.9`",
    ),
    // Conditions.
    (
        "success_rate(seen_by=probes) < 98% for 5m",
        "success_rte < 98% for 5m",
        Code::Condition,
        "success_rte",
        "did you mean `success_rate`?",
    ),
    (
        "success_rate(seen_by=probes) < 98% for 5m",
        "success_rate < 98 for 5m",
        Code::MissingUnit,
        "98",
        "`20%`",
    ),
    (
        "success_rate(seen_by=probes) < 98% for 5m",
        "success_rate < 98% for 5",
        Code::MissingUnit,
        "5",
        "`5m`",
    ),
    (
        "success_rate(seen_by=probes) < 98% for 5m",
        "success_rate(service=mailbox) < 98%",
        Code::Condition,
        "service",
        "key of this quantity",
    ),
    (
        "success_rate(seen_by=probes) < 98% for 5m",
        "success_rate(site=chicgo) < 98%",
        Code::UnknownName,
        "chicgo",
        "`chicago`",
    ),
    (
        "success_rate(seen_by=probes) < 98% for 5m",
        "success_rate = 98%",
        Code::Condition,
        "=",
        "comparison",
    ),
    (
        "success_rate(seen_by=probes) < 98% for 5m",
        "availability < 98%",
        Code::Condition,
        "availability",
        "targets",
    ),
    (
        "success_rate(seen_by=probes) < 98% for 5m",
        "projected(utilisation) < 98%",
        Code::Condition,
        "projected",
        "alarm",
    ),
    (
        "success_rate(seen_by=probes) < 98% for 5m",
        "(success_rate < 98%",
        Code::Condition,
        "",
        "`)`",
    ),
    (
        "success_rate(seen_by=probes) < 98% for 5m",
        "success_rate < 98% xor loss > 1%",
        Code::Condition,
        "xor",
        "cannot follow",
    ),
    (
        "done(part-2)",
        "done(part-9)",
        Code::UnknownName,
        "part-9",
        "`part-2`",
    ),
    (
        "otherwise: stop, only_if: \"alarm(low)\"",
        "otherwise: stop",
        Code::MissingKey,
        "otherwise",
        "`only_if`",
    ),
    // What contradicts itself.
    (
        "attempts: unlimited, backoff: { exponential: { first: 5s, factor: 2, cap: 5m } }",
        "attempts: unlimited, backoff: { exponential: { first: 5ms, factor: 2, cap: 900ms } }",
        Code::NoBackoffCap,
        "{ exponential: { first: 5ms, factor: 2, cap: 900ms } }",
        "1s at least",
    ),
    (
        "attempts: unlimited, backoff: { constant: 5m }",
        "attempts: unlimited, backoff: { constant: 500ms }",
        Code::NoBackoffCap,
        "{ constant: 500ms }",
        "1s at least",
    ),
    (
        "rate: 12/h,",
        "rate: 12/h, think: { constant: 5m },",
        Code::Conflict,
        "{ constant: 5m }",
        "either",
    ),
    (
        "web: { direct: {}, ",
        "web: { ",
        Code::Conflict,
        "web",
        "either `dns` or `direct`",
    ),
    (
        "from: chicago, to: san-antonio, share: 50%",
        "from: chicago, to: chicago, share: 50%",
        Code::Conflict,
        "chicago",
        "same site",
    ),
    (
        "copies: { chicago: 60%, san-antonio: rest }",
        "copies: { chicago: 60%, chicago: rest }",
        Code::DuplicateKey,
        "chicago",
        "twice",
    ),
    (
        "partition: 7",
        "partition: 8",
        Code::OutOfRange,
        "8",
        "8 partitions",
    ),
    (
        "restart: { service: mailbox, site: chicago",
        "restart: { service: delivery, site: san-antonio",
        Code::NotAtSite,
        "san-antonio",
        "not at site",
    ),
    (
        "instances_lost: { service: mailbox, site: chicago",
        "instances_lost: { service: delivery, site: san-antonio",
        Code::NotAtSite,
        "san-antonio",
        "it is at: `chicago`",
    ),
    (
        "look: { enters: front-door",
        "look: { enters: far",
        Code::UnknownName,
        "far",
        "no service `far`",
    ),
    (
        "scale: 1/100",
        "scale: 1/200",
        Code::TooFewServers,
        "600",
        "1/120 at most",
    ),
];

#[test]
fn each_mistake_has_its_code_place_and_help() {
    for &(from, to, code, found, words) in CASES {
        let text = edited(from, to);
        let problems = problems(&text);
        let shown = problems.render(false);
        let matching: Vec<&Problem> = problems.list.iter().filter(|p| p.code == code).collect();
        assert!(!matching.is_empty(), "`{to}`: no {code} in\n{shown}");
        let problem = matching[0];
        assert!(
            told(problem).contains(words),
            "`{to}`: no `{words}` in\n{shown}"
        );
        if found.is_empty() {
            continue;
        }
        assert!(
            found.starts_with(&problem.found) && !problem.found.is_empty(),
            "`{to}`: `{}` is not `{found}`\n{shown}",
            problem.found
        );
        let at = problem.place.start as usize;
        assert_eq!(
            (problem.line, problem.column),
            line_and_column(&text, at),
            "`{to}`"
        );
        assert!(
            text[at..].starts_with(&problem.found),
            "`{to}`: the place is elsewhere"
        );
        let edit = text.find(to).unwrap_or(0);
        let near = problem.line.abs_diff(line_and_column(&text, edit).0) <= 3;
        assert!(
            near || matches!(code, Code::TooFewServers | Code::AmbiguousName),
            "`{to}` is far from line {}\n{shown}",
            problem.line
        );
    }
}

#[test]
fn one_mistake_is_one_problem() {
    for &(from, to, code, _, words) in CASES {
        let problems = problems(&edited(from, to));
        // What a mistake makes impossible elsewhere may be told too: names that are ambiguous.
        let others = problems.list.iter().filter(|p| p.code != code).count();
        assert!(others == 0, "`{to}` ({words}):\n{}", problems.render(false));
    }
}

#[test]
fn all_mistakes_of_a_file_come_out_at_once() {
    let text = FULL
        .replace("ttl: 5m", "ttl: 5")
        .replace("router: houston", "router: huston")
        .replace("fidelity: exact", "fidelity: exat")
        .replace("at: \"10:50\"", "at: \"25:50\"")
        .replace(
            "success_rate(seen_by=probes) < 98% for 5m",
            "success_rte < 98%",
        )
        .replace(
            "copies: { chicago: 60%, san-antonio: rest }",
            "copies: { chicago: 60% }",
        )
        .replace(
            "{ service: mailbox, timeout: 3s }",
            "{ service: front-door, timeout: 3s, zzz: 1 }",
        );
    let codes: Vec<Code> = problems(&text)
        .list
        .iter()
        .map(|problem| problem.code)
        .collect();
    for code in [
        Code::MissingUnit,
        Code::UnknownName,
        Code::UnknownWord,
        Code::BadTime,
        Code::Condition,
        Code::Shares,
        Code::CallCycle,
        Code::UnknownKey,
    ] {
        assert!(codes.contains(&code), "{code} is not among {codes:?}");
    }
    let lines: Vec<usize> = problems(&text)
        .list
        .iter()
        .map(|problem| problem.line)
        .collect();
    assert!(lines.is_sorted(), "in the order of the file: {lines:?}");
}

/// Every map of a tree.
fn maps<'a>(node: &'a Node, found: &mut Vec<&'a Node>) {
    if let Value::Map(entries) = &node.value {
        found.push(node);
        entries.iter().for_each(|entry| maps(&entry.value, found));
    }
    node.items().iter().for_each(|item| maps(item, found));
}

#[test]
fn an_unknown_key_is_found_at_every_level() {
    let reporter = Reporter::default();
    let source = reporter.add_source("full.yaml", FULL);
    let tree = yaml::parse(FULL, source, &reporter).unwrap();
    let mut found = Vec::new();
    maps(&tree, &mut found);
    assert!(found.len() > 200, "{} maps", found.len());
    for map in found {
        let at = map.place.start as usize;
        let (insertion, key_at) = if FULL[at..].starts_with('{') {
            ("{ zzz: 1, ".to_owned(), at + 2)
        } else {
            let (_, column) = line_and_column(FULL, at);
            (format!("zzz: 1\n{}", " ".repeat(column - 1)), at)
        };
        let rest = FULL[at..].strip_prefix('{').unwrap_or(&FULL[at..]);
        let text = format!("{}{insertion}{rest}", &FULL[..at]);
        let problems = problems(&text);
        // The problem is at the key, or at its value where any name is possible.
        let there = problems.list.iter().find(|problem| {
            (problem.place.start as usize).abs_diff(key_at) <= 5 && problem.file == "scenario.yaml"
        });
        let (line, _) = line_and_column(&text, key_at);
        let there = there.unwrap_or_else(|| panic!("line {line}:\n{}", problems.render(false)));
        assert_eq!(there.line, line);
        let expected = [
            Code::UnknownKey,
            Code::UnknownName,
            Code::WrongShape,
            Code::BadTime,
            Code::UnknownPath,
        ];
        assert!(
            expected.contains(&there.code),
            "line {line}:\n{}",
            problems.render(false)
        );
    }
}

#[test]
fn call_cycles_are_refused_where_they_close() {
    let text = edited(
        "service_time: { exponential: { mean: 4ms } }",
        "service_time: { exponential: { mean: 4ms } }\n    calls: [ { service: front-door, timeout: 1s } ]",
    );
    let problems = problems(&text);
    assert_eq!(problems.list.len(), 1, "{problems}");
    assert_eq!(problems.list[0].code, Code::CallCycle);
    assert_eq!(problems.list[0].found, "front-door");
    assert!(
        problems.list[0]
            .message
            .contains("`front-door` -> `directory` -> `front-door`")
    );
}

#[test]
fn steps_that_wait_for_each_other_are_refused() {
    let problems = problems(&edited(
        "part-1:    { after: notice",
        "part-1:    { after: fail-back",
    ));
    assert_eq!(problems.list[0].code, Code::AfterCycle, "{problems}");
    assert!(
        problems.list[0]
            .message
            .contains("`part-1` -> `fail-back` -> `part-2` -> `part-1`"),
        "{problems}"
    );
}

#[test]
fn services_must_be_where_clients_are_sent() {
    let text = FULL.replace(
        "  web: { direct: {}, answers: { chicago: 100% } }",
        "  web: { direct: {}, answers: { san-antonio: 100% } }",
    );
    let away = text.replace("look: { enters: front-door", "look: { enters: delivery");
    let problems = problems(&away);
    assert_eq!(problems.list[0].code, Code::NotAtSite, "{problems}");
    assert_eq!(problems.list[0].found, "delivery");
    let text = FULL.replace(
        "answers: { chicago: 80%, san-antonio: rest } }",
        "answers: { san-antonio: 100% } }",
    );
    let problems = self::problems(&text);
    assert_eq!(problems.list[0].code, Code::NotAtSite, "{problems}");
    assert!(
        problems.list[0]
            .message
            .contains("`transport` delivers through `delivery`"),
        "{problems}"
    );
}

#[test]
fn stores_need_their_service_at_every_copy() {
    let text = FULL.replace(
        "service: mailbox, databases: 400",
        "service: delivery, databases: 400",
    );
    let problems = problems(&text);
    assert_eq!(problems.list[0].code, Code::NotAtSite, "{problems}");
    assert_eq!(problems.list[0].found, "san-antonio");
}

#[test]
fn a_region_must_reach_every_site() {
    let text = FULL
        .replace(
            "  routers: { alone: {} }",
            "  routers: { alone: {}, island: {} }",
        )
        .replace("routers: { alone: 100% }", "routers: { island: 100% }");
    let problems = problems(&text);
    assert_eq!(problems.list.len(), 2, "one a site: {problems}");
    assert_eq!(problems.list[0].code, Code::NotConnected);
    assert!(
        problems.list[0]
            .message
            .contains("`us-west` cannot reach it"),
        "{problems}"
    );
}

#[test]
fn a_scale_on_the_command_line_is_checked_too() {
    let options = Options {
        scale: Some(10_000),
        ..Options::default()
    };
    let problems = parse(FULL, &options).unwrap_err();
    assert!(
        problems
            .list
            .iter()
            .all(|problem| problem.code == Code::TooFewServers),
        "{problems}"
    );
    assert_eq!(problems.list.len(), 7, "one a station: {problems}");
    let full_size = Options {
        scale: Some(1),
        ..Options::default()
    };
    assert!(parse(FULL, &full_size).is_ok());
}

#[test]
fn unknown_variants_and_paths_are_refused() {
    let with = |options: Options| parse(FULL, &options).unwrap_err();
    let problems = with(Options {
        variant: Some("no-falt".into()),
        ..Options::default()
    });
    assert_eq!(problems.list[0].code, Code::UnknownVariant);
    assert!(
        told(&problems.list[0]).contains("did you mean `no-fault`?"),
        "{problems}"
    );
    let set = |path: &str, value: &str| {
        with(Options {
            overrides: vec![(path.into(), value.into())],
            ..Options::default()
        })
    };
    let problems = set("faults.silent-rooter.for", "1h");
    assert_eq!(problems.list[0].code, Code::UnknownPath);
    assert_eq!(problems.list[0].file, "--set");
    assert!(
        told(&problems.list[0]).contains("did you mean `silent-router`?"),
        "{problems}"
    );
    let problems = set("faults.silent-router.for", "9");
    assert_eq!(
        (problems.list[0].code, problems.list[0].found.as_str()),
        (Code::MissingUnit, "9")
    );
    let problems = set("faults.silent-router.for", "[");
    assert_eq!(problems.list[0].code, Code::Syntax);
}

#[test]
fn mistakes_in_variants_are_told_without_asking_for_them() {
    let text = edited(
        "fast-detection: { network.routing.detect: 150ms }",
        "fast-detection: { network.routing.detect: 150 }",
    );
    let problems = problems(&text);
    assert_eq!(
        (problems.list[0].code, problems.list[0].found.as_str()),
        (Code::MissingUnit, "150")
    );
    let text = edited(
        "fast-detection: { network.routing.detect: 150ms }",
        "fast-detection: { network.routing.dtect: 1s }",
    );
    let problems = self::problems(&text);
    assert_eq!(problems.list[0].code, Code::UnknownPath);
    assert!(
        told(&problems.list[0]).contains("did you mean `detect`?"),
        "{problems}"
    );
}

/// The only problem of a file with this content.
fn of_file(content: &[u8]) -> Problem {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.yaml");
    std::fs::write(&path, content).unwrap();
    let mut problems = load(&path, &Options::default()).unwrap_err();
    assert_eq!(problems.list.len(), 1, "{problems}");
    assert!(problems.render(false).contains("x.yaml"), "{problems}");
    problems.list.remove(0)
}

#[test]
fn what_is_no_scenario_file_is_refused() {
    assert_eq!(of_file(b"").code, Code::Empty);
    assert_eq!(of_file(b"  \n# only a comment\n").code, Code::Empty);
    assert_eq!(of_file(b"name: \xff\xfe\n").code, Code::NotUtf8);
    assert_eq!(of_file(b"\x7fELF\x00\x00\x01").code, Code::Binary);
    let five_mib = vec![b'#'; 5 * 1024 * 1024];
    assert_eq!(of_file(&five_mib).code, Code::TooLarge);
    assert_eq!(of_file(b"name: [").code, Code::Syntax);
    assert_eq!(of_file(b"\tname: x\n").code, Code::Syntax);
    let folder = tempfile::tempdir().unwrap();
    let code = |path| load(path, &Options::default()).unwrap_err().list[0].code;
    assert_eq!(code(folder.path()), Code::Directory);
    assert_eq!(code(&folder.path().join("nowhere.yaml")), Code::Unreadable);
}

#[test]
fn includes_cannot_go_round_or_out() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(folder.path().join("secret.yaml"), "name: secret\n").unwrap();
    let first = |include: &str| {
        let path = inner.join("main.yaml");
        std::fs::write(&path, format!("include: [{include}]\n")).unwrap();
        let problems = load(&path, &Options::default()).unwrap_err();
        let mut of_include = problems.list.iter().filter(|p| {
            matches!(
                p.code,
                Code::IncludeCycle | Code::IncludeEscape | Code::Unreadable
            )
        });
        of_include
            .next()
            .map(|problem| (problem.code, problem.line))
    };
    assert_eq!(first("main.yaml"), Some((Code::IncludeCycle, 1)));
    std::fs::write(inner.join("a.yaml"), "include: [b.yaml]\n").unwrap();
    std::fs::write(inner.join("b.yaml"), "include: [a.yaml]\n").unwrap();
    assert_eq!(first("a.yaml"), Some((Code::IncludeCycle, 1)));
    assert_eq!(first("../secret.yaml"), Some((Code::IncludeEscape, 1)));
    let absolute = folder.path().join("secret.yaml").display().to_string();
    assert_eq!(first(&absolute), Some((Code::IncludeEscape, 1)));
    assert_eq!(first("nowhere.yaml"), Some((Code::Unreadable, 1)));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path().join("secret.yaml"), inner.join("link.yaml"))
            .unwrap();
        assert_eq!(first("link.yaml"), Some((Code::IncludeEscape, 1)));
    }
    // The same file twice is no circle.
    std::fs::write(inner.join("c.yaml"), "seed: 1\n").unwrap();
    std::fs::write(inner.join("d.yaml"), "include: [c.yaml]\n").unwrap();
    assert_eq!(first("c.yaml, d.yaml"), None);
}

#[test]
fn bombs_and_wells_are_refused_quickly() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert_eq!(problems(&bomb).list[0].code, Code::TooManyNodes);
    let well = format!("a: {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(problems(&well).list[0].code, Code::TooDeep);
    let many: String = (0..49_000).map(|key| format!("k{key}: 1\n")).collect();
    assert!(problems(&many).list.len() <= 200);
    let twice = problems("name: a\nseed: 1\nname: b\n");
    let duplicate = twice
        .list
        .iter()
        .find(|p| p.code == Code::DuplicateKey)
        .unwrap();
    assert_eq!((duplicate.line, duplicate.column), (3, 1));
    assert!(duplicate.message.contains("first on line 1"));
    let parens = format!("{}loss > 1%{}", "(".repeat(5_000), ")".repeat(5_000));
    let deep = edited("success_rate(seen_by=probes) < 98% for 5m", &parens);
    assert_eq!(problems(&deep).list[0].code, Code::Condition);
}

#[test]
fn a_report_reads_like_a_compilers() {
    let text = edited("router: houston", "router: huston");
    insta::assert_snapshot!(problems(&text).render(false), @r"");
}

mod fuzz {
    use super::*;
    use proptest::prelude::*;

    /// Pieces that mean something somewhere.
    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "-",
        "\n",
        "  ",
        "\"",
        "'",
        "&a ",
        "*a",
        "<<: ",
        "|",
        "#",
        "%",
        "0",
        "1e9",
        "-1",
        ".inf",
        "m",
        "99999999999999999999",
        "rest",
        "off",
        "null",
        "é",
        "\u{feff}",
        "chicago",
        "alarm(",
        ")",
        "for ",
        "and ",
        "not ",
        "projected(",
        "p99",
        "h",
        "\t",
        "!x ",
        "---\n",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn mutated_files_never_panic(
            edits in prop::collection::vec((0.0..1.0f64, 0usize..30, 0usize..PIECES.len()), 1..6),
        ) {
            let mut text = FULL.to_owned();
            for (at, removed, piece) in edits {
                let mut from = (at * text.len() as f64) as usize;
                while !text.is_char_boundary(from) { from -= 1; }
                let mut to = (from + removed).min(text.len());
                while !text.is_char_boundary(to) { to += 1; }
                text.replace_range(from..to, PIECES[piece]);
            }
            if let Err(problems) = parse(&text, &Options::default()) {
                prop_assert!(!problems.list.is_empty());
                prop_assert!(!problems.render(false).is_empty());
            }
        }

        #[test]
        fn lines_in_any_place_never_panic(from in 0usize..150, to in 0usize..150) {
            let mut lines: Vec<&str> = FULL.lines().collect();
            let (from, to) = (from % lines.len(), to % lines.len());
            let line = lines.remove(from);
            lines.insert(to.min(lines.len()), line);
            let _ = parse(&lines.join("\n"), &Options::default());
        }

        #[test]
        fn any_override_never_panics(path in "[a-z0-9.\\-{}\\[\\]\" :]{0,40}", value in "\\PC{0,20}") {
            let options = Options { overrides: vec![(path, value)], ..Options::default() };
            let _ = parse(FULL, &options);
        }
    }
}
