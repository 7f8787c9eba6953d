//! From a tree of names and units to the checked model of identifiers and numbers.
//!
//! A value that the shape check has reported is read as nothing here, without a second report; a
//! name that does not exist becomes [`UNKNOWN`], which is in no list. So every part is read however
//! many are wrong, and all problems come out at once. With any error the model is thrown away.

pub mod action;
pub mod clock;
pub mod demand;
pub mod fault;
pub mod network;
pub mod read;
pub mod routing;
pub mod service;
pub mod target;

use crate::kernel::time::SimTime;
use crate::scenario::distribution::Laws;
use crate::scenario::model::{OperationId, PrefixId, Scenario};
use crate::scenario::overlay::Removed;
use crate::scenario::problem::{Code, Place, Reporter};
use crate::scenario::suggest;
use crate::scenario::time::Start;
use crate::scenario::tree::Node;

/// Identifier of what does not exist: in no list.
pub const UNKNOWN: u32 = u32::MAX;

/// What a name can be the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A router.
    Router,
    /// A link.
    Link,
    /// A middlebox.
    Middlebox,
    /// An autonomous system.
    System,
    /// A prefix of its own name.
    Prefix,
    /// A region.
    Region,
    /// A site.
    Site,
    /// A service.
    Service,
    /// A client.
    Client,
    /// A name that clients connect to.
    Steering,
    /// A store.
    Store,
    /// A pipeline.
    Pipeline,
    /// A fault.
    Fault,
    /// An alarm.
    Alarm,
    /// A step of the runbook.
    Step,
}

impl Kind {
    /// What it is called in messages.
    pub fn called(self) -> &'static str {
        match self {
            Kind::Router => "router",
            Kind::Link => "link",
            Kind::Middlebox => "middlebox",
            Kind::System => "system",
            Kind::Prefix => "prefix",
            Kind::Region => "region",
            Kind::Site => "site",
            Kind::Service => "service",
            Kind::Client => "client",
            Kind::Steering => "steering name",
            Kind::Store => "store",
            Kind::Pipeline => "pipeline",
            Kind::Fault => "fault",
            Kind::Alarm => "alarm",
            Kind::Step => "step",
        }
    }

    /// The keys that lead to the map of all of them.
    pub fn path(self) -> &'static [&'static str] {
        match self {
            Kind::Router => &["network", "routers"],
            Kind::Link => &["network", "links"],
            Kind::Middlebox => &["network", "middleboxes"],
            Kind::System => &["network", "systems"],
            Kind::Prefix => &["network", "prefixes"],
            Kind::Region => &["regions"],
            Kind::Site => &["sites"],
            Kind::Service => &["services"],
            Kind::Client => &["clients"],
            Kind::Steering => &["steering"],
            Kind::Store => &["stores"],
            Kind::Pipeline => &["pipelines"],
            Kind::Fault => &["faults"],
            Kind::Alarm => &["observers", "alarms"],
            Kind::Step => &["runbook"],
        }
    }
}

/// What every reader needs: the tree, its names, its clock, and where problems go.
pub struct Context<'a> {
    /// Where problems go.
    pub reporter: &'a Reporter,
    /// The whole tree, overlays applied.
    pub tree: &'a Node,
    /// What overlays switched off.
    pub removed: &'a Removed,
    /// Laws fitted so far.
    pub laws: &'a Laws,
    /// The start, if it can be read.
    pub start: Option<Start>,
    /// The end of the run, if clock and duration can be read.
    pub end: Option<SimTime>,
    /// (client, operation) of every client operation, then ("", pipeline) of every delivery.
    operations: Vec<(String, String)>,
    client_operation_count: usize,
}

impl<'a> Context<'a> {
    /// Reads names and clock of a tree.
    pub fn new(
        tree: &'a Node,
        removed: &'a Removed,
        laws: &'a Laws,
        reporter: &'a Reporter,
    ) -> Context<'a> {
        let mut operations = Vec::new();
        for client in tree.get("clients").map(Node::entries).unwrap_or(&[]) {
            for operation in client.value.get("operations").map(Node::entries).unwrap_or(&[]) {
                operations.push((client.key.clone(), operation.key.clone()));
            }
        }
        let client_operation_count = operations.len();
        for pipeline in tree.get("pipelines").map(Node::entries).unwrap_or(&[]) {
            operations.push((String::new(), pipeline.key.clone()));
        }
        let mut context = Context {
            reporter,
            tree,
            removed,
            laws,
            start: None,
            end: None,
            operations,
            client_operation_count,
        };
        context.start = clock::start(&context);
        context.end = clock::end(&context);
        context
    }

    /// All names of a kind, in the order of their identifiers.
    pub fn names(&self, kind: Kind) -> impl Iterator<Item = &'a str> + Clone {
        let tree = self.tree;
        tree.at(kind.path()).map(Node::entries).unwrap_or(&[]).iter().map(|e| e.key.as_str())
    }

    /// The identifier of a name, `None` if there is no such thing (then that is reported).
    pub fn id_of(&self, kind: Kind, name: &str, place: Place) -> Option<u32> {
        let found = self.names(kind).position(|known| known == name);
        if found.is_none() {
            let message = format!("there is no {} `{name}`", kind.called());
            let help = suggest::help(name, self.names(kind))
                .or_else(|| Some(format!("the scenario has no {} at all", kind.called())));
            self.reporter.error_with_help(Code::UnknownName, place, message, help);
        }
        found.map(|index| index as u32)
    }

    /// The identifier that a scalar names, or [`UNKNOWN`].
    pub fn id(&self, kind: Kind, node: Option<&Node>) -> u32 {
        node.and_then(|node| self.id_of(kind, node.text()?, node.place)).unwrap_or(UNKNOWN)
    }

    /// The identifiers that a list names, or [`UNKNOWN`].
    pub fn ids(&self, kind: Kind, node: Option<&Node>) -> Vec<u32> {
        let items = node.map(Node::items).unwrap_or(&[]);
        items.iter().map(|item| self.id(kind, Some(item))).collect()
    }

    /// The prefix that a scalar names: a site's, or one with a name of its own; or [`UNKNOWN`].
    pub fn prefix(&self, node: Option<&Node>) -> PrefixId {
        let Some((node, name)) = node.and_then(|node| Some((node, node.text()?))) else {
            return PrefixId(UNKNOWN);
        };
        let names = || self.names(Kind::Site).chain(self.names(Kind::Prefix));
        let found = names().position(|known| known == name);
        if found.is_none() {
            let message = format!("there is no prefix `{name}`, nor a site with one");
            let help = suggest::help(name, names());
            self.reporter.error_with_help(Code::UnknownName, node.place, message, help);
        }
        PrefixId(found.map_or(UNKNOWN, |index| index as u32))
    }

    /// The operation of a pipeline's deliveries.
    pub fn delivery(&self, pipeline: u32) -> OperationId {
        OperationId(self.client_operation_count as u32 + pipeline)
    }

    /// Every operation of this name: `CLIENT.OP`, or `OP` of any client, or a pipeline's.
    fn matching(&self, name: &str) -> Vec<OperationId> {
        let of = name.split_once('.');
        let matches = |(client, operation): &(String, String)| match of {
            Some((of_client, of_name)) => client == of_client && operation == of_name,
            None => operation == name,
        };
        let ids = 0..self.operations.len();
        ids.filter(|&id| matches(&self.operations[id])).map(|id| OperationId(id as u32)).collect()
    }

    /// The one operation of this name, `None` if there is none or more than one (reported).
    pub fn operation_of(&self, name: &str, place: Place) -> Option<OperationId> {
        let found = self.operations_of(name, place);
        if found.len() > 1 {
            let full: Vec<String> = found.iter().map(|id| self.full_name(*id)).collect();
            let message = format!("there are several operations `{name}`");
            let help = Some(format!("say which: `{}`", full.join("`, `")));
            self.reporter.error_with_help(Code::AmbiguousName, place, message, help);
            return None;
        }
        found.first().copied()
    }

    /// All operations of this name; at least one, or that is reported.
    pub fn operations_of(&self, name: &str, place: Place) -> Vec<OperationId> {
        let found = self.matching(name);
        if found.is_empty() {
            let message = format!("there is no operation `{name}`");
            let full: Vec<String> = (0..self.operations.len())
                .map(|id| self.full_name(OperationId(id as u32)))
                .collect();
            let short = self.operations.iter().map(|(_, operation)| operation.as_str());
            let help = suggest::nearest(name, full.iter().map(String::as_str).chain(short.clone()))
                .map(|near| format!("did you mean `{near}`?"))
                .or_else(|| suggest::help(name, short));
            self.reporter.error_with_help(Code::UnknownName, place, message, help);
        }
        found
    }

    fn full_name(&self, id: OperationId) -> String {
        match &self.operations[id.index()] {
            (client, name) if client.is_empty() => name.clone(),
            (client, name) => format!("{client}.{name}"),
        }
    }

    /// The operation that a scalar names, or [`UNKNOWN`].
    pub fn operation(&self, node: Option<&Node>) -> OperationId {
        self.optional_operation(node).unwrap_or(OperationId(UNKNOWN))
    }

    /// The operation that a scalar names, `None` without one.
    pub fn optional_operation(&self, node: Option<&Node>) -> Option<OperationId> {
        let node = node?;
        self.operation_of(node.text()?, node.place)
    }

    /// All operations that a list names.
    pub fn operations(&self, node: Option<&Node>) -> Vec<OperationId> {
        let mut all = Vec::new();
        for item in node.map(Node::items).unwrap_or(&[]) {
            all.extend(
                item.text().map(|name| self.operations_of(name, item.place)).unwrap_or(vec![]),
            );
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The place of what these keys lead to, or of the nearest thing above it.
    pub fn place(&self, path: &[&str]) -> Place {
        let mut node = self.tree;
        let mut place = node.place;
        for key in path {
            let Some(entry) = node.entry(key) else {
                break;
            };
            place = entry.key_place;
            node = &entry.value;
        }
        place
    }
}

/// The model of a whole tree. Only to be used if nothing was reported.
pub fn lower(context: &Context<'_>) -> Scenario {
    let tree = context.tree;
    let text = |key: &str| tree.get(key).and_then(Node::text).unwrap_or("").to_owned();
    let mut operations = demand::operations(context);
    operations.extend(service::deliveries(context));
    let name = text("name");
    if let Some(node) = tree.get("name").filter(|_| !crate::scenario::shape::is_name(&name)) {
        let message = format!("`{name}` cannot be a name");
        let help = "a name is lower case: a letter, then letters, digits and hyphens".to_owned();
        context.reporter.error_with_help(Code::BadName, node.place, message, Some(help));
    }
    let sources = tree.get("sources").map(Node::items).unwrap_or(&[]);
    Scenario {
        name,
        title: text("title"),
        description: text("description").trim_end().to_owned(),
        sources: sources.iter().filter_map(Node::text).map(str::to_owned).collect(),
        variant: None,
        clock: clock::clock(context),
        seed: read::count(tree.get("seed")).unwrap_or(1),
        seeds: read::count(tree.get("seeds")).unwrap_or(1) as u32,
        fidelity: clock::fidelity(tree.get("fidelity")),
        scale: read::count_in(tree.get("scale"), crate::scenario::unit::Unit::Scale).unwrap_or(1),
        network: network::network(context),
        regions: demand::regions(context),
        sites: network::sites(context),
        services: service::services(context),
        stores: service::stores(context),
        pipelines: service::pipelines(context),
        clients: demand::clients(context),
        operations,
        steering: demand::steering(context),
        observers: fault::observers(context),
        faults: fault::faults(context),
        runbook: action::runbook(context),
        targets: target::targets(context),
        variants: names_of(tree.get("variants")),
    }
}

fn names_of(node: Option<&Node>) -> Vec<String> {
    node.map(Node::entries).unwrap_or(&[]).iter().map(|entry| entry.key.clone()).collect()
}
