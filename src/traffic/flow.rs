//! `flow`: the same model as request by request, advanced in counts.
//!
//! **Which question.** What becomes of all attempts of all mailboxes, given the world as it is now,
//! at a cost that does not grow with their number? **Model.** DESIGN.md, section 5. Mailboxes are
//! counted in *crowds* and their *cells*, of members that nothing tells apart; what they send
//! within one *beat* is a *cohort* of *lanes*, whose *rows* say how often and since when they have
//! tried; at the stations a cohort's requests are *tokens*, counts that wait, are served and go on.
//! Whatever divides a count is drawn (Poisson, binomial, hypergeometric), so the counts have the
//! noise that they have request by request. Steps are short where a station is near its limit, a
//! beat where none is.
//!
//! **What it leaves out.** Times within a step: who is sent within one is put at its middle, but
//! latencies take the service law itself, not the steps. Which of several equal paths an attempt
//! takes is drawn anew each time, but where a fault makes some of them silent (see `parts.rs`). Of
//! users who leave, any is as likely. Databases of one class (see `databases.rs`) are not told
//! apart: a demand that is tried again may find another one. What a sign-in has held up is sent one
//! by one, not all of a mailbox at once, nor in the instant in which its answer frees a slot (see
//! `tests/oracles/README.md`). Waits of answers are of eight kinds. [`missing`]: what it cannot do.
//! **Cost.** A step walks the lanes of what is sent and the tokens in service and under way, a beat
//! the rows of retries and those who think; neither grows with the population.
//! **Validation.** `tests/flow*.rs` and `tests/theory_flow.rs`: against closed forms and against
//! `blackstart verify`; both ledgers in integers in every window.

mod alike;
mod anycast;
mod attached;
mod backoff;
mod beat;
mod books;
mod caches;
mod call;
mod callers;
mod clumps;
mod cohort;
mod connect;
mod crowds;
mod databases;
mod latency;
mod law;
mod line;
mod missing;
mod outcome;
mod parts;
mod people;
mod pipeline;
mod program;
mod queue;
mod ranks;
mod retry;
mod served;
mod signing;
mod slots;
mod station;
mod sweeps;
mod think;
mod thinkers;
mod times;
mod token;
mod tracers;
mod transit;
mod visit;

pub use missing::missing;

use crate::control::change::Change;
use crate::kernel::defect::planted;
use crate::kernel::slab::{Key, Slab};
use crate::kernel::stream::{Luck, RootSeed, Stream};
use crate::kernel::time::{SimDuration, SimTime};
use crate::measure::outcome::Cost;
use crate::scenario::model::{ClientId, PipelineId, Scenario};
use crate::traffic::books::Operations;
use crate::traffic::plan::{DisciplinePlan, Plan};
use crate::traffic::{ProbeResult, Scene};
use crate::world::World;
use crate::world::network::PathId;
use crate::world::population::ClassKind;
use crate::world::service::Station;
use crate::world::steering::tag;
use alike::{Alike, alike};
use beat::{Beats, CELL};
use caches::Caches;
use callers::Callers;
use cohort::{Cohort, Kind, LaneKey, NOBODY, Row, SIGN_INS, Way};
use connect::{SYN_WAITS, Syn};
use crowds::{Crowd, Owner};
use latency::Latencies;
use line::Line;
use parts::Parts;
use people::Source;
use pipeline::Mail;
use program::{Programs, Step};
use station::Moved;
use std::collections::VecDeque;
use times::Took;
use token::Token;
use tracers::{At, Tracer};
use transit::UnderWay;

/// The whole state of the traffic.
#[derive(Clone, Debug)]
pub struct Flow {
    plan: Plan,
    parts: Parts,
    programs: Programs,
    /// All draws but those of the demands.
    draws: Stream,
    sources: Vec<Source>,
    closed: Vec<think::Closed>,
    clock: u64,
    /// Lengths that a beat may have; the present one's, and up to where the last one that was
    /// begun reaches [ns].
    beats: Beats,
    beat: u64,
    begun: u64,
    /// When control changed the world last [ns].
    changed: u64,
    crowds: Vec<Crowd>,
    /// [group]: its crowds, from the first to before the last.
    crowds_of: Vec<(u32, u32)>,
    /// [group]: its first class.
    first_class: Vec<usize>,
    sign_in_class: Vec<Option<u16>>,
    /// [group]: users present, and those who come within this second.
    present: Vec<u32>,
    coming: Vec<u64>,
    /// [pipeline].
    mail: Vec<Mail>,
    /// [name]: epochs that the cells follow; and whether the last one still spreads.
    epochs: Vec<usize>,
    spreading: Vec<bool>,
    sweeps: Vec<sweeps::Sweep>,
    sweeping: Vec<u32>,
    /// [region pair]: since when some path between them has carried nothing.
    broken_since: Vec<Option<SimTime>>,
    /// Epochs of the catchments, when they were looked at last.
    catchments: usize,
    strays: anycast::Strays,
    /// Changes of ways through the network.
    ways: connect::Changed,
    tracers: Vec<Tracer>,
    /// [tracer]: its crowd.
    homes: Vec<u32>,
    /// [group]: its first tracer, and how many of them are present.
    tracers_of: Vec<(u32, u32)>,
    /// Length of the step [s].
    step_s: f64,
    lines: Vec<Line>,
    /// Stations, those that are called before those that call them.
    called_first: Vec<u32>,
    alike: Vec<Alike>,
    cohorts: Slab<Cohort>,
    /// [program]: cohort that takes in what is sent; cohorts in order of their timeouts.
    fresh: Vec<Option<Key>>,
    expiring: Vec<VecDeque<(u64, Key)>>,
    /// Cohorts of which something has ended in this beat.
    touched: Vec<Key>,
    /// [tries]: lost SYNs in the order in which they are sent again.
    syn: [VecDeque<Syn>; SYN_WAITS.len()],
    /// Calls between a caller and a station, and those that are made again.
    under_way: Vec<UnderWay>,
    callers: Callers,
    caches: Caches,
    /// Activations that calls are dealt by, and when the next copy is ready [ns].
    activations: u32,
    next_ready: u64,
    /// [throttle]: tokens, filled until, in force since.
    buckets: Vec<(f64, SimTime, SimTime)>,
    operations: Vec<Operations>,
    latencies: Latencies,
    relieved: bool,
    /// Probes answered since control last looked.
    pub probe_results: Vec<ProbeResult>,
    /// Work done so far.
    pub cost: Cost,
    // Lists of one step or beat, kept for their memory.
    spare: Vec<Cohort>,
    spare_lists: Vec<(Vec<Row>, Vec<Way>)>,
    /// Paths with their shares, and by how much their round trips are longer than the mean [s].
    paths: Vec<(PathId, f64, f64)>,
    /// Attempts that have not reached their site yet.
    on_way: Vec<connect::OnWay>,
    arriving: Vec<Token>,
    orphans: Vec<Token>,
    moved: Moved,
    drawn: Vec<Row>,
    resolved: Vec<Row>,
    answered: Vec<(u64, Took)>,
    dealt: Vec<u64>,
    homes_of_dealt: Vec<u64>,
    unparked: Vec<u64>,
    movers: Vec<(u32, SimTime)>,
}

impl Flow {
    /// Traffic at t = 0: stations empty, sessions signed in by the presence curves.
    pub fn new(scenario: &Scenario, world: &mut World, seed: RootSeed) -> Flow {
        let plan = Plan::new(scenario, &world.population);
        let mut draws = Stream::named(seed, "flow");
        let parts = Parts::new(scenario, world);
        let groups = world.population.groups.len();
        let is_of = |group: usize, kind: ClassKind| kind == ClassKind::Group(group as u32);
        let classes_of = |group: usize| plan.classes.iter().filter(move |c| is_of(group, c.kind));
        let classes: Vec<usize> = (0..groups).map(|group| classes_of(group).count()).collect();
        let first_class = |group: usize| {
            plan.classes.iter().position(|class| is_of(group, class.kind)).unwrap_or(0)
        };
        let sign_in = |group: usize| {
            let found = plan.classes.iter().position(|c| c.signs_in && is_of(group, c.kind));
            found.map(|class| class as u16)
        };
        let mut crowds = parts::initial(world, &parts, &classes, &mut draws);
        let (tracers, homes) = tracers::deal(&mut crowds, &world.population, &mut draws);
        let crowds_of = (0..groups).map(|group| {
            let mine = |crowd: &Crowd| crowd.owner == Owner::Group(group as u32);
            let first = crowds.iter().position(mine).unwrap_or(0);
            (first as u32, (first + crowds.iter().filter(|crowd| mine(crowd)).count()) as u32)
        });
        let crowds_of: Vec<(u32, u32)> = crowds_of.collect();
        let mail = add_messages(&mut crowds, &plan, &parts, scenario.pipelines.len());
        let caches = Caches::new(&plan, world.sites);
        let programs = Programs::new(&plan, world, &parts);
        let timeouts = programs.all.iter().map(|program| program.timeout);
        let beats = Beats::of(&plan, timeouts);
        let source = |index: usize| Source {
            stream: Stream::named(seed, &format!("flow/arrivals/{index}")),
            left: 0,
        };
        let closed =
            think::closed(&plan, (&crowds, &crowds_of), (beats.short, homes.len()), &mut draws);
        let mut flow = Flow {
            sources: (0..plan.classes.len()).map(source).collect(),
            closed,
            clock: 0,
            beats,
            beat: beats.short,
            begun: 0,
            changed: 0,
            crowds,
            crowds_of,
            first_class: (0..groups).map(first_class).collect(),
            sign_in_class: (0..groups).map(sign_in).collect(),
            present: vec![0; groups],
            coming: vec![0; groups],
            mail,
            epochs: world.steering.iter().map(|name| name.epochs()).collect(),
            spreading: vec![false; world.steering.len()],
            sweeps: Vec::new(),
            sweeping: Vec::new(),
            broken_since: vec![None; world.network.region_pairs()],
            catchments: world.catchment_epochs(),
            strays: anycast::Strays::default(),
            ways: connect::Changed::default(),
            tracers: vec![Tracer::default(); homes.len()],
            homes,
            tracers_of: tracers::firsts(&tracers),
            step_s: 0.0,
            lines: lines(&plan, world),
            called_first: queue::called_first(&scenario.services, &world.services.stations),
            alike: alike(&plan, &programs, &world.services.stations),
            cohorts: Slab::new(),
            fresh: vec![None; programs.all.len()],
            expiring: vec![VecDeque::new(); programs.all.len()],
            touched: Vec::new(),
            syn: Default::default(),
            under_way: Vec::new(),
            callers: Callers::default(),
            caches,
            activations: 0,
            next_ready: u64::MAX,
            buckets: Vec::new(),
            operations: vec![Operations::default(); plan.classes.len()],
            latencies: Latencies::default(),
            relieved: false,
            probe_results: Vec::new(),
            cost: Cost::default(),
            spare: Vec::new(),
            spare_lists: Vec::new(),
            paths: Vec::new(),
            on_way: Vec::new(),
            arriving: Vec::new(),
            orphans: Vec::new(),
            moved: Vec::new(),
            drawn: Vec::new(),
            resolved: Vec::new(),
            answered: Vec::new(),
            dealt: Vec::new(),
            homes_of_dealt: Vec::new(),
            unparked: Vec::new(),
            movers: Vec::new(),
            plan,
            parts,
            programs,
            draws,
        };
        let cells: usize = flow.crowds.iter().map(|crowd| crowd.cells.len()).sum();
        flow.cost.groups_peak = cells as u64;
        flow.sign_in_initially(world);
        flow
    }

    /// Moves all requests on until `until`.
    pub fn advance(&mut self, until: SimTime, scene: &mut Scene) {
        self.ways.delays = scene.world.network.delay_changes();
        while self.clock < until.0 {
            if self.begun == self.clock && self.clock.is_multiple_of(CELL) {
                self.choose_beat(scene);
            }
            let end = (self.clock / self.beat + 1) * self.beat;
            if self.begun < end {
                self.begun = end;
                self.begin_beat(scene);
            }
            // Up to the next stop in steps of one length, at most a quarter longer than asked for.
            let left = end.min(until.0) - self.clock;
            let steps = (4 * left / self.length(scene)).div_ceil(5).max(1);
            let to = self.clock + left.div_ceil(steps);
            self.step(Step { from: self.clock, to }, scene);
            self.clock = to;
            if to == end {
                self.settle(scene);
            }
        }
        let before = SimTime(until.0.saturating_sub(1));
        if scene.recorder.window_of(until) != scene.recorder.window_of(before) {
            self.resolve_endless(scene);
            self.deal_alike(scene);
            if scene.recorder.needs_latencies(until) {
                self.latencies.spread(&self.programs, &mut self.draws, scene.recorder);
            }
        }
    }

    fn step(&mut self, step: Step, scene: &mut Scene) {
        self.cost.steps += 1;
        self.step_s = step.seconds();
        if planted("flow-luck-of-a-step") {
            self.sources.iter_mut().for_each(|source| _ = source.stream.next_u64());
        }
        self.follow_stores(step.middle(), scene);
        self.caches.begin_step(step);
        self.follow_strays(step.middle(), scene);
        self.sweep(step, scene);
        self.send(step, scene);
        self.admit(step, scene);
        self.serve(step, scene);
        self.caches.end_step(step);
        self.cost.operations_peak = self.cost.operations_peak.max(self.cohorts.len() as u64);
    }

    /// Takes what control has changed in the world.
    pub fn apply(&mut self, change: Change, now: SimTime, scene: &mut Scene) {
        if !matches!(change, Change::Probe { .. }) {
            self.changed = now.0;
        }
        match change {
            // Slots and hangs are looked at in every step.
            Change::Slots(_) | Change::Unhung(_) => {}
            Change::WorkLost { station, share, how } => {
                self.separate_from_alike(station.index(), scene);
                self.work_lost(station.index(), share, how, now.0, scene);
            }
            Change::Paths => {
                self.ways.paths = now.0;
                self.sweep_broken(now, scene);
            }
            Change::SessionsLost { client, site, share } => {
                self.sessions_lost(client, site, share, now, scene);
            }
            Change::DrainMoved { steering, over } => {
                self.follow_names(now.0, scene);
                let target = sweeps::Target::Moved(steering);
                self.begin_sweep(target, over, SimDuration::ZERO, now, scene);
            }
            Change::DrainSite { site, over } => {
                let target = sweeps::Target::Site(site);
                self.begin_sweep(target, over, SimDuration::ZERO, now, scene);
            }
            Change::CacheLost { service, site, share } => self.caches.lost(service, site, share),
            Change::Probe { pair } => self.probe(pair, now, scene),
        }
    }

    /// Sends a probe along its pair.
    fn probe(&mut self, pair: u32, now: SimTime, scene: &mut Scene) {
        let found = self.plan.classes.iter().position(|class| class.kind == ClassKind::Probe);
        let Some(class) = found else { return };
        let (from, mut site) = scene.world.probe_pairs[pair as usize];
        if let Some(name) = self.plan.classes[class].anycast {
            let flow = Luck(u64::from(pair)).bits(tag::FLOW);
            let network = &scene.world.network;
            site = network.site_of(network.path_to_name(from, name, flow));
        }
        let (kind, from) = (Kind::Probe(pair), Some(from));
        let lane = LaneKey { crowd: NOBODY, class: class as u16, kind, opens: true, from };
        self.operations[class].begun += 1;
        self.sends(lane, site, Row::first(now, 1), scene);
    }

    /// Takes the sustaining load away from a state, for the question whether it is metastable: no
    /// retry from here on, and whoever is signed out is signed in at once, without a request.
    pub fn relieve(&mut self, _now: SimTime, scene: &mut Scene) {
        self.relieved = true;
        self.caches.fill_up();
        for crowd in &mut self.crowds {
            let Owner::Group(number) = crowd.owner else { continue };
            let group = &scene.world.population.groups[number as usize];
            if !group.sessions {
                continue;
            }
            let Some(from) = crowd.attachment() else { continue };
            let name = scene.world.name_of(group.client, from);
            for cell in 0..crowd.cells.len() {
                let here = &mut crowd.cells[cell];
                let site = here.authoritative(&scene.world.steering[name]);
                let [idle, again, came, woken] = here.out();
                let out = idle + again + came + woken;
                here.signed[site.index()] += out;
                crowd.signed[site.index()] += out;
                scene.world.network.sessions_opened(site, out);
                // Sign-ins that are under way come back to nobody.
                for kind in 0..SIGN_INS.len() {
                    here.leaving[kind] += std::mem::take(&mut here.signing[kind]);
                }
                let signing = [again, came, woken].into_iter().enumerate();
                let states = signing.map(|(kind, n)| (At::SigningIn(kind), n));
                let states = states.chain([(At::Idle, idle)]);
                for (at, all) in states {
                    let states = (at, At::Session(site));
                    crowd.trace(cell, states, (all, all), &mut self.draws, |_| {});
                }
            }
            let first = self.first_class[number as usize];
            for parked in crowd.cells.iter_mut().map(|cell| &mut cell.parked) {
                for (number, parked) in parked.iter_mut().enumerate() {
                    let parked = std::mem::take(parked);
                    self.operations[first + number].ended += parked.iter().sum::<u64>();
                }
            }
        }
    }

    /// Sessions of a client at each site, and its users present.
    pub fn sessions_of(&self, client: ClientId, world: &World) -> (Vec<u32>, u32) {
        let mut at = vec![0; world.sites];
        let mut present = 0;
        for (index, group) in world.population.groups.iter().enumerate() {
            if group.client != client {
                continue;
            }
            present += self.present[index];
            let (first, end) = self.crowds_of[index];
            for crowd in &self.crowds[first as usize..end as usize] {
                for (count, &here) in at.iter_mut().zip(&crowd.signed) {
                    *count += here as u32;
                }
            }
        }
        (at, present)
    }

    /// Users present, a group (all mailboxes, for clients without sessions).
    pub fn present(&self) -> &[u32] {
        &self.present
    }

    /// Longest felt downtime of every affected tracer [s], and whether it goes on at `end`.
    pub fn felt_downtime(&self, end: SimTime) -> impl Iterator<Item = (f64, bool)> + '_ {
        self.tracers.iter().filter_map(move |tracer| tracer.longest(end))
    }

    /// Tracers that stand for all mailboxes.
    pub fn tracers(&self) -> u64 {
        self.tracers.len() as u64
    }
}

fn lines(plan: &Plan, world: &World) -> Vec<Line> {
    let discipline = |station: &Station| plan.services[station.service.index()].discipline;
    let line = |station| Line::new(discipline(station) == DisciplinePlan::Priority);
    world.services.stations.iter().map(line).collect()
}

/// Adds the crowds of the pipelines' messages, one a part; what is kept of each pipeline.
fn add_messages(
    crowds: &mut Vec<Crowd>,
    plan: &Plan,
    parts: &Parts,
    pipelines: usize,
) -> Vec<Mail> {
    let mail = |index: usize| {
        let id = PipelineId(index as u32);
        let class = plan.classes.iter().position(|class| class.kind == ClassKind::Pipeline(id));
        let crowd = crowds.len() as u32;
        let of = (0..parts.count()).map(|part| Crowd::of_messages(id, part as u16));
        crowds.extend(of);
        Mail { class: class.unwrap_or(0) as u16, crowd, backlog: 0 }
    };
    (0..pipelines).map(mail).collect()
}
