//! The program run as its users run it: help, usage errors, exit codes.

use assert_cmd::Command;
use std::path::Path;

fn blackstart(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::cargo_bin("blackstart").expect("the program was built");
    command.env("NO_COLOR", "1").env("COLUMNS", "100").args(arguments);
    command.output().expect("it runs")
}

fn code(output: &std::process::Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    path.display().to_string()
}

#[test]
fn help_is_what_a_user_reads() {
    for subcommand in ["", "run", "validate", "explain", "routes", "verify", "schema"] {
        let arguments: Vec<&str> =
            [subcommand, "--help"].into_iter().filter(|a| !a.is_empty()).collect();
        let output = blackstart(&arguments);
        assert_eq!(code(&output), 0, "{subcommand}");
        assert_eq!(stderr(&output), "");
        let name = if subcommand.is_empty() { "help" } else { subcommand };
        insta::assert_snapshot!(format!("help-{name}"), stdout(&output));
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let output = blackstart(&["--version"]);
    assert_eq!(code(&output), 0);
    assert!(stdout(&output).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let wrong: [&[&str]; 9] = [
        &[],
        &["rnu"],
        &["run"],
        &["run", "a.yaml", "--seeds", "0"],
        &["run", "a.yaml", "--seed", "-1"],
        &["run", "a.yaml", "--scale", "100"],
        &["run", "a.yaml", "--set", "clock.duration"],
        &["run", "a.yaml", "--fidelity", "guess"],
        &["schema", "everything"],
    ];
    for arguments in wrong {
        let output = blackstart(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
        let told = stderr(&output);
        assert!(told.contains("--help") || told.contains("Usage"), "{arguments:?}: {told}");
    }
}

#[test]
fn a_slip_of_the_hand_is_guessed() {
    let told = stderr(&blackstart(&["valdate", "a.yaml"]));
    assert!(told.contains("'validate'"), "{told}");
}

#[test]
fn a_verification_compares_repeats_and_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("scenarios/first-steps.yaml")).unwrap();
    let scenario = file(folder.path(), "steps.yaml", &text);
    let out = folder.path().join("report").display().to_string();
    let in_counts = ["run", &scenario, "--fidelity", "flow", "--out", &out];
    let told = stdout(&blackstart(&in_counts));
    assert!(told.contains("never measured against `exact`"), "{told}");

    let verified = blackstart(&["verify", &scenario, "--seeds", "2", "--sizes", "1/2,1/1"]);
    // So few seeds decide little; what matters is that it says so and that runs repeat.
    assert!([0, 10].contains(&code(&verified)), "{}", stderr(&verified));
    let table = stdout(&verified);
    for part in ["off at 1/2", "off at 1/1", "lost mailbox-minutes", "steps.agreement.json"] {
        assert!(table.contains(part), "{part}: {table}");
    }

    let told = stdout(&blackstart(&in_counts));
    assert!(told.contains("against `exact`, measured at 1/1 over 2 seeds"), "{told}");
    let changed: Vec<&str> =
        in_counts.iter().copied().chain(["--set", "faults.cut.for=5m"]).collect();
    let told = stdout(&blackstart(&changed));
    assert!(told.contains("on another form of this scenario"), "{told}");

    let spoiled = folder.path().join("steps.agreement.json");
    std::fs::write(&spoiled, "{").unwrap();
    let output = blackstart(&in_counts);
    assert_eq!(code(&output), 30);
    assert!(stderr(&output).contains("run `blackstart verify` again"), "{}", stderr(&output));
}

#[test]
fn a_verification_needs_two_seeds() {
    assert_eq!(code(&blackstart(&["verify", "a.yaml", "--seeds", "1"])), 2);
    assert_eq!(code(&blackstart(&["verify", "no-such-file.yaml"])), 30);
}

#[test]
fn a_file_that_is_not_there_is_no_invalid_scenario() {
    let output = blackstart(&["run", "no-such-file.yaml"]);
    assert_eq!(code(&output), 30);
    assert!(stderr(&output).contains("no-such-file.yaml"), "{}", stderr(&output));
    assert_eq!(code(&blackstart(&["validate", "no-such-file.yaml"])), 30);
}

#[test]
fn a_wrong_scenario_is_shown_with_its_place() {
    let folder = tempfile::tempdir().expect("folder");
    let path = file(folder.path(), "wrong.yaml", "blackstart: 1\nname: wrong\nclok: {}\n");
    for subcommand in ["run", "validate", "explain"] {
        let output = blackstart(&[subcommand, &path]);
        assert_eq!(code(&output), 20, "{subcommand}");
        let told = stderr(&output);
        assert!(told.contains("wrong.yaml:3:1"), "{subcommand}: {told}");
        assert!(told.contains("clok") && told.contains("clock"), "{subcommand}: {told}");
    }
}

#[test]
fn the_worst_file_decides_and_every_file_is_looked_at() {
    let folder = tempfile::tempdir().expect("folder");
    let wrong = file(folder.path(), "wrong.yaml", "blackstart: 1\nclok: {}\n");
    let other = file(folder.path(), "other.yaml", "");
    let output = blackstart(&["validate", "no-such-file.yaml", &wrong, &other]);
    assert_eq!(code(&output), 20);
    for name in ["no-such-file.yaml", "wrong.yaml", "other.yaml"] {
        assert!(stderr(&output).contains(name), "{name}");
    }
}

#[test]
fn schemas_are_json() {
    for of in ["scenario", "results"] {
        let output = blackstart(&["schema", of]);
        assert_eq!(code(&output), 0);
        let schema: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        assert!(schema.get("$schema").is_some(), "{of}");
    }
}

/// A link that 75 % of the users need is cut for five minutes; it runs in a blink.
const TINY: &str = r#"blackstart: 1
name: tiny
title: "Tiny"
clock: { start: "2026-01-05T06:00[UTC]", duration: 40m, warmup: 2m }
seed: 1
network:
  routers: { a: {}, b: {} }
  links: { ab: { between: [a, b], delay: 5ms, bandwidth: 1Gbps } }
sites: { east: { router: a }, west: { router: b } }
services:
  web:
    sites: { east: { instances: 10 }, west: { instances: 10 } }
    concurrency: 4
    service_time: { exponential: { mean: 20ms } }
regions:
  all: { mailboxes: 20000, time_zone: UTC, routers: { b: 100% }, clients: { phone: 100% } }
clients:
  phone:
    connects: mail
    operations:
      read:
        { enters: web, rate: 6/h, timeout: 2s, retry: { attempts: 2, backoff: { constant: 1s } } }
steering:
  mail: { direct: {}, answers: { east: 75%, west: rest } }
faults:
  cut: { at: 10m, for: 5m, fault: { link_down: { link: ab } } }
targets:
  - recovery_time: { objective: 10m, availability: 99%, sustained: 5m }
"#;

fn results(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("results.json")).expect("results.json")
}

#[test]
fn a_target_met_is_all_well_and_a_target_missed_is_told_by_the_exit_code() {
    let folder = tempfile::tempdir().expect("folder");
    let path = file(folder.path(), "tiny.yaml", TINY);
    let out = folder.path().join("met").display().to_string();
    let met = blackstart(&["run", &path, "--out", &out]);
    assert_eq!(code(&met), 0, "{}", stderr(&met));
    assert!(stdout(&met).contains("PASSED"), "{}", stdout(&met));
    assert_eq!(stderr(&met), "", "no progress in a pipe");
    let out = folder.path().join("missed").display().to_string();
    let short = "targets.recovery_time.objective=1m";
    let missed = blackstart(&["run", &path, "--out", &out, "--quiet", "--set", short]);
    assert_eq!((code(&missed), stdout(&missed)), (10, String::new()));
}

#[test]
fn the_same_bytes_on_any_number_of_threads_and_others_for_another_seed() {
    let folder = tempfile::tempdir().expect("folder");
    let path = file(folder.path(), "tiny.yaml", TINY);
    let run = |name: &str, threads: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let mut command = Command::cargo_bin("blackstart").expect("the program was built");
        command.env("RAYON_NUM_THREADS", threads);
        command.args(["run", &path, "--quiet", "--seeds", "3", "--out"]).arg(&out).args(more);
        command.assert().success();
        results(&out)
    };
    let one = run("one", "1", &[]);
    assert!(one == run("four", "4", &[]), "the number of threads reached a result");
    assert!(one != run("seed", "1", &["--seed", "2"]));
}

#[test]
fn a_site_that_is_overloaded_before_anything_broke_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let path = file(folder.path(), "tiny.yaml", TINY);
    // 25 requests/s x 20 ms x 100 in 40 slots: 125 %.
    let dear = "clients.phone.operations.read.cost=100x";
    let output = blackstart(&["run", &path, "--set", dear]);
    assert_eq!(code(&output), 20);
    let told = stderr(&output);
    assert!(told.contains("utilisation") && told.contains("125 %"), "{told}");
    let near = "clients.phone.operations.read.cost=76x";
    let explained = blackstart(&["explain", &path, "--set", near]);
    assert_eq!(code(&explained), 0);
    assert!(stderr(&explained).contains("95 %"), "{}", stderr(&explained));
}

#[test]
fn routes_are_shown_as_they_are_and_as_they_differ() {
    let steps = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-steps.yaml");
    let path = steps.display().to_string();
    let output = blackstart(&["routes", &path, "--at", "5m", "--to", "north"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let usual = "office (users) to north: 100.0 % carried\n  100.0 % users > north, and back\n";
    assert_eq!(stdout(&output), usual);
    let output = blackstart(&["routes", &path, "--diff", "10m", "10m30s"]);
    let told = stdout(&output);
    assert!(told.contains("-   100.0 % users > north, and back [black hole"), "{told}");
    assert!(told.contains("+   100.0 % users > south > north, and back"), "{told}");
    assert!(!told.contains("to south"), "{told}");
    let same = blackstart(&["routes", &path, "--diff", "1m", "2m"]);
    assert_eq!(stdout(&same), "no route is different\n");
    for (wrong, part) in [
        (["--at", "5x"], "a time is"),
        (["--at", "9h"], "after the end"),
        (["--from", "offices"], "--at"),
    ] {
        let output = blackstart(&["routes", &path, wrong[0], wrong[1]]);
        assert_eq!(code(&output), 2, "{wrong:?}");
        assert!(stderr(&output).contains(part), "{wrong:?}: {}", stderr(&output));
    }
    let output = blackstart(&["routes", &path, "--at", "5m", "--from", "offices"]);
    assert!(stderr(&output).contains("there are: office"), "{}", stderr(&output));
}

#[test]
fn what_is_in_the_way_of_a_report_is_kept() {
    let folder = tempfile::tempdir().expect("folder");
    let path = file(folder.path(), "tiny.yaml", TINY);
    let out = folder.path().display().to_string();
    let output = blackstart(&["run", &path, "--quiet", "--out", &out]);
    assert_eq!(code(&output), 30, "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&path).expect("still there"), TINY);
}
