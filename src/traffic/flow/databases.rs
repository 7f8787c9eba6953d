//! Databases that a fault or the runbook tells apart, in classes.
//!
//! While a database is not ready its users fail again and again, and others not at all. So
//! mailboxes are told apart by it, as far as that is known at t = 0: by the site where it is active
//! first, by the steps that activate copies of it elsewhere, and by how long that takes, in a few
//! bins. A mailbox has one draw for all stores, in the unit interval, so classes are sets of pieces
//! of it. Within a class calls are dealt to the sites by its databases' shares. **Leaves out.** A
//! demand that is tried again may find another database of its class, so while a class is only
//! partly ready some are served that would not be: up to the most bins, that is kept to a
//! hundredth of the time. Steps are taken in the order of the file here; where they are done in
//! another one, some databases are in a class with others that are not where they are.

use super::{Flow, Scene};
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{Action, Scenario};
use crate::world::state::StoreState;
use std::collections::BTreeMap;

/// Most bins of the time that an activation takes, and of all activations of a database together.
const BINS: usize = 16;
const BINS_IN_ALL: usize = 25;
/// Of all times together, as far as databases may be mixed up.
const LITTLE: f64 = 0.05;

/// Classes of databases.
#[derive(Clone, Debug)]
pub(super) struct Databases {
    /// [class]: share of the mailboxes.
    shares: Vec<f64>,
    /// [store][class]: its databases, with the share of the class's mailboxes in each.
    members: Vec<Vec<Vec<(u32, f64)>>>,
    /// [store]: whether some step of the runbook activates copies.
    pub moves: Vec<bool>,
}

impl Databases {
    pub(super) fn new(scenario: &Scenario, stores: &[StoreState]) -> Databases {
        let marks: Vec<Vec<Vec<u32>>> =
            (0..stores.len()).map(|store| marks(scenario, stores, store)).collect();
        // Where in the unit interval some store's databases begin to be marked otherwise.
        let mut ends = vec![0.0, 1.0];
        for marks in &marks {
            let others =
                (1..marks.len()).filter(|&database| marks[database] != marks[database - 1]);
            ends.extend(others.map(|database| database as f64 / marks.len() as f64));
        }
        ends.sort_unstable_by(f64::total_cmp);
        ends.dedup();
        let mut classes: BTreeMap<Vec<&Vec<u32>>, Vec<(f64, f64)>> = BTreeMap::new();
        for piece in ends.windows(2) {
            let at = |marks: &'_ Vec<Vec<u32>>| {
                (f64::midpoint(piece[0], piece[1]) * marks.len() as f64) as usize
            };
            let mark = marks.iter().map(|marks| &marks[at(marks)]).collect();
            classes.entry(mark).or_default().push((piece[0], piece[1]));
        }
        let width = |pieces: &Vec<(f64, f64)>| pieces.iter().map(|(a, b)| b - a).sum::<f64>();
        let of_store = |store: &StoreState| {
            let count = store.active.len();
            classes.values().map(|pieces| databases_of(pieces, width(pieces), count)).collect()
        };
        let activated = |store: usize| {
            let mut actions = scenario.runbook.iter().filter_map(|step| step.action.as_ref());
            actions.any(|action| match action {
                Action::Activate { store: of, .. } => of.index() == store,
                _ => false,
            })
        };
        Databases {
            members: stores.iter().map(of_store).collect(),
            moves: (0..stores.len()).map(activated).collect(),
            shares: classes.values().map(width).collect(),
        }
    }

    /// Share of the mailboxes in each class.
    pub(super) fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Share of a class's mailboxes whose database is active at each site of `sites`, and ready.
    pub(super) fn answering(
        &self,
        class: usize,
        store: usize,
        (sites, at): (usize, SimTime),
        stores: &[StoreState],
    ) -> Vec<f64> {
        let mut answering = vec![0.0; sites];
        let state = &stores[store];
        for &(database, share) in &self.members[store][class] {
            let database = database as usize;
            if state.ready[database] <= at {
                answering[state.active[database].index()] += share;
            }
        }
        answering
    }
}

impl Flow {
    /// Deals calls of stores to where their databases answer now, where that has changed.
    pub(super) fn follow_stores(&mut self, at: SimTime, scene: &Scene) {
        let stores = &scene.world.stores;
        let activations = stores.iter().map(|store| store.activations).sum();
        if activations == self.activations && at.0 < self.next_ready {
            return;
        }
        let ready = stores.iter().flat_map(|store| &store.ready).filter(|&&ready| ready > at);
        self.next_ready = ready.map(|ready| ready.0).min().unwrap_or(u64::MAX);
        self.activations = activations;
        self.programs.deal(at, scene.world, &self.parts);
    }
}

/// What tells a store's databases apart, [database]: where it is active first; for each step that
/// activates copies, the bin of the time that it takes, from 1, or 0 where it is not of those.
fn marks(scenario: &Scenario, stores: &[StoreState], number: usize) -> Vec<Vec<u32>> {
    let mut state = stores[number].clone();
    if scenario.faults.is_empty() && scenario.runbook.is_empty() {
        return vec![Vec::new(); state.active.len()];
    }
    let mut marks: Vec<Vec<u32>> = state.active.iter().map(|site| vec![site.0]).collect();
    let mut times = Vec::new();
    for step in &scenario.runbook {
        let Some(Action::Activate { store, from, to, share }) = step.action else { continue };
        if store.index() == number {
            times.push(state.taken(&step.name, from, share));
            state.activate(&step.name, (from, to), share, SimTime::ZERO);
        }
    }
    let mut often = vec![0_u32; marks.len()];
    times.iter().flatten().for_each(|&(database, _)| often[database] += 1);
    let most = often.into_iter().max().unwrap_or(0);
    let fits = |bins: &usize| bins.pow(most) <= BINS_IN_ALL;
    let bins = (1..=BINS).rev().find(fits).unwrap_or(1);
    for mut taken in times {
        taken.sort_unstable_by_key(|&(database, takes)| (takes, database));
        marks.iter_mut().for_each(|mark| mark.push(0));
        for (number, bin) in in_bins(&taken, bins).into_iter().enumerate() {
            for &(database, _) in bin {
                *marks[database].last_mut().expect("pushed above") = number as u32 + 1;
            }
        }
    }
    marks
}

/// How much the databases of a bin, in the order of their times, are mixed up: how many they are
/// times how far they are apart [s].
fn mixed_up(bin: &[(usize, SimDuration)]) -> f64 {
    let apart = bin[bin.len() - 1].1.as_secs_f64() - bin[0].1.as_secs_f64();
    bin.len() as f64 * apart
}

/// Databases, in the order of their times, in bins: the one that is mixed up most is divided where
/// that does the most good, until little is.
fn in_bins(taken: &[(usize, SimDuration)], most: usize) -> Vec<&[(usize, SimDuration)]> {
    let mut bins: Vec<&[_]> = if taken.is_empty() { Vec::new() } else { vec![taken] };
    let all: f64 = taken.iter().map(|(_, takes)| takes.as_secs_f64()).sum();
    while bins.len() < most && bins.iter().map(|bin| mixed_up(bin)).sum::<f64>() > LITTLE * all {
        let (mut best, mut gain) = (None, 0.0);
        for (number, bin) in bins.iter().enumerate() {
            for at in 1..bin.len() {
                let (first, second) = bin.split_at(at);
                let less = mixed_up(bin) - mixed_up(first) - mixed_up(second);
                if less > gain {
                    (best, gain) = (Some((number, at)), less);
                }
            }
        }
        let Some((number, at)) = best else { break };
        let (first, second) = bins[number].split_at(at);
        bins[number] = first;
        bins.insert(number + 1, second);
    }
    bins
}

/// Databases in pieces of the unit interval of this width in all, with the share of each.
fn databases_of(pieces: &[(f64, f64)], width: f64, count: usize) -> Vec<(u32, f64)> {
    let mut found: Vec<(u32, f64)> = Vec::new();
    for &(from, to) in pieces {
        let all = count as f64;
        for database in (from * all) as usize..((to * all).ceil() as usize).min(count) {
            let (a, b) = (database as f64 / all, (database + 1) as f64 / all);
            let share = (b.min(to) - a.max(from)) / width;
            match found.last_mut() {
                Some(last) if last.0 == database as u32 => last.1 += share,
                _ if share > 1e-12 => found.push((database as u32, share)),
                _ => {}
            }
        }
    }
    found
}
