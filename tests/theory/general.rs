//! One server with a general service law, and orders of service: M/G/1, M/D/1, LIFO, priority.

use crate::markov::{planned_time, relaxation_time, station, with_onlooker};
use crate::model::{constant, exponential};
use crate::oracle::{Row, rows};
use crate::seen::{Seen, UNIT_S};
use crate::statistics::{Control, Family, trials};
use blackstart::kernel::math::{exp, lgamma, ln, ln_1p, sqrt};
use blackstart::kernel::sample::Distribution;
use blackstart::scenario::model::{Discipline, OperationId, ServiceId};

/// The service law of a row, of mean one unit.
fn law(row: &Row) -> Distribution {
    let parameter = || {
        let (_, value) = row.text("params").split_once('=').expect("name=value");
        value.parse::<f64>().expect("a number")
    };
    match row.text("distribution") {
        "deterministic" => constant(UNIT_S),
        "exponential" => exponential(UNIT_S),
        "erlang" => Distribution::Gamma { shape: parameter(), scale: UNIT_S / parameter() },
        "lognormal" => {
            let variance = ln_1p(parameter());
            let mu = ln(UNIT_S) - variance / 2.0;
            Distribution::Lognormal { mu, sigma: sqrt(variance) }
        }
        "weibull" => {
            let shape = parameter();
            Distribution::Weibull { shape, scale: UNIT_S / exp(lgamma(1.0 + 1.0 / shape)) }
        }
        "pareto1" => {
            let shape = parameter();
            Distribution::Pareto { shape, minimum: UNIT_S * (shape - 1.0) / shape }
        }
        "uniform" => Distribution::empirical(&[(0.0, 0.0), (1.0, 2.0 * UNIT_S)]).expect("a law"),
        other => panic!("no law {other}"),
    }
}

/// As [`planned_time`], longer for more variable service (heavy traffic: variance of the mean
/// grows with the squared variability of the input, Whitt 1989).
fn time_for(row: &Row, spread: f64) -> f64 {
    let scv = row.number("scv");
    planned_time(row.number("rho"), 1.0, 0.6, spread) * (0.5 + 0.5 * scv.powi(2)).max(0.7)
}

#[test]
fn pollaczek_khinchine() {
    let mut family = Family::new("M/G/1");
    for row in rows("mg1_pollaczek_khinchine") {
        let (rho, law) = (row.number("rho"), law(&row));
        let mean = law.mean();
        assert!((mean / UNIT_S - 1.0).abs() < 1e-9, "mean of the law");
        let measured = time_for(&row, 0.045);
        let model = station(1, rho, 20.0 * relaxation_time(rho, 1.0), measured)
            .service_time(law)
            .timeout(1e4 * UNIT_S);
        let scenario = with_onlooker(model, 0.5 * rho, 1e4).build();
        let figures = trials(&scenario, |outcome| {
            let seen = Seen(outcome);
            vec![
                seen.busy("station"),
                seen.mean("onlooker"),
                seen.mean("request"),
                seen.variance("onlooker"),
            ]
        });
        let name = format!("{} {} rho {rho}", row.text("distribution"), row.text("params"));
        let control = Control { samples: &figures[0], mean: rho };
        let columns = ["fifo_mean_wait", "fifo_mean_sojourn"];
        for (column, samples) in columns.iter().zip(&figures[1..]) {
            let label = format!("{name} {column}");
            family.expect_controlled(label, row.number(column), samples, &control, 0.1);
        }
        // The variance of the wait needs the third moment of service; only where that is tame.
        if row.number("scv") <= 1.0 && row.text("distribution") != "pareto1" {
            let (label, expected) = (format!("{name} fifo_var_wait"), row.number("fifo_var_wait"));
            family.expect_controlled(label, expected, &figures[3], &control, 0.25);
        }
    }
    family.judge();
}

#[test]
fn percentiles_of_the_wait() {
    let mut family = Family::new("M/G/1");
    for row in rows("mg1_fifo_wait_percentiles") {
        let (rho, law) = (row.number("rho"), law(&row));
        let measured = planned_time(rho, 1.0, 0.6, 0.035);
        let model = station(1, rho, 20.0 * relaxation_time(rho, 1.0), measured)
            .service_time(law)
            .timeout(1e3 * UNIT_S);
        let scenario = with_onlooker(model, rho, 1e3).build();
        let figures = trials(&scenario, |outcome| {
            let seen = Seen(outcome);
            let mut figures = vec![seen.busy("station")];
            figures.extend([0.5, 0.9, 0.95, 0.99].map(|q| seen.quantile("onlooker", q)));
            figures
        });
        let control = Control { samples: &figures[0], mean: rho };
        let columns = ["wait_p50", "wait_p90", "wait_p95", "wait_p99"];
        for (column, samples) in columns.iter().zip(&figures[1..]) {
            let name = format!("{} {}", row.text("distribution"), row.text("params"));
            let label = format!("{name} rho {rho} {column}");
            family.expect_controlled(label, row.number(column), samples, &control, 0.1);
        }
    }
    family.judge();
}

/// Constant service: the latency is the wait plus 1 exactly, so its percentiles need no onlooker.
#[test]
fn percentiles_of_md1() {
    let mut family = Family::new("M/D/1");
    for row in rows("md1_wait_percentiles") {
        let rho = row.number("rho");
        let measured = planned_time(rho, 1.0, 0.8, 0.04);
        let scenario = station(1, rho, 20.0 * relaxation_time(rho, 1.0), measured)
            .service_time(constant(UNIT_S))
            .timeout(1e3 * UNIT_S)
            .build();
        let figures = trials(&scenario, |outcome| {
            let seen = Seen(outcome);
            let mut figures = vec![seen.busy("station"), seen.mean("request")];
            figures.extend([0.9, 0.95, 0.99].map(|q| seen.quantile("request", q)));
            figures
        });
        let control = Control { samples: &figures[0], mean: rho };
        let columns = ["mean_sojourn", "sojourn_p90", "sojourn_p95", "sojourn_p99"];
        for (column, samples) in columns.iter().zip(&figures[1..]) {
            let label = format!("rho {rho} {column}");
            family.expect_controlled(label, row.number(column), samples, &control, 0.1);
        }
    }
    family.judge();
}

/// Last come, first served without preemption: the same mean wait as FIFO, a larger variance.
#[test]
fn last_come_first_served() {
    let mut family = Family::new("M/G/1 LIFO");
    for row in rows("mg1_pollaczek_khinchine") {
        let rho = row.number("rho");
        if row.number("scv") > 0.5 || rho > 0.7 || row.text("distribution") == "pareto1" {
            continue;
        }
        let measured = 4.0 * time_for(&row, 0.045);
        let model = station(1, rho, 20.0 * relaxation_time(rho, 1.0), measured)
            .service_time(law(&row))
            .discipline(Discipline::Lifo)
            .timeout(1e4 * UNIT_S);
        let scenario = with_onlooker(model, rho, 1e4).build();
        let figures = trials(&scenario, |outcome| {
            let seen = Seen(outcome);
            vec![seen.busy("station"), seen.mean("onlooker"), seen.variance("onlooker")]
        });
        let name = format!("{} {} rho {rho}", row.text("distribution"), row.text("params"));
        let control = Control { samples: &figures[0], mean: rho };
        let columns = ["lifo_nonpreemptive_mean_wait", "lifo_nonpreemptive_var_wait"];
        for ((column, samples), precision) in columns.iter().zip(&figures[1..]).zip([0.1, 0.3]) {
            let (label, expected) = (format!("{name} {column}"), row.number(column));
            family.expect_controlled(label, expected, samples, &control, precision);
        }
        // The variance is not that of FIFO: the order of service is what is tested.
        let larger = row.number("lifo_nonpreemptive_var_wait") / row.number("fifo_var_wait");
        assert!(larger > 1.3, "{name}: the rows tell the disciplines apart");
    }
    family.judge();
}

/// Two classes without preemption: W1 = W0 / (1 - rho1), W2 = W0 / ((1 - rho1)(1 - rho)), with the
/// residual work W0 = lambda E[S^2] / 2 (Cobham 1954, "Priority assignment in waiting line
/// problems"; the formula is evaluated here, no table is carried).
#[test]
fn priority() {
    let mut family = Family::new("M/G/1 priority");
    let cases = [("exponential", exponential(UNIT_S), 2.0), ("constant", constant(UNIT_S), 1.0)];
    for (name, law, second_moment) in cases {
        for (first, second) in [(0.2, 0.5), (0.5, 0.3)] {
            let rho = first + second;
            let measured = planned_time(rho, 1.0, 0.6, 0.035);
            let scenario = station(1, first, 20.0 * relaxation_time(rho, 1.0), measured)
                .service_time(law.clone())
                .discipline(Discipline::Priority { first: vec![OperationId(0)] })
                .timeout(1e4 * UNIT_S)
                .operation("later", ServiceId(0))
                .rate(second / UNIT_S)
                .timeout(1e4 * UNIT_S)
                .build();
            let figures = trials(&scenario, |outcome| {
                let seen = Seen(outcome);
                let waits = [seen.mean("request") - 1.0, seen.mean("later") - 1.0];
                vec![seen.busy("station"), waits[0], waits[1]]
            });
            let control = Control { samples: &figures[0], mean: rho };
            let residual = rho * second_moment / 2.0;
            let ahead = residual / (1.0 - first);
            let expected = [ahead, ahead / (1.0 - rho)];
            for ((class, expected), samples) in
                ["first", "later"].iter().zip(expected).zip(&figures[1..])
            {
                let label = format!("{name} rho {first} + {second} wait of the {class}");
                family.expect_controlled(label, expected, samples, &control, 0.1);
            }
        }
    }
    family.judge();
}

/// What `law` relies on: the fitted lognormal has the variability that its row names.
#[test]
fn laws_have_the_variability_of_their_rows() {
    for row in rows("mg1_pollaczek_khinchine") {
        let law = law(&row);
        let scv = law.variance() / (law.mean() * law.mean());
        let expected = row.number("scv");
        assert!((scv - expected).abs() < 1e-6 * (1.0 + expected), "{row:?}: {scv}");
    }
}
