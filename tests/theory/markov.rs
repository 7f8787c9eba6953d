//! Stations with Poisson arrivals and exponential service: M/M/1, M/M/c, M/M/c/K, M/M/c/c.

use crate::model::{Model, constant, exponential};
use crate::oracle::{Row, rows};
use crate::seen::{Seen, UNIT_S};
use crate::statistics::{Control, Family, trials};
use blackstart::kernel::sample::{Distribution, DistributionKind, Moment};
use blackstart::scenario::model::ServiceId;

/// One station of `servers`, exponential service, Poisson arrivals of `rate`; times in mean
/// service times, the measured one rounded up to whole hundreds.
pub fn station(servers: u64, rate: f64, warmup: f64, measured: f64) -> Model {
    let measured_s = (measured / 100.0).ceil() * 100.0 * UNIT_S;
    let warmup_s = warmup.ceil() * UNIT_S;
    Model::new()
        .clock(warmup_s, measured_s, measured_s / 100.0)
        .servers(servers)
        .service_time(exponential(UNIT_S))
        .rate(rate / UNIT_S)
}

/// Adds a second operation of the same station that takes no service: Poisson arrivals see time
/// averages (Wolff 1982), so its latency is the wait, at no load.
pub fn with_onlooker(model: Model, rate: f64, patience: f64) -> Model {
    model
        .operation("onlooker", ServiceId(0))
        .with_operation(|operation| operation.cost = 0.0)
        .rate(rate / UNIT_S)
        .timeout(patience * UNIT_S)
}

/// Time that a mean wait needs for a relative standard deviation of `spread`, from the asymptotic
/// variance of the number in an M/M/1 queue, 2 rho (1 + rho) / (1 - rho)^4 (Whitt 1989, "Planning
/// queueing simulations"), sped up by the servers and diluted where few wait.
pub fn planned_time(rho: f64, servers: f64, prob_wait: f64, spread: f64) -> f64 {
    let one = 2.0 * (1.0 + rho) / (rho * prob_wait * (1.0 - rho).powi(2));
    one / servers / (spread * spread)
}

/// Time in which an M/M/c queue forgets, 1 / (c mu (1 - sqrt rho)^2), and a service itself.
pub fn relaxation_time(rho: f64, servers: f64) -> f64 {
    1.0 + 1.0 / (servers * (1.0 - rho.sqrt()).powi(2))
}

pub fn mm1() {
    let mut family = Family::new("M/M/1");
    for row in rows("mm1") {
        let rho = row.number("rho");
        let measured = planned_time(rho, 1.0, rho * rho, 0.045);
        let patience = 100.0 * row.number("mean_sojourn");
        let model = station(1, rho, 20.0 * relaxation_time(rho, 1.0), measured);
        let model = with_onlooker(model.timeout(patience * UNIT_S), 0.3 * rho, patience);
        let figures = trials(&model.build(), |outcome| {
            let seen = Seen(outcome);
            let sojourn = |q| seen.quantile("request", q);
            vec![
                seen.busy("station"),
                seen.mean("request"),
                seen.mean("onlooker"),
                sojourn(0.5),
                sojourn(0.9),
                sojourn(0.99),
            ]
        });
        let control = Control { samples: &figures[0], mean: rho };
        family.expect(format!("rho {rho} utilisation"), rho, &figures[0], 0.02);
        let columns = ["mean_sojourn", "mean_wait", "sojourn_p50", "sojourn_p90", "sojourn_p99"];
        for (column, samples) in columns.iter().zip(&figures[1..]) {
            let label = format!("rho {rho} {column}");
            let precision = if *column == "sojourn_p99" { 0.2 } else { 0.1 };
            family.expect_controlled(label, row.number(column), samples, &control, precision);
        }
    }
    family.judge();
}

fn expect_mmc(family: &mut Family, row: &Row, warmup: f64, measured: f64, precision: f64) {
    let (servers, rho) = (row.count("servers"), row.number("rho"));
    let c = servers as f64;
    let patience = 30.0 + 60.0 / (c * (1.0 - rho));
    let model = station(servers, rho * c, warmup, measured).timeout(patience * UNIT_S);
    let scenario = with_onlooker(model, 0.1 * rho * c, patience).build();
    let figures = trials(&scenario, |outcome| {
        let seen = Seen(outcome);
        vec![
            seen.busy("station") / c,
            seen.mean("onlooker"),
            seen.share_delayed("onlooker"),
            seen.mean("request"),
            seen.quantile("request", 0.5),
            seen.quantile("request", 0.99),
        ]
    });
    let control = Control { samples: &figures[0], mean: rho };
    let checks = [
        ("mean_wait", precision),
        ("erlang_c_prob_wait", precision),
        ("mean_sojourn", 0.05),
        ("sojourn_p50", 0.05),
        ("sojourn_p99", 0.15),
    ];
    family.expect(format!("c {servers} rho {rho} utilisation"), rho, &figures[0], 0.02);
    let compared = checks.into_iter().zip(&figures[1..]);
    let compared = compared.filter(|((column, _), _)| crate::applies(servers, column));
    for ((column, precision), samples) in compared {
        let label = format!("c {servers} rho {rho} {column}");
        family.expect_controlled(label, row.number(column), samples, &control, precision);
    }
}

#[test]
fn mmc() {
    let mut family = Family::new("M/M/c");
    for row in rows("mmc_erlang_c") {
        let (c, rho) = (row.number("servers"), row.number("rho"));
        if rho < 0.99 && crate::applies(row.count("servers"), "utilisation") {
            let measured = planned_time(rho, c, row.number("erlang_c_prob_wait"), 0.06);
            let warmup = 20.0 * relaxation_time(rho, c);
            expect_mmc(&mut family, &row, warmup, measured, 0.15);
        }
    }
    family.judge();
}

/// A family of its own, so that its intervals stay narrow: at utilisation .99 a queue forgets so
/// slowly that a tenth of the mean wait would take a hundred million requests. Each run spans 60
/// relaxation times: the mean of fewer is so skewed that twenty of them make too narrow an interval
/// when they miss the rare long queues.
#[test]
fn mmc_of_a_thousand_servers_at_99_percent() {
    let mut family = Family::new("M/M/c");
    for row in rows("mmc_erlang_c") {
        let (c, rho) = (row.number("servers"), row.number("rho"));
        if rho >= 0.99 {
            let warmup = 15.0 * relaxation_time(rho, c);
            expect_mmc(&mut family, &row, warmup, 2_400.0, 0.35);
        }
    }
    family.judge();
}

#[test]
fn mmck() {
    let mut family = Family::new("M/M/c/K");
    for row in rows("mmck") {
        let (servers, capacity) = (row.count("servers"), row.count("capacity_k"));
        if !crate::applies(servers, "prob_blocked") {
            continue;
        }
        let (c, rho) = (servers as f64, row.number("rho"));
        let places = (capacity - servers) as f64;
        let measured = (1.5e5 / c).max(20.0 * places * places / c);
        let warmup = 20.0 + 4.0 * places * places / c;
        let scenario = station(1, rho * c, warmup, measured)
            .one_instance(servers as u32)
            .queue_limit((capacity - servers) as u32)
            .timeout((40.0 + 3.0 * places / c) * UNIT_S)
            .build();
        let figures = trials(&scenario, |outcome| {
            let seen = Seen(outcome);
            let refused = seen.refused("station");
            let arrived = seen.arrivals("station");
            vec![
                refused / arrived,
                seen.busy("station") / c,
                seen.waiting("station"),
                seen.waiting("station") / (arrived - refused),
                seen.mean("request"),
            ]
        });
        let columns = [
            "prob_blocked",
            "utilisation",
            "mean_in_queue",
            "mean_wait_accepted",
            "mean_sojourn_accepted",
        ];
        for (column, samples) in columns.iter().zip(&figures) {
            let label = format!("c {servers} K {capacity} rho {rho} {column}");
            family.expect(label, row.number(column), samples, 0.1);
        }
    }
    family.judge();
}

/// Service laws of mean 1 under which the blocking of M/G/c/c is the same.
fn laws() -> [(&'static str, Distribution); 4] {
    let lognormal = [Moment::Mean(UNIT_S), Moment::Median(UNIT_S / 2.0)];
    let lognormal = Distribution::fit(DistributionKind::Lognormal, &lognormal);
    [
        ("exponential", exponential(UNIT_S)),
        ("constant", constant(UNIT_S)),
        ("gamma", Distribution::Gamma { shape: 0.5, scale: 2.0 * UNIT_S }),
        ("lognormal", lognormal.expect("a mean above the median")),
    ]
}

pub fn erlang_b_whatever_the_service_law() {
    let mut family = Family::new("Erlang B");
    for row in rows("erlang_b") {
        let (servers, load) = (row.count("servers"), row.number("offered_load_erlangs"));
        if !crate::applies(servers, "blocking_prob") {
            continue;
        }
        let c = servers as f64;
        for (name, law) in laws() {
            // Many servers of constant time that all begin at once stay in step for very long.
            if name == "constant" && servers > 10 {
                continue;
            }
            let measured = (1e5 / load.max(c)).max(100.0);
            let scenario = station(servers, load, 100.0, measured)
                .service_time(law)
                .queue_limit(0)
                .timeout(1e4 * UNIT_S)
                .build();
            let figures = trials(&scenario, |outcome| {
                let seen = Seen(outcome);
                let blocked = seen.refused("station") / seen.arrivals("station");
                vec![blocked, seen.busy("station")]
            });
            for (column, samples) in ["blocking_prob", "carried_load_erlangs"].iter().zip(&figures)
            {
                let label = format!("c {servers} a {load} {name} {column}");
                // A rare loss is known less well.
                let precision = if row.number("blocking_prob") < 0.05 { 0.2 } else { 0.1 };
                family.expect(label, row.number(column), samples, precision);
            }
        }
    }
    family.judge();
}
