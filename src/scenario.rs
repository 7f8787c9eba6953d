//! From a YAML file to a checked [`Scenario`], or to everything wrong with it.
//!
//! **Which question.** What did the author of this file mean, and can it be run? **How.** Text
//! becomes a tree that knows the place of every value ([`yaml`], [`source`]); variants and `--set`
//! are laid over it ([`overlay`]); it is held against the grammar ([`shape`], [`grammar`]) and read
//! into the model ([`lower`]); the model is checked as a whole ([`check`]). Each stage goes on
//! after an error, so that all problems of a file come out at once, each with its line and column.
//!
//! ```
//! use blackstart::scenario::{Options, parse};
//!
//! let problems = parse("blackstart: 1\nnmae: first\n", &Options::default()).unwrap_err();
//! assert!(problems.to_string().contains("did you mean `name`?"));
//! ```

pub mod capacity;
pub mod check;
pub mod cities;
pub mod condition;
pub mod distribution;
pub mod grammar;
pub mod graphml;
pub mod lower;
pub mod model;
pub mod overlay;
pub mod problem;
pub mod routes;
pub mod schema;
pub mod shape;
pub mod source;
pub mod suggest;
pub mod time;
pub mod tree;
pub mod unit;
pub mod yaml;

use std::path::Path;

pub use model::{Fidelity, Scenario};
pub use problem::{Code, Problem, Problems, Severity, Sources};
pub use schema::schema;

use crate::kernel::digest::Digest;
use crate::kernel::time::SimTime;
use distribution::Laws;
use lower::Context;
use overlay::Removed;
use problem::{Place, Reporter};
use tree::Node;

/// What the command line says beyond the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Dotted paths and their values, in order: `--set faults.silent.for=20m`.
    pub overrides: Vec<(String, String)>,
    /// Name of the variant to apply.
    pub variant: Option<String>,
    /// Root seed instead of the file's.
    pub seed: Option<u64>,
    /// Denominator N of the scale 1/N instead of the file's.
    pub scale: Option<u64>,
    /// Fidelity instead of the file's.
    pub fidelity: Option<Fidelity>,
}

/// A scenario that can be run, and what is odd about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The scenario.
    pub scenario: Scenario,
    /// What is probably not meant so.
    pub warnings: Vec<Problem>,
    /// The texts that it was read from, to show warnings with ([`problem::render`]).
    pub sources: Sources,
}

/// Reads, checks and resolves a file with all that it includes.
///
/// # Errors
/// Everything wrong with it.
pub fn load(path: &Path, options: &Options) -> Result<Loaded, Problems> {
    let reporter = Reporter::default();
    let tree = source::read_file(path, &reporter);
    finish(tree, options, reporter)
}

/// Checks and resolves a text, which can include the bundled library only.
///
/// # Errors
/// Everything wrong with it.
pub fn parse(text: &str, options: &Options) -> Result<Loaded, Problems> {
    let reporter = Reporter::default();
    let tree = source::read_text("scenario.yaml", text, &reporter);
    finish(tree, options, reporter)
}

impl Scenario {
    /// Fingerprint of everything that the scenario says, whatever its file looks like.
    pub fn digest(&self) -> String {
        let bytes = serde_json::to_vec(self).expect("a model of plain data always serializes");
        let mut digest = Digest::new();
        digest.update_bytes(&bytes);
        digest.finish()
    }
}

/// A moment of a scenario from t = 0, in any of the forms that the file may use.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn time_of(scenario: &Scenario, text: &str) -> Result<SimTime, String> {
    let start = time::Start::parse(&scenario.clock.start, scenario.clock.warmup)?;
    start.moment(text).map_err(|message| format!("{message}; a time is {}", time::FORMS))
}

fn finish(tree: Option<Node>, options: &Options, reporter: Reporter) -> Result<Loaded, Problems> {
    let scenario = tree.and_then(|tree| resolve(tree, options, &reporter));
    let problems = reporter.finish();
    match scenario {
        Some(scenario) if problems.list.iter().all(|p| p.severity == Severity::Warning) => {
            Ok(Loaded { scenario, warnings: problems.list, sources: problems.sources })
        }
        _ => Err(problems),
    }
}

fn resolve(file: Node, options: &Options, reporter: &Reporter) -> Option<Scenario> {
    let overrides: Vec<Node> = options
        .overrides
        .iter()
        .filter_map(|(path, value)| {
            let text = format!("{path}: {value}");
            let source = reporter.add_source("--set", &text);
            yaml::parse(&text, source, reporter)
        })
        .collect();
    let variant = options.variant.as_deref();
    if let Some(name) = variant {
        known_variant(&file, name, reporter)?;
    }
    let laws = Laws::default();
    let mut scenario = design(&file, variant, &overrides, options, &laws, reporter);
    // The other designs of the file have to be right too: they are checked, and thrown away.
    for name in file.get("variants").map(Node::entries).unwrap_or(&[]) {
        if variant != Some(&*name.key) {
            design(&file, Some(&name.key), &[], options, &laws, reporter);
        }
    }
    scenario.variant = options.variant.clone();
    Some(scenario)
}

fn known_variant(file: &Node, name: &str, reporter: &Reporter) -> Option<()> {
    let variants = file.get("variants");
    if variants.is_some_and(|variants| variants.get(name).is_some()) {
        return Some(());
    }
    let names = variants.map(Node::entries).unwrap_or(&[]).iter().map(|entry| entry.key.as_str());
    let help = suggest::help(name, names).or(Some("the file offers no variants".to_owned()));
    let place = file.entry("variants").map_or(Place { end: 0, ..file.place }, |e| e.key_place);
    let message = format!("there is no variant `{name}`");
    reporter.error_with_help(Code::UnknownVariant, place, message, help);
    None
}

/// The model of the file with one variant and the overrides laid over it.
fn design(
    file: &Node,
    variant: Option<&str>,
    overrides: &[Node],
    options: &Options,
    laws: &Laws,
    reporter: &Reporter,
) -> Scenario {
    let mut tree = file.clone();
    let mut removed = Removed::default();
    let overlay = variant.and_then(|name| file.at(&["variants", name]));
    for overlay in overlay.into_iter().chain(overrides) {
        overlay::apply(&mut tree, overlay, &mut removed, reporter);
    }
    shape::check(&tree, reporter);
    let context = Context::new(&tree, &removed, laws, reporter);
    let mut scenario = lower::lower(&context);
    scenario.seed = options.seed.unwrap_or(scenario.seed);
    scenario.scale = options.scale.unwrap_or(scenario.scale).max(1);
    scenario.fidelity = options.fidelity.unwrap_or(scenario.fidelity);
    check::check(&scenario, &context);
    scenario
}
