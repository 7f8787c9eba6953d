//! Time-dependent M/M/c(t), M/M/c/K and Erlang-A: mean and variance of the number in system.
//!
//! A run repeats its episode; the numbers are exact at window ends (see `check::in_system`), so
//! there is nothing to correct for averaging.

use crate::check::{Comparisons, SEEDS, Table, in_system, mean, outcome};
use crate::model::{Model, exponential};
use blackstart::scenario::model::{FaultKind, LostJobs, ServiceId, SiteId};

fn table() -> Table {
    Table::new(include_str!("../oracles/transient_mmc.csv"))
}

/// What happens in each episode.
enum Change {
    /// The station is emptied at its beginning.
    Emptied,
    /// Demand is multiplied from, to.
    Surge(f64, f64, f64),
    /// A share of the servers is gone from, to; their work goes back to the queue.
    Lost(f64, f64, f64),
}

/// Episodes of a scenario of the oracle: as many as asked for, each so long, in one run.
fn episodes(model: Model, change: &Change, count: u32, length_s: f64) -> Model {
    let lost = |share, jobs| FaultKind::InstancesLost {
        service: ServiceId(0),
        site: SiteId(0),
        share,
        jobs,
    };
    (0..count).fold(model, |model, episode| {
        let begins = f64::from(episode) * length_s;
        match *change {
            Change::Emptied => model.fault(begins, Some(1e-6), lost(1.0, LostJobs::Reset)),
            Change::Surge(factor, from, to) => {
                let kind = FaultKind::LoadSurge { region: None, operation: None, factor };
                model.fault(begins + from, Some(to - from), kind)
            }
            Change::Lost(share, from, to) => {
                model.fault(begins + from, Some(to - from), lost(share, LostJobs::Requeue))
            }
        }
    })
}

/// Mean and second moment about the oracle's mean, at each of its instants.
fn compare(
    scenario: &str,
    model: Model,
    change: &Change,
    count: u32,
    length_s: f64,
    window_s: f64,
) {
    let table = table();
    let rows: Vec<_> = table.rows().filter(|row| row.text("scenario") == scenario).collect();
    assert!(rows.len() >= 9, "{scenario}");
    let warmup_s = model.scenario.clock.warmup.as_secs_f64();
    let model = model.clock(warmup_s, length_s * f64::from(count), window_s);
    let scenario_built = episodes(model, change, count, length_s).build();
    let runs: Vec<Vec<f64>> =
        SEEDS.map(|seed| in_system(&outcome(&scenario_built, seed), 0)).collect();
    let mut comparisons = Comparisons::new();
    for row in rows {
        let (time, expected) = (row.number("time"), row.number("mean_in_system"));
        // What an emptied station shows at its episode's very end is the state before the next.
        let at = |episode: u32| {
            let instant = f64::from(episode) * length_s + time;
            let window = instant / window_s;
            assert!((window - window.round()).abs() < 1e-6, "{time} is no window's end");
            window.round() as usize
        };
        let sample = |run: &Vec<f64>| (0..count).map(|e| run[at(e)]).collect::<Vec<f64>>();
        let means = runs.iter().map(|run| mean(&sample(run))).collect();
        comparisons.add(format!("{scenario} t={time} mean"), means, expected);
        let spread = |run: &Vec<f64>| {
            let squares = sample(run).iter().map(|n| (n - expected).powi(2)).collect::<Vec<_>>();
            mean(&squares)
        };
        let variances = runs.iter().map(spread).collect();
        let expected = row.number("var_in_system");
        comparisons.add(format!("{scenario} t={time} variance"), variances, expected);
    }
    comparisons.check();
}

fn station(rate: f64, servers: u64, warmup_s: f64) -> Model {
    Model::new().rate(rate).servers(servers).clock(warmup_s, 1.0, 1.0)
}

#[test]
fn mm1_from_empty() {
    compare("mm1_from_empty", station(0.8, 1, 0.0), &Change::Emptied, 300, 100.0, 0.5);
}

#[test]
fn mm1_rate_step() {
    // Relaxation time 1 / (mu (1 - sqrt(0.5))^2) = 12: an episode ends 70 after its surge, which
    // the next one's first row (5 in, 75 after) shows to be enough; 120 leave no doubt.
    let change = Change::Surge(3.0, 10.0, 30.0);
    compare("mm1_rate_step_overload", station(0.5, 1, 200.0), &change, 40, 200.0, 1.0);
}

#[test]
fn mmc_capacity_drop() {
    let change = Change::Lost(0.6, 10.0, 20.0);
    compare("mmc5_drop_to_2", station(4.0, 5, 300.0), &change, 30, 300.0, 1.0);
}

#[test]
fn mmc_total_outage() {
    let change = Change::Lost(1.0, 5.0, 10.0);
    compare("mmc10_total_outage", station(8.0, 10, 200.0), &change, 30, 200.0, 0.5);
}

#[test]
fn mmc_capacity_drop_of_a_hundred() {
    let change = Change::Lost(0.5, 2.0, 4.0);
    compare("mmc100_drop_to_50", station(80.0, 100, 30.0), &change, 15, 30.0, 0.25);
}

#[test]
fn mmc_capacity_drop_of_a_thousand() {
    let change = Change::Lost(0.3, 1.0, 2.0);
    compare("mmc1000_drop_to_700", station(900.0, 1000, 20.0), &change, 4, 20.0, 0.25);
}

pub fn mmck_surge() {
    let model = station(8.0, 10, 50.0).queue_limit(10);
    compare("mmck_10_20_surge", model, &Change::Surge(2.5, 5.0, 10.0), 40, 50.0, 0.25);
}

/// Kolmogorov's forward equations of Erlang-A with `servers` from `law` on, over `time`.
fn forward(law: &mut [f64], lambda: f64, servers: usize, theta: f64, time: f64) {
    let top = law.len() - 1;
    let out = |n: usize| n.min(servers) as f64 + n.saturating_sub(servers) as f64 * theta;
    let step = 0.2 / (lambda + out(top));
    let steps = (time / step).ceil() as usize;
    let h = time / steps as f64;
    let slope = |p: &[f64]| -> Vec<f64> {
        (0..=top)
            .map(|n| {
                let below = if n > 0 { lambda * p[n - 1] } else { 0.0 };
                let above = if n < top { out(n + 1) * p[n + 1] } else { 0.0 };
                let up = if n < top { lambda } else { 0.0 };
                below + above - (up + out(n)) * p[n]
            })
            .collect()
    };
    for _ in 0..steps {
        // Heun's rule: error of order h^2, under 1e-4 of the mean here (asserted below).
        let first = slope(law);
        let ahead: Vec<f64> = law.iter().zip(&first).map(|(p, s)| p + h * s).collect();
        let second = slope(&ahead);
        for (n, p) in law.iter_mut().enumerate() {
            *p += h / 2.0 * (first[n] + second[n]);
        }
    }
}

fn moments(law: &[f64]) -> (f64, f64) {
    let m = law.iter().enumerate().map(|(n, p)| n as f64 * p).sum::<f64>();
    let v = law.iter().enumerate().map(|(n, p)| (n as f64 - m).powi(2) * p).sum::<f64>();
    (m, v)
}

/// Normalised products of ratios p(n) / p(n - 1), from a mode outward: nothing underflows.
fn law(mode: usize, top: usize, ratio: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut law = vec![0.0; top + 1];
    law[mode] = 1.0;
    for n in mode + 1..=top {
        law[n] = law[n - 1] * ratio(n);
    }
    for n in (0..mode).rev() {
        law[n] = law[n + 1] / ratio(n + 1);
    }
    let sum: f64 = law.iter().sum();
    law.iter_mut().for_each(|p| *p /= sum);
    law
}

fn poisson(mean: f64, top: usize) -> Vec<f64> {
    law(mean as usize, top, |n| mean / n as f64)
}

/// Erlang-A's stationary law.
fn stationary(lambda: f64, servers: usize, theta: f64, top: usize) -> Vec<f64> {
    let out = |n: usize| n.min(servers) as f64 + n.saturating_sub(servers) as f64 * theta;
    law(lambda as usize, top, |n| lambda / out(n))
}

/// Erlang-A through a total outage. The oracle lets all 450 in service wait anew; in the engine a
/// user's patience runs through the service too, and what nobody waits for is dropped when it
/// would have to wait again. So the same equations are solved from another law at the outage:
/// each of the (nearly always) Poisson(450) in service is still waited for with probability
/// mu / (mu + theta). That the equations are the oracle's is asserted first.
pub fn erlang_a_total_outage() {
    let (lambda, servers, theta) = (450.0, 500, 0.1);
    let table = table();
    let rows = table.rows().filter(|row| row.text("scenario") == "erlang_a_500_total_outage");
    let rows: Vec<_> = rows.filter(|row| row.number("time") > 1.0).collect();
    let mut theirs = stationary(lambda, servers, theta, 1_500);
    let mut ours = poisson(450.0 / (1.0 + theta), 1_500);
    let mut time = 1.0;
    let mut expected = Vec::new();
    for row in &rows {
        let next = row.number("time");
        let serving = if time < 3.0 { 0 } else { servers };
        forward(&mut theirs, lambda, serving, theta, next - time);
        forward(&mut ours, lambda, serving, theta, next - time);
        time = next;
        let (m, v) = moments(&theirs);
        let (their_m, their_v) = (row.number("mean_in_system"), row.number("var_in_system"));
        assert!((m / their_m - 1.0).abs() < 1e-3, "t = {time}: {m}, oracle {their_m}");
        assert!((v / their_v - 1.0).abs() < 1e-3, "t = {time}: {v}, oracle {their_v}");
        expected.push((time, moments(&ours)));
    }
    let model = station(lambda, servers as u64, 25.0).drops_abandoned();
    let model = model.patience(exponential(1.0 / theta)).clock(25.0, 4.0 * 25.0, 0.5);
    let scenario = episodes(model, &Change::Lost(1.0, 1.0, 3.0), 4, 25.0).build();
    let runs: Vec<Vec<f64>> = SEEDS.map(|seed| in_system(&outcome(&scenario, seed), 0)).collect();
    let mut comparisons = Comparisons::new();
    for (time, (m, v)) in expected {
        let sample = |run: &Vec<f64>| {
            let at = |episode: usize| run[episode * 50 + (time * 2.0) as usize];
            (0..4).map(at).collect::<Vec<f64>>()
        };
        let means = runs.iter().map(|run| mean(&sample(run))).collect();
        comparisons.add(format!("Erlang-A t={time} mean"), means, m);
        let squares =
            |run: &Vec<f64>| mean(&sample(run).iter().map(|n| (n - m).powi(2)).collect::<Vec<_>>());
        let variances = runs.iter().map(squares).collect();
        comparisons.add(format!("Erlang-A t={time} variance"), variances, v);
    }
    comparisons.check();
}

/// Time to work off a backlog b above c: mean b / (c mu - lambda), variance
/// b (c mu + lambda) / (c mu - lambda)^3. An outage makes a larger one; the clock starts at the
/// first window's end with c + b or (some) fewer in the system (a stopping time) and stops at the
/// first with c or fewer. Both moments are linear in b, so the fewer are made up for; seeing only
/// window ends makes it late by half a window, which is given.
#[test]
fn drain_first_passage() {
    let table = Table::new(include_str!("../oracles/drain_first_passage.csv"));
    // servers, lambda, backlog, outage [s], episode [s], window [s], episodes
    let cases = [
        (1.0, 0.8, 100.0, 250.0, 3_000.0, 1.0, 10_u32),
        (10.0, 8.0, 100.0, 25.0, 300.0, 0.1, 20),
        (10.0, 8.0, 1_000.0, 150.0, 1_500.0, 0.5, 5),
        (100.0, 80.0, 1_000.0, 15.0, 150.0, 0.05, 5),
    ];
    let mut comparisons = Comparisons::new();
    for (servers, lambda, backlog, outage_s, length_s, window_s, count) in cases {
        let row = table.row(&[
            ("servers", servers),
            ("lambda", lambda),
            ("initial_backlog_above_c", backlog),
        ]);
        let model = station(lambda, servers as u64, 0.0);
        let model = model.clock(0.0, length_s * f64::from(count), window_s);
        let change = Change::Lost(1.0, 0.0, outage_s);
        let scenario = episodes(model, &change, count, length_s).build();
        let expected = row.number("mean_time_to_backlog_zero");
        let per_episode = (length_s / window_s).round() as usize;
        let restored = (outage_s / window_s).round() as usize;
        let (mut means, mut variances) = (Vec::new(), Vec::new());
        for seed in SEEDS {
            let run = in_system(&outcome(&scenario, seed), 0);
            // (time, backlog at its beginning), an episode.
            let times = (0..count as usize).map(|episode| {
                let end = (episode + 1) * per_episode;
                let from = episode * per_episode + restored;
                let begin = (from..end).find(|&w| run[w] <= servers + backlog);
                let begin = begin.expect("the episode drains");
                let over = (begin..end).find(|&w| run[w] <= servers);
                let over = over.expect("the episode is long enough to drain");
                ((over - begin) as f64 * window_s, run[begin] - servers)
            });
            let times: Vec<(f64, f64)> = times.collect();
            let surplus = servers - lambda;
            let time = |&(time, b): &(f64, f64)| time + (backlog - b) / surplus;
            means.push(mean(&times.iter().map(time).collect::<Vec<_>>()));
            let square = |&(time, b): &(f64, f64)| {
                let late = window_s / 2.0;
                (time - late - b / surplus).powi(2) * backlog / b
            };
            variances.push(mean(&times.iter().map(square).collect::<Vec<_>>()));
        }
        let what = format!("c={servers} lambda={lambda} b={backlog}");
        comparisons.add(format!("{what} mean"), means, expected + window_s / 2.0);
        comparisons.add(format!("{what} variance"), variances, row.number("var_time"));
    }
    comparisons.check();
}
