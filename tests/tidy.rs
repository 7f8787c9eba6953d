//! The house rules that a compiler does not hold, held by reading the sources.
//!
//! Each check is a function from files to complaints, run on the tree by one test and on a bad
//! snippet by another, so that a check which can no longer fail is noticed. Exceptions stand in
//! tables below, and the tables only tighten: an entry that is no longer needed is a complaint too.

#[path = "tidy/checks.rs"]
mod checks;
#[path = "tidy/source.rs"]
mod source;

use checks::*;
use source::SourceFile;

/// Files longer than [`LINE_COUNT_MAX`], with the length they may have. Entries are debts: cut the
/// file, then remove its line. Only tables of data may stay.
const LONG_FILES: &[(&str, usize)] = &[];

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

#[track_caller]
fn assert_tidy(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n  {}\n", complaints.join("\n  "));
}

/// The complaints about one snippet, which must be as many as expected.
#[track_caller]
fn assert_complains(complaints: Vec<String>, expected: &[&str]) {
    assert_eq!(complaints.len(), expected.len(), "{complaints:?}");
    for (complaint, part) in complaints.iter().zip(expected) {
        assert!(complaint.contains(part), "{complaint:?} does not say {part:?}");
    }
}

#[test]
fn the_tree_is_read() {
    let files = source::tracked_files();
    for path in ["Cargo.toml", "src/lib.rs", "src/kernel/time.rs", "tests/tidy.rs"] {
        assert!(files.iter().any(|file| file.path == path), "{path} was not found");
    }
    assert!(!files.iter().any(|file| file.path.starts_with("target/")));
}

#[test]
fn rooms_import_downwards_only() {
    assert_tidy(check_imports(&source::rust_files()));
}

#[test]
fn an_upward_import_is_noticed_in_every_spelling() {
    let complaints = |path: &str, text: &str| check_imports(&[file(path, text)]);
    assert_complains(complaints("src/kernel/time.rs", "use crate::world::Site;"), &["world"]);
    assert_complains(
        complaints("src/world.rs", "use crate::{kernel::time, traffic::{exact, flow}};"),
        &["traffic"],
    );
    assert_complains(
        complaints("src/measure/window.rs", "fn f() { crate::report::plot() }"),
        &["report"],
    );
    assert_complains(
        complaints("src/kernel/time.rs", "use super::super::scenario::Scenario;"),
        &["scenario"],
    );
    assert_complains(complaints("src/cellar/rats.rs", "fn f() {}"), &["no place in the order"]);
    let fine = "//! [`crate::cli`]\nuse crate::{kernel::time, scenario};\nuse super::report;\n\
                const S: &str = \"crate::cli\";";
    assert_complains(complaints("src/world/network/link.rs", fine), &[]);
    assert_complains(complaints("src/main.rs", "use blackstart::cli;"), &[]);
}

#[test]
fn modules_are_files_named_after_their_room() {
    assert_tidy(check_module_files(&source::rust_files()));
    assert_complains(check_module_files(&[file("src/world/mod.rs", "")]), &["src/world.rs"]);
}

#[test]
fn parents_are_imported_by_name() {
    assert_tidy(check_glob_imports(&source::rust_files()));
    let complaints = |path: &str, text: &str| check_glob_imports(&[file(path, text)]);
    assert_complains(complaints("src/a.rs", "use super::*;"), &["super::*"]);
    assert_complains(complaints("src/a.rs", "pub use super :: super::*;"), &["super::*"]);
    let tested = "fn f() {}\n#[cfg(test)]\nmod tests {\n use super::*;\n fn g() {}\n}\n";
    assert_complains(complaints("src/a.rs", tested), &[]);
    assert_complains(complaints("src/a.rs", &format!("{tested}use super::*;")), &["line 7"]);
    assert_complains(complaints("src/a/tests.rs", "use super::*;"), &[]);
    assert_complains(
        complaints("src/a.rs", "#[cfg(test)]\nmod tests;\nuse super::*;"),
        &["line 3"],
    );
}

#[test]
fn files_are_short() {
    assert_tidy(check_file_lengths(&source::rust_files(), LONG_FILES));
}

#[test]
fn a_long_file_is_noticed_and_its_exception_only_tightens() {
    let long = file("src/a.rs", &"\n".repeat(LINE_COUNT_MAX + 100));
    let short = file("src/a.rs", "\n");
    let complaints = |file, table: &[_]| check_file_lengths(&[file], table);
    assert_complains(complaints(long.clone(), &[]), &["600 lines"]);
    assert_complains(complaints(long.clone(), &[("src/a.rs", 600)]), &[]);
    assert_complains(complaints(long.clone(), &[("src/a.rs", 599)]), &["600 lines"]);
    assert_complains(complaints(long, &[("src/a.rs", 700)]), &["tighten"]);
    assert_complains(complaints(short.clone(), &[("src/a.rs", 600)]), &["tighten"]);
    assert_complains(complaints(short, &[("src/gone.rs", 600)]), &["src/gone.rs"]);
}

#[test]
fn lines_are_short() {
    assert_tidy(check_line_widths(&source::rust_files()));
}

#[test]
fn a_long_line_is_noticed_unless_a_string_or_an_address_makes_it_long() {
    let complaints = |text: String| check_line_widths(&[file("src/a.rs", &text)]);
    let long = "x".repeat(COLUMN_COUNT_MAX + 1);
    assert_complains(complaints(format!("fn f() {{}}\n// {long}")), &["line 2"]);
    assert_complains(complaints(format!("let {long} = 1;")), &["line 1"]);
    assert_complains(complaints(format!("let text = \"{long}\";")), &[]);
    assert_complains(complaints(format!("let text = r#\"\n{long}\n\"#;")), &[]);
    assert_complains(complaints(format!("// https://{long}")), &[]);
    // Columns are characters, not bytes.
    assert_complains(complaints(format!("// {}", "µ".repeat(COLUMN_COUNT_MAX - 3))), &[]);
}

#[test]
fn nothing_below_study_knows_clocks_threads_files_or_hash_order() {
    assert_tidy(check_purity(&source::rust_files()));
}

#[test]
fn impure_code_is_noticed() {
    let complaints = |path, text: &str| check_purity(&[file(path, text)]);
    for text in [
        "use std::collections::HashMap;",
        "let set = std::collections::HashSet::new();",
        "let t = SystemTime::now();",
        "let t = std::time::Instant::now();",
        "use std::time::{Duration, Instant};",
        "std::thread::spawn(f);",
        "std::fs::read(path);",
        "use std::{fmt, fs};",
        "use std::{fmt, thread::spawn};",
        "let home = std::env::var(\"HOME\");",
        "async fn f() {}",
        "tokio::spawn(f);",
        "use rayon::prelude::*;",
    ] {
        assert_complains(complaints("src/traffic/exact.rs", text), &["src/traffic/exact.rs"]);
    }
    let fine = "// a HashMap\n#[cfg(test)] mod tests { use std::fs; }\nstruct Instant; let HashMapped = \"async\";";
    assert_complains(complaints("src/traffic/exact.rs", fine), &[]);
    assert_complains(complaints("src/report/write.rs", "use std::fs;"), &[]);
    assert_complains(complaints("src/scenario/source.rs", "use std::fs;"), &[]);
    assert_complains(complaints("src/scenario/source.rs", "use HashMap;"), &["HashMap"]);
    assert_complains(complaints("src/scenario/check.rs", "use std::fs;"), &["std::fs"]);
}

#[test]
fn the_world_does_not_know_the_file_format() {
    assert_tidy(check_file_format(&source::rust_files()));
    let complaints = |path: &str, text: &str| check_file_format(&[file(path, text)]);
    assert_complains(complaints("src/world/site.rs", "// as in the YAML"), &["src/world/site.rs"]);
    assert_complains(complaints("src/kernel.rs", "serde_yaml::from_str"), &["src/kernel.rs"]);
    assert_complains(complaints("src/scenario/yaml.rs", "serde_yaml::from_str"), &[]);
}

#[test]
fn neither_engine_uses_the_other() {
    assert_tidy(check_engines(&source::rust_files()));
    let complaints = |path: &str, text: &str| check_engines(&[file(path, text)]);
    let calls = "use crate::traffic::exact::Exact;";
    assert_complains(complaints("src/traffic/flow/call.rs", calls), &["exact::"]);
    assert_complains(complaints("src/traffic/exact/call.rs", "Flow::new();"), &["Flow::"]);
    assert_complains(complaints("src/traffic.rs", calls), &[]);
}

#[test]
fn every_source_says_what_it_is() {
    assert_tidy(check_module_docs(&source::rust_files()));
    let complaints = |path: &str, text: &str| check_module_docs(&[file(path, text)]);
    assert_complains(complaints("src/a.rs", "use std::fmt;\n//! Late."), &["src/a.rs"]);
    assert_complains(complaints("src/a.rs", ""), &["src/a.rs"]);
    assert_complains(complaints("src/a.rs", "//!\n"), &["src/a.rs"]);
    assert_complains(complaints("src/a.rs", "//! The letter."), &[]);
    let included = "#![doc = include_str!(\"ARCHITECTURE.md\")]";
    assert_complains(complaints("src/lib.rs", included), &[]);
    assert_complains(complaints("src/a.rs", included), &["src/a.rs"]);
}

#[test]
fn no_path_of_one_machine_is_kept() {
    assert_tidy(check_machine_paths(&source::tracked_files()));
    // Put together here, so that this file does not break the rule it tests.
    for folder in ["work", "tmp", "root", "home/ann"] {
        let text = format!("see `/{folder}/notes.txt`");
        assert_complains(check_machine_paths(&[file("README.md", &text)]), &["README.md"]);
    }
    let fine = "https://example.org/work/x, docs/tmp/x, /working";
    assert_complains(check_machine_paths(&[file("README.md", fine)]), &[]);
}
