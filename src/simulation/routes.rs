//! The routes between regions and sites, with their names: at an instant, and over a whole trial.

use super::{RunError, Trial, fidelity};
use crate::control::route_log::{RouteChange, RouteEvent};
use crate::kernel::time::SimTime;
use crate::measure::log::RouteCell;
use crate::measure::outcome::{NetworkOutcome, PathRow, RouteEventRow, RouteRow, RouteSeries};
use crate::scenario::model::{RouterId, Scenario};
use crate::world::network::forwarding::End;
use crate::world::network::{AnycastId, Destination, Network, PathNow};

/// Runs one trial, with all its traffic, and reads the routes at each of these times (ascending).
///
/// # Errors
/// As [`super::run`].
pub fn at_times(
    scenario: &Scenario,
    seed: u64,
    times: &[SimTime],
) -> Result<Vec<Vec<RouteRow>>, RunError> {
    let mut trial = Trial::of(fidelity::choose(scenario)?.engine, scenario, seed);
    let mut found = Vec::new();
    for &at in times {
        trial.run(scenario, at, &mut |_| {})?;
        let network = &trial.world.network;
        let pairs = 0..network.region_pairs();
        let row = |pair| {
            let paths: Vec<PathNow> = network.paths_now(pair).collect();
            row(scenario, network, &RouteChange { at, pair, paths })
        };
        found.push(pairs.map(row).collect());
    }
    Ok(found)
}

/// All that changed in a trial.
pub(super) fn outcome(scenario: &Scenario, trial: &Trial) -> NetworkOutcome {
    let log = &trial.control.routes;
    let rows = log.changes.iter().map(|change| row(scenario, &trial.world.network, change));
    let cells = &trial.log.routes;
    let column = |of: fn(&RouteCell) -> f64| cells.iter().map(of).collect();
    let demand = RouteSeries {
        no_route: column(|cell| cell.no_route),
        looping: column(|cell| cell.looping),
        black_hole: column(|cell| cell.black_hole),
        rerouted: column(|cell| cell.rerouted),
        routers_down: cells.iter().map(|cell| cell.routers_down).collect(),
        links_down: cells.iter().map(|cell| cell.links_down).collect(),
    };
    NetworkOutcome {
        demand,
        events: log.events.iter().map(|event| event_row(scenario, trial, event)).collect(),
        events_left_out: log.events_left_out,
        routes: rows.collect(),
        routes_left_out: log.left_out,
    }
}

fn event_row(scenario: &Scenario, trial: &Trial, event: &RouteEvent) -> RouteEventRow {
    // What began at the same instant began it together.
    let timeline = &trial.control.timeline;
    let at = event.cause.map(|place| timeline[place].at);
    let causes = timeline.iter().filter(|happening| Some(happening.at) == at && happening.acts());
    let (names, texts): (Vec<&str>, Vec<&str>) =
        causes.map(|cause| (cause.name.as_str(), cause.text.as_str())).unzip();
    let lost = "a neighbour is lost or found, though nothing was done";
    let since = |at: SimTime| (at - event.at).as_secs_f64();
    RouteEventRow {
        at_s: event.at.as_secs_f64() - scenario.start().as_secs_f64(),
        name: at.map(|_| names.join(", ")),
        what: if at.is_none() { lost.to_owned() } else { texts.join("; ") },
        noticed_s: event.first.map(since),
        converged_s: event.last.map(since),
        rested: event.rested,
        astray: event.astray,
    }
}

fn row(scenario: &Scenario, network: &Network, change: &RouteChange) -> RouteRow {
    let (attachment, to) = network.region_pair(change.pair);
    let router = |router: RouterId| scenario.network.routers[router.index()].name.clone();
    let path = |now: &PathNow| {
        let (routers, ends) = network.routers_of(now.path);
        let [there, mut back] = routers.map(|way| way.into_iter().map(router).collect::<Vec<_>>());
        let leads = network.leads(now.path);
        let catchment = match to {
            Destination::Site(_) => None,
            Destination::Name(_) => {
                let site = network.site_of(now.path).index();
                // From nowhere nothing comes back.
                back.retain(|_| leads);
                leads.then(|| scenario.sites[site].name.clone())
            }
        };
        PathRow {
            share: now.share,
            catchment,
            carries: now.carries,
            there,
            there_ends: words(ends[0]).to_owned(),
            back,
            back_ends: words(ends[1]).to_owned(),
        }
    };
    let carrying = change.paths.iter().filter(|now| now.carries);
    let carried = carrying.fold(0.0, |sum, now| sum + now.share);
    RouteRow {
        at_s: change.at.as_secs_f64() - scenario.start().as_secs_f64(),
        region: scenario.regions[attachment.region.index()].name.clone(),
        router: router(attachment.router),
        site: match to {
            Destination::Site(site) => scenario.sites[site.index()].name.clone(),
            Destination::Name(name) => anycast(scenario, name),
        },
        carried,
        paths: change.paths.iter().map(path).collect(),
    }
}

fn anycast(scenario: &Scenario, name: AnycastId) -> String {
    let mut names = scenario.steering.iter().filter(|name| name.anycast().is_some());
    names.nth(name.index()).expect("a name of this scenario").name.clone()
}

fn words(end: End) -> &'static str {
    match end {
        End::Delivered => "delivered",
        End::NoRoute(_) => "no route",
        End::Loop(_) => "loop",
        End::Elsewhere(_) => "elsewhere",
        End::TooLong => "too long",
    }
}
