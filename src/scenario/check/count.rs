//! Numbers of things: the engines name a site, a station, a class and a call by 16 bits each.

use crate::scenario::lower::Context;
use crate::scenario::model::{Demander, Scenario};
use crate::scenario::problem::Code;

/// Things of one kind at most.
const COUNT_MAX: u64 = u16::MAX as u64;

/// Reports every kind of thing of which there are more than the engines can name.
pub fn things(scenario: &Scenario, context: &Context<'_>) {
    let operations = scenario.operations.len() as u64;
    let services = scenario.services.iter();
    let stations = services.clone().map(|service| {
        let count = service.sites.len() as u64 * u64::from(service.partitions);
        (service.name.as_str(), count)
    });
    let calls = services.map(|service| {
        let of = |operations_named: usize| match operations_named as u64 {
            0 => operations,
            named => named,
        };
        let count = service.calls.iter().map(|call| of(call.operations.len())).sum();
        (service.name.as_str(), count)
    });
    let classes = scenario.regions.iter().map(|region| {
        let clients = region.clients.iter();
        let clients = clients.filter_map(|(client, _)| scenario.clients.get(client.index()));
        (region.name.as_str(), clients.map(|client| client.operations.len() as u64).sum())
    });
    let sites = scenario.sites.iter().map(|site| (site.name.as_str(), 1));
    let by_pipeline = |demander: Demander| matches!(demander, Demander::Pipeline(_));
    let others = scenario.operations.iter().filter(|operation| by_pipeline(operation.by)).count();
    let others = others as u64 + u64::from(scenario.observers.probes.is_some());
    check(context, "sites", "sites", sites, 0);
    check(context, "services", "stations (a partition of a service at a site)", stations, 0);
    check(context, "services", "calls (one of a service for an operation)", calls, 0);
    check(context, "regions", "classes (an operation of a client in a region)", classes, others);
}

/// Reports too many of one kind, where a section of the file has them: each entry of it its own
/// part, and `others` come from elsewhere.
fn check<'a>(
    context: &Context<'_>,
    section: &str,
    what: &str,
    parts: impl Iterator<Item = (&'a str, u64)> + Clone,
    others: u64,
) {
    let count = parts.clone().map(|(_, count)| count).fold(others, u64::saturating_add);
    let Some((largest, most)) = parts.max_by_key(|&(_, count)| count) else { return };
    if count > COUNT_MAX {
        let message = format!("{count} {what}: at most {COUNT_MAX} can be simulated");
        let help = (most > 1).then(|| format!("`{largest}` has {most} of them"));
        let place = context.place(&[section]);
        context.reporter.error_with_help(Code::TooLarge, place, message, help);
    }
}
