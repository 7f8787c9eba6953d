//! Shapes of systems, prefixes, routing timers, and of what routers suffer and are told.

use super::{
    BANDWIDTH, Choice, DURATION, Field, LAW, NAME, NAMES, ONE_OR_MORE, SHARE, Shape, TEXT, may,
    need, quantity, words,
};
use crate::scenario::unit::Unit;

static WEIGHT: Shape = quantity(Unit::Count(1, u32::MAX as u64));
static YES_NO: Shape = words(&["yes", "no"]);

/// `network.import`.
pub static IMPORT: Shape = Shape::Map(&[
    need("file", &TEXT, "GraphML, as the Internet Topology Zoo writes it, below this folder."),
    may("bandwidth", &BANDWIDTH, "Of links that the file gives none. Default: 10Gbps."),
    may("delay", &DURATION, "Of links of which an end has no place."),
]);

/// An autonomous system.
pub static SYSTEM: Shape = Shape::Map(&[
    may("customers", &NAMES, "Systems that pay it. Default: none."),
    may("peers", &NAMES, "Systems that it exchanges traffic with. Default: none."),
]);

/// A prefix beyond the sites' own.
pub static PREFIX: Shape = Shape::Map(&[
    need("sites", &NAMES, "Sites that announce it; several: anycast."),
    may("within", &NAME, "The site or prefix that it is a more specific part of."),
    may("announced", &YES_NO, "Whether it is announced at the beginning. Default: yes."),
]);

/// Where the people are who change routers.
pub static OPERATORS: Shape = Shape::Map(&[
    need("at", &NAME, "The router that their tools are behind."),
    may("out_of_band", &LAW, "Time by their own way beside the network. Default: none."),
    may("on_site", &LAW, "Time until somebody stands before a router. Default: nobody can."),
]);

static BEAT: Shape = Shape::Map(&[
    need("every", &DURATION, "Time between two."),
    need("misses", &ONE_OR_MORE, "Missed in a row until the neighbour counts as gone."),
]);
static BFD: Shape = Shape::Choice(Choice {
    unit: None,
    words: &["off"],
    kinds: &[may("beat", &BEAT, "It runs with this beat.")],
});
static SPF: Shape = Shape::Map(&[
    may("initial", &DURATION, "After a time of quiet."),
    may("secondary", &DURATION, "From the second on, doubling."),
    may("maximum", &DURATION, "At most."),
]);
static BGP: Shape = Shape::Map(&[
    may("hold", &DURATION, "Silence after which a session is given up."),
    may("keepalive", &DURATION, "Between two keepalives."),
    may("connect", &DURATION, "Between two attempts to set a session up."),
    may("interval", &DURATION, "Least time between two advertisements (MRAI)."),
    may("interval_inside", &DURATION, "The same, inside a system."),
    may("jitter", &YES_NO, "Whether the interval is shortened by a random 0 to 25 %."),
    may("withdrawals_wait", &YES_NO, "Whether withdrawals wait for the interval too."),
    may("processing", &DURATION, "Time that a router takes for an update."),
]);

/// `network.routing`.
pub static ROUTING: Shape = Shape::Map(&[
    may(
        "profile",
        &words(&["default", "bfd-tuned", "slow-hold-timers"]),
        "Named set of timers, which the other keys change. Default: default.",
    ),
    may("detect", &DURATION, "Until both ends of a dark link notice."),
    may("bfd", &BFD, "Bidirectional forwarding detection."),
    may("hello", &BEAT, "Hellos of the link-state protocol."),
    may("flooding", &DURATION, "Time that a router takes to pass an advertisement on."),
    may("retransmit", &DURATION, "Until a lost advertisement is sent again."),
    may("spf", &SPF, "Wait before a shortest-path computation."),
    may("fib", &DURATION, "From new routes to new tables."),
    may("bgp", &BGP, "Timers between systems."),
    may(
        "control_packets",
        &words(&["shared", "separate"]),
        "Whether the protocols' packets share the links' queues. Default: shared.",
    ),
]);

const LINK: Field = need("link", &NAME, "The link.");
const ROUTER: Field = need("router", &NAME, "The router.");
const PREFIX_OF: Field = need("prefix", &NAME, "The prefix: a site, or one of its own name.");
const ANY_PLACE: Field = may("site", &NAME, "Where it is announced. Default: everywhere.");
const FROM: Field =
    may("from", &NAME, "Only the direction that leaves this router. Default: both.");
const METRIC: Field = need("metric", &WEIGHT, "The weight.");
const TAKES: Field = may("takes", &DURATION, "Until the routers have it. Default: at once.");

/// Fault `link_loss`.
pub static LINK_LOSS: Shape =
    Shape::Map(&[LINK, need("loss", &SHARE, "Share of packets lost."), FROM]);
/// Fault `link_silent`.
pub static LINK_ALONE: Shape = Shape::Map(&[LINK]);
/// Fault `duct_cut`.
pub static DUCT: Shape = Shape::Map(&[need("links", &NAMES, "The links that share it.")]);
/// Fault `partition`.
pub static PARTITION: Shape =
    Shape::Map(&[need("routers", &NAMES, "The routers that are cut off from the others.")]);
/// Fault `prefix_withdrawn`.
pub static PREFIX_WITHDRAWN: Shape = Shape::Map(&[PREFIX_OF, ANY_PLACE]);
/// Fault `system_withdrawn`.
pub static SYSTEM_WITHDRAWN: Shape = Shape::Map(&[need("system", &NAME, "The system.")]);
/// Fault `prefix_hijacked`.
pub static HIJACK: Shape = Shape::Map(&[
    PREFIX_OF,
    need("by", &NAME, "The router that announces it."),
    may("more_specific", &YES_NO, "Whether it announces a more specific part. Default: no."),
]);
/// Fault `route_leak`.
pub static ROUTER_ALONE: Shape = Shape::Map(&[ROUTER]);
/// Fault `weight_mistake`.
pub static WEIGHT_MISTAKE: Shape = Shape::Map(&[LINK, METRIC, FROM]);
/// Fault `config_pushed`.
pub static CONFIG_PUSHED: Shape = Shape::Map(&[
    need("routers", &NAMES, "The routers, in order."),
    need("every", &DURATION, "Time between two."),
    need("effect", &words(&["silent", "isolated", "withdrawn", "leak"]), "What it does to each."),
]);
/// Fault `out_of_band_lost`.
pub static NOTHING: Shape = Shape::Map(&[]);

/// Action `announce`.
pub static ANNOUNCE: Shape = Shape::Map(&[PREFIX_OF, ANY_PLACE, TAKES]);
/// Action `prepend`.
pub static PREPEND: Shape = Shape::Map(&[
    PREFIX_OF,
    ANY_PLACE,
    need("times", &quantity(Unit::Count(0, 32)), "Times that the own number is repeated."),
    TAKES,
]);
/// Action `weight`.
pub static WEIGH: Shape = Shape::Map(&[LINK, METRIC, FROM, TAKES]);
/// Action `local_preference`.
pub static PREFER: Shape = Shape::Map(&[
    LINK,
    need("at", &NAME, "The end that prefers."),
    need("preference", &quantity(Unit::Count(0, u32::MAX as u64)), "The local preference."),
    TAKES,
]);
/// Actions on a router.
pub static ROUTER_ORDER: Shape = Shape::Map(&[ROUTER, TAKES]);
/// Actions on a link.
pub static LINK_ORDER: Shape = Shape::Map(&[LINK, TAKES]);
/// Action `roll_back`.
pub static ROLL_BACK: Shape = Shape::Map(&[
    need("fault", &NAME, "The `config_pushed` fault."),
    may("every", &DURATION, "Time between two routers. Default: all at once."),
    TAKES,
]);
/// Action `reboot`.
pub static REBOOT: Shape =
    Shape::Map(&[ROUTER, need("down_for", &DURATION, "Until it is back."), TAKES]);
