//! Where demands come from: Poisson sources, closed loads, users who come and go, probes.

use super::client::draw;
use super::op::{Flags, Op};
use super::{Event, Exact};
use crate::kernel::sample;
use crate::kernel::stream::{Luck, RootSeed, Stream};
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::Scenario;
use crate::traffic::Scene;
use crate::traffic::plan::Plan;
use crate::world::population::{ClassKind, Population};

/// The rates of all sources are constant over cells of this length: a load curve moves by far less
/// in it, and a fixed grid makes the draws independent of what happens in the world.
pub const CELL: SimDuration = SimDuration(1_000_000_000);

/// The source of one class: a Poisson process whose rate is constant within a cell.
///
/// The time to the next demand is drawn as unit-rate mass and spent at the rate of each cell, so
/// the same draws make the same demands, only earlier or later, where a design or fault changes
/// the rate (inversion of the cumulative rate; Çınlar 1975, section 4.7).
#[derive(Clone, Debug)]
pub struct Source {
    stream: Stream,
    /// Unit-rate mass until the next demand.
    mass: f64,
    /// Demands a second in this cell.
    rate_per_s: f64,
    /// End of this cell.
    cell_end: SimTime,
}

/// One source a class.
pub fn sources(
    scenario: &Scenario,
    plan: &Plan,
    population: &Population,
    seed: RootSeed,
) -> Vec<Source> {
    let source = |(index, class): (usize, &crate::traffic::plan::ClassPlan)| {
        let operation = &scenario.operations[class.operation.index()].name;
        let name = match class.kind {
            ClassKind::Group(group) => {
                let group = &population.groups[group as usize];
                let region = &scenario.regions[group.region.index()].name;
                let client = &scenario.clients[group.client.index()].name;
                format!("population/{region}/{client}/{operation}/arrivals")
            }
            ClassKind::Pipeline(_) => format!("pipelines/{operation}"),
            ClassKind::Probe => format!("probes/{index}"),
        };
        let mut stream = Stream::named(seed, &name);
        let mass = stream.exponential();
        Source { stream, mass, rate_per_s: 0.0, cell_end: SimTime::ZERO }
    };
    plan.classes.iter().enumerate().map(source).collect()
}

impl Source {
    /// The next luck of this source (sign-ins are drawn as they come).
    pub(super) fn luck(&mut self) -> Luck {
        self.stream.luck()
    }
}

impl Exact {
    /// Begins a cell: presence and rates of the next second.
    pub(super) fn second(&mut self, now: SimTime, scene: &mut Scene) {
        self.users_come_and_go(now, scene);
        for class in 0..self.plan.classes.len() {
            let plan = &self.plan.classes[class];
            let ClassKind::Group(group) = plan.kind else { continue };
            if plan.rate_per_s == 0.0 {
                continue;
            }
            let population = &scene.world.population;
            let present = f64::from(self.mailboxes.present[group as usize]);
            let group = &population.groups[group as usize];
            let load = population.load(group.region, now) * scene.world.demand_factor[class];
            let source = &mut self.sources[class];
            source.rate_per_s = plan.rate_per_s * present * load;
            source.cell_end = now + CELL;
            self.schedule_demand(class, now);
        }
        self.calendar.push(now + CELL, Event::Second);
    }

    /// Schedules the next demand of a class if it falls into this cell, else spends the cell.
    fn schedule_demand(&mut self, class: usize, now: SimTime) {
        let source = &mut self.sources[class];
        let left = (source.cell_end - now).as_secs_f64() * source.rate_per_s;
        if source.mass < left {
            let at = now + SimDuration::from_secs_f64(source.mass / source.rate_per_s);
            // Rounding must not push a demand into the next cell, which schedules its own.
            let at = at.min(SimTime(source.cell_end.0 - 1));
            self.calendar.push(at, Event::Demand { class: class as u32 });
        } else {
            source.mass -= left;
        }
    }

    /// One demand of an open source.
    pub(super) fn demand_due(&mut self, class: u16, now: SimTime, scene: &mut Scene) {
        let source = &mut self.sources[class as usize];
        let luck = source.stream.luck();
        source.mass = sample::exponential(luck.derive(draw::GAP));
        // The mailbox is drawn among the users present, the first of the group by number, of whom
        // those of this second come one after the other, the first at its beginning.
        let pick = luck.uniform(draw::MAILBOX);
        let cell_end = source.cell_end;
        self.schedule_demand(class as usize, now);
        let ClassKind::Group(group_index) = self.plan.classes[class as usize].kind else { return };
        let group = &scene.world.population.groups[group_index as usize];
        let present = self.mailboxes.present[group_index as usize];
        let coming = present - self.mailboxes.came_before[group_index as usize];
        let missing = if coming == 0 {
            0
        } else {
            let to_come = (cell_end - now).as_secs_f64() / CELL.as_secs_f64();
            ((f64::from(coming) * to_come).ceil() as u32).saturating_sub(1)
        };
        let present = present - missing;
        if present == 0 {
            return;
        }
        let mailbox = group.first + ((pick * f64::from(present)) as u32).min(present - 1);
        self.demand(class, mailbox, luck, now, scene);
    }

    /// A demand of a mailbox, wherever it came from: sent, or suppressed if it is signed out.
    #[inline(always)]
    fn demand(&mut self, class: u16, mailbox: u32, luck: Luck, now: SimTime, scene: &mut Scene) {
        if let Some(cell) = scene.recorder.cell(class as usize, now) {
            cell.demand += 1;
        }
        let op = Op::new(mailbox, luck, now, Flags::DEMANDED);
        if self.plan.classes[class as usize].sessions && !self.mailboxes.signed_in(mailbox) {
            self.suppress(class, op, now, scene);
        } else {
            self.begin(class, op, now, scene);
        }
    }

    /// First demands of closed loads, one a mailbox.
    pub(super) fn think_initially(&mut self, world: &crate::world::World) {
        for (class, plan) in self.plan.classes.iter().enumerate() {
            let (Some(think), ClassKind::Group(group)) = (&plan.think, plan.kind) else { continue };
            let group = &world.population.groups[group as usize];
            let luck = self.sources[class].luck();
            for mailbox in group.first..group.first + group.count {
                let wait = think.sample(luck.derive(u64::from(mailbox)));
                let at = SimTime::ZERO + SimDuration::from_secs_f64(wait);
                self.calendar.push(at, Event::Think { class: class as u32, mailbox });
            }
        }
    }

    /// A mailbox with closed load demands again; whose user is away thinks on.
    pub(super) fn think_due(&mut self, class: u16, mailbox: u32, now: SimTime, scene: &mut Scene) {
        let luck = self.sources[class as usize].luck();
        let ClassKind::Group(group) = self.plan.classes[class as usize].kind else { return };
        if self.user_is_present(mailbox, group, scene) {
            self.demand(class, mailbox, luck, now, scene);
        } else {
            self.think_again(class, &Op::new(mailbox, luck, now, Flags::DEMANDED), now);
        }
    }

    /// After an operation's end: the next demand of a closed load. What comes back after a sign-in
    /// is no demand; its mailbox has thought on since that was suppressed or failed.
    #[inline]
    pub(super) fn think_again(&mut self, class: u16, op: &Op, at: SimTime) {
        let Some(think) = &self.plan.classes[class as usize].think else { return };
        if op.is_demanded() {
            let wait = think.sample(op.luck.derive(draw::THINK));
            let at = at + SimDuration::from_secs_f64(wait);
            let (class, mailbox) = (u32::from(class), op.mailbox);
            self.calendar.push(at, Event::Think { class, mailbox });
        }
    }

    /// Sends a probe along its pair.
    pub(super) fn probe(&mut self, pair: u32, now: SimTime, scene: &mut Scene) {
        let found = self.plan.classes.iter().position(|class| class.kind == ClassKind::Probe);
        let Some(class) = found else { return };
        self.probes_sent += 1;
        let luck = self.probe_luck.derive(self.probes_sent);
        let mut op = Op::new(pair, luck, now, Flags::PROBE);
        op.set_site(scene.world.probe_pairs[pair as usize].1);
        self.begin(class as u16, op, now, scene);
    }
}
