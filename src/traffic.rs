//! Traffic: moves requests between two control events. `exact` request by request, `flow` in
//! counts; both solve the same model in the same world, and neither knows the other.

pub mod books;
pub mod exact;
pub mod flow;
pub mod plan;

use crate::control::change::Change;
use crate::kernel::stream::RootSeed;
use crate::kernel::time::SimTime;
use crate::measure::outcome::Cost;
use crate::measure::recorder::{Recorder, StationCell};
use crate::scenario::model::{ClientId, PipelineId, Scenario};
use crate::world::World;
use books::{Imbalance, Standing};
use exact::Exact;
use flow::Flow;

/// What traffic acts in: the world (whose tallies it adds to) and the tables that it fills.
pub struct Scene<'a> {
    /// The world.
    pub world: &'a mut World,
    /// The tables.
    pub recorder: &'a mut Recorder,
}

/// Outcome of a probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeResult {
    /// Index into the probed pairs.
    pub pair: u32,
    /// Whether it was answered correctly in time.
    pub ok: bool,
}

/// How traffic is solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Request by request.
    Exact,
    /// In counts.
    Flow,
}

impl Engine {
    /// The word for it in scenarios and results.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Exact => "exact",
            Engine::Flow => "flow",
        }
    }
}

/// The traffic of one trial, solved either way.
#[derive(Clone, Debug)]
pub enum Traffic {
    /// Request by request.
    Exact(Box<Exact>),
    /// In counts.
    Flow(Box<Flow>),
}

/// The same expression of either traffic.
macro_rules! either {
    ($traffic:expr, $it:ident => $do:expr) => {
        match $traffic {
            Traffic::Exact($it) => $do,
            Traffic::Flow($it) => $do,
        }
    };
}

impl Traffic {
    /// Traffic at t = 0: stations empty, sessions signed in by the presence curves.
    pub fn new(engine: Engine, scenario: &Scenario, world: &mut World, seed: RootSeed) -> Traffic {
        match engine {
            Engine::Exact => Traffic::Exact(Box::new(Exact::new(scenario, world, seed))),
            Engine::Flow => Traffic::Flow(Box::new(Flow::new(scenario, world, seed))),
        }
    }

    /// Moves all requests on until `until` (what happens at `until` itself waits).
    pub fn advance(&mut self, until: SimTime, scene: &mut Scene) {
        either!(self, it => it.advance(until, scene));
    }

    /// Takes what control has changed in the world.
    pub fn apply(&mut self, change: Change, now: SimTime, scene: &mut Scene) {
        either!(self, it => it.apply(change, now, scene));
    }

    /// Takes the probes answered since this was last asked.
    pub fn take_probe_results(&mut self) -> Vec<ProbeResult> {
        either!(self, it => std::mem::take(&mut it.probe_results))
    }

    /// Counts what stands by walking the structures, and holds it against the totals.
    ///
    /// # Errors
    /// [`Imbalance`] names the first ledger that does not balance; the run must not go on.
    pub fn check_ledgers(&self, recorder: &Recorder) -> Result<Standing, Imbalance> {
        either!(self, it => it.check_ledgers(recorder))
    }

    /// Closes the window that ends at `now`: hands the stations' counts out and resets them.
    pub fn close_window(
        &mut self,
        now: SimTime,
        world: &World,
        recorder: &Recorder,
        out: &mut Vec<StationCell>,
    ) {
        match self {
            Traffic::Exact(exact) => exact.close_window(now, world, recorder, out),
            Traffic::Flow(flow) => flow.close_window(now, world, out),
        }
    }

    /// Sessions of a client at each site, and its users present.
    pub fn sessions_of(&self, client: ClientId, world: &World) -> (Vec<u32>, u32) {
        either!(self, it => it.sessions_of(client, world))
    }

    /// Users present, a group (all mailboxes, for clients without sessions).
    pub fn present(&self) -> &[u32] {
        either!(self, it => it.present())
    }

    /// Messages in a pipeline, and when the oldest was accepted.
    pub fn backlog(&mut self, pipeline: PipelineId) -> (u64, Option<SimTime>) {
        either!(self, it => it.backlog(pipeline))
    }

    /// A copy from which the sustaining load is taken away, for the question whether the state is
    /// metastable: no retry from here on, and whoever is signed out is signed in at once, without a
    /// request. The scene is the copy's.
    #[must_use]
    pub fn relieved(&self, now: SimTime, scene: &mut Scene) -> Traffic {
        match self {
            Traffic::Exact(exact) => Traffic::Exact(Box::new(exact.relieved(now, scene))),
            Traffic::Flow(flow) => {
                let mut copy = flow.clone();
                copy.relieve(now, scene);
                Traffic::Flow(copy)
            }
        }
    }

    /// Forgets what is in progress once the trial has ended and its books are closed.
    pub fn forget_requests(&mut self) {
        match self {
            Traffic::Exact(exact) => exact.forget_requests(),
            Traffic::Flow(_) => {} // Counts take next to nothing.
        }
    }

    /// Tells the longest felt downtime [s] of every affected one that is followed, and whether it
    /// was still going on at `end` (censored).
    pub fn felt_downtime(&self, end: SimTime, mut told: impl FnMut(f64, bool)) {
        either!(self, it => it.felt_downtime(end).for_each(|(spell_s, open)| told(spell_s, open)));
    }

    /// Tracers that stand for all mailboxes; `None` where every mailbox is followed.
    pub fn tracers(&self) -> Option<u64> {
        match self {
            Traffic::Exact(_) => None,
            Traffic::Flow(flow) => Some(flow.tracers()),
        }
    }

    /// Work done so far.
    pub fn cost(&self) -> Cost {
        either!(self, it => it.cost.clone())
    }

    /// The traffic request by request, for tests that look into it.
    #[cfg(test)]
    pub(crate) fn exact(&mut self) -> &mut Exact {
        match self {
            Traffic::Exact(exact) => exact,
            Traffic::Flow(_) => panic!("this test looks into the traffic request by request"),
        }
    }
}
