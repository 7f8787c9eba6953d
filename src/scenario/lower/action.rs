//! The runbook: triggers, guards and actions.

use super::{Context, Kind, read};
use crate::kernel::time::SimDuration;
use crate::scenario::condition::{self, Standing};
use crate::scenario::model::{
    Action, AlarmId, Condition, FaultId, Otherwise, ServiceId, SiteId, SteeringId, Step, StepId,
    StepPhase, StoreId, Trigger,
};
use crate::scenario::overlay::alarm_name;
use crate::scenario::problem::Code;
use crate::scenario::tree::{Entry, Node};
use crate::scenario::unit::Unit;

/// The steps of the model.
pub fn runbook(context: &Context<'_>) -> Vec<Step> {
    let steps = context.tree.at(Kind::Step.path()).map(Node::entries).unwrap_or(&[]);
    steps.iter().map(|entry| step(context, entry)).collect()
}

fn step(context: &Context<'_>, entry: &Entry) -> Step {
    let node = &entry.value;
    let action = node.get("do").and_then(Node::only);
    let standing = Standing::Step { acts: action.is_some() };
    let condition = |key: &str| {
        let node = node.get(key)?;
        condition::read(node, standing, context)
    };
    if let Some(otherwise) = node.entry("otherwise").filter(|_| node.get("only_if").is_none()) {
        let message = "`otherwise` needs `only_if`";
        context.reporter.error(Code::MissingKey, otherwise.key_place, message);
    }
    let after = triggers(context, node.get("after"));
    let when = condition("when");
    let started = ["at", "after", "when"].iter().any(|key| node.get(key).is_some());
    if !started && node.is_map() {
        let message = format!("`{}` needs `at`, `after` or `when`: nothing starts it", entry.key);
        context.reporter.error(Code::MissingKey, entry.key_place, message);
    }
    Step {
        name: entry.key.clone(),
        at: read::moment(context, node.get("at")),
        after,
        when,
        delay: read::law(context, node.get("delay")),
        only_if: condition("only_if"),
        otherwise: otherwise(node.get("otherwise")),
        phase: if action.is_some() { StepPhase::Act } else { StepPhase::Decide },
        action: action.and_then(|action| self::action(context, action, standing)),
    }
}

fn otherwise(node: Option<&Node>) -> Otherwise {
    let wait = node.and_then(|node| node.get("wait")).and_then(|wait| read::duration(Some(wait)));
    match (node.and_then(Node::text), wait) {
        (Some("stop"), _) => Otherwise::Stop,
        (_, Some(wait)) => Otherwise::Wait(wait),
        _ => Otherwise::Skip,
    }
}

fn triggers(context: &Context<'_>, node: Option<&Node>) -> Vec<Trigger> {
    let Some(node) = node else {
        return Vec::new();
    };
    let alone = node.text().map(|_| node);
    node.items()
        .iter()
        .chain(alone)
        .filter_map(|item| {
            let text = item.text()?;
            match alarm_name(text) {
                Some(name) => context
                    .id_of(Kind::Alarm, name, item.place)
                    .map(|id| Trigger::Alarm(AlarmId(id))),
                None => {
                    context.id_of(Kind::Step, text, item.place).map(|id| Trigger::Step(StepId(id)))
                }
            }
        })
        .collect()
}

fn action(context: &Context<'_>, entry: &Entry, standing: Standing) -> Option<Action> {
    let get = |key: &str| entry.value.get(key);
    let site = |key: &str| SiteId(context.id(Kind::Site, get(key)));
    let steering = || steered(context, get("steering"));
    let service = || ServiceId(context.id(Kind::Service, get("service")));
    let partition = || super::fault::partition(context, entry);
    let from = || get("from").map(|node| ServiceId(context.id(Kind::Service, Some(node))));
    let drain = || read::duration(get("sessions").and_then(|sessions| sessions.get("drain")));
    let takes = || read::duration(get("takes")).unwrap_or(SimDuration::ZERO);
    let action = match entry.key.as_str() {
        "set" => Action::Set {
            steering: steering(),
            answers: read::shares(context, get("answers"), Kind::Site)
                .into_iter()
                .map(|(id, share)| (SiteId(id), share))
                .collect(),
            drain: drain(),
        },
        "move" => Action::Move {
            steering: steering(),
            from: site("from"),
            to: other_site(context, entry),
            share: read::share(get("share")).unwrap_or(0.0),
            drain: drain(),
        },
        "restore" => restore(context, entry, standing, steering(), drain()),
        "drain" => Action::Drain {
            site: site("site"),
            over: read::duration(get("over")).unwrap_or(SimDuration::ZERO),
        },
        "throttle" => Action::Throttle {
            operation: context.operation(get("operation")),
            site: site("site"),
            admit: read::quantity(get("admit"), Unit::Rate).unwrap_or(0.0),
            ramp: read::duration(get("ramp")),
        },
        "unthrottle" => Action::Unthrottle {
            operation: context.operation(get("operation")),
            site: site("site"),
        },
        "restart" => Action::Restart { service: service(), site: site("site"), takes: takes() },
        "add_capacity" => Action::AddCapacity {
            service: service(),
            site: site("site"),
            instances: read::count(get("instances")).unwrap_or(1),
            takes: takes(),
        },
        "activate" => Action::Activate {
            store: StoreId(context.id(Kind::Store, get("store"))),
            from: site("from"),
            to: other_site(context, entry),
            share: read::share(get("share")).unwrap_or(1.0),
        },
        "isolate" => Action::Isolate { service: service(), partition: partition(), from: from() },
        "rejoin" => Action::Rejoin { service: service(), partition: partition(), from: from() },
        "repair" => Action::Repair { fault: FaultId(context.id(Kind::Fault, get("fault"))) },
        _ => Action::Network { order: super::routing::order(context, entry)?, takes: takes() },
    };
    Some(action)
}

/// A name whose answers people can set.
fn steered(context: &Context<'_>, node: Option<&Node>) -> SteeringId {
    let id = context.id(Kind::Steering, node);
    let names = context.tree.at(Kind::Steering.path()).map(Node::entries).unwrap_or(&[]);
    let anycast = names.get(id as usize).is_some_and(|name| name.value.get("anycast").is_some());
    if let Some(node) = node.filter(|_| anycast) {
        let message = "an anycast name has no answers to set";
        let help = "steer it by routing: `announce`, `withdraw`, `prepend`, `weight`, …".to_owned();
        context.reporter.error_with_help(Code::Conflict, node.place, message, Some(help));
    }
    SteeringId(id)
}

/// `to`, which is not `from`.
fn other_site(context: &Context<'_>, entry: &Entry) -> SiteId {
    let (from, to) = (entry.value.get("from"), entry.value.get("to"));
    if let (Some(from), Some(to)) = (from, to)
        && from.text() == to.text()
    {
        let message = "`from` and `to` are the same site";
        context.reporter.error(Code::Conflict, to.place, message);
    }
    SiteId(context.id(Kind::Site, to))
}

fn restore(
    context: &Context<'_>,
    entry: &Entry,
    standing: Standing,
    steering: SteeringId,
    drain: Option<SimDuration>,
) -> Action {
    let get = |key: &str| entry.value.get(key);
    let steps = read::small_count(get("steps")).unwrap_or(1);
    let every = read::duration(get("every"));
    if steps > 1 && get("every").is_none() {
        let message = "more than one step needs `every`: the time between them";
        context.reporter.error(Code::MissingKey, entry.key_place, message);
    }
    let stop_if: Option<Condition> =
        get("stop_if").and_then(|node| condition::read(node, standing, context));
    let every = every.unwrap_or(SimDuration::ZERO);
    Action::Restore { steering, steps, every, stop_if, drain }
}
