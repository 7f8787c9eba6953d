//! Conditions, watched from window to window.
//!
//! Three values: true, false, and no data, which makes an atom false, resets its `for`, and stays
//! so under `not`.

use crate::kernel::time::SimTime;
use crate::scenario::model::{AlarmId, Condition, Operator, Quantity, StepId};

/// What conditions are about.
pub trait Sight {
    /// A quantity now; `None`: no data.
    fn value(&self, quantity: &Quantity) -> Option<f64>;
    /// Whether an alarm has risen.
    fn risen(&self, alarm: AlarmId) -> bool;
    /// Whether a step is done.
    fn done(&self, step: StepId) -> bool;
}

/// A condition and since when each of its comparisons has been true.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    condition: Condition,
    true_since: Vec<Option<SimTime>>,
}

impl Watch {
    /// A condition that is watched from now on.
    pub fn new(condition: &Condition) -> Watch {
        let comparisons = comparisons(condition);
        Watch { condition: condition.clone(), true_since: vec![None; comparisons] }
    }

    /// Whether the condition holds at this window's end. To be asked at every window end.
    pub fn look(&mut self, sight: &impl Sight, now: SimTime) -> bool {
        let mut next = 0;
        let Watch { condition, true_since } = self;
        holds(condition, true_since, &mut next, sight, now) == Some(true)
    }
}

fn comparisons(condition: &Condition) -> usize {
    match condition {
        Condition::And(parts) | Condition::Or(parts) => parts.iter().map(comparisons).sum(),
        Condition::Not(part) => comparisons(part),
        Condition::Compare(_) => 1,
        Condition::Alarm(_) | Condition::Done(_) | Condition::NoData(_) => 0,
    }
}

/// Every part is looked at every time, so that each `for` is kept whatever its neighbours say.
fn holds(
    condition: &Condition,
    since: &mut [Option<SimTime>],
    next: &mut usize,
    sight: &impl Sight,
    now: SimTime,
) -> Option<bool> {
    match condition {
        Condition::And(parts) => {
            let parts: Vec<_> =
                parts.iter().map(|part| holds(part, since, next, sight, now)).collect();
            if parts.contains(&Some(false)) {
                Some(false)
            } else {
                parts.iter().all(Option::is_some).then_some(true)
            }
        }
        Condition::Or(parts) => {
            let parts: Vec<_> =
                parts.iter().map(|part| holds(part, since, next, sight, now)).collect();
            if parts.contains(&Some(true)) {
                Some(true)
            } else {
                parts.iter().all(Option::is_some).then_some(false)
            }
        }
        Condition::Not(part) => holds(part, since, next, sight, now).map(|held| !held),
        Condition::Alarm(alarm) => Some(sight.risen(*alarm)),
        Condition::Done(step) => Some(sight.done(*step)),
        Condition::NoData(quantity) => Some(sight.value(quantity).is_none()),
        Condition::Compare(comparison) => {
            let place = &mut since[*next];
            *next += 1;
            let Some(value) = sight.value(&comparison.quantity) else {
                *place = None;
                return None;
            };
            let true_now = match comparison.operator {
                Operator::Below => value < comparison.value,
                Operator::AtMost => value <= comparison.value,
                Operator::AtLeast => value >= comparison.value,
                Operator::Above => value > comparison.value,
            };
            if !true_now {
                *place = None;
                return Some(false);
            }
            let first = *place.get_or_insert(now);
            Some(now - first >= comparison.sustained)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::time::SimDuration;
    use crate::scenario::model::{Comparison, Measure, Vantage};

    struct See(Option<f64>);
    impl Sight for See {
        fn value(&self, _: &Quantity) -> Option<f64> {
            self.0
        }
        fn risen(&self, _: AlarmId) -> bool {
            false
        }
        fn done(&self, _: StepId) -> bool {
            false
        }
    }

    fn below_half(for_s: u64) -> Condition {
        let quantity = Quantity {
            measure: Measure::SuccessRate,
            region: None,
            operation: None,
            site: None,
            service: None,
            seen_by: Vantage::Client,
            over: SimDuration::ZERO,
            projected: false,
        };
        Condition::Compare(Comparison {
            quantity,
            operator: Operator::Below,
            value: 0.5,
            sustained: SimDuration::from_secs(for_s),
        })
    }

    fn run(condition: &Condition, values: &[Option<f64>]) -> Vec<bool> {
        let mut watch = Watch::new(condition);
        let look = |(i, &v)| watch.look(&See(v), SimTime::from_secs(10 * i as u64));
        values.iter().enumerate().map(look).collect()
    }

    #[test]
    fn sustained_counts_from_the_first_true_window_and_no_data_resets_it() {
        let low = Some(0.1);
        let seen = run(&below_half(20), &[low, low, low, low, None, low, low, low, Some(0.9)]);
        assert_eq!(seen, [false, false, true, true, false, false, false, true, false]);
    }

    #[test]
    fn no_data_stays_no_data_under_not() {
        let not = Condition::Not(Box::new(below_half(0)));
        assert_eq!(run(&not, &[None, Some(0.1), Some(0.9)]), [false, false, true]);
    }

    #[test]
    fn one_true_part_is_enough_for_or_and_one_false_part_for_and() {
        let parts = vec![below_half(0), Condition::Not(Box::new(below_half(0)))];
        assert_eq!(run(&Condition::Or(parts.clone()), &[Some(0.1), None]), [true, false]);
        assert_eq!(run(&Condition::And(parts), &[Some(0.1), None]), [false, false]);
    }
}
