//! Whatever is done to a scenario file, it is refused or taken, and nothing panics.

use blackstart::scenario::{Options, parse};
use proptest::prelude::*;

const FULL: &str = include_str!("scenario/full.yaml");

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

fn config() -> ProptestConfig {
    ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

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
