//! The clock: start, length, warm-up and window.

use super::{Context, read};
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{Clock, Fidelity};
use crate::scenario::problem::Code;
use crate::scenario::time::Start;
use crate::scenario::tree::Node;

/// Warm-up unless given: longer than the slowest of the usual timers (a DNS answer of 5 min).
const WARMUP: SimDuration = SimDuration::from_secs(600);

/// Measuring window unless given (SCENARIO.md, "Top level").
const WINDOW: SimDuration = SimDuration::from_secs(10);

/// Windows that one run can have at most: a year of the default ones.
const WINDOW_COUNT_MAX: u64 = 3_200_000;

fn field<'a>(context: &Context<'a>, key: &str) -> Option<&'a Node> {
    context.tree.get("clock")?.get(key)
}

fn warmup(context: &Context<'_>) -> SimDuration {
    read::duration(field(context, "warmup")).unwrap_or(WARMUP)
}

/// The start, `None` if it cannot be read (then that is reported).
pub fn start(context: &Context<'_>) -> Option<Start> {
    let node = field(context, "start")?;
    match Start::parse(node.text()?, warmup(context)) {
        Ok(start) => Some(start),
        Err(message) => {
            context.reporter.error(Code::BadTime, node.place, message);
            None
        }
    }
}

/// The end of the run, from t = 0.
pub fn end(context: &Context<'_>) -> Option<SimTime> {
    let duration = read::duration(field(context, "duration"))?;
    Some(SimTime::ZERO + warmup(context) + duration)
}

/// The clock of the model.
pub fn clock(context: &Context<'_>) -> Clock {
    let start = context.start.as_ref();
    let duration = read::positive(context, field(context, "duration")).unwrap_or(SimDuration::ZERO);
    let window = read::positive(context, field(context, "window")).unwrap_or(WINDOW);
    if let Some(node) = field(context, "window").or(field(context, "duration"))
        && window > SimDuration::ZERO
        && duration > SimDuration::ZERO
        && (window > duration || duration.0 / window.0 > WINDOW_COUNT_MAX)
    {
        let message = format!("a run of {duration} cannot be measured in windows of {window}");
        context.reporter.error(Code::OutOfRange, node.place, message);
    }
    Clock {
        start: field(context, "start").and_then(Node::text).unwrap_or("").to_owned(),
        start_unix_s: start.map_or(0, Start::unix_s),
        time_zone: start.map_or(String::new(), |start| start.zone_name().to_owned()),
        utc_offset_s: start.and_then(|s| s.offset_s(s.zone_name()).ok()).unwrap_or(0),
        duration,
        warmup: warmup(context),
        window,
    }
}

/// How the traffic is solved.
pub fn fidelity(node: Option<&Node>) -> Fidelity {
    let words = [("auto", Fidelity::Auto), ("exact", Fidelity::Exact), ("flow", Fidelity::Flow)];
    read::word(node, &words).unwrap_or(Fidelity::Auto)
}
