//! How the benches are asked and how they measure: size, repetitions, time, medians.
//!
//! Nothing here decides whether a bench passes: benches assert results, never time.

#![allow(dead_code, reason = "each bench uses its own part")]

use std::time::Instant;

/// Repetitions where `--repeat` does not say otherwise.
const REPETITIONS: usize = 5;

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// Small enough for a test: `--small`, or not run by `cargo bench` (which says `--bench`).
    pub small: bool,
    /// Times that each case is run [count].
    pub repetitions: usize,
    /// Only the case of this name.
    pub only: Option<String>,
}

impl Arguments {
    /// Reads the command line: `[--small] [--repeat N] [CASE]`.
    ///
    /// # Panics
    /// On an argument that is none of these: a measurement of something else would mislead.
    pub fn read() -> Arguments {
        let mut found = Arguments { small: false, repetitions: REPETITIONS, only: None };
        let (mut by_cargo_bench, mut repetitions) = (false, None);
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--bench" => by_cargo_bench = true,
                "--small" | "--test" => found.small = true,
                "--repeat" => repetitions = words.next().and_then(|count| count.parse().ok()),
                case if !case.starts_with('-') => found.only = Some(case.to_owned()),
                other => panic!("{other}: write [--small] [--repeat N] [CASE]"),
            }
        }
        found.small |= !by_cargo_bench;
        let fallback = if found.small { 1 } else { REPETITIONS };
        found.repetitions = repetitions.unwrap_or(fallback).max(1);
        found
    }

    /// Whether a case is to be run.
    pub fn wants(&self, case: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == case)
    }
}

/// A running measurement of this thread.
pub struct Stopwatch {
    wall: Instant,
    cpu_s: Option<f64>,
}

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Stopwatch {
        #[expect(clippy::disallowed_methods, reason = "a bench measures; no result depends on it")]
        let wall = Instant::now();
        Stopwatch { wall, cpu_s: cpu_s() }
    }

    /// Time on the processor since the start, where the system tells it, else time passed [s]:
    /// on a shared machine what others do to the clock on the wall is not what is measured.
    pub fn elapsed_s(&self) -> f64 {
        match (self.cpu_s, cpu_s()) {
            (Some(before), Some(after)) if after > before => after - before,
            _ => self.wall.elapsed().as_secs_f64(),
        }
    }
}

/// Time that the main thread has had on a processor [s], to the nanosecond: first field of the
/// Linux scheduler's statistics, brought up to date at the latest by its tick (some ms).
fn cpu_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let ns: u64 = text.split_whitespace().next()?.parse().ok()?;
    Some(ns as f64 * 1e-9)
}

/// Result and time [s] of one run of `work`.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let stopwatch = Stopwatch::start();
    let result = work();
    let elapsed_s = stopwatch.elapsed_s();
    (result, elapsed_s)
}

/// Median of some figures; of an even number the upper of the two in the middle.
pub fn median(mut figures: Vec<f64>) -> f64 {
    assert!(!figures.is_empty(), "a case runs at least once");
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
