//! What load does to links, middleboxes and session tables, computed by hand and over random loads.

use proptest::prelude::*;

use super::*;
use crate::kernel::time::SimTime;
use crate::scenario::model::{Beat, Queueing};

#[test]
fn an_overloaded_link_queues_then_loses_then_drains() {
    let scenario = scenario(2, vec![link(0, 1, 10)], &[&[0]], &[1]);
    let mut network = Network::new(&scenario);
    let path = network.path(AttachmentId(0), SiteId(0), 0);
    network.tick(SECOND);
    assert_eq!(network.next_tick(SimTime::ZERO), SimTime(TICK_QUIET.0));
    // 250 Mbit in 100 ms, half each way: 1.25 of the capacity, 25 ms more queue a tick.
    for (delay_ms, loss) in [(35, 0.0), (60, 0.0), (60, 0.2)] {
        network.offer_many(path, 250, 1, 0.001 * GIGABIT);
        network.tick(TENTH);
        let seen = network.view(path);
        assert_eq!(seen.delay, SimDuration::from_millis(delay_ms));
        assert!((seen.loss - loss).abs() < 1e-12);
        assert_eq!(network.next_tick(SimTime::ZERO), SimTime(TENTH.0), "it has just begun");
    }
    let (mut middleboxes, mut links) = (Vec::new(), Vec::new());
    network.take_window(&mut middleboxes, &mut links);
    // Ticks of 1, 0.1, 0.1, 0.1 s: 3 x 125 Mbit over 1.3 Gbit; 25 Mbit of 375 lost.
    assert!((links[0].utilisation - 0.375 / 1.3).abs() < 1e-12);
    assert!((links[0].loss - 0.025 / 0.375).abs() < 1e-12);
    network.tick(TENTH);
    network.tick(SECOND);
    assert_eq!(
        (network.view(path).delay, network.view(path).loss),
        (SimDuration::from_millis(10), 0.0)
    );
    assert_eq!(network.next_tick(SimTime::ZERO), SimTime(TICK_QUIET.0));
}

#[test]
fn faults_of_a_link_add_to_what_it_is() {
    let mut scenario = scenario(2, vec![link(0, 1, 10)], &[&[0]], &[1]);
    scenario.network.links[0].loss = 0.1;
    let mut network = Network::new(&scenario);
    let path = network.path(AttachmentId(0), SiteId(0), 0);
    let extra_delay = SimDuration::from_millis(30);
    let state =
        LinkState { loss: [0.5; 2], extra_delay, bandwidth_factor: 0.1, ..LinkState::default() };
    network.set_link(LinkId(0), state);
    let due = network.next_tick(SimTime::ZERO);
    assert_eq!(due, SimTime(TENTH.0), "a change is looked at soon");
    assert_eq!(network.view(path).delay, SimDuration::from_millis(40));
    assert!((network.view(path).loss - 0.55).abs() < 1e-12);
    network.offer_many(path, 1, 1, 0.03 * GIGABIT);
    network.tick(TENTH);
    // 15 Mbit each way at 100 Mbit/s: 5 Mbit wait, which is 50 ms.
    assert_eq!(network.view(path).delay, SimDuration::from_millis(90));
}

#[test]
fn a_full_middlebox_drops_or_refuses_the_same_share() {
    for when_full in [WhenFull::Drop, WhenFull::Reset] {
        let mut network = Network::new(&at_the_door(vec![middlebox(0, 1000.0, when_full)]));
        let path = network.path(AttachmentId(0), SiteId(0), 0);
        // 400 in 100 ms at 1,000 a second with room for 100: 200 of 400 lost, then 300 of 400.
        for loss in [0.5, 0.75] {
            network.offer_many(path, 1, 400, 1000.0);
            network.tick(TENTH);
            let seen = network.view(path);
            let share = match when_full {
                WhenFull::Drop => (loss, 0.0),
                WhenFull::Reset => (0.0, loss),
            };
            assert_eq!((seen.connection_loss, seen.connection_refused), share);
            assert_eq!((seen.connection_delay, seen.loss), (TENTH, 0.0));
        }
        let (mut middleboxes, mut links) = (Vec::new(), Vec::new());
        network.take_window(&mut middleboxes, &mut links);
        let expected = MiddleboxWindow {
            offered_connections: 800.0,
            lost_share: 500.0 / 800.0,
            sessions: 0.0,
            delay_s: 0.1,
        };
        assert_eq!(middleboxes, [expected]);
    }
}

/// 32 connections take 0.32 s at 100 a second: what was lost in the tick before counts with
/// 1 - 0.1 / 0.32 of its weight.
#[test]
fn a_small_middlebox_drops_the_mean_of_some_ticks() {
    let mut network = Network::new(&at_the_door(vec![middlebox(0, 100.0, WhenFull::Drop)]));
    let path = network.path(AttachmentId(0), SiteId(0), 0);
    // 40 in 100 ms, with room for 10: 20 of 40 lost, then 30 of 40.
    let kept = 1.0 - 0.1 / 0.32;
    for loss in [0.5, (20.0 * kept + 30.0) / (40.0 * kept + 40.0)] {
        network.offer_many(path, 1, 40, 1000.0);
        network.tick(TENTH);
        assert!((network.view(path).connection_loss - loss).abs() < 1e-12);
    }
}

#[test]
fn middleboxes_in_a_row_let_through_what_the_first_left() {
    let boxes = vec![middlebox(0, 100.0, WhenFull::Reset), middlebox(0, 100.0, WhenFull::Drop)];
    let mut network = Network::new(&at_the_door(boxes));
    let path = network.path(AttachmentId(0), SiteId(0), 0);
    network.offer_many(path, 1, 40, 1000.0);
    network.tick(TENTH);
    let seen = network.view(path);
    assert_eq!((seen.connection_refused, seen.connection_loss), (0.5, 0.25));
}

#[test]
fn limits_are_those_of_the_scale_and_of_the_fault() {
    let mut scenario = at_the_door(vec![middlebox(0, 24_000.0, WhenFull::Drop)]);
    scenario.network.middleboxes[0].packets = Some(48_000.0);
    scenario.scale = 10;
    let mut network = Network::new(&scenario);
    assert_eq!(network.middleboxes[0].connections_per_s, 2_400.0);
    let path = network.path(AttachmentId(0), SiteId(0), 0);
    network.set_middlebox(MiddleboxId(0), 0.5);
    for _ in 0..1000 {
        // 300 connections of two packets in 100 ms: 120 and 240 are carried.
        for _ in 0..300 {
            network.offer_many(path, 1, 1, MSS_BITS);
        }
        network.tick(TENTH);
    }
    let seen = network.view(path);
    assert!((seen.connection_loss - 0.6).abs() < 1e-9 && (seen.loss - 0.6).abs() < 1e-9);
    assert_eq!(seen.connection_delay, TENTH);
}

#[test]
fn a_full_session_table_takes_no_new_connection() {
    for (when_full, share) in [(WhenFull::Drop, (1.0, 0.0)), (WhenFull::Reset, (0.0, 1.0))] {
        let mut scenario = at_the_door(vec![middlebox(0, 1e6, when_full)]);
        scenario.network.middleboxes[0].sessions = Some(30);
        scenario.scale = 10;
        let mut network = Network::new(&scenario);
        let (site, path) = (SiteId(0), network.path(AttachmentId(0), SiteId(0), 0));
        let stopped = |network: &Network| {
            let view = network.view(path);
            (view.connection_loss, view.connection_refused)
        };
        network.session_opened(site);
        network.session_opened(site);
        assert_eq!(stopped(&network), (0.0, 0.0));
        network.offer_many(path, 1, 1, 100.0);
        network.session_opened(site);
        assert_eq!(stopped(&network), share);
        network.offer_many(path, 1, 1, 100.0);
        network.tick(TENTH);
        let (mut middleboxes, mut links) = (Vec::new(), Vec::new());
        network.take_window(&mut middleboxes, &mut links);
        assert_eq!((middleboxes[0].lost_share, middleboxes[0].sessions), (0.5, 3.0));
        assert!(network.between_sites(site, site).connection_loss == 0.0);
        network.session_closed(site);
        assert_eq!(stopped(&network), (0.0, 0.0));
        network.set_middlebox(MiddleboxId(0), 0.5);
        assert_eq!(stopped(&network), share, "the cut took the free entries");
    }
}

#[test]
fn what_is_sent_into_a_black_hole_loads_only_the_way_there() {
    let mut scenario = scenario(3, vec![link(0, 1, 10), link(1, 2, 10)], &[&[0]], &[2]);
    scenario.network.middleboxes = vec![middlebox(0, 100.0, WhenFull::Drop)];
    let mut network = Network::new(&scenario);
    let path = network.path(AttachmentId(0), SiteId(0), 0);
    network.set_link(LinkId(1), LinkState { up: false, ..LinkState::default() });
    network.offer_many(path, 1, 5, 0.02 * GIGABIT);
    network.tick(TENTH);
    let (mut middleboxes, mut links) = (Vec::new(), Vec::new());
    network.take_window(&mut middleboxes, &mut links);
    assert_eq!(middleboxes[0].offered_connections, 0.0, "nothing arrives there");
    assert!((links[0].utilisation - 0.1).abs() < 1e-12 && links[0].loss == 0.0);
    assert_eq!(links[1].loss, 1.0);
}

/// Where every list of the network lies: the same before and after if nothing was allocated anew.
fn places(network: &Network) -> [(usize, usize); 6] {
    fn place<T>(list: &Vec<T>) -> (usize, usize) {
        (list.as_ptr().addr(), list.capacity())
    }
    [
        place(&network.links),
        place(&network.directions),
        place(&network.middleboxes),
        place(&network.sites),
        place(&network.views),
        place(&network.tallies),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_vanishes_and_nothing_moves(
        ticks in prop::collection::vec(
            prop::collection::vec(
                (0..8_u32, 0..2_u32, any::<u64>(), 0..50_u32, 0.0..4e8_f64),
                0..12,
            ),
            1..30,
        ),
        dead_link in 0..14_u32,
    ) {
        let mut scenario = abilene();
        let edges = [middlebox(0, 400.0, WhenFull::Drop), middlebox(1, 300.0, WhenFull::Reset)];
        scenario.network.middleboxes = edges.to_vec();
        let mut network = Network::new(&scenario);
        network.set_link(LinkId(dead_link), LinkState { up: false, ..LinkState::default() });
        let before = places(&network);
        let (mut middleboxes, mut links) = (Vec::new(), Vec::new());
        let (mut offered, mut lost) = ([0.0; 2], [0.0; 2]);
        let mut sent = 0.0;
        for (count, offers) in ticks.iter().enumerate() {
            for &(from, to, hash, connections, bits) in offers {
                let path = network.path(AttachmentId(from), SiteId(to), hash);
                network.offer_many(path, 1, connections, bits);
                sent += f64::from(connections);
            }
            let queued = network.middleboxes.iter().map(|m| m.connections.queue);
            let queued: Vec<f64> = queued.collect();
            network.tick(TENTH);
            network.take_window(&mut middleboxes, &mut links);
            for (index, window) in middleboxes.iter().enumerate() {
                let loss = window.lost_share * window.offered_connections;
                let now = &network.middleboxes[index].connections;
                let carried = queued[index] + window.offered_connections - loss - now.queue;
                let limit = scenario.network.middleboxes[index].new_connections.unwrap() * 0.1;
                prop_assert!(carried > -1e-6 && carried < limit + 1e-6);
                prop_assert!(now.delay_s <= 0.1 + 1e-9);
                offered[index] += window.offered_connections;
                lost[index] += loss;
            }
            for window in &links {
                prop_assert!((0.0..=1.0).contains(&window.loss) && window.utilisation >= 0.0);
            }
            for view in &network.views {
                let stopped = view.connection_loss + view.connection_refused;
                prop_assert!((0.0..=1.0 + 1e-12).contains(&stopped));
                prop_assert!((0.0..=1.0).contains(&view.loss));
            }
            if count == 0 {
                prop_assert_eq!(before, places(&network));
            }
        }
        prop_assert_eq!(before, places(&network));
        prop_assert!(offered[0] + offered[1] <= sent);
        prop_assert!(lost[0] <= offered[0] && lost[1] <= offered[1]);
    }
}

#[test]
fn ticks_are_short_at_first_then_half_of_the_fastest_reaction() {
    let mut scenario = scenario(2, vec![link(0, 1, 10)], &[&[0]], &[1]);
    let tick_ms = |scenario: &Scenario| tick_busy(scenario).0 / 1_000_000;
    assert_eq!(tick_ms(&scenario), 500, "lost data is sent again after a second");
    scenario.network.routing.control_packets = Queueing::Shared;
    scenario.network.routing.bfd = Some(Beat { every: SECOND * 1, misses: 3 });
    assert_eq!(tick_ms(&scenario), 500);
    scenario.network.routing.bfd = Some(Beat { every: TENTH * 2, misses: 2 });
    assert_eq!(tick_ms(&scenario), 200, "neighbours are given up after 400 ms");
    scenario.network.routing.bfd = Some(Beat { every: TENTH, misses: 1 });
    assert_eq!(tick_ms(&scenario), 100, "and never less");
    scenario.network.routing.control_packets = Queueing::Separate;
    assert_eq!(tick_ms(&scenario), 500, "their packets have a queue of their own");

    let mut network = Network::new(&scenario);
    let path = network.path(AttachmentId(0), SiteId(0), 0);
    let mut next_ms = |from_ms: u64, overloads: bool, change: bool| {
        if overloads {
            network.offer_many(path, 1, 1, 0.25 * GIGABIT);
        }
        if change {
            let extra_delay = SimDuration(from_ms);
            network.set_link(LinkId(0), LinkState { extra_delay, ..LinkState::default() });
        }
        network.tick(TENTH);
        network.next_tick(SimTime(from_ms * 1_000_000)).0 / 1_000_000
    };
    assert_eq!([next_ms(0, false, false), next_ms(730, false, true)], [1_000, 1_000]);
    for now_ms in [1_000, 1_130] {
        assert_eq!(next_ms(now_ms, true, false), (now_ms / 100 + 1) * 100, "it has just begun");
    }
    (2..300).for_each(|_| _ = next_ms(0, true, false));
    assert_eq!(next_ms(30_900, true, false), 31_000, "the last of 30 s");
    assert_eq!([31_000, 31_510].map(|now_ms| next_ms(now_ms, true, false)), [31_500, 32_000]);
    assert_eq!(next_ms(32_000, true, true), 32_100, "something was changed");
}
