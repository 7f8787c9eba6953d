//! What is under way between a caller and a station: calls to another site and their answers, and
//! calls that wait to be made again.
//!
//! A call to another site takes the network's delay, and may be lost on its way; its answer takes
//! the delay back, and is lost with the path. What is sent evenly over a step arrives evenly over
//! an interval of the same length, later by the delay: the part of it that lies within a step
//! arrives in it. So the number under way is right in the mean for every length of step. The
//! caller's timeout begins when it sends its call, so a station has so much less time as the
//! network takes both ways; what is lost ends at the timeout. **Leaves out.** What a caller gives
//! up while its answer is under way was for nobody at the station already. A call goes to where it
//! was sent, even where its database has gone elsewhere meanwhile.

use super::program::Step;
use super::station::{Left, Moved};
use super::token::{LOOK_BACK, Token};
use super::{Flow, Scene};
use crate::kernel::defect::planted;
use crate::kernel::math;
use crate::kernel::sample::binomial;
use crate::kernel::stream::Stream;
use crate::scenario::model::SiteId;
use crate::world::network::PathView;
use crate::world::state::Isolation;

/// What requests are under way to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leg {
    /// The station of their visit.
    There,
    /// Their caller, who will know this of them.
    Back(Left),
    /// Nowhere: the call is made again.
    Again,
}

/// Requests under way: due evenly over their starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnderWay {
    pub leg: Leg,
    pub token: Token,
}

/// Takes those out that are due by `to`.
fn take_due(token: &mut Token, to: u64, draws: &mut Stream) -> u64 {
    let end = token.start.saturating_add(token.width);
    if token.start >= to && end > to {
        return 0;
    }
    if end <= to {
        return std::mem::take(&mut token.count);
    }
    let due = binomial(draws, token.count, (to - token.start) as f64 / token.width as f64);
    (token.start, token.width) = (to, end - to);
    token.count -= due;
    due
}

impl Flow {
    /// What the caller of a token's call is at, and where it was sent.
    fn ends(&self, token: &Token, scene: &Scene) -> (SiteId, SiteId) {
        let caller = self.programs.visit_of(token).from;
        (caller, scene.world.services.stations[token.station as usize].site)
    }

    /// Whether a call is cut off from the station that it would go to.
    pub(super) fn is_isolated(&self, token: &Token, scene: &Scene) -> bool {
        if scene.world.isolations.is_empty() || token.visit == 0 {
            return false;
        }
        let station = &scene.world.services.stations[token.station as usize];
        let program = &self.programs.all[token.program as usize];
        let caller = program.visits[token.visit as usize].caller;
        let from = program.visits[caller as usize].service;
        let cuts = |cut: &Isolation| cut.cuts(from, station.service, station.partition);
        scene.world.isolations.iter().any(cuts)
    }

    /// The way from a station back to the caller; `None` within one site.
    pub(super) fn way_back(&self, token: &Token, scene: &Scene) -> Option<PathView> {
        let (caller, at) = self.ends(token, scene);
        (token.visit > 0 && caller != at).then(|| scene.world.network.between_sites(at, caller))
    }

    fn put_under_way(&mut self, leg: Leg, token: Token) {
        if token.count == 0 {
            return;
        }
        let like = |other: &&mut UnderWay| {
            (other.leg, other.token.station) == (leg, token.station) && other.token.is_like(&token)
        };
        match self.under_way.iter_mut().rev().take(LOOK_BACK).find(like) {
            Some(other) => other.token.absorb(&token),
            None => self.under_way.push(UnderWay { leg, token }),
        }
    }

    /// Requests leave evenly over a step, and take so long [ns]; those that arrive within it.
    fn travel(&mut self, leg: Leg, token: Token, takes: u64, step: Step) -> Token {
        let start = step.from.saturating_add(takes);
        let mut later = Token { start, width: step.length(), ..token };
        let count = take_due(&mut later, step.to, &mut self.draws);
        self.put_under_way(leg, later);
        Token { count, ..token }
    }

    /// A call is sent to its station; within one site it is there at once.
    pub(super) fn send_call(
        &mut self,
        token: &Token,
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let (caller, at) = self.ends(token, scene);
        if token.visit == 0 || caller == at {
            self.arrive_at(token, step, scene, moved);
            return;
        }
        if self.is_isolated(token, scene) {
            moved.push((*token, Left::CallFailed));
            return;
        }
        let there = scene.world.network.between_sites(caller, at);
        let back = scene.world.network.between_sites(at, caller);
        let timeout = token.slack;
        let arrives = there.arrives && there.delay.0 < timeout;
        let lost = binomial(&mut self.draws, token.count, if arrives { there.loss } else { 1.0 });
        if lost > 0 {
            // The law of the whole request knows of those that are lost once.
            let known = arrives && token.tries == 1;
            let left = if known { Left::CallLost } else { Left::CallFailed };
            let waited = token.waited + if known { 0 } else { timeout };
            let lost = Token { count: lost, waited, slack: u64::MAX, ..*token };
            let due = self.travel(Leg::Back(left), lost, timeout, step);
            if due.count > 0 {
                moved.push((due, left));
            }
        }
        let (count, slack) =
            (token.count - lost, timeout.saturating_sub(there.delay.0 + back.delay.0));
        let sent = Token { count, slack, ..*token };
        let arrived = self.travel(Leg::There, sent, there.delay.0, step);
        if arrived.count > 0 {
            self.arrive_at(&arrived, step, scene, moved);
        }
    }

    /// A call has ended at its station: its caller is told, or has lost patience itself.
    pub(super) fn answer_call(
        &mut self,
        token: &Token,
        left: Left,
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let caller_knows = if left == Left::Done { Left::Answered } else { Left::CallFailed };
        let Some(back) = self.way_back(token, scene) else {
            self.go_on(token, caller_knows, step, scene, moved);
            return;
        };
        let delay = if planted("flow-answers-at-once") { 0 } else { back.delay.0 };
        let (delay, of) = (delay, Token { slack: u64::MAX, slow: 1.0, ..*token });
        if left != Left::GivenUp && !back.arrives {
            // Nobody hears of it before the timeout.
            let timeout = self.programs.timeout_of(token);
            let due = token.due().max(step.middle().0);
            let start = due.saturating_add(delay);
            let waited = token.waited.saturating_add(timeout);
            let of = Token { start, width: 0, waited, ..of };
            self.put_under_way(Leg::Back(Left::CallFailed), of);
            return;
        }
        // What the law of the whole request knows nothing of: the way there and back in vain.
        let in_vain = if left == Left::Done { 0 } else { 2 * delay };
        let of = Token { waited: of.waited + in_vain, ..of };
        let told = self.travel(Leg::Back(caller_knows), of, delay, step);
        if told.count > 0 {
            moved.push((told, caller_knows));
        }
    }

    /// A caller will know at `due` that its call has failed.
    pub(super) fn fails_at(&mut self, due: u64, token: Token, scene: &Scene) {
        self.hears_at(due, Left::CallFailed, token, scene);
    }

    /// A caller will know at `due` how its call has ended; from another site a little later.
    pub(super) fn hears_at(&mut self, due: u64, left: Left, token: Token, scene: &Scene) {
        let delay = self.way_back(&token, scene).map_or(0, |back| back.delay.0);
        let token = Token { start: due.saturating_add(delay), width: 0, ..token };
        self.under_way.push(UnderWay { leg: Leg::Back(left), token });
    }

    /// Calls that have failed at any time of a step are made again after waits between two times
    /// [ns]: evenly over an interval of the mean and variance of both. **Leaves out.** What fails
    /// in a step again has failed later in it than the first time.
    pub(super) fn call_again(
        &mut self,
        token: Token,
        (least, most): (u64, u64),
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let (range, length) = ((most - least) as f64, step.length() as f64);
        let width = math::sqrt(range * range + length * length) as u64;
        let middle = step.middle().0 + u64::midpoint(least, most);
        let mut again = Token { start: middle - width / 2, width, ..token };
        // Tries are counted up to 255: those could fail in this step for ever.
        let last = token.tries == u8::MAX;
        let count = if last { 0 } else { take_due(&mut again, step.to, &mut self.draws) };
        self.put_under_way(Leg::Again, again);
        if count > 0 {
            self.arrive(Token { count, ..token }, step, scene, moved);
        }
    }

    /// Callers learn within a step what has become of their calls.
    pub(super) fn come_back_to_callers(&mut self, step: Step, moved: &mut Moved) {
        for UnderWay { leg, token } in &mut self.under_way {
            let Leg::Back(left) = *leg else { continue };
            let count = take_due(token, step.to, &mut self.draws);
            if count > 0 {
                moved.push((Token { count, ..*token }, left));
            }
        }
        self.under_way.retain(|one| one.token.count > 0);
    }

    /// Calls come to their stations within a step, and are made again.
    pub(super) fn come_to_stations(&mut self, step: Step, scene: &mut Scene, moved: &mut Moved) {
        let mut under_way = std::mem::take(&mut self.under_way);
        for UnderWay { leg, token } in &mut under_way {
            let to = match leg {
                Leg::There | Leg::Again => step.to,
                Leg::Back(_) => continue,
            };
            let count = take_due(token, to, &mut self.draws);
            if count == 0 {
                continue;
            }
            let token = Token { count, ..*token };
            match leg {
                Leg::There => {
                    let token = Token { start: step.from, width: step.length(), ..token };
                    self.arrive_at(&self.now_of_nobody(token), step, scene, moved);
                }
                _ => self.arrive(token, step, scene, moved),
            }
        }
        under_way.retain(|one| one.token.count > 0);
        // What has been sent in the meantime is due later.
        under_way.append(&mut self.under_way);
        self.under_way = under_way;
    }
}
