//! Shapes of the clock, the network, regions and sites.

use super::{
    BANDWIDTH, COUNT, DURATION, FACTOR, NAME, NAMES, RATE, SHARE, Shape, TEXT, may, need, quantity,
    routing, words,
};
use crate::scenario::unit::Unit;

static DEGREES: Shape = quantity(Unit::Degrees);
static MAILBOXES: Shape = quantity(Unit::Count(1, 1 << 40));

/// `clock`.
pub static CLOCK: Shape = Shape::Map(&[
    need("start", &TEXT, "First measured instant, such as 2014-06-23T06:00[America/New_York]."),
    need("duration", &DURATION, "Measured length."),
    may("warmup", &DURATION, "Simulated before `start`, not measured. Default: 10m."),
    may("window", &DURATION, "Measuring window. Default: 10s."),
]);

/// `network`.
pub static NETWORK: Shape = Shape::Map(&[
    need("routers", &Shape::Named(&ROUTER), "Routers, here or imported."),
    may("links", &Shape::Named(&LINK), "Links between two routers, both ways."),
    may("middleboxes", &Shape::Named(&MIDDLEBOX), "Boxes that every connection to a site passes."),
    may("import", &routing::IMPORT, "Routers and links from a file."),
    may("systems", &Shape::Named(&routing::SYSTEM), "Autonomous systems. Default: one."),
    may("prefixes", &Shape::Named(&routing::PREFIX), "Prefixes beyond the sites' own."),
    may("routing", &routing::ROUTING, "Timers of the routing protocols."),
    may("operators", &routing::OPERATORS, "Where the people are who change routers."),
    may("fibre", &FACTOR, "Length of fibre over the great circle. Default: 1.5x."),
]);

static ROUTER: Shape = Shape::Map(&[
    may("at", &Shape::List { item: &DEGREES, alone: false }, "[latitude, longitude] in degrees."),
    may("city", &NAME, "A large city, instead of `at`."),
    may("as", &NAME, "Its autonomous system; needed where there are several."),
]);

static LINK: Shape = Shape::Map(&[
    need("between", &NAMES, "The two routers."),
    need("bandwidth", &BANDWIDTH, "Capacity of each direction."),
    may("delay", &DURATION, "One-way delay. Default: from the distance of the two routers."),
    may("loss", &SHARE, "Share of packets lost when nothing is wrong. Default: 0%."),
    may(
        "metric",
        &quantity(Unit::Count(1, u32::MAX as u64)),
        "Weight in the shortest path. Default: the delay in microseconds.",
    ),
    may("buffer", &DURATION, "Longest queueing delay before it drops. Default: 100ms."),
    may(
        "local_preference",
        &quantity(Unit::Count(0, u32::MAX as u64)),
        "Between systems: of what both ends learn over it. Default: by relationship.",
    ),
    may(
        "max_prefixes",
        &quantity(Unit::Count(0, u32::MAX as u64)),
        "Between systems: more shut the session down. Default: no limit.",
    ),
]);

static MIDDLEBOX: Shape = Shape::Map(&[
    need("before", &NAME, "The site that it stands before."),
    may("new_connections", &RATE, "New connections it can set up. Default: no limit."),
    may("sessions", &COUNT, "Sessions its table holds. Default: no limit."),
    may("bandwidth", &BANDWIDTH, "Throughput. Default: no limit."),
    may("packets", &RATE, "Packets. Default: no limit."),
    may("when_full", &words(&["drop", "reset"]), "What a new connection meets. Default: drop."),
    may("buffer", &DURATION, "Longest queueing delay before that. Default: 1s."),
]);

/// A region.
pub static REGION: Shape = Shape::Map(&[
    need("mailboxes", &MAILBOXES, "Mailboxes."),
    need("time_zone", &TEXT, "IANA name, such as America/New_York."),
    need("routers", &Shape::Shares("router"), "Where it is attached, with shares."),
    may("load", &Shape::Curve, "Demand by local time, of each operation's rate. Default: 100%."),
    may("present", &Shape::Curve, "Users present by local time. Default: 100%."),
    need("clients", &Shape::Shares("client"), "Mix of clients, with shares."),
]);

/// A site.
pub static SITE: Shape = Shape::Map(&[need("router", &NAME, "The router that it hangs on.")]);
