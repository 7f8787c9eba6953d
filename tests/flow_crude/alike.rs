//! Partitions alike are one station while they are far from their limits: each must have had what
//! it would have had by itself, and be by itself in time.

use crate::check::{Comparisons, mean};
use crate::model::{Model, call, constant, exponential};
use crate::{each, runs};
use blackstart::measure::outcome::{Outcome, StationSeries};
use blackstart::scenario::model::{FaultKind, Fidelity, LostJobs, Scenario, ServiceId, SiteId};
use std::ops::Range;

/// Partitions, and the servers of each.
const PARTITIONS: u32 = 8;
const SERVERS: u64 = 100;
/// Mean look-up [s], and look-ups a second of one partition.
const LOOK_UP_S: f64 = 0.05;
const CALM_PER_S: f64 = 250.0;
/// Measuring window [s], and look-ups of one partition in it.
const WINDOW_S: f64 = 10.0;
const PER_WINDOW: f64 = CALM_PER_S * WINDOW_S;

/// A front door that all requests pass at once, and a directory that they look things up in.
fn directory(partitions: u32) -> Model {
    let model = Model::new().clock(5.0, 300.0, WINDOW_S).rate(CALM_PER_S * f64::from(PARTITIONS));
    let model = model.servers(5_000).service_time(constant(0.001)).service("directory");
    let model = model.service_time(exponential(LOOK_UP_S));
    let model = model.servers(SERVERS * u64::from(PARTITIONS));
    let model = model.with_service(|service| service.partitions = partitions);
    let directory = model.service_id("directory");
    model.calls("station", call(directory))
}

/// A partition in a window: look-ups, utilisation [share], queue [count].
struct Seen {
    look_ups: f64,
    utilisation: f64,
    queue: f64,
}

/// All partitions in a window.
fn seen(outcome: &Outcome, window: usize) -> Vec<Seen> {
    let stations = &outcome.series.stations[1..];
    assert_eq!(stations.len(), PARTITIONS as usize);
    let of = |station: &StationSeries| Seen {
        look_ups: station.arrivals_per_s[window] * WINDOW_S,
        utilisation: station.utilisation[window].expect("it has slots"),
        queue: station.queue[window],
    };
    stations.iter().map(of).collect()
}

/// Mean of a figure over all partitions and some windows, for each run.
fn means(outcomes: &[Outcome], windows: Range<usize>, figure: fn(&Seen) -> f64) -> Vec<f64> {
    let mean_of = |outcome: &Outcome| {
        let all = windows.clone().flat_map(|window| seen(outcome, window));
        mean(&all.map(|seen| figure(&seen)).collect::<Vec<_>>())
    };
    each(outcomes, mean_of)
}

/// Calm, then for 100 s at 90 % of its slots, where each partition has a queue of its own (M/M/c
/// with 100 servers; one of 800 would have next to none), then calm.
fn with_surge() -> Scenario {
    let busy = 0.9 * SERVERS as f64 / LOOK_UP_S;
    let factor = busy / CALM_PER_S;
    let kind = FaultKind::LoadSurge { region: None, operation: None, factor };
    directory(PARTITIONS).fault(104.0, Some(100.0), kind).build()
}

#[test]
fn each_partition_has_what_it_would_have_by_itself() {
    let outcomes = runs(&with_surge(), Fidelity::Flow, 20);
    let mut comparisons = Comparisons::new();
    for (what, windows) in [("before", 1..10), ("after", 22..30)] {
        let of = |figure| means(&outcomes, windows.clone(), figure);
        comparisons.add(format!("{what}: look-ups"), of(|seen| seen.look_ups), PER_WINDOW);
        // A Poisson count at each.
        let squares = of(|seen| (seen.look_ups - PER_WINDOW).powi(2));
        comparisons.add(format!("{what}: variance between partitions"), squares, PER_WINDOW);
        let expected = CALM_PER_S * LOOK_UP_S / SERVERS as f64;
        comparisons.add(format!("{what}: utilisation"), of(|seen| seen.utilisation), expected);
        assert!(of(|seen| seen.queue).iter().all(|&queue| queue < 1e-3), "a queue {what}");
    }
    // tests/oracles/mmc_erlang_c.csv, 100 servers at 90 %.
    let queue = means(&outcomes, 12..20, |seen| seen.queue);
    comparisons.add_within("queue of a partition", queue, 1.9525, 0.1);
    comparisons.check();
}

/// As calm stations are one, a step costs what it costs for one.
#[test]
fn calm_partitions_cost_what_one_station_costs() {
    let cells = |partitions: u32| {
        let outcomes = runs(&directory(partitions).build(), Fidelity::Flow, 1);
        outcomes[0].cost.cells_updated
    };
    let (one, many) = (cells(1), cells(PARTITIONS));
    assert!(many < one + one / 20, "{one} cells for one station, {many} for {PARTITIONS}");
}

/// In the middle of a window half of the instances are gone with what they did: of 12.5 look-ups at
/// each partition a half.
#[test]
fn partitions_lose_what_is_theirs_with_their_instances() {
    let kind = FaultKind::InstancesLost {
        service: ServiceId(1),
        site: SiteId(0),
        share: 0.5,
        jobs: LostJobs::Reset,
    };
    let scenario = directory(PARTITIONS).fault(52.3, Some(100.0), kind).build();
    let outcomes = runs(&scenario, Fidelity::Flow, 20);
    let of = |outcome: &Outcome, partition: usize| {
        outcome.ledgers.stations[1 + partition].crashed as f64
    };
    let expected = 0.5 * CALM_PER_S * LOOK_UP_S;
    let mut comparisons = Comparisons::new();
    let all = 0..PARTITIONS as usize;
    let mean_of = |o: &Outcome| mean(&all.clone().map(|p| of(o, p)).collect::<Vec<_>>());
    comparisons.add("crashed at a partition", each(&outcomes, mean_of), expected);
    // Each of what Poisson arrivals have left is lost with a probability of a half: Poisson again.
    let spread =
        |o: &Outcome| mean(&all.clone().map(|p| (of(o, p) - expected).powi(2)).collect::<Vec<_>>());
    comparisons.add("its variance", each(&outcomes, spread), expected);
    comparisons.check();
}
