//! Observers and faults.

use super::{Context, Kind, read};
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::condition::{self, Standing};
use crate::scenario::model::{
    Alarm, ClientId, Condition, Fault, FaultKind, LinkId, LostJobs, MiddleboxId, Observers, Probes,
    RegionId, RouterId, ServiceId, SiteId,
};
use crate::scenario::problem::Code;
use crate::scenario::tree::{Entry, Node};
use crate::scenario::unit::Unit;

/// Failed probes in a row unless given: health checks commonly take three.
const UNHEALTHY_AFTER: u32 = 3;

/// What an unreadable condition becomes: false.
pub const FALSE: Condition = Condition::Or(Vec::new());

/// The observers of the model.
pub fn observers(context: &Context<'_>) -> Observers {
    let node = context.tree.get("observers");
    let alarms = context.tree.at(Kind::Alarm.path()).map(Node::entries).unwrap_or(&[]);
    let alarm = |entry: &Entry| Alarm {
        name: entry.key.clone(),
        when: entry
            .value
            .get("when")
            .and_then(|when| condition::read(when, Standing::Alarm, context))
            .unwrap_or(FALSE),
    };
    Observers {
        probes: node.and_then(|node| node.get("probes")).map(|node| probes(context, node)),
        alarms: alarms.iter().map(alarm).collect(),
        status_page: node
            .and_then(|node| node.at(&["status_page", "lag"]))
            .and_then(|lag| read::duration(Some(lag))),
    }
}

fn probes(context: &Context<'_>, node: &Node) -> Probes {
    let from = node.get("from").map(Node::items).unwrap_or(&[]);
    if let Some(node) = node.get("from").filter(|node| node.items().is_empty()) {
        context.reporter.error(Code::MissingKey, node.place, "probes come from a region at least");
    }
    Probes {
        every: read::positive(context, node.get("every")).unwrap_or(SimDuration::ZERO),
        from: from.iter().map(|item| RegionId(context.id(Kind::Region, Some(item)))).collect(),
        operation: context.operation(node.get("operation")),
        unhealthy_after: read::small_count(node.get("unhealthy_after")).unwrap_or(UNHEALTHY_AFTER),
    }
}

/// The faults of the model.
pub fn faults(context: &Context<'_>) -> Vec<Fault> {
    let faults = context.tree.at(Kind::Fault.path()).map(Node::entries).unwrap_or(&[]);
    faults.iter().map(|entry| fault(context, entry)).collect()
}

fn fault(context: &Context<'_>, entry: &Entry) -> Fault {
    let node = &entry.value;
    let pair = |node: Option<&Node>, on: &str, off: &str| {
        let node = node?;
        let on = read::positive(context, node.get(on))?;
        Some((on, read::positive(context, node.get(off))?))
    };
    let kind = node.get("fault").and_then(Node::only);
    let link_flap = kind.filter(|kind| kind.key == "link_flap").map(|kind| &kind.value);
    if let Some(flap) = node.get("flap").filter(|_| link_flap.is_some()) {
        let message = "`link_flap` says already how it flaps";
        context.reporter.error(Code::Conflict, flap.place, message);
    }
    let lasts = read::positive(context, node.get("for"));
    let ramp = read::duration(node.get("ramp")).unwrap_or(SimDuration::ZERO);
    if let (Some(lasts), Some(node)) = (lasts, node.get("ramp"))
        && ramp > lasts
    {
        let message = format!("it grows for longer than it lasts, {lasts}");
        context.reporter.error(Code::OutOfRange, node.place, message);
    }
    Fault {
        name: entry.key.clone(),
        at: read::moment(context, node.get("at")).unwrap_or(SimTime::ZERO),
        lasts,
        ramp,
        flap: pair(node.get("flap"), "on", "off").or_else(|| pair(link_flap, "down", "up")),
        kind: kind.map_or(FaultKind::SiteDown { site: SiteId(super::UNKNOWN) }, |kind| {
            fault_kind(context, kind)
        }),
    }
}

fn fault_kind(context: &Context<'_>, entry: &Entry) -> FaultKind {
    let get = |key: &str| entry.value.get(key);
    let id = |kind, key: &str| context.id(kind, get(key));
    let maybe = |kind, key: &str| get(key).map(|node| context.id(kind, Some(node)));
    let share = |key: &str| read::share(get(key)).unwrap_or(0.0);
    let factor = || read::more_than_zero(context, get("factor"), Unit::Factor).unwrap_or(1.0);
    let link = || LinkId(id(Kind::Link, "link"));
    let router = || RouterId(id(Kind::Router, "router"));
    let service = || ServiceId(id(Kind::Service, "service"));
    let any_site = || maybe(Kind::Site, "site").map(SiteId);
    match entry.key.as_str() {
        "link_down" | "link_flap" => FaultKind::LinkDown { link: link() },
        "link_delay" => FaultKind::LinkDelay {
            link: link(),
            add: read::duration(get("add")).unwrap_or(SimDuration::ZERO),
        },
        "link_bandwidth" => FaultKind::LinkBandwidth { link: link(), to: share("to") },
        "router_down" => FaultKind::RouterDown { router: router() },
        "router_silent" => FaultKind::RouterSilent { router: router() },
        "instances_lost" => FaultKind::InstancesLost {
            service: service(),
            site: SiteId(id(Kind::Site, "site")),
            share: share("share"),
            jobs: read::word(
                get("jobs"),
                &[("reset", LostJobs::Reset), ("requeue", LostJobs::Requeue)],
            )
            .unwrap_or(LostJobs::Reset),
        },
        "slow" => FaultKind::Slow { service: service(), site: any_site(), factor: factor() },
        "erroring" => {
            FaultKind::Erroring { service: service(), site: any_site(), share: share("share") }
        }
        "hung" => FaultKind::Hung {
            service: service(),
            site: any_site(),
            partition: partition(context, entry),
        },
        "middlebox_capacity" => FaultKind::MiddleboxCapacity {
            middlebox: MiddleboxId(id(Kind::Middlebox, "middlebox")),
            to: share("to"),
        },
        "load_surge" => FaultKind::LoadSurge {
            region: maybe(Kind::Region, "region").map(RegionId),
            operation: context.optional_operation(get("operation")),
            factor: factor(),
        },
        "mass_reconnect" => FaultKind::MassReconnect {
            client: maybe(Kind::Client, "client").map(ClientId),
            site: any_site(),
            share: share("share"),
        },
        "cache_lost" => {
            FaultKind::CacheLost { service: service(), site: any_site(), share: share("share") }
        }
        "site_down" => FaultKind::SiteDown { site: SiteId(id(Kind::Site, "site")) },
        _ => super::routing::fault(context, entry),
    }
}

/// The partition of a service, which must have so many.
pub(super) fn partition(context: &Context<'_>, entry: &Entry) -> Option<u32> {
    let node = entry.value.get("partition")?;
    let partition = read::small_count(Some(node))?;
    let service = entry.value.get("service").and_then(Node::text)?;
    let count = read::small_count(context.tree.at(&["services", service, "partitions"]));
    let count = count.unwrap_or(1);
    if partition >= count {
        let message = format!("`{service}` has {count} partitions, counted from 0");
        context.reporter.error(Code::OutOfRange, node.place, message);
    }
    Some(partition)
}
