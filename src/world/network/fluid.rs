//! One limited resource as a fluid queue: a link's direction, or one limit of a middlebox.
//!
//! **Model.** Demand arrives evenly over a step and is carried at the capacity; what is over it
//! waits, up to the buffer, and what is over the buffer is lost (Newell, *Applications of Queueing
//! Theory*, 2nd ed. 1982, ch. 2). For a demand that is constant over the step this is exact at any
//! length of the step: the queue is linear until it is empty or full, and then stays there.
//!
//! **Slack.** At a scale of 1/N the same share of load comes in N times fewer, N times larger
//! grains, so that a queue of some grains appears which the full size would not have. A step is
//! given the size of that noise, and a queue up to it causes neither delay nor loss; it is zero at
//! full size.
//!
//! **Loss.** What a step loses is met by those who send in the next. Where a step holds few grains,
//! a full one is followed by an emptier one, and shares that jump meet fewer than their mean would:
//! both ways of a round trip lose at once. So the share is of all that was sent over the time that
//! some tens of grains take; at large sizes that is less than a step.

/// Share of loss below which there is none: what is left of what was lost long ago.
const LEAST_LOSS: f64 = 1e-6;

/// A fluid queue; amounts are in bits, packets or connections, as its owner wishes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fluid {
    /// Waiting at the end of the last step [amount].
    pub queue: f64,
    /// Demand / capacity over the last step [share].
    pub utilisation: f64,
    /// Share of the demand that was lost, over the last step or a longer time ([`Step::mean_s`]).
    pub loss: f64,
    /// Time that what arrives now waits for the queue before it [s].
    pub delay_s: f64,
    /// Whether there is more queue than noise.
    pub busy: bool,
    /// Sums over that time, of demand and of what was lost [amount].
    recent: (f64, f64),
}

/// What becomes of a step's demand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Capacity [amount/s].
    pub capacity: f64,
    /// Longest queueing delay [s].
    pub buffer_s: f64,
    /// Queue that is noise of the scale, and costs nothing [amount].
    pub slack: f64,
    /// Time over which its loss is a mean, where it is longer than the step [s].
    pub mean_s: f64,
    /// Length [s], over 0.
    pub elapsed_s: f64,
}

/// Where the demand of a step went; carried + lost = demand + what the queue gave up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flow {
    /// Passed on [amount].
    pub carried: f64,
    /// Dropped or refused [amount].
    pub lost: f64,
}

impl Fluid {
    /// Takes `demand` [amount], spread evenly over the step.
    pub fn advance(&mut self, demand: f64, step: &Step) -> Flow {
        let slack = if step.capacity > 0.0 { step.slack } else { 0.0 };
        let room = slack + step.capacity * step.buffer_s;
        // A capacity that was cut takes its buffer along: what no longer fits is lost at once.
        let shed = (self.queue - room).max(0.0);
        let waiting = self.queue - shed;
        let service = step.capacity * step.elapsed_s;
        let unbounded = waiting + demand - service;
        let overflow = (unbounded - room).max(0.0);
        self.queue = unbounded.clamp(0.0, room);
        let flow =
            Flow { carried: waiting + demand - overflow - self.queue, lost: shed + overflow };
        let over_slack = (self.queue - slack).max(0.0);
        self.busy = over_slack > 0.0;
        if step.capacity > 0.0 {
            self.utilisation = demand / service;
            self.delay_s = over_slack / step.capacity;
            let keep = (1.0 - step.elapsed_s / step.mean_s).max(0.0);
            let (sent, lost) = (keep * self.recent.0 + demand, keep * self.recent.1 + overflow);
            self.recent = (sent, lost);
            self.loss = if lost > LEAST_LOSS * sent { (lost / sent).min(1.0) } else { 0.0 };
        } else {
            self.utilisation = if demand > 0.0 { f64::INFINITY } else { 0.0 };
            self.delay_s = 0.0;
            self.forget();
            self.loss = 1.0;
        }
        flow
    }

    /// What was lost before is not what is lost from now on.
    pub fn forget(&mut self) {
        self.loss = 0.0;
        self.recent = (0.0, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn step(capacity: f64, buffer_s: f64, elapsed_s: f64) -> Step {
        Step { capacity, buffer_s, slack: 0.0, mean_s: 0.0, elapsed_s }
    }

    #[test]
    fn builds_up_overflows_and_drains_as_computed_by_hand() {
        let mut fluid = Fluid::default();
        // 150 a second at 100 a second, room for 0.4 s: +5 each 100 ms, 40 after 800 ms.
        let tenth = step(100.0, 0.4, 0.1);
        for count in 1..=8 {
            let flow = fluid.advance(15.0, &tenth);
            assert!((fluid.queue - 5.0 * f64::from(count)).abs() < 1e-9);
            assert_eq!(flow.lost, 0.0);
        }
        let flow = fluid.advance(15.0, &tenth);
        assert!((flow.lost - 5.0).abs() < 1e-9 && (fluid.loss - 1.0 / 3.0).abs() < 1e-9);
        assert!((fluid.delay_s - 0.4).abs() < 1e-9);
        // 20 a second: net -8 each 100 ms, empty after 500 ms.
        for count in 1..=4 {
            fluid.advance(2.0, &tenth);
            assert!((fluid.queue - (40.0 - 8.0 * f64::from(count))).abs() < 1e-9);
        }
        fluid.advance(2.0, &tenth);
        assert!(fluid.queue.abs() < 1e-9 && fluid.delay_s < 1e-9);
        assert_eq!(fluid.loss, 0.0);
    }

    #[test]
    fn a_step_overload_follows_newells_closed_form() {
        // Newell 1982: Q = (lambda - mu_d) D, drained Q / (mu - lambda) after the end, longest
        // delay D (1 - mu_d/lambda) for the last customer; here with lambda = 500, mu = 1000.
        for (outage_capacity, duration_s) in [(0.5, 60.0), (250.0, 60.0), (450.0, 600.0)] {
            let (demand, normal) = (500.0, 1000.0);
            let mut fluid = Fluid::default();
            let outage = step(outage_capacity, 1e6, 0.1);
            for _ in 0..(duration_s / 0.1_f64).round() as u32 {
                fluid.advance(demand * 0.1, &outage);
            }
            let peak = (demand - outage_capacity) * duration_s;
            assert!((fluid.queue / peak - 1.0).abs() < 1e-9);
            let mut drain_s = 0.0;
            while fluid.queue > 1e-6 * peak {
                fluid.advance(demand * 0.1, &step(normal, 1e6, 0.1));
                drain_s += 0.1;
            }
            assert!((drain_s - peak / (normal - demand)).abs() < 0.11);
        }
    }

    #[test]
    fn the_length_of_the_step_does_not_matter_while_demand_is_constant() {
        let (mut fine, mut coarse) = (Fluid::default(), Fluid::default());
        let mut lost = 0.0;
        for _ in 0..100 {
            lost += fine.advance(1.3, &step(100.0, 0.05, 0.01)).lost;
        }
        let flow = coarse.advance(130.0, &step(100.0, 0.05, 1.0));
        assert!((flow.lost - lost).abs() < 1e-9 && (fine.queue - coarse.queue).abs() < 1e-9);
    }

    #[test]
    fn slack_hides_the_grain_of_a_small_scale_but_no_lasting_overload() {
        let mut fluid = Fluid::default();
        let tick =
            Step { capacity: 24.0, buffer_s: 0.05, slack: 32.0, mean_s: 0.0, elapsed_s: 0.1 };
        for burst in [9.0, 0.0, 1.0, 0.0] {
            fluid.advance(burst, &tick);
            assert_eq!((fluid.loss, fluid.delay_s), (0.0, 0.0));
        }
        let mut last = Flow::default();
        for _ in 0..1000 {
            last = fluid.advance(4.8, &tick);
        }
        assert!((last.lost - 2.4).abs() < 1e-9 && (fluid.delay_s - 0.05).abs() < 1e-9);
    }

    #[test]
    fn as_much_is_met_as_lost_where_a_step_holds_few_grains() {
        // Steps of 10 ms, every third with a grain of 4, for a limit of 100 a second: 1/4 is lost.
        let lumps = |mean_s: f64| {
            let mut fluid = Fluid::default();
            let (mut lost, mut met) = (0.0, 0.0);
            for count in 0..9000 {
                let demand = if count % 3 == 0 { 4.0 } else { 0.0 };
                met += demand * fluid.loss;
                let step = Step { mean_s, ..step(100.0, 0.02, 0.01) };
                lost += fluid.advance(demand, &step).lost;
            }
            (lost, met)
        };
        let (lost, met) = lumps(0.32);
        assert!((lost / 12_000.0 - 0.25).abs() < 1e-3);
        assert!((met / lost - 1.0).abs() < 0.05, "{met} of {lost}");
        let (_, met) = lumps(0.0);
        assert_eq!(met, 0.0, "after a grain comes a step without any, which would lose none of it");
    }

    #[test]
    fn loss_of_long_ago_is_none() {
        let mut fluid = Fluid::default();
        let tick = Step { mean_s: 1.0, ..step(100.0, 0.05, 0.1) };
        fluid.advance(100.0, &tick);
        assert!(fluid.loss > 0.8);
        let shares: Vec<f64> = (0..300)
            .map(|_| {
                fluid.advance(5.0, &tick);
                fluid.loss
            })
            .collect();
        assert!(shares.is_sorted_by(|a, b| a >= b) && shares[10] > 0.2 && shares[299] == 0.0);
        fluid.advance(100.0, &tick);
        fluid.forget();
        fluid.advance(5.0, &tick);
        assert_eq!(fluid.loss, 0.0);
    }

    #[test]
    fn no_capacity_loses_everything() {
        let mut fluid = Fluid::default();
        fluid.advance(12.0, &step(100.0, 0.1, 0.1));
        let flow = fluid.advance(3.0, &step(0.0, 0.1, 0.1));
        assert_eq!((flow.lost, fluid.loss, fluid.queue), (5.0, 1.0, 0.0));
        assert_eq!(fluid.advance(0.0, &step(0.0, 0.1, 0.1)), Flow::default());
        assert_eq!(fluid.loss, 1.0, "whoever comes next is lost too");
    }

    proptest! {
        #[test]
        fn nothing_vanishes(
            steps in prop::collection::vec(
                (0.0..1e4_f64, 0.0..1e4_f64, 0.0..0.5_f64, 0.0..50.0_f64, 0.0..1.0_f64),
                1..60,
            ),
        ) {
            let mut fluid = Fluid::default();
            let (mut offered, mut carried, mut lost) = (0.0, 0.0, 0.0);
            for (demand, capacity, buffer_s, slack, mean_s) in steps {
                let step = Step { capacity, buffer_s, slack, mean_s, elapsed_s: 0.1 };
                let flow = fluid.advance(demand, &step);
                prop_assert!(flow.carried >= -1e-9 && flow.carried <= capacity * 0.1 + 1e-9);
                prop_assert!(flow.lost >= 0.0 && (0.0..=1.0).contains(&fluid.loss));
                prop_assert!(fluid.queue >= 0.0 && fluid.delay_s <= buffer_s + 1e-9);
                offered += demand;
                carried += flow.carried;
                lost += flow.lost;
                let balance: f64 = carried + lost + fluid.queue - offered;
                prop_assert!(balance.abs() < 1e-6 * (1.0 + offered));
            }
        }
    }
}
