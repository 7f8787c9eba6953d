//! The condition language (SCENARIO.md, "Conditions"): text to [`Condition`].
//!
//! ```text
//! cond  = and { "or" and } ;  and = not { "and" not } ;  not = [ "not" ] ( atom | "(" cond ")" ) ;
//! atom  = quant ( "<" | "<=" | ">=" | ">" ) value [ "for" duration ]
//!       | "alarm(" name ")" | "done(" step ")" | "no_data(" quant ")" ;
//! quant = name [ "(" key "=" name { "," key "=" name } ")" ] [ "over" duration ]
//!       | "projected(" quant ")" ;
//! ```

mod lexer;
mod quantity;

use crate::kernel::time::SimDuration;
use crate::scenario::lower::Context;
use crate::scenario::model::{AlarmId, Comparison, Condition, Operator, StepId};
use crate::scenario::problem::{Code, Place};
use crate::scenario::tree::Node;
use crate::scenario::{lower::Kind, suggest, unit};
use lexer::Token;

/// Parentheses and `not` within each other at most.
const DEPTH_MAX: usize = 32;

/// Where a condition stands: it decides what it can speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// An alarm: nothing is about to be done.
    Alarm,
    /// A step of the runbook; whether it does anything that can be projected.
    Step {
        /// It has an action.
        acts: bool,
    },
}

/// The condition that a scalar says, `None` if it says none (then that is reported).
pub fn read(node: &Node, standing: Standing, context: &Context<'_>) -> Option<Condition> {
    let text = node.text()?;
    let written = context.reporter.slice(node.place);
    // Only where the text stands in the file letter by letter do parts of it have places.
    let inside = written
        .find(text)
        .filter(|_| !text.is_empty() && written.len() <= text.len() + 2)
        .map(|offset| node.place.part(offset, text.len()));
    let tokens = lexer::tokens(text);
    let whole = node.place;
    let mut parser = Parser { context, standing, text, tokens, at: 0, inside, whole, depth: 0 };
    let condition = parser.or()?;
    match parser.peek() {
        None => Some(condition),
        Some(token) => {
            let message = format!("`{}` cannot follow here", token.text);
            let help = "join conditions with `and`, `or`; say how long with `for 5m`";
            parser.fail(Some(token), message, Some(help.to_owned()))
        }
    }
}

struct Parser<'a> {
    context: &'a Context<'a>,
    standing: Standing,
    text: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
    inside: Option<Place>,
    whole: Place,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Token<'a>> {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn eat(&mut self, text: &str) -> bool {
        let eaten = self.peek().is_some_and(|token| token.text == text);
        self.at += usize::from(eaten);
        eaten
    }

    /// Place of a token, or of the end of the text.
    fn place(&self, token: Option<Token<'a>>) -> Place {
        match (self.inside, token) {
            (Some(inside), Some(token)) => inside.part(token.start, token.text.len()),
            (Some(inside), None) => inside.part(self.text.len(), 0),
            (None, _) => self.whole,
        }
    }

    fn report(&self, code: Code, token: Option<Token<'a>>, message: String, help: Option<String>) {
        self.context.reporter.error_with_help(code, self.place(token), message, help);
    }

    fn fail<T>(
        &self,
        token: Option<Token<'a>>,
        message: String,
        help: Option<String>,
    ) -> Option<T> {
        self.report(Code::Condition, token, message, help);
        None
    }

    fn expect(&mut self, text: &str) -> Option<()> {
        if self.eat(text) {
            return Some(());
        }
        let token = self.peek();
        let found = token.map_or("the end".to_owned(), |token| format!("`{}`", token.text));
        self.fail(token, format!("`{text}` is needed here, not {found}"), None)
    }

    fn or(&mut self) -> Option<Condition> {
        let mut parts = vec![self.and()?];
        while self.eat("or") {
            parts.push(self.and()?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Condition::Or(parts) })
    }

    fn and(&mut self) -> Option<Condition> {
        let mut parts = vec![self.not()?];
        while self.eat("and") {
            parts.push(self.not()?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Condition::And(parts) })
    }

    fn not(&mut self) -> Option<Condition> {
        if self.eat("not") {
            // Only one `not`, as the grammar says.
            return Some(Condition::Not(Box::new(self.group()?)));
        }
        self.group()
    }

    fn group(&mut self) -> Option<Condition> {
        let token = self.peek();
        if !self.eat("(") {
            return self.atom();
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.fail(token, format!("parentheses nest more than {DEPTH_MAX} deep"), None);
        }
        let condition = self.or()?;
        self.expect(")")?;
        self.depth -= 1;
        Some(condition)
    }

    fn atom(&mut self) -> Option<Condition> {
        let token = self.peek();
        match token.map(|token| token.text) {
            Some("alarm") => self.named(Kind::Alarm),
            Some("done") => self.named(Kind::Step),
            Some("no_data") => {
                self.at += 1;
                self.expect("(")?;
                let quantity = self.quantity()?;
                self.expect(")")?;
                Some(Condition::NoData(quantity))
            }
            Some(_) => self.comparison(),
            None => self.fail(None, "a condition is needed here".to_owned(), None),
        }
    }

    /// `alarm(name)` or `done(step)`; what was switched off never happens.
    fn named(&mut self, kind: Kind) -> Option<Condition> {
        self.at += 1;
        self.expect("(")?;
        let token = self.next();
        let name = token.map_or("", |token| token.text);
        let removed = match kind {
            Kind::Alarm => self.context.removed.alarms.contains(name),
            _ => self.context.removed.steps.contains(name),
        };
        let condition = if removed {
            Condition::Or(Vec::new())
        } else {
            let id = self.context.id_of(kind, name, self.place(token))?;
            match kind {
                Kind::Alarm => Condition::Alarm(AlarmId(id)),
                _ => Condition::Done(StepId(id)),
            }
        };
        self.expect(")")?;
        Some(condition)
    }

    fn comparison(&mut self) -> Option<Condition> {
        let quantity = self.quantity()?;
        let token = self.next();
        let operator = match token.map(|token| token.text) {
            Some("<") => Operator::Below,
            Some("<=") => Operator::AtMost,
            Some(">=") => Operator::AtLeast,
            Some(">") => Operator::Above,
            found => {
                let found = found.map_or("the end".to_owned(), |text| format!("`{text}`"));
                let message = format!("a comparison is needed here, not {found}");
                return self.fail(token, message, Some("`<`, `<=`, `>=` or `>`".to_owned()));
            }
        };
        let value = self.value(quantity::unit(quantity.measure))?;
        let sustained = if self.eat("for") { self.duration()? } else { SimDuration::ZERO };
        Some(Condition::Compare(Comparison { quantity, operator, value, sustained }))
    }

    /// A number with its unit, which may stand apart: `1h 30m`, `5 %`.
    fn value(&mut self, unit: unit::Unit) -> Option<f64> {
        let first = self.peek();
        let from = first.map_or(self.text.len(), |token| token.start);
        let mut until = from;
        while let Some(token) = self.peek() {
            let part = token.start == from || token.is_number() || self.is_unit(token);
            if !part {
                break;
            }
            until = token.start + token.text.len();
            self.at += 1;
        }
        let text = &self.text[from..until];
        match unit::parse(unit, text) {
            Ok(value) => Some(value),
            Err(error) => {
                let token = first.map(|token| Token { text, ..token });
                self.report(error.code, token, error.message, error.help);
                None
            }
        }
    }

    fn is_unit(&self, token: Token<'a>) -> bool {
        ["%", "x", "ns", "us", "ms", "s", "m", "min", "h", "d", "/", "/s", "/m", "/h", "k/s"]
            .contains(&token.text)
    }

    fn duration(&mut self) -> Option<SimDuration> {
        self.value(unit::Unit::Duration).map(SimDuration::from_secs_f64)
    }

    fn unknown_word<T>(&self, token: Option<Token<'a>>, what: &str, known: &[&str]) -> Option<T> {
        let text = token.map_or("", |token| token.text);
        let message = match token {
            Some(_) => format!("`{text}` is not {what}"),
            None => format!("{what} is needed here"),
        };
        self.fail(token, message, suggest::help(text, known.iter().copied()))
    }
}
