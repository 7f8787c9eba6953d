//! Regions, clients, their operations, and steering.

use super::{Context, Kind, read};
use crate::kernel::time::SimDuration;
use crate::scenario::distribution;
use crate::scenario::model::{
    Client, ClientId, Curve, Demander, Load, Operation, OperationId, PipelineId, Region, RouterId,
    ServiceId, Session, SiteId, Steering, SteeringId, SteeringKind, Timeout,
};
use crate::scenario::problem::Code;
use crate::scenario::time;
use crate::scenario::tree::{Entry, Node};
use crate::scenario::unit::Unit;

/// Bytes of an operation or delivery unless given: a small request and its answer (assumption).
pub const SIZE_BYTES: f64 = 1_024.0;

fn entries<'a>(context: &Context<'a>, kind: Kind) -> &'a [Entry] {
    context.tree.at(kind.path()).map(Node::entries).unwrap_or(&[])
}

/// The regions of the model.
pub fn regions(context: &Context<'_>) -> Vec<Region> {
    entries(context, Kind::Region).iter().map(|entry| region(context, entry)).collect()
}

fn region(context: &Context<'_>, entry: &Entry) -> Region {
    let node = &entry.value;
    let time_zone = node.get("time_zone").and_then(Node::text).unwrap_or("");
    let utc_offset_s = match (&context.start, node.get("time_zone")) {
        (Some(start), Some(written)) => start.offset_s(time_zone).unwrap_or_else(|message| {
            context.reporter.error(Code::BadTime, written.place, message);
            0
        }),
        _ => 0,
    };
    let routers = read::shares(context, node.get("routers"), Kind::Router);
    let clients = read::shares(context, node.get("clients"), Kind::Client);
    Region {
        name: entry.key.clone(),
        mailboxes: read::count(node.get("mailboxes")).unwrap_or(1),
        time_zone: time_zone.to_owned(),
        utc_offset_s,
        routers: routers.into_iter().map(|(id, share)| (RouterId(id), share)).collect(),
        load: curve(context, node.get("load"), false),
        present: curve(context, node.get("present"), true),
        clients: clients.into_iter().map(|(id, share)| (ClientId(id), share)).collect(),
    }
}

/// A daily curve; constantly 1 where nothing is written.
fn curve(context: &Context<'_>, node: Option<&Node>, of_a_whole: bool) -> Curve {
    let mut points = Vec::new();
    for entry in node.map(Node::entries).unwrap_or(&[]) {
        let at = time::second_of_day(&entry.key);
        let factor = read::quantity(Some(&entry.value), Unit::Percent);
        if let (Some(at), Some(factor)) = (at, factor) {
            points.push((at, factor));
        }
        if of_a_whole && factor.is_some_and(|factor| factor > 1.0) {
            let message = "more users cannot be present than there are";
            context.reporter.error(Code::OutOfRange, entry.value.place, message);
        }
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let twice = points.windows(2).any(|pair| pair[0].0 == pair[1].0);
    if let Some(node) = node.filter(|_| twice) {
        context.reporter.error(Code::DuplicateKey, node.place, "a clock time is here twice");
    }
    if points.is_empty() {
        points.push((0.0, 1.0));
    }
    Curve { points }
}

/// The clients of the model.
pub fn clients(context: &Context<'_>) -> Vec<Client> {
    let mut next_id = 0;
    let mut clients = Vec::new();
    for entry in entries(context, Kind::Client) {
        let operations = entry.value.get("operations").map(Node::entries).unwrap_or(&[]);
        let ids: Vec<OperationId> =
            (0..operations.len()).map(|index| OperationId(next_id + index as u32)).collect();
        next_id += operations.len() as u32;
        clients.push(Client {
            name: entry.key.clone(),
            connects: connects(context, entry),
            session: entry.value.get("session").map(|node| session(context, entry, node)),
            operations: ids,
        });
    }
    clients
}

fn connects(context: &Context<'_>, entry: &Entry) -> SteeringId {
    if let Some(node) = entry.value.get("connects") {
        return SteeringId(context.id(Kind::Steering, Some(node)));
    }
    if context.names(Kind::Steering).count() > 1 && entry.value.is_map() {
        let message = format!("`{}` needs `connects`: there are several names", entry.key);
        let help = crate::scenario::suggest::help("", context.names(Kind::Steering));
        context.reporter.error_with_help(Code::MissingKey, entry.key_place, message, help);
        return SteeringId(super::UNKNOWN);
    }
    SteeringId(0)
}

fn session(context: &Context<'_>, client: &Entry, node: &Node) -> Session {
    // The client's own operation, whatever other clients call theirs.
    let own = node.get("sign_in").and_then(|sign_in| {
        let name = sign_in.text()?;
        let full =
            if name.contains('.') { name.to_owned() } else { format!("{}.{name}", client.key) };
        let id = context.operation_of(&full, sign_in.place)?;
        let operation = client.value.get("operations")?.get(full.rsplit('.').next()?);
        if operation.is_none() || !full.starts_with(&format!("{}.", client.key)) {
            let message = format!("`{name}` is not an operation of `{}`", client.key);
            context.reporter.error(Code::UnknownName, sign_in.place, message);
        }
        if operation.is_some_and(|o| o.get("rate").is_some() || o.get("think").is_some()) {
            let message =
                format!("`{name}` signs in, so it has no `rate` and no `think` of its own");
            context.reporter.error(Code::Conflict, sign_in.place, message);
        }
        Some(id)
    });
    let lost_after = node.get("lost_after");
    Session {
        sign_in: own.unwrap_or(OperationId(super::UNKNOWN)),
        keepalive: read::positive(context, node.get("keepalive")).unwrap_or(SimDuration::ZERO),
        lost_after: read::duration(lost_after),
    }
}

/// The operations of all clients.
pub fn operations(context: &Context<'_>) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (index, client) in entries(context, Kind::Client).iter().enumerate() {
        for entry in client.value.get("operations").map(Node::entries).unwrap_or(&[]) {
            let by = Demander::Client(ClientId(index as u32));
            let signs_in = client.value.at(&["session", "sign_in"]).and_then(Node::text);
            let own = signs_in.map(|name| name.rsplit('.').next().unwrap_or(name));
            operations.push(operation(context, entry, by, own == Some(&entry.key)));
        }
    }
    operations
}

fn operation(context: &Context<'_>, entry: &Entry, by: Demander, signs_in: bool) -> Operation {
    let node = &entry.value;
    let timeout = timeout(context, node.get("timeout"));
    let good_within = read::positive(context, node.get("good_within")).or(match &timeout {
        Timeout::After(after) => Some(*after),
        Timeout::Patience(_) => None,
    });
    let patient = matches!(timeout, Timeout::Patience(_));
    if patient && node.get("good_within").is_none() {
        let message = format!("`{}` needs `good_within`: patience differs", entry.key);
        context.reporter.error(Code::MissingKey, entry.key_place, message);
    }
    let load = load(context, entry);
    if matches!(load, Load::Induced) && !signs_in && node.is_map() {
        let message = format!("nothing ever demands `{}`", entry.key);
        let help = Some("give it a `rate` or a `think` time, or let a session sign in with it");
        context.reporter.warn(Code::Unused, entry.key_place, message, help.map(str::to_owned));
    }
    Operation {
        name: entry.key.clone(),
        by,
        enters: ServiceId(context.id(Kind::Service, node.get("enters"))),
        cost: read::quantity(node.get("cost"), Unit::Factor).unwrap_or(1.0),
        size_bytes: read::quantity(node.get("size"), Unit::Bytes).unwrap_or(SIZE_BYTES),
        load,
        timeout,
        deadline: read::positive(context, node.get("deadline")),
        good_within: good_within.unwrap_or(SimDuration::ZERO),
        deferred: read::share(node.get("deferred")).unwrap_or(0.0),
        retry: read::retry(context, node.get("retry")),
        feeds: node.get("feeds").map(|feeds| PipelineId(context.id(Kind::Pipeline, Some(feeds)))),
    }
}

fn load(context: &Context<'_>, entry: &Entry) -> Load {
    let node = &entry.value;
    match (node.get("rate"), node.get("think")) {
        (Some(_), Some(think)) => {
            let message = format!("`{}` has either a `rate` or a `think` time", entry.key);
            context.reporter.error(Code::Conflict, think.place, message);
            Load::Induced
        }
        (Some(rate), None) => {
            let per_s = read::more_than_zero(context, Some(rate), Unit::Rate).unwrap_or(0.0);
            // Rounded to 12 digits, so that 9/h stays 9 an hour.
            let per_hour: f64 = format!("{:.11e}", per_s * 3_600.0).parse().unwrap_or(0.0);
            Load::Rate { per_hour }
        }
        (None, Some(think)) => Load::Think(read::law(context, Some(think))),
        (None, None) => Load::Induced,
    }
}

fn timeout(context: &Context<'_>, node: Option<&Node>) -> Timeout {
    if let Some(patience) = node.and_then(|node| node.get("patience"))
        && let Some(law) = distribution::read(patience, context.laws, context.reporter)
    {
        return Timeout::Patience(law);
    }
    if node.is_some_and(|node| node.get("patience").is_some()) {
        return Timeout::Patience(read::law(context, None));
    }
    Timeout::After(read::positive(context, node).unwrap_or(SimDuration::ZERO))
}

/// The names that clients connect to.
pub fn steering(context: &Context<'_>) -> Vec<Steering> {
    entries(context, Kind::Steering)
        .iter()
        .map(|entry| {
            let answers = entry.value.get("answers");
            let kind = steering_kind(context, entry);
            let answers = match kind {
                SteeringKind::Anycast { prefix } => {
                    if let Some(answers) = answers {
                        let message = "routing decides which site an anycast name reaches";
                        context.reporter.error(Code::Conflict, answers.place, message);
                    }
                    let sites = super::routing::sites_of(context, prefix).into_iter();
                    sites.map(|site| (site, 0.0)).collect()
                }
                SteeringKind::Dns { .. } | SteeringKind::Direct => {
                    if answers.is_none() && entry.value.is_map() {
                        let message = format!("`{}` needs `answers`", entry.key);
                        context.reporter.error(Code::MissingKey, entry.key_place, message);
                    }
                    let shares = read::shares(context, answers, Kind::Site).into_iter();
                    shares.map(|(id, share)| (SiteId(id), share)).collect()
                }
            };
            Steering { name: entry.key.clone(), kind, answers }
        })
        .collect()
}

fn steering_kind(context: &Context<'_>, entry: &Entry) -> SteeringKind {
    let ways = ["dns", "direct", "anycast"].map(|way| entry.value.get(way));
    if ways.iter().flatten().count() != 1 && entry.value.is_map() {
        let message = format!("`{}` needs one of `dns`, `direct` and `anycast`", entry.key);
        context.reporter.error(Code::Conflict, entry.key_place, message);
    }
    let [dns, _, anycast] = ways;
    if let Some(anycast) = anycast {
        return SteeringKind::Anycast { prefix: super::routing::anycast(context, anycast) };
    }
    let Some(dns) = dns else {
        return SteeringKind::Direct;
    };
    let ttl = read::positive(context, dns.get("ttl")).unwrap_or(SimDuration::ZERO);
    let ignored_by = dns.get("ignored_by");
    let kept = ignored_by.and_then(|node| node.get("for"));
    let ignoring_for = read::duration(kept).unwrap_or(ttl);
    if let Some(kept) = kept.filter(|_| ignoring_for < ttl) {
        let message = "who ignores the TTL keeps an answer longer than the TTL";
        context.reporter.error(Code::OutOfRange, kept.place, message);
    }
    SteeringKind::Dns {
        ttl,
        ignoring: read::share(ignored_by.and_then(|node| node.get("share"))).unwrap_or(0.0),
        ignoring_for,
    }
}
