//! Shapes of services, calls, stores and pipelines.

use super::{
    COUNT, Choice, DURATION, FACTOR, LAW, NAME, NAMES, ONE_OR_MORE, RETRY, SHARE, SITE_SHARES,
    Shape, may, need, quantity, words,
};
use crate::scenario::unit::Unit;

/// A service.
pub static SERVICE: Shape = Shape::Map(&[
    need("sites", &Shape::Named(&PLACEMENT), "Where its instances are."),
    need(
        "concurrency",
        &quantity(Unit::Count(1, 1_000_000)),
        "Requests that one instance works on at once.",
    ),
    need("service_time", &LAW, "Work of one request, without waiting."),
    may("queue", &QUEUE, "Where requests wait. Default: unlimited, fifo."),
    may(
        "abandoned_work",
        &words(&["continues", "dropped"]),
        "What becomes of work whose caller has gone. Default: continues.",
    ),
    may(
        "while_calling",
        &words(&["hold", "release"]),
        "Whether a request keeps its slot while it waits for its calls. Default: hold.",
    ),
    may(
        "partitions",
        &quantity(Unit::Count(1, 10_000)),
        "Partitions by mailbox; slots and queue are divided evenly. Default: 1.",
    ),
    may("warm_up", &WARM_UP, "Slowness of new or restarted capacity. Default: none."),
    may("calls", &Shape::List { item: &CALL, alone: false }, "What it calls, in order."),
]);

static PLACEMENT: Shape =
    Shape::Map(&[need("instances", &quantity(Unit::Count(1, 1_000_000_000)), "Instances there.")]);

static QUEUE: Shape = Shape::Map(&[
    may(
        "limit",
        &Shape::Choice(Choice {
            unit: Some(Unit::Count(0, u32::MAX as u64)),
            words: &["unlimited"],
            kinds: &[],
        }),
        "Requests that may wait, an instance. Default: unlimited.",
    ),
    may("discipline", &DISCIPLINE, "Who is served next. Default: fifo."),
]);

static DISCIPLINE: Shape = Shape::Choice(Choice {
    unit: None,
    words: &["fifo", "lifo"],
    kinds: &[
        may(
            "codel",
            &Shape::Map(&[
                need("target", &DURATION, "Wait that is acceptable for long."),
                need("interval", &DURATION, "How long it may be exceeded before rejecting."),
            ]),
            "Rejects what waited too long once waits stay over `target`.",
        ),
        may(
            "priority",
            &Shape::Map(&[need("first", &NAMES, "Operations that go first.")]),
            "These operations before all others.",
        ),
    ],
});

static WARM_UP: Shape = Shape::Map(&[
    need("slowdown", &FACTOR, "Factor on the service time at first."),
    need("over", &DURATION, "Time until it is 1."),
]);

static CALL: Shape = Shape::Map(&[
    need("service", &NAME, "The service called."),
    may("for", &NAMES, "Operations it is made for. Default: all."),
    may(
        "times",
        &quantity(Unit::Count(1, u16::MAX as u64)),
        "How many times, one after the other. Default: 1.",
    ),
    may("probability", &SHARE, "Probability that it is made. Default: 100%."),
    need("timeout", &DURATION, "How long one attempt is waited for."),
    may("retry", &RETRY, "What happens after a failed attempt. Default: nothing."),
    may("required", &words(&["true", "false"]), "Whether its failure fails all. Default: true."),
    may("cache", &CACHE, "A look-aside cache in front of it. Default: none."),
]);

static CACHE: Shape = Shape::Map(&[
    need("hit", &SHARE, "Share of hits when full."),
    need("entries", &COUNT, "Entries."),
]);

/// A store.
pub static STORE: Shape = Shape::Map(&[
    need("service", &NAME, "The service in front of the databases."),
    need("databases", &ONE_OR_MORE, "Databases; mailboxes are spread over them evenly."),
    need("copies", &SITE_SHARES, "Sites with a copy of each, and the share active there."),
    need("activation", &LAW, "Time to activate another copy of one database."),
    may("replication_lag", &DURATION, "How far a passive copy lags. Default: 0s."),
    may("writes", &NAMES, "Operations that write. Default: none."),
]);

/// A pipeline.
pub static PIPELINE: Shape = Shape::Map(&[
    need("enters", &NAME, "The service that delivers."),
    may("cost", &FACTOR, "Factor on its service time. Default: 1x."),
    may("size", &quantity(Unit::Bytes), "Bytes of a delivery, both ways. Default: 1KiB."),
    need("timeout", &DURATION, "How long one attempt to deliver is waited for."),
    may("retry", &RETRY, "What happens after a failed attempt. Default: nothing."),
    need("expires", &DURATION, "Bounced this long after it was accepted."),
    may("copies", &ONE_OR_MORE, "Messages that an accepted operation makes. Default: 1."),
    may("good_within", &DURATION, "Delivered in time within this. Default: `expires`."),
    may("limit", &ONE_OR_MORE, "Messages it holds; with so many it takes no more. Default: any."),
]);
