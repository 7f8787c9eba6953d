//! What is wrong with a scenario: data first, text second.
//!
//! Every problem has a code that stays, a place in a source, what was found and, where it can be
//! known, what was meant. All problems of a file are collected before any is shown.

use std::cell::RefCell;
use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// Most problems that are kept of one file: past it the rest only repeats the cause.
const PROBLEM_COUNT_MAX: usize = 200;

/// Characters of context that an excerpt shows on each side of the place.
const EXCERPT_SIDE_CHARS: usize = 100;

/// A range of bytes in one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Index into [`Sources`].
    pub source: u32,
    /// First byte.
    pub start: u32,
    /// First byte after it.
    pub end: u32,
}

impl Place {
    /// The place of `length` bytes that begin `offset` bytes after the start of this one.
    pub fn part(self, offset: usize, length: usize) -> Place {
        let start = self.start + offset as u32;
        Place { source: self.source, start, end: start + length as u32 }
    }
}

/// A text that a scenario was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As shown to people: the path as given, a library name, or `--set`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// All texts that a scenario was read from, in the order of reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(pub Vec<Source>);

impl Sources {
    /// Line and column of a place, both from 1; the column counts characters.
    pub fn line_and_column(&self, place: Place) -> (usize, usize) {
        let Some(source) = self.0.get(place.source as usize) else {
            return (1, 1);
        };
        let until = floor_boundary(&source.text, place.start as usize);
        let before = &source.text[..until];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The text of a place, cut at the end of its first line.
    pub fn excerpt(&self, place: Place) -> &str {
        let Some(source) = self.0.get(place.source as usize) else {
            return "";
        };
        let start = floor_boundary(&source.text, place.start as usize);
        let end = floor_boundary(&source.text, place.end as usize).max(start);
        source.text[start..end].lines().next().unwrap_or("")
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The scenario cannot be run.
    Error,
    /// It can, but is probably not meant so.
    Warning,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident => $text:literal),* $(,)?) => {
        /// What kind of problem it is; the text of a code never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $name),* }
        impl Code {
            /// The code as printed, such as `unknown-key`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text),* }
            }
        }
    };
}

codes! {
    /// The file cannot be opened or read.
    Unreadable => "unreadable",
    /// A directory where a file is needed.
    Directory => "directory",
    /// Larger than the limit, or more than can be numbered.
    TooLarge => "too-large",
    /// Nothing in it.
    Empty => "empty",
    /// Zero bytes inside: not a text.
    Binary => "binary",
    /// Bytes that are not UTF-8.
    NotUtf8 => "not-utf8",
    /// Not YAML, or YAML that no scenario needs (tags, several documents).
    Syntax => "syntax",
    /// One key twice in a map.
    DuplicateKey => "duplicate-key",
    /// Maps within maps past the limit.
    TooDeep => "too-deep",
    /// More values than the limit once aliases are expanded.
    TooManyNodes => "too-many-nodes",
    /// A file that includes itself, by whatever way.
    IncludeCycle => "include-cycle",
    /// A file outside the including file's folder and the library.
    IncludeEscape => "include-escape",
    /// A key that is not known here.
    UnknownKey => "unknown-key",
    /// A key that is needed.
    MissingKey => "missing-key",
    /// A list where a map is needed, and the like.
    WrongShape => "wrong-shape",
    /// A name that is not `[a-z][a-z0-9-]*`.
    BadName => "bad-name",
    /// Not one of the words that are possible.
    UnknownWord => "unknown-word",
    /// A bare number where a unit is needed.
    MissingUnit => "missing-unit",
    /// A unit of another kind, or none at all.
    WrongUnit => "wrong-unit",
    /// No number.
    NotANumber => "not-a-number",
    /// Below zero.
    Negative => "negative",
    /// Infinite or not a number.
    NotFinite => "not-finite",
    /// Too small or too large.
    OutOfRange => "out-of-range",
    /// Shares that do not add up.
    Shares => "shares",
    /// A name of nothing.
    UnknownName => "unknown-name",
    /// A name of several things.
    AmbiguousName => "ambiguous-name",
    /// A time that cannot be read, or that does not exist or exists twice.
    BadTime => "bad-time",
    /// A time after the end of the run.
    AfterTheEnd => "after-the-end",
    /// No law has these moments.
    Distribution => "distribution",
    /// A condition that cannot be read.
    Condition => "condition",
    /// Two things that exclude each other, or one of several that is missing.
    Conflict => "conflict",
    /// Services that call each other in a circle.
    CallCycle => "call-cycle",
    /// Steps that wait for each other in a circle.
    AfterCycle => "after-cycle",
    /// Unlimited attempts without a pause that grows to a second at least.
    NoBackoffCap => "no-backoff-cap",
    /// A service that is not where it is needed.
    NotAtSite => "not-at-site",
    /// No way through the network.
    NotConnected => "not-connected",
    /// Too few servers left at this scale.
    TooFewServers => "too-few-servers",
    /// More work than a station can do before anything has broken.
    Utilisation => "utilisation",
    /// Defined, but nothing uses it.
    Unused => "unused",
    /// A dotted path that leads nowhere.
    UnknownPath => "unknown-path",
    /// No variant of this name.
    UnknownVariant => "unknown-variant",
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// One thing wrong with a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Which kind.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// Where, in bytes.
    pub place: Place,
    /// Name of the source.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What stands there.
    pub found: String,
    /// What was meant perhaps, or what to write.
    pub help: Option<String>,
}

/// Everything wrong with a scenario, in the order of the file, with the texts to show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Problems {
    /// The problems, errors and warnings.
    pub list: Vec<Problem>,
    /// What they point into.
    pub sources: Sources,
}

impl Problems {
    /// All problems as rustc would show them: excerpt, marks and help.
    pub fn render(&self, color: bool) -> String {
        render(&self.list, &self.sources, color)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// Problems as text with excerpts, each followed by an empty line.
pub fn render(list: &[Problem], sources: &Sources, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for problem in list {
        text.push_str(&renderer.render(&[group(problem, sources)]));
        text.push_str("\n\n");
    }
    text
}

fn group<'a>(problem: &'a Problem, sources: &'a Sources) -> Group<'a> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(problem.message.as_str()).id(problem.code.as_str());
    let mut group = Group::with_title(title);
    match sources.0.get(problem.place.source as usize) {
        Some(source) if source.text.is_empty() => {
            group = group.element(Origin::path(source.name.as_str()));
        }
        Some(source) => group = group.element(snippet(problem, source)),
        None => {}
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group
}

/// The line of the problem, and of a very long line only the part around it.
fn snippet<'a>(
    problem: &'a Problem,
    source: &'a Source,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let text = source.text.as_str();
    let start = floor_boundary(text, problem.place.start as usize);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let from = floor_boundary(text, line_start.max(start.saturating_sub(EXCERPT_SIDE_CHARS)));
    let end = floor_boundary(text, problem.place.end as usize).clamp(start, line_end);
    let to = floor_boundary(text, line_end.min(end.min(start + 400) + EXCERPT_SIDE_CHARS));
    // A window into a long line would show the wrong column beside the path: show it in full then.
    let (from, to) =
        if line_end - line_start <= 4_000 { (line_start, line_end) } else { (from, to) };
    let end = end.min(to);
    Snippet::source(&text[from..to])
        .line_start(problem.line)
        .path(source.name.as_str())
        .annotation(AnnotationKind::Primary.span(start - from..(end - from).max(start - from)))
}

/// Collects problems while a scenario is read.
#[derive(Debug, Default)]
pub struct Reporter {
    sources: RefCell<Sources>,
    list: RefCell<Vec<Problem>>,
}

impl Reporter {
    /// Adds a text and gives its index.
    pub fn add_source(&self, name: &str, text: &str) -> u32 {
        let mut sources = self.sources.borrow_mut();
        sources.0.push(Source { name: name.to_owned(), text: text.to_owned() });
        sources.0.len() as u32 - 1
    }

    /// An error without help.
    pub fn error(&self, code: Code, place: Place, message: impl Into<String>) {
        self.add(Severity::Error, code, place, message.into(), None);
    }

    /// An error with what to do about it.
    pub fn error_with_help(
        &self,
        code: Code,
        place: Place,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.add(Severity::Error, code, place, message.into(), help);
    }

    /// A warning.
    pub fn warn(&self, code: Code, place: Place, message: impl Into<String>, help: Option<String>) {
        self.add(Severity::Warning, code, place, message.into(), help);
    }

    /// One problem at one place is told once, however many ways led to it.
    fn add(
        &self,
        severity: Severity,
        code: Code,
        place: Place,
        message: String,
        help: Option<String>,
    ) {
        let mut list = self.list.borrow_mut();
        let known = list.iter().any(|p| p.code == code && p.place == place && p.message == message);
        if known || list.len() >= PROBLEM_COUNT_MAX {
            return;
        }
        let sources = self.sources.borrow();
        let (line, column) = sources.line_and_column(place);
        let file = sources.0.get(place.source as usize).map_or(String::new(), |s| s.name.clone());
        let found = sources.excerpt(place).to_owned();
        list.push(Problem { code, severity, place, file, line, column, message, found, help });
    }

    /// Whether an error was found so far.
    pub fn has_errors(&self) -> bool {
        self.list.borrow().iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The line of a place, from 1.
    pub fn line_of(&self, place: Place) -> usize {
        self.sources.borrow().line_and_column(place).0
    }

    /// The bytes of a place, over several lines.
    pub fn slice(&self, place: Place) -> String {
        let sources = self.sources.borrow();
        let text = sources.0.get(place.source as usize).map_or("", |s| s.text.as_str());
        text.get(place.start as usize..place.end as usize).unwrap_or("").to_owned()
    }

    /// All errors, or the warnings if there are none, in the order of the texts.
    pub fn finish(self) -> Problems {
        let mut list = self.list.into_inner();
        // What is odd is judged on a scenario that can be read; of one that cannot, it may only
        // follow from the errors.
        if list.iter().any(|problem| problem.severity == Severity::Error) {
            list.retain(|problem| problem.severity == Severity::Error);
        }
        list.sort_by_key(|problem| (problem.severity, problem.place));
        Problems { list, sources: self.sources.into_inner() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_its_code_place_excerpt_and_help() {
        let reporter = Reporter::default();
        reporter.add_source("a.yaml", "é: 1\nkez: 2\n");
        let place = Place { source: 0, start: 6, end: 9 };
        let help = Some("did you mean `key`?".to_owned());
        reporter.error_with_help(Code::UnknownKey, place, "`kez` is not known here", help.clone());
        reporter.error_with_help(Code::UnknownKey, place, "`kez` is not known here", help);
        let problems = reporter.finish();
        assert_eq!(problems.list.len(), 1, "told once");
        assert_eq!((problems.list[0].line, problems.list[0].column), (2, 1));
        assert_eq!(problems.list[0].found, "kez");
        let text = problems.render(false);
        for part in ["error[unknown-key]", "a.yaml:2:1", "kez: 2", "^^^", "did you mean `key`?"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn places_outside_any_text_do_not_panic() {
        let reporter = Reporter::default();
        reporter.add_source("a.yaml", "é");
        for (source, start, end) in [(0, 1, 1), (0, 9, 99), (7, 0, 1), (0, 5, 2)] {
            reporter.error(Code::Syntax, Place { source, start, end }, format!("{source}{start}"));
        }
        assert!(!reporter.finish().render(true).is_empty());
    }
}
