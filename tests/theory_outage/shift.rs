//! Clients that have to go elsewhere or come back: DNS failover, reconnect storms.

use crate::check::{Comparisons, SEEDS, Table, counted, outcome};
use crate::model::{Model, constant, exponential, retry, seconds};
use blackstart::scenario::model::{
    Action, ClientId, FaultKind, Load, ServiceId, Session, SiteId, SteeringId, SteeringKind,
};

/// Share of new connections that still go to the old site `time` after the record's change:
/// max(0, 1 - t / TTL), since resolvers have uniform phases. Each window is centred on its
/// instant, and the share is linear there: nothing is lost by taking its mean.
#[test]
fn dns_after_a_change() {
    let table = Table::new(include_str!("../oracles/dns_ttl_failover.csv"));
    let mut comparisons = Comparisons::new();
    for (ttl, ignoring) in [(30.0, 0.0), (60.0, 0.0), (300.0, 0.0), (300.0, 0.2)] {
        let model = Model::new().mailboxes(1_000_000).rate(200.0).servers(1_000);
        let model = model.service_time(exponential(0.1)).site("there", 1_000);
        let kind =
            SteeringKind::Dns { ttl: seconds(ttl), ignoring, ignoring_for: seconds(3_600.0) };
        // The change is half a window before a window's end, so windows are centred on t.
        let changed = 10.5;
        let model = model.steering(kind, &[1.0, 0.0]).clock(5.0, 620.0, 1.0);
        let action = Action::Set {
            steering: SteeringId(0),
            answers: vec![(SiteId(0), 0.0), (SiteId(1), 1.0)],
            drain: None,
        };
        let scenario = model.step(changed, action).build();
        let runs: Vec<_> = SEEDS.map(|seed| outcome(&scenario, seed)).collect();
        for row in table.rows().filter(|row| row.number("ttl") == ttl) {
            let (time, stale) = (
                row.number("time_after_record_change"),
                row.number("fraction_resolvers_still_stale"),
            );
            if time > 600.0 || time == 0.0 || time == ttl {
                continue; // Out of the run, or on a corner of the function.
            }
            let window = (changed + time - 0.5) as usize;
            let share = |run: &blackstart::measure::outcome::Outcome| {
                let arrivals = |site: usize| run.series.stations[site].arrivals_per_s[window];
                arrivals(0) / (arrivals(0) + arrivals(1))
            };
            let shares: Vec<f64> = runs.iter().map(share).collect();
            let held = stale * (1.0 - ignoring) + ignoring * (1.0 - time / 3_600.0);
            let what = format!("ttl {ttl}, {ignoring} ignore it, t = {time}");
            if stale == 0.0 && ignoring == 0.0 {
                assert!(shares.iter().all(|&share| share == 0.0), "{what}: {shares:?}");
            } else {
                comparisons.add_within(what, shares, held, crate::BEAT_S / ttl);
            }
        }
        let before = runs.iter().flat_map(|run| &run.series.stations[1].arrivals_per_s[..10]);
        assert!(before.into_iter().all(|&rate| rate == 0.0), "nobody goes there before");
    }
    comparisons.check();
}

/// The old site does not answer, or with errors, and whoever asked there asks again T later, by
/// then at the new one if his resolver has refreshed in the meantime. Of those whom a change moves
/// a share t / TTL is there at their first attempt t after it, and T / TTL at their second one:
/// their resolvers refreshed within T. So of each change's lambda (t + T) / TTL arrive, from T to
/// TTL after it.
#[test]
fn retries_after_a_change() {
    let mut comparisons = Comparisons::new();
    let at_once: &[(f64, f64)] = &[(30.0, 1.0)];
    let in_steps: &[(f64, f64)] = &[(30.0, 0.4), (50.0, 0.3), (70.0, 0.3)];
    // Errors come after 0.1 s, long before the timeout.
    let (down, failing) = (None, Some(1.1));
    for (ttl, patience, errors, changes) in [
        (60.0, 4.0, down, at_once),
        (60.0, 14.0, down, at_once),
        (120.0, 4.0, down, at_once),
        (60.0, 14.0, failing, at_once),
        (60.0, 4.0, down, in_steps),
        (120.0, 9.0, down, in_steps),
    ] {
        let ago = errors.unwrap_or(patience + 1.0);
        let rate = 500.0;
        let model = Model::new().mailboxes(1_000_000).rate(rate).servers(1_000);
        let model = model.service_time(exponential(0.1)).site("there", 1_000);
        let model = model.timeout(patience).retries(retry(2, 1.0));
        let kind =
            SteeringKind::Dns { ttl: seconds(ttl), ignoring: 0.0, ignoring_for: seconds(3_600.0) };
        let end = changes[0].0 + ttl;
        let model = model.steering(kind, &[1.0, 0.0]).clock(0.0, end + 10.0, 5.0);
        let (service, site) = (ServiceId(0), SiteId(0));
        let fault = match errors {
            None => FaultKind::SiteDown { site },
            Some(_) => FaultKind::Erroring { service, site: Some(site), share: 1.0 },
        };
        let mut model = model.fault(1.0, None, fault);
        let mut there = 0.0;
        for &(at, share) in changes {
            there += share;
            let answers = vec![(SiteId(0), 1.0 - there), (SiteId(1), there)];
            let action = Action::Set { steering: SteeringId(0), answers, drain: None };
            model = model.step(at, action);
        }
        let scenario = model.build();
        let runs: Vec<_> = SEEDS.map(|seed| outcome(&scenario, seed)).collect();
        for window in 0..(end / 5.0) as usize {
            let time = window as f64 * 5.0;
            let begun = || changes.iter().filter(move |change| time >= change.0);
            if begun().count() == 0 || begun().any(|change| time < change.0 + ago) {
                continue;
            }
            let of = |&(at, share): &(f64, f64)| share * (time + 2.5 - at + ago) / ttl;
            let expected: f64 = begun().map(of).sum();
            let arrivals = runs.iter().map(|run| run.series.stations[1].arrivals_per_s[window]);
            let shares = arrivals.map(|arrivals| arrivals / rate).collect();
            let what = format!("ttl {ttl}, again after {ago}, {} steps, at {time}", changes.len());
            comparisons.add_within(what, shares, expected, crate::BEAT_S / ttl);
        }
    }
    comparisons.check();
}

/// N clients sign in again, evenly over a window w (a drain that closes every session and lets it
/// be signed in at once): N/w a second meet a capacity mu. Services are constant, so the peak
/// backlog max(0, N/w - mu) w and the end max(w, N/mu) are exact but for the slices of the drain
/// (w / 256, N / 256 clients) and the measuring window. A hundredth of the table's million.
#[test]
fn reconnect_storm() {
    let table = Table::new(include_str!("../oracles/fluid_reconnect_storm.csv"));
    for (over, capacity) in [(10.0, 10_000.0), (60.0, 10_000.0), (300.0, 10_000.0), (10.0, 1e5)] {
        let row =
            table.row(&[("clients", 1e6), ("uniform_window", over), ("login_capacity", capacity)]);
        let model = sessions(10_000, capacity / 100.0).clock(1.0, 340.0, 0.1);
        let action = Action::Drain { site: SiteId(0), over: seconds(over) };
        let scenario = model.step(10.0, action).build();
        let outcome = outcome(&scenario, 7);
        let queue = &outcome.series.stations[0].queue;
        let peak = queue.iter().copied().fold(0.0, f64::max) * 100.0;
        let slice = 1e6 / 256.0;
        let expected = row.number("peak_backlog");
        let room = slice + (0.2 + crate::BEAT_S) * capacity;
        assert!((peak - expected).abs() <= room, "{over}: {peak}, {expected}");
        let out = &outcome.series.sessions[0].signing_in;
        let back = out.iter().rposition(|&out| out > 0.0).expect("some were out");
        let finished = (back + 1) as f64 * 0.1 - 10.0;
        let expected = row.number("time_all_connected");
        let room = over / 256.0 + 0.5 + crate::BEAT_S;
        assert!((finished - expected).abs() <= room, "{over}: {finished}");
        let served = counted(&outcome, &outcome.series.operations[0].answered_per_s, 0, 3_400);
        assert_eq!(served, 10_000.0, "everyone signed in once");
    }
}

/// All sessions lost in one instant: N in the queue at once, the last served after N / mu.
#[test]
fn everybody_at_once() {
    let model = sessions(10_000, 100.0).clock(1.0, 140.0, 0.1);
    let kind = FaultKind::MassReconnect { client: None, site: None, share: 1.0 };
    let outcome = outcome(&model.fault(10.0, Some(1.0), kind).build(), 3);
    let queue = outcome.series.stations[0].queue.iter().copied().fold(0.0, f64::max);
    assert!((queue - 10_000.0).abs() <= 20.0 + 200.0 * crate::BEAT_S, "{queue}");
    assert_eq!(outcome.impact.sessions_lost, 10_000.0);
    let out = &outcome.series.sessions[0].signing_in;
    let back = out.iter().rposition(|&out| out > 0.0).expect("they were out");
    let finished = (back + 1) as f64 * 0.1 - 10.0;
    assert!((finished - 100.0).abs() <= 0.3 + crate::BEAT_S, "{finished}");
}

/// So many sessions at one site, whose sign-ins are served at exactly `per_s`, by ten servers.
fn sessions(count: u64, per_s: f64) -> Model {
    let model = Model::new().mailboxes(count).servers(10).service_time(constant(10.0 / per_s));
    let mut model = model.with_operation(|operation| operation.load = Load::Induced);
    let sign_in = model.scenario.clients[ClientId(0).index()].operations[0];
    model.scenario.clients[0].session =
        Some(Session { sign_in, keepalive: seconds(60.0), lost_after: Some(seconds(60.0)) });
    model
}
