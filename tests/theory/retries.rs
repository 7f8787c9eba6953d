//! Retries: how many attempts, how far apart, and what they do to a station that is full.

use crate::attempts::failing;
use crate::markov::station;
use crate::model::{Model, call, constant, exponential, once, retry, seconds};
use crate::oracle::rows;
use crate::seen::{Seen, UNIT_S};
use crate::statistics::{Family, trials};
use blackstart::kernel::stream::RootSeed;
use blackstart::scenario::model::{Backoff, Jitter, Retry, ServiceId};
use blackstart::simulation::run;
use blackstart::traffic::plan::Plan;
use blackstart::world::population::Population;

/// Layers that each try `attempts` times, over a bottom that always fails: counts, not chances.
#[test]
fn attempts_multiply_over_layers() {
    for row in rows("retry_layers_worst_case") {
        let (layers, attempts) = (row.count("layers"), row.count("attempts_per_layer") as u32);
        // Six layers of five attempts take 20 s to fail.
        let model = failing(1.0, 2.0, 10.0).clock(0.0, 120.0, 10.0);
        let mut model = model.retries(retry(attempts, 0.01));
        // The client is the first layer; each further one is a service that calls the one below.
        for layer in 1..layers {
            let below = ServiceId(layer as u32 - 1);
            let name = format!("layer-{layer}");
            model = model.service(&name).servers(100_000).service_time(constant(0.001));
            let mut again = call(below);
            again.retry = retry(attempts, 0.0);
            model = model.calls(&name, again);
        }
        let top = ServiceId(model.scenario.services.len() as u32 - 1);
        let outcome = run(&model.with_operation(|o| o.enters = top).build(), 0, &mut |_| {});
        let outcome = outcome.expect("both ledgers balance");
        let demands: f64 = outcome.series.operations[0].demand_per_s.iter().sum();
        let demands = (demands * outcome.series.window_s).round() as u64;
        assert!(demands > 5, "{layers} layers: {demands} demands");
        let bottom = &outcome.ledgers.stations[0];
        let expected = demands * row.count("worst_case_attempts_at_bottom");
        assert_eq!(bottom.arrived, expected, "{layers} layers of {attempts} attempts");
        assert_eq!(outcome.ledgers.clients[0].answered, 0);
    }
}

/// `v(n) = min(cap, base 2^n)` from n = 1: the first wait is twice the base.
fn exponential_backoff(base: f64, cap: f64, attempts: u32, jitter: Jitter) -> Retry {
    let backoff =
        Backoff::Exponential { first: seconds(2.0 * base), factor: 2.0, cap: seconds(cap) };
    Retry { attempts: Some(attempts), backoff, jitter }
}

/// The waits that traffic itself uses, averaged over the midpoints of a thousand equal parts of
/// the draw: the mean of a uniform law exactly, its variance but for one part in 10^6.
#[test]
fn backoff_schedules() {
    const PARTS: u32 = 1_000;
    let (mut cumulative, mut last) = ([0.0; 5], f64::INFINITY);
    for row in rows("backoff_schedules") {
        let (base, cap, n) = (row.number("base"), row.number("cap"), row.count("attempt_n") as u32);
        if f64::from(n) <= last {
            cumulative = [0.0; 5];
        }
        last = f64::from(n);
        let moments = |jitter: Jitter| {
            let retry = exponential_backoff(base, cap, 99, jitter);
            let scenario = Model::new().retries(retry).build();
            let population = Population::new(&scenario, RootSeed(0));
            let plan = Plan::new(&scenario, &population).classes[0].retry.clone();
            let draw = |part: u32| (f64::from(part) + 0.5) / f64::from(PARTS);
            let waits = (0..PARTS).map(|part| plan.wait_ns(n, draw(part), 0) as f64 / 1e9);
            let waits: Vec<f64> = waits.collect();
            let mean = waits.iter().sum::<f64>() / f64::from(PARTS);
            let squares = waits.iter().map(|wait| (wait - mean) * (wait - mean)).sum::<f64>();
            (mean, squares / f64::from(PARTS))
        };
        let (none, full, equal) =
            (moments(Jitter::None), moments(Jitter::Full), moments(Jitter::Equal));
        for (sum, next) in cumulative.iter_mut().zip([none.0, full.0, equal.0, full.1, equal.1]) {
            *sum += next;
        }
        let found = [none.0, full.0, equal.0].into_iter().chain(cumulative);
        let columns = [
            "exponential_delay",
            "full_jitter_mean",
            "equal_jitter_mean",
            "cum_exponential",
            "cum_full_mean",
            "cum_equal_mean",
            "cum_full_var",
            "cum_equal_var",
        ];
        for (column, found) in columns.iter().zip(found) {
            let expected = row.number(column);
            // 2 ns of rounding a wait, and the part in 10^6 of the variances.
            let slack = 2e-6 * expected + 3e-8;
            assert!((found - expected).abs() <= slack, "{row:?} {column}: {found}");
        }
    }
}

/// The same through the engine: everybody demands once, at the same instant, and is refused until
/// the last attempt; the mean instant of all attempts is that of the schedule.
#[test]
fn backoff_as_it_is_observed() {
    let mut family = Family::new("backoff");
    for row in rows("backoff_schedules") {
        let (base, cap, n) = (row.number("base"), row.number("cap"), row.count("attempt_n") as u32);
        if n != 1 || base > 1.0 {
            continue;
        }
        for (jitter, column) in
            [(Jitter::None, "exponential_delay"), (Jitter::Full, "full_jitter_mean")]
        {
            let window = base / 50.0;
            // The think time is longer than the measured time: one demand a mailbox, at `start`.
            let think = 10.0 * base;
            let scenario = failing(1.0, 0.0, 1.0)
                .closed(2_000, constant(think))
                .retries(exponential_backoff(base, cap, 2, jitter))
                .clock(think, 2.5 * base, window)
                .build();
            let figures = trials(&scenario, |outcome| {
                let series = &outcome.series.operations[0];
                let sent = series.attempts_per_s.iter().zip(&series.first_attempts_per_s);
                let retries: Vec<f64> = sent.map(|(all, first)| all - first).collect();
                let count: f64 = retries.iter().sum();
                let middle = |(at, n): (usize, &f64)| n * (at as f64 + 0.5) * window;
                vec![retries.iter().enumerate().map(middle).sum::<f64>() / count]
            });
            // A retry follows the refusal, which follows the service of 1 ms; a window's width is
            // all that a time without spread can be known to.
            let expected = row.number(column) + 0.001;
            if jitter == Jitter::None {
                assert!((figures[0][0] - expected).abs() <= window, "{row:?}: {}", figures[0][0]);
            } else {
                family.expect(format!("base {base} {column}"), expected, &figures[0], 0.05);
            }
        }
    }
    family.judge();
}

/// Blocked attempts come back after long, well spread delays: then they are Poisson too, and the
/// fixed point is exact.
#[test]
fn retries_into_a_full_station() {
    let mut family = Family::new("retries into loss");
    for row in rows("loss_retry_fixed_point") {
        let (servers, retries) = (row.count("servers"), row.count("max_retries") as u32);
        let (c, primary) = (servers as f64, row.number("lambda_primary"));
        let delay = 100.0;
        let jitter = Retry {
            attempts: Some(retries + 1),
            backoff: Backoff::Constant(seconds(delay * UNIT_S)),
            jitter: Jitter::Full,
        };
        // A fixed point is reached by generations of retries, half a delay apart.
        let warmup = 30.0 * delay;
        let scenario = station(servers, primary, warmup, (3e4 / primary).max(3_000.0))
            .queue_limit(0)
            .timeout(1e4 * UNIT_S)
            .retries(jitter)
            .build();
        let figures = trials(&scenario, |outcome| {
            let seen = Seen(outcome);
            let (arrived, refused) = (seen.arrivals("station"), seen.refused("station"));
            vec![arrived, refused / arrived, seen.busy("station")]
        });
        let columns = ["lambda_attempts", "per_attempt_blocking", "carried_rate_mu1"];
        for (column, samples) in columns.iter().zip(&figures) {
            let label = format!("c {servers} load {:.2} retries {retries} {column}", primary / c);
            family.expect(label, row.number(column), samples, 0.1);
        }
    }
    family.judge();
}

/// The retrial queue M/M/c with an exponential orbit. A backoff has no exponential law, but a
/// service has: each attempt first passes "orbit", which has servers for all, and is refused by
/// the station without a queue; the client asks again at once. The first passage only moves the
/// Poisson arrivals, which stay Poisson (output of M/M/inf).
#[test]
fn retrial_queue() {
    let mut family = Family::new("retrial");
    for row in rows("retrial_queue") {
        let (servers, arrivals) = (row.count("servers"), row.number("lambda"));
        let (c, again) = (servers as f64, row.number("retry_rate_per_orbit_customer"));
        let mut model = station(servers, arrivals, 1_000.0, 6e4)
            .queue_limit(0)
            .service("orbit")
            .servers(1_000_000)
            .service_time(exponential(UNIT_S / again))
            .releases_slot();
        let mut attempt = call(ServiceId(0));
        attempt.retry = once();
        model = model.calls("orbit", attempt);
        let orbit = model.service_id("orbit");
        let scenario = model
            .with_operation(|operation| operation.enters = orbit)
            .timeout(1e6 * UNIT_S)
            .retries(retry(u32::MAX, 0.0))
            .build();
        let figures = trials(&scenario, |outcome| {
            let seen = Seen(outcome);
            let attempts = seen.arrivals("station");
            let first = arrivals / again;
            vec![seen.busy("station"), attempts, seen.busy("orbit") - first]
        });
        let columns = ["mean_busy", "attempt_rate", "mean_orbit"];
        for (column, samples) in columns.iter().zip(&figures) {
            let label = format!("c {c} lambda {arrivals} nu {again} {column}");
            family.expect(label, row.number(column), samples, 0.15);
        }
    }
    family.judge();
}
