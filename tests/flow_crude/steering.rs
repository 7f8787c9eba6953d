//! A retry goes where its mailbox is answered, as the first attempt did.

use crate::check::mean;
use crate::model::{Model, exponential, retry};
use crate::runs;
use blackstart::scenario::model::{FaultKind, Fidelity, LostJobs, ServiceId, SiteId, SteeringKind};

/// One of three sites refuses everything: a third of the mailboxes get nothing, however often they
/// try. Drawing the site anew for each of three attempts would serve all but one in 27.
#[test]
fn who_is_answered_a_dead_site_stays_without_service() {
    let model = Model::new().mailboxes(20_000).rate(300.0).servers(100);
    let model = model.service_time(exponential(0.1)).timeout(2.0).good_within(20.0);
    let model = model.retries(retry(3, 1.0)).site("second", 100).site("third", 100);
    let model = model.steering(SteeringKind::Direct, &[1.0 / 3.0; 3]).clock(5.0, 200.0, 5.0);
    let kind = FaultKind::InstancesLost {
        service: ServiceId(0),
        site: SiteId(0),
        share: 1.0,
        jobs: LostJobs::Reset,
    };
    let scenario = model.fault(50.0, None, kind).build();
    for outcome in runs(&scenario, Fidelity::Flow, 3) {
        let served: Vec<f64> =
            outcome.series.availability[15..35].iter().flatten().copied().collect();
        let served = mean(&served);
        // 30,000 demands: a standard deviation is 0.003.
        assert!((served - 2.0 / 3.0).abs() < 0.015, "{served} are served");
    }
}
