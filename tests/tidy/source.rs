//! The files of the tree, and their text without comments, strings or test modules.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the package: its path from the root, with `/`, and its text.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub path: String,
    pub text: String,
}

/// Every text file that belongs to the package; build output, and reports outside the gallery, do
/// not.
pub fn tracked_files() -> Vec<SourceFile> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    files
}

/// Every Rust file of the package.
pub fn rust_files() -> Vec<SourceFile> {
    tracked_files().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) {
    let entries = fs::read_dir(folder).expect("the tree can be read");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        let relative = path.strip_prefix(root).expect("below the root");
        let relative = relative.to_str().expect("a UTF-8 name").replace('\\', "/");
        let report = relative.starts_with("reports/") && !relative.starts_with("reports/gallery");
        if report || ["target", ".git"].contains(&relative.as_str()) {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            // What is not UTF-8 is a picture.
            files.push(SourceFile { path: relative, text });
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    /// Inside a string literal; its quotes are code.
    Text,
}

/// The text without comments and without the content of strings; every line keeps its number.
pub fn code_of(text: &str) -> String {
    keep(text, |kind| kind == Kind::Code)
}

/// The text without the content of strings.
pub fn without_strings(text: &str) -> String {
    keep(text, |kind| kind != Kind::Text)
}

fn keep(text: &str, wanted: impl Fn(Kind) -> bool) -> String {
    let characters: Vec<char> = text.chars().collect();
    let kinds = classify(&characters);
    let pairs = characters.iter().zip(kinds);
    pairs.filter(|(c, kind)| **c == '\n' || wanted(*kind)).map(|(c, _)| *c).collect()
}

/// Kind of every character; a small lexer of Rust, enough for comments and literals.
fn classify(characters: &[char]) -> Vec<Kind> {
    let mut kinds = Vec::with_capacity(characters.len());
    while kinds.len() < characters.len() {
        let at = kinds.len();
        let rest = &characters[at..];
        if rest.starts_with(&['/', '/']) {
            let length = rest.iter().position(|&c| c == '\n').unwrap_or(rest.len());
            kinds.resize(at + length, Kind::Comment);
        } else if rest.starts_with(&['/', '*']) {
            kinds.resize(at + block_comment_length(rest), Kind::Comment);
        } else if let Some((opening, length)) = string_length(&characters[..at], rest) {
            kinds.resize(at + opening, Kind::Code);
            kinds.resize(at + length, Kind::Text);
        } else {
            kinds.push(Kind::Code);
        }
    }
    kinds
}

fn block_comment_length(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while at < rest.len() {
        if rest[at..].starts_with(&['/', '*']) {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(&['*', '/']) {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Lengths of the opening and of opening and content of a string or character that starts here.
fn string_length(before: &[char], rest: &[char]) -> Option<(usize, usize)> {
    let quote = *rest.first()?;
    let end_of = |quote: char| {
        let mut at = 1;
        while at < rest.len() && rest[at] != quote {
            at += if rest[at] == '\\' { 2 } else { 1 };
        }
        at.min(rest.len())
    };
    match quote {
        '"' => {
            let hash_count = before.iter().rev().take_while(|&&c| c == '#').count();
            let raw = before[..before.len() - hash_count].last() == Some(&'r');
            let length = if raw { raw_string_end(rest, hash_count) } else { end_of('"') };
            // The closing quote is skipped with the content, else it would open a string.
            Some((1, (length + 1).min(rest.len())))
        }
        // A lifetime has no closing quote after one character.
        '\'' if rest.get(1) == Some(&'\\') || rest.get(2) == Some(&'\'') => {
            Some((1, (end_of('\'') + 1).min(rest.len())))
        }
        _ => None,
    }
}

fn raw_string_end(rest: &[char], hash_count: usize) -> usize {
    let is_end = |at: usize| {
        rest[at] == '"'
            && rest[at + 1..].len() >= hash_count
            && rest[at + 1..at + 1 + hash_count].iter().all(|&c| c == '#')
    };
    (1..rest.len()).find(|&at| is_end(at)).unwrap_or(rest.len())
}

/// Code without the bodies of its `#[cfg(test)]` modules; every line keeps its number.
pub fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        let (before, after) = rest.split_at(at);
        kept.push_str(before);
        let end = match after.find(['{', ';']) {
            Some(open) if after[open..].starts_with('{') => open + block_length(&after[open..]),
            Some(semicolon) => semicolon + 1,
            None => after.len(),
        };
        kept.extend(after[..end].chars().filter(|&c| c == '\n'));
        rest = &after[end..];
    }
    kept + rest
}

/// Length of the block in braces that `code` starts with, braces included.
pub fn block_length(code: &str) -> usize {
    let mut depth = 0_u32;
    for (at, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    code.len()
}

#[test]
fn the_lexer_tells_code_from_comments_and_strings() {
    let code = |text| code_of(text);
    assert_eq!(code("a // b\nc"), "a \nc");
    assert_eq!(code("a /* b /* c */ d */ e"), "a  e");
    assert_eq!(code(r#"f("a // \" b", c)"#), r#"f(", c)"#);
    assert_eq!(code("r#\"a \" b\"# c"), "r#\"# c");
    assert_eq!(code("'\"' + '\\'' + b"), "' + ' + b");
    assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
    assert_eq!(code("\"a\nb\" c"), "\"\n c");
    assert_eq!(without_strings("\"a\" // \"b\""), "\" // \"b\"");
}

#[test]
fn test_modules_are_cut_out_with_their_braces() {
    let code = "a\n#[cfg(test)]\nmod tests {\n { b }\n}\nc #[cfg(test)] mod t; d";
    assert_eq!(without_tests(code), "a\n\n\n\n\nc  d");
}
