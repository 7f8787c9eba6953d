//! Little's law, L = lambda W, on scenarios drawn at random.

use crate::model::{Model, call, constant, exponential, once, retry};
use blackstart::kernel::stream::{RootSeed, Stream};
use blackstart::scenario::model::{Discipline, FaultKind, Scenario, ServiceId};
use blackstart::simulation::run;

/// A front that holds its slot while it calls a back, drawn: servers, laws, limits, discipline,
/// load, and a slow spell in the middle; demand ends early enough for all to leave.
fn drawn(stream: &mut Stream) -> Scenario {
    let (servers, backs) = (1 + stream.below(8), 1 + stream.below(8));
    let mean = 0.05 + 0.2 * stream.uniform();
    let load = 0.3 + 0.9 * stream.uniform();
    let discipline = if stream.bernoulli(0.5) { Discipline::Fifo } else { Discipline::Lifo };
    let mut model = Model::new()
        .clock(0.0, 2_000.0, 10.0)
        .servers(servers)
        .service_time(exponential(mean))
        .discipline(discipline)
        .rate(load * servers as f64 / mean)
        .timeout(1e4)
        .retries(if stream.bernoulli(0.5) { once() } else { retry(3, 0.1) });
    if stream.bernoulli(0.5) {
        let limit = servers as u32 * (1 + stream.below(5) as u32);
        model = model.queue_limit(limit);
    }
    let law = constant(0.4 * mean * backs as f64 / servers as f64);
    model =
        model.service("back").servers(backs).service_time(law).calls("station", call(ServiceId(1)));
    let factor = 1.0 + stream.uniform();
    let slow = FaultKind::Slow { service: ServiceId(0), site: None, factor };
    let ends = FaultKind::LoadSurge { region: None, operation: None, factor: 0.0 };
    model.fault(50.0, Some(50.0), slow).fault(200.0, None, ends).build()
}

/// Everything has left when the run ends, so there is no edge: the integral of the requests
/// present is the sum of all their sojourns. Nothing is drawn twice, so this holds to rounding.
#[test]
fn littles_law() {
    let mut stream = Stream::named(RootSeed(7), "theory/little");
    let (mut queued, mut refused) = (0, 0);
    for case in 0..40 {
        let scenario = drawn(&mut stream);
        let outcome = run(&scenario, case, &mut |_| {}).expect("both ledgers balance");
        let series = &outcome.series;
        let front = &series.stations[0];
        let integral = |values: &[f64]| values.iter().sum::<f64>() * series.window_s;
        let slots = front.slots[0];
        let busy: Vec<f64> = front.utilisation.iter().map(|u| u.unwrap_or(0.0) * slots).collect();
        let present = integral(&busy) + integral(&front.queue);
        let ledger = &outcome.ledgers.stations[0];
        assert_eq!(ledger.waiting + ledger.holding, 0, "case {case}: all have left");
        let row = outcome.latency.iter().find(|row| row.phase == "all").expect("answers");
        let sojourns = row.mean_s * row.count as f64;
        // Attempts that were refused took no time at the station; backoffs are no sojourn there.
        if ledger.rejected == 0 {
            let slack = 1e-6 * row.count as f64 + 1e-9 * present;
            assert!((present - sojourns).abs() <= slack, "case {case}: {present} {sojourns}");
        } else {
            refused += 1;
            assert!(present <= sojourns + 1e-6 * row.count as f64, "case {case}");
        }
        queued += u32::from(integral(&front.queue) > integral(&busy));
    }
    assert!(queued > 5 && refused > 5 && refused < 35, "the draws reach queues and limits");
}
