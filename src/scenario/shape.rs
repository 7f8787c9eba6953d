//! Holds a tree against the grammar: keys, kinds, words and units, everything wrong at once.
//!
//! After this, the readers of [`lower`](crate::scenario::lower) may take a value that they cannot
//! read for one that was reported here.

use crate::scenario::grammar::{self, Choice, Field, SCENARIO, Shape};
use crate::scenario::problem::{Code, Place, Reporter};
use crate::scenario::suggest;
use crate::scenario::tree::{Entry, Node, Value};
use crate::scenario::{time, unit};

/// Reports every way in which a whole file is not shaped like a scenario.
pub fn check(root: &Node, reporter: &Reporter) {
    Checker { reporter }.node(root, &SCENARIO, "the scenario", root.place);
}

/// Whether a name can be given to anything: `[a-z][a-z0-9-]*`.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

struct Checker<'a> {
    reporter: &'a Reporter,
}

impl Checker<'_> {
    /// `called` is the key or name that the value belongs to, `key` its place.
    fn node(&self, node: &Node, shape: &'static Shape, called: &str, key: Place) {
        match shape {
            Shape::Text(what) => {
                if node.text().is_none() {
                    self.wrong(node, called, key, what);
                }
            }
            Shape::Choice(choice) => self.choice(node, choice, called, key),
            Shape::List { item, alone } => match &node.value {
                Value::List(items) => {
                    items.iter().for_each(|node| self.node(node, item, called, node.place));
                }
                Value::Scalar(_) if *alone => self.node(node, item, called, key),
                _ => self.wrong(node, called, key, "a list"),
            },
            Shape::Map(fields) => {
                if let Some(entries) = self.map(node, called, key) {
                    self.fields(entries, fields, called, key);
                }
            }
            Shape::Named(below) => {
                for entry in self.map(node, called, key).unwrap_or(&[]) {
                    self.name(entry);
                    self.node(&entry.value, below, &entry.key, entry.key_place);
                }
            }
            Shape::Shares(_) | Shape::Curve | Shape::Moments => {
                for entry in self.map(node, called, key).unwrap_or(&[]) {
                    self.point(entry, shape);
                }
            }
            // Paths and values of an overlay are checked where they are laid over.
            Shape::Overlay => {
                self.map(node, called, key);
            }
        }
    }

    /// The entries of a map; nothing written is an empty one.
    fn map<'n>(&self, node: &'n Node, called: &str, key: Place) -> Option<&'n [Entry]> {
        match &node.value {
            Value::Map(entries) => Some(entries),
            Value::Null => Some(&[]),
            _ => {
                self.wrong(node, called, key, "a map");
                None
            }
        }
    }

    fn fields(&self, entries: &[Entry], fields: &'static [Field], called: &str, key: Place) {
        for entry in entries {
            match fields.iter().find(|field| field.key == entry.key) {
                Some(field) => self.node(&entry.value, field.shape, field.key, entry.key_place),
                None => {
                    let message = format!("`{}` is not a key of {}", entry.key, quoted(called));
                    let help = suggest::help(&entry.key, fields.iter().map(|field| field.key));
                    self.reporter.error_with_help(Code::UnknownKey, entry.key_place, message, help);
                }
            }
        }
        for field in fields.iter().filter(|field| field.required) {
            if !entries.iter().any(|entry| entry.key == field.key) {
                let message = format!("{} needs `{}`", quoted(called), field.key);
                let help = Some(format!("{}: {}", field.key, field.doc));
                self.reporter.error_with_help(Code::MissingKey, key, message, help);
            }
        }
    }

    fn name(&self, entry: &Entry) {
        if !is_name(&entry.key) {
            let message = format!("`{}` cannot be a name", entry.key);
            let help =
                "a name is lower case: a letter, then letters, digits and hyphens".to_owned();
            self.reporter.error_with_help(Code::BadName, entry.key_place, message, Some(help));
        }
    }

    fn point(&self, entry: &Entry, shape: &'static Shape) {
        match shape {
            Shape::Curve if time::second_of_day(&entry.key).is_none() => {
                let message = format!("`{}` is not a clock time", entry.key);
                let help = Some("write it like `\"09:30\"`".to_owned());
                self.reporter.error_with_help(Code::BadTime, entry.key_place, message, help);
            }
            Shape::Moments if !is_moment(&entry.key) => {
                let message = format!("`{}` is not a moment of a distribution", entry.key);
                let help = suggest::nearest(&entry.key, ["mean", "median"])
                    .map(|near| format!("did you mean `{near}`?"))
                    .unwrap_or_else(|| {
                        "possible here: `mean`, `median`, `p95`, `p99.9`".to_owned()
                    });
                self.reporter.error_with_help(
                    Code::UnknownKey,
                    entry.key_place,
                    message,
                    Some(help),
                );
            }
            _ => {}
        }
        let below = grammar::below(shape, &entry.key).expect("these maps take any key");
        self.node(&entry.value, below, &entry.key, entry.key_place);
    }

    fn choice(&self, node: &Node, choice: &'static Choice, called: &str, key: Place) {
        match &node.value {
            Value::Scalar(text) => self.scalar(node, text, choice, called),
            Value::Map(entries) if !choice.kinds.is_empty() => match entries.as_slice() {
                [entry] => self.kind(entry, choice, called),
                _ => {
                    let names = choice.kinds.iter().map(|kind| kind.key).collect::<Vec<_>>();
                    let message = format!("{} is exactly one of its kinds", quoted(called));
                    let help = suggest::help("", names);
                    let place = if entries.is_empty() { node.place } else { entries[0].key_place };
                    self.reporter.error_with_help(Code::WrongShape, place, message, help);
                    entries.iter().for_each(|entry| self.kind(entry, choice, called));
                }
            },
            _ => {
                let what = match (choice.unit, choice.kinds.first()) {
                    (Some(unit), _) => unit.called(),
                    (None, Some(_)) => "a map with one key",
                    (None, None) => "one word",
                };
                self.wrong(node, called, key, what);
            }
        }
    }

    fn kind(&self, entry: &Entry, choice: &'static Choice, called: &str) {
        match choice.kinds.iter().find(|kind| kind.key == entry.key) {
            Some(kind) => self.node(&entry.value, kind.shape, kind.key, entry.key_place),
            None => {
                let message = format!("`{}` is not a kind of {}", entry.key, quoted(called));
                let names =
                    choice.kinds.iter().map(|kind| kind.key).chain(choice.words.iter().copied());
                let help = suggest::help(&entry.key, names);
                self.reporter.error_with_help(Code::UnknownKey, entry.key_place, message, help);
            }
        }
    }

    fn scalar(&self, node: &Node, text: &str, choice: &'static Choice, called: &str) {
        if choice.words.contains(&text) {
            return;
        }
        let near = suggest::nearest(text, choice.words.iter().copied());
        if let Some(unit) = choice.unit.filter(|_| near.is_none()) {
            if let Err(error) = unit::parse(unit, text) {
                let mut help = error.help.unwrap_or_default();
                for word in choice.words {
                    help.push_str(&format!(", or `{word}`"));
                }
                self.reporter.error_with_help(error.code, node.place, error.message, Some(help));
            }
            return;
        }
        let kinds = choice.kinds.iter().map(|kind| kind.key);
        if choice.kinds.iter().any(|kind| kind.key == text) {
            let message = format!("`{text}` needs its values");
            let help = Some(format!("write it like `{{ {text}: {{ ... }} }}`"));
            self.reporter.error_with_help(Code::WrongShape, node.place, message, help);
            return;
        }
        let message = format!("`{text}` is not possible for {}", quoted(called));
        let help = suggest::help(text, choice.words.iter().copied().chain(kinds));
        self.reporter.error_with_help(Code::UnknownWord, node.place, message, help);
    }

    fn wrong(&self, node: &Node, called: &str, key: Place, what: &str) {
        let message = format!("{} must be {what}, not {}", quoted(called), node.described());
        let place = if node.value == Value::Null { key } else { node.place };
        self.reporter.error(Code::WrongShape, place, message);
    }
}

fn quoted(called: &str) -> String {
    if called == "the scenario" { called.to_owned() } else { format!("`{called}`") }
}

/// `mean`, `median` or `pNN`.
fn is_moment(key: &str) -> bool {
    matches!(key, "mean" | "median") || percentile(key).is_some()
}

/// The share of `pNN`: 0.999 for `p99.9`.
pub fn percentile(key: &str) -> Option<f64> {
    let digits = key.strip_prefix('p')?;
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    let share: f64 = plain.then(|| format!("{digits}e-2").parse().ok()).flatten()?;
    (0.0..=1.0).contains(&share).then_some(share)
}
