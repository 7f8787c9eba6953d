//! Loads that nothing could carry, before anything has broken.

use crate::scenario::capacity::{self, Severity, Subject};
use crate::scenario::lower::Context;
use crate::scenario::model::Scenario;
use crate::scenario::problem::Code;

/// Reports every station, middlebox and link over 100 % (an error) or over 90 % (a warning).
///
/// Only for a scenario in which nothing else is wrong: the walk through the calls needs names that
/// lead somewhere and no cycle.
pub fn before_the_fault(scenario: &Scenario, context: &Context<'_>) {
    if context.reporter.has_errors() {
        return;
    }
    for finding in capacity::check(scenario) {
        let network = &scenario.network;
        let path = match finding.subject {
            Subject::Station(service, site) => {
                let service = scenario.services[service.index()].name.as_str();
                vec!["services", service, "sites", scenario.sites[site.index()].name.as_str()]
            }
            Subject::Middlebox(id) => {
                vec!["network", "middleboxes", network.middleboxes[id.index()].name.as_str()]
            }
            Subject::Link(id) => vec!["network", "links", network.links[id.index()].name.as_str()],
        };
        let place = context.place(&path);
        let help = Some("`blackstart explain` shows the load of everything".to_owned());
        match finding.severity {
            Severity::Error => {
                context.reporter.error_with_help(Code::Utilisation, place, finding.text, help);
            }
            Severity::Warning => {
                context.reporter.warn(Code::Utilisation, place, finding.text, help);
            }
        }
    }
}
