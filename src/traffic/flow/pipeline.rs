//! Pipelines: messages that accepted operations hand on, in counts.
//!
//! Messages of one part of the directory are a crowd of their own; its deliveries are attempts like
//! any other, already at their site. The backlog is what is not delivered or bounced yet.

use super::backoff::Pool;
use super::cohort::{Kind, Row};
use super::crowds::Owner;
use super::{Flow, Scene};
use crate::kernel::sample::binomial;
use crate::kernel::time::SimTime;
use crate::scenario::model::{PipelineId, SiteId};

/// What is kept of one pipeline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mail {
    /// Its class.
    pub class: u16,
    /// The crowd of its first part; those of the others follow.
    pub crowd: u32,
    /// Messages not yet delivered or bounced.
    pub backlog: u64,
}

impl Flow {
    /// Operations that were accepted at a site hand messages to their pipeline: to recipients
    /// anywhere.
    pub(super) fn accept(
        &mut self,
        pipeline: PipelineId,
        n: u64,
        site: SiteId,
        at: SimTime,
        scene: &mut Scene,
    ) {
        let Mail { class, crowd: first, .. } = self.mail[pipeline.index()];
        self.mail[pipeline.index()].backlog += n;
        scene.recorder.pipelines[pipeline.index()].accepted += n;
        if let Some(cell) = scene.recorder.cell(class as usize, at) {
            cell.demand += n as u32;
        }
        self.operations[class as usize].begun += n;
        let (mut left, mut share_left) = (n, 1.0);
        let shares: Vec<f64> = self.parts.shares().collect();
        for (part, share) in shares.into_iter().enumerate() {
            let last = part + 1 == self.parts.count();
            let here =
                if last { left } else { binomial(&mut self.draws, left, share / share_left) };
            (left, share_left) = (left - here, share_left - share);
            let lane = self.lane(first + part as u32, class, Kind::Demanded, false);
            self.sends(lane, site, Row::first(at, here), scene);
        }
    }

    /// Messages in a pipeline, and when the oldest of them was accepted.
    pub fn backlog(&self, pipeline: PipelineId) -> (u64, Option<SimTime>) {
        let mine = |crowd: u32| {
            let crowd = self.crowds.get(crowd as usize);
            crowd.is_some_and(|crowd| crowd.owner == Owner::Pipeline(pipeline))
        };
        let mail = &self.mail[pipeline.index()];
        let lanes = self.cohorts.iter().flat_map(|(_, cohort)| &cohort.lanes);
        let under_way = lanes.filter(|lane| mine(lane.key.crowd)).flat_map(|lane| &lane.rows);
        let under_way = under_way.map(|row| row.know);
        let pools = self.crowds.iter().filter(|crowd| crowd.owner == Owner::Pipeline(pipeline));
        let waiting = pools.flat_map(|crowd| &crowd.pools).filter(|pool| pool.count > 0);
        let mut oldest_s = f64::INFINITY;
        for know in under_way.chain(waiting.map(Pool::waiting)) {
            if know.earliest_s < oldest_s {
                oldest_s = oldest_s.min(know.first_s());
            }
        }
        let oldest = oldest_s.is_finite().then(|| SimTime::from_secs_f64(oldest_s));
        (mail.backlog, oldest)
    }
}
