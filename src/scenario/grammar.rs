//! The shape of a scenario file as data: which keys are where, and what their values can be.
//!
//! One table serves four masters, so that they cannot drift apart: the check that reports unknown
//! keys and wrong units ([`shape`](crate::scenario::shape)), the merging of includes and variants,
//! the dotted paths of `--set`, and the JSON Schema that editors complete from.

pub mod demand;
pub mod incident;
pub mod place;
pub mod routing;
pub mod service;

use crate::scenario::unit::Unit;

/// What a value can be.
#[derive(Debug)]
pub enum Shape {
    /// A text for people, or a name of something, or a small language; what it is, with article.
    Text(&'static str),
    /// A quantity with a unit, one of some words, or one of some kinds.
    Choice(Choice),
    /// A list, or where that is allowed one item alone.
    List {
        /// What each item is.
        item: &'static Shape,
        /// Whether one item may stand without its list.
        alone: bool,
    },
    /// A map with these keys.
    Map(&'static [Field]),
    /// A map from names that the file chooses to one shape.
    Named(&'static Shape),
    /// A map from names to shares that add up, or leave one to be `rest`.
    Shares(&'static str),
    /// A map from clock times to percentages.
    Curve,
    /// A map from `mean`, `median` or `pNN` to durations.
    Moments,
    /// Values by dotted paths, laid over the file.
    Overlay,
}

/// A value that is a quantity, a word, or a map with one key that says which kind it is.
#[derive(Debug)]
pub struct Choice {
    /// The quantity that it can be.
    pub unit: Option<Unit>,
    /// The words that it can be.
    pub words: &'static [&'static str],
    /// The kinds that it can be.
    pub kinds: &'static [Field],
}

/// A key of a map.
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What its value can be.
    pub shape: &'static Shape,
    /// Whether it is needed.
    pub required: bool,
    /// What it is, with its default, for editors.
    pub doc: &'static str,
}

/// A key that is needed.
const fn need(key: &'static str, shape: &'static Shape, doc: &'static str) -> Field {
    Field { key, shape, required: true, doc }
}

/// A key with a default.
const fn may(key: &'static str, shape: &'static Shape, doc: &'static str) -> Field {
    Field { key, shape, required: false, doc }
}

const fn quantity(unit: Unit) -> Shape {
    Shape::Choice(Choice { unit: Some(unit), words: &[], kinds: &[] })
}

const fn words(words: &'static [&'static str]) -> Shape {
    Shape::Choice(Choice { unit: None, words, kinds: &[] })
}

const fn kinds(kinds: &'static [Field]) -> Shape {
    Shape::Choice(Choice { unit: None, words: &[], kinds })
}

static TEXT: Shape = Shape::Text("a text");
static NAME: Shape = Shape::Text("a name");
static NAMES: Shape = Shape::List { item: &NAME, alone: false };
static TIME: Shape = Shape::Text("a time");
static CONDITION: Shape = Shape::Text("a condition");
static DURATION: Shape = quantity(Unit::Duration);
static SHARE: Shape = quantity(Unit::Share);
static RATE: Shape = quantity(Unit::Rate);
static FACTOR: Shape = quantity(Unit::Factor);
static BANDWIDTH: Shape = quantity(Unit::Bandwidth);
static ONE_OR_MORE: Shape = quantity(Unit::Count(1, u32::MAX as u64));
static COUNT: Shape = quantity(Unit::Count(0, 1 << 53));
static SITE_SHARES: Shape = Shape::Shares("site");

/// A law of a time.
static LAW: Shape = kinds(&[
    may("constant", &DURATION, "Always the same."),
    may("exponential", &Shape::Moments, "Memoryless; given by its `mean`, `median` or one `pNN`."),
    may("lognormal", &Shape::Moments, "Given by two of `mean`, `median`, `pNN`."),
    may("gamma", &Shape::Moments, "Given by two of `mean`, `median`, `pNN`."),
    may("weibull", &Shape::Moments, "Given by two of `mean`, `median`, `pNN`."),
    may("pareto", &Shape::Moments, "Given by two of `mean`, `median`, `pNN`."),
    may("empirical", &Shape::Moments, "A table of `pNN`, up to `p100`, straight in between."),
]);

static RETRY: Shape = Shape::Map(&[
    need(
        "attempts",
        &Shape::Choice(Choice {
            unit: Some(Unit::Count(1, u16::MAX as u64)),
            words: &["unlimited"],
            kinds: &[],
        }),
        "Attempts in all, the first included; `unlimited` needs a backoff of 1 s at least.",
    ),
    may("backoff", &BACKOFF, "Wait before the next attempt; needed for more than one."),
    may(
        "jitter",
        &words(&["none", "full", "equal", "decorrelated"]),
        "How the wait is spread. Default: none.",
    ),
]);

static BACKOFF: Shape = kinds(&[
    may("constant", &DURATION, "The same each time."),
    may(
        "exponential",
        &Shape::Map(&[
            need("first", &DURATION, "Wait before the first retry."),
            may("factor", &FACTOR, "Growth from one retry to the next. Default: 2x."),
            need("cap", &DURATION, "Longest wait."),
        ]),
        "Grows from `first` by `factor` up to `cap`.",
    ),
]);

/// The whole file.
pub static SCENARIO: Shape = Shape::Map(&[
    need("blackstart", &quantity(Unit::Count(1, 1)), "Version of this format: 1."),
    need("name", &NAME, "Name of the scenario and of its report folder."),
    may("title", &TEXT, "One line for people."),
    may("description", &TEXT, "What it replays, and which figures nobody tuned to."),
    may("sources", &Shape::List { item: &TEXT, alone: false }, "Where its facts come from."),
    need("clock", &place::CLOCK, "Start, length, warm-up and measuring window."),
    may("seed", &quantity(Unit::Count(0, u64::MAX)), "Root seed of all chance. Default: 1."),
    may("seeds", &quantity(Unit::Count(1, 100_000)), "Independent repetitions. Default: 1."),
    may(
        "fidelity",
        &words(&["auto", "exact", "flow"]),
        "How the traffic is solved. Default: auto.",
    ),
    may("scale", &quantity(Unit::Scale), "`1/N` shrinks population and capacity. Default: 1."),
    may(
        "include",
        &Shape::List { item: &Shape::Text("a file"), alone: false },
        "Files below this folder, or `library/NAME.yaml`, merged under this one.",
    ),
    need("network", &place::NETWORK, "Routers, links, middleboxes and routing timers."),
    need("regions", &Shape::Named(&place::REGION), "Populations of mailboxes."),
    need("sites", &Shape::Named(&place::SITE), "Datacenters."),
    need("services", &Shape::Named(&service::SERVICE), "Tiers, with instances at sites."),
    may("stores", &Shape::Named(&service::STORE), "Databases with copies at several sites."),
    may("pipelines", &Shape::Named(&service::PIPELINE), "Mail in transit."),
    need("clients", &Shape::Named(&demand::CLIENT), "Kinds of client."),
    need("steering", &Shape::Named(&demand::STEERING), "Names that clients connect to."),
    may("observers", &incident::OBSERVERS, "Probes, alarms and the status page."),
    may("faults", &Shape::Named(&incident::FAULT), "What breaks."),
    may("runbook", &Shape::Named(&incident::STEP), "What people do about it."),
    may(
        "targets",
        &Shape::List { item: &incident::TARGET, alone: false },
        "What recovery must reach.",
    ),
    may("variants", &Shape::Named(&Shape::Overlay), "Named overlays, for comparing designs."),
]);

/// The field of a map, or of the kinds of a choice, with this key.
pub fn field(shape: &'static Shape, key: &str) -> Option<&'static Field> {
    let fields = match shape {
        Shape::Map(fields) => fields,
        Shape::Choice(choice) => choice.kinds,
        _ => return None,
    };
    fields.iter().find(|field| field.key == key)
}

/// The shape of what a key leads to, where keys lead anywhere.
pub fn below(shape: &'static Shape, key: &str) -> Option<&'static Shape> {
    match shape {
        Shape::Named(below) => Some(below),
        Shape::Shares(_) => Some(&SHARE_OR_REST),
        Shape::Curve => Some(&PERCENT),
        Shape::Moments => Some(&DURATION),
        _ => field(shape, key).map(|field| field.shape),
    }
}

/// A share, or what the others leave.
pub static SHARE_OR_REST: Shape =
    Shape::Choice(Choice { unit: Some(Unit::Share), words: &["rest"], kinds: &[] });
/// A percentage of a curve.
pub static PERCENT: Shape = quantity(Unit::Percent);
