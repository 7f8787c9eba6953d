//! When service came back for good: DESIGN.md, section 5, "Recovery", as a pure function.
//!
//! **Which question.** From availability minute by minute: when did impact begin, when did it end,
//! did it come again? **Model.** One-minute windows; a threshold; a time for which it must hold.
//! **What it leaves out.** Who suffered how much: that is [`Impact`](super::outcome::Impact).
//! **Cost.** One pass over the minutes of the run. **Validation.** Cases by hand, and a slow
//! restatement of the rule that must agree on random input.

/// What [`recovery`] found; all numbers are indices of minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryFound {
    /// First minute under the threshold at or after the fault; `None`: no impact.
    pub impact_minute: Option<usize>,
    /// First minute of the first recovery.
    pub first_recovered: Option<usize>,
    /// First minute of the last recovery, the one that is judged; `None` without impact, and where
    /// the last relapse (or the impact itself) was not seen to end.
    pub recovered: Option<usize>,
    /// First minutes of the relapses: dips of more than one minute after a recovery.
    pub relapses: Vec<usize>,
    /// There was impact, and its end was not seen before the end of the run.
    pub censored: bool,
}

/// Start of impact, recoveries and relapses [minutes since the first].
///
/// Recovery is the start of the first minute from which availability stays at or above `threshold`
/// for `sustained_minutes` (at least one). A later dip of one minute is forgiven; a longer one is a
/// relapse, and the search starts again from it. Minutes without data neither help nor break: they
/// do not count towards `sustained_minutes`, and end neither a recovery nor a dip.
///
/// Impact starts at the first minute under the threshold at or after `fault_minute`, or anywhere
/// where there was no fault.
///
/// # Source
/// DESIGN.md, section 5. What counts as "for good" is a choice: one minute is forgiven because one
/// window is what a single routing or steering step may cost.
pub fn recovery(
    minute_availability: &[Option<f64>],
    fault_minute: Option<usize>,
    threshold: f64,
    sustained_minutes: usize,
) -> RecoveryFound {
    let sustained = sustained_minutes.max(1);
    let mut found = RecoveryFound::default();
    let mut state = State::Healthy;
    for (minute, value) in minute_availability.iter().enumerate().skip(fault_minute.unwrap_or(0)) {
        let Some(value) = *value else { continue };
        // NaN is under every threshold: what can't be compared is not good.
        state = state.next(minute, value >= threshold, sustained, &mut found);
    }
    found.censored = found.impact_minute.is_some() && found.recovered.is_none();
    found
}

/// Where the walk over the minutes stands.
#[derive(Clone, Copy)]
enum State {
    /// No impact yet.
    Healthy,
    /// Under the threshold, or above it for too short a time.
    Down,
    /// Above the threshold since `start`, for `good` minutes with data.
    Returning { start: usize, good: usize },
    /// Recovered.
    Recovered,
    /// Recovered, then one minute under the threshold, at `start`.
    Dipped { start: usize },
}

impl State {
    fn next(self, minute: usize, good: bool, sustained: usize, found: &mut RecoveryFound) -> State {
        match (self, good) {
            (State::Healthy, true) => State::Healthy,
            (State::Healthy, false) => {
                found.impact_minute = Some(minute);
                State::Down
            }
            (State::Down | State::Returning { .. }, false) => State::Down,
            (State::Down, true) => State::settle(minute, 1, sustained, found),
            (State::Returning { start, good }, true) => {
                State::settle(start, good + 1, sustained, found)
            }
            (State::Recovered | State::Dipped { .. }, true) => State::Recovered,
            (State::Recovered, false) => State::Dipped { start: minute },
            (State::Dipped { start }, false) => {
                found.relapses.push(start);
                found.recovered = None;
                State::Down
            }
        }
    }

    fn settle(start: usize, good: usize, sustained: usize, found: &mut RecoveryFound) -> State {
        if good < sustained {
            return State::Returning { start, good };
        }
        found.first_recovered.get_or_insert(start);
        found.recovered = Some(start);
        State::Recovered
    }
}

/// Availability of each whole or started minute [share]; `None` where nothing was demanded.
///
/// `demand` and `good` are rates (or counts) of equal windows of `window_s`; a window belongs to
/// the minute in which it starts, and one longer than a minute speaks for each of its minutes.
pub fn minute_availability(window_s: f64, demand: &[f64], good: &[f64]) -> Vec<Option<f64>> {
    assert_eq!(demand.len(), good.len(), "one window, one demand, one good");
    assert!(window_s > 0.0, "a window has a length");
    let share = |good: f64, demand: f64| (demand > 0.0).then(|| good / demand);
    // The small part keeps 6 windows of 10 s at 60 s, whatever the last bit of the product.
    let minute_of = |window: usize| (window as f64 * window_s / 60.0 + 1e-9).floor() as usize;
    let minutes = (demand.len() as f64 * window_s / 60.0 - 1e-9).ceil().max(0.0) as usize;
    if window_s > 60.0 {
        let window_of = |minute: usize| (minute as f64 * 60.0 / window_s + 1e-9).floor() as usize;
        let last = demand.len().saturating_sub(1);
        let windows = (0..minutes).map(|minute| window_of(minute).min(last));
        return windows.map(|window| share(good[window], demand[window])).collect();
    }
    let mut sums = vec![(0.0, 0.0); minutes];
    for (window, (&demand, &good)) in demand.iter().zip(good).enumerate() {
        let sum = &mut sums[minute_of(window)];
        *sum = (sum.0 + good, sum.1 + demand);
    }
    sums.into_iter().map(|(good, demand)| share(good, demand)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `.` good, `x` under the threshold, `_` no data.
    fn minutes(text: &str) -> Vec<Option<f64>> {
        let value = |letter| match letter {
            '.' => Some(0.995),
            'x' => Some(0.5),
            _ => None,
        };
        text.chars().map(value).collect()
    }

    fn find(text: &str, fault: Option<usize>, sustained: usize) -> RecoveryFound {
        recovery(&minutes(text), fault, 0.99, sustained)
    }

    #[test]
    fn without_a_minute_under_the_threshold_there_is_no_impact() {
        assert_eq!(find("......", Some(2), 3), RecoveryFound::default());
        assert_eq!(find("______", None, 3), RecoveryFound::default());
        assert_eq!(find("", None, 3), RecoveryFound::default());
        assert_eq!(find("..", Some(9), 3), RecoveryFound::default(), "a fault after the end");
    }

    #[test]
    fn recovery_is_the_start_of_the_first_stretch_that_is_long_enough() {
        let found = find("..xx..xx....", Some(2), 3);
        let expected = RecoveryFound {
            impact_minute: Some(2),
            first_recovered: Some(8),
            recovered: Some(8),
            ..RecoveryFound::default()
        };
        assert_eq!(found, expected);
        // With two minutes the rest in between is a recovery, and what follows it a relapse.
        let eager = find("..xx..xx....", Some(2), 2);
        assert_eq!((eager.first_recovered, eager.recovered), (Some(4), Some(8)));
        assert_eq!(eager.relapses, [6]);
    }

    #[test]
    fn exactly_the_threshold_is_good_and_not_a_number_is_not() {
        let found = recovery(&[Some(0.98), Some(0.99), Some(0.99)], None, 0.99, 2);
        assert_eq!(found.recovered, Some(1));
        assert_eq!(recovery(&[Some(f64::NAN)], None, 0.99, 1).impact_minute, Some(0));
    }

    #[test]
    fn a_dip_before_the_fault_is_no_impact() {
        assert_eq!(find("x..x....", Some(2), 2).impact_minute, Some(3));
        assert_eq!(find("x..x....", None, 2).impact_minute, Some(0));
    }

    #[test]
    fn one_minute_is_forgiven_and_two_are_a_relapse() {
        let forgiven = find("xx...x...", None, 3);
        assert_eq!((forgiven.recovered, forgiven.relapses.len()), (Some(2), 0));
        let relapse = find("xx...xx...xx...", None, 3);
        assert_eq!(relapse.relapses, [5, 10]);
        assert_eq!((relapse.first_recovered, relapse.recovered), (Some(2), Some(12)));
        assert!(!relapse.censored);
    }

    #[test]
    fn a_relapse_that_does_not_end_is_censored_and_keeps_the_first_recovery() {
        let found = find("xx...xxx..", None, 3);
        assert_eq!((found.first_recovered, found.recovered), (Some(2), None));
        assert!(found.censored);
    }

    #[test]
    fn too_short_a_rest_is_censored() {
        assert!(find("..xx..", Some(1), 3).censored);
        assert!(!find("..xx...", Some(1), 3).censored);
    }

    #[test]
    fn minutes_without_data_neither_help_nor_break() {
        assert_eq!(find("x._..", None, 3).recovered, Some(1), "not broken");
        assert!(find("x.__.", None, 3).censored, "not helped");
        assert_eq!(find("x__..", None, 2).recovered, Some(3), "starts with data");
        assert_eq!(find("x..x_x..", None, 2).relapses, [3], "one dip of two minutes");
    }

    #[test]
    fn sustained_of_zero_means_one_minute() {
        assert_eq!(find("x.x.", None, 0), find("x.x.", None, 1));
    }

    #[test]
    fn windows_add_up_to_minutes_weighted_by_demand() {
        let demand = [1.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0];
        let good = [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0];
        assert_eq!(minute_availability(10.0, &demand, &good), [Some(0.5), None, Some(1.0)]);
        let long = minute_availability(120.0, &[4.0, 0.0], &[3.0, 0.0]);
        assert_eq!(long, [Some(0.75), Some(0.75), None, None]);
        assert_eq!(minute_availability(10.0, &[], &[]), []);
        assert_eq!(minute_availability(0.1, &[1.0; 1800], &[1.0; 1800]), [Some(1.0); 3]);
    }

    /// The rule once more, by looking at every minute and every stretch; only to compare with.
    fn restated(minutes: &[Option<f64>], fault: usize, sustained: usize) -> RecoveryFound {
        // Without the minutes that have no data, the rule speaks of plain stretches.
        let known = minutes.iter().enumerate().skip(fault);
        let known: Vec<_> = known.filter_map(|(m, v)| v.map(|v| (m, v >= 0.99))).collect();
        let is = |from: usize, count: usize, good: bool| {
            known.get(from..from + count).is_some_and(|s| s.iter().all(|&(_, g)| g == good))
        };
        let first = |from: usize, count: usize, good: bool| {
            (from..known.len()).find(|&start| is(start, count, good))
        };
        let mut found = RecoveryFound::default();
        let Some(mut down) = first(0, 1, false) else {
            return found;
        };
        found.impact_minute = Some(known[down].0);
        loop {
            let Some(up) = first(down, sustained, true) else {
                (found.recovered, found.censored) = (None, true);
                return found;
            };
            found.recovered = Some(known[up].0);
            found.first_recovered = found.first_recovered.or(found.recovered);
            match first(up, 2, false) {
                Some(again) => down = again,
                None => return found,
            }
            found.relapses.push(known[down].0);
        }
    }

    proptest! {
        #[test]
        fn the_walk_agrees_with_the_rule_restated(
            text in "[.x_]{0,60}",
            fault in 0_usize..20,
            sustained in 1_usize..6,
        ) {
            prop_assert_eq!(
                find(&text, Some(fault), sustained),
                restated(&minutes(&text), fault, sustained)
            );
        }

        #[test]
        fn longer_sustained_never_recovers_earlier(text in "[.x_]{0,60}", sustained in 1_usize..6) {
            let (short, long) = (find(&text, None, sustained), find(&text, None, sustained + 1));
            prop_assert_eq!(short.impact_minute, long.impact_minute);
            if let Some(late) = long.first_recovered {
                prop_assert!(short.first_recovered.is_some_and(|early| early <= late));
            }
        }

        #[test]
        fn the_moments_are_in_order(text in "[.x_]{0,60}", sustained in 1_usize..6) {
            let found = find(&text, None, sustained);
            if let (Some(impact), Some(recovered)) = (found.impact_minute, found.first_recovered) {
                prop_assert!(impact < recovered);
            }
            prop_assert!(found.relapses.iter().all(|&r| Some(r) > found.first_recovered));
            let last_relapse = found.relapses.last().copied();
            prop_assert!(found.recovered.is_none() || found.recovered > last_relapse);
        }
    }
}
