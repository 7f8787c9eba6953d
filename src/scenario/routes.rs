//! Routes: what routers are told, which routes they take, and the tables that follow.
//!
//! **Which question.** Which way does a packet go, by these tables? Here are the rules of routing
//! without time: shortest paths ([`chart`]), the decision process between systems ([`bgp`]), the
//! state that both come to ([`settle`]), and walking tables ([`forwarding`]). What a scenario asks
//! of its links before anything breaks ([`capacity`](super::capacity)) is read from them; a trial
//! starts from them, and routers at work change their tables in time, by the same rules.

pub mod bgp;
pub mod chart;
pub mod forwarding;
pub mod prefix;
pub mod settings;
pub mod settle;
pub mod topology;

use super::model::{RouterId, Scenario};
use bgp::Sessions;
use forwarding::{Tables, Way};
use prefix::{Address, Prefixes};
use settings::Settings;
use settle::Stable;
use topology::Topology;

/// The network of a scenario with everything up and at rest.
#[derive(Clone, Debug)]
pub struct AtRest {
    /// Who is connected to whom.
    pub topology: Topology,
    /// The prefixes that are routed.
    pub prefixes: Prefixes,
    /// Who tells whom.
    pub sessions: Sessions,
    /// How the routers are set up.
    pub settings: Settings,
    /// What they forward by.
    pub tables: Tables,
}

impl AtRest {
    /// The network as the scenario has it at t = 0.
    pub fn new(scenario: &Scenario) -> AtRest {
        let topology = Topology::new(&scenario.network);
        let prefixes = Prefixes::new(scenario);
        let sessions = Sessions::new(&scenario.network, &topology);
        let settings = Settings::new(&scenario.network, &prefixes);
        let stable = Stable::of(&topology, &sessions, &settings, prefixes.count());
        let tables = stable.tables(&topology, &sessions);
        AtRest { topology, prefixes, sessions, settings, tables }
    }

    /// The ways from a router to an address.
    pub fn ways(&self, from: RouterId, to: Address) -> Vec<Way> {
        self.tables.ways(from, to, &self.topology, &self.prefixes, &mut Vec::new())
    }
}
