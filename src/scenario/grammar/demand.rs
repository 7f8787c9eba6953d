//! Shapes of clients, operations and steering.

use super::{
    Choice, DURATION, FACTOR, LAW, NAME, RATE, RETRY, SHARE, SITE_SHARES, Shape, may, need,
    quantity,
};
use crate::scenario::unit::Unit;

/// A client.
pub static CLIENT: Shape = Shape::Map(&[
    may("connects", &NAME, "The name it connects to. Default: the only one there is."),
    may("session", &SESSION, "Its session. Default: none."),
    need("operations", &Shape::Named(&OPERATION), "What its users do."),
]);

static SESSION: Shape = Shape::Map(&[
    need("sign_in", &NAME, "The operation that signs in."),
    need("keepalive", &DURATION, "Time between keepalives."),
    need(
        "lost_after",
        &Shape::Choice(Choice { unit: Some(Unit::Duration), words: &["never"], kinds: &[] }),
        "From the first keepalive unanswered to the session given up.",
    ),
]);

static OPERATION: Shape = Shape::Map(&[
    need("enters", &NAME, "The service that its requests arrive at."),
    may("cost", &FACTOR, "Factor on the service time there. Default: 1x."),
    may("rate", &RATE, "Demands a mailbox (open); without `rate` and `think` it is induced."),
    may("think", &LAW, "Time from an answer to the next demand (closed)."),
    may("size", &quantity(Unit::Bytes), "Bytes both ways. Default: 1KiB."),
    need(
        "timeout",
        &Shape::Choice(Choice {
            unit: Some(Unit::Duration),
            words: &[],
            kinds: &[may("patience", &LAW, "A person's, drawn for each attempt.")],
        }),
        "How long one attempt is waited for.",
    ),
    may("deadline", &DURATION, "How long all attempts are waited for. Default: no limit."),
    may("good_within", &DURATION, "An answer within this is good. Default: the timeout."),
    may("deferred", &SHARE, "Share of missed demands that come back. Default: 0%."),
    may("retry", &RETRY, "What happens after a failed attempt. Default: nothing."),
    may("feeds", &NAME, "The pipeline that gets a message when it is served."),
]);

/// A name that clients connect to.
pub static STEERING: Shape = Shape::Map(&[
    may("dns", &DNS, "Answered by DNS resolvers; either this, `direct` or `anycast`."),
    may("direct", &Shape::Map(&[]), "Answered at once at each connection."),
    may("anycast", &ANYCAST, "One address at several sites; the routes decide which is reached."),
    may("answers", &SITE_SHARES, "Shares of the sites at `start`; not for `anycast`."),
]);

static ANYCAST: Shape = Shape::Map(&[need(
    "prefix",
    &NAME,
    "The prefix of `network.prefixes` that the address is in; its sites answer.",
)]);

static DNS: Shape = Shape::Map(&[
    need("ttl", &DURATION, "Time to live of the answer."),
    may(
        "ignored_by",
        &Shape::Map(&[
            need("share", &SHARE, "Share of mailboxes behind resolvers that ignore the TTL."),
            need("for", &DURATION, "How long those keep an answer."),
        ]),
        "Resolvers that ignore the TTL. Default: none.",
    ),
]);
