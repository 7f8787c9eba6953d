//! The quantities that a condition can speak of, and what each can be narrowed to.

use super::{Parser, Standing};
use crate::kernel::time::SimDuration;
use crate::scenario::lower::Kind;
use crate::scenario::model::{Measure, Quantity, RegionId, ServiceId, SiteId, Vantage};
use crate::scenario::shape::percentile;
use crate::scenario::unit::{self, Unit};

/// Name, measure, and the keys that narrow it.
const QUANTITIES: &[(&str, Measure, &[&str])] = &[
    ("success_rate", Measure::SuccessRate, &["region", "operation", "site", "seen_by"]),
    ("latency", Measure::Latency(0.99), &["quantile", "region", "operation", "site", "seen_by"]),
    ("utilisation", Measure::Utilisation, &["site", "service"]),
    ("queue", Measure::Queue, &["site", "service"]),
    ("backlog", Measure::Backlog, &["pipeline"]),
    ("oldest_message", Measure::OldestMessage, &["pipeline"]),
    ("sessions", Measure::Sessions, &["region"]),
    ("loss", Measure::Loss, &["site"]),
    ("amplification", Measure::Amplification, &["region", "operation"]),
    ("demand", Measure::Demand, &["region", "operation"]),
    ("unhealthy", Measure::Unhealthy, &["region", "site"]),
];

/// Words that stand for a vantage.
const VANTAGES: &[(&str, Vantage)] =
    &[("client", Vantage::Client), ("probes", Vantage::Probes), ("server", Vantage::Server)];

/// The unit that a measure is compared in.
pub fn unit(measure: Measure) -> Unit {
    match measure {
        Measure::SuccessRate
        | Measure::Utilisation
        | Measure::Sessions
        | Measure::Loss
        | Measure::Unhealthy => Unit::Percent,
        Measure::Latency(_) | Measure::OldestMessage => Unit::Duration,
        Measure::Queue | Measure::Backlog => Unit::Count(0, 1 << 53),
        Measure::Amplification => Unit::Factor,
        Measure::Demand => Unit::Rate,
    }
}

impl<'a> Parser<'a> {
    /// `quant` of the grammar.
    pub(super) fn quantity(&mut self) -> Option<Quantity> {
        let token = self.next();
        let name = token.filter(|token| token.is_word()).map_or("", |token| token.text);
        if name == "projected" {
            return self.projected(token);
        }
        if name == "availability" {
            let help = "it is known only afterwards; use `success_rate` here".to_owned();
            return self.fail(token, "`availability` is for targets".to_owned(), Some(help));
        }
        let Some(&(_, measure, keys)) = QUANTITIES.iter().find(|(known, ..)| *known == name) else {
            let known: Vec<&str> = QUANTITIES.iter().map(|(known, ..)| *known).collect();
            return self.unknown_word(token, "a quantity", &known);
        };
        let seen_by = match measure {
            Measure::Unhealthy => Vantage::Probes,
            _ => Vantage::Client,
        };
        let mut quantity = Quantity {
            measure,
            region: None,
            operation: None,
            site: None,
            service: None,
            seen_by,
            over: SimDuration::ZERO,
            projected: false,
        };
        if self.eat("(") {
            loop {
                self.narrowed(&mut quantity, keys)?;
                if !self.eat(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        if self.eat("over") {
            quantity.over = self.duration()?;
        }
        Some(quantity)
    }

    fn projected(&mut self, token: Option<super::Token<'a>>) -> Option<Quantity> {
        let place = self.place(token);
        self.expect("(")?;
        let mut quantity = self.quantity()?;
        self.expect(")")?;
        let why_not = if quantity.projected {
            Some("it is projected already")
        } else if !matches!(quantity.measure, Measure::Utilisation) {
            Some("only `utilisation` can be projected")
        } else {
            match self.standing {
                Standing::Alarm => Some("an alarm does nothing that could be projected"),
                Standing::Step { acts: false } => {
                    Some("this step does nothing that could be projected")
                }
                Standing::Step { acts: true } => None,
            }
        };
        if let Some(why_not) = why_not {
            let message = format!("`projected` is not possible here: {why_not}");
            self.context.reporter.error(crate::scenario::problem::Code::Condition, place, message);
            return None;
        }
        quantity.projected = true;
        Some(quantity)
    }

    /// One `key=name`.
    fn narrowed(&mut self, quantity: &mut Quantity, keys: &[&str]) -> Option<()> {
        let key_token = self.next();
        let key = key_token.map_or("", |token| token.text);
        if !keys.contains(&key) {
            return self.unknown_word(key_token, "a key of this quantity", keys);
        }
        self.expect("=")?;
        let token = self.next();
        let name = token.map_or("", |token| token.text);
        let place = self.place(token);
        let taken = match key {
            "region" => {
                let id = self.context.id_of(Kind::Region, name, place)?;
                quantity.region.replace(RegionId(id)).is_some()
            }
            "site" => {
                let id = self.context.id_of(Kind::Site, name, place)?;
                quantity.site.replace(SiteId(id)).is_some()
            }
            "service" => {
                let id = self.context.id_of(Kind::Service, name, place)?;
                quantity.service.replace(ServiceId(id)).is_some()
            }
            "operation" => {
                let id = self.context.operation_of(name, place)?;
                quantity.operation.replace(id).is_some()
            }
            "pipeline" => {
                let id = self.context.id_of(Kind::Pipeline, name, place)?;
                quantity.operation.replace(self.context.delivery(id)).is_some()
            }
            "quantile" => {
                let share = percentile(name).or_else(|| unit::parse(Unit::Share, name).ok());
                let Some(share) = share else {
                    let help = Some("write it like `p99` or `99%`".to_owned());
                    return self.fail(token, format!("`{name}` is not a quantile"), help);
                };
                quantity.measure = Measure::Latency(share);
                false
            }
            _ => {
                let known: Vec<&str> = VANTAGES.iter().map(|(word, _)| *word).collect();
                let Some((_, seen_by)) = VANTAGES.iter().find(|(word, _)| *word == name) else {
                    return self.unknown_word(token, "a vantage", &known);
                };
                quantity.seen_by = *seen_by;
                false
            }
        };
        if taken {
            return self.fail(key_token, format!("`{key}` is here twice"), None);
        }
        Some(())
    }
}
