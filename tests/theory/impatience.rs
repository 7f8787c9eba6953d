//! Customers who leave the queue: after exactly tau, or after an exponential patience.

use crate::markov::station;
use crate::model::exponential;
use crate::oracle::rows;
use crate::seen::{Seen, UNIT_S};
use crate::statistics::{Family, trials};
use blackstart::scenario::model::Scenario;

/// Judges the share that left the queue, the mean queue and the utilisation of one row.
fn expect(family: &mut Family, label: &str, scenario: &Scenario, c: f64, expected: [f64; 4]) {
    let figures = trials(scenario, |outcome| {
        let seen = Seen(outcome);
        let arrived = seen.arrivals("station");
        vec![
            seen.refused("station") / arrived,
            seen.waiting("station"),
            seen.waiting("station") / arrived,
            seen.busy("station") / c,
        ]
    });
    let names = ["left the queue", "mean in queue", "mean time in queue", "utilisation"];
    for ((name, expected), samples) in names.iter().zip(expected).zip(&figures) {
        family.expect(format!("{label} {name}"), expected, samples, 0.1);
    }
}

/// A client's timeout runs on while it is served, but takes it out of the *queue* only: with
/// `abandoned_work: dropped` that is M/M/c+D, and who has a slot is served to the end.
#[test]
fn deterministic_timeout() {
    let mut family = Family::new("M/M/c+D");
    for row in rows("mmc_plus_d_timeout") {
        let (servers, rho) = (row.count("servers"), row.number("rho"));
        let (c, tau) = (servers as f64, row.number("patience_tau"));
        let scenario = station(servers, rho * c, 100.0, (1e5 / c).max(2_000.0))
            .drops_abandoned()
            .timeout(tau * UNIT_S)
            .build();
        let expected = [
            row.number("prob_timeout_in_queue"),
            row.number("mean_in_queue"),
            row.number("mean_time_in_queue_all"),
            row.number("utilisation"),
        ];
        let label = format!("c {servers} rho {rho} tau {tau}");
        expect(&mut family, &label, &scenario, c, expected);
    }
    family.judge();
}

/// Erlang A: patience that outlasts the queue has no effect on who is in service.
#[test]
fn exponential_patience() {
    let mut family = Family::new("M/M/c+M");
    for row in rows("erlang_a_mmc_plus_m") {
        let (servers, rho) = (row.count("servers"), row.number("rho"));
        let (c, theta) = (servers as f64, row.number("theta"));
        let scenario = station(servers, rho * c, 100.0, (1e5 / c).max(2_000.0))
            .drops_abandoned()
            .patience(exponential(UNIT_S / theta))
            .build();
        let expected = [
            row.number("prob_abandon"),
            row.number("mean_in_queue"),
            row.number("mean_time_in_queue_all"),
            row.number("utilisation"),
        ];
        let label = format!("c {servers} rho {rho} theta {theta}");
        expect(&mut family, &label, &scenario, c, expected);
    }
    family.judge();
}
