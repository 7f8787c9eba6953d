//! What is wrong with a scenario file is told with its code, its exact place and what was meant.

#[path = "scenario/cases.rs"]
mod cases;

use blackstart::scenario::problem::{Code, Problem, Problems, Reporter};
use blackstart::scenario::tree::{Node, Value};
use blackstart::scenario::{Options, load, parse, yaml};

use cases::CASES;

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
    assert_eq!(FULL.matches(from).count(), 1, "`{from}` must be in the file once");
    FULL.replace(from, to)
}

/// Line and column of a byte, both from 1.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    (text[..at].matches('\n').count() + 1, text[line_start..at].chars().count() + 1)
}

fn told(problem: &Problem) -> String {
    format!("{} {}", problem.message, problem.help.as_deref().unwrap_or(""))
}

#[test]
fn each_mistake_has_its_code_place_and_help() {
    for &(from, to, code, found, words) in CASES {
        let text = edited(from, to);
        let problems = problems(&text);
        let shown = problems.render(false);
        let matching: Vec<&Problem> = problems.list.iter().filter(|p| p.code == code).collect();
        assert!(!matching.is_empty(), "`{to}`: no {code} in\n{shown}");
        let problem = matching[0];
        assert!(told(problem).contains(words), "`{to}`: no `{words}` in\n{shown}");
        if found.is_empty() {
            continue;
        }
        assert!(
            found.starts_with(&problem.found) && !problem.found.is_empty(),
            "`{to}`: `{}` is not `{found}`\n{shown}",
            problem.found
        );
        let at = problem.place.start as usize;
        assert_eq!((problem.line, problem.column), line_and_column(&text, at), "`{to}`");
        assert!(text[at..].starts_with(&problem.found), "`{to}`: the place is elsewhere");
        let edit = FULL.find(from).unwrap_or(0);
        let near = problem.line.abs_diff(line_and_column(FULL, edit).0) <= 3;
        assert!(
            near || to.is_empty() || matches!(code, Code::TooFewServers | Code::AmbiguousName),
            "`{to}` is far from line {}\n{shown}",
            problem.line
        );
    }
}

#[test]
fn one_mistake_is_one_problem() {
    for &(from, to, code, _, words) in CASES {
        // With a key lost, what it would have said is missing elsewhere too.
        if code == Code::DuplicateKey {
            continue;
        }
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
        .replace("success_rate(seen_by=probes) < 98% for 5m", "success_rte < 98%")
        .replace("copies: { chicago: 60%, san-antonio: rest }", "copies: { chicago: 60% }")
        .replace(
            "{ service: mailbox, timeout: 3s }",
            "{ service: front-door, timeout: 3s, zzz: 1 }",
        );
    let codes: Vec<Code> = problems(&text).list.iter().map(|problem| problem.code).collect();
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
    let lines: Vec<usize> = problems(&text).list.iter().map(|problem| problem.line).collect();
    assert!(lines.is_sorted(), "in the order of the file: {lines:?}");
}

/// More than 65,535 of a kind are refused with their number, at their section of the file.
#[test]
fn what_cannot_be_numbered_is_refused() {
    let each = |count: usize, line: &dyn Fn(usize) -> String| -> String {
        (0..count).map(|number| format!("  {}\n", line(number))).collect()
    };
    let law = "concurrency: 32, service_time: { constant: 20ms }";
    let many_partitions = each(7, &|number| {
        format!(
            "p{number}: {{ sites: {{ chicago: {{ instances: 1M }} }}, {law}, partitions: 10k }}"
        )
    });
    let client = each(300, &|number| {
        format!("    o{number}: {{ enters: front-door, rate: 1/h, timeout: 1s }}")
    });
    let client = format!("  wide:\n    connects: web\n    operations:\n{client}");
    let regions = each(250, &|number| {
        format!(
            "r{number}: {{ mailboxes: 1M, time_zone: America/New_York, routers: {{ alone: 100% }}, \
             load: {{ \"00:00\": 100% }}, present: {{ \"00:00\": 5% }}, clients: {{ wide: 100% }} }}"
        )
    });
    let calls = "{ service: mailbox, timeout: 3s }, ".repeat(250);
    let calls = format!(
        "  caller: {{ sites: {{ chicago: {{ instances: 1M }} }}, {law}, calls: [{calls}] }}\n"
    );
    let with = |parts: &[(&str, &str)]| {
        let mut text = FULL.to_owned();
        for (section, added) in parts {
            text = text.replacen(&format!("\n{section}:\n"), &format!("\n{section}:\n{added}"), 1);
        }
        text
    };
    for (text, section, count, words) in [
        (with(&[("services", &many_partitions)]), "services", "70021 stations", "10000 of them"),
        (
            with(&[("clients", &client), ("services", &calls)]),
            "services",
            "76556 calls",
            "`caller` has",
        ),
        (with(&[("clients", &client), ("regions", &regions)]), "regions", "75009 classes", "`r"),
    ] {
        let problems = problems(&text);
        let shown = problems.render(false);
        let found = problems.list.iter().find(|problem| problem.code == Code::TooLarge);
        let problem = found.unwrap_or_else(|| panic!("no {} in\n{shown}", Code::TooLarge));
        assert_eq!(problem.found, section, "{shown}");
        assert!(problem.message.starts_with(count), "{shown}");
        assert!(
            told(problem).contains("at most 65535") && told(problem).contains(words),
            "{shown}"
        );
    }
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
        assert!(expected.contains(&there.code), "line {line}:\n{}", problems.render(false));
    }
}

#[test]
fn call_cycles_are_refused_where_they_close() {
    let text = edited(
        "service_time: { exponential: { mean: 4ms } }",
        "service_time: { exponential: { mean: 4ms } }\n\
         \x20   calls: [ { service: front-door, timeout: 1s } ]",
    );
    let problems = problems(&text);
    assert_eq!(problems.list.len(), 1, "{problems}");
    assert_eq!(problems.list[0].code, Code::CallCycle);
    assert_eq!(problems.list[0].found, "front-door");
    assert!(problems.list[0].message.contains("`front-door` -> `directory` -> `front-door`"));
}

#[test]
fn steps_that_wait_for_each_other_are_refused() {
    let problems = problems(&edited("part-1:    { after: notice", "part-1:    { after: fail-back"));
    assert_eq!(problems.list[0].code, Code::AfterCycle, "{problems}");
    assert!(
        problems.list[0].message.contains("`part-1` -> `fail-back` -> `part-2` -> `part-1`"),
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
        problems.list[0].message.contains("`transport` delivers through `delivery`"),
        "{problems}"
    );
}

#[test]
fn stores_need_their_service_at_every_copy() {
    let text =
        FULL.replace("service: mailbox, databases: 400", "service: delivery, databases: 400");
    let problems = problems(&text);
    assert_eq!(problems.list[0].code, Code::NotAtSite, "{problems}");
    assert_eq!(problems.list[0].found, "san-antonio");
}

#[test]
fn a_region_must_reach_every_site() {
    let text = FULL
        .replace("  routers: { alone: {} }", "  routers: { alone: {}, island: {} }")
        .replace("routers: { alone: 100% }", "routers: { island: 100% }");
    let problems = problems(&text);
    assert_eq!(problems.list.len(), 2, "one a site: {problems}");
    assert_eq!(problems.list[0].code, Code::NotConnected);
    assert!(problems.list[0].message.contains("`us-west` cannot reach it"), "{problems}");
}

#[test]
fn a_station_that_is_overloaded_before_the_fault_is_refused() {
    let text = edited(
        "chicago: { instances: 400 }, san-antonio: { instances: 280 }",
        "chicago: { instances: 32 }, san-antonio: { instances: 280 }",
    );
    let text = text.replace(
        "service_time: { lognormal: { median: 3ms, p99.9: 25ms } }",
        "service_time: { constant: 500ms }",
    );
    let problems = problems(&text);
    let station = problems.list.iter().find(|p| p.code == Code::Utilisation).unwrap();
    assert!(station.message.contains("`front-door` at `chicago`"), "{problems}");
    assert_eq!(station.found, "chicago");
}

#[test]
fn a_scale_on_the_command_line_is_checked_too() {
    let options = Options { scale: Some(10_000), ..Options::default() };
    let problems = parse(FULL, &options).unwrap_err();
    assert!(problems.list.iter().all(|problem| problem.code == Code::TooFewServers), "{problems}");
    assert_eq!(problems.list.len(), 7, "one a station: {problems}");
    let full_size = Options { scale: Some(1), ..Options::default() };
    assert!(parse(FULL, &full_size).is_ok());
}

#[test]
fn unknown_variants_and_paths_are_refused() {
    let with = |options: Options| parse(FULL, &options).unwrap_err();
    let problems = with(Options { variant: Some("no-falt".into()), ..Options::default() });
    assert_eq!(problems.list[0].code, Code::UnknownVariant);
    assert!(told(&problems.list[0]).contains("did you mean `no-fault`?"), "{problems}");
    let set = |path: &str, value: &str| {
        with(Options { overrides: vec![(path.into(), value.into())], ..Options::default() })
    };
    let problems = set("faults.silent-rooter.for", "1h");
    assert_eq!(problems.list[0].code, Code::UnknownPath);
    assert_eq!(problems.list[0].file, "--set");
    assert!(told(&problems.list[0]).contains("did you mean `silent-router`?"), "{problems}");
    let problems = set("faults.silent-router.for", "9");
    assert_eq!((problems.list[0].code, problems.list[0].found.as_str()), (Code::MissingUnit, "9"));
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
    assert!(told(&problems.list[0]).contains("did you mean `detect`?"), "{problems}");
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
            matches!(p.code, Code::IncludeCycle | Code::IncludeEscape | Code::Unreadable)
        });
        of_include.next().map(|problem| (problem.code, problem.line))
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
    let duplicate = twice.list.iter().find(|p| p.code == Code::DuplicateKey).unwrap();
    assert_eq!((duplicate.line, duplicate.column), (3, 1));
    assert!(duplicate.message.contains("first on line 1"));
    let parens = format!("{}loss > 1%{}", "(".repeat(5_000), ")".repeat(5_000));
    let deep = edited("success_rate(seen_by=probes) < 98% for 5m", &parens);
    assert_eq!(problems(&deep).list[0].code, Code::Condition);
}

#[test]
fn a_report_reads_like_a_compilers() {
    let text = edited("router: houston", "router: huston");
    insta::assert_snapshot!(problems(&text).render(false), @r"
    error[unknown-name]: there is no router `huston`
      --> scenario.yaml:42:26
       |
    42 |   san-antonio: { router: huston }
       |                          ^^^^^^
       |
       = help: did you mean `houston`?
    ");
}
