//! The stable routes that the decision process leads to, without timers.
//!
//! All routers decide, all tell, again and again until nothing changes. Under the policies of Gao
//! and Rexford that ends; where somebody leaks or prefers against them it may not (Griffin,
//! Shepherd and Wilfong 2002), and then the state after `ROUNDS_MAX` is taken.

use super::{Ribs, SessionId, Situation};
use crate::scenario::model::{PrefixId, RouterId};

/// Rounds at most: no path is longer than this many systems.
const ROUNDS_MAX: usize = 256;

impl Ribs {
    /// Lets everybody decide and tell over the sessions that are up until nothing changes. Whether
    /// it came to rest.
    pub fn settle(&mut self, situation: &Situation<'_>, up: &[bool]) -> bool {
        let routers = situation.topology.router_count() as u32;
        let mut rested = true;
        for prefix in (0..self.prefix_count() as u32).map(PrefixId) {
            let mut rounds = 0;
            loop {
                let mut changed = false;
                for router in (0..routers).map(RouterId) {
                    let best = self.decide(router, prefix, situation);
                    changed |= self.take(router, prefix, best);
                }
                for id in (0..situation.sessions.count() as u32).map(SessionId) {
                    let route = up[id.index()].then(|| self.export(id, prefix, situation));
                    let route = route.flatten();
                    if self.told(id, prefix) != route.as_ref() {
                        self.tell(id, prefix, route);
                        changed = true;
                    }
                }
                rounds += 1;
                if !changed || rounds == ROUNDS_MAX {
                    rested &= !changed;
                    break;
                }
            }
        }
        rested
    }
}
