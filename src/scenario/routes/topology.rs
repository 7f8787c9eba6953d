//! Who is connected to whom: what no fault changes.

use crate::scenario::model::{LinkId, Network, RouterId, SystemId};

/// One direction of a link: twice the link's index, plus one against its order of ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Direction(pub u32);

impl Direction {
    /// The direction as an index.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The link's index.
    #[inline]
    pub fn link(self) -> usize {
        self.index() / 2
    }

    /// 0 in the order of the link's ends, 1 against it.
    #[inline]
    pub fn side(self) -> usize {
        self.index() % 2
    }

    /// The link.
    #[inline]
    pub fn link_id(self) -> LinkId {
        LinkId(self.0 / 2)
    }

    /// The other direction of the same link.
    #[inline]
    pub fn opposite(self) -> Direction {
        Direction(self.0 ^ 1)
    }

    /// The direction of a link that leaves this one of its ends.
    pub fn from_end(network: &Network, link: LinkId, end: RouterId) -> Direction {
        let against = network.links[link.index()].between.0 != end;
        Direction(2 * link.0 + u32::from(against))
    }
}

/// Routers, links and systems.
#[derive(Clone, Debug)]
pub struct Topology {
    /// For each router the first of its entries in `outwards`, with one more at the end.
    first: Vec<u32>,
    /// Links outwards and the routers at their far ends, router by router, in link order.
    outwards: Vec<(Direction, RouterId)>,
    /// Where each direction ends.
    far_ends: Vec<RouterId>,
    /// [router]: its system.
    systems: Vec<SystemId>,
    /// Number of systems.
    system_count: usize,
}

impl Topology {
    /// The topology of a network.
    pub fn new(network: &Network) -> Topology {
        let router_count = network.routers.len();
        let mut by_router = vec![Vec::new(); router_count];
        let mut far_ends = Vec::with_capacity(2 * network.links.len());
        for (index, link) in network.links.iter().enumerate() {
            let (one, other) = link.between;
            let forward = Direction(2 * index as u32);
            by_router[one.index()].push((forward, other));
            by_router[other.index()].push((forward.opposite(), one));
            far_ends.extend([other, one]);
        }
        let mut first = Vec::with_capacity(router_count + 1);
        let mut outwards = Vec::with_capacity(far_ends.len());
        for links in &by_router {
            first.push(outwards.len() as u32);
            outwards.extend_from_slice(links);
        }
        first.push(outwards.len() as u32);
        Topology {
            first,
            outwards,
            far_ends,
            systems: network.routers.iter().map(|router| router.system).collect(),
            system_count: network.systems.len(),
        }
    }

    /// Number of routers.
    pub fn router_count(&self) -> usize {
        self.systems.len()
    }

    /// Number of directions: twice that of links.
    pub fn direction_count(&self) -> usize {
        self.far_ends.len()
    }

    /// Number of systems.
    pub fn system_count(&self) -> usize {
        self.system_count
    }

    /// Links outwards of a router with their far ends, in link order.
    #[inline]
    pub fn outwards(&self, router: RouterId) -> &[(Direction, RouterId)] {
        let (from, to) = (self.first[router.index()], self.first[router.index() + 1]);
        &self.outwards[from as usize..to as usize]
    }

    /// Where a direction ends.
    #[inline]
    pub fn far_end(&self, direction: Direction) -> RouterId {
        self.far_ends[direction.index()]
    }

    /// Where a direction begins.
    #[inline]
    pub fn near_end(&self, direction: Direction) -> RouterId {
        self.far_ends[direction.opposite().index()]
    }

    /// The system of a router.
    #[inline]
    pub fn system(&self, router: RouterId) -> SystemId {
        self.systems[router.index()]
    }

    /// Whether a link leads out of its system.
    #[inline]
    pub fn is_external(&self, direction: Direction) -> bool {
        self.system(self.near_end(direction)) != self.system(self.far_end(direction))
    }
}
