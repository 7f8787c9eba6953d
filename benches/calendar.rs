//! The calendar against the heap of `std`: the hold model at three sizes.
//!
//! A *hold* takes the earliest event and enters one, an exponential time later (Jones, "An
//! empirical comparison of priority-queue and event-set implementations", CACM 29, 1986). Both
//! queues get the same events, records of 16 bytes with the time in them, and must give them back
//! in the same order of times. See `benches/README.md` for what came out.

#[path = "support/stopwatch.rs"]
mod stopwatch;

use blackstart::kernel::calendar::Calendar;
use blackstart::kernel::digest::Digest;
use blackstart::kernel::stream::{RootSeed, Stream};
use blackstart::kernel::time::{SimDuration, SimTime};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use stopwatch::{Arguments, median, timed};

/// (pending events, holds), full and small.
const FULL: [(u32, u32); 3] =
    [(1_000, 10_000_000), (100_000, 10_000_000), (10_000_000, 10_000_000)];
const SMALL: [(u32, u32); 3] = [(1_000, 50_000), (10_000, 50_000), (100_000, 200_000)];

/// Increments drawn beforehand and used in turn, so that no draw is measured; no power of two.
const INCREMENTS: usize = 99_991;

/// Mean time between two holds' events [ns]; a pending event waits this times the pending count.
const SPACING_NS: f64 = 1_000.0;

fn main() {
    let arguments = Arguments::read();
    let sizes = if arguments.small { SMALL } else { FULL };
    for (pending, holds) in sizes.into_iter().filter(|(p, _)| arguments.wants(&p.to_string())) {
        let increments = increments(pending);
        let (mut calendar_ns, mut heap_ns, mut ratios) = (vec![], vec![], vec![]);
        let mut digest = String::new();
        for _ in 0..arguments.repetitions {
            let (calendar, calendar_s) = hold_calendar(&increments, pending, holds);
            let (heap, heap_s) = hold_heap(&increments, pending, holds);
            assert_eq!(calendar, heap, "both give the same events' times in the same order");
            calendar_ns.push(calendar_s * 1e9 / f64::from(holds));
            heap_ns.push(heap_s * 1e9 / f64::from(holds));
            ratios.push(heap_s / calendar_s);
            digest = digest_of(&calendar);
        }
        println!(
            "calendar/hold-{pending}: {:.1} ns a hold, std BinaryHeap {:.1} ns: {:.2} times as \
             long; digest {digest}",
            median(calendar_ns),
            median(heap_ns),
            median(ratios),
        );
    }
}

/// What a run of holds leaves: the time it came to, and a sum over all times that were popped.
#[derive(Debug, PartialEq, Eq)]
struct Trace {
    last_ns: u64,
    sum: u64,
}

impl Trace {
    /// Takes the next time; the sum depends on the order.
    fn take(&mut self, time_ns: u64) {
        assert!(time_ns >= self.last_ns, "the earliest event first");
        self.last_ns = time_ns;
        self.sum = self.sum.rotate_left(1).wrapping_add(time_ns);
    }
}

fn increments(pending: u32) -> Vec<u64> {
    let mut stream = Stream::named(RootSeed(1), "bench/calendar");
    let mean_ns = SPACING_NS * f64::from(pending);
    (0..INCREMENTS).map(|_| (stream.exponential() * mean_ns) as u64).collect()
}

fn hold_calendar(increments: &[u64], pending: u32, holds: u32) -> (Trace, f64) {
    let mut calendar = Calendar::new();
    let mut increment = increments.iter().copied().cycle();
    let mut next = || increment.next().expect("a cycle does not end");
    for event in 0..pending {
        calendar.push(SimTime(next()), u64::from(event));
    }
    let mut trace = Trace { last_ns: 0, sum: 0 };
    let ((), elapsed_s) = timed(|| {
        for _ in 0..holds {
            let (time, event) = calendar.pop().expect("as many are pending as ever");
            trace.take(time.0);
            calendar.push(time + SimDuration(next()), event);
        }
    });
    (trace, elapsed_s)
}

fn hold_heap(increments: &[u64], pending: u32, holds: u32) -> (Trace, f64) {
    let mut heap = BinaryHeap::new();
    let mut increment = increments.iter().copied().cycle();
    let mut next = || increment.next().expect("a cycle does not end");
    for event in 0..pending {
        heap.push(Reverse((next(), u64::from(event))));
    }
    let mut trace = Trace { last_ns: 0, sum: 0 };
    let ((), elapsed_s) = timed(|| {
        for _ in 0..holds {
            let Reverse((time, event)) = heap.pop().expect("as many are pending as ever");
            trace.take(time);
            heap.push(Reverse((time + next(), event)));
        }
    });
    (trace, elapsed_s)
}

fn digest_of(trace: &Trace) -> String {
    let mut digest = Digest::new();
    digest.update_u64(trace.last_ns);
    digest.update_u64(trace.sum);
    digest.finish()
}
