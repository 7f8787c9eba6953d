//! A hand-made `Results` from formulas: an outage that looks like one, for the tests of this room.

mod tables;

use crate::kernel::math;
use crate::measure::outcome::*;
use tables::{impact, incident, latency, ledgers, timeline};

/// What the fixture shows.
#[derive(Clone, Copy)]
pub(crate) struct Story {
    pub(crate) name: &'static str,
    pub(crate) duration_s: f64,
    pub(crate) window_s: f64,
    pub(crate) incident: bool,
    pub(crate) censored: bool,
    pub(crate) trials: u64,
}

/// The stories that every plot has to tell.
pub(crate) const STORIES: [Story; 7] = [
    Story {
        name: "day",
        duration_s: 50_400.0,
        window_s: 10.0,
        incident: true,
        censored: false,
        trials: 1,
    },
    Story {
        name: "hour",
        duration_s: 3600.0,
        window_s: 10.0,
        incident: true,
        censored: false,
        trials: 1,
    },
    Story {
        name: "minutes",
        duration_s: 600.0,
        window_s: 1.0,
        incident: true,
        censored: false,
        trials: 1,
    },
    Story {
        name: "quiet",
        duration_s: 7200.0,
        window_s: 10.0,
        incident: false,
        censored: false,
        trials: 1,
    },
    Story {
        name: "censored",
        duration_s: 50_400.0,
        window_s: 10.0,
        incident: true,
        censored: true,
        trials: 1,
    },
    Story {
        name: "trials",
        duration_s: 21_600.0,
        window_s: 10.0,
        incident: true,
        censored: false,
        trials: 7,
    },
    Story {
        name: "days",
        duration_s: 302_400.0,
        window_s: 60.0,
        incident: true,
        censored: false,
        trials: 1,
    },
];

/// A number in 0..1 that looks random and is always the same.
fn noise(index: u64) -> f64 {
    let mut x = index.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D;
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The course of one trial, as shares of the run.
struct Course {
    story: Story,
    seed: u64,
    /// Stretches the way back, trial by trial.
    stretch: f64,
}

impl Course {
    fn at(&self, share: f64) -> f64 {
        (share * self.story.duration_s / self.story.window_s).round() * self.story.window_s
    }

    fn fault_s(&self) -> f64 {
        self.at(0.056)
    }

    fn fault_end_s(&self) -> f64 {
        self.at(0.068)
    }

    fn shift_s(&self) -> f64 {
        self.at(0.30)
    }

    fn recovered_s(&self) -> f64 {
        self.at(if self.story.censored { 1.3 } else { 0.42 + 0.1 * self.stretch })
    }

    fn availability(&self, at_s: f64, index: u64) -> f64 {
        let grain = 0.0008 * noise(index ^ (self.seed << 20));
        if !self.story.incident || at_s < self.fault_s() || at_s >= self.recovered_s() {
            return 0.9999 - grain;
        }
        let level = if at_s < self.fault_end_s() {
            0.34
        } else if at_s < self.shift_s() {
            0.62 - 0.08 * math::sin(at_s / self.story.duration_s * 30.0)
        } else {
            let way = (at_s - self.shift_s()) / (self.recovered_s() - self.shift_s());
            0.80 + 0.18 * way
        };
        level - 20.0 * grain * (1.0 - level)
    }
}

/// The whole `Results` of a story.
pub(crate) fn results(story: Story) -> Results {
    let trials: Vec<Outcome> = (0..story.trials).map(|seed| outcome(story, seed)).collect();
    let met = u32::from(!story.incident || !story.censored);
    Results {
        format: "blackstart-results/1".to_string(),
        version: "0.1.0".to_string(),
        scenario: ScenarioSummary {
            name: "lync-2014-06-23".to_string(),
            title: "Lync Online, North America: a routing fault, then reconnects <until noon> \
            & after"
                .to_string(),
            description: "A routing fault of minutes; connectivity came back, but sign-ins \
            overloaded network elements for hours. Part of the traffic sent to an alternate \
            datacenter restored part of the users."
                .to_string(),
            sources: vec![
                "Microsoft, post-incident report LY8191, 2014 <draft>".to_string(),
                "https://example.org/lync?a=1&b=2".to_string(),
            ],
            variant: None,
            digest: "b3:5f0c2a9e4d71".to_string(),
            seed: 20_140_623,
            scale: 1000,
            fidelity: "exact".to_string(),
            fidelity_reason: "about 14.2 million requests expected, under 20 million".to_string(),
            start: "2014-06-23T06:00:00-04:00[America/New_York]".to_string(),
            start_unix_s: 1_403_517_600,
            utc_offset_s: -14_400,
            duration_s: story.duration_s,
            mailboxes: 50e6,
            sites: vec!["chicago".to_string(), "san-antonio".to_string()],
        },
        verdict: Verdict {
            passed: met == 1,
            targets: vec![
                judgement(
                    ("recovery_time", "within 8 h"),
                    if story.censored { "not seen" } else { "5 h 31 min" },
                    met,
                    story.trials,
                ),
                judgement(
                    ("availability", "at least 99.9 % before the fault"),
                    "99.96 %",
                    1,
                    story.trials,
                ),
                judgement(
                    ("mailbox_minutes_lost", "at most 600 M mailbox-min"),
                    "412 M mailbox-min",
                    1,
                    story.trials,
                ),
            ],
        },
        digest: "b3:91ab77c0d2e64f18".to_string(),
        agreement: None,
        trials,
    }
}

fn judgement(
    (target, objective): (&str, &str),
    achieved: &str,
    met: u32,
    trials: u64,
) -> Judgement {
    Judgement {
        target: target.to_string(),
        objective: objective.to_string(),
        achieved: achieved.to_string(),
        trials_met: met * trials as u32,
        trials: trials as u32,
        confidence: 0.9,
        met: met == 1,
    }
}

fn outcome(story: Story, seed: u64) -> Outcome {
    let course = Course { story, seed, stretch: noise(seed + 77) };
    let windows = (story.duration_s / story.window_s) as usize;
    let availability: Vec<Option<f64>> = (0..windows)
        .map(|index| {
            let night = story.name == "quiet" && (300..330).contains(&index);
            let at_s = index as f64 * story.window_s;
            (!night).then(|| course.availability(at_s, index as u64))
        })
        .collect();
    Outcome {
        seed: 20_140_623 + seed,
        series: series(&course, availability.clone()),
        latency: latency(&course),
        incident: incident(&course),
        impact: impact(&course),
        ledgers: ledgers(),
        timeline: timeline(&course),
        network: network(&course, &availability),
        cost: Cost {
            events: 92_114_007,
            attempts: 14_204_118,
            station_visits: 40_118_266,
            operations_peak: 48_211,
            ..Cost::default()
        },
        digest: format!("b3:{seed:04}c0ffee"),
    }
}

fn network(course: &Course, availability: &[Option<f64>]) -> NetworkOutcome {
    let share = |factor: f64| -> Vec<f64> {
        availability.iter().map(|a| factor * (1.0 - a.unwrap_or(1.0))).collect()
    };
    let down = |most: f64| share(most).into_iter().map(|count| count.round() as u32).collect();
    let event = RouteEventRow {
        at_s: 600.0,
        name: Some("silent-router".to_string()),
        what: "silent-router begins".to_string(),
        noticed_s: Some(0.15),
        converged_s: Some(4.2),
        rested: true,
        astray: 0.4,
    };
    NetworkOutcome {
        demand: RouteSeries {
            no_route: share(0.2),
            looping: share(0.05),
            black_hole: share(0.4),
            rerouted: share(0.1),
            routers_down: down(1.0),
            links_down: down(3.0),
        },
        events: if course.story.incident { vec![event] } else { Vec::new() },
        ..NetworkOutcome::default()
    }
}

fn series(course: &Course, availability: Vec<Option<f64>>) -> Series {
    let story = course.story;
    let windows = availability.len();
    let each = |formula: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
        (0..windows).map(|i| formula(i, availability[i].unwrap_or(1.0))).collect()
    };
    let slice_s = (story.duration_s / 168.0).max(story.window_s * 6.0);
    let slices = (story.duration_s / slice_s).ceil() as usize;
    let operation = |client: &str, operation: &str, rate: f64, base_s: f64| {
        let bad = |slice: usize| {
            let index = ((slice as f64 + 0.5) * slice_s / story.window_s) as usize;
            1.0 - availability[index.min(windows - 1)].unwrap_or(1.0)
        };
        let demand =
            each(&|i, _| rate * (0.8 + 0.4 * i as f64 / windows as f64 + 0.05 * noise(i as u64)));
        OperationSeries {
            client: client.to_string(),
            operation: operation.to_string(),
            good_per_s: each(&|i, a| demand[i] * a),
            late_per_s: each(&|i, a| demand[i] * (1.0 - a) * 0.2),
            failed_per_s: each(&|i, a| demand[i] * (1.0 - a) * 0.5),
            suppressed_per_s: each(&|i, a| demand[i] * (1.0 - a) * 0.3),
            first_attempts_per_s: demand.clone(),
            attempts_per_s: each(&|i, a| demand[i] * (1.0 + 4.0 * (1.0 - a))),
            answered_per_s: each(&|i, a| demand[i] * a),
            latency_p50_s: (0..slices).map(|i| Some(base_s * (1.0 + 40.0 * bad(i)))).collect(),
            latency_p99_s: (0..slices)
                .map(|i| Some(base_s * 9.0 * (1.0 + 160.0 * bad(i))))
                .collect(),
            demand_per_s: demand,
        }
    };
    let station = |service: &str, site: &str, base: f64, storm: f64| StationSeries {
        service: service.to_string(),
        site: site.to_string(),
        partition: None,
        slots: vec![25_600.0; windows],
        utilisation: each(&|i, a| (base + storm * (1.0 - a) + 0.02 * noise(i as u64)).min(1.0))
            .into_iter()
            .map(Some)
            .collect(),
        queue: each(&|i, a| 40.0 * noise(i as u64) + 90_000.0 * storm * (1.0 - a)),
        arrivals_per_s: each(&|_, a| 20_000.0 * (1.0 + 3.0 * (1.0 - a))),
        useful_per_s: each(&|_, a| 20_000.0 * a),
        stale_per_s: each(&|_, a| 12_000.0 * (1.0 - a)),
        refused_per_s: each(&|_, a| 8_000.0 * (1.0 - a)),
        started: 20_000.0 * windows as f64 * story.window_s,
        mean_wait_s: Some(0.1),
    };
    let middlebox = |name: &str, site: &str, limit: f64, base: f64, storm: f64| MiddleboxSeries {
        name: name.to_string(),
        site: site.to_string(),
        new_connections_limit_per_s: Some(limit),
        offered_connections_per_s: each(&|i, a| {
            base * (1.0 + storm * (1.0 - a)) + 500.0 * noise(i as u64)
        }),
        sessions: each(&|_, a| 30e6 * a),
        loss: each(&|_, a| (1.0 - a) * 0.6),
        delay_s: each(&|_, a| (1.0 - a) * 0.2),
    };
    let shifted = |i: usize| {
        if i as f64 * story.window_s >= course.shift_s() && story.incident { 0.3 } else { 0.02 }
    };
    let region = |name: &str, extra: f64| RegionSeries {
        region: name.to_string(),
        availability: availability
            .iter()
            .map(|a| a.map(|a| (a - extra * (1.0 - a)).max(0.0)))
            .collect(),
    };
    Series {
        window_s: story.window_s,
        windows,
        amplification: availability.iter().map(|a| a.map(|a| 1.0 + 4.2 * (1.0 - a))).collect(),
        slice_s,
        operations: vec![
            operation("outlook", "sync", 31_000.0, 0.021),
            operation("phone", "send", 9_000.0, 0.048),
            operation("lync", "sign-in", 2_400.0, 0.180),
        ],
        regions: vec![region("us-east", 0.25), region("us-central", -0.2), region("us-west", 0.05)],
        stations: vec![
            station("front-door", "chicago", 0.55, 0.9),
            station("directory", "chicago", 0.48, 1.2),
            station("front-door", "san-antonio", 0.34, 0.3),
            station("directory", "san-antonio", 0.30, 0.2),
        ],
        middleboxes: vec![
            middlebox("chicago-edge", "chicago", 24_000.0, 9_000.0, 6.0),
            middlebox("san-antonio-edge", "san-antonio", 16_000.0, 3_000.0, 3.0),
        ],
        links: vec![LinkSeries {
            name: "chicago-newyork".to_string(),
            utilisation: each(&|_, a| 0.4 * a),
            loss: each(&|_, a| 0.1 * (1.0 - a)),
        }],
        sessions: vec![SessionSeries {
            client: "lync".to_string(),
            present: each(&|i, _| 30e6 + 8e6 * i as f64 / windows as f64),
            signed_in: vec![
                each(&|i, a| 29e6 * a * (1.0 - shifted(i))),
                each(&|i, a| 29e6 * a * shifted(i)),
            ],
            signing_in: each(&|_, a| 29e6 * (1.0 - a)),
        }],
        pipelines: vec![PipelineSeries {
            name: "mail".to_string(),
            good_within_s: 300.0,
            backlog: each(&|_, a| 4e6 * (1.0 - a)),
            oldest_s: each(&|_, a| 4000.0 * (1.0 - a)).into_iter().map(Some).collect(),
            delivered_per_s: each(&|_, a| 3000.0 * a),
            bounced_per_s: each(&|_, _| 0.0),
        }],
        steering: vec![SteeringSeries {
            name: "lync.example".to_string(),
            shares: (0..windows).map(|i| vec![1.0 - shifted(i), shifted(i)]).collect(),
        }],
        availability,
    }
}
