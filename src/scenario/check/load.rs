//! What the scenario asks of itself before the first fault, told where the capacity is written.

use crate::scenario::capacity::{self, Subject};
use crate::scenario::lower::Context;
use crate::scenario::model::Scenario;
use crate::scenario::problem::{Code, Place};

/// Reports every station, middlebox and link that is overloaded (or nearly) before anything breaks.
///
/// Only for a scenario without errors: its identifiers are all in their lists.
pub fn before_the_fault(scenario: &Scenario, context: &Context<'_>) {
    for finding in capacity::check(scenario) {
        let place = place_of(finding.subject, scenario, context);
        match finding.severity {
            capacity::Severity::Error => {
                let help = Some("give it more, or ask less of it".to_owned());
                context.reporter.error_with_help(Code::Utilisation, place, finding.text, help);
            }
            capacity::Severity::Warning => {
                context.reporter.warn(Code::Utilisation, place, finding.text, None);
            }
        }
    }
}

fn place_of(subject: Subject, scenario: &Scenario, context: &Context<'_>) -> Place {
    match subject {
        Subject::Station(service, site) => {
            let service = &scenario.services[service.index()].name;
            let site = &scenario.sites[site.index()].name;
            context.place(&["services", service, "sites", site])
        }
        Subject::Middlebox(middlebox) => {
            let name = &scenario.network.middleboxes[middlebox.index()].name;
            context.place(&["network", "middleboxes", name])
        }
        Subject::Link(link) => {
            context.place(&["network", "links", &scenario.network.links[link.index()].name])
        }
    }
}
