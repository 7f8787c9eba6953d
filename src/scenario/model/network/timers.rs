//! The timers of the routing protocols, and the named sets of them.
//!
//! Every default says where it comes from. What no document gives (how long a router takes to pass
//! an advertisement on, or to write its tables) is an assumption of the order that Francois,
//! Filsfils, Evans and Bonaventure measured ("Achieving sub-second IGP convergence in large IP
//! networks", ACM CCR 35(3), 2005).

use crate::kernel::time::SimDuration;
use serde::Serialize;

/// Timers of detection, of the link-state protocol inside a system, and of BGP between systems.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Routing {
    /// From the loss of light to both ends knowing; also from light to knowing that it is back.
    pub detect: SimDuration,
    /// Bidirectional forwarding detection, where it runs (RFC 5880).
    pub bfd: Option<Beat>,
    /// Hellos of the link-state protocol.
    pub hello: Beat,
    /// Time that a router takes to pass an advertisement on to its neighbours.
    pub flooding: SimDuration,
    /// Until an advertisement that was lost is sent again.
    pub retransmit: SimDuration,
    /// Wait before a shortest-path computation.
    pub spf: SpfDelay,
    /// From the new routes to their being in the tables that packets are forwarded by.
    pub fib: SimDuration,
    /// BGP.
    pub bgp: Bgp,
    /// Whether the protocols' own packets wait, and are lost, with everybody else's.
    pub control_packets: Queueing,
}

/// A beat that is listened for: sent `every`, given up after `misses` in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Beat {
    /// Time between two.
    pub every: SimDuration,
    /// Missed in a row until the neighbour counts as gone.
    pub misses: u32,
}

impl Beat {
    /// Longest silence that is borne.
    pub fn patience(self) -> SimDuration {
        self.every * u64::from(self.misses)
    }
}

/// Exponential back-off of shortest-path computations: the first after `initial`; while changes go
/// on, `secondary` after the last one, twice that, and so on up to `maximum`; from the start again
/// after twice `maximum` of quiet.
///
/// # Source
/// Cisco IOS, "OSPF shortest path first throttling" (`timers throttle spf`); values of RFC 8405,
/// section 6, which names them INITIAL, SHORT and LONG_SPF_DELAY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SpfDelay {
    /// After a time of quiet.
    pub initial: SimDuration,
    /// From the second on, doubling.
    pub secondary: SimDuration,
    /// At most.
    pub maximum: SimDuration,
}

/// Timers of BGP.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bgp {
    /// Silence after which a session is given up.
    pub hold: SimDuration,
    /// Between two keepalives.
    pub keepalive: SimDuration,
    /// Between two attempts to set a session up.
    pub connect: SimDuration,
    /// Least time between two advertisements to a neighbour in another system (MRAI).
    pub interval: SimDuration,
    /// Least time between two advertisements to a router of the same system.
    pub interval_inside: SimDuration,
    /// Whether each interval is shortened by a random 0 to 25 % (RFC 4271, section 10).
    pub jitter: bool,
    /// Whether withdrawals wait for the interval too (RFC 4271, section 9.2.1.1), or go at once, as
    /// most routers do.
    pub withdrawals_wait: bool,
    /// Time that a router takes for an update.
    pub processing: SimDuration,
}

/// How the protocols' own packets are queued on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Queueing {
    /// With everybody's: a congested link loses them too.
    Shared,
    /// In a queue of their own: only errors on the line lose them.
    Separate,
}

const fn milliseconds(count: u64) -> SimDuration {
    SimDuration::from_millis(count)
}

const fn seconds(count: u64) -> SimDuration {
    SimDuration::from_secs(count)
}

impl Routing {
    /// Names of the profiles, the default first.
    pub const PROFILES: &'static [&'static str] = &["default", "bfd-tuned", "slow-hold-timers"];

    /// The timers of a profile; those of `default` for a name that is none.
    pub fn profile(name: &str) -> Routing {
        match name {
            "bfd-tuned" => Routing::bfd_tuned(),
            "slow-hold-timers" => Routing::slow_hold_timers(),
            _ => Routing::standard(),
        }
    }

    /// What the documents of the protocols suggest: hellos every 10 s, dead after 40 s, sent again
    /// after 5 s (RFC 2328, appendix C.3); SPF after 50 ms, 200 ms, up to 5 s (RFC 8405, section
    /// 6); hold 90 s, keepalive 30 s, ConnectRetry 120 s, MRAI 30 s and 5 s, with jitter (RFC 4271,
    /// section 10). Light is seen within 50 ms (assumption: the time a protected optical line has
    /// to switch, ITU-T G.841). Flooding 33 ms a hop (Cisco's flood pacing), tables 200 ms.
    fn standard() -> Routing {
        Routing {
            detect: milliseconds(50),
            bfd: None,
            hello: Beat { every: seconds(10), misses: 4 },
            flooding: milliseconds(33),
            retransmit: seconds(5),
            spf: SpfDelay {
                initial: milliseconds(50),
                secondary: milliseconds(200),
                maximum: seconds(5),
            },
            fib: milliseconds(200),
            bgp: Bgp {
                hold: seconds(90),
                keepalive: seconds(30),
                connect: seconds(120),
                interval: seconds(30),
                interval_inside: seconds(5),
                jitter: true,
                withdrawals_wait: false,
                processing: milliseconds(10),
            },
            control_packets: Queueing::Shared,
        }
    }

    /// A backbone tuned for sub-second convergence: BFD at 50 ms x 3 (RFC 5880; the common setting
    /// of vendors' guides), flooding 5 ms and SPF after 10 ms, 100 ms, up to 1 s (Francois et al.
    /// 2005, table of recommended values), tables 100 ms; BGP hold 9 s and keepalive 3 s, sessions
    /// tried every 5 s, MRAI 5 s and none inside (assumption: usual tuning; Cisco and Juniper have
    /// no interval inside a system).
    fn bfd_tuned() -> Routing {
        let standard = Routing::standard();
        Routing {
            detect: milliseconds(10),
            bfd: Some(Beat { every: milliseconds(50), misses: 3 }),
            flooding: milliseconds(5),
            spf: SpfDelay {
                initial: milliseconds(10),
                secondary: milliseconds(100),
                maximum: seconds(1),
            },
            fib: milliseconds(100),
            bgp: Bgp {
                hold: seconds(9),
                keepalive: seconds(3),
                connect: seconds(5),
                interval: seconds(5),
                interval_inside: SimDuration::ZERO,
                ..standard.bgp
            },
            ..standard
        }
    }

    /// An old network that nobody has tuned: light is missed for 2 s (Cisco IOS, `carrier-delay`),
    /// no BFD, SPF after 5 s and no more often than every 10 s (IOS before throttling:
    /// `spf-delay 5`, `spf-holdtime 10`), tables 1 s; BGP keepalive 60 s and hold 180 s (the
    /// default of Cisco IOS), MRAI 30 s.
    fn slow_hold_timers() -> Routing {
        let standard = Routing::standard();
        Routing {
            detect: seconds(2),
            spf: SpfDelay { initial: seconds(5), secondary: seconds(10), maximum: seconds(10) },
            fib: seconds(1),
            bgp: Bgp { hold: seconds(180), keepalive: seconds(60), ..standard.bgp },
            ..standard
        }
    }

    /// Detection after `detect`, then new tables everywhere `converge` later: for tests that ask
    /// what the traffic does, not how routers agree.
    pub fn in_two_steps(detect: SimDuration, converge: SimDuration) -> Routing {
        Routing {
            detect,
            flooding: SimDuration::ZERO,
            spf: SpfDelay { initial: converge, secondary: converge, maximum: converge },
            fib: SimDuration::ZERO,
            ..Routing::standard()
        }
    }

    /// Longest time from a failure to new tables everywhere, where nothing else happens: for asking
    /// whether a state has lasted after its cause was gone.
    pub fn settles_within(&self) -> SimDuration {
        self.detect + self.hello.every + self.spf.initial + self.fib
    }
}
