//! What one attempt meets on each path, worked out once a tick and after every change, so that the
//! hot path only copies it.

use super::element::SessionTable;
use super::forwarding::End;
use super::table::PathKind;
use super::topology::Direction;
use super::{Network, PathId, RouterState};
use crate::kernel::math;
use crate::kernel::time::SimDuration;
use crate::scenario::model::{RouterId, WhenFull};

/// What an attempt meets on a path at this instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathView {
    /// Whether anything arrives at the site; `false` is a black hole.
    pub arrives: bool,
    /// Whether anything comes back from there.
    pub returns: bool,
    /// Both: a connection can be opened.
    pub carries: bool,
    /// Delay one way, queues included: half the round trip; of the one way that is left, if only
    /// one is.
    pub delay: SimDuration,
    /// Share of packets lost one way; a round trip loses 1 - (1 - loss)^2. All, where neither way
    /// is left.
    pub loss: f64,
    /// What a new connection waits for at middleboxes, once, on top of `delay`.
    pub connection_delay: SimDuration,
    /// Share of new connections silently dropped at middleboxes, on top of `loss`.
    pub connection_loss: f64,
    /// Share of new connections refused at once at middleboxes; disjoint from `connection_loss`.
    pub connection_refused: f64,
}

impl PathView {
    /// No way at all.
    pub(super) const NOTHING: PathView = PathView {
        arrives: false,
        returns: false,
        carries: false,
        delay: SimDuration::ZERO,
        loss: 1.0,
        connection_delay: SimDuration::ZERO,
        connection_loss: 0.0,
        connection_refused: 0.0,
    };

    /// The same, with a session table on the way that takes no more.
    #[inline]
    pub(super) fn behind(mut self, full: Option<SessionTable>) -> PathView {
        if let Some(table) = full {
            let dropped = f64::from(u8::from(table.when_full == WhenFull::Drop));
            self.connection_loss = dropped;
            self.connection_refused = 1.0 - dropped;
        }
        self
    }
}

impl Network {
    /// What an attempt meets on a path now.
    #[inline]
    pub fn view(&self, path: PathId) -> PathView {
        self.views[path.index()].behind(self.full_table(path))
    }

    /// The session table that a connection on this path meets, if it is full.
    #[inline]
    pub(super) fn full_table(&self, path: PathId) -> Option<SessionTable> {
        let path = &self.table.paths[path.index()];
        let full = self.sites[path.to.index()].full_table();
        full.filter(|_| path.kind == PathKind::FromRegion)
    }

    /// Whether anything that is on its way on a path arrives at the site.
    #[inline]
    pub fn arrives(&self, path: PathId) -> bool {
        self.views[path.index()].arrives
    }

    /// How long an answer takes on a path; `None` if it does not come back.
    #[inline]
    pub fn delay_back(&self, path: PathId) -> Option<SimDuration> {
        let view = &self.views[path.index()];
        view.returns.then_some(view.delay)
    }

    /// Looks at every path anew: after a change of what is up.
    pub(super) fn refresh_views(&mut self) {
        for index in 0..self.views.len() {
            self.refresh_view(index);
        }
    }

    /// Looks at the paths in use anew: after a tick. On the others only what was sent before is
    /// still under way, and asks no more than whether they carry anything.
    pub(super) fn refresh_live_views(&mut self) {
        self.table.note_live();
        for place in 0..self.table.live().len() {
            self.refresh_view(self.table.live()[place].index());
        }
    }

    fn refresh_view(&mut self, index: usize) {
        let view = self.look(index);
        self.delay_changes += u64::from(view.delay != self.views[index].delay);
        self.views[index] = view;
    }

    /// How often the delay of any path has become another, or a pair has come to use other paths.
    pub fn delay_changes(&self) -> u64 {
        self.delay_changes
    }

    pub(super) fn look(&self, index: usize) -> PathView {
        let path = &self.table.paths[index];
        let site = &self.sites[path.to.index()];
        if path.kind == PathKind::Local {
            let up = site.up;
            let open = PathView { arrives: up, returns: up, carries: up, ..PathView::NOTHING };
            return PathView { loss: 0.0, ..open };
        }
        let is_up = |router: RouterId| self.routers[router.index()] == RouterState::Up;
        let mut there = OneWay::new(site.up && is_up(path.start), path.ends[0]);
        self.follow(self.table.hops(path), &mut there);
        let mut back = OneWay::new(site.up && is_up(site.router), path.ends[1]);
        self.follow(self.table.hops_back(path), &mut back);
        let mut view = PathView { arrives: there.open, returns: back.open, ..PathView::NOTHING };
        view.carries = there.open && back.open;
        let (mut queues_s, mut passed) = match (there.open, back.open) {
            (true, true) => {
                self.follow(self.table.hops_back(path), &mut there);
                // Of both ways together one has half, or the root, on the mean.
                view.delay = SimDuration(there.delay.0 / 2);
                (0.5 * there.queues_s, math::sqrt(there.passed))
            }
            (false, false) => return PathView::NOTHING,
            (open, _) => {
                let left = if open { there } else { back };
                view.delay = left.delay;
                (left.queues_s, left.passed)
            }
        };
        if path.kind == PathKind::FromRegion {
            let mut connections_s = 0.0;
            let mut arriving = 1.0;
            for &id in &site.middleboxes {
                let middlebox = &self.middleboxes[id.index()];
                // Both ways pass its one queue, so each way has all of the delay and of the loss.
                queues_s += middlebox.bits.delay_s.max(middlebox.packets.delay_s);
                passed *= (1.0 - middlebox.bits.loss) * (1.0 - middlebox.packets.loss);
                connections_s += middlebox.connections.delay_s;
                let stopped = arriving * middlebox.connections.loss;
                match middlebox.when_full {
                    WhenFull::Drop => view.connection_loss += stopped,
                    WhenFull::Reset => view.connection_refused += stopped,
                }
                arriving -= stopped;
            }
            view.connection_delay = SimDuration::from_secs_f64(connections_s);
        }
        view.delay += SimDuration::from_secs_f64(queues_s);
        view.loss = 1.0 - passed;
        view
    }

    /// Adds what is met on the hops of one way.
    fn follow(&self, hops: &[Direction], way: &mut OneWay) {
        for &hop in hops {
            let (link, queue) = (&self.links[hop.link()], &self.directions[hop.index()]);
            let far_end = self.topology.far_end(hop);
            way.open &= link.carries() && self.routers[far_end.index()] == RouterState::Up;
            way.delay = way.delay + link.delay + link.state.extra_delay;
            way.queues_s += queue.delay_s;
            way.passed *= link.passes(hop.side()) * (1.0 - queue.loss);
        }
    }
}

/// What is met on the way there, or on the way back.
#[derive(Clone, Copy, Debug)]
struct OneWay {
    open: bool,
    delay: SimDuration,
    queues_s: f64,
    /// Share of packets that are not lost.
    passed: f64,
}

impl OneWay {
    fn new(up: bool, end: End) -> OneWay {
        let open = up && end == End::Delivered;
        OneWay { open, delay: SimDuration::ZERO, queues_s: 0.0, passed: 1.0 }
    }
}
