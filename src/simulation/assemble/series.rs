//! The series of an outcome: one value a window, from the tables of a finished trial.

use super::{availability, classes_of, demander, partition_of, sums};
use crate::measure::histogram::Histogram;
use crate::measure::outcome::{
    LinkSeries, MiddleboxSeries, OperationSeries, PipelineSeries, RegionSeries, Series,
    SessionSeries, StationSeries, SteeringSeries,
};
use crate::scenario::model::{OperationId, RegionId, Scenario};
use crate::simulation::Trial;
use crate::world::population::ClassKind;

/// All series of a finished trial.
pub(super) fn series(scenario: &Scenario, trial: &Trial) -> Series {
    let everyone = classes_of(trial, None, None);
    let all = sums(trial, &everyone);
    let amplification = all.iter().map(|sum| (sum[5] > 0).then(|| sum[6] as f64 / sum[5] as f64));
    let operations = scenario.operations.iter().enumerate();
    let (slice, _) = trial.recorder.slices();
    Series {
        window_s: scenario.clock.window.as_secs_f64(),
        windows: trial.log.windows,
        availability: availability(scenario, trial, &everyone),
        amplification: amplification.collect(),
        slice_s: slice.as_secs_f64(),
        operations: operations
            .map(|(index, _)| operation_series(scenario, trial, OperationId(index as u32)))
            .collect(),
        regions: (0..scenario.regions.len())
            .map(|region| RegionSeries {
                region: scenario.regions[region].name.clone(),
                availability: availability(
                    scenario,
                    trial,
                    &classes_of(trial, Some(RegionId(region as u32)), None),
                ),
            })
            .collect(),
        stations: station_series(scenario, trial),
        middleboxes: middlebox_series(scenario, trial),
        links: link_series(scenario, trial),
        sessions: session_series(scenario, trial),
        pipelines: pipeline_series(scenario, trial),
        steering: steering_series(scenario, trial),
    }
}

/// The classes of an operation: of the groups, or its pipeline's own.
fn classes_of_operation(trial: &Trial, operation: OperationId) -> Vec<usize> {
    let classes = trial.world.population.classes.iter().enumerate();
    let own =
        classes.filter(|(_, class)| class.operation == operation && class.kind != ClassKind::Probe);
    own.map(|(index, _)| index).collect()
}

fn operation_series(scenario: &Scenario, trial: &Trial, operation: OperationId) -> OperationSeries {
    let classes = classes_of_operation(trial, operation);
    let sums = sums(trial, &classes);
    let factor = scenario.scale as f64 / scenario.clock.window.as_secs_f64();
    let column = |index: usize| sums.iter().map(|sum| sum[index] as f64 * factor).collect();
    let (_, slices) = trial.recorder.slices();
    let merged = |slice: usize| {
        let mut sum = Histogram::new();
        for &class in &classes {
            sum.merge(&trial.recorder.latency(class, slice, slice + 1));
        }
        sum
    };
    let slices: Vec<Histogram> = (0..slices).map(merged).collect();
    let quantile = |q: f64| slices.iter().map(|slice| slice.quantile_s(q)).collect();
    OperationSeries {
        client: demander(scenario, operation),
        operation: scenario.operations[operation.index()].name.clone(),
        demand_per_s: column(0),
        good_per_s: column(1),
        late_per_s: column(2),
        failed_per_s: column(3),
        suppressed_per_s: column(4),
        first_attempts_per_s: column(5),
        attempts_per_s: column(6),
        answered_per_s: column(7),
        latency_p50_s: quantile(0.5),
        latency_p99_s: quantile(0.99),
    }
}

fn station_series(scenario: &Scenario, trial: &Trial) -> Vec<StationSeries> {
    let window_s = scenario.clock.window.as_secs_f64();
    let factor = scenario.scale as f64 / window_s;
    let count = trial.world.services.stations.len();
    let series = |(index, station): (usize, &crate::world::service::Station)| {
        let cells: Vec<_> = trial.log.stations.iter().skip(index).step_by(count).collect();
        let per_s = |count: &dyn Fn(usize) -> u32| {
            (0..cells.len()).map(|window| f64::from(count(window)) * factor).collect()
        };
        let waits = trial.recorder.waits[index];
        StationSeries {
            service: scenario.services[station.service.index()].name.clone(),
            site: scenario.sites[station.site.index()].name.clone(),
            partition: partition_of(scenario, trial, index),
            slots: cells.iter().map(|cell| cell.slot_s * factor).collect(),
            utilisation: cells
                .iter()
                .map(|cell| (cell.slot_s > 0.0).then(|| cell.busy_s / cell.slot_s))
                .collect(),
            queue: cells.iter().map(|cell| cell.queue_s * factor).collect(),
            arrivals_per_s: per_s(&|w| cells[w].arrived),
            useful_per_s: per_s(&|w| cells[w].useful),
            stale_per_s: per_s(&|w| cells[w].stale),
            refused_per_s: per_s(&|w| cells[w].refused),
            started: waits.1 as f64 * scenario.scale as f64,
            mean_wait_s: (waits.1 > 0).then(|| waits.0 / waits.1 as f64),
        }
    };
    trial.world.services.stations.iter().enumerate().map(series).collect()
}

fn middlebox_series(scenario: &Scenario, trial: &Trial) -> Vec<MiddleboxSeries> {
    let scale = scenario.scale as f64;
    let window_s = scenario.clock.window.as_secs_f64();
    let count = scenario.network.middleboxes.len();
    let series = |(index, spec): (usize, &crate::scenario::model::Middlebox)| {
        let cells = || trial.log.middleboxes.iter().skip(index).step_by(count);
        MiddleboxSeries {
            name: spec.name.clone(),
            site: scenario.sites[spec.before.index()].name.clone(),
            new_connections_limit_per_s: spec.new_connections,
            offered_connections_per_s: cells().map(|c| c.offered * scale / window_s).collect(),
            sessions: cells().map(|cell| cell.sessions * scale).collect(),
            loss: cells().map(|cell| cell.loss).collect(),
            delay_s: cells().map(|cell| cell.delay_s).collect(),
        }
    };
    scenario.network.middleboxes.iter().enumerate().map(series).collect()
}

fn link_series(scenario: &Scenario, trial: &Trial) -> Vec<LinkSeries> {
    let count = scenario.network.links.len();
    let series = |(index, link): (usize, &crate::scenario::model::Link)| {
        let cells = || trial.log.links.iter().skip(index).step_by(count);
        LinkSeries {
            name: link.name.clone(),
            utilisation: cells().map(|cell| cell.utilisation).collect(),
            loss: cells().map(|cell| cell.loss).collect(),
        }
    };
    let all = scenario.network.links.iter().enumerate().map(series);
    // Of a large network only what was ever used: hundreds of idle links say nothing.
    let used = |link: &LinkSeries| {
        count <= LINKS_SHOWN_IDLE || link.utilisation.iter().any(|share| *share > 0.0)
    };
    all.filter(used).collect()
}

/// Links that are shown even if nothing ever passed them.
const LINKS_SHOWN_IDLE: usize = 100;

fn session_series(scenario: &Scenario, trial: &Trial) -> Vec<SessionSeries> {
    let scale = scenario.scale as f64;
    let (sites, clients) = (scenario.sites.len(), scenario.clients.len());
    let series = |(index, client): (usize, &crate::scenario::model::Client)| {
        client.session.as_ref()?;
        let rows = || trial.log.sessions.chunks(sites + 1).skip(index).step_by(clients);
        let at = |site: usize| rows().map(|row| f64::from(row[site]) * scale).collect();
        let out = |row: &[u32]| {
            let signed_in: u32 = row[..sites].iter().sum();
            f64::from(row[sites].saturating_sub(signed_in)) * scale
        };
        Some(SessionSeries {
            client: client.name.clone(),
            present: at(sites),
            signed_in: (0..sites).map(at).collect(),
            signing_in: rows().map(out).collect(),
        })
    };
    scenario.clients.iter().enumerate().filter_map(series).collect()
}

fn pipeline_series(scenario: &Scenario, trial: &Trial) -> Vec<PipelineSeries> {
    let scale = scenario.scale as f64;
    let per_s = scale / scenario.clock.window.as_secs_f64();
    let count = scenario.pipelines.len();
    let series = |(index, pipeline): (usize, &crate::scenario::model::Pipeline)| {
        let cells = || trial.log.pipelines.iter().skip(index).step_by(count);
        let rate = |total: fn(&crate::measure::log::PipelineCell) -> u64| {
            let mut before = cells().next().map_or(0, total);
            let rates = cells().map(|cell| {
                let gained = total(cell) - before;
                before = total(cell);
                gained as f64 * per_s
            });
            rates.collect()
        };
        PipelineSeries {
            name: pipeline.name.clone(),
            good_within_s: scenario.operations[pipeline.delivery.index()].good_within.as_secs_f64(),
            backlog: cells().map(|cell| cell.backlog as f64 * scale).collect(),
            oldest_s: cells().map(|cell| cell.oldest_s).collect(),
            delivered_per_s: rate(|cell| cell.delivered),
            bounced_per_s: rate(|cell| cell.bounced),
        }
    };
    scenario.pipelines.iter().enumerate().map(series).collect()
}

fn steering_series(scenario: &Scenario, trial: &Trial) -> Vec<SteeringSeries> {
    let (sites, names) = (scenario.sites.len(), scenario.steering.len());
    let series = |(index, name): (usize, &crate::scenario::model::Steering)| {
        let rows = || trial.log.steering.chunks(sites).skip(index).step_by(names);
        let of_site = |site: usize| rows().map(|row| row[site]).collect();
        SteeringSeries { name: name.name.clone(), shares: (0..sites).map(of_site).collect() }
    };
    scenario.steering.iter().enumerate().map(series).collect()
}
