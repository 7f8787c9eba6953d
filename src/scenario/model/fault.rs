//! The catalogue of faults, and what people can order routers to do, resolved.

use super::{
    ClientId, FaultId, LinkId, MiddleboxId, OperationId, PrefixId, RegionId, RouterId, ServiceId,
    SiteId, SystemId,
};
use crate::kernel::sample::Distribution;
use crate::kernel::time::SimDuration;
use serde::Serialize;

/// The catalogue of faults.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A link carries nothing; its ends notice.
    LinkDown {
        /** The link. */
        link: LinkId,
    },
    /// Several links are cut at once: they share a duct.
    DuctCut {
        /** The links. */
        links: Vec<LinkId>,
    },
    /// A link carries the routing protocols' packets and nothing else: one dead member of a bundle,
    /// that takes its share of the flows, always the same ones, and that nobody routes around.
    LinkSilent {
        /** The link. */
        link: LinkId,
    },
    /// A link loses packets.
    LinkLoss {
        /** The link. */
        link: LinkId,
        /** Only in the direction that leaves this end; `None`: both. */
        from: Option<RouterId>,
        /** Share lost. */
        loss: f64,
    },
    /// A link takes longer.
    LinkDelay {
        /** The link. */
        link: LinkId,
        /** Added one-way delay. */
        add: SimDuration,
    },
    /// A link keeps only this share of its bandwidth.
    LinkBandwidth {
        /** The link. */
        link: LinkId,
        /** Share left. */
        to: f64,
    },
    /// A router stops; its neighbours notice.
    RouterDown {
        /** The router. */
        router: RouterId,
    },
    /// A router forwards nothing but still speaks the routing protocol: nobody routes around it.
    RouterSilent {
        /** The router. */
        router: RouterId,
    },
    /// Every link between these routers and the others is cut.
    Partition {
        /** The routers. */
        routers: Vec<RouterId>,
    },
    /// A prefix is announced no more.
    PrefixWithdrawn {
        /** The prefix. */
        prefix: PrefixId,
        /** Only where this site announces it; `None`: everywhere. */
        site: Option<SiteId>,
    },
    /// A system announces nothing of its own to its neighbours, and hears nothing from them.
    SystemWithdrawn {
        /** The system. */
        system: SystemId,
    },
    /// A router announces a prefix that it does not have, and drops what comes.
    PrefixHijacked {
        /** The prefix. */
        prefix: PrefixId,
        /** The router. */
        router: RouterId,
        /** Whether it announces a more specific part, which everybody prefers. */
        more_specific: bool,
    },
    /// A router tells every neighbour everything.
    RouteLeak {
        /** The router. */
        router: RouterId,
    },
    /// A link is given another weight by mistake.
    WeightMistake {
        /** The link. */
        link: LinkId,
        /** Only in the direction that leaves this end; `None`: both. */
        from: Option<RouterId>,
        /** The weight. */
        metric: u64,
    },
    /// The session over a link, or its adjacency, is reset.
    SessionReset {
        /** The link. */
        link: LinkId,
    },
    /// A bad configuration reaches one router after the other.
    ConfigPushed {
        /** The routers, in order. */
        routers: Vec<RouterId>,
        /** Time between two. */
        every: SimDuration,
        /** What it does to each. */
        effect: BadConfig,
    },
    /// People's own way to the routers, beside the network, is gone.
    OutOfBandLost,
    /// Everything at a site stops, and its router's link to it.
    SiteDown {
        /** The site. */
        site: SiteId,
    },
    /// A share of a station's instances is gone.
    InstancesLost {
        /** The service. */
        service: ServiceId,
        /** The site. */
        site: SiteId,
        /** Share of instances lost. */
        share: f64,
        /** What becomes of their work. */
        jobs: LostJobs,
    },
    /// Service times are multiplied.
    Slow {
        /** The service. */
        service: ServiceId,
        /** The site; `None`: all. */
        site: Option<SiteId>,
        /** Factor on the service time. */
        factor: f64,
    },
    /// A share of the requests is answered with an error after its work.
    Erroring {
        /** The service. */
        service: ServiceId,
        /** The site; `None`: all. */
        site: Option<SiteId>,
        /** Share answered with an error. */
        share: f64,
    },
    /// What is picked up never ends, until the fault does.
    Hung {
        /** The service. */
        service: ServiceId,
        /** The site; `None`: all. */
        site: Option<SiteId>,
        /** The partition; `None`: all. */
        partition: Option<u32>,
    },
    /// A middlebox keeps only this share of all its limits.
    MiddleboxCapacity {
        /** The middlebox. */
        middlebox: MiddleboxId,
        /** Share left. */
        to: f64,
    },
    /// Demand is multiplied.
    LoadSurge {
        /** The region; `None`: all. */
        region: Option<RegionId>,
        /** The operation; `None`: all. */
        operation: Option<OperationId>,
        /** Factor on the demand. */
        factor: f64,
    },
    /// A share of the sessions at a site is lost at once.
    MassReconnect {
        /** The client; `None`: all with sessions. */
        client: Option<ClientId>,
        /** The site; `None`: all. */
        site: Option<SiteId>,
        /** Share of sessions lost. */
        share: f64,
    },
    /// The caches in front of a service's calls lose a share of their entries.
    CacheLost {
        /** The service. */
        service: ServiceId,
        /** The site; `None`: all. */
        site: Option<SiteId>,
        /** Share of entries lost. */
        share: f64,
    },
}

/// What becomes of the work on lost instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LostJobs {
    /// Their connections are reset: callers see an error at once.
    Reset,
    /// Goes back to the head of the queue with the work that is left (preempt-resume).
    Requeue,
}

/// What a bad configuration makes of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadConfig {
    /// It forwards nothing, and still speaks the routing protocols.
    Silent,
    /// All its adjacencies and sessions are shut down.
    Isolated,
    /// It announces nothing of its own.
    Withdrawn,
    /// It tells every neighbour everything.
    Leak,
}

/// What people tell routers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Announces a prefix, with the own number put before the path so many times more.
    Announce {
        /** The prefix. */
        prefix: PrefixId,
        /** At this site; `None`: at all of its sites. */
        site: Option<SiteId>,
        /** Times that the own number is repeated. */
        prepend: u32,
    },
    /// Announces a prefix no more.
    Withdraw {
        /** The prefix. */
        prefix: PrefixId,
        /** At this site; `None`: at all. */
        site: Option<SiteId>,
    },
    /// Gives a link another weight.
    Weigh {
        /** The link. */
        link: LinkId,
        /** Only in the direction that leaves this end; `None`: both. */
        from: Option<RouterId>,
        /** The weight. */
        metric: u64,
    },
    /// Gives what is learned over a link between systems another local preference.
    Prefer {
        /** The link. */
        link: LinkId,
        /** At this end. */
        at: RouterId,
        /** The local preference. */
        preference: u32,
    },
    /// Asks everybody to go round a router, or takes that back.
    DrainRouter {
        /** The router. */
        router: RouterId,
        /** Whether it is drained. */
        drained: bool,
    },
    /// Gives a link the highest weight, so that it is used where nothing else is left; or its own.
    DrainLink {
        /** The link. */
        link: LinkId,
        /** Whether it is drained. */
        drained: bool,
    },
    /// Shuts the session or adjacency over a link down, or opens it again.
    Shut {
        /** The link. */
        link: LinkId,
        /** Whether it is shut. */
        shut: bool,
    },
    /// Takes a bad configuration back, one router after the other.
    RollBack {
        /** The fault that pushed it. */
        fault: FaultId,
        /** Time between two routers. */
        every: SimDuration,
    },
    /// Restarts a router: its memory is empty when it comes back.
    Reboot {
        /** The router. */
        router: RouterId,
        /** Until it is back. */
        down_for: SimDuration,
    },
}

/// Where the people are who change routers, and how they reach them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operators {
    /// The router that their tools are behind: what they order crosses the network from there.
    pub at: RouterId,
    /// Time that it takes by their own way beside the network; `None`: there is none.
    pub out_of_band: Option<Distribution>,
    /// Time until somebody stands before the router; `None`: nobody can.
    pub on_site: Option<Distribution>,
}
