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

/// A part of the unit interval during a shift.
struct Span {
    /// Length that its owner keeps.
    kept: f64,
    /// Lengths given to other sites, from the top down.
    given: Vec<(f64, SiteId)>,
    /// Whose it is.
    owner: SiteId,
    /// Whose it was at `start`.
    first: SiteId,
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
            SteeringKind::Direct | SteeringKind::Anycast { .. } => None,
            SteeringKind::Dns { ttl, ignoring, ignoring_for } => {
                Some((ttl, ignoring, ignoring_for))
            }
        };
        let epochs = vec![Epoch { from: SimTime::ZERO, pieces }];
        SteeringState { resolver, epochs, initial: steering.answers.clone() }
    }

    /// The catchments of one attachment to an anycast name, as a name of its own that is asked each
    /// time; places are flow hashes. Who finds no way is put down to `first`.
    pub fn of_catchments(
        catchments: impl Iterator<Item = (f64, Option<SiteId>)>,
        first: SiteId,
    ) -> SteeringState {
        let nobody = vec![(1.0, first)];
        let mut state = SteeringState {
            resolver: None,
            epochs: vec![Epoch { from: SimTime::ZERO, pieces: nobody }],
            initial: Vec::new(),
        };
        let catchments: Vec<_> = catchments.collect();
        state.epochs[0].pieces = state.pieces_of(&catchments);
        state
    }

    /// Follows catchments that may have moved; an epoch begins if they have.
    pub fn follow(
        &mut self,
        catchments: impl Iterator<Item = (f64, Option<SiteId>)>,
        now: SimTime,
    ) {
        let catchments: Vec<_> = catchments.collect();
        let pieces = self.pieces_of(&catchments);
        if pieces != self.epochs[self.epochs.len() - 1].pieces {
            self.epochs.push(Epoch { from: now, pieces });
        }
    }

    /// Pieces by catchments; who finds no way stays where it was.
    fn pieces_of(&self, catchments: &[(f64, Option<SiteId>)]) -> Pieces {
        let before = &self.epochs[self.epochs.len() - 1].pieces;
        let mut pieces = Pieces::new();
        let mut add = |upper: f64, site: SiteId| match pieces.last_mut() {
            Some(last) if last.1 == site => last.0 = upper,
            _ => pieces.push((upper, site)),
        };
        let mut lower = 0.0;
        for &(upper, site) in catchments {
            match site {
                Some(site) => add(upper, site),
                None => {
                    let inside = |piece: &&(f64, SiteId)| piece.0 > lower;
                    for &(end, site) in before.iter().filter(inside) {
                        add(end.min(upper), site);
                        if end >= upper {
                            break;
                        }
                    }
                }
            }
            lower = upper;
        }
        pieces
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
    /// than they differ by. What a site takes, it takes first from what was its own at `start`, so
    /// that going back restores every mailbox; then from the top of the interval down.
    pub fn set(&mut self, answers: &[(SiteId, f64)], now: SimTime) {
        let mut spans = self.spans();
        let mut sites: Vec<SiteId> = spans.iter().map(|span| span.owner).collect();
        sites.extend(answers.iter().map(|answer| answer.0));
        sites.sort_unstable();
        sites.dedup();
        let surplus = |site: SiteId| {
            let wanted = answers.iter().find(|a| a.0 == site).map_or(0.0, |a| a.1);
            self.share(site) - wanted
        };
        let mut gives: Vec<f64> = sites.iter().map(|&site| surplus(site).max(0.0)).collect();
        let mut takes: Vec<f64> = sites.iter().map(|&site| (-surplus(site)).max(0.0)).collect();
        for back_home in [true, false] {
            for span in spans.iter_mut().rev() {
                let donor = sites.iter().position(|&site| site == span.owner);
                let donor = &mut gives[donor.expect("listed above")];
                for (&site, wanted) in sites.iter().zip(&mut takes) {
                    let piece = wanted.min(*donor).min(span.kept);
                    if piece > 0.0 && (!back_home || site == span.first) {
                        span.given.push((piece, site));
                        span.kept -= piece;
                        *donor -= piece;
                        *wanted -= piece;
                    }
                }
            }
        }
        let mut pieces = Pieces::new();
        let mut upper = 0.0;
        // A donor keeps the lower end of a span.
        for span in &spans {
            let kept = std::iter::once((span.kept, span.owner));
            for (length, site) in kept.chain(span.given.iter().rev().copied()) {
                upper += length;
                match pieces.last_mut() {
                    Some(last) if last.1 == site => last.0 = upper,
                    _ if length > 0.0 => pieces.push((upper, site)),
                    _ => {}
                }
            }
        }
        if crate::kernel::defect::planted("shift-reshuffles") {
            let mirrored = |index: usize| {
                let lower = if index == 0 { 0.0 } else { pieces[index - 1].0 };
                (upper - lower, pieces[index].1)
            };
            pieces = (0..pieces.len()).rev().map(mirrored).collect();
        }
        self.epochs.push(Epoch { from: now, pieces });
    }

    /// The unit interval as it is answered now, cut wherever its owner at `start` changes too.
    fn spans(&self) -> Vec<Span> {
        let (first, now) = (&self.epochs[0].pieces, &self.epochs[self.epochs.len() - 1].pieces);
        let mut ends: Vec<f64> = first.iter().chain(now).map(|piece| piece.0).collect();
        ends.sort_unstable_by(f64::total_cmp);
        ends.dedup();
        let mut lower = 0.0;
        let span = |upper: f64| {
            let middle = f64::midpoint(lower, upper);
            let (owner, first) = (site_at(now, middle), site_at(first, middle));
            let kept = upper - lower;
            lower = upper;
            Span { kept, given: Vec::new(), owner, first }
        };
        ends.into_iter().map(span).collect()
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

    /// Number of epochs so far.
    pub fn epochs(&self) -> usize {
        self.epochs.len()
    }

    /// When the latest epoch began.
    pub fn latest(&self) -> SimTime {
        self.epochs[self.epochs.len() - 1].from
    }

    /// Upper ends of the latest epoch's pieces of the unit interval.
    pub fn ends(&self) -> impl Iterator<Item = f64> + '_ {
        self.epochs[self.epochs.len() - 1].pieces.iter().map(|piece| piece.0)
    }

    /// The site that was answered at `asked` for this place in the unit interval.
    pub fn answered_at(&self, place: f64, asked: SimTime) -> SiteId {
        let held = self.epochs.iter().rev().find(|epoch| epoch.from <= asked);
        site_at(&held.unwrap_or(&self.epochs[0]).pieces, place)
    }

    /// Resolvers by how long they hold an answer: (share, period); one of share 1 and period 0
    /// where the authority is asked each time.
    pub fn resolvers(&self) -> [(f64, SimDuration); 2] {
        match self.resolver {
            None => [(1.0, SimDuration::ZERO), (0.0, SimDuration::ZERO)],
            Some((ttl, ignoring, ignoring_for)) => {
                [(1.0 - ignoring, ttl), (ignoring, ignoring_for)]
            }
        }
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
