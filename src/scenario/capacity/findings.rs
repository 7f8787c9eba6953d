//! Loads that a scenario can't mean, in words.

use super::Capacity;
use crate::kernel::time::SimTime;
use crate::scenario::model::{LinkId, MiddleboxId, Scenario, ServiceId, SiteId};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Over 100 %: the scenario is overloaded before anything breaks, and refused.
    Error,
    /// Over 90 %: it may be meant.
    Warning,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A service at a site.
    Station(ServiceId, SiteId),
    /// A middlebox.
    Middlebox(MiddleboxId),
    /// A link.
    Link(LinkId),
}

/// A load that is too high before the first fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Of what.
    pub subject: Subject,
    /// In words: what, where, how much, when.
    pub text: String,
}

/// Utilisation that is refused [share].
const REFUSED: f64 = 1.0;
/// Utilisation that is warned of [share].
const WARNED: f64 = 0.9;

impl Capacity {
    /// Everything over 90 % before the first fault: stations, then middleboxes, then links.
    pub fn findings(&self, scenario: &Scenario) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut judge = |load: f64, subject: Subject, what: String, at: SimTime| {
            let severity = match load {
                _ if load > REFUSED => Severity::Error,
                _ if load > WARNED => Severity::Warning,
                _ => return,
            };
            let when = at - scenario.start();
            let load = in_words(load);
            let text = format!("{what} would be {load} before the first fault, {when} after start");
            findings.push(Finding { severity, subject, text });
        };
        for load in &self.stations {
            let service = &scenario.services[load.service.index()].name;
            let site = &scenario.sites[load.site.index()].name;
            let rate = load.peak_requests_per_s;
            let what = format!("`{service}` at `{site}` ({rate:.0} requests/s)");
            judge(load.peak_utilisation, Subject::Station(load.service, load.site), what, load.at);
        }
        for load in &self.middleboxes {
            let name = &scenario.network.middleboxes[load.middlebox.index()].name;
            let what = format!("`{}` of middlebox `{name}`", load.limit);
            judge(load.peak_utilisation, Subject::Middlebox(load.middlebox), what, load.at);
        }
        for load in &self.links {
            let what = format!("link `{}`", scenario.network.links[load.link.index()].name);
            judge(load.peak_utilisation, Subject::Link(load.link), what, load.at);
        }
        findings
    }
}

/// A load as people read it.
fn in_words(share: f64) -> String {
    match share.is_finite() {
        true => format!("at {:.0} % of what it can carry", share * 100.0),
        false => "asked for more than it could ever carry".to_owned(),
    }
}
