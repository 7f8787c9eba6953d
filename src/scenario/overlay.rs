//! Values laid over a tree: what a file says over its includes, a variant over the file, and
//! `--set` over both.
//!
//! Maps merge key by key; lists, shares, curves and laws are one value each and are replaced. A
//! dotted path names list items by what they are (`targets.recovery_time.objective`,
//! `services.front-door.calls.directory.timeout`), and must lead somewhere. `off` removes an entry;
//! what follows a removed step, alarm or fault in the runbook is removed with it.

use std::collections::BTreeSet;

use crate::scenario::grammar::{self, Shape};
use crate::scenario::problem::{Code, Place, Reporter};
use crate::scenario::suggest;
use crate::scenario::tree::{Entry, Node, Value};

/// Lays `over` over `base`, key by key where the grammar has maps of many values.
pub fn merge(base: &mut Node, over: &Node, shape: &'static Shape) {
    let merges = matches!(shape, Shape::Map(_) | Shape::Named(_))
        && matches!(base.value, Value::Map(_) | Value::Null)
        && matches!(over.value, Value::Map(_) | Value::Null);
    if !merges {
        *base = over.clone();
        return;
    }
    let Some(entries) = base.entries_mut() else {
        return;
    };
    for entry in over.entries() {
        match entries.iter_mut().find(|one| one.key == entry.key) {
            Some(one) => match grammar::below(shape, &entry.key) {
                Some(below) => merge(&mut one.value, &entry.value, below),
                None => *one = entry.clone(),
            },
            None => entries.push(entry.clone()),
        }
    }
}

/// Names that an overlay switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Steps of the runbook.
    pub steps: BTreeSet<String>,
    /// Alarms.
    pub alarms: BTreeSet<String>,
    /// Faults.
    pub faults: BTreeSet<String>,
}

/// Lays a map of dotted paths over a tree, and takes away what a removal leaves without ground.
pub fn apply(tree: &mut Node, overlay: &Node, removed: &mut Removed, reporter: &Reporter) {
    let mut layer = Layer { removed, reporter, walked: Vec::new() };
    for entry in overlay.entries() {
        let path: Vec<&str> = entry.key.split('.').collect();
        layer.walked.clear();
        layer.set(tree, &grammar::SCENARIO, &path, entry);
    }
    remove_dependants(tree, removed);
}

struct Layer<'a> {
    removed: &'a mut Removed,
    reporter: &'a Reporter,
    walked: Vec<String>,
}

impl Layer<'_> {
    /// Sets what `path` leads to from `node` to the value of `over`.
    fn set(&mut self, node: &mut Node, shape: &'static Shape, path: &[&str], over: &Entry) {
        let Some((&head, rest)) = path.split_first() else {
            return self.put(node, shape, over);
        };
        let off = rest.is_empty() && over.value.text() == Some("off");
        match shape {
            Shape::List { item, .. } => return self.set_item(node, item, path, over),
            // A moment can have a dot in its name: p99.9.
            Shape::Moments if !rest.is_empty() => {
                return self.set(node, shape, &[&path.join(".")], over);
            }
            _ => {}
        }
        let Some(below) = grammar::below(shape, head) else {
            let fields = match shape {
                Shape::Map(fields) => fields,
                Shape::Choice(choice) => choice.kinds,
                _ => &[],
            };
            return self.leads_nowhere(head, over.key_place, fields.iter().map(|f| f.key));
        };
        let known: Vec<String> = node.entries().iter().map(|entry| entry.key.clone()).collect();
        let exists = known.iter().any(|key| key == head);
        let created = match shape {
            Shape::Map(_) => true,
            // A whole new entry can be added; a value of one that is not there cannot be set.
            Shape::Named(_) => rest.is_empty() && matches!(over.value.value, Value::Map(_)),
            Shape::Shares(_) | Shape::Curve => rest.is_empty() && !off,
            _ => false,
        };
        if !exists && !created {
            return self.leads_nowhere(head, over.key_place, known.iter().map(String::as_str));
        }
        let Some(entries) = node.entries_mut() else {
            return self.leads_nowhere(head, over.key_place, []);
        };
        self.walked.push(head.to_owned());
        if off {
            entries.retain(|entry| entry.key != head);
            self.note_removed();
        } else {
            if !exists {
                let value = Node { place: over.value.place, value: Value::Null };
                entries.push(Entry { key: head.to_owned(), key_place: over.key_place, value });
            }
            let entry = entries.iter_mut().find(|entry| entry.key == head);
            let entry = entry.expect("it was there or has just been added");
            self.set(&mut entry.value, below, rest, over);
        }
        self.walked.pop();
    }

    /// Sets the item of a list that `path` begins with.
    fn set_item(&mut self, node: &mut Node, item: &'static Shape, path: &[&str], over: &Entry) {
        let (head, rest) = (path[0], &path[1..]);
        let names: Vec<String> =
            node.items().iter().map(|item| name_of(item).unwrap_or_default().to_owned()).collect();
        let named: Vec<usize> = (0..names.len()).filter(|&at| names[at] == head).collect();
        let at = match named[..] {
            [at] => Some(at),
            [] => head.parse().ok().filter(|&at: &usize| at < names.len()),
            _ => {
                let message = format!("several items here are named `{head}`");
                let help = Some("use the place in the list, from 0".to_owned());
                self.reporter.error_with_help(Code::UnknownPath, over.key_place, message, help);
                return;
            }
        };
        let (Some(at), Value::List(items)) = (at, &mut node.value) else {
            return self.leads_nowhere(head, over.key_place, names.iter().map(String::as_str));
        };
        if rest.is_empty() && over.value.text() == Some("off") {
            items.remove(at);
            return;
        }
        self.walked.push(head.to_owned());
        // The name of a kind is the item's own key; a path can leave it out after the name.
        let kind = matches!(item, Shape::Choice(_)) && !rest.is_empty() && rest[0] != head;
        let path = if kind { path } else { rest };
        self.set(&mut items[at], item, path, over);
        self.walked.pop();
    }

    /// Puts a value: into a map key by key, over anything else as a whole.
    fn put(&mut self, node: &mut Node, shape: &'static Shape, over: &Entry) {
        let merges = matches!(shape, Shape::Map(_) | Shape::Named(_));
        if !merges || !matches!(over.value.value, Value::Map(_)) {
            *node = over.value.clone();
            return;
        }
        for entry in over.value.entries() {
            self.set(node, shape, &[&entry.key], entry);
        }
    }

    fn note_removed(&mut self) {
        let path: Vec<&str> = self.walked.iter().map(String::as_str).collect();
        match path[..] {
            ["runbook", name] => self.removed.steps.insert(name.to_owned()),
            ["faults", name] => self.removed.faults.insert(name.to_owned()),
            ["observers", "alarms", name] => self.removed.alarms.insert(name.to_owned()),
            _ => false,
        };
    }

    fn leads_nowhere<'s>(
        &self,
        head: &str,
        place: Place,
        known: impl IntoIterator<Item = &'s str>,
    ) {
        let walked = self.walked.join(".");
        let message = if walked.is_empty() {
            format!("there is no `{head}` to change")
        } else {
            format!("there is no `{head}` below `{walked}` to change")
        };
        let help = suggest::help(head, known);
        self.reporter.error_with_help(Code::UnknownPath, place, message, help);
    }
}

/// What a list item is called: itself, its kind, or the service that it calls.
fn name_of(item: &Node) -> Option<&str> {
    item.text()
        .or_else(|| item.get("service").and_then(Node::text))
        .or_else(|| item.only().map(|entry| entry.key.as_str()))
}

/// Takes away the steps that can no longer happen, until none is left.
fn remove_dependants(tree: &mut Node, removed: &mut Removed) {
    let runbook = tree.entries_mut().and_then(|e| e.iter_mut().find(|e| e.key == "runbook"));
    let Some(steps) = runbook.and_then(|entry| entry.value.entries_mut()) else {
        return;
    };
    loop {
        let groundless = |step: &Entry| {
            let repaired = step.value.at(&["do", "repair", "fault"]).and_then(Node::text);
            repaired.is_some_and(|fault| removed.faults.contains(fault))
                || triggers(&step.value).any(|trigger| match alarm_name(trigger) {
                    Some(alarm) => removed.alarms.contains(alarm),
                    None => removed.steps.contains(trigger),
                })
        };
        let Some(at) = steps.iter().position(groundless) else {
            return;
        };
        removed.steps.insert(steps.remove(at).key);
    }
}

fn triggers(step: &Node) -> impl Iterator<Item = &str> {
    let after = step.get("after");
    let alone = after.and_then(Node::text);
    after.map(Node::items).unwrap_or(&[]).iter().filter_map(Node::text).chain(alone)
}

/// The name in `alarm(name)`.
pub fn alarm_name(trigger: &str) -> Option<&str> {
    Some(trigger.trim().strip_prefix("alarm(")?.strip_suffix(')')?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::yaml;

    const BASE: &str = "
network: { routers: { a: {} } }
steering: { s: { direct: {}, answers: { x: 60%, y: rest } } }
services: { f: { calls: [ { service: d, timeout: 2s }, { service: e, timeout: 3s } ] } }
observers: { alarms: { low: { when: 'loss > 1%' } } }
faults: { silent: { at: 1h, fault: { router_silent: { router: a } } } }
runbook:
  notice: { after: alarm(low), delay: { lognormal: { median: 12m, p99.9: 30m } } }
  part-1: { after: notice }
  part-2: { after: [part-1] }
  mend: { do: { repair: { fault: silent } } }
targets: [ { recovery_time: { objective: 4h } } ]
";

    fn tree(text: &str, reporter: &Reporter) -> Node {
        let source = reporter.add_source("t", text);
        yaml::parse(text, source, reporter).unwrap()
    }

    fn applied(overlay: &str) -> (Node, Removed, Vec<String>) {
        let reporter = Reporter::default();
        let mut base = tree(BASE, &reporter);
        let over = tree(overlay, &reporter);
        let mut removed = Removed::default();
        apply(&mut base, &over, &mut removed, &reporter);
        let told = reporter.finish().list;
        let told = told.iter().map(|p| format!("{} {:?}", p.message, p.help)).collect();
        (base, removed, told)
    }

    #[test]
    fn paths_reach_every_value() {
        let cases: [(&str, &[&str], &str); 6] = [
            ("faults.silent.at: 2h", &["faults", "silent", "at"], "2h"),
            ("network.routing.detect: 150ms", &["network", "routing", "detect"], "150ms"),
            (
                "runbook: { part-1: { delay: { constant: 5m } } }",
                &["runbook", "part-1", "delay", "constant"],
                "5m",
            ),
            (
                "runbook.notice.delay.lognormal.p99.9: 1h",
                &["runbook", "notice", "delay", "lognormal", "p99.9"],
                "1h",
            ),
            ("steering.s.answers: { x: 100% }", &["steering", "s", "answers", "x"], "100%"),
            ("faults.new: { at: 3h }", &["faults", "new", "at"], "3h"),
        ];
        for (overlay, path, value) in cases {
            let (tree, _, told) = applied(overlay);
            assert_eq!(tree.at(path).and_then(Node::text), Some(value), "{overlay}: {told:?}");
            assert!(told.is_empty(), "{overlay}: {told:?}");
        }
    }

    #[test]
    fn list_items_go_by_their_names() {
        let (tree, _, told) = applied(
            "{ services.f.calls.e.timeout: 9s, services.f.calls.0.timeout: 8s, targets.recovery_time.objective: 5h }",
        );
        let calls = tree.at(&["services", "f", "calls"]).unwrap().items();
        assert_eq!(calls[1].get("timeout").and_then(Node::text), Some("9s"), "{told:?}");
        assert_eq!(calls[0].get("timeout").and_then(Node::text), Some("8s"));
        let target = &tree.get("targets").unwrap().items()[0];
        assert_eq!(target.at(&["recovery_time", "objective"]).and_then(Node::text), Some("5h"));
    }

    #[test]
    fn what_is_off_takes_its_followers_along() {
        let (tree, removed, told) = applied("{ faults.silent: off, runbook: { part-1: off } }");
        assert!(told.is_empty(), "{told:?}");
        let left: Vec<&str> =
            tree.get("runbook").unwrap().entries().iter().map(|e| e.key.as_str()).collect();
        assert_eq!(left, ["notice"]);
        assert_eq!(removed.steps.len(), 3);
        let (tree, ..) = applied("observers.alarms.low: off");
        let left: Vec<&str> =
            tree.get("runbook").unwrap().entries().iter().map(|e| e.key.as_str()).collect();
        assert_eq!(left, ["mend"]);
    }

    #[test]
    fn paths_that_lead_nowhere_say_where_they_end() {
        let cases = [
            ("faults.silnet.at: 2h", "did you mean `silent`?"),
            ("faults.silnet: off", "did you mean `silent`?"),
            ("fautls.silent.at: 2h", "did you mean `faults`?"),
            ("faults.silent.att: 2h", "did you mean `at`?"),
            ("faults.silent.at.x: 2h", "below `faults.silent.at`"),
            ("services.f.calls.z.timeout: 2s", "no `z` below `services.f.calls`"),
            ("runbook.notice.delay.constant: 5m", "no `constant` below `runbook.notice.delay`"),
            ("runbook: { prt-1: off }", "did you mean `part-1`?"),
        ];
        for (overlay, part) in cases {
            let (_, _, told) = applied(overlay);
            assert_eq!(told.len(), 1, "{overlay}: {told:?}");
            assert!(told[0].contains(part), "{overlay}: {told:?}");
        }
    }

    #[test]
    fn merging_replaces_lists_and_shares() {
        let reporter = Reporter::default();
        let mut base = tree(BASE, &reporter);
        let over = tree(
            "{ steering: { s: { answers: { z: 100% } } }, targets: [], services: { g: {} } }",
            &reporter,
        );
        merge(&mut base, &over, &grammar::SCENARIO);
        let answers = base.at(&["steering", "s", "answers"]).unwrap();
        assert_eq!(answers.entries().len(), 1);
        assert!(base.at(&["steering", "s", "direct"]).is_some());
        assert!(base.get("targets").unwrap().items().is_empty());
        assert_eq!(base.get("services").unwrap().entries().len(), 2);
    }
}
