//! A full queue, and clients who wait equally long before they try again: whom it has turned away
//! in one burst comes back in that burst. Independent retries would be let in as often as first
//! attempts, and so there would be 3 to 8 % too many (at 330/s and 260/s, four of them).

use crate::check::mean;
use crate::model::{Model, exponential, seconds};
use crate::{Figure, agree};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{Backoff, Jitter, Retry, Scenario};

/// Wait at the full queue [s]; retries are answered after [`GOOD_S`] at the soonest, nearly all
/// first attempts before.
const WAIT_S: f64 = 13.0 * 0.156;
const GOOD_S: f64 = WAIT_S + 0.97;

/// A site whose queue is full for good; 243.6 slots become free a second.
fn full(rate: f64, attempts: u32, backoff: Backoff) -> Scenario {
    let model = Model::new().mailboxes(20_000).rate(rate).servers(38).queue_limit(38 * 13);
    let model = model.service_time(exponential(0.156)).timeout(4.0).good_within(GOOD_S);
    let retry = Retry { attempts: Some(attempts), backoff, jitter: Jitter::None };
    model.retries(retry).clock(40.0, 400.0, 10.0).build()
}

#[test]
fn who_was_turned_away_together_comes_again_together() {
    let constant = |s: f64| Backoff::Constant(seconds(s));
    let doubled =
        |s: f64| Backoff::Exponential { first: seconds(s), factor: 2.0, cap: seconds(40.0) };
    let attempts = |o: &Outcome| mean(&o.series.operations[0].attempts_per_s);
    let answered = |o: &Outcome| mean(&o.series.operations[0].answered_per_s);
    let first = |o: &Outcome| mean(&o.series.operations[0].good_per_s);
    for (rate, most, backoff) in [
        (330.0, 4, constant(2.37)),
        (330.0, 2, constant(1.61)),
        (260.0, 4, constant(2.37)),
        (400.0, 3, doubled(3.53)),
        (330.0, 4, doubled(1.2)),
    ] {
        println!("{rate}/s, up to {most} attempts, {backoff:?}");
        let figures: [Figure; 3] = [
            ("attempts", attempts, 0.02),
            ("answered", answered, 0.01),
            ("first attempts that were answered", first, 0.03),
        ];
        agree(&full(rate, most, backoff), &figures);
    }
}
