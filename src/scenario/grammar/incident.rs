//! Shapes of observers, faults, the runbook and targets.

use super::{
    CONDITION, COUNT, Choice, DURATION, FACTOR, Field, LAW, NAME, NAMES, ONE_OR_MORE, RATE, SHARE,
    SITE_SHARES, Shape, TIME, kinds, may, need, quantity, routing, words,
};
use crate::scenario::unit::Unit;

/// `observers`.
pub static OBSERVERS: Shape = Shape::Map(&[
    may("probes", &PROBES, "Synthetic requests from regions. Default: none."),
    may("alarms", &Shape::Named(&ALARM), "Named alarms."),
    may(
        "status_page",
        &Shape::Map(&[need("lag", &DURATION, "From the first alarm to what customers read.")]),
        "The page that customers read. Default: none.",
    ),
]);

static PROBES: Shape = Shape::Map(&[
    need("every", &DURATION, "Time between two probes of one region and site."),
    need("from", &NAMES, "Regions they are sent from."),
    need("operation", &NAME, "The operation they make."),
    may("unhealthy_after", &ONE_OR_MORE, "Failures in a row. Default: 3."),
]);

static ALARM: Shape = Shape::Map(&[need("when", &CONDITION, "It rises when this is true.")]);

/// A fault.
pub static FAULT: Shape = Shape::Map(&[
    need("at", &TIME, "When it begins."),
    may("for", &DURATION, "How long it lasts. Default: until repaired, or the end."),
    may("ramp", &DURATION, "Grows to full strength over this. Default: at once."),
    may(
        "flap",
        &Shape::Map(&[
            need("on", &DURATION, "On for this."),
            need("off", &DURATION, "Then off for this, again and again."),
        ]),
        "On and off in turns. Default: on all the time.",
    ),
    need("fault", &FAULT_KIND, "What breaks."),
]);

const LINK: Field = need("link", &NAME, "The link.");
const ROUTER: Field = need("router", &NAME, "The router.");
const SERVICE: Field = need("service", &NAME, "The service.");
const PARTITION: Field = may("partition", &COUNT, "The partition, from 0. Default: all.");
const SITE: Field = need("site", &NAME, "The site.");
const ANY_SITE: Field = may("site", &NAME, "The site. Default: all.");
const SHARE_LOST: Field = need("share", &SHARE, "Share of them.");
const FACTOR_ON: Field = need("factor", &FACTOR, "The factor.");

static FAULT_KIND: Shape = kinds(&[
    may("link_down", &Shape::Map(&[LINK]), "A link carries nothing; its ends notice."),
    may(
        "link_flap",
        &Shape::Map(&[
            LINK,
            need("down", &DURATION, "Down for this."),
            need("up", &DURATION, "Then up for this."),
        ]),
        "A link goes down and up in turns.",
    ),
    may("link_loss", &routing::LINK_LOSS, "A link loses packets."),
    may(
        "link_silent",
        &routing::LINK_ALONE,
        "A link carries the routing protocols' packets only: nobody routes around it.",
    ),
    may("duct_cut", &routing::DUCT, "Several links are cut at once."),
    may("partition", &routing::PARTITION, "Routers are cut off from all others."),
    may("prefix_withdrawn", &routing::PREFIX_WITHDRAWN, "A prefix is announced no more."),
    may(
        "system_withdrawn",
        &routing::SYSTEM_WITHDRAWN,
        "A system tells its neighbours nothing, and hears nothing.",
    ),
    may("prefix_hijacked", &routing::HIJACK, "A router announces what it does not have."),
    may("route_leak", &routing::ROUTER_ALONE, "A router tells every neighbour everything."),
    may("weight_mistake", &routing::WEIGHT_MISTAKE, "A link is given another weight."),
    may("session_reset", &routing::LINK_ALONE, "The session over a link is reset."),
    may("config_pushed", &routing::CONFIG_PUSHED, "A bad configuration, router after router."),
    may("out_of_band_lost", &routing::NOTHING, "People's way beside the network is gone."),
    may(
        "link_delay",
        &Shape::Map(&[LINK, need("add", &DURATION, "Added one-way delay.")]),
        "A link takes longer.",
    ),
    may(
        "link_bandwidth",
        &Shape::Map(&[LINK, need("to", &SHARE, "Share left.")]),
        "A link keeps only a share of its bandwidth.",
    ),
    may("router_down", &Shape::Map(&[ROUTER]), "A router stops; its neighbours notice."),
    may(
        "router_silent",
        &Shape::Map(&[ROUTER]),
        "A router forwards nothing but still speaks: nobody routes around it.",
    ),
    may("site_down", &Shape::Map(&[SITE]), "Everything at a site stops."),
    may(
        "instances_lost",
        &Shape::Map(&[
            SERVICE,
            SITE,
            SHARE_LOST,
            may("jobs", &words(&["reset", "requeue"]), "Of their work. Default: reset."),
        ]),
        "A share of a station's instances is gone.",
    ),
    may("slow", &Shape::Map(&[SERVICE, ANY_SITE, FACTOR_ON]), "Service times are multiplied."),
    may("erroring", &Shape::Map(&[SERVICE, ANY_SITE, SHARE_LOST]), "Requests end in errors."),
    may(
        "hung",
        &Shape::Map(&[SERVICE, ANY_SITE, PARTITION]),
        "What is picked up never ends, until the fault does.",
    ),
    may(
        "middlebox_capacity",
        &Shape::Map(&[
            need("middlebox", &NAME, "The middlebox."),
            need("to", &SHARE, "Share left of all its limits."),
        ]),
        "A middlebox keeps only a share of its limits.",
    ),
    may(
        "load_surge",
        &Shape::Map(&[
            may("region", &NAME, "The region. Default: all."),
            may("operation", &NAME, "The operation. Default: all."),
            FACTOR_ON,
        ]),
        "Demand is multiplied.",
    ),
    may(
        "mass_reconnect",
        &Shape::Map(&[
            may("client", &NAME, "The client. Default: all with sessions."),
            ANY_SITE,
            SHARE_LOST,
        ]),
        "Sessions are lost at once.",
    ),
    may(
        "cache_lost",
        &Shape::Map(&[SERVICE, ANY_SITE, SHARE_LOST]),
        "The caches in front of a service's calls lose entries.",
    ),
]);

/// A step of the runbook.
pub static STEP: Shape = Shape::Map(&[
    may("at", &TIME, "Not before this."),
    may(
        "after",
        &Shape::List { item: &Shape::Text("`alarm(NAME)` or a step"), alone: true },
        "Not before these have happened.",
    ),
    may("when", &CONDITION, "Must become true, once the others are met."),
    may("delay", &LAW, "Time that people need. Default: none."),
    may("only_if", &CONDITION, "Checked when the step is due."),
    may(
        "otherwise",
        &Shape::Choice(Choice {
            unit: None,
            words: &["skip", "stop"],
            kinds: &[may("wait", &DURATION, "Looks again for this long.")],
        }),
        "What happens if it is false. Default: skip.",
    ),
    may("do", &ACTION, "What is done; without it the step marks a moment."),
]);

const STEERING: Field = need("steering", &NAME, "The name that clients connect to.");
const OPERATION: Field = need("operation", &NAME, "The operation.");
const TAKES: Field = may("takes", &DURATION, "Until it serves. Default: at once.");
static DRAIN: Shape =
    Shape::Map(&[need("drain", &DURATION, "Sessions that belong elsewhere close over this.")]);
const SESSIONS: Field =
    may("sessions", &DRAIN, "What becomes of live sessions. Default: they stay.");

static ACTION: Shape = kinds(&[
    may(
        "set",
        &Shape::Map(&[STEERING, need("answers", &SITE_SHARES, "New shares."), SESSIONS]),
        "Sets the shares of a name.",
    ),
    may(
        "move",
        &Shape::Map(&[
            STEERING,
            need("from", &NAME, "From this site."),
            need("to", &NAME, "To this site."),
            need("share", &SHARE, "Share of the whole."),
            SESSIONS,
        ]),
        "Moves a share of a name from one site to another.",
    ),
    may(
        "restore",
        &Shape::Map(&[
            STEERING,
            may("steps", &ONE_OR_MORE, "Number of equal steps. Default: 1."),
            may("every", &DURATION, "Time between them; needed for more than one."),
            may("stop_if", &CONDITION, "Checked before each step after the first."),
            SESSIONS,
        ]),
        "Back to the shares at `start`.",
    ),
    may(
        "drain",
        &Shape::Map(&[SITE, need("over", &DURATION, "Time it takes.")]),
        "Closes the sessions at a site.",
    ),
    may(
        "throttle",
        &Shape::Map(&[
            OPERATION,
            SITE,
            need("admit", &RATE, "Attempts admitted."),
            may("ramp", &DURATION, "Time until it is lifted. Default: it stays."),
        ]),
        "Admits only so many attempts.",
    ),
    may("unthrottle", &Shape::Map(&[OPERATION, SITE]), "Takes a throttle away."),
    may("restart", &Shape::Map(&[SERVICE, SITE, TAKES]), "Restarts a station."),
    may(
        "add_capacity",
        &Shape::Map(&[SERVICE, SITE, need("instances", &ONE_OR_MORE, "Instances."), TAKES]),
        "Adds instances.",
    ),
    may(
        "activate",
        &Shape::Map(&[
            need("store", &NAME, "The store."),
            need("from", &NAME, "The site where they are active."),
            need("to", &NAME, "The site with the other copy."),
            may("share", &SHARE, "Share of those databases. Default: 100%."),
        ]),
        "Activates another copy of databases.",
    ),
    may("isolate", &ISOLATION, "Makes calls to a service, or a part of it, fail at once."),
    may("rejoin", &ISOLATION, "Takes an isolation away."),
    may("repair", &Shape::Map(&[need("fault", &NAME, "The fault.")]), "Ends a fault."),
    may("announce", &routing::ANNOUNCE, "Announces a prefix."),
    may("withdraw", &routing::ANNOUNCE, "Announces a prefix no more."),
    may("prepend", &routing::PREPEND, "Makes a prefix's path look longer."),
    may("weight", &routing::WEIGH, "Gives a link another weight."),
    may("local_preference", &routing::PREFER, "Prefers, or not, what is learned over a link."),
    may("drain_router", &routing::ROUTER_ORDER, "Asks everybody to go round a router."),
    may("undrain_router", &routing::ROUTER_ORDER, "Takes that back."),
    may("drain_link", &routing::LINK_ORDER, "Makes a link the last choice."),
    may("undrain_link", &routing::LINK_ORDER, "Takes that back."),
    may("shut_session", &routing::LINK_ORDER, "Shuts the session over a link down."),
    may("open_session", &routing::LINK_ORDER, "Opens it again."),
    may("roll_back", &routing::ROLL_BACK, "Takes a bad configuration back."),
    may("reboot", &routing::REBOOT, "Restarts a router."),
]);

static ISOLATION: Shape = Shape::Map(&[
    SERVICE,
    PARTITION,
    may("from", &NAME, "The service whose calls fail. Default: all that call it."),
]);

static PHASE: Shape = words(&["before", "during", "after", "all"]);
const CONFIDENCE: Field =
    may("confidence", &SHARE, "Share of trials that must meet it. Default: 100%.");
const WITHIN: Field = need("within", &DURATION, "From the start of impact.");
const ANY_OPERATION: Field = may("operation", &NAME, "The operation. Default: all.");
const IN_PHASE: Field = may("phase", &PHASE, "Part of the incident. Default: all.");

/// A target.
pub static TARGET: Shape = kinds(&[
    may(
        "recovery_time",
        &Shape::Map(&[
            need("objective", &DURATION, "From the start of impact (RTO)."),
            need("availability", &SHARE, "Threshold."),
            may("sustained", &DURATION, "How long it must stay. Default: 15m."),
            may("relapse", &words(&["refused", "allowed"]), "A later dip. Default: refused."),
            CONFIDENCE,
        ]),
        "Availability is back, for good, in time.",
    ),
    may(
        "latency",
        &Shape::Map(&[
            ANY_OPERATION,
            need("quantile", &SHARE, "Such as 99%."),
            need("at_most", &DURATION, "Limit."),
            IN_PHASE,
            CONFIDENCE,
        ]),
        "A quantile of latency.",
    ),
    may(
        "availability",
        &Shape::Map(&[
            ANY_OPERATION,
            need("at_least", &SHARE, "Lower limit."),
            IN_PHASE,
            CONFIDENCE,
        ]),
        "Availability over a phase.",
    ),
    may(
        "mailbox_minutes_lost",
        &Shape::Map(&[need("at_most", &quantity(Unit::MailboxMinutes), "Limit."), CONFIDENCE]),
        "Mailbox-minutes lost.",
    ),
    may(
        "sessions_restored",
        &Shape::Map(&[need("share", &SHARE, "Share to reach."), WITHIN, CONFIDENCE]),
        "Sessions over users present.",
    ),
    may("backlog_drained", &Shape::Map(&[WITHIN, CONFIDENCE]), "All pipelines empty again."),
    may(
        "data_loss",
        &Shape::Map(&[need("at_most", &COUNT, "Limit, in writes."), CONFIDENCE]),
        "Writes lost by activating lagging copies (RPO).",
    ),
]);
