//! Attachments that nothing tells apart: mailboxes behind several routers, as one crowd.
//!
//! Where no fault and no order of a scenario moves a path, requests go the same ways for the whole
//! run, and which of these a silent link or router will ever cut is known. Attachments of one group
//! whose requests are then cut at the same times are one crowd: each of its attempts takes the ways
//! of any of them, as it does those of equal cost. Latencies of first attempts keep the delay of
//! each; those of others, which are far longer, the mean.
//! **Leaves out.** What is lost on a link that only some of them use is lost to all by luck. So
//! they are told apart where an ordinary peak fills any link by more than [`ROOM`].

use crate::scenario::capacity;
use crate::scenario::model::{Action, BadConfig, FaultKind, Scenario, SiteId};
use crate::world::World;
use crate::world::network::AttachmentId;

/// Utilisation of a link at an ordinary peak above which a surge could fill it [share].
const ROOM: f64 = 1.0 / 16.0;

/// The attachments of a crowd.
#[derive(Clone, Debug, Default)]
pub(super) struct Attached {
    /// Each with its share of the members; none of a pipeline's messages, which are at their site.
    pub shares: Vec<(AttachmentId, f64)>,
    /// [site], each: by how much its round trip is longer than their mean [s].
    longer_s: Vec<Vec<f64>>,
}

impl Attached {
    /// Attachments with their shares of the members.
    pub(super) fn new(shares: Vec<(AttachmentId, f64)>, world: &World) -> Attached {
        let round_trip_s = |from: AttachmentId, to: SiteId| {
            let network = &world.network;
            let way = |(path, share)| share * 2.0 * network.view(path).delay.as_secs_f64();
            network.shares(from, to).map(way).sum::<f64>()
        };
        let longer_s = (0..world.sites as u32).map(|site| {
            let all: Vec<f64> =
                shares.iter().map(|&(from, _)| round_trip_s(from, SiteId(site))).collect();
            let mean: f64 = all.iter().zip(&shares).map(|(one, of)| one * of.1).sum();
            all.into_iter().map(|one| one - mean).collect()
        });
        Attached { longer_s: longer_s.collect(), shares }
    }

    /// By how much the round trip to a site is longer from one of them than in their mean [s].
    pub(super) fn longer_s(&self, site: SiteId, place: usize) -> f64 {
        self.longer_s[site.index()][place]
    }
}

/// Whether every path stays as it is for the whole run, and at an ordinary peak every link has
/// [`ROOM`].
pub(super) fn ways_stay(scenario: &Scenario) -> bool {
    let stays = |fault: &FaultKind| match fault {
        FaultKind::ConfigPushed { effect, .. } => *effect == BadConfig::Silent,
        FaultKind::LinkSilent { .. }
        | FaultKind::RouterSilent { .. }
        | FaultKind::OutOfBandLost
        | FaultKind::InstancesLost { .. }
        | FaultKind::Slow { .. }
        | FaultKind::Erroring { .. }
        | FaultKind::Hung { .. }
        | FaultKind::MiddleboxCapacity { .. }
        | FaultKind::LoadSurge { .. }
        | FaultKind::MassReconnect { .. }
        | FaultKind::CacheLost { .. } => true,
        FaultKind::LinkDown { .. }
        | FaultKind::DuctCut { .. }
        | FaultKind::LinkLoss { .. }
        | FaultKind::LinkDelay { .. }
        | FaultKind::LinkBandwidth { .. }
        | FaultKind::RouterDown { .. }
        | FaultKind::Partition { .. }
        | FaultKind::PrefixWithdrawn { .. }
        | FaultKind::SystemWithdrawn { .. }
        | FaultKind::PrefixHijacked { .. }
        | FaultKind::RouteLeak { .. }
        | FaultKind::WeightMistake { .. }
        | FaultKind::SessionReset { .. }
        | FaultKind::SiteDown { .. } => false,
    };
    let orders = |action: &Action| matches!(action, Action::Network { .. });
    scenario.faults.iter().all(|fault| stays(&fault.kind))
        && !scenario.runbook.iter().filter_map(|step| step.action.as_ref()).any(orders)
        && capacity::capacity(scenario).links.iter().all(|link| link.peak_utilisation <= ROOM)
}
