//! Circles: services that call each other, steps that wait for each other.

use crate::scenario::lower::Context;
use crate::scenario::model::{Scenario, Trigger};
use crate::scenario::problem::Code;
use crate::scenario::tree::Node;

/// Reports each circle of calls once, where it closes.
pub fn calls(scenario: &Scenario, context: &Context<'_>) {
    let edges: Vec<Vec<usize>> = scenario
        .services
        .iter()
        .map(|service| service.calls.iter().map(|call| call.service.index()).collect())
        .collect();
    for circle in circles(&edges) {
        let names: Vec<&str> =
            circle.iter().map(|&index| scenario.services[index].name.as_str()).collect();
        let (last, first) = (names[names.len() - 1], names[0]);
        let calls = context.tree.at(&["services", last, "calls"]).map(Node::items).unwrap_or(&[]);
        let closing = calls
            .iter()
            .filter_map(|call| call.get("service"))
            .find(|service| service.text() == Some(first));
        let place = closing.map_or(context.place(&["services", last]), |service| service.place);
        let message = format!("services call each other in a circle: {}", chain(&names));
        context.reporter.error(Code::CallCycle, place, message);
    }
}

/// Reports each circle of steps once, where it closes.
pub fn steps(scenario: &Scenario, context: &Context<'_>) {
    let after = |triggers: &[Trigger]| {
        triggers
            .iter()
            .filter_map(|trigger| match trigger {
                Trigger::Step(step) => Some(step.index()),
                Trigger::Alarm(_) => None,
            })
            .collect()
    };
    let edges: Vec<Vec<usize>> = scenario.runbook.iter().map(|step| after(&step.after)).collect();
    for circle in circles(&edges) {
        let names: Vec<&str> =
            circle.iter().map(|&index| scenario.runbook[index].name.as_str()).collect();
        let last = context.tree.at(&["runbook", names[names.len() - 1], "after"]);
        let place = last.map_or(context.place(&["runbook", names[0]]), |after| after.place);
        let message = format!("steps wait for each other in a circle: {}", chain(&names));
        context.reporter.error(Code::AfterCycle, place, message);
    }
}

fn chain(names: &[&str]) -> String {
    let mut text: String = names.iter().map(|name| format!("`{name}` -> ")).collect();
    text.push_str(&format!("`{}`", names[0]));
    text
}

/// The circles that a depth-first walk closes, each as its nodes in order.
fn circles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; edges.len()];
    let mut found = Vec::new();
    for root in 0..edges.len() {
        if marks[root] != Mark::New {
            continue;
        }
        // Nodes from the root to here, each with the next of its edges to follow.
        let mut path = vec![(root, 0)];
        marks[root] = Mark::Open;
        while let Some((node, next)) = path.last_mut() {
            let Some(&to) = edges[*node].get(*next) else {
                marks[*node] = Mark::Done;
                path.pop();
                continue;
            };
            *next += 1;
            match marks.get(to) {
                Some(Mark::New) => {
                    marks[to] = Mark::Open;
                    path.push((to, 0));
                }
                Some(Mark::Open) => {
                    let from = path.iter().position(|&(node, _)| node == to).unwrap_or(0);
                    found.push(path[from..].iter().map(|&(node, _)| node).collect());
                }
                Some(Mark::Done) | None => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_once_and_chains_are_not() {
        assert_eq!(circles(&[vec![1], vec![2], vec![]]), Vec::<Vec<usize>>::new());
        assert_eq!(circles(&[vec![1, 2], vec![2], vec![]]), Vec::<Vec<usize>>::new());
        assert_eq!(circles(&[vec![1], vec![2], vec![1]]), [vec![1, 2]]);
        assert_eq!(circles(&[vec![0]]), [vec![0]]);
        assert_eq!(circles(&[vec![7]]), Vec::<Vec<usize>>::new());
    }
}
