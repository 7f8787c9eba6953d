//! The calendar against an ordered map of (time, sequence).

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::kernel::stream::{RootSeed, Stream};

#[derive(Clone, Debug)]
enum Step {
    /// Push this long after the time popped last (wrapped to stay a time).
    Push(u64),
    /// Push many at one time.
    PushEqual(u64, u8),
    /// Push at this time, even a past one.
    PushAt(u64),
    Pop(u8),
    /// Pop everything due until this long after the time popped last.
    PopUntil(u64),
}

fn delay() -> impl Strategy<Value = u64> {
    // Every byte of a time is tried as the highest one.
    (0..64_u32, any::<u64>()).prop_map(|(bits, number)| number >> bits)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => delay().prop_map(Step::Push),
        2 => (delay(), 1..200_u8).prop_map(|(delay, count)| Step::PushEqual(delay, count)),
        1 => delay().prop_map(Step::PushAt),
        1 => Just(Step::PushAt(u64::MAX)),
        4 => (1..40_u8).prop_map(Step::Pop),
        2 => delay().prop_map(Step::PopUntil),
    ]
}

#[derive(Default)]
struct Model {
    pending: BTreeMap<(u64, u64), u64>,
    sequence: u64,
    now: u64,
}

impl Model {
    fn push(&mut self, calendar: &mut Calendar<u64>, time: u64) {
        self.pending.insert((time, self.sequence), self.sequence);
        calendar.push(SimTime(time), self.sequence);
        self.sequence += 1;
    }

    fn pop_until(&mut self, limit: u64) -> Option<(SimTime, u64)> {
        let (&(time, sequence), _) = self.pending.first_key_value()?;
        if time > limit {
            return None;
        }
        self.pending.pop_first();
        self.now = time;
        Some((SimTime(time), sequence))
    }

    fn peek_time(&self) -> Option<SimTime> {
        self.pending.first_key_value().map(|(&(time, _), _)| SimTime(time))
    }
}

fn apply(
    model: &mut Model,
    calendar: &mut Calendar<u64>,
    step: &Step,
) -> Result<(), TestCaseError> {
    match *step {
        Step::Push(delay) => model.push(calendar, model.now.saturating_add(delay)),
        Step::PushEqual(delay, count) => {
            for _ in 0..count {
                model.push(calendar, model.now.saturating_add(delay));
            }
        }
        Step::PushAt(time) => model.push(calendar, time),
        Step::Pop(count) => {
            for _ in 0..count {
                prop_assert_eq!(calendar.pop(), model.pop_until(u64::MAX));
            }
        }
        Step::PopUntil(delay) => {
            let limit = model.now.saturating_add(delay);
            loop {
                let popped = calendar.pop_until(SimTime(limit));
                prop_assert_eq!(popped, model.pop_until(limit));
                if popped.is_none() {
                    break;
                }
            }
        }
    }
    prop_assert_eq!(calendar.peek_time(), model.peek_time());
    prop_assert_eq!(calendar.len(), model.pending.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn calendar_agrees_with_an_ordered_map(steps in prop::collection::vec(step(), 1..200)) {
        let mut model = Model::default();
        let mut calendar = Calendar::new();
        for step in &steps {
            apply(&mut model, &mut calendar, step)?;
        }
        let mut copy = calendar.clone();
        let mut part = calendar.copy_of(|number| (number % 3 != 0).then_some(number + 1));
        let stays = |(_, number): &&(u64, u64)| number % 3 != 0;
        prop_assert_eq!(part.len(), model.pending.keys().filter(stays).count());
        while let Some(expected) = model.pop_until(u64::MAX) {
            prop_assert_eq!(calendar.pop(), Some(expected));
            prop_assert_eq!(copy.pop(), Some(expected));
            let (time, number) = expected;
            if number % 3 != 0 {
                prop_assert_eq!(part.pop(), Some((time, number + 1)));
            }
        }
        prop_assert_eq!(part.pop(), None);
        prop_assert_eq!(calendar.pop(), None);
        prop_assert!(calendar.is_empty());
    }
}

/// Hold model: pop the earliest, push one with an exponential increment.
#[test]
fn calendar_keeps_its_order_under_a_long_hold_of_many_events() {
    for pending_count in [1_u64, 100, 30_000] {
        let mut stream = Stream::named(RootSeed(pending_count), "hold");
        let mut model = Model::default();
        let mut calendar = Calendar::new();
        for _ in 0..pending_count {
            model.push(&mut calendar, (stream.exponential() * 1e9) as u64);
        }
        for _ in 0..100_000 {
            assert_eq!(calendar.pop(), model.pop_until(u64::MAX));
            model.push(&mut calendar, model.now + (stream.exponential() * 1e9) as u64);
        }
    }
}

/// A quiet calendar must not let one far event pull the cursor past a storm that comes before it.
#[test]
fn a_far_event_does_not_push_a_storm_into_the_heap() {
    let mut calendar = Calendar::new();
    calendar.push(SimTime::from_secs(3_600), 0);
    calendar.push(SimTime::from_secs(3_601), 0);
    assert_eq!(calendar.pop_until(SimTime::from_secs(1)), None);
    assert_eq!(calendar.peek_time(), Some(SimTime::from_secs(3_600)));
    for millis in 1_000..50_000 {
        calendar.push(SimTime::from_millis(millis), 1);
    }
    assert!(calendar.late.is_empty());
    assert_eq!(calendar.pop(), Some((SimTime::from_secs(1), 1)));
}

#[test]
fn a_steady_state_allocates_no_further_chunk() {
    let mut stream = Stream::named(RootSeed(1), "steady");
    let mut calendar = Calendar::new();
    for number in 0..5_000_u64 {
        calendar.push(SimTime((stream.exponential() * 1e9) as u64), number);
    }
    let mut hold = |calendar: &mut Calendar<u64>, hold_count| {
        for _ in 0..hold_count {
            let (time, number) = calendar.pop().unwrap();
            calendar.push(SimTime(time.0 + (stream.exponential() * 1e9) as u64), number);
        }
    };
    hold(&mut calendar, 200_000);
    let capacity = |calendar: &Calendar<u64>| calendar.wheel.pool.capacity();
    let before = capacity(&calendar);
    hold(&mut calendar, 200_000);
    assert_eq!(capacity(&calendar), before);
}

#[test]
fn what_has_become_due_is_told_once() {
    let mut calendar = Calendar::new();
    assert_eq!(calendar.newly_due(), &[] as &[u64]);
    for number in 0..300 {
        calendar.push(SimTime(1_000_000 + number * 1_000), number);
    }
    let mut told = Vec::new();
    while calendar.pop().is_some() {
        told.extend_from_slice(calendar.newly_due());
        assert!(!calendar.has_newly_due() && calendar.newly_due().is_empty());
    }
    told.sort_unstable();
    // The first were due at once.
    assert_eq!(told, (DUE_COUNT_MIN as u64..300).collect::<Vec<u64>>());
}
