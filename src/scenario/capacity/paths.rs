//! Shortest paths of the undisturbed network, for what a scenario asks of it before the first
//! fault.

use crate::scenario::model::{LinkId, Network, RouterId, Scenario, SiteId};

/// Distances and delays to one router, from every other.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// Sum of the metrics; `None`: no path.
    distance: Vec<Option<u64>>,
    /// Propagation delay of the path over the lowest link ids [s].
    delay_s: Vec<f64>,
    /// Routers with a path, nearest first.
    order: Vec<RouterId>,
}

impl Tree {
    /// All shortest paths to `target` (Dijkstra 1959; networks here have tens of routers).
    pub(super) fn to(target: RouterId, network: &Network) -> Tree {
        let count = network.routers.len();
        let mut tree =
            Tree { distance: vec![None; count], delay_s: vec![0.0; count], order: vec![] };
        let mut done = vec![false; count];
        tree.distance[target.index()] = Some(0);
        loop {
            let open = (0..count).filter(|&r| !done[r]);
            let reached = open.filter_map(|r| tree.distance[r].map(|distance| (distance, r)));
            let Some((distance, near)) = reached.min() else { return tree };
            done[near] = true;
            tree.order.push(RouterId(near as u32));
            for (_, link, far) in links_of(network, RouterId(near as u32)) {
                let through = distance.saturating_add(link.metric);
                if tree.distance[far.index()].is_none_or(|known| through < known) {
                    tree.distance[far.index()] = Some(through);
                    tree.delay_s[far.index()] = tree.delay_s[near] + link.delay.as_secs_f64();
                }
            }
        }
    }

    /// Sum of the metrics from `from`; `None`: no path.
    pub(super) fn distance(&self, from: RouterId) -> Option<u64> {
        self.distance[from.index()]
    }

    /// One-way propagation delay from `from` [s].
    pub(super) fn delay_s(&self, from: RouterId) -> f64 {
        self.delay_s[from.index()]
    }

    /// Adds the share of each link's two directions that a unit of traffic from `from` takes, all
    /// shortest next hops sharing it evenly (ECMP). Directions: 0 from the link's first end.
    pub(super) fn add_unit(&self, network: &Network, from: RouterId, load: &mut [[f64; 2]]) {
        let mut at = vec![0.0; network.routers.len()];
        at[from.index()] = 1.0;
        for &router in self.order.iter().rev() {
            let here = self.distance[router.index()].expect("in the order, so reached");
            let amount = at[router.index()];
            if amount == 0.0 || here == 0 {
                continue;
            }
            let nearer = |far: RouterId, metric: u64| {
                self.distance[far.index()].is_some_and(|d| d < here && d + metric == here)
            };
            let hops: Vec<(LinkId, usize, RouterId)> = links_of(network, router)
                .filter(|(_, link, far)| nearer(*far, link.metric))
                .map(|(id, link, far)| (id, usize::from(link.between.0 != router), far))
                .collect();
            for &(link, direction, far) in &hops {
                let share = amount / hops.len() as f64;
                load[link.index()][direction] += share;
                at[far.index()] += share;
            }
        }
    }
}

/// The links of a router, with their far ends.
fn links_of(
    network: &Network,
    router: RouterId,
) -> impl Iterator<Item = (LinkId, &crate::scenario::model::Link, RouterId)> {
    network.links.iter().enumerate().filter_map(move |(index, link)| {
        let (first, second) = link.between;
        let far = match router {
            r if r == first => second,
            r if r == second => first,
            _ => return None,
        };
        Some((LinkId(index as u32), link, far))
    })
}

/// Where a request from `site` finds a service that is at `places`: there, else at the nearest.
/// Sites without a path come last, in their own order.
pub(super) fn nearest(
    scenario: &Scenario,
    trees: &[Tree],
    site: SiteId,
    places: impl Iterator<Item = SiteId>,
) -> Option<SiteId> {
    let from = scenario.sites[site.index()].router;
    let far = |to: SiteId| trees[to.index()].distance(from).unwrap_or(u64::MAX);
    places.min_by_key(|&to| (to != site, far(to), to))
}
