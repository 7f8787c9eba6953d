//! YAML text to a [`Node`] tree with exact places: the only file that knows the YAML library.
//!
//! It reads parser events rather than deserializing, because a scalar must stay as it was written
//! (`off`, `10:50` and `1` mean different things in different places) and because every key and
//! value needs its own place. Refused: tags, several documents, keys that are not scalars,
//! duplicate keys, nesting past [`DEPTH_MAX`], and more than [`NODE_COUNT_MAX`] values once aliases
//! are expanded, counted before they are copied, so that an alias bomb costs nothing.

use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use std::collections::BTreeMap;

use crate::scenario::problem::{Code, Place, Reporter};
use crate::scenario::tree::{Entry, Node, Value};

/// Maps and lists within each other at most.
pub const DEPTH_MAX: usize = 32;

/// Values in one file at most, aliases expanded. A replay of a day has some 2,000.
pub const NODE_COUNT_MAX: usize = 50_000;

/// Text to tree, or `None` with the problems reported.
pub fn parse(text: &str, source: u32, reporter: &Reporter) -> Option<Node> {
    let mut builder = Builder::new(reporter);
    for result in Parser::new_from_str(text) {
        let step = match result {
            Ok((event, span)) => {
                let place = place_of(source, &span);
                builder.take(event, place)
            }
            Err(error) => {
                syntax_error(&error, source, reporter);
                return None;
            }
        };
        if step.is_none() {
            return None;
        }
    }
    if builder.root.is_none() {
        let whole = Place { source, start: 0, end: 0 };
        reporter.error(Code::Empty, whole, "there is nothing in this file but space and comments");
    }
    builder.root
}

fn place_of(source: u32, span: &Span) -> Place {
    let start = span.start.byte_offset().unwrap_or(0) as u32;
    let end = span.end.byte_offset().unwrap_or(0) as u32;
    Place { source, start, end: end.max(start) }
}

fn syntax_error(error: &ScanError, source: u32, reporter: &Reporter) {
    let start = error.marker().byte_offset().unwrap_or(0) as u32;
    let place = Place { source, start, end: start + 1 };
    let message = format!("this is not YAML: {}", error.info());
    reporter.error(Code::Syntax, place, message);
}

/// A map or list that is still open.
enum Frame {
    List { place: Place, anchor: usize, items: Vec<Node> },
    Map { place: Place, anchor: usize, entries: Vec<Entry>, key: Option<(String, Place)> },
}

struct Builder<'a> {
    reporter: &'a Reporter,
    open: Vec<Frame>,
    anchors: BTreeMap<usize, (Node, usize)>,
    node_count: usize,
    document_count: usize,
    root: Option<Node>,
}

impl<'a> Builder<'a> {
    fn new(reporter: &'a Reporter) -> Builder<'a> {
        Builder {
            reporter,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            node_count: 0,
            document_count: 0,
            root: None,
        }
    }

    /// One event; `None` where reading on makes no sense.
    fn take(&mut self, event: Event<'_>, place: Place) -> Option<()> {
        if event.tag().is_some() {
            self.reporter.error(
                Code::Syntax,
                place,
                "a scenario has no use for YAML tags (`!...`)",
            );
        }
        match event {
            Event::DocumentStart(..) => self.document_starts(place),
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let null = plain && matches!(&*text, "" | "~" | "null");
                let value = if null { Value::Null } else { Value::Scalar(text.into_owned()) };
                self.add(Node { place, value }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.opens(Frame::List { place, anchor, items: Vec::new() }, place)
            }
            Event::MappingStart(_, anchor, _) => {
                self.opens(Frame::Map { place, anchor, entries: Vec::new(), key: None }, place)
            }
            Event::SequenceEnd | Event::MappingEnd => self.closes(place),
            Event::Alias(anchor) => self.alias(anchor, place),
            _ => Some(()),
        }
    }

    fn document_starts(&mut self, place: Place) -> Option<()> {
        self.document_count += 1;
        if self.document_count > 1 {
            let message = "a scenario is one YAML document; a second one begins here";
            self.reporter.error(Code::Syntax, place, message);
            return None;
        }
        Some(())
    }

    fn opens(&mut self, frame: Frame, place: Place) -> Option<()> {
        if self.open.len() >= DEPTH_MAX {
            let message = format!("maps and lists are nested more than {DEPTH_MAX} deep here");
            self.reporter.error(Code::TooDeep, place, message);
            return None;
        }
        if let Some(Frame::Map { key: None, .. }) = self.open.last() {
            self.reporter.error(
                Code::Syntax,
                place,
                "a key must be a single word, not a map or list",
            );
            return None;
        }
        self.open.push(frame);
        Some(())
    }

    fn closes(&mut self, end: Place) -> Option<()> {
        let (mut place, anchor, value) = match self.open.pop()? {
            Frame::List { place, anchor, items } => (place, anchor, Value::List(items)),
            Frame::Map { place, anchor, entries, .. } => (place, anchor, Value::Map(entries)),
        };
        place.end = end.end.max(place.end);
        self.add(Node { place, value }, anchor)
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Option<()> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            self.reporter.error(Code::Syntax, place, "an alias of something that is still open");
            return None;
        };
        let (node, size) = (node, *size);
        if self.node_count + size > NODE_COUNT_MAX {
            return self.too_many(place);
        }
        if self.open.len() + depth(node) > DEPTH_MAX {
            let message = format!("this alias nests more than {DEPTH_MAX} deep");
            self.reporter.error(Code::TooDeep, place, message);
            return None;
        }
        let node = node.clone();
        self.node_count += size - 1;
        self.add(node, 0)
    }

    fn too_many(&self, place: Place) -> Option<()> {
        let message = format!("more than {NODE_COUNT_MAX} values, aliases expanded");
        self.reporter.error(Code::TooManyNodes, place, message);
        None
    }

    /// Puts a finished node where it belongs: as key, value, item or root.
    fn add(&mut self, node: Node, anchor: usize) -> Option<()> {
        self.node_count += 1;
        if self.node_count > NODE_COUNT_MAX {
            return self.too_many(node.place);
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size(&node)));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List { items, .. }) => items.push(node),
            Some(Frame::Map { entries, key, .. }) => match key.take() {
                None => match node.value {
                    Value::Scalar(text) => *key = Some((text, node.place)),
                    _ => {
                        let message = "a key must be a single word";
                        self.reporter.error(Code::Syntax, node.place, message);
                        return None;
                    }
                },
                Some((text, key_place)) => {
                    if let Some(first) = entries.iter().find(|entry| entry.key == text) {
                        duplicate(self.reporter, &text, first.key_place, key_place);
                    } else {
                        entries.push(Entry { key: text, key_place, value: node });
                    }
                }
            },
        }
        Some(())
    }
}

fn duplicate(reporter: &Reporter, key: &str, first: Place, second: Place) {
    let line = reporter.line_of(first);
    let message = format!("`{key}` is here twice; first on line {line}");
    reporter.error(Code::DuplicateKey, second, message);
}

/// Nodes of a tree.
fn size(node: &Node) -> usize {
    let below: usize = match &node.value {
        Value::Null | Value::Scalar(_) => 0,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|entry| 1 + size(&entry.value)).sum(),
    };
    1 + below
}

/// Levels of maps and lists of a tree.
fn depth(node: &Node) -> usize {
    match &node.value {
        Value::Null | Value::Scalar(_) => 0,
        Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Map(entries) => 1 + entries.iter().map(|e| depth(&e.value)).max().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(Code, usize, usize)> {
        let reporter = Reporter::default();
        let source = reporter.add_source("t.yaml", text);
        parse(text, source, &reporter);
        reporter.finish().list.iter().map(|p| (p.code, p.line, p.column)).collect()
    }

    #[test]
    fn every_value_knows_its_place() {
        let text = "a: { at: \"10:50\", off: off }\nlist:\n  - é\n  - [1, 2]\n";
        let reporter = Reporter::default();
        reporter.add_source("t.yaml", text);
        let root = parse(text, 0, &reporter).unwrap();
        let at = root.at(&["a", "at"]).unwrap();
        assert_eq!((at.text(), &*reporter.slice(at.place)), (Some("10:50"), "\"10:50\""));
        let items = root.get("list").unwrap().items();
        assert_eq!(reporter.slice(items[0].place), "é");
        assert_eq!(reporter.slice(items[1].items()[1].place), "2");
        assert_eq!(reporter.slice(root.entry("a").unwrap().key_place), "a");
    }

    #[test]
    fn what_no_scenario_needs_is_refused_with_its_place() {
        assert_eq!(problems("a: 1\nb: 2\na: 3\n"), [(Code::DuplicateKey, 3, 1)]);
        assert_eq!(problems("a: !x 1\n")[0].0, Code::Syntax);
        assert_eq!(problems("a: 1\n---\nb: 2\n")[0].0, Code::Syntax);
        assert_eq!(problems("? [1]\n: 2\n")[0].0, Code::Syntax);
        assert_eq!(problems("a: [1\nb: 2\n")[0].0, Code::Syntax);
        assert_eq!(problems("# only a comment\n"), [(Code::Empty, 1, 1)]);
    }

    #[test]
    fn bombs_and_wells_are_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert_eq!(problems(&bomb)[0].0, Code::TooManyNodes);
        assert_eq!(
            problems(&format!("a: {}1{}", "[".repeat(99), "]".repeat(99)))[0].0,
            Code::TooDeep
        );
        let block: String = (0..99).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
        assert_eq!(problems(&block)[0].0, Code::TooDeep);
        let chain: String = (1..40).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)).collect();
        assert_eq!(problems(&format!("a0: &a0 [1]\n{chain}"))[0].0, Code::TooDeep);
    }
}
