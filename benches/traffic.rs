//! Station visits a second of a whole trial on the Lync scenario, healthy and overloaded.
//!
//! See `benches/README.md` for what is measured, on what machine, and what came out.

#[path = "support/stopwatch.rs"]
mod stopwatch;

use blackstart::measure::outcome::Outcome;
use blackstart::scenario::{self, Options, Scenario};
use blackstart::simulation;
use std::path::Path;
use stopwatch::{Arguments, median, timed};

/// A cut of the day that is measured.
struct Case {
    name: &'static str,
    variant: Option<&'static str>,
    /// First measured instant, by the scenario's own clock.
    start: &'static str,
    duration: &'static str,
    duration_small: &'static str,
    /// What must be true of the result: availability of every minute at least, or of some minute
    /// at most, so much.
    availability: Expected,
}

enum Expected {
    AlwaysAtLeast(f64),
    OnceAtMost(f64),
}

const CASES: [Case; 2] = [
    Case {
        name: "lync-healthy",
        variant: Some("no-fault"),
        start: "2014-06-23T09:00[America/New_York]",
        duration: "1h",
        duration_small: "4m",
        availability: Expected::AlwaysAtLeast(0.999),
    },
    Case {
        name: "lync-overloaded",
        variant: None,
        start: "2014-06-23T10:40[America/New_York]",
        duration: "6h",
        duration_small: "25m",
        availability: Expected::OnceAtMost(0.5),
    },
];

fn main() {
    let arguments = Arguments::read();
    for case in CASES.iter().filter(|case| arguments.wants(case.name)) {
        let scenario = case.scenario(arguments.small);
        let mut seconds = Vec::new();
        let mut first: Option<Outcome> = None;
        for _ in 0..arguments.repetitions {
            let (outcome, elapsed_s) = timed(|| simulation::run(&scenario, 1, &mut |_| {}));
            let outcome = outcome.expect("the books of a bundled scenario balance");
            case.check(&outcome);
            seconds.push(elapsed_s);
            let first = first.get_or_insert_with(|| outcome.clone());
            assert_eq!(first.digest, outcome.digest, "{}: the same seed twice", case.name);
        }
        print(case.name, &first.expect("a case runs at least once"), median(seconds));
    }
}

impl Case {
    fn scenario(&self, small: bool) -> Scenario {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/lync-2014-06-23.yaml");
        let duration = if small { self.duration_small } else { self.duration };
        let set = |path: &str, value: &str| (path.to_owned(), value.to_owned());
        let mut overrides = vec![
            set("clock.start", &format!("\"{}\"", self.start)),
            set("clock.duration", duration),
        ];
        if small {
            overrides.push(set("clock.warmup", "2m"));
        }
        let variant = self.variant.map(str::to_owned);
        let options = Options { overrides, variant, scale: Some(500), ..Options::default() };
        match scenario::load(&file, &options) {
            Ok(loaded) => loaded.scenario,
            Err(problems) => panic!("{}: {problems}", self.name),
        }
    }

    fn check(&self, outcome: &Outcome) {
        let measured = outcome.series.availability.iter().flatten().copied();
        let worst = measured.fold(1.0, f64::min);
        match self.availability {
            Expected::AlwaysAtLeast(least) => assert!(worst >= least, "{}: {worst}", self.name),
            Expected::OnceAtMost(most) => assert!(worst <= most, "{}: {worst}", self.name),
        }
        let (cost, books) = (&outcome.cost, &outcome.ledgers);
        let arrived: u64 = books.stations.iter().map(|station| station.arrived).sum();
        assert_eq!(cost.station_visits, arrived, "{}: visits are what arrived", self.name);
        let sent: u64 = books.clients.iter().map(|client| client.sent).sum();
        assert!(cost.attempts >= sent, "{}: probes come on top of the clients", self.name);
    }
}

fn print(name: &str, outcome: &Outcome, elapsed_s: f64) {
    let cost = &outcome.cost;
    let million_per_s = |count: u64| count as f64 * 1e-6 / elapsed_s;
    println!(
        "traffic/{name}: {} visits, {} attempts, {} events in {elapsed_s:.3} s: {:.3} million \
         visits/s, {:.3} million attempts/s, {:.1} ns/event; peak {} operations; digest {}",
        cost.station_visits,
        cost.attempts,
        cost.events,
        million_per_s(cost.station_visits),
        million_per_s(cost.attempts),
        elapsed_s * 1e9 / cost.events as f64,
        cost.operations_peak,
        outcome.digest,
    );
}
