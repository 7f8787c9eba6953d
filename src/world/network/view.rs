//! What one attempt meets on each path, worked out once a tick and after every change, so that the
//! hot path only copies it.

use super::forwarding::End;
use super::table::PathKind;
use super::{Network, RouterState};
use crate::kernel::time::SimDuration;
use crate::scenario::model::WhenFull;

/// What an attempt meets on a path at this instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathView {
    /// Whether anything arrives; `false` is a black hole.
    pub carries: bool,
    /// Delay one way, queues included: half the round trip.
    pub delay: SimDuration,
    /// Share of packets lost one way; a round trip loses 1 - (1 - loss)^2.
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
        carries: false,
        delay: SimDuration::ZERO,
        loss: 1.0,
        connection_delay: SimDuration::ZERO,
        connection_loss: 0.0,
        connection_refused: 0.0,
    };
}

impl Network {
    /// Looks at every path anew: after a change of what is up.
    pub(super) fn refresh_views(&mut self) {
        for index in 0..self.views.len() {
            self.views[index] = self.look(index);
        }
    }

    /// Looks at the paths in use anew: after a tick. On the others only what was sent before is
    /// still under way, and asks no more than whether they carry anything.
    pub(super) fn refresh_live_views(&mut self) {
        self.table.note_live();
        for place in 0..self.table.live().len() {
            let index = self.table.live()[place].index();
            self.views[index] = self.look(index);
        }
    }

    pub(super) fn look(&self, index: usize) -> PathView {
        let path = &self.table.paths[index];
        let site = &self.sites[path.to.index()];
        let mut view = PathView { carries: site.up, loss: 0.0, ..PathView::NOTHING };
        if path.kind == PathKind::Local {
            return view;
        }
        if path.ends != [End::Delivered; 2] {
            return PathView::NOTHING;
        }
        view.carries &= self.routers[path.start.index()] == RouterState::Up;
        // Both ways together; half of it, or its root, is what one way has on the mean.
        let (mut delay, mut queues_s, mut passed) = (SimDuration::ZERO, 0.0, 1.0);
        for &hop in self.table.hops(path).iter().chain(self.table.hops_back(path)) {
            let (link, queue) = (&self.links[hop.link()], &self.directions[hop.index()]);
            let far_end = self.topology.far_end(hop);
            view.carries &= link.carries() && self.routers[far_end.index()] == RouterState::Up;
            delay = delay + link.delay + link.state.extra_delay;
            queues_s += 0.5 * queue.delay_s;
            passed *= link.passes(hop.side()) * (1.0 - queue.loss);
        }
        view.delay = SimDuration(delay.0 / 2);
        passed = crate::kernel::math::sqrt(passed);
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
        view.loss = if view.carries { 1.0 - passed } else { 1.0 };
        view
    }
}
