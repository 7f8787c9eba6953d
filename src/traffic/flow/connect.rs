//! The network between clients and sites: what attempts meet on their way, in counts.
//!
//! What an attempt meets is known when it is sent. Its answer goes home as things are when that
//! leaves: where some delay has changed since, it takes so much longer, or less long, as the mean
//! of its lane's paths has become. **Leaves out.** That of equal paths those that lose more bring
//! fewer; and, once paths have changed, which of them requests had come by.

use super::cohort::{Lane, LaneKey, Way};
use super::crowds::{ALL_FLOWS, Crowd};
use super::program::Step;
use super::times::Took;
use super::token::Token;
use super::{Flow, Scene};
use crate::kernel::sample::binomial;
use crate::kernel::slab::Key;
use crate::kernel::time::SimTime;
use crate::scenario::model::SiteId;
use crate::world::network::{AnycastId, AttachmentId, Destination, Network, PathId};

/// Waits before a lost SYN is sent again [s], then the attempt is lost (RFC 6298, section 2).
pub(super) const SYN_WAITS: [f64; 3] = [1.0, 2.0, 4.0];
/// Retransmission timeout of lost data [s] (RFC 6298, section 2.4).
const RETRANSMISSION_S: f64 = 1.0;

/// What a connection has waited for before its try number `way / 2` [s].
pub(super) fn opening_s(way: usize) -> f64 {
    SYN_WAITS[..way / 2].iter().sum()
}

/// Connections whose SYN was lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Syn {
    due: u64,
    cohort: Key,
    lane: u16,
    count: u64,
}

/// Attempts on their way to their site, their connection open.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnWay {
    program: u16,
    cohort: Key,
    way: u8,
    /// When they reach it, to [`GRAIN`]; 0: within this step [ns].
    due: u64,
    /// How long after they were sent that is [ns].
    since: u64,
    /// How long the answer takes, as things are [ns].
    back: u64,
    count: u64,
}

/// Times of arrival that differ by less are one [ns].
const GRAIN: u64 = 10_000_000;
/// Entries that are looked through for one of the same cohort and time.
const LOOK_BACK: usize = 4;

/// Adds attempts to those on their way, of one cohort, way and time together.
fn put_on_way(on_way: &mut Vec<OnWay>, new: OnWay) {
    let key = |on_way: &OnWay| (on_way.cohort, on_way.way, on_way.due);
    let alike = |other: &&mut OnWay| key(other) == key(&new);
    match on_way.iter_mut().rev().take(LOOK_BACK).find(alike) {
        Some(same) => {
            let part = new.count as f64 / (same.count + new.count) as f64;
            let apart = new.since as f64 - same.since as f64;
            same.since = (same.since as f64 + part * apart) as u64;
            same.count += new.count;
        }
        None => on_way.push(new),
    }
}

/// Changes of ways through the network.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Changed {
    /// When some path was last found to lead elsewhere [ns].
    pub paths: u64,
    /// How often some path's delay has become another: between steps, as whatever the world does.
    pub delays: u64,
}

/// Whose a lane's attempts are, and their flow hashes.
fn crowd_of(crowds: &[Crowd], lane: LaneKey) -> (Option<&Crowd>, (f64, f64)) {
    let crowd = crowds.get(lane.crowd as usize);
    (crowd, crowd.filter(|_| !lane.opens).map_or(ALL_FLOWS, |crowd| crowd.flows))
}

/// Adds the paths that requests take from an attachment, or from any of a crowd's, to a site or an
/// anycast name there: each with its share, and by how much its round trip is longer than the
/// crowd's mean [s].
fn add_paths(
    (from, site, anycast): (AttachmentId, SiteId, Option<AnycastId>),
    (crowd, flows): (Option<&Crowd>, (f64, f64)),
    network: &Network,
    paths: &mut Vec<(PathId, f64, f64)>,
) {
    let of_one = |(path, share)| (path, share, 0.0);
    match (anycast, crowd) {
        (Some(name), _) => paths.extend(network.shares_of_name(from, name, site).map(of_one)),
        (None, None) => paths.extend(network.shares(from, site).map(of_one)),
        (None, Some(crowd)) => {
            for (place, &(from, part)) in crowd.attached.shares.iter().enumerate() {
                let longer_s = crowd.attached.longer_s(site, place);
                let all = network.shares_within(from, site, flows);
                paths.extend(all.map(|(path, share)| (path, share * part, longer_s)));
            }
        }
    }
}

/// How long answers that leave now take over such paths, in the mean [s]; `None`: none of them gets
/// there. Those are `asked` for by requests that arrive by the same path.
fn way_back_s(paths: &[(PathId, f64, f64)], asked: bool, network: &Network) -> Option<f64> {
    let (mut all, mut sum_s) = (0.0, 0.0);
    for &(path, share, longer_s) in paths {
        let back = network.delay_back(path).filter(|_| !asked || network.arrives(path));
        if let Some(back) = back {
            all += share;
            sum_s += share * (back.as_secs_f64() - longer_s / 2.0);
        }
    }
    (all > 0.0).then(|| sum_s / all)
}

impl Flow {
    /// Sends what this step has of what is sent within the beat, and lost SYNs that are due.
    pub(super) fn send(&mut self, step: Step, scene: &mut Scene) {
        let end = (step.from / self.beat + 1) * self.beat;
        let share = step.length() as f64 / (end - step.from) as f64;
        for program in 0..self.fresh.len() {
            let Some(key) = self.fresh[program] else { continue };
            let Some(lanes) = self.cohorts.get(key).map(|cohort| cohort.lanes.len()) else {
                self.fresh[program] = None;
                continue;
            };
            for lane in 0..lanes {
                let of = &mut self.cohorts.get_mut(key).expect("looked up above").lanes[lane];
                if of.unsent == 0 {
                    continue;
                }
                let n = binomial(&mut self.draws, of.unsent, share);
                of.unsent -= n;
                self.connect((key, lane), n, 0, step, scene);
            }
        }
        for tries in 0..SYN_WAITS.len() {
            while let Some(&Syn { due, cohort, lane, count }) = self.syn[tries].front() {
                if due > step.middle().0 {
                    break;
                }
                self.syn[tries].pop_front();
                if let Some(of) = self.cohorts.get_mut(cohort) {
                    of.lanes[lane as usize].pending -= count;
                    self.connect((cohort, lane as usize), count, tries + 1, step, scene);
                }
            }
        }
    }

    /// Attempts of a lane open their connections (try number `tries`), and go.
    fn connect(
        &mut self,
        (key, lane): (Key, usize),
        n: u64,
        tries: usize,
        step: Step,
        scene: &mut Scene,
    ) {
        let n = self.keep_from_straying((key, lane), n, scene);
        if n == 0 {
            return;
        }
        self.cost.cells_updated += 1;
        let cohort = self.cohorts.get_mut(key).expect("the caller has it");
        let program = cohort.program;
        let site = self.programs.all[program as usize].site;
        let timeout_s = self.programs.all[program as usize].timeout as f64 / 1e9;
        let of = &mut cohort.lanes[lane];
        let Some(from) = of.key.from else {
            of.arrive(0, n, (0.0, 0.0));
            let new = OnWay { program, cohort: key, way: 0, due: 0, since: 0, back: 0, count: n };
            put_on_way(&mut self.on_way, new);
            return;
        };
        let class = &self.plan.classes[of.key.class as usize];
        let mut paths = std::mem::take(&mut self.paths);
        let (crowd, flows) = crowd_of(&self.crowds, of.key);
        let network = &scene.world.network;
        add_paths((from, site, class.anycast), (crowd, flows), network, &mut paths);
        if of.looked != self.ways.delays {
            (of.looked, of.back_s) = (self.ways.delays, way_back_s(&paths, true, network));
        }
        let opens = of.key.opens;
        let opened_s = opening_s(2 * tries);
        let bits = if tries == 0 { self.plan.classes[of.key.class as usize].bits } else { 0.0 };
        let mut left = n;
        let mut share_left = match class.anycast {
            None => flows.1 - flows.0,
            Some(_) => paths.iter().map(|path| path.1).sum(),
        };
        let mut unopened = 0;
        for &(path, share, longer_s) in &paths {
            let n = binomial(&mut self.draws, left, share / share_left);
            (left, share_left) = (left - n, share_left - share);
            if n == 0 {
                continue;
            }
            scene.world.network.offer_many(path, n, u32::from(opens), bits);
            let view = scene.world.network.view(path);
            // Without a way back no connection opens; in an open one the request gets there.
            if !view.carries && (opens || !view.arrives) {
                of.lost += n;
                continue;
            }
            let arrived = 1.0 - view.loss;
            let mut ways_s = 2.0 * view.delay.as_secs_f64();
            // That its attachment is farther than the mean is put to latencies in the end.
            let longer_s = if opens { 2.0 * longer_s } else { longer_s };
            let mut through = n;
            if opens {
                let refused = binomial(&mut self.draws, n, view.connection_refused);
                of.refused += refused;
                let lost = 1.0 - arrived * arrived * (1.0 - view.connection_loss);
                let lost = binomial(&mut self.draws, n - refused, lost);
                unopened += lost;
                if refused > 0 && !cohort.touched {
                    cohort.touched = true;
                    self.touched.push(key);
                }
                through = n - refused - lost;
                ways_s += 2.0 * view.delay.as_secs_f64() + view.connection_delay.as_secs_f64();
            }
            let late = binomial(&mut self.draws, through, 1.0 - arrived * arrived);
            let network_s = ways_s + opened_s;
            let parts = [(0, through - late, 0.0), (1, late, RETRANSMISSION_S)];
            for (place, n, more_s) in parts {
                let network_s = network_s + more_s;
                // Whose client gives up before it gets there does not get there.
                let since_s = network_s - view.delay.as_secs_f64();
                if since_s >= timeout_s {
                    of.pending += n;
                    continue;
                }
                if n == 0 {
                    continue;
                }
                // Of that, what is still to come after this SYN.
                let due = step.middle().0 + ((since_s - opened_s) * 1e9) as u64;
                let due = if due <= step.to { 0 } else { due / GRAIN * GRAIN };
                let way = 2 * tries + place;
                let back_s = of.back_s.unwrap_or(view.delay.as_secs_f64());
                of.arrive(way, n, (network_s - longer_s, back_s));
                let (way, since) = (way as u8, (since_s * 1e9) as u64);
                let back = view.delay.0;
                let new = OnWay { program, cohort: key, way, due, since, back, count: n };
                put_on_way(&mut self.on_way, new);
            }
        }
        paths.clear();
        self.paths = paths;
        if unopened == 0 {
            return;
        }
        match SYN_WAITS.get(tries) {
            None => of.lost += unopened,
            Some(&wait) => {
                of.pending += unopened;
                let due = step.middle().0 + (wait * 1e9) as u64;
                let syn = Syn { due, cohort: key, lane: lane as u16, count: unopened };
                self.syn[tries].push_back(syn);
            }
        }
    }

    /// What has reached its site in this step is admitted, or refused by a throttle.
    pub(super) fn admit(&mut self, step: Step, scene: &mut Scene) {
        let mut on_way = std::mem::take(&mut self.on_way);
        for &OnWay { program: program_index, cohort: key, way, due, since, back, count } in &on_way
        {
            if due > step.to {
                continue;
            }
            let program = &self.programs.all[program_index as usize];
            let patience = program.visits.first().map_or(u64::MAX, |entry| entry.timeout);
            let slack =
                if patience == u64::MAX { u64::MAX } else { patience.saturating_sub(since) };
            let throttles = &scene.world.throttles;
            let found = throttles
                .iter()
                .position(|t| t.operation == program.operation && t.site == program.site);
            let feeds = program.feeds;
            let mut admitted = if program.visits.is_empty() { 0 } else { count };
            if let Some((pipeline, copies)) = feeds {
                let limit = self.plan.pipeline_limits[pipeline.index()];
                let room = limit.saturating_sub(self.mail[pipeline.index()].backlog);
                admitted = admitted.min(room.div_ceil(u64::from(copies.max(1))));
            }
            if let Some(index) = found {
                admitted = self.tokens(index, admitted, step, scene);
            }
            if admitted < count {
                self.ended((key, way), false, count - admitted, (Took::default(), 0.0));
            }
            if admitted == 0 {
                continue;
            }
            let alike = |token: &&mut Token| {
                (token.cohort, token.way, token.slack) == (Some(key), way, slack)
            };
            match self.arriving.iter_mut().find(alike) {
                Some(token) => token.count += admitted,
                None => {
                    let waits = (slack, back);
                    self.arriving.push(Token::new((key, way), program_index, waits, admitted));
                }
            }
        }
        on_way.retain(|on_way| on_way.due > step.to);
        self.on_way = on_way;
    }

    /// Tokens that a throttle's bucket, which holds one second's worth, gives for `count` attempts.
    fn tokens(&mut self, index: usize, count: u64, step: Step, scene: &Scene) -> u64 {
        let throttle = &scene.world.throttles[index];
        let Some(rate) = throttle.admits_per_s(step.middle()) else { return count };
        self.buckets.resize(scene.world.throttles.len(), (0.0, SimTime::ZERO, SimTime::MAX));
        let (tokens, filled, since) = &mut self.buckets[index];
        if *since != throttle.since {
            (*tokens, *filled, *since) = (0.0, SimTime(step.from), throttle.since);
        }
        let now = SimTime(step.to);
        *tokens = (*tokens + (now - *filled).as_secs_f64() * rate).min(rate.max(1.0));
        *filled = now;
        let admitted = count.min(*tokens as u64);
        *tokens -= admitted as f64;
        admitted
    }

    /// How much longer answers that leave now take to the clients of a cohort's way than it was to
    /// be expected when its attempts were sent, in the mean [s].
    pub(super) fn later_s(&mut self, (key, way): (Key, u8), network: &Network) -> f64 {
        let Some(cohort) = self.cohorts.get_mut(key) else { return 0.0 };
        let (delays, sent) = (cohort.delays, cohort.sent);
        if delays == self.ways.delays {
            return 0.0;
        }
        let site = self.programs.all[cohort.program as usize].site;
        let mut lanes = std::mem::take(&mut cohort.lanes);
        let (mut all, mut later_s) = (0.0, 0.0);
        for lane in &mut lanes {
            let open = lane.ways.get(way as usize).map_or(0.0, |way| way.open as f64);
            if open > 0.0 {
                all += open;
                let of = (lane, way as usize);
                later_s += open * self.later_in_lane_s(of, (site, sent, delays), network);
            }
        }
        self.cohorts.get_mut(key).expect("found above").lanes = lanes;
        if all > 0.0 { later_s / all } else { 0.0 }
    }

    /// The same for one lane of a cohort that was sent to a site, at `sent` [ns], after so many
    /// changes of delays.
    pub(super) fn later_in_lane_s(
        &mut self,
        (lane, way): (&mut Lane, usize),
        (site, sent, delays): (SiteId, u64, u64),
        network: &Network,
    ) -> f64 {
        if delays == self.ways.delays {
            return 0.0;
        }
        if lane.looked != self.ways.delays {
            lane.looked = self.ways.delays;
            lane.back_s = lane.key.from.and_then(|from| {
                let of_class = self.plan.classes[lane.key.class as usize].anycast;
                let (anycast, asked) = match sent <= self.ways.paths {
                    // Answers go home as from any site, wherever requests would go now.
                    true => (None, false),
                    false => (of_class, true),
                };
                let mut paths = std::mem::take(&mut self.paths);
                let crowd = crowd_of(&self.crowds, lane.key);
                add_paths((from, site, anycast), crowd, network, &mut paths);
                let back_s = way_back_s(&paths, asked, network);
                paths.clear();
                self.paths = paths;
                back_s
            });
        }
        let by = &lane.ways[way];
        lane.back_s.map_or(0.0, |back_s| back_s - by.back_s / by.sent.max(1) as f64)
    }

    /// Share of the answers to a lane's attempts, sent at `sent` [ns], that find their way back:
    /// over the paths of now, if these are others since; else over those by which requests arrived.
    /// If their path broke within this beat, a share `home` of them had left before.
    pub(super) fn returned(
        &self,
        lane: LaneKey,
        site: SiteId,
        (sent, home): (u64, f64),
        scene: &Scene,
    ) -> f64 {
        let network = &scene.world.network;
        let Some(from) = lane.from else { return 1.0 };
        let anycast = self.plan.classes[lane.class as usize].anycast;
        let to = anycast.map_or(Destination::Site(site), Destination::Name);
        let broken_since = |to| self.broken_since[network.region_pair_to(from, to)];
        let since = [to, Destination::Site(site)].into_iter().filter_map(broken_since).min();
        let Some(since) = since else { return 1.0 };
        let home = if since.0 + self.beat > self.clock { home } else { 0.0 };
        let since_changed = sent <= self.ways.paths;
        if !since_changed && lane.opens {
            return 1.0;
        }
        let (_, flows) = crowd_of(&self.crowds, lane);
        let mut shares = (0.0, 0.0);
        let mut add = |(path, share): (PathId, f64)| {
            let view = network.view(path);
            let asked = since_changed || view.arrives;
            shares.0 += if asked && view.returns { share } else { 0.0 };
            shares.1 += if asked { share } else { 0.0 };
        };
        match anycast {
            // Answers from one of an anycast name's sites go home as from any site.
            Some(name) if !since_changed => {
                network.shares_of_name(from, name, site).for_each(&mut add);
            }
            _ => network.shares_within(from, site, flows).for_each(&mut add),
        }
        let return_now = if shares.1 > 0.0 { shares.0 / shares.1 } else { 1.0 };
        home + (1.0 - home) * return_now
    }
}

impl Lane {
    /// Attempts that have got through, after so long in the network, with the answer's way; and how
    /// long this is in the mean [s].
    fn arrive(&mut self, way: usize, n: u64, (network_s, back_s): (f64, f64)) {
        if self.ways.len() <= way {
            self.ways.resize(way + 1, Way::default());
        }
        let way = &mut self.ways[way];
        way.open += n;
        way.sent += n;
        way.network_s += network_s * n as f64;
        way.back_s += back_s * n as f64;
        self.open += n;
    }
}
