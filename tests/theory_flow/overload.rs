//! Overload of a station that drops abandoned work: who is answered in the last of his patience.

use crate::markov::station;
use crate::model::{Model, call, exponential, seconds};
use crate::seen::UNIT_S;
use crate::statistics::{Family, mean};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{Fidelity, Scenario};
use blackstart::simulation::run;
use rayon::prelude::*;

/// Every client's patience, in mean service times: many, so that the queue is never empty.
const PATIENCE: f64 = 11.0;
const SEEDS: u64 = 20;

fn overloaded(servers: u64, rho: f64) -> Model {
    let model = station(servers, rho * servers as f64, 100.0, 2_000.0);
    model.drops_abandoned().timeout(PATIENCE * UNIT_S)
}

/// What the station serves for somebody, a mean service time: one value a seed.
fn useful(model: &Model, fidelity: Fidelity) -> Vec<f64> {
    let scenario = Scenario { fidelity, ..model.clone().build() };
    let of = |outcome: &Outcome| UNIT_S * mean(&outcome.series.stations[0].useful_per_s);
    let one = |seed| of(&run(&scenario, seed, &mut |_| {}).expect("the ledgers balance"));
    (0..SEEDS).into_par_iter().map(one).collect()
}

/// What is left of the patience at a slot is exponential with rate lambda - c mu (Baccelli and
/// Hebuterne, Performance '81: the virtual wait's density below the patience); a service is shorter
/// with probability mu / (mu + lambda - c mu).
#[test]
fn answered_in_the_last_of_their_patience() {
    let mut family = Family::new("M/M/c+D overload");
    for (servers, rho) in [(25, 1.2), (25, 2.0), (50, 1.2), (50, 1.5)] {
        let c = servers as f64;
        let expected = c / (1.0 + (rho - 1.0) * c);
        let samples = useful(&overloaded(servers, rho), Fidelity::Flow);
        family.expect(format!("c {servers} rho {rho} useful"), expected, &samples, 0.1);
    }
    family.judge();
}

/// The same where they hold their slots for a call: as `exact` has it, with the interval of the
/// differences between both.
#[test]
fn clients_give_up_what_their_requests_call() {
    let mut family = Family::new("M/M/c+D overload with a call");
    for (servers, rho) in [(25, 1.2), (50, 1.2)] {
        let model = overloaded(servers, rho).service("callee").servers(10 * servers);
        let model = model.service_time(exponential(0.5 * UNIT_S));
        let mut made = call(model.service_id("callee"));
        made.timeout = seconds(0.5 * PATIENCE * UNIT_S);
        let model = model.calls("station", made);
        let exact = useful(&model, Fidelity::Exact);
        let expected = mean(&exact);
        let flow = useful(&model, Fidelity::Flow);
        let samples: Vec<f64> = flow.iter().zip(exact).map(|(f, e)| expected + f - e).collect();
        family.expect(format!("c {servers} rho {rho} useful"), expected, &samples, 0.15);
    }
    family.judge();
}
