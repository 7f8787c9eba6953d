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
    for subcommand in ["", "run", "validate", "explain", "schema"] {
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
