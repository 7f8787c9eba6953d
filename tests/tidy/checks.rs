//! The checks: from files to complaints, each naming the file, the line and what to do.

use crate::source::{SourceFile, block_length, code_of, without_strings, without_tests};

/// Longest file in lines that needs no entry in the table of exceptions.
pub const LINE_COUNT_MAX: usize = 500;
/// Widest line in characters.
pub const COLUMN_COUNT_MAX: usize = 100;
/// An exception may exceed the file it allows by so many lines before it must be tightened.
const EXCEPTION_SLACK: usize = 20;

/// The rooms, each of which may import those before it.
const ROOMS: [&str; 11] = [
    "kernel",
    "scenario",
    "measure",
    "world",
    "control",
    "traffic",
    "simulation",
    "verdict",
    "report",
    "study",
    "cli",
];

/// Rooms of which one trial is made: no clock, no thread, no file, no hash order.
const PURE_ROOMS: [&str; 7] =
    ["kernel", "scenario", "measure", "world", "control", "traffic", "simulation"];

/// The one file of a pure room that opens files.
const FILE_LOADER: &str = "src/scenario/source.rs";

/// Rooms that do not know in which format scenarios are written.
const FORMAT_FREE_ROOMS: [&str; 3] = ["kernel", "measure", "world"];

/// The room a file belongs to; `None` for `main.rs`, `lib.rs` and what is not in `src`.
fn room_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    if ["main.rs", "lib.rs"].contains(&inside) {
        return None;
    }
    inside.split('/').next().map(|first| first.strip_suffix(".rs").unwrap_or(first))
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

fn line_number(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Places of `path` in `code` where neither end runs on into another name.
fn uses<'a>(code: &'a str, path: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(path).map(|(at, _)| at).filter(move |&at| {
        let starts_inside = code[..at].chars().next_back().is_some_and(is_word);
        let ends_inside = path.chars().next_back().is_some_and(is_word)
            && code[at + path.len()..].chars().next().is_some_and(is_word);
        !starts_inside && !ends_inside
    })
}

/// First names of the paths that follow `prefix::`, through one pair of braces, with their places.
fn names_after<'a>(code: &'a str, prefix: &str) -> Vec<(usize, &'a str)> {
    let first_name = |path: &'a str| path.trim().split(|c| !is_word(c)).next().unwrap_or_default();
    let mut names = Vec::new();
    for at in uses(code, prefix) {
        let rest = &code[at + prefix.len()..];
        if !rest.starts_with('{') {
            names.push((at, first_name(rest)));
            continue;
        }
        let group = &rest[1..block_length(rest).max(2) - 1];
        let mut depth = 0;
        let parts = group.split(|c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && depth == 0
        });
        names.extend(parts.map(|part| (at, first_name(part))));
    }
    names
}

pub fn check_imports(files: &[SourceFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        let Some(room) = room_of(&file.path) else {
            continue;
        };
        let Some(rank) = ROOMS.iter().position(|name| *name == room) else {
            complaints.push(format!("{}: room `{room}` has no place in the order", file.path));
            continue;
        };
        let code = code_of(&file.text);
        // From src/room/part.rs, two steps up lead to the crate; fewer stay in the room.
        let steps_to_crate = file.path.matches('/').count();
        let mut names = names_after(&code, "crate::");
        for step_count in steps_to_crate..steps_to_crate + 2 {
            let prefix = "super::".repeat(step_count);
            let chains = names_after(&code, &prefix);
            names.extend(chains.into_iter().filter(|(at, _)| !code[..*at].ends_with("super::")));
        }
        for (at, name) in names {
            if ROOMS.iter().position(|other| *other == name).is_some_and(|other| other > rank) {
                complaints.push(format!(
                    "{}: line {}: `{room}` lies below `{name}` and may not import it",
                    file.path,
                    line_number(&code, at),
                ));
            }
        }
    }
    complaints
}

pub fn check_module_files(files: &[SourceFile]) -> Vec<String> {
    let misnamed = files.iter().filter_map(|file| {
        let folder = file.path.strip_suffix("/mod.rs").filter(|_| file.path.starts_with("src/"))?;
        Some(format!("{}: name it {folder}.rs", file.path))
    });
    misnamed.collect()
}

pub fn check_glob_imports(files: &[SourceFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("src/")) {
        if is_test_file(&file.path) {
            continue;
        }
        for (index, line) in without_tests(&code_of(&file.text)).lines().enumerate() {
            let dense: String = line.split_whitespace().collect();
            if dense.contains("super::*") {
                let number = index + 1;
                let path = &file.path;
                complaints.push(format!("{path}: line {number}: `super::*` outside tests"));
            }
        }
    }
    complaints
}

pub fn check_file_lengths(files: &[SourceFile], exceptions: &[(&str, usize)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        let line_count = file.text.lines().count();
        let exception = exceptions.iter().find(|(path, _)| *path == file.path);
        let allowed = exception.map_or(LINE_COUNT_MAX, |(_, allowed)| *allowed);
        if line_count > allowed {
            complaints.push(format!(
                "{}: {line_count} lines, over {allowed}: cut it in two by what it is about",
                file.path,
            ));
        } else if exception.is_some()
            && (line_count <= LINE_COUNT_MAX || line_count + EXCEPTION_SLACK < allowed)
        {
            complaints.push(format!(
                "{}: {line_count} lines, {allowed} allowed: tighten the table of exceptions",
                file.path,
            ));
        }
    }
    let gone = exceptions.iter().filter(|(path, _)| !files.iter().any(|file| file.path == *path));
    complaints.extend(gone.map(|(path, _)| format!("{path}: an exception for no file: remove it")));
    complaints
}

pub fn check_line_widths(files: &[SourceFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        for (index, line) in without_strings(&file.text).lines().enumerate() {
            if line.chars().count() > COLUMN_COUNT_MAX && !line.contains("://") {
                complaints.push(format!(
                    "{}: line {} is wider than {COLUMN_COUNT_MAX} columns",
                    file.path,
                    index + 1,
                ));
            }
        }
    }
    complaints
}

pub fn check_purity(files: &[SourceFile]) -> Vec<String> {
    const BANNED: [&str; 12] = [
        "HashMap",
        "HashSet",
        "SystemTime",
        "Instant::now",
        "std::thread",
        "thread::",
        "std::env",
        "env::",
        "async",
        "tokio",
        "rayon",
        "std::process",
    ];
    let mut complaints = Vec::new();
    for file in files {
        let pure = room_of(&file.path).is_some_and(|room| PURE_ROOMS.contains(&room));
        if !pure || is_test_file(&file.path) {
            continue;
        }
        let code = without_tests(&code_of(&file.text));
        let mut found: Vec<&str> =
            BANNED.into_iter().filter(|name| uses(&code, name).next().is_some()).collect();
        let std_modules = names_after(&code, "std::");
        let imports = |module| std_modules.iter().any(|(_, name)| *name == module);
        if file.path != FILE_LOADER && (imports("fs") || uses(&code, "fs::").next().is_some()) {
            found.push("std::fs");
        }
        if ["time", "thread", "env", "net"].into_iter().any(imports) {
            found.push("std::time, std::thread, std::env or std::net");
        }
        if !found.is_empty() {
            complaints.push(format!("{}: {} in a pure room", file.path, found.join(", ")));
        }
    }
    complaints
}

pub fn check_file_format(files: &[SourceFile]) -> Vec<String> {
    let mentions = files.iter().filter(|file| {
        room_of(&file.path).is_some_and(|room| FORMAT_FREE_ROOMS.contains(&room))
            && file.text.to_lowercase().contains("yaml")
    });
    mentions.map(|file| format!("{}: does not know that YAML exists", file.path)).collect()
}

/// The two ways to solve traffic say nothing of each other: neither may lean on the other's
/// results (DESIGN.md, section 6).
pub fn check_engines(files: &[SourceFile]) -> Vec<String> {
    const ENGINES: [(&str, [&str; 2]); 2] =
        [("src/traffic/flow", ["exact::", "Exact::"]), ("src/traffic/exact", ["flow::", "Flow::"])];
    let mut complaints = Vec::new();
    for file in files {
        for (_, words) in ENGINES.iter().filter(|(folder, _)| file.path.starts_with(folder)) {
            let text = without_tests(&file.text);
            let named = words.iter().find(|word| text.contains(**word));
            complaints.extend(
                named.map(|word| format!("{}: an engine uses the other: {word}", file.path)),
            );
        }
    }
    complaints
}

pub fn check_module_docs(files: &[SourceFile]) -> Vec<String> {
    let silent = files.iter().filter(|file| {
        let first = file.text.lines().next().unwrap_or_default();
        let documented = first.strip_prefix("//! ").is_some_and(|words| !words.trim().is_empty());
        let included = file.path == "src/lib.rs" && first.starts_with("#![doc");
        file.path.starts_with("src/") && !documented && !included
    });
    silent
        .map(|file| format!("{}: its first line must say what it is (`//! …`)", file.path))
        .collect()
}

pub fn check_machine_paths(files: &[SourceFile]) -> Vec<String> {
    const FOLDERS: [&str; 4] = ["work", "tmp", "root", "home"];
    let mut complaints = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            let found = FOLDERS.iter().find(|folder| {
                let path = format!("/{folder}/");
                line.match_indices(&path).any(|(at, _)| {
                    // After a name or a dot it is the middle of some other path or address.
                    !line[..at].ends_with(|c: char| is_word(c) || ".-~}/".contains(c))
                })
            });
            if let Some(folder) = found {
                let number = index + 1;
                let path = &file.path;
                complaints
                    .push(format!("{path}: line {number}: a path in /{folder} of one machine"));
            }
        }
    }
    complaints
}
