//! From the tables of a finished trial to its [`Outcome`].

mod series;

use super::{Trial, largest_good_within};
use crate::kernel::digest::Digest;
use crate::kernel::math;
use crate::kernel::time::SimDuration;
use crate::measure::histogram::Histogram;
use crate::measure::incident::{Readings, incident};
use crate::measure::outcome::{
    ClientLedger, Impact, Incident, LatencyRow, Ledgers, Moment, Outcome, PipelineLedger, Series,
    SessionSeries, StationLedger, SteeringSeries, Tracers,
};
use crate::measure::recorder::Cell;
use crate::measure::recovery::minute_availability;
use crate::scenario::model::{Demander, OperationId, RegionId, Scenario};
use crate::traffic::books::Standing;
use crate::world::population::ClassKind;

/// Quantiles of the latency table.
const LATENCY_QUANTILES: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 1.0];
/// Quantiles of felt downtime.
const DOWNTIME_QUANTILES: [f64; 5] = [0.1, 0.5, 0.9, 0.99, 1.0];

/// Puts everything together.
pub(super) fn outcome(scenario: &Scenario, trial: &mut Trial) -> Outcome {
    let ledgers = ledgers(scenario, trial);
    // Nothing below asks for a request; what mailboxes have felt takes their place in memory.
    trial.traffic.forget_requests();
    let timeline = timeline(scenario, trial);
    let series = series::series(scenario, trial);
    let mut incident = clock(scenario, trial, &series, &timeline);
    incident.metastable = trial.metastable;
    let mut outcome = Outcome {
        seed: trial.seed,
        latency: latency(scenario, trial, &incident),
        impact: impact(scenario, trial, &series),
        ledgers,
        cost: trial.traffic.cost(),
        network: super::routes::outcome(scenario, trial),
        series,
        incident,
        timeline,
        digest: String::new(),
    };
    outcome.digest = digest(&outcome);
    outcome
}

/// The digest of an outcome: of its JSON without the cost and the digest itself.
fn digest(outcome: &Outcome) -> String {
    let mut bare = outcome.clone();
    bare.cost = Default::default();
    bare.digest = String::new();
    let json = serde_json::to_vec(&bare).expect("an outcome is plain data");
    let mut digest = Digest::new();
    digest.update_bytes(&json);
    digest.finish()
}

fn timeline(scenario: &Scenario, trial: &Trial) -> Vec<Moment> {
    let start_s = scenario.start().as_secs_f64();
    let moment = |happening: &crate::control::Happening| Moment {
        at_s: happening.at.as_secs_f64() - start_s,
        kind: happening.kind.to_string(),
        name: happening.name.clone(),
        text: happening.text.clone(),
    };
    trial.control.timeline.iter().map(moment).collect()
}

/// Sums of the cells of some classes, window by window.
fn sums(trial: &Trial, classes: &[usize]) -> Vec<[u64; 9]> {
    let add = |sums: &mut [u64; 9], cell: &Cell| {
        let counts = [
            cell.demand,
            cell.good,
            cell.late,
            cell.failed,
            cell.suppressed,
            cell.first,
            cell.sent,
            cell.answered,
            cell.unanswered,
        ];
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += u64::from(count);
        }
    };
    (0..trial.log.windows)
        .map(|window| {
            let mut sum = [0; 9];
            for &class in classes {
                add(&mut sum, trial.recorder.cell_at(class, window));
            }
            sum
        })
        .collect()
}

fn classes_of(trial: &Trial, region: Option<RegionId>, o: Option<OperationId>) -> Vec<usize> {
    trial.world.classes_matching(region, o).collect()
}

/// Windows whose demands could all still have been answered well before the end.
fn final_windows(scenario: &Scenario, trial: &Trial) -> usize {
    let left = scenario.clock.duration.0.saturating_sub(largest_good_within(scenario).0);
    ((left / scenario.clock.window.0) as usize).min(trial.log.windows)
}

/// Availability of some classes, window by window; no data where a window is not final.
fn availability(scenario: &Scenario, trial: &Trial, classes: &[usize]) -> Vec<Option<f64>> {
    let finals = final_windows(scenario, trial);
    let share = |(window, sum): (usize, [u64; 9])| {
        (window < finals && sum[0] > 0).then(|| sum[1] as f64 / sum[0] as f64)
    };
    sums(trial, classes).into_iter().enumerate().map(share).collect()
}

fn demander(scenario: &Scenario, operation: OperationId) -> String {
    match scenario.operations[operation.index()].by {
        Demander::Client(client) => scenario.clients[client.index()].name.clone(),
        Demander::Pipeline(pipeline) => scenario.pipelines[pipeline.index()].name.clone(),
    }
}

/// Name of a station's partition, where its service has several.
fn partition_of(scenario: &Scenario, trial: &Trial, index: usize) -> Option<u32> {
    let station = &trial.world.services.stations[index];
    let several = scenario.services[station.service.index()].partitions > 1;
    several.then_some(station.partition)
}

fn clock(scenario: &Scenario, trial: &Trial, series: &Series, timeline: &[Moment]) -> Incident {
    let all = sums(trial, &classes_of(trial, None, None));
    let finals = final_windows(scenario, trial);
    let demand: Vec<f64> = all[..finals].iter().map(|sum| sum[0] as f64).collect();
    let good: Vec<f64> = all[..finals].iter().map(|sum| sum[1] as f64).collect();
    let minutes = minute_availability(series.window_s, &demand, &good);
    let acting = scenario.runbook.iter().filter(|step| step.action.is_some());
    let acting: Vec<String> = acting.map(|step| step.name.clone()).collect();
    let sessions = (0..series.windows).map(|window| {
        let sum = |column: fn(&SessionSeries) -> &Vec<f64>| {
            series.sessions.iter().map(|row| column(row)[window]).sum::<f64>()
        };
        let (present, out) = (sum(|row| &row.present), sum(|row| &row.signing_in));
        (present > 0.0).then(|| 1.0 - out / present)
    });
    let windows = if series.pipelines.is_empty() { 0 } else { series.windows };
    let overdue = (0..windows).map(|window| {
        let rows = series.pipelines.iter().zip(&scenario.pipelines);
        let overdue = rows.map(|(row, pipeline)| {
            let good = scenario.operations[pipeline.delivery.index()].good_within;
            row.oldest_s[window].unwrap_or(0.0) - good.as_secs_f64()
        });
        overdue.fold(0.0, f64::max)
    });
    let home = (0..series.windows).map(|window| {
        let home_of = |(row, name): (&SteeringSeries, &crate::scenario::model::Steering)| {
            let shares = row.shares.iter().enumerate();
            shares.into_iter().all(|(site, column)| {
                let at_first = match name.anycast() {
                    // Nobody set them: home is where the routes led at first.
                    Some(_) => column[0],
                    None => {
                        let answer = name.answers.iter().find(|answer| answer.0.index() == site);
                        answer.map_or(0.0, |answer| answer.1)
                    }
                };
                (column[window] - at_first).abs() < 1e-6
            })
        };
        series.steering.iter().zip(&scenario.steering).all(home_of)
    });
    incident(&Readings {
        minutes: &minutes,
        threshold: trial.criterion.0,
        sustained_s: trial.criterion.1.as_secs_f64(),
        timeline,
        acting_steps: &acting,
        sessions: &sessions.collect::<Vec<_>>(),
        overdue_s: &overdue.collect::<Vec<_>>(),
        steering_home: &home.collect::<Vec<_>>(),
        window_s: series.window_s,
    })
}

/// The slices of each phase: before the first fault, during the incident, after recovery.
/// A slice that a boundary cuts belongs to `during`, so that `before` and `after` are clean.
fn phases(
    scenario: &Scenario,
    trial: &Trial,
    incident: &Incident,
) -> Vec<(&'static str, usize, usize)> {
    let (slice, count) = trial.recorder.slices();
    let slice_s = slice.as_secs_f64();
    let Some(fault_s) = incident.fault_s.filter(|_| incident.impact_s.is_some()) else {
        return vec![("before", 0, count), ("all", 0, count)];
    };
    let until = (fault_s / slice_s).floor().max(0.0) as usize;
    let end_s = scenario.clock.duration.as_secs_f64();
    let from = (incident.recovered_s.unwrap_or(end_s) / slice_s).ceil() as usize;
    vec![
        ("before", 0, until),
        ("during", until, from.min(count)),
        ("after", from.min(count), count),
        ("all", 0, count),
    ]
}

fn latency(scenario: &Scenario, trial: &Trial, incident: &Incident) -> Vec<LatencyRow> {
    let mut rows = Vec::new();
    for (index, class) in trial.world.population.classes.iter().enumerate() {
        let region = match class.kind {
            ClassKind::Group(group) => {
                let region = trial.world.population.groups[group as usize].region;
                Some(scenario.regions[region.index()].name.clone())
            }
            ClassKind::Pipeline(_) => None,
            ClassKind::Probe => continue,
        };
        for &(phase, from, to) in &phases(scenario, trial, incident) {
            let histogram = trial.recorder.latency(index, from, to);
            if histogram.count() == 0 {
                continue;
            }
            let quantile = |&q: &f64| Some((q, histogram.quantile_s(q)?));
            rows.push(LatencyRow {
                region: region.clone(),
                client: demander(scenario, class.operation),
                operation: scenario.operations[class.operation.index()].name.clone(),
                phase: phase.to_string(),
                count: histogram.count(),
                mean_s: histogram.mean_s(),
                quantiles: LATENCY_QUANTILES.iter().filter_map(quantile).collect(),
                histogram: histogram.bins(),
            });
        }
    }
    rows
}

fn impact(scenario: &Scenario, trial: &Trial, series: &Series) -> Impact {
    let scale = scenario.scale as f64;
    let groups = trial.world.population.groups.len();
    let finals = final_windows(scenario, trial);
    let window_min = series.window_s / 60.0;
    let mut minutes_lost = 0.0;
    for group in 0..groups {
        let of_group =
            |class: &crate::world::population::Class| class.kind == ClassKind::Group(group as u32);
        let classes = trial.world.population.classes.iter().enumerate();
        let classes: Vec<usize> =
            classes.filter(|(_, class)| of_group(class)).map(|(index, _)| index).collect();
        let cells = sums(trial, &classes);
        for (window, sum) in cells.iter().enumerate().take(finals) {
            let present = f64::from(trial.log.present[window * groups + group]);
            if sum[0] > 0 {
                minutes_lost += present * (1.0 - sum[1] as f64 / sum[0] as f64) * window_min;
            }
        }
    }
    let end = scenario.end();
    let simulated = f64::from(trial.world.population.mailboxes);
    let tracers = trial.traffic.tracers();
    // Mailboxes at full size that each one followed stands for.
    let each = tracers.map_or(scale, |count| scale * simulated / count.max(1) as f64);
    let mut spells: Vec<f64> = Vec::new();
    let mut open = 0_u64;
    let mut histogram = Histogram::new();
    trial.traffic.felt_downtime(end, |seconds, censored| {
        spells.push(seconds);
        open += u64::from(censored);
        histogram.record(SimDuration::from_secs_f64(seconds));
    });
    spells.sort_unstable_by(f64::total_cmp);
    let at = |&q: &f64| {
        let index = ((q * spells.len() as f64).ceil() as usize).clamp(1, spells.len().max(1));
        Some((q, *spells.get(index - 1)?))
    };
    let suppressed: f64 = series.operations.iter().flat_map(|o| &o.suppressed_per_s).sum();
    Impact {
        mailboxes: scenario.regions.iter().map(|region| region.mailboxes as f64).sum(),
        mailbox_minutes_lost: minutes_lost * scale,
        mailboxes_affected: spells.len() as f64 * each,
        felt_downtime_mean_s: spells.iter().sum::<f64>() / spells.len().max(1) as f64,
        felt_downtime_quantiles: DOWNTIME_QUANTILES.iter().filter_map(at).collect(),
        felt_downtime_histogram: histogram
            .bins()
            .into_iter()
            .map(|(edge, count)| (edge, count as f64 * each))
            .collect(),
        felt_downtime_censored: open as f64 * each,
        tracers: tracers.map(|count| sampled(count, &spells, each)),
        suppressed: suppressed * series.window_s,
        deferred: trial.recorder.deferred.1 as f64 * scale,
        sessions_lost: trial.recorder.sessions_lost as f64 * scale,
        amplification_peak: amplification_peak(trial, series),
        writes_lost: trial.control.writes_lost * scale,
    }
}

/// How far off a sample of the mailboxes may be: normal 95 % intervals of a share and of a mean.
fn sampled(count: u64, spells: &[f64], each: f64) -> Tracers {
    const NORMAL_95: f64 = 1.96;
    let affected = spells.len() as f64;
    let share = affected / count.max(1) as f64;
    let mean = spells.iter().sum::<f64>() / affected.max(1.0);
    let variance = spells.iter().map(|spell| (spell - mean) * (spell - mean)).sum::<f64>()
        / (affected - 1.0).max(1.0);
    Tracers {
        count,
        affected_within: NORMAL_95 * math::sqrt(count as f64 * share * (1.0 - share)) * each,
        mean_within_s: NORMAL_95 * math::sqrt(variance / affected.max(1.0)),
    }
}

/// Highest attempts over first attempts of a whole minute.
fn amplification_peak(trial: &Trial, series: &Series) -> f64 {
    let all = sums(trial, &classes_of(trial, None, None));
    let a_minute = ((60.0 / series.window_s).round() as usize).max(1);
    let ratio = |windows: &[[u64; 9]]| {
        let sum = |index: usize| windows.iter().map(|sum| sum[index]).sum::<u64>() as f64;
        if sum(5) > 0.0 { sum(6) / sum(5) } else { 0.0 }
    };
    all.chunks(a_minute).map(ratio).fold(0.0, f64::max)
}

fn ledgers(scenario: &Scenario, trial: &Trial) -> Ledgers {
    let standing: Standing = trial
        .traffic
        .check_ledgers(&trial.recorder)
        .expect("the ledgers balanced in the last window and at the end");
    let mut clients: Vec<ClientLedger> = Vec::new();
    for (index, class) in trial.world.population.classes.iter().enumerate() {
        let totals = &trial.recorder.clients[index];
        let probe = if class.kind == ClassKind::Probe { " (probes)" } else { "" };
        let client = format!("{}{probe}", demander(scenario, class.operation));
        let operation = scenario.operations[class.operation.index()].name.clone();
        let same = |row: &&mut ClientLedger| row.client == client && row.operation == operation;
        let row = match clients.iter_mut().find(same) {
            Some(row) => row,
            None => {
                clients.push(ClientLedger { client, operation, ..ClientLedger::default() });
                clients.last_mut().expect("just pushed")
            }
        };
        row.sent += totals.sent;
        row.answered += totals.answered;
        row.timed_out += totals.timed_out;
        row.refused += totals.refused;
        row.lost += totals.lost;
        row.outstanding += standing.outstanding[index];
    }
    let stations = trial.world.services.stations.iter().enumerate();
    let stations = stations.map(|(index, station)| {
        let totals = &trial.recorder.stations[index];
        StationLedger {
            service: scenario.services[station.service.index()].name.clone(),
            site: scenario.sites[station.site.index()].name.clone(),
            partition: partition_of(scenario, trial, index),
            arrived: totals.arrived,
            useful: totals.useful,
            stale: totals.stale,
            rejected: totals.rejected,
            dropped: totals.dropped,
            crashed: totals.crashed,
            waiting: standing.waiting[index],
            holding: standing.holding[index],
        }
    });
    let pipelines = trial.recorder.pipelines.iter().zip(&scenario.pipelines);
    let pipelines = pipelines.map(|(totals, pipeline)| PipelineLedger {
        name: pipeline.name.clone(),
        accepted: totals.accepted,
        delivered: totals.delivered,
        bounced: totals.bounced,
        queued: totals.accepted - totals.delivered - totals.bounced - totals.lost,
        lost: totals.lost,
    });
    Ledgers {
        clients,
        stations: stations.collect(),
        pipelines: pipelines.collect(),
        windows_balanced: trial.windows_balanced,
    }
}
