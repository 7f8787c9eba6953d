//! Targets.

use super::{Context, read};
use crate::kernel::time::SimDuration;
use crate::scenario::model::{Phase, Target, TargetKind};
use crate::scenario::tree::{Entry, Node};
use crate::scenario::unit::Unit;

/// How long availability must stay unless given: fifteen one-minute windows.
const SUSTAINED: SimDuration = SimDuration::from_secs(900);

/// The targets of the model.
pub fn targets(context: &Context<'_>) -> Vec<Target> {
    let items = context.tree.get("targets").map(Node::items).unwrap_or(&[]);
    items
        .iter()
        .filter_map(Node::only)
        .filter_map(|entry| {
            Some(Target {
                name: entry.key.clone(),
                confidence: read::share(entry.value.get("confidence")).unwrap_or(1.0),
                kind: kind(context, entry)?,
            })
        })
        .collect()
}

fn kind(context: &Context<'_>, entry: &Entry) -> Option<TargetKind> {
    let get = |key: &str| entry.value.get(key);
    let duration = |key: &str| read::duration(get(key)).unwrap_or(SimDuration::ZERO);
    let share = |key: &str| read::share(get(key)).unwrap_or(0.0);
    let phases = [
        ("before", Phase::Before),
        ("during", Phase::During),
        ("after", Phase::After),
        ("all", Phase::All),
    ];
    let phase = || read::word(get("phase"), &phases).unwrap_or(Phase::All);
    let operation = || context.optional_operation(get("operation"));
    let kind = match entry.key.as_str() {
        "recovery_time" => TargetKind::RecoveryTime {
            objective: duration("objective"),
            availability: share("availability"),
            sustained: read::duration(get("sustained")).unwrap_or(SUSTAINED),
            relapse_allowed: get("relapse").and_then(Node::text) == Some("allowed"),
        },
        "latency" => TargetKind::Latency {
            operation: operation(),
            quantile: share("quantile"),
            at_most: duration("at_most"),
            phase: phase(),
        },
        "availability" => TargetKind::Availability {
            operation: operation(),
            at_least: share("at_least"),
            phase: phase(),
        },
        "mailbox_minutes_lost" => TargetKind::MailboxMinutesLost {
            at_most: read::quantity(get("at_most"), Unit::MailboxMinutes).unwrap_or(0.0),
        },
        "sessions_restored" => {
            TargetKind::SessionsRestored { share: share("share"), within: duration("within") }
        }
        "backlog_drained" => TargetKind::BacklogDrained { within: duration("within") },
        "data_loss" => {
            TargetKind::DataLoss { at_most: read::count(get("at_most")).unwrap_or(0) as f64 }
        }
        _ => return None,
    };
    Some(kind)
}
