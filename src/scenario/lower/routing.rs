//! Systems, prefixes, routing timers, and what routers suffer and are told.

use super::{Context, Kind, UNKNOWN, read};
use crate::kernel::time::SimDuration;
use crate::scenario::model::{
    BadConfig, Beat, FaultId, FaultKind, LinkId, Operators, Order, Prefix, PrefixId, Queueing,
    RouterId, Routing, SiteId, System, SystemId,
};
use crate::scenario::problem::Code;
use crate::scenario::tree::{Entry, Node};

const YES_NO: &[(&str, bool)] = &[("yes", true), ("no", false)];

fn entries<'a>(context: &Context<'a>, kind: Kind) -> &'a [Entry] {
    context.tree.at(kind.path()).map(Node::entries).unwrap_or(&[])
}

/// The systems of the model; one where none is named.
pub fn systems(context: &Context<'_>) -> Vec<System> {
    let named = entries(context, Kind::System);
    if named.is_empty() {
        return vec![System::alone()];
    }
    let list = |entry: &Entry, key: &str| {
        let ids = context.ids(Kind::System, entry.value.get(key));
        ids.into_iter().map(SystemId).collect::<Vec<_>>()
    };
    let systems: Vec<System> = named
        .iter()
        .map(|entry| System {
            name: entry.key.clone(),
            customers: list(entry, "customers"),
            peers: list(entry, "peers"),
        })
        .collect();
    for (index, entry) in named.iter().enumerate() {
        let own = SystemId(index as u32);
        let kept = |of: &System| of.customers.iter().chain(&of.peers).any(|other| *other == own);
        let twice = systems[index].customers.iter().any(|other| {
            let other = systems.get(other.index());
            other.is_some_and(|other| other.customers.contains(&own) || other.peers.contains(&own))
        });
        if kept(&systems[index]) || twice {
            let message = format!("`{}` is not both to one other system, nor to itself", entry.key);
            let help = "say each relationship once: at the provider, or at either peer".to_owned();
            context.reporter.error_with_help(Code::Conflict, entry.key_place, message, Some(help));
        }
    }
    systems
}

/// The system of a router.
pub fn system_of(context: &Context<'_>, entry: &Entry) -> SystemId {
    let node = entry.value.get("as");
    if entries(context, Kind::System).is_empty() && node.is_none() {
        return SystemId(0);
    }
    if node.is_none() && entry.value.is_map() {
        let message = format!("`{}` needs `as`: there are several systems", entry.key);
        context.reporter.error(Code::MissingKey, entry.key_place, message);
    }
    SystemId(context.id(Kind::System, node))
}

/// The prefixes of the model.
pub fn prefixes(context: &Context<'_>) -> Vec<Prefix> {
    let all = entries(context, Kind::Prefix);
    let prefix = |entry: &Entry| {
        let sites = context.ids(Kind::Site, entry.value.get("sites"));
        if context.names(Kind::Site).any(|site| site == entry.key) {
            let message = format!("site `{}` has a prefix of this name already", entry.key);
            context.reporter.error(Code::Conflict, entry.key_place, message);
        }
        Prefix {
            name: entry.key.clone(),
            sites: sites.into_iter().map(SiteId).collect(),
            within: entry.value.get("within").map(|node| context.prefix(Some(node))),
            announced: read::word(entry.value.get("announced"), YES_NO).unwrap_or(true),
        }
    };
    let prefixes: Vec<Prefix> = all.iter().map(prefix).collect();
    let site_count = context.names(Kind::Site).count();
    for (index, entry) in all.iter().enumerate() {
        // Upwards, no chain is longer than there are prefixes.
        let mut at = Some(PrefixId((site_count + index) as u32));
        for _ in 0..=prefixes.len() {
            let named = at.and_then(|at| at.index().checked_sub(site_count));
            at = named.and_then(|index| prefixes.get(index)).and_then(|prefix| prefix.within);
        }
        if at.is_some_and(|at| at.index() >= site_count && at.0 != UNKNOWN) {
            let message = format!("`{}` is a part of itself", entry.key);
            context.reporter.error(Code::Conflict, entry.key_place, message);
        }
    }
    prefixes
}

/// The prefix of an anycast name: one of the scenario's own, not a site's.
pub fn anycast(context: &Context<'_>, node: &Node) -> PrefixId {
    let node = node.get("prefix");
    let prefix = context.prefix(node);
    if let Some(node) = node.filter(|_| prefix.index() < context.names(Kind::Site).count()) {
        let message = "this is the prefix of one site; an anycast address is in a prefix of \
                       `network.prefixes`, which its `sites` announce";
        context.reporter.error(Code::Conflict, node.place, message);
    } else if let Some(node) = node.filter(|_| prefix.0 != UNKNOWN)
        && sites_of(context, prefix).is_empty()
    {
        let message = "no site announces this prefix";
        context.reporter.error(Code::Conflict, node.place, message);
    }
    prefix
}

/// The sites that announce a prefix of `network.prefixes`.
pub fn sites_of(context: &Context<'_>, prefix: PrefixId) -> Vec<SiteId> {
    let own = prefix.index().checked_sub(context.names(Kind::Site).count());
    let entry = own.and_then(|own| entries(context, Kind::Prefix).get(own));
    let sites = entry.and_then(|entry| entry.value.get("sites")).map(Node::items);
    let position = |node: &Node| {
        let found = context.names(Kind::Site).position(|site| Some(site) == node.text())?;
        Some(SiteId(found as u32))
    };
    // Names that are unknown were reported where the prefix is.
    sites.unwrap_or_default().iter().filter_map(position).collect()
}

/// Where the people are who change routers.
pub fn operators(context: &Context<'_>, node: Option<&Node>) -> Option<Operators> {
    let node = node?;
    let law = |key: &str| node.get(key).map(|law| read::law(context, Some(law)));
    Some(Operators {
        at: RouterId(context.id(Kind::Router, node.get("at"))),
        out_of_band: law("out_of_band"),
        on_site: law("on_site"),
    })
}

/// The timers: a profile, and what changes it.
pub fn timers(context: &Context<'_>, node: Option<&Node>) -> Routing {
    let get = |path: &[&str]| node.and_then(|node| node.at(path));
    let profile = get(&["profile"]).and_then(Node::text).unwrap_or(Routing::PROFILES[0]);
    let mut routing = Routing::profile(profile);
    let set = |slot: &mut SimDuration, path: &[&str]| {
        if let Some(value) = read::duration(get(path)) {
            *slot = value;
        }
    };
    set(&mut routing.detect, &["detect"]);
    set(&mut routing.flooding, &["flooding"]);
    set(&mut routing.retransmit, &["retransmit"]);
    set(&mut routing.fib, &["fib"]);
    set(&mut routing.spf.initial, &["spf", "initial"]);
    set(&mut routing.spf.secondary, &["spf", "secondary"]);
    set(&mut routing.spf.maximum, &["spf", "maximum"]);
    set(&mut routing.bgp.hold, &["bgp", "hold"]);
    set(&mut routing.bgp.keepalive, &["bgp", "keepalive"]);
    set(&mut routing.bgp.connect, &["bgp", "connect"]);
    set(&mut routing.bgp.interval, &["bgp", "interval"]);
    set(&mut routing.bgp.interval_inside, &["bgp", "interval_inside"]);
    set(&mut routing.bgp.processing, &["bgp", "processing"]);
    if let Some(jitter) = read::word(get(&["bgp", "jitter"]), YES_NO) {
        routing.bgp.jitter = jitter;
    }
    if let Some(wait) = read::word(get(&["bgp", "withdrawals_wait"]), YES_NO) {
        routing.bgp.withdrawals_wait = wait;
    }
    let beat = |node: Option<&Node>| {
        let every = read::positive(context, node?.get("every"))?;
        Some(Beat { every, misses: read::small_count(node?.get("misses"))? })
    };
    if let Some(hello) = beat(get(&["hello"])) {
        routing.hello = hello;
    }
    match get(&["bfd"]) {
        Some(off) if off.text().is_some() => routing.bfd = None,
        Some(on) => routing.bfd = beat(on.get("beat")).or(routing.bfd),
        None => {}
    }
    let queues = [("shared", Queueing::Shared), ("separate", Queueing::Separate)];
    if let Some(queueing) = read::word(get(&["control_packets"]), &queues) {
        routing.control_packets = queueing;
    }
    // Timers that would have a router ask again without an end at one instant.
    for path in [["bgp", "hold"], ["bgp", "connect"], ["bgp", "keepalive"]] {
        let _ = read::positive(context, get(&path));
    }
    routing
}

/// A fault of the network.
pub fn fault(context: &Context<'_>, entry: &Entry) -> FaultKind {
    let get = |key: &str| entry.value.get(key);
    let link = || LinkId(context.id(Kind::Link, get("link")));
    let router = |key: &str| RouterId(context.id(Kind::Router, get(key)));
    let routers = || {
        let ids = context.ids(Kind::Router, get("routers"));
        ids.into_iter().map(RouterId).collect::<Vec<_>>()
    };
    match entry.key.as_str() {
        "link_loss" => FaultKind::LinkLoss {
            link: link(),
            from: end(context, entry, "from"),
            loss: read::share(get("loss")).unwrap_or(0.0),
        },
        "link_silent" => FaultKind::LinkSilent { link: link() },
        "duct_cut" => FaultKind::DuctCut {
            links: context.ids(Kind::Link, get("links")).into_iter().map(LinkId).collect(),
        },
        "partition" => FaultKind::Partition { routers: routers() },
        "prefix_withdrawn" => FaultKind::PrefixWithdrawn {
            prefix: context.prefix(get("prefix")),
            site: place(context, get("site")),
        },
        "system_withdrawn" => {
            FaultKind::SystemWithdrawn { system: SystemId(context.id(Kind::System, get("system"))) }
        }
        "prefix_hijacked" => FaultKind::PrefixHijacked {
            prefix: context.prefix(get("prefix")),
            router: router("by"),
            more_specific: read::word(get("more_specific"), YES_NO).unwrap_or(false),
        },
        "route_leak" => FaultKind::RouteLeak { router: router("router") },
        "weight_mistake" => FaultKind::WeightMistake {
            link: link(),
            from: end(context, entry, "from"),
            metric: read::count(get("metric")).unwrap_or(1),
        },
        "session_reset" => FaultKind::SessionReset { link: link() },
        "config_pushed" => FaultKind::ConfigPushed {
            routers: routers(),
            every: read::duration(get("every")).unwrap_or(SimDuration::ZERO),
            effect: read::word(
                get("effect"),
                &[
                    ("silent", BadConfig::Silent),
                    ("isolated", BadConfig::Isolated),
                    ("withdrawn", BadConfig::Withdrawn),
                    ("leak", BadConfig::Leak),
                ],
            )
            .unwrap_or(BadConfig::Silent),
        },
        _ => FaultKind::OutOfBandLost,
    }
}

/// What routers are ordered.
pub fn order(context: &Context<'_>, entry: &Entry) -> Option<Order> {
    let get = |key: &str| entry.value.get(key);
    let link = || LinkId(context.id(Kind::Link, get("link")));
    let router = || RouterId(context.id(Kind::Router, get("router")));
    let prefix = || context.prefix(get("prefix"));
    let site = || place(context, get("site"));
    let order = match entry.key.as_str() {
        "announce" => Order::Announce { prefix: prefix(), site: site(), prepend: 0 },
        "prepend" => Order::Announce {
            prefix: prefix(),
            site: site(),
            prepend: read::small_count(get("times")).unwrap_or(0),
        },
        "withdraw" => Order::Withdraw { prefix: prefix(), site: site() },
        "weight" => Order::Weigh {
            link: link(),
            from: end(context, entry, "from"),
            metric: read::count(get("metric")).unwrap_or(1),
        },
        "local_preference" => Order::Prefer {
            link: link(),
            at: end(context, entry, "at").unwrap_or(RouterId(UNKNOWN)),
            preference: read::small_count(get("preference")).unwrap_or(0),
        },
        "drain_router" => Order::DrainRouter { router: router(), drained: true },
        "undrain_router" => Order::DrainRouter { router: router(), drained: false },
        "drain_link" => Order::DrainLink { link: link(), drained: true },
        "undrain_link" => Order::DrainLink { link: link(), drained: false },
        "shut_session" => Order::Shut { link: link(), shut: true },
        "open_session" => Order::Shut { link: link(), shut: false },
        "roll_back" => Order::RollBack {
            fault: pushed(context, get("fault")),
            every: read::duration(get("every")).unwrap_or(SimDuration::ZERO),
        },
        "reboot" => Order::Reboot {
            router: router(),
            down_for: read::duration(get("down_for")).unwrap_or(SimDuration::ZERO),
        },
        _ => return None,
    };
    Some(order)
}

fn place(context: &Context<'_>, node: Option<&Node>) -> Option<SiteId> {
    node.map(|node| SiteId(context.id(Kind::Site, Some(node))))
}

/// A router that must be an end of the entry's link.
fn end(context: &Context<'_>, entry: &Entry, key: &str) -> Option<RouterId> {
    let node = entry.value.get(key)?;
    let router = context.id(Kind::Router, Some(node));
    let link = entry.value.get("link").and_then(Node::text)?;
    let ends = context.tree.at(&["network", "links", link, "between"]).map(Node::items)?;
    if !ends.iter().any(|end| end.text() == node.text()) {
        let message = format!("`{link}` does not end there");
        let names: Vec<&str> = ends.iter().filter_map(Node::text).collect();
        let help = Some(format!("its ends are `{}`", names.join("`, `")));
        context.reporter.error_with_help(Code::Conflict, node.place, message, help);
    }
    Some(RouterId(router))
}

/// The fault of a roll-back, which must have pushed a configuration.
fn pushed(context: &Context<'_>, node: Option<&Node>) -> FaultId {
    let fault = FaultId(context.id(Kind::Fault, node));
    if let Some((node, name)) = node.and_then(|node| Some((node, node.text()?)))
        && let Some(kind) = context.tree.at(&["faults", name, "fault"]).and_then(Node::only)
        && kind.key != "config_pushed"
    {
        let message = format!("`{name}` pushed no configuration that could be rolled back");
        let help = Some("`repair` ends a fault of any kind".to_owned());
        context.reporter.error_with_help(Code::Conflict, node.place, message, help);
    }
    fault
}
