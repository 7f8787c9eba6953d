//! Services, their calls, stores and pipelines.

use super::{Context, Kind, demand, read};
use crate::kernel::time::SimDuration;
use crate::scenario::model::{
    AbandonedWork, Cache, Call, Demander, Discipline, Load, Operation, Pipeline, PipelineId,
    Placement, Queue, Service, ServiceId, SiteId, Store, Timeout, WarmUp, WhileCalling,
};
use crate::scenario::problem::Code;
use crate::scenario::tree::{Entry, Node};
use crate::scenario::unit::Unit;

fn entries<'a>(context: &Context<'a>, kind: Kind) -> &'a [Entry] {
    context.tree.at(kind.path()).map(Node::entries).unwrap_or(&[])
}

/// The services of the model.
pub fn services(context: &Context<'_>) -> Vec<Service> {
    entries(context, Kind::Service).iter().map(|entry| service(context, entry)).collect()
}

fn service(context: &Context<'_>, entry: &Entry) -> Service {
    let node = &entry.value;
    let placements = node.get("sites").map(Node::entries).unwrap_or(&[]);
    if placements.is_empty()
        && let Some(sites) = node.get("sites")
    {
        let message = format!("`{}` needs a site to be at", entry.key);
        context.reporter.error(Code::MissingKey, sites.place, message);
    }
    let sites = placements
        .iter()
        .map(|placement| Placement {
            site: SiteId(
                context
                    .id_of(Kind::Site, &placement.key, placement.key_place)
                    .unwrap_or(super::UNKNOWN),
            ),
            instances: read::count(placement.value.get("instances")).unwrap_or(1),
        })
        .collect();
    let abandoned = [("continues", AbandonedWork::Continues), ("dropped", AbandonedWork::Dropped)];
    let calling = [("hold", WhileCalling::Hold), ("release", WhileCalling::Release)];
    Service {
        name: entry.key.clone(),
        sites,
        concurrency: read::small_count(node.get("concurrency")).unwrap_or(1),
        service_time: read::law(context, node.get("service_time")),
        queue: queue(context, node.get("queue")),
        abandoned_work: read::word(node.get("abandoned_work"), &abandoned)
            .unwrap_or(AbandonedWork::Continues),
        while_calling: read::word(node.get("while_calling"), &calling)
            .unwrap_or(WhileCalling::Hold),
        partitions: read::small_count(node.get("partitions")).unwrap_or(1).max(1),
        warm_up: node.get("warm_up").map(|warm_up| WarmUp {
            slowdown: slowdown(context, warm_up.get("slowdown")),
            over: read::duration(warm_up.get("over")).unwrap_or(SimDuration::ZERO),
        }),
        calls: node
            .get("calls")
            .map(Node::items)
            .unwrap_or(&[])
            .iter()
            .map(|item| call(context, item))
            .collect(),
    }
}

fn slowdown(context: &Context<'_>, node: Option<&Node>) -> f64 {
    let slowdown = read::quantity(node, Unit::Factor).unwrap_or(1.0);
    if let Some(node) = node.filter(|_| slowdown < 1.0) {
        let message = "what is cold is not faster: at least 1x";
        context.reporter.error(Code::OutOfRange, node.place, message);
    }
    slowdown
}

fn queue(context: &Context<'_>, node: Option<&Node>) -> Queue {
    let limit = read::small_count(node.and_then(|node| node.get("limit")));
    let written = node.and_then(|node| node.get("discipline"));
    let discipline = match (written.and_then(Node::text), written.and_then(Node::only)) {
        (Some("lifo"), _) => Discipline::Lifo,
        (_, Some(entry)) if entry.key == "codel" => Discipline::Codel {
            target: read::positive(context, entry.value.get("target")).unwrap_or(SimDuration::ZERO),
            interval: read::positive(context, entry.value.get("interval"))
                .unwrap_or(SimDuration::ZERO),
        },
        (_, Some(entry)) if entry.key == "priority" => {
            Discipline::Priority { first: context.operations(entry.value.get("first")) }
        }
        _ => Discipline::Fifo,
    };
    Queue { limit, discipline }
}

fn call(context: &Context<'_>, node: &Node) -> Call {
    Call {
        service: ServiceId(context.id(Kind::Service, node.get("service"))),
        operations: context.operations(node.get("for")),
        times: read::small_count(node.get("times")).unwrap_or(1),
        probability: read::share(node.get("probability")).unwrap_or(1.0),
        timeout: read::positive(context, node.get("timeout")).unwrap_or(SimDuration::ZERO),
        retry: read::retry(context, node.get("retry")),
        required: read::word(node.get("required"), &[("true", true), ("false", false)])
            .unwrap_or(true),
        cache: node.get("cache").map(|cache| Cache {
            hit: read::share(cache.get("hit")).unwrap_or(0.0),
            entries: read::count(cache.get("entries")).unwrap_or(0),
        }),
    }
}

/// The stores of the model.
pub fn stores(context: &Context<'_>) -> Vec<Store> {
    entries(context, Kind::Store)
        .iter()
        .map(|entry| {
            let node = &entry.value;
            let copies = read::shares(context, node.get("copies"), Kind::Site);
            Store {
                name: entry.key.clone(),
                service: ServiceId(context.id(Kind::Service, node.get("service"))),
                databases: read::small_count(node.get("databases")).unwrap_or(1),
                copies: copies.into_iter().map(|(id, share)| (SiteId(id), share)).collect(),
                activation: read::law(context, node.get("activation")),
                replication_lag: read::duration(node.get("replication_lag"))
                    .unwrap_or(SimDuration::ZERO),
                writes: context.operations(node.get("writes")),
            }
        })
        .collect()
}

/// The pipelines of the model.
pub fn pipelines(context: &Context<'_>) -> Vec<Pipeline> {
    entries(context, Kind::Pipeline)
        .iter()
        .enumerate()
        .map(|(index, entry)| Pipeline {
            name: entry.key.clone(),
            delivery: context.delivery(index as u32),
            copies: read::small_count(entry.value.get("copies")).unwrap_or(1),
            limit: read::count(entry.value.get("limit")),
        })
        .collect()
}

/// The operations that deliver the messages of pipelines.
pub fn deliveries(context: &Context<'_>) -> Vec<Operation> {
    let mut deliveries = Vec::new();
    for (index, entry) in entries(context, Kind::Pipeline).iter().enumerate() {
        let node = &entry.value;
        let timeout = read::positive(context, node.get("timeout")).unwrap_or(SimDuration::ZERO);
        let expires = read::positive(context, node.get("expires")).unwrap_or(SimDuration::ZERO);
        deliveries.push(Operation {
            name: entry.key.clone(),
            by: Demander::Pipeline(PipelineId(index as u32)),
            enters: ServiceId(context.id(Kind::Service, node.get("enters"))),
            cost: read::quantity(node.get("cost"), Unit::Factor).unwrap_or(1.0),
            size_bytes: read::quantity(node.get("size"), Unit::Bytes).unwrap_or(demand::SIZE_BYTES),
            load: Load::Induced,
            timeout: Timeout::After(timeout),
            deadline: Some(expires),
            // A message is well delivered if it is delivered at all, unless told otherwise.
            good_within: read::positive(context, node.get("good_within")).unwrap_or(expires),
            deferred: 0.0,
            retry: read::retry(context, node.get("retry")),
            feeds: None,
        });
    }
    deliveries
}
