//! The moment of tipping: a thousand servers of which half are lost, clients with a timeout of 1 s
//! and three retries. In a plain flow the queue of the first seconds was off by up to 55 %.

use crate::check::{Comparisons, counted, in_system, mean};
use crate::model::{Model, exponential, retry, seconds, wide_link};
use crate::{each, runs};
use blackstart::kernel::math;
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{
    FaultKind, Fidelity, LostJobs, Middlebox, Router, RouterId, Scenario, ServiceId, SiteId,
    WhenFull,
};
use statrs::distribution::{ContinuousCDF, Gamma};

/// Measuring window [s].
const WINDOW_S: f64 = 0.05;
/// Demand, and completions of all servers together [1/s].
const DEMAND: f64 = 16_000.0;
const MU: f64 = 20_000.0;

/// Half of the servers are lost at 1 s; what they did goes back to the queue.
fn halved() -> Scenario {
    let model = Model::new().rate(DEMAND).servers(1_000).service_time(exponential(0.05));
    let model = model.timeout(1.0).retries(retry(4, 0.0)).clock(2.0, 8.0, WINDOW_S);
    let kind = FaultKind::InstancesLost {
        service: ServiceId(0),
        site: SiteId(0),
        share: 0.5,
        jobs: LostJobs::Requeue,
    };
    model.fault(1.0, None, kind).build()
}

/// When the queue first is that of so many seconds of the capacity that is left [s].
fn passes(outcome: &Outcome, wait_s: f64) -> f64 {
    let wanted = wait_s * MU / 2.0 + 500.0;
    let count = in_system(outcome, 0);
    let window = count.iter().position(|&n| n > wanted).expect("it tips");
    // Straight between two windows' ends.
    let (below, above) = (count[window - 1], count[window]);
    (window as f64 - (above - wanted) / (above - below)) * WINDOW_S
}

/// While all servers that are left are busy and nobody has timed out, births and deaths do not
/// depend on the state: E N(t) = N(0) + (lambda - 500 mu) t, with the variance of two Poisson
/// counts. A timeout comes 1 s after its sending at the soonest.
#[test]
fn the_first_second_after_half_the_servers_is_the_linear_process() {
    let outcomes = runs(&halved(), Fidelity::Flow, 20);
    let mut comparisons = Comparisons::new();
    let before = (1.0 / WINDOW_S) as usize;
    for after_s in [0.05, 0.1, 0.25, 0.5, 0.9] {
        let at = before + (after_s / WINDOW_S).round() as usize;
        let grown = |outcome: &Outcome| {
            let count = in_system(outcome, 0);
            count[at] - count[before]
        };
        let grown = each(&outcomes, grown);
        let expected = (DEMAND - MU / 2.0) * after_s;
        let squares = grown.iter().map(|n| (n - expected).powi(2)).collect();
        comparisons.add(format!("{after_s} s: growth"), grown, expected);
        let variance = (DEMAND + MU / 2.0) * after_s;
        comparisons.add(format!("{after_s} s: variance"), squares, variance);
    }
    comparisons.check();
}

/// Retries come in from 1 s on; then there is no closed form, but `exact`.
#[test]
fn it_tips_in_the_same_tenth_of_a_second() {
    let scenario = halved();
    let exact = runs(&scenario, Fidelity::Exact, 12);
    let flow = runs(&scenario, Fidelity::Flow, 12);
    for wait_s in [0.25, 0.5, 1.0, 2.0, 4.0] {
        let (a, b) = (each(&exact, |o| passes(o, wait_s)), each(&flow, |o| passes(o, wait_s)));
        let off = mean(&b) - mean(&a);
        println!("a wait of {wait_s} s: exact at {:.3} s, flow {off:+.3} s", mean(&a));
        assert!(off.abs() < 0.1, "a wait of {wait_s} s: exact {a:?}, flow {b:?}");
    }
    // A queue is that of `exact` up to a tenth of a second before or after: a retry goes out with
    // the beat in which its timeout ends.
    for after_s in [1.0, 1.5, 2.0, 3.0, 4.0, 6.0] {
        let queue = |of: &[Outcome], at_s: f64| {
            let at = (at_s / WINDOW_S).round() as usize;
            mean(&each(of, |outcome| in_system(outcome, 0)[at]))
        };
        let now = 1.0 + after_s;
        let (early, late) = (queue(&exact, now - 0.1), queue(&exact, now + 0.1));
        let (a, b) = (queue(&exact, now), queue(&flow, now));
        println!("{after_s} s after: exact {a:.0}, flow {:+.2} %", 100.0 * (b / a - 1.0));
        assert!((0.99 * early..=1.01 * late).contains(&b), "{after_s} s: exact {a}, flow {b}");
    }
}

/// A server that gets quick again finishes what it has begun as slowly as it began it: with slots
/// for all, the number in them falls from 400 to 100 as two exponentials. Taking the new law for
/// old work would clear it four times as fast, and a station that a slow one tips over would have
/// been relieved of that work.
#[test]
fn what_was_begun_slowly_ends_slowly() {
    let model = Model::new().rate(100.0).servers(1_000).service_time(exponential(1.0));
    let model = model.clock(40.0, 30.0, 0.5);
    let kind = FaultKind::Slow { service: ServiceId(0), site: None, factor: 4.0 };
    // Over the warm-up, which is ten times the slow mean, and 10 s more.
    let mut model = model.from_the_beginning(kind);
    model.scenario.faults[0].lasts = Some(seconds(50.0));
    let outcomes = runs(&model.build(), Fidelity::Flow, 20);
    let mut comparisons = Comparisons::new();
    for after_s in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0_f64] {
        let at = ((10.0 + after_s) / 0.5).round() as usize;
        let expected = 400.0 * math::exp(-after_s / 4.0) + 100.0 * (1.0 - math::exp(-after_s));
        let there = each(&outcomes, |outcome| in_system(outcome, 0)[at]);
        comparisons.add(format!("{after_s} s after"), there, expected);
    }
    comparisons.check();
}

/// Eight times the demand comes to a middlebox that sets up every other connection, and behind it
/// to a queue that only a quarter of it would fill. Lost SYNs are sent again after 1, 2 and 4 s:
/// whoever was held up by that has waited less at the queue when his answer comes. Taking the mean
/// wait for all would have him give up before he is answered.
#[test]
fn who_was_long_in_the_network_has_waited_less_at_the_queue() {
    let model = Model::new().rate(100.0).servers(40).service_time(exponential(0.1));
    let model = model.timeout(10.0).clock(5.0, 60.0, 1.0);
    let surge = FaultKind::LoadSurge { region: None, operation: None, factor: 8.0 };
    let mut model = model.fault(5.0, None, surge);
    model.scenario.network.middleboxes.push(Middlebox {
        name: "box".into(),
        before: SiteId(0),
        new_connections: Some(600.0),
        sessions: None,
        bandwidth: None,
        packets: None,
        when_full: WhenFull::Drop,
        buffer: seconds(1.0),
    });
    let scenario = model.build();
    // Of the demands of the last ten seconds of which any are answered in time.
    let good = |fidelity: Fidelity| {
        let good = |outcome: &Outcome| outcome.series.operations[0].good_per_s[14..24].iter().sum();
        mean(&each(&runs(&scenario, fidelity, 240), good))
    };
    let (exact, flow) = (good(Fidelity::Exact), good(Fidelity::Flow));
    println!("good: exact {exact}, flow {:+.2} %", 100.0 * (flow / exact - 1.0));
    // Of 240 seeds the difference has a standard error of 0.9 %: it is a matter of who tips when.
    assert!((flow / exact - 1.0).abs() < 0.03, "good: exact {exact}, flow {flow}");
}

/// Three times what a station can do comes to it, and it drops what its callers have given up:
/// those who get a slot have hardly any patience left, and most of its work is for nobody. It does
/// as much of it as ever: its slots are always taken, so c / E S requests end a second, of one
/// visit. Work for nobody that stayed to the end of the step would cost it a seventh of that.
#[test]
fn an_overloaded_station_does_all_the_work_that_it_can() {
    let model = Model::new().rate(400.0).servers(40).service_time(exponential(0.3));
    let scenario = model.timeout(2.0).drops_abandoned().clock(20.0, 60.0, 1.0).build();
    let ended = |outcome: &Outcome| {
        let station = &outcome.series.stations[0];
        let of = |column: &[f64]| counted(outcome, column, 0, outcome.series.windows);
        (of(&station.useful_per_s) + of(&station.stale_per_s)) / 60.0
    };
    let ended = each(&runs(&scenario, Fidelity::Flow, 20), ended);
    let mut comparisons = Comparisons::new();
    comparisons.add("requests ended a second", ended, 40.0 / 0.3);
    comparisons.check();
}

/// A site goes down anywhen within a second: lambda S requests are in it then and get no answer;
/// whoever was answered before was, though counts say so only when their beat is over.
#[test]
fn a_broken_path_loses_what_is_under_way_and_no_more() {
    let (rate, service_s) = (2_000.0, 0.1);
    for fidelity in [Fidelity::Exact, Fidelity::Flow] {
        let mut comparisons = Comparisons::new();
        for down_s in [30.15, 30.35, 30.5, 30.85] {
            let model = Model::new().rate(rate).servers(1_000).timeout(6.0);
            let model = model.service_time(exponential(service_s)).clock(10.0, 40.0, 1.0);
            let kind = FaultKind::SiteDown { site: SiteId(0) };
            let outcomes = runs(&model.fault(down_s, None, kind).build(), fidelity, 20);
            // By what came in those seconds, of the last its part until then.
            let lost = |outcome: &Outcome| {
                let of = &outcome.series.operations[0];
                let sums = |from: usize, to: usize| {
                    let good: f64 = of.good_per_s[from..to].iter().sum();
                    (of.demand_per_s[from..to].iter().sum::<f64>(), good)
                };
                let ((before, good), (at, late)) = (sums(20, 30), sums(30, 31));
                before + at * (down_s - 30.0) - good - late
            };
            let what = format!("{fidelity:?}, down at {down_s} s");
            comparisons.add_within(what, each(&outcomes, lost), rate * service_s, 0.0);
        }
        comparisons.check();
    }
}

/// Attempts answered a second by an M/M/c/K station whose clients wait for so long [1/s]: who is
/// let in finds one place free, or two, or more, each as much rarer as the load is too much; then
/// he waits for all before him, and is served.
fn answered_in_time(rate: f64, servers: f64, places: u32, service_s: f64, timeout_s: f64) -> f64 {
    const PARTS: u32 = 400;
    let per_s = servers / service_s;
    let in_time = |ahead: f64| {
        let wait = Gamma::new(ahead, per_s).expect("a law");
        let longest_s = (10.0 * service_s).min(timeout_s);
        let part = |number: u32| {
            let work_s = longest_s * (f64::from(number) + 0.5) / f64::from(PARTS);
            math::exp(-work_s / service_s) / service_s * wait.cdf(timeout_s - work_s)
        };
        (0..PARTS).map(part).sum::<f64>() * longest_s / f64::from(PARTS)
    };
    let free = (0..60).map(|free| ((per_s / rate).powi(free), f64::from(places) - f64::from(free)));
    let (shares, all) = free.fold((0.0, 0.0), |(sum, all), (weight, ahead)| {
        (sum + weight * in_time(ahead), all + weight)
    });
    // All slots are busy, always.
    per_s * shares / all
}

/// A full queue in which one waits for about as long as clients do: a part of all answers are just
/// in time. It decides whether an overload goes on, so it must not depend on how beats and timeouts
/// come together.
#[test]
fn who_is_served_as_he_gives_up_is_in_time_or_not() {
    const SERVICE_S: f64 = 0.125;
    const RATE: f64 = 400.0;
    for timeout_s in [1.68, 1.71, 1.75, 1.83] {
        let model = Model::new().mailboxes(20_000).rate(RATE).servers(38).queue_limit(38 * 14);
        let model = model.service_time(exponential(SERVICE_S)).timeout(timeout_s);
        let scenario = model.clock(20.0, 400.0, 5.0).build();
        let expected = answered_in_time(RATE, 38.0, 38 * 14, SERVICE_S, timeout_s);
        for (fidelity, seeds, within) in [(Fidelity::Exact, 48, 0.05), (Fidelity::Flow, 200, 0.08)]
        {
            let outcomes = runs(&scenario, fidelity, seeds);
            let answered = |o: &Outcome| mean(&o.series.operations[0].answered_per_s);
            let found = mean(&each(&outcomes, answered));
            println!("{timeout_s} s, {fidelity:?}: {found:.1}/s for {expected:.1}");
            let off = found / expected - 1.0;
            assert!(off.abs() < within, "{timeout_s} s, {fidelity:?}: {found} for {expected}");
        }
    }
}

/// Patient and impatient clients at a full station that drops what they have given up. The wait
/// stays near the shorter patience: who has come with others must not be served after them, and an
/// answer that leaves with less time left than its way back takes is late.
#[test]
fn who_has_less_patience_has_his_share_of_answers() {
    for (patient, delay_s) in [(60.0, 0.0), (60.0, 0.01), (1.0, 0.01)] {
        let model = Model::new().rate(patient).servers(41).service_time(exponential(0.196));
        let model = model.timeout(4.87).drops_abandoned();
        let model = model.operation("hasty", ServiceId(0)).rate(230.0).timeout(2.0);
        let mut model = model.clock(60.0, 400.0, 5.0);
        model.scenario.network.routers.push(Router::named("far"));
        model.scenario.network.links.push(wide_link("to", 1, delay_s));
        model.scenario.sites[0].router = RouterId(1);
        let scenario = model.build();
        let answered = |fidelity: Fidelity| {
            let outcomes = runs(&scenario, fidelity, 48);
            [0, 1].map(|operation: usize| {
                let of = |o: &Outcome| mean(&o.series.operations[operation].answered_per_s);
                mean(&each(&outcomes, of))
            })
        };
        let (exact, flow) = (answered(Fidelity::Exact), answered(Fidelity::Flow));
        println!("{patient}/s, {delay_s} s: exact {exact:.2?}, flow {flow:.2?} 1/s");
        let off = [0, 1].map(|operation| flow[operation] / exact[operation] - 1.0);
        assert!(off[0].abs() < 0.02, "the patient: {exact:?}, {flow:?}");
        assert!(off[1].abs() < 0.1, "the hasty: {exact:?}, {flow:?}");
    }
}
