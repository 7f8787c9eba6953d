//! Calls of calls: who waits, at a station in between, for what he has called himself.
//!
//! A request at its entry needs no place of its own while it calls: its calls' tokens say where it
//! entered. Who was called himself waits in a *caller*: the token that he was, with the number of
//! requests that are below it. When these end, so many of its requests go on; when its own call is
//! given up, or its caller lost, it becomes nobody's, and goes on with what is below it, or ends
//! where its service drops abandoned work. So a token knows of nothing but its own call, and every
//! level has its own timeout. **Leaves out.** All requests of a caller give up at one time, the
//! mean of theirs, which are begun within a step. That a client has given up is heard of at the end
//! of its beat. What those had called who are lost with instances goes on even where it waits at a
//! service that drops abandoned work.

use super::line::Line;
use super::program::Step;
use super::station::{Left, Moved};
use super::token::{LOOK_BACK, Token};
use super::{Flow, Scene};
use crate::kernel::slab::{Key, Slab};

/// All callers in between.
#[derive(Clone, Debug, Default)]
pub(super) struct Callers {
    pub all: Slab<Token>,
    /// Those that were put down last, the newest at the end.
    newest: Vec<Key>,
}

impl Callers {
    fn put(&mut self, token: Token) -> Key {
        let like = |key: &&Key| {
            let other = self.all.get(**key);
            other.is_some_and(|other| other.station == token.station && other.is_like(&token))
        };
        if let Some(&key) = self.newest.iter().rev().take(LOOK_BACK).find(like) {
            self.all[key.index].absorb(&token);
            return key;
        }
        let key = self.all.insert(token);
        if self.newest.len() >= 2 * LOOK_BACK {
            self.newest.drain(..LOOK_BACK);
        }
        self.newest.push(key);
        key
    }

    /// Takes so many requests out of a caller.
    pub(super) fn take(&mut self, key: Key, count: u64) -> Token {
        let of = self.all.get_mut(key).expect("a request's caller waits for it");
        of.count -= count;
        let taken = Token { count, ..*of };
        if of.count == 0 {
            self.all.remove(key);
        }
        taken
    }

    /// The same requests once what `caller` (`None`: whoever has entered) has called is nobody's:
    /// with callers in between of their own.
    pub(super) fn forsaken(&mut self, token: Token, caller: Option<Key>) -> Token {
        match token.caller {
            Some(key) if caller != Some(key) => {
                let above = self.take(key, token.count);
                let above = self.forsaken(above, caller);
                Token { caller: Some(self.put(above)), ..token }
            }
            _ => token.for_nobody(),
        }
    }

    /// The callers of a token, from its own to the one that its entry has called. One of no
    /// requests may know one that has gone.
    pub(super) fn above(&self, token: &Token) -> impl Iterator<Item = (Key, &Token)> + '_ {
        let at = |key: Option<Key>| key.and_then(|key| Some((key, self.all.get(key)?)));
        std::iter::successors(at(token.caller), move |(_, above)| at(above.caller))
    }

    /// The call that a token's entry has made, at the top of its callers; `None` if anybody on the
    /// way up has given up.
    fn waited_for<'t>(&'t self, token: &'t Token) -> Option<&'t Token> {
        let mut first = token;
        loop {
            match first.caller {
                _ if first.orphan => return None,
                None => return Some(first),
                Some(key) => first = self.all.get(key)?,
            }
        }
    }
}

impl Flow {
    /// Whether a token's requests are waited for, by all up to the client.
    pub(super) fn is_waited_for(&self, token: &Token) -> bool {
        let first = self.callers.waited_for(token);
        let cohort = first.and_then(|first| first.cohort);
        cohort.is_some_and(|key| self.cohorts.get(key).is_some())
    }

    /// Whether a token's requests are what their entry waits for, by way of their callers.
    pub(super) fn is_called_by_entry(&self, token: &Token) -> bool {
        token.visit > 0 && self.callers.waited_for(token).is_some()
    }

    /// Requests at a station in between have done their own work: they make their calls.
    pub(super) fn begin_calls(
        &mut self,
        token: &Token,
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let mut caller = *token;
        if token.slack != u64::MAX {
            // What was waited for while it worked counts only if it is given up.
            let left = token.left_when_done(step, &mut self.draws);
            caller.waited += token.slack.saturating_sub(left);
            caller.slack = left;
        }
        (caller.start, caller.width) = (step.from, step.length());
        let (until, by_client, waited) = (u64::MAX, false, token.waited);
        let key = Some(self.callers.put(caller));
        let by = token.visit;
        let calling =
            Token { caller: key, tries: 1, orphan: false, until, by_client, waited, ..*token };
        self.next_call(&calling, (by, by as usize + 1), step, scene, moved);
    }

    /// What requests in between have called has ended, and all they do with it: their callers are
    /// told.
    pub(super) fn return_to_caller(
        &mut self,
        token: &Token,
        ok: bool,
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let Some(key) = token.caller else { return };
        let caller = self.callers.take(key, token.count);
        let Token { waited, variance, below_s, queued, .. } = *token;
        let caller = Token { waited, variance, below_s, queued, ..caller };
        let holds = self.programs.visit_of(&caller).holds;
        self.end_visit(&caller, (ok, holds), step, scene, moved);
    }

    /// Callers in between whose own calls are given up within a step, before anything else in it.
    pub(super) fn give_up_calling(&mut self, step: Step, scene: &mut Scene, moved: &mut Moved) {
        let due = |(_, caller): &(Key, &Token)| caller.given_up_by(step.to);
        let due = self.callers.all.iter().filter(due);
        let mut due: Vec<(u8, Key)> = due.map(|(key, caller)| (caller.visit, key)).collect();
        // A caller that ends may take those below it along.
        due.sort_unstable_by_key(|&(visit, key)| (visit, key.index));
        for (_, key) in due {
            let Some(&caller) = self.callers.all.get(key) else { continue };
            if !caller.given_up_by(step.to) {
                continue;
            }
            let waited = caller.waited + caller.slack;
            moved.push((Token { waited, ..caller }, caller.given_up()));
            self.forsake(key, false, step.middle().0, scene);
        }
    }

    /// Somebody above a caller in between has given up: it ends where its service drops what no
    /// client waits for, and so does what waits for it in a queue; else it goes on, for who has
    /// called it if that still waits, and those below it hear of it.
    pub(super) fn forsake(&mut self, key: Key, waits: bool, now: u64, scene: &mut Scene) {
        let caller = self.callers.all.get_mut(key).expect("it is among the callers");
        if !waits {
            *caller = caller.for_nobody();
        }
        let caller = *caller;
        let called = |token: &Token| token.caller == Some(key);
        let dropped = self.drop_waiting(called, scene);
        let ends = self.programs.visit_of(&caller).drops;
        if ends {
            self.end_caller(key, caller, scene);
        } else {
            dropped.into_iter().for_each(|token| self.fails_at(now, token, scene));
        }
        if ends && waits {
            self.hears_at(now, Left::Answered, caller, scene);
        }
        let below = self.callers.all.iter().filter(|(_, below)| called(below));
        let below: Vec<Key> = below.map(|(key, _)| key).collect();
        below.into_iter().for_each(|key| self.forsake(key, !ends, now, scene));
    }

    /// A caller in between ends, and what it has called is nobody's; what is on its way for it is
    /// given up.
    fn end_caller(&mut self, key: Key, caller: Token, scene: &mut Scene) {
        self.callers.all.remove(key);
        let index = caller.station as usize;
        self.served(index, &caller, scene);
        if self.programs.visit_of(&caller).holds {
            self.lines[index].busy -= caller.count;
        }
        let called = |token: &Token| token.caller == Some(key);
        let in_lines = self.lines.iter_mut().flat_map(Line::present_mut);
        for token in in_lines.filter(|token| called(token)) {
            *token = token.for_nobody();
        }
        for one in self.under_way.iter_mut().filter(|one| called(&one.token)) {
            one.token.count = 0;
        }
    }
}
