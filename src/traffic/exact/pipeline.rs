//! Pipelines: messages that accepted operations hand on, in order of acceptance.
//!
//! Each message is an operation of its pipeline's own class, already at its site; its deliveries
//! are attempts like any other. The backlog is what is not delivered, bounced or lost yet.

use super::Exact;
use super::client::draw;
use super::op::{Flags, Op};
use crate::kernel::slab::Key;
use crate::kernel::time::SimTime;
use crate::scenario::model::PipelineId;
use crate::traffic::Scene;
use crate::world::population::ClassKind;
use std::collections::VecDeque;

/// Messages of a pipeline in order of acceptance; delivered ones leave when they reach the head.
#[derive(Clone, Debug, Default)]
pub struct Backlog {
    pub(super) order: VecDeque<(SimTime, Key)>,
    /// Messages not yet delivered, bounced or lost.
    pub count: u64,
}

impl Exact {
    /// An accepted operation hands messages to its pipeline.
    pub(super) fn accept(
        &mut self,
        p: PipelineId,
        copies: u32,
        from: &Op,
        at: SimTime,
        scene: &mut Scene,
    ) {
        let found = self.plan.classes.iter().position(|c| c.kind == ClassKind::Pipeline(p));
        let class = found.expect("every pipeline has its class");
        let mailboxes = scene.world.population.mailboxes;
        for copy in 0..copies {
            let luck = from.luck.derive(draw::RECIPIENT | u64::from(copy) << 8);
            let recipient = (luck.uniform(0) * f64::from(mailboxes)) as u32;
            scene.recorder.pipelines[p.index()].accepted += 1;
            if let Some(cell) = scene.recorder.cell(class, at) {
                cell.demand += 1;
            }
            let mut op = Op::new(recipient, luck, at, Flags::DEMANDED);
            op.set_site(from.site());
            let key = self.open(class as u16, op);
            let backlog = &mut self.backlogs[p.index()];
            backlog.count += 1;
            backlog.order.push_back((at, key));
            self.send_at(key, at);
        }
    }

    /// Whether a pipeline takes another message.
    pub(super) fn has_room(&self, pipeline: PipelineId) -> bool {
        self.backlogs[pipeline.index()].count < self.plan.pipeline_limits[pipeline.index()]
    }

    pub(super) fn message_left(&mut self, pipeline: PipelineId) {
        let backlog = &mut self.backlogs[pipeline.index()];
        backlog.count -= 1;
        if backlog.order.len() as u64 > 2 * backlog.count + 1_024 {
            backlog.order.retain(|&(_, key)| self.ops.contains(key));
        }
    }

    /// Messages in a pipeline, and when the oldest of them was accepted.
    pub fn backlog(&mut self, pipeline: PipelineId) -> (u64, Option<SimTime>) {
        let backlog = &mut self.backlogs[pipeline.index()];
        while backlog.order.front().is_some_and(|&(_, key)| !self.ops.contains(key)) {
            backlog.order.pop_front();
        }
        (backlog.count, backlog.order.front().map(|&(at, _)| at))
    }
}
