//! Which site a name answers, for which mailbox, at which time.
//!
//! Model: the authority's answer is a list of shares; each change begins an *epoch*. A mailbox has
//! a fixed place u in [0, 1) and sits behind a resolver with a fixed phase that refreshes every
//! TTL, so the share of mailboxes that still hold the answer of epoch e at time t is
//! |[t - TTL, t] ∩ e| / TTL. Shares are intervals of u: a shift re-assigns just as much of the
//! unit interval as it moves, so no other mailbox changes its site, and a refresh alone moves none.

use crate::kernel::stream::Luck;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{SiteId, Steering, SteeringKind};

/// Tags of the draws that are a mailbox's own for ever (see [`Luck`]).
pub mod tag {
    /// Place in the unit interval of shares.
    pub const PLACE: u64 = 1;
    /// Phase of its resolver.
    pub const PHASE: u64 = 2;
    /// Whether its resolver ignores TTLs.
    pub const IGNORES: u64 = 3;
    /// Where it is attached to the network.
    pub const ATTACHMENT: u64 = 4;
    /// Directory partition.
    pub const PARTITION: u64 = 5;
    /// Database.
    pub const DATABASE: u64 = 6;
    /// Flow hash of its long-lived connection.
    pub const FLOW: u64 = 7;
}

/// Share of the whole: pieces of the unit interval, each with its upper end.
type Pieces = Vec<(f64, SiteId)>;

/// One answer of the authority, from a time on.
#[derive(Clone, Debug)]
struct Epoch {
    from: SimTime,
    pieces: Pieces,
}

/// The state of one steered name.
#[derive(Clone, Debug)]
pub struct SteeringState {
    /// (period of an ordinary resolver, share of ignorers, their period); `None`: asked each time.
    resolver: Option<(SimDuration, f64, SimDuration)>,
    epochs: Vec<Epoch>,
    initial: Vec<(SiteId, f64)>,
}

impl SteeringState {
    /// The name as it is answered at t = 0.
    pub fn new(steering: &Steering) -> SteeringState {
        let mut pieces = Pieces::new();
        let mut upper = 0.0;
        for &(site, share) in steering.answers.iter().filter(|(_, share)| *share > 0.0) {
            upper += share;
            pieces.push((upper, site));
        }
        let resolver = match steering.kind {
            SteeringKind::Direct => None,
            SteeringKind::Dns { ttl, ignoring, ignoring_for } => {
                Some((ttl, ignoring, ignoring_for))
            }
        };
        let epochs = vec![Epoch { from: SimTime::ZERO, pieces }];
        SteeringState { resolver, epochs, initial: steering.answers.clone() }
    }

    /// The shares at `start`.
    pub fn initial(&self) -> &[(SiteId, f64)] {
        &self.initial
    }

    /// The share that the authority answers for `site` now.
    pub fn share(&self, site: SiteId) -> f64 {
        let pieces = &self.epochs[self.epochs.len() - 1].pieces;
        let mut lower = 0.0;
        let mut share = 0.0;
        for &(upper, owner) in pieces {
            if owner == site {
                share += upper - lower;
            }
            lower = upper;
        }
        share
    }

    /// Begins an epoch with these shares (adding up to 1), moving no more of the unit interval
    /// than they differ by.
    pub fn set(&mut self, answers: &[(SiteId, f64)], now: SimTime) {
        let before = &self.epochs[self.epochs.len() - 1].pieces;
        let surplus = |site: SiteId| {
            let wanted = answers.iter().find(|a| a.0 == site).map_or(0.0, |a| a.1);
            self.share(site) - wanted
        };
        let mut sites: Vec<SiteId> = before.iter().map(|piece| piece.1).collect();
        sites.extend(answers.iter().map(|answer| answer.0));
        sites.sort_unstable();
        sites.dedup();
        let mut gives: Vec<f64> = sites.iter().map(|&site| surplus(site).max(0.0)).collect();
        let mut takes: Vec<f64> = sites.iter().map(|&site| (-surplus(site)).max(0.0)).collect();
        // From the top of the interval down: a donor's uppermost mailboxes go first.
        let mut after: Vec<(f64, SiteId)> = Vec::new();
        let lower_ends = std::iter::once(0.0).chain(before.iter().map(|piece| piece.0));
        let spans: Vec<(f64, SiteId)> =
            lower_ends.zip(before).map(|(lower, piece)| (piece.0 - lower, piece.1)).collect();
        for &(length, owner) in spans.iter().rev() {
            let donor = sites.iter().position(|&site| site == owner).expect("listed above");
            let mut given = gives[donor].min(length);
            gives[donor] -= given;
            let kept = length - given;
            for (taker, taken) in takes.iter_mut().enumerate() {
                let piece = taken.min(given);
                if piece > 0.0 {
                    after.push((piece, sites[taker]));
                    *taken -= piece;
                    given -= piece;
                }
            }
            // Rounding of the shares can leave a sliver that nobody takes; it stays.
            if kept + given > 0.0 {
                after.push((kept + given, owner));
            }
        }
        if crate::kernel::defect::planted("shift-reshuffles") {
            after.reverse();
        }
        let mut upper = 0.0;
        let pieces = after.iter().rev().map(|&(length, site)| {
            upper += length;
            (upper, site)
        });
        let pieces = pieces.collect();
        self.epochs.push(Epoch { from: now, pieces });
    }

    /// The site that a mailbox of this luck is answered at `now`, by what its resolver holds.
    #[inline]
    pub fn answer(&self, mailbox: Luck, now: SimTime) -> SiteId {
        let place = mailbox.uniform(tag::PLACE);
        if self.epochs.len() == 1 {
            return site_at(&self.epochs[0].pieces, place);
        }
        let known_at = match self.resolver {
            None => now,
            Some(resolver) => last_refresh(mailbox, resolver, now),
        };
        let held = self.epochs.iter().rev().find(|epoch| epoch.from <= known_at);
        site_at(&held.unwrap_or(&self.epochs[0]).pieces, place)
    }

    /// The site that the authority itself answers now for this mailbox.
    pub fn authoritative(&self, mailbox: Luck) -> SiteId {
        site_at(&self.epochs[self.epochs.len() - 1].pieces, mailbox.uniform(tag::PLACE))
    }
}

fn site_at(pieces: &Pieces, place: f64) -> SiteId {
    let found = pieces.iter().find(|piece| place < piece.0);
    found.unwrap_or(&pieces[pieces.len() - 1]).1
}

/// When the resolver of this mailbox last asked (t = 0 if that was before).
fn last_refresh(
    mailbox: Luck,
    (ttl, ignoring, ignoring_for): (SimDuration, f64, SimDuration),
    now: SimTime,
) -> SimTime {
    let ignores = mailbox.uniform(tag::IGNORES) < ignoring;
    let period = if ignores { ignoring_for } else { ttl };
    if period == SimDuration::ZERO || crate::kernel::defect::planted("ttl-ignored") {
        return now;
    }
    let phase = (mailbox.uniform(tag::PHASE) * period.0 as f64) as u64;
    let since = (now.0 + phase) % period.0;
    now_minus(now, since)
}

fn now_minus(now: SimTime, nanoseconds: u64) -> SimTime {
    SimTime(now.0.saturating_sub(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(ttl_s: u64, shares: &[f64]) -> SteeringState {
        let answers = shares.iter().enumerate().map(|(i, &s)| (SiteId(i as u32), s)).collect();
        let kind = SteeringKind::Dns {
            ttl: SimDuration::from_secs(ttl_s),
            ignoring: 0.0,
            ignoring_for: SimDuration::ZERO,
        };
        SteeringState::new(&Steering { name: "n".into(), kind, answers })
    }

    fn shares(values: &[f64]) -> Vec<(SiteId, f64)> {
        values.iter().enumerate().map(|(i, &s)| (SiteId(i as u32), s)).collect()
    }

    #[test]
    fn a_shift_moves_just_the_needed_mailboxes() {
        let mut steering = name(300, &[0.5, 0.3, 0.2]);
        let before: Vec<SiteId> =
            (0..20_000).map(|m| steering.authoritative(Luck(7).derive(m))).collect();
        steering.set(&shares(&[0.4, 0.3, 0.3]), SimTime::from_secs(100));
        let mut moved = 0;
        for (m, &old) in before.iter().enumerate() {
            let new = steering.authoritative(Luck(7).derive(m as u64));
            if new != old {
                assert_eq!((old, new), (SiteId(0), SiteId(2)));
                moved += 1;
            }
        }
        assert!((moved as f64 / 20_000.0 - 0.1).abs() < 0.01, "{moved}");
        for (site, share) in shares(&[0.4, 0.3, 0.3]) {
            assert!((steering.share(site) - share).abs() < 1e-12);
        }
    }

    #[test]
    fn going_back_restores_every_mailbox_between_two_sites() {
        let mut steering = name(300, &[0.8, 0.2]);
        let before: Vec<SiteId> =
            (0..5_000).map(|m| steering.authoritative(Luck(3).derive(m))).collect();
        steering.set(&shares(&[0.45, 0.55]), SimTime::from_secs(1));
        steering.set(&shares(&[0.8, 0.2]), SimTime::from_secs(2));
        for (m, &old) in before.iter().enumerate() {
            assert_eq!(steering.authoritative(Luck(3).derive(m as u64)), old);
        }
    }

    #[test]
    fn direct_steering_answers_the_newest_epoch_at_once() {
        let kind = SteeringKind::Direct;
        let mut steering =
            SteeringState::new(&Steering { name: "n".into(), kind, answers: shares(&[1.0, 0.0]) });
        steering.set(&shares(&[0.0, 1.0]), SimTime::from_secs(9));
        assert_eq!(steering.answer(Luck(1), SimTime::from_secs(9)), SiteId(1));
    }
}
