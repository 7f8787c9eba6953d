//! Two ranks in counts: how long each waits, and that a full queue knows neither.

use crate::markov::{planned_time, relaxation_time, station};
use crate::model::Model;
use crate::seen::{Seen, UNIT_S};
use crate::statistics::{Control, Family, trials};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{Discipline, OperationId, ServiceId};

/// Requests that go first and others, so many a service time.
fn two_ranks(servers: u64, (first, other): (f64, f64), warmup: f64, measured: f64) -> Model {
    station(servers, first, warmup, measured)
        .discipline(Discipline::Priority { first: vec![OperationId(0)] })
        .operation("later", ServiceId(0))
        .rate(other / UNIT_S)
}

/// Erlang C: the share of those who find all of so many servers busy, from Erlang B by recursion
/// over the servers (Gross et al., *Fundamentals of Queueing Theory*, 4th ed., section 2.3).
fn share_delayed(servers: u64, load: f64) -> f64 {
    let blocked = (1..=servers).fold(1.0, |b, n| load * b / (n as f64 + load * b));
    let rho = load / servers as f64;
    blocked / (1.0 - rho * (1.0 - blocked))
}

/// Without preemption and with one exponential law, W1 = C / (c mu (1 - rho1)) and
/// W2 = W1 / (1 - rho), C by Erlang (Cobham 1954, "Priority assignment in waiting line problems").
#[test]
fn waits_by_rank() {
    let mut family = Family::new("M/M/c priority");
    for servers in [20, 50, 200] {
        for (rho, part) in [(0.8, 0.5), (0.9, 0.3), (0.9, 0.7), (0.95, 0.5), (0.95, 0.9)] {
            let c = servers as f64;
            let (first, other) = (rho * part, rho * (1.0 - part));
            let delayed = share_delayed(servers, rho * c);
            let ahead = delayed / (c * (1.0 - first));
            let behind = ahead / (1.0 - rho);
            if behind < 0.02 {
                continue;
            }
            let warmup = 20.0 * relaxation_time(rho, c);
            let measured = planned_time(rho, c, delayed, 0.05);
            let model = two_ranks(servers, (first * c, other * c), warmup, measured);
            let figures = trials(&model.build(), |outcome| {
                let seen = Seen(outcome);
                vec![seen.busy("station") / c, seen.mean("request"), seen.mean("later")]
            });
            let control = Control { samples: &figures[0], mean: rho };
            for (rank, wait, sojourns) in
                [("first", ahead, &figures[1]), ("later", behind, &figures[2])]
            {
                let name = format!("c {servers} rho {rho} of which {part} first: {rank}");
                let (label, sojourn) = (format!("{name} mean_sojourn"), 1.0 + wait);
                family.expect_controlled(label, sojourn, sojourns, &control, 0.1);
                let waits: Vec<f64> = sojourns.iter().map(|sojourn| sojourn - 1.0).collect();
                family.expect_controlled(format!("{name} wait"), wait, &waits, &control, 0.15);
            }
        }
    }
    family.judge();
}

/// Of those who come to a full queue each is turned away, whoever he is: both ranks as often, as
/// Poisson arrivals see time averages (Wolff 1982), and as often as without ranks (M/M/c/K).
#[test]
fn a_full_queue_knows_no_ranks() {
    let mut family = Family::new("M/M/c/K priority");
    for (servers, places, rho) in [(25, 10, 1.0), (25, 25, 1.5), (100, 30, 1.0), (100, 50, 1.2)] {
        let c = servers as f64;
        let weight = |n: u64| (1..=n).fold(1.0, |p, n| p * rho * c / n.min(servers) as f64);
        let all: f64 = (0..=servers + places).map(weight).sum();
        let blocked = weight(servers + places) / all;
        for part in [0.3, 0.7] {
            let rates = (rho * c * part, rho * c * (1.0 - part));
            let measured = 4e5 / c;
            let model = two_ranks(servers, rates, 100.0, measured);
            let model = model.one_instance(servers as u32).queue_limit(places as u32);
            let refused = |outcome: &Outcome, operation: usize| {
                let of = &outcome.series.operations[operation];
                of.failed_per_s.iter().sum::<f64>() / of.demand_per_s.iter().sum::<f64>()
            };
            let figures = trials(&model.build(), |outcome| {
                let seen = Seen(outcome);
                vec![refused(outcome, 0), refused(outcome, 1), seen.waiting("station")]
            });
            let waiting: f64 = (1..=places).map(|n| n as f64 * weight(servers + n)).sum();
            let label =
                |what| format!("c {servers} and {places} rho {rho} of which {part} first, {what}");
            family.expect(label("refused"), blocked, &figures[0], 0.1);
            family.expect(label("later refused"), blocked, &figures[1], 0.1);
            family.expect(label("waiting"), waiting / all, &figures[2], 0.1);
        }
    }
    family.judge();
}
