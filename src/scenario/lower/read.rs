//! Reading single values: each gives `None` where nothing, or nothing readable, is written.

use super::{Context, Kind, UNKNOWN};
use crate::kernel::sample::Distribution;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::distribution;
use crate::scenario::model::{Backoff, Jitter, Retry};
use crate::scenario::problem::Code;
use crate::scenario::time;
use crate::scenario::tree::Node;
use crate::scenario::unit::{self, Unit};

/// Shares that add up to 1 within this are taken to add up: it is far below any share written.
const SHARE_TOLERANCE: f64 = 1e-9;

/// A quantity in its base unit.
pub fn quantity(node: Option<&Node>, unit: Unit) -> Option<f64> {
    unit::parse(unit, node?.text()?).ok()
}

/// A duration.
pub fn duration(node: Option<&Node>) -> Option<SimDuration> {
    unit::parse_duration(node?.text()?).ok()
}

/// A share of 1.
pub fn share(node: Option<&Node>) -> Option<f64> {
    quantity(node, Unit::Share)
}

/// A whole number, exact.
pub fn count(node: Option<&Node>) -> Option<u64> {
    unit::parse_count(node?.text()?, 0, u64::MAX).ok()
}

/// A whole number in another unit.
pub fn count_in(node: Option<&Node>, unit: Unit) -> Option<u64> {
    quantity(node, unit).map(|value| value as u64)
}

/// A whole number that fits 32 bits.
pub fn small_count(node: Option<&Node>) -> Option<u32> {
    count(node).and_then(|value| u32::try_from(value).ok())
}

/// One of the words.
pub fn word<T: Copy>(node: Option<&Node>, words: &[(&str, T)]) -> Option<T> {
    let text = node?.text()?;
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
}

/// A law; no time at all where it cannot be read.
pub fn law(context: &Context<'_>, node: Option<&Node>) -> Distribution {
    node.and_then(|node| distribution::read(node, context.reporter))
        .unwrap_or(Distribution::Constant { value: 0.0 })
}

/// A duration that must be longer than nothing.
pub fn positive(context: &Context<'_>, node: Option<&Node>) -> Option<SimDuration> {
    let value = duration(node)?;
    if value == SimDuration::ZERO {
        let message = "this must be longer than nothing";
        context.reporter.error(Code::OutOfRange, node?.place, message);
    }
    Some(value)
}

/// A quantity that must be more than zero.
pub fn more_than_zero(context: &Context<'_>, node: Option<&Node>, unit: Unit) -> Option<f64> {
    let value = quantity(node, unit)?;
    if value == 0.0 {
        context.reporter.error(Code::OutOfRange, node?.place, "this must be more than zero");
    }
    Some(value)
}

/// A moment from t = 0, before the end of the run.
pub fn moment(context: &Context<'_>, node: Option<&Node>) -> Option<SimTime> {
    let (node, start) = (node?, context.start.as_ref()?);
    match start.moment(node.text()?) {
        Ok(at) => {
            if context.end.is_some_and(|end| at >= end) {
                let message = format!("`{}` is after the end of the run", node.text()?);
                let help = context
                    .end
                    .map(|end| format!("the run ends {} after `start`", end - start.zero()));
                context.reporter.error_with_help(Code::AfterTheEnd, node.place, message, help);
            }
            Some(at)
        }
        Err(message) => {
            let help = Some(format!("a time is {}", time::FORMS));
            context.reporter.error_with_help(Code::BadTime, node.place, message, help);
            None
        }
    }
}

/// Shares of one whole by name; they add up to 1, or leave one to be `rest`.
pub fn shares(context: &Context<'_>, node: Option<&Node>, kind: Kind) -> Vec<(u32, f64)> {
    let Some(node) = node else {
        return Vec::new();
    };
    let mut shares = Vec::new();
    let mut rest = None;
    let mut readable = !node.entries().is_empty();
    for entry in node.entries() {
        let id = context.id_of(kind, &entry.key, entry.key_place).unwrap_or(UNKNOWN);
        let written = share(Some(&entry.value));
        if entry.value.text() == Some("rest") {
            if rest.replace(shares.len()).is_some() {
                let message = "only one share can be the `rest`";
                context.reporter.error(Code::Shares, entry.value.place, message);
                readable = false;
            }
        } else if written.is_none() {
            readable = false;
        }
        shares.push((id, written.unwrap_or(0.0)));
    }
    if node.entries().is_empty() {
        let message = format!("at least one {} is needed here", kind.called());
        context.reporter.error(Code::Shares, node.place, message);
    }
    let sum: f64 = shares.iter().map(|(_, share)| share).sum();
    let fits = if rest.is_some() {
        sum <= 1.0 + SHARE_TOLERANCE
    } else {
        (sum - 1.0).abs() <= SHARE_TOLERANCE
    };
    if readable && !fits {
        let percent = (sum * 1e8).round() / 1e6;
        let message = format!("these shares add up to {percent}%, not to 100%");
        let help = Some("one of them can be `rest`".to_owned());
        context.reporter.error_with_help(Code::Shares, node.place, message, help);
    }
    if let Some(rest) = rest {
        shares[rest].1 = (1.0 - sum).max(0.0);
    }
    shares
}

/// A retry policy; one attempt where nothing is written.
pub fn retry(context: &Context<'_>, node: Option<&Node>) -> Retry {
    let none = Retry {
        attempts: Some(1),
        backoff: Backoff::Constant(SimDuration::ZERO),
        jitter: Jitter::None,
    };
    let Some(node) = node else {
        return none;
    };
    let unlimited = node.get("attempts").and_then(Node::text) == Some("unlimited");
    let attempts =
        if unlimited { None } else { Some(small_count(node.get("attempts")).unwrap_or(1).max(1)) };
    let jitter = [
        ("none", Jitter::None),
        ("full", Jitter::Full),
        ("equal", Jitter::Equal),
        ("decorrelated", Jitter::Decorrelated),
    ];
    let jitter = word(node.get("jitter"), &jitter).unwrap_or(Jitter::None);
    let backoff = node.get("backoff").and_then(|node| backoff(context, node));
    if attempts != Some(1) && node.get("backoff").is_none() {
        let place = node.get("attempts").unwrap_or(node).place;
        let message = "more than one attempt needs `backoff`";
        let help = Some(
            "such as `backoff: { constant: 1s }`, or `{ exponential: { first: 1s, cap: 1m } }`"
                .to_owned(),
        );
        context.reporter.error_with_help(Code::MissingKey, place, message, help);
    }
    let longest = match backoff {
        Some(Backoff::Constant(wait)) => wait,
        Some(Backoff::Exponential { cap, .. }) => cap,
        None => SimDuration::MAX,
    };
    if attempts.is_none() && longest < SimDuration::from_secs(1) {
        let place = node.get("backoff").unwrap_or(node).place;
        let message = format!("`unlimited` attempts with a wait that never exceeds {longest}");
        let help = Some("without a limit the wait must reach 1s at least".to_owned());
        context.reporter.error_with_help(Code::NoBackoffCap, place, message, help);
    }
    Retry { attempts, backoff: backoff.unwrap_or(none.backoff), jitter }
}

fn backoff(context: &Context<'_>, node: &Node) -> Option<Backoff> {
    let entry = node.only()?;
    match entry.key.as_str() {
        "constant" => duration(Some(&entry.value)).map(Backoff::Constant),
        "exponential" => {
            let first = positive(context, entry.value.get("first"))?;
            let cap = duration(entry.value.get("cap"))?;
            let factor = entry.value.get("factor");
            let growth = quantity(factor, Unit::Factor).unwrap_or(2.0);
            if let Some(factor) = factor.filter(|_| growth < 1.0) {
                let message = "a backoff cannot shrink: its factor is at least 1x";
                context.reporter.error(Code::OutOfRange, factor.place, message);
            }
            if let Some(node) = entry.value.get("cap").filter(|_| cap < first) {
                let message = format!("the longest wait is shorter than the first, {first}");
                context.reporter.error(Code::OutOfRange, node.place, message);
            }
            Some(Backoff::Exponential { first, factor: growth, cap })
        }
        _ => None,
    }
}
