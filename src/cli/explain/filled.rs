//! A checked scenario as text: every value, the defaults too, with names and units.
//!
//! It walks the serialised scenario, so that nothing of the model can be forgotten here.
//! Identifiers are numbers there and times are nanoseconds; what a number is follows from its key.

use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::Scenario;
use serde_json::Value;

/// The list of the scenario that the numbers under a key index, by key and what it stands in.
fn list_of(within: &str, key: &str) -> Option<&'static str> {
    let list = match (within, key) {
        ("operators", "at") | ("prefer", "at") => "routers",
        ("weigh" | "link_loss" | "weight_mistake", "from") => "routers",
        ("probes", "from") => "regions",
        ("priority", "first") => "operations",
        (_, "from" | "to" | "site" | "before" | "answers") => "sites",
        ("stores", "copies") => "sites",
        (_, "router" | "between") | ("regions" | "partition" | "config_pushed", "routers") => {
            "routers"
        }
        ("routers", "system") | (_, "system" | "customers" | "peers") => "systems",
        ("prefixes", "sites") => "sites",
        (_, "prefix" | "within") => "prefixes",
        ("duct_cut", "links") => "links",
        ("regions", "clients") | (_, "client") => "clients",
        (_, "service" | "enters") => "services",
        (_, "operation" | "operations" | "sign_in" | "delivery" | "writes") => "operations",
        (_, "steering" | "connects") => "steering",
        (_, "pipeline" | "feeds") => "pipelines",
        (_, "link") => "links",
        (_, "middlebox") => "middleboxes",
        (_, "region") => "regions",
        (_, "store") => "stores",
        (_, "fault") => "faults",
        (_, "alarm") => "alarms",
        (_, "step" | "done") => "runbook",
        _ => return None,
    };
    Some(list)
}

/// Whether whole numbers under this key are nanoseconds.
fn is_duration(within: &str, key: &str) -> bool {
    const KEYS: &[&str] = &[
        "duration",
        "warmup",
        "window",
        "delay",
        "buffer",
        "detect",
        "flooding",
        "retransmit",
        "initial",
        "secondary",
        "maximum",
        "fib",
        "hold",
        "connect",
        "interval_inside",
        "processing",
        "down_for",
        "keepalive",
        "lost_after",
        "deadline",
        "good_within",
        "after",
        "constant",
        "cap",
        "ttl",
        "ignoring_for",
        "over",
        "target",
        "interval",
        "timeout",
        "replication_lag",
        "lasts",
        "ramp",
        "flap",
        "add",
        "takes",
        "every",
        "drain",
        "wait",
        "sustained",
        "objective",
        "at_most",
        "within",
        "status_page",
    ];
    KEYS.contains(&key) || (within, key) == ("exponential", "first")
}

/// The scenario, as YAML-like text.
pub(super) fn text(scenario: &Scenario) -> anyhow::Result<String> {
    let whole = serde_json::to_value(scenario)?;
    let mut writer = Writer { scenario, whole: &whole, out: String::new() };
    writer.map(&whole, "", 0);
    Ok(writer.out)
}

struct Writer<'a> {
    scenario: &'a Scenario,
    whole: &'a Value,
    out: String,
}

impl Writer<'_> {
    fn map(&mut self, value: &Value, within: &str, depth: usize) {
        for (key, value) in value.as_object().into_iter().flatten() {
            self.indent(depth);
            self.entry(key, value, within, depth);
        }
    }

    fn entry(&mut self, key: &str, value: &Value, within: &str, depth: usize) {
        self.out.push_str(key);
        self.out.push(':');
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                self.out.push('\n');
                self.map(value, key, depth + 1);
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                self.out.push('\n');
                items.iter().for_each(|item| self.item(item, within, key, depth + 1));
            }
            _ => {
                let text = self.scalar(value, within, key);
                self.out.push_str(&format!(" {text}\n"));
            }
        }
    }

    fn item(&mut self, item: &Value, within: &str, key: &str, depth: usize) {
        self.indent(depth);
        self.out.push_str("- ");
        let Some(fields) = item.as_object() else {
            let text = self.scalar(item, within, key);
            self.out.push_str(&format!("{text}\n"));
            return;
        };
        for (index, (field, value)) in fields.iter().enumerate() {
            if index > 0 {
                self.indent(depth + 1);
            }
            self.entry(field, value, key, depth + 1);
        }
    }

    /// A value on one line. In pairs such as (site, share) only the first, a whole number, is a
    /// name.
    fn scalar(&self, value: &Value, within: &str, key: &str) -> String {
        match value {
            Value::Null => "none".to_owned(),
            Value::Bool(yes) => yes.to_string(),
            Value::String(text) => quoted(text),
            Value::Number(_) => self.number(value, within, key),
            Value::Array(items) => {
                let items = items.iter().map(|item| self.scalar(item, within, key));
                format!("[{}]", items.collect::<Vec<_>>().join(", "))
            }
            Value::Object(_) => "{}".to_owned(),
        }
    }

    fn number(&self, value: &Value, within: &str, key: &str) -> String {
        let Some(whole) = value.as_u64() else { return value.to_string() };
        if key == "at" && list_of(within, key).is_none() {
            return self.moment(SimTime(whole));
        }
        if is_duration(within, key) {
            return SimDuration(whole).to_string();
        }
        let named = list_of(within, key).and_then(|list| self.name(list, whole as usize));
        named.unwrap_or_else(|| value.to_string())
    }

    /// A time as an offset from `start`, as scenario files have it.
    fn moment(&self, at: SimTime) -> String {
        let start = self.scenario.start();
        match at >= start {
            true => (at - start).to_string(),
            false => format!("-{}", start - at),
        }
    }

    fn name(&self, list: &str, index: usize) -> Option<String> {
        let within = match list {
            "routers" | "links" | "middleboxes" | "systems" => &self.whole["network"],
            "prefixes" => {
                let prefix = crate::scenario::model::PrefixId(index as u32);
                return Some(self.scenario.prefix_name(prefix).to_owned());
            }
            "alarms" => &self.whole["observers"],
            _ => self.whole,
        };
        let name = within[list].get(index)?["name"].as_str()?;
        if list != "operations" {
            return Some(name.to_owned());
        }
        // An operation's name is its client's (or pipeline's) own, so it takes both.
        let (kind, by) = within[list][index]["by"].as_object()?.iter().next()?;
        let by = self.whole[format!("{kind}s")].get(by.as_u64()? as usize)?["name"].as_str()?;
        Some(format!("{by}.{name}"))
    }

    fn indent(&mut self, depth: usize) {
        self.out.push_str(&"  ".repeat(depth));
    }
}

/// A string as YAML takes it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./ ()".contains(c);
    match !text.is_empty() && text.trim() == text && text.chars().all(plain) {
        true => text.to_owned(),
        false => Value::String(text.to_owned()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::capacity::tests::small;
    use crate::scenario::model::{
        Action, AlarmId, Condition, Fault, FaultKind, LinkId, OperationId, Probes, RegionId,
        SiteId, SteeringId, Target, TargetKind,
    };

    #[test]
    fn identifiers_become_names_and_times_get_units() {
        let mut scenario = small();
        let lasts = Some(SimDuration::from_secs(540));
        scenario.faults.push(Fault {
            name: "cut".into(),
            at: SimTime::from_secs(600 + 1_800),
            lasts,
            ramp: SimDuration::ZERO,
            flap: Some((SimDuration::from_secs(5), SimDuration::from_secs(10))),
            kind: FaultKind::LinkDown { link: LinkId(0) },
        });
        scenario.observers.probes = Some(Probes {
            every: SimDuration::from_secs(30),
            from: vec![RegionId(0)],
            operation: OperationId(0),
            unhealthy_after: 3,
        });
        let text = text(&scenario).expect("text");
        for line in [
            "  warmup: 10m\n",
            "    between: [r-east, r-west]\n",
            "    routers: [[r-east, 1.0]]\n",
            "    clients: [[phone, 1.0]]\n",
            "    answers: [[east, 0.75], [west, 0.25]]\n",
            "      - service: base\n",
            "      timeout: 1s\n",
            "    enters: web\n",
            "    at: 30m\n    lasts: 9m\n",
            "    flap: [5s, 10s]\n",
            "        link: across\n",
            "    from: [all]\n    operation: phone.read\n",
            "    operations: [phone.read]\n",
            "    session: none\n",
        ] {
            assert!(text.contains(line), "{line:?} in\n{text}");
        }
    }

    #[test]
    fn moves_conditions_and_targets_are_named_too() {
        let mut scenario = small();
        let (from, to) = (SiteId(0), SiteId(1));
        let drain = Some(SimDuration::from_secs(600));
        let action = Action::Move { steering: SteeringId(0), from, to, share: 0.3, drain };
        scenario.runbook.push(crate::scenario::capacity::tests::step("part-1", action));
        scenario.runbook[0].when = Some(Condition::Not(Box::new(Condition::Alarm(AlarmId(0)))));
        let when = Condition::And(vec![]);
        scenario.observers.alarms.push(crate::scenario::model::Alarm { name: "low".into(), when });
        scenario.targets.push(Target {
            name: "mailbox_minutes_lost".into(),
            confidence: 1.0,
            kind: TargetKind::MailboxMinutesLost { at_most: 6e8 },
        });
        let text = text(&scenario).expect("text");
        for part in [
            "steering: mail\n        from: east\n        to: west\n",
            "        share: 0.3\n        drain: 10m\n",
            "alarm: low",
            "at_most: 600000000.0",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
    }
}
