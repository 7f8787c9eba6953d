//! Deliberate faults inside the program, each caught by a named check.
//!
//! A check is an ordinary test of right behaviour on a small scenario, against a closed form or a
//! structure that cannot be otherwise. The table names, for every defect that can be planted
//! (`kernel::defect`), what it breaks and the check that catches it; one test plants each in turn
//! and proves that its check fails with it and passes without. So a check that can no longer fail
//! is noticed, as is a defect whose place in the code has gone.

mod client_checks;
mod flow_checks;
mod ledger_checks;
mod ledger_fuzz;
mod outage_checks;
mod station_checks;
mod steering_checks;

use crate::kernel::defect::with_planted;
use crate::kernel::time::SimTime;
use crate::measure::recorder::Cell;
use crate::scenario::model::Scenario;
use crate::simulation::Trial;

/// One defect that can be planted.
struct Defect {
    /// Name, as in the code that asks for it.
    name: &'static str,
    /// What it breaks.
    breaks: &'static str,
    /// The check that catches it.
    check: (&'static str, fn()),
}

/// A row of the table: the check is a test of one of the parts.
macro_rules! defect {
    ($name:literal, $breaks:literal, $($check:ident)::+) => {
        Defect {
            name: $name,
            breaks: $breaks,
            check: (stringify!($($check)::+), $($check)::+),
        }
    };
}

const DEFECTS: &[Defect] = &[
    defect!(
        "attempts-off-by-one",
        "one attempt more than the policy allows",
        client_checks::attempts_are_the_total_with_the_first_included
    ),
    defect!(
        "backoff-uncapped",
        "exponential backoff grows past its cap",
        client_checks::backoff_stops_growing_at_its_cap
    ),
    defect!(
        "timeout-from-the-first-attempt",
        "a retry's timeout runs from the intended start",
        client_checks::every_attempt_has_its_whole_timeout
    ),
    defect!(
        "latency-from-retry",
        "latency is measured from the retry (coordinated omission)",
        client_checks::latency_counts_from_the_intended_start
    ),
    defect!(
        "late-is-good",
        "an answer after `good_within` counts as good",
        client_checks::a_late_answer_is_not_a_good_one
    ),
    defect!(
        "jitter-drawn-from-arrivals",
        "retries consume the luck of the arrivals",
        client_checks::an_outage_leaves_every_arrival_as_it_was
    ),
    defect!(
        "throttle-open",
        "a throttle admits everything",
        client_checks::a_throttle_admits_its_rate
    ),
    defect!(
        "stale-work-dropped",
        "work for callers that have gone costs nothing",
        station_checks::work_for_nobody_is_done_at_full_cost
    ),
    defect!(
        "abandoned-work-kept",
        "a service that drops abandoned work serves it",
        station_checks::a_service_that_drops_abandoned_work_takes_it_out_of_the_queue
    ),
    defect!(
        "fifo-as-lifo",
        "the last come is served first",
        station_checks::the_first_come_is_served_first
    ),
    defect!(
        "priority-ignored",
        "operations with priority wait with all others",
        station_checks::operations_with_priority_go_first
    ),
    defect!(
        "queue-without-limit",
        "a queue grows past its limit",
        station_checks::a_queue_never_exceeds_its_limit
    ),
    defect!(
        "codel-never-drops",
        "CoDel never rejects",
        station_checks::codel_holds_waits_near_its_target
    ),
    defect!(
        "requeued-work-starts-over",
        "work interrupted by a lost instance begins anew",
        station_checks::requeued_work_goes_on_where_it_stopped
    ),
    defect!(
        "loss-takes-everything",
        "losing some instances resets the work of all",
        station_checks::lost_instances_reset_their_share_of_the_work
    ),
    defect!(
        "reset-without-a-word",
        "callers of a lost instance are not told",
        station_checks::a_reset_is_known_at_once
    ),
    defect!(
        "always-warm",
        "restarted capacity is fast at once",
        station_checks::restarted_capacity_is_slow_at_first
    ),
    defect!(
        "cache-survives-its-loss",
        "a lost cache still hits",
        station_checks::a_lost_cache_sends_every_call_on
    ),
    defect!(
        "ttl-ignored",
        "a shift takes effect before resolvers refresh",
        steering_checks::half_a_ttl_after_a_shift_half_hold_the_old_answer
    ),
    defect!(
        "shift-moves-the-wrong-way",
        "a shift gives each site another's share",
        steering_checks::a_shift_sends_each_site_its_new_share
    ),
    defect!(
        "shift-reshuffles",
        "a shift moves mailboxes that need not move",
        steering_checks::a_shift_moves_just_the_needed_mailboxes
    ),
    defect!(
        "restore-in-one-go",
        "failback in parts comes all at once",
        steering_checks::a_restore_goes_back_in_equal_parts
    ),
    defect!(
        "drain-closes-every-session",
        "a drain closes sessions that may stay",
        outage_checks::a_drain_closes_exactly_the_moved_share_of_sessions
    ),
    defect!(
        "sessions-outlive-their-path",
        "sessions survive a path that carries nothing",
        outage_checks::sessions_are_lost_within_keepalive_and_lost_after
    ),
    defect!(
        "everything-deferred",
        "every suppressed demand comes back",
        outage_checks::the_deferred_share_of_suppressed_demands_comes_back
    ),
    defect!(
        "suppressed-demand-forgotten",
        "a demand of a mailbox that is signed out is not counted",
        outage_checks::demand_does_not_depend_on_the_outage
    ),
    defect!("slot-leak", "a slot is not given back", ledger_checks::slots_taken_are_slots_in_use),
    defect!(
        "in-flight-deleted",
        "a request in flight disappears",
        ledger_checks::no_request_disappears
    ),
    defect!(
        "bounce-unnoticed",
        "a bounced message is in no account",
        ledger_checks::every_message_is_delivered_bounced_or_queued
    ),
    defect!(
        "flow-mean-birth-time",
        "in counts, all retries of an attempt have one age",
        flow_checks::who_waited_long_and_who_waited_short_are_told_apart
    ),
    defect!(
        "flow-no-queue-state",
        "in counts, a stationary station without a queue everywhere",
        flow_checks::a_queue_is_a_state_that_grows_and_drains
    ),
    defect!(
        "flow-luck-of-a-step",
        "in counts, a step consumes the luck of the arrivals",
        flow_checks::the_length_of_steps_leaves_every_arrival_as_it_was
    ),
    defect!(
        "flow-tracers-outside",
        "in counts, tracers do not move with the members they stand for",
        flow_checks::tracers_feel_what_the_counts_say
    ),
    defect!(
        "flow-stale-work-free",
        "in counts, work for callers that have gone costs nothing",
        flow_checks::work_for_nobody_is_done_at_full_cost_in_counts
    ),
    defect!(
        "flow-epoch-off-by-one",
        "in counts, resolvers hold the answer of another epoch",
        flow_checks::half_a_ttl_after_a_shift_half_are_sent_to_the_old_site
    ),
    defect!(
        "flow-slot-given-back-twice",
        "in counts, a slot that is not held while calling is given back again",
        flow_checks::a_released_slot_is_given_back_once
    ),
    defect!(
        "flow-thought-rounded-up",
        "in counts, who could demand twice within a beat thinks up to the next",
        flow_checks::a_circle_lasts_a_thought_and_an_answer
    ),
    defect!(
        "flow-anybody-asks-next",
        "in counts, who waits for a dead site is as likely to ask next as who thinks",
        flow_checks::who_waits_for_a_dead_site_leaves_the_other_its_load
    ),
    defect!(
        "flow-unready-answers",
        "in counts, a copy answers before it is activated",
        flow_checks::a_copy_answers_once_it_is_activated
    ),
    defect!(
        "flow-cache-never-fills",
        "in counts, what is answered does not come into the cache",
        flow_checks::a_lost_cache_fills_again
    ),
    defect!(
        "flow-answers-at-once",
        "in counts, the answer of another site takes no time",
        flow_checks::a_slot_is_held_for_the_way_there_and_back
    ),
    defect!(
        "flow-priority-ignored",
        "in counts, operations with priority wait with all others",
        flow_checks::who_goes_first_does_not_wait_for_the_others
    ),
];

#[test]
fn every_planted_defect_is_caught_by_its_check() {
    let mut wrong = Vec::new();
    for Defect { name, breaks, check: (what, check) } in DEFECTS {
        if std::panic::catch_unwind(check).is_err() {
            wrong.push(format!("{what} fails without any defect"));
        }
        if std::panic::catch_unwind(|| with_planted(name, check)).is_ok() {
            wrong.push(format!("{what} does not notice {name}: {breaks}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_defect_stands_in_the_table_once() {
    let mut names: Vec<&str> = DEFECTS.iter().map(|defect| defect.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), DEFECTS.len());
}

/// A trial run to its end, for checks that look inside.
fn finish(scenario: &Scenario, seed: u64) -> Trial {
    run_until(scenario, seed, scenario.end())
}

/// A trial run up to an instant.
fn run_until(scenario: &Scenario, seed: u64, until: SimTime) -> Trial {
    let mut trial = Trial::new(scenario, seed);
    trial.run(scenario, until, &mut |_| {}).expect("the ledgers balance");
    trial
}

/// A count of a class, over all windows.
fn total(trial: &Trial, class: usize, count: fn(&Cell) -> u32) -> u64 {
    let windows = 0..trial.recorder.windows();
    windows.map(|window| u64::from(count(trial.recorder.cell_at(class, window)))).sum()
}

/// Asserts that a number lies in a range.
#[track_caller]
fn assert_within(found: f64, range: std::ops::RangeInclusive<f64>) {
    assert!(range.contains(&found), "{found} is not within {range:?}");
}
