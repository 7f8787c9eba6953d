//! Routes between systems: what a router is told, which it takes, and whom it tells.
//!
//! **Model.** The decision process of RFC 4271, section 9.1.2.2, without MED and origin: highest
//! local preference, shortest path, learned outside rather than inside, nearest exit by the metric
//! of the link-state protocol (hot potato), then the lowest router and link. What is learned from
//! customers goes to everybody, what is learned from peers and providers to customers only (Gao
//! and Rexford, IEEE/ACM ToN 9(6), 2001). Inside a system every router with a session outwards
//! tells all others what it learned there (a full mesh), and is itself the next hop. A system's own
//! prefixes are carried by its link-state protocol, and its border routers announce what they can
//! reach by it.
//!
//! **Left out**: MED, origin, communities but the relationship, route reflectors, several best
//! paths, damping.

mod ribs;
mod settle;

use std::sync::Arc;

use super::topology::{Direction, Topology};
use crate::scenario::model::{Network, RouterId, SystemId};
pub use ribs::{Best, Ribs, Situation};

/// What two systems are to each other: how the one that is told sees the one that tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kin {
    /// The system itself.
    Own,
    /// A customer.
    Customer,
    /// A peer.
    Peer,
    /// A provider.
    Provider,
}

impl Kin {
    /// Local preference by relationship: customers before peers before providers, with 100, the
    /// default of most routers, in the middle.
    pub fn preference(self) -> u32 {
        match self {
            Kin::Own => 200,
            Kin::Customer => 150,
            Kin::Peer => 100,
            Kin::Provider => 50,
        }
    }
}

/// A route to a prefix, as a router is told or holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Systems on the way, the nearest first; with repetitions where somebody prepended.
    pub path: Arc<[SystemId]>,
    /// Local preference.
    pub preference: u32,
    /// From whom it came into the system that holds it.
    pub learned: Kin,
}

/// Index of a session: one direction in which one router tells another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub u32);

impl SessionId {
    /// The identifier as an index.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One router tells another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who tells.
    pub from: RouterId,
    /// Who is told.
    pub to: RouterId,
    /// Between systems: the direction of the link from `from` to `to`.
    pub link: Option<Direction>,
    /// Between systems: how `to` sees `from`.
    pub kin: Kin,
}

/// All sessions.
#[derive(Clone, Debug)]
pub struct Sessions {
    all: Vec<Session>,
    /// [router]: sessions by which it tells.
    outwards: Vec<Vec<SessionId>>,
    /// [router]: sessions by which it is told.
    inwards: Vec<Vec<SessionId>>,
    /// [direction]: the session over a link between systems.
    of_link: Vec<Option<SessionId>>,
}

impl Sessions {
    /// The sessions of a network: over every link between two systems, and inside from every router
    /// with such a link to all others.
    pub fn new(network: &Network, topology: &Topology) -> Sessions {
        let count = topology.router_count();
        let mut this = Sessions {
            all: Vec::new(),
            outwards: vec![Vec::new(); count],
            inwards: vec![Vec::new(); count],
            of_link: vec![None; topology.direction_count()],
        };
        let mut members = vec![Vec::new(); topology.system_count()];
        for router in (0..count as u32).map(RouterId) {
            members[topology.system(router).index()].push(router);
        }
        for from in (0..count as u32).map(RouterId) {
            let mut border = false;
            for &(direction, to) in topology.outwards(from) {
                if topology.is_external(direction) {
                    border = true;
                    let kin = kin(network, topology.system(to), topology.system(from));
                    let id = this.add(Session { from, to, link: Some(direction), kin });
                    this.of_link[direction.index()] = Some(id);
                }
            }
            let mates = members[topology.system(from).index()].iter();
            for &to in mates.filter(|&&to| border && to != from) {
                this.add(Session { from, to, link: None, kin: Kin::Own });
            }
        }
        this
    }

    fn add(&mut self, session: Session) -> SessionId {
        let id = SessionId(self.all.len() as u32);
        self.all.push(session);
        self.outwards[session.from.index()].push(id);
        self.inwards[session.to.index()].push(id);
        id
    }

    /// Number of sessions.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// A session.
    #[inline]
    pub fn get(&self, id: SessionId) -> Session {
        self.all[id.index()]
    }

    /// Sessions by which a router tells others.
    pub fn outwards(&self, router: RouterId) -> &[SessionId] {
        &self.outwards[router.index()]
    }

    /// Sessions by which others tell a router.
    pub fn inwards(&self, router: RouterId) -> &[SessionId] {
        &self.inwards[router.index()]
    }

    /// The session over a link between systems, in the link's direction.
    pub fn of_link(&self, direction: Direction) -> Option<SessionId> {
        self.of_link[direction.index()]
    }
}

/// How system `of` sees system `other`; peers where nothing is said.
fn kin(network: &Network, of: SystemId, other: SystemId) -> Kin {
    if network.systems[of.index()].customers.contains(&other) {
        Kin::Customer
    } else if network.systems[other.index()].customers.contains(&of) {
        Kin::Provider
    } else {
        Kin::Peer
    }
}
