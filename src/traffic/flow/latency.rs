//! Latencies of answers: what came before the stations' work, spread by the law of that work.

use super::law::part_of;
use super::program::Programs;
use crate::kernel::math;
use crate::kernel::stream::Stream;
use crate::kernel::time::SimDuration;
use crate::measure::recorder::Recorder;

/// Bins of the time before, a factor e: a bin is 0.8 % wide.
const PER_E: f64 = 128.0;
/// Added to that time so that no time at all has a bin [s].
const FLOOR_S: f64 = 1e-3;
/// Answers up to this many are drawn one by one.
const ONE_BY_ONE: u64 = 16;

/// What tells answers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Like {
    class: u16,
    program: u16,
    /// Slice of the latency tables, by intended start.
    slice: Option<u32>,
    before: i32,
    /// Share of the law that was waited for, in 1/65,536.
    in_time: u32,
}

/// Entries that a list may have grown by before such as are alike are put together again.
const GROWN: usize = 1 << 16;

/// Answers since the last time they were spread.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies {
    answers: Vec<(Like, u64)>,
    /// So many of them are in order, each unlike the others.
    sorted: usize,
}

impl Latencies {
    /// Takes answers in: `before_s` is all but the stations' work; only the fastest `in_time` of
    /// that law were waited for.
    pub(super) fn add(
        &mut self,
        class: u16,
        program: u16,
        slice: Option<u32>,
        before_s: f64,
        in_time: f64,
        n: u64,
    ) {
        let like = Like {
            class,
            program,
            slice,
            before: (math::ln(before_s + FLOOR_S) * PER_E).round() as i32,
            in_time: (in_time * 65_536.0).ceil() as u32,
        };
        match self.answers.last_mut() {
            Some((last, count)) if *last == like => *count += n,
            _ => self.answers.push((like, n)),
        }
        if self.answers.len() > self.sorted + GROWN {
            self.put_together();
        }
    }

    fn put_together(&mut self) {
        self.answers.sort_unstable_by_key(|&(like, _)| like);
        self.answers.dedup_by(|next, kept| {
            let alike = next.0 == kept.0;
            kept.1 += if alike { next.1 } else { 0 };
            alike
        });
        self.sorted = self.answers.len();
    }

    /// Writes all answers into the tables.
    pub(super) fn spread(&mut self, programs: &Programs, draws: &mut Stream, to: &mut Recorder) {
        self.put_together();
        self.sorted = 0;
        for (like, n) in self.answers.drain(..) {
            let before_s = math::exp(f64::from(like.before) / PER_E) - FLOOR_S;
            let in_time = (f64::from(like.in_time) / 65_536.0).min(1.0);
            let spread = &programs.all[like.program as usize].spread;
            let mut record = |work_s: f64, n: u64| {
                let latency = SimDuration::from_secs_f64((before_s + work_s).max(0.0));
                to.record_latency(like.class as usize, like.slice, latency, n);
            };
            if n <= ONE_BY_ONE {
                for _ in 0..n {
                    let place = draws.uniform() * in_time;
                    let found = spread.partition_point(|&(up_to, _)| up_to <= place);
                    record(spread[found.min(spread.len() - 1)].1, 1);
                }
                continue;
            }
            let luck = draws.uniform();
            let mut below = 0.0;
            for &(up_to, work_s) in spread {
                let up_to = (up_to / in_time).min(1.0);
                let count = part_of(n, below, up_to, luck);
                below = up_to;
                if count > 0 {
                    record(work_s, count);
                }
            }
        }
    }
}
